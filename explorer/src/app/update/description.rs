//! Handles commands and messages of the screen that describes a stream.

use super::opening::{archive_of, open as open_records};
use crate::app::command::{DescriptionCommand, Move};
use crate::app::configure::Configure;
use crate::app::description::DescriptionScreen;
use crate::app::effect::Effect;
use crate::app::message::Reply;
use crate::app::model::{Model, Screen};
use crate::app::records::Origin;
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::Source;
use crate::domain::stream::description::Description;

/// Describes the stream under the cursor.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let Some(name) = model.streams.current().map(|row| row.name.clone()) else {
        return Vec::new();
    };
    let (screen, effect) = DescriptionScreen::open(name, model.next_request());
    model.screens.push(Screen::Description(screen));
    vec![effect]
}

/// Takes the answer, whichever screen is on top.
pub(super) fn take(model: &mut Model, reply: Reply<Result<Box<Description>, Failure>>) {
    let described = model.screens.iter_mut().find_map(|screen| match screen {
        Screen::Description(description) => Some(description),
        Screen::Records(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) | Screen::Replays(_) => None,
    });
    if let Some(screen) = described {
        screen.take(reply);
    }
}

/// Handles a command on this screen.
pub(super) fn run(model: &mut Model, command: DescriptionCommand) -> Vec<Effect> {
    let Some(Screen::Description(screen)) = model.screens.last() else {
        return Vec::new();
    };
    let Some(overview) = screen.overview() else {
        return Vec::new();
    };
    match command {
        DescriptionCommand::Configure => model.screens.push(Screen::Configure(Box::new(Configure::open(overview)))),
        DescriptionCommand::Open => {
            if let Some(archive) = archive_of(overview) {
                return open_records(model, Origin::Read(Source::Archive(archive)), RecordFilter::default());
            }
        }
    }
    Vec::new()
}

/// Scrolls.
pub(super) fn go(model: &mut Model, to: Move) {
    let (size, times) = (model.size, model.times.clone());
    if let Some(Screen::Description(screen)) = model.screens.last_mut() {
        let layout = screen.layout(size, &times);
        screen.scroll = to.apply(layout.first(screen.scroll), layout.height, layout.last_first() + 1);
    }
}
