//! Handles commands on the list of streams.

use super::description;
use super::opening::{archive_of, ask_for_file, open};
use crate::app::command::StreamsCommand;
use crate::app::configure::Configure;
use crate::app::effect::Effect;
use crate::app::line::Line;
use crate::app::model::{Model, Notice, Screen};
use crate::app::records::Origin;
use crate::app::replay::setup::{ReplayFrom, ReplaySetup};
use crate::domain::decode::Recipe;
use crate::domain::filter::RecordFilter;
use crate::domain::listing::marks::Marks;
use crate::domain::reading::Source;

/// Requests all streams again.
pub(in crate::app) fn refresh(model: &mut Model) -> Effect {
    model.refreshed_at = Some(model.times.now);
    let request = model.next_request();
    model.streams.refresh(request)
}

/// Handles a command on the list of streams.
pub(in crate::app) fn run(model: &mut Model, command: StreamsCommand) -> Vec<Effect> {
    let needs_stream = match command {
        StreamsCommand::Configure
        | StreamsCommand::Follow
        | StreamsCommand::Open
        | StreamsCommand::ReadStream
        | StreamsCommand::Replay => true,
        StreamsCommand::Describe
        | StreamsCommand::Filter
        | StreamsCommand::NextGroup
        | StreamsCommand::OpenFile
        | StreamsCommand::PreviousGroup
        | StreamsCommand::ReverseSort
        | StreamsCommand::Sort => false,
    };
    if needs_stream && let Some(row) = model.streams.current().filter(|row| row.is_unknown()) {
        model.notice = Some(Notice::Info(format!("reading stream {} …", row.name)));
        let request = model.next_request();
        return model.streams.wait_for(command, request).into_iter().collect();
    }
    let current = model.streams.current().and_then(|row| row.overview.clone());
    match command {
        StreamsCommand::Describe => return description::open(model),
        StreamsCommand::NextGroup => model.streams.switch_group(true),
        StreamsCommand::PreviousGroup => model.streams.switch_group(false),
        StreamsCommand::ReadStream => model.streams.since = Some(Line::default()),
        StreamsCommand::Filter => model.streams.typing = true,
        StreamsCommand::OpenFile => ask_for_file(model),
        StreamsCommand::ReverseSort => model.streams.sort = model.streams.sort.reversed(),
        StreamsCommand::Sort => model.streams.sort = model.streams.sort.next(),
        StreamsCommand::Follow => {
            if let Some(overview) = current {
                return open(model, Origin::Stream(overview.name), RecordFilter::default());
            }
        }
        StreamsCommand::Open => {
            if let Some(archive) = current.and_then(archive_of) {
                return open(model, Origin::Read(Source::Archive(archive)), RecordFilter::default());
            }
        }
        StreamsCommand::Replay => {
            if let Some(archive) = current.and_then(archive_of) {
                let setup = ReplaySetup::open(ReplayFrom {
                    stream: Some(archive.stream.clone()),
                    source: Source::Archive(archive),
                    recipe: Recipe::default(),
                    marks: Marks::default(),
                    filter: RecordFilter::default(),
                    shown: None,
                });
                model.screens.push(Screen::ReplaySetup(Box::new(setup)));
            }
        }
        StreamsCommand::Configure => {
            if let Some(overview) = current {
                model.screens.push(Screen::Configure(Box::new(Configure::open(overview))));
            }
        }
    }
    Vec::new()
}
