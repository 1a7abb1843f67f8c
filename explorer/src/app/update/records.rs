//! Connects the records screens with the rest of the state.

use super::opening::open;
use crate::app::command::{PayloadCommand, RecordsCommand};
use crate::app::effect::Effect;
use crate::app::line::Line;
use crate::app::message::{RecordsMessage, Reply};
use crate::app::model::{Model, Notice, Overlay, Screen};
use crate::app::records::{CommandOutcome, Origin};
use crate::app::replay::setup::{ReplayFrom, ReplaySetup, ScreenCounts};
use crate::domain::reading::{ReadEnding, Source};

/// Asks for what the screen on top needs to be drawn.
pub(in crate::app) fn ask(model: &mut Model) -> Vec<Effect> {
    let requests = [model.next_request(), model.next_request()];
    let (rows, now) = (model.list_rows(), model.times.now);
    match model.screens.last_mut() {
        Some(Screen::Records(records)) => records.ask(rows, requests, now),
        None
        | Some(
            Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) | Screen::Replays(_),
        ) => Vec::new(),
    }
}

/// Passes a message to the records screen that awaits it.
pub(in crate::app) fn take(model: &mut Model, message: RecordsMessage) -> Vec<Effect> {
    let mut told = None;
    let mut effects = Vec::new();
    let screens = model.screens.iter_mut().filter_map(|screen| match screen {
        Screen::Records(records) => Some(records),
        Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) | Screen::Replays(_) => {
            None
        }
    });
    let mut screens = screens.collect::<Vec<_>>();
    match message {
        RecordsMessage::Read(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.awaits(reply.request)) {
                effects.extend(records.records_read(reply));
            }
        }
        RecordsMessage::ReadEnded(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.awaits(reply.request)) {
                let is_read = matches!(reply.result.ending, ReadEnding::Complete | ReadEnding::Stopped(_));
                if is_read && matches!(records.origin, Origin::Read(Source::File(_))) {
                    model.streams.opened = Line::default();
                }
                let (dropped, failure) = records.read_ended(reply);
                effects.extend(dropped);
                let bad_lines = records.tally.total().bad_lines.sentence();
                told = failure.map(|failure| failure.to_string()).or(bad_lines).map(Notice::Error);
            }
        }
        RecordsMessage::RowsRead(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.waits_for_rows(reply.request)) {
                told = records.rows_read(reply).err().map(Notice::Error);
            }
        }
        RecordsMessage::RowFound(Reply { request, result }) => {
            let problems = screens.iter_mut().filter_map(|records| records.row_found(request, result.clone()).err());
            told = problems.map(Notice::Info).next();
        }
        RecordsMessage::PayloadShown(reply) => {
            if let Some(records) = screens.iter_mut().find(|records| records.is_shown_by(reply.request)) {
                records.shown(reply);
            }
        }
        RecordsMessage::Followed(Reply { request, result }) => {
            for records in screens {
                records.followed(request, &result);
            }
        }
        RecordsMessage::FollowEnded(Reply { request, result }) => {
            let ended = screens.iter_mut().any(|records| records.follow_ended(request, result.clone()));
            told = result.filter(|_| ended).map(|failure| Notice::Error(failure.to_string()));
        }
    }
    if told.is_some() {
        model.notice = told;
    }
    effects
}

/// Handles a command on the top records screen.
pub(in crate::app) fn run(model: &mut Model, command: RecordsCommand) -> Vec<Effect> {
    let request = model.next_request();
    let Some(Screen::Records(records)) = model.screens.last_mut() else {
        return Vec::new();
    };
    match records.run(command, request, model.times.now) {
        Ok(CommandOutcome::Effects(effects)) => return effects,
        Ok(CommandOutcome::Open(origin, filter)) => return open(model, origin, filter),
        Ok(CommandOutcome::Replay) => prepare_replay(model),
        Ok(CommandOutcome::Copy) => model.overlay = Some(Overlay::Copy),
        Err(sentence) => model.notice = Some(Notice::Error(sentence)),
    }
    Vec::new()
}

/// Handles a command in the payload of the record under the cursor.
pub(in crate::app) fn run_in_payload(model: &mut Model, command: PayloadCommand) {
    if let Some(Screen::Records(records)) = model.screens.last_mut()
        && let Err(sentence) = records.run_in_payload(command)
    {
        model.notice = Some(Notice::Error(sentence));
    }
}

/// Opens the form to replay what the top screen shows or has marked.
fn prepare_replay(model: &mut Model) {
    if let Some(Screen::Records(records)) = model.screens.last()
        && let Origin::Read(source) = &records.origin
    {
        let setup = ReplaySetup::open(ReplayFrom {
            source: source.clone(),
            stream: records.origin.stream().cloned(),
            recipe: records.recipe.clone(),
            marks: records.marks.clone(),
            filter: records.fixed.clone(),
            shown: Some(ScreenCounts::on(records, model.times.now)),
        });
        model.screens.push(Screen::ReplaySetup(Box::new(setup)));
    }
}
