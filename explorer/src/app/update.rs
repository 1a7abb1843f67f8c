//! The one place where the state changes: a message in, effects out.

use super::configure::Configure;
use super::effect::{Effect, ReplaysEffect};
use super::keymap::Command;
use super::keys::{clear_field, open_line, press, typed};
use super::line::Line;
use super::message::{ConfigureMessage, Message, Reply, TerminalMessage};
use super::model::{Model, Notice, Overlay, Screen};
use super::records::{Origin, Pane, moved};
use super::replay;
use crate::app::records::browse;
use crate::app::replay::setup::{ReplayFrom, ReplaySetup};
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::listing::marks::Marks;
use crate::domain::reading::{ArchiveSource, Source};
use crate::domain::replay::plan::{Control, PlanId};
use jiff::Timestamp;

/// Seconds between two looks at the streams: on AWS each look costs tag reads, of which the account has 5 a second.
const REFRESH_SECONDS_ON_AWS: i64 = 60;
/// The same on emulators, where nothing is scarce.
const REFRESH_SECONDS_LOCAL: i64 = 1;

/// Changes the state by what has happened, and says what is to be done.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let mut effects = take(model, message);
    // Whatever has brought the cursor where it is, the rows around it and the payload under it are asked for.
    effects.extend(browse::ask(model));
    effects
}

fn take(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Terminal(message) => return take_of_terminal(model, message),
        Message::Ticked(now) => return tick(model, now),
        Message::Streams(message) => return model.streams.take(message),
        Message::Records(message) => return browse::take(model, message),
        Message::Export(message) => browse::take_of_export(model, message),
        Message::Configure(message) => return take_of_configure(model, message),
        Message::Replays(message) => return replay::take(model, message),
        Message::Terminated => model.quit = true,
    }
    Vec::new()
}

fn take_of_terminal(model: &mut Model, message: TerminalMessage) -> Vec<Effect> {
    match message {
        TerminalMessage::KeyPressed(key) => return press(model, key),
        TerminalMessage::Pasted(text) => {
            if let Some(line) = open_line(model) {
                line.paste(&text);
                typed(model);
            }
        }
        TerminalMessage::Resized(columns, rows) => {
            model.size = (columns, rows);
            let room = model.room();
            for screen in &mut model.screens {
                if let Screen::Records(records) = screen {
                    records.resize(room);
                }
            }
        }
    }
    Vec::new()
}

fn take_of_configure(model: &mut Model, message: ConfigureMessage) -> Vec<Effect> {
    match message {
        ConfigureMessage::Planned(reply) => {
            if let Some(Screen::Configure(configure)) = model.screens.last_mut() {
                configure.planned(reply);
            }
            Vec::new()
        }
        ConfigureMessage::CallMade(reply) => call_made(model, reply),
    }
}

fn tick(model: &mut Model, now: Timestamp) -> Vec<Effect> {
    model.times.now = now;
    model.replays.tick();
    if let Some(effect) = replay::tick(model) {
        return vec![effect];
    }
    let interval = if model.session.local.is_some() { REFRESH_SECONDS_LOCAL } else { REFRESH_SECONDS_ON_AWS };
    let is_due = model.refreshed_at.is_none_or(|refreshed_at| now.as_second() - refreshed_at.as_second() >= interval);
    // The list is only looked at when it is on top; behind other screens it would cost calls for nothing.
    if is_due && model.screens.is_empty() && !model.streams.is_reading() {
        return vec![refresh_streams(model)];
    }
    Vec::new()
}

fn refresh_streams(model: &mut Model) -> Effect {
    model.refreshed_at = Some(model.times.now);
    let request = model.next_request();
    model.streams.refresh(request)
}

fn call_made(model: &mut Model, Reply { request, result }: Reply<Result<(), Failure>>) -> Vec<Effect> {
    let mut changed = None;
    for screen in &mut model.screens {
        if let Screen::Configure(configure) = screen
            && configure.call_made(request, result.clone())
        {
            changed = Some(configure.stream.name.clone());
        }
    }
    let Some(stream) = changed else {
        return Vec::new();
    };
    model.notice = Some(Notice::Info(format!("stream {stream} is configured")));
    let request = model.next_request();
    model.streams.refresh_one(request, &stream).into_iter().collect()
}

/// Does what a command means on the screen on top.
pub(super) fn run(model: &mut Model, command: Command) -> Vec<Effect> {
    if command == Command::Suspend {
        return vec![Effect::Suspend];
    }
    if model.overlay == Some(Overlay::ConfirmQuit) {
        return answer_quit(model, command);
    }
    if model.overlay == Some(Overlay::Copy) {
        return browse::copy(model, command);
    }
    if matches!(model.overlay, Some(Overlay::ConfirmCancel | Overlay::ConfirmRemove)) {
        return replay::answer(model, command);
    }
    if let Err(sentence) = model.check(command) {
        model.notice = Some(Notice::Error(sentence));
        return Vec::new();
    }
    match command {
        Command::Quit if close(model) => Vec::new(),
        Command::ClearField if clear_field(model) => Vec::new(),
        Command::ClearField => back(model),
        Command::Quit => {
            if model.running_replays().next().is_some() || model.export.is_some() {
                model.overlay = Some(Overlay::ConfirmQuit);
            } else {
                model.quit = true;
            }
            Vec::new()
        }
        Command::Help => {
            model.overlay = Some(Overlay::Help(0));
            Vec::new()
        }
        Command::Utc => {
            model.show_times_otherwise();
            Vec::new()
        }
        Command::Replays => {
            if matches!(model.screens.last(), Some(Screen::Replays(_))) {
                return Vec::new();
            }
            replay::show(model, None)
        }
        Command::Back => back(model),
        _ => run_on_screen(model, command),
    }
}

fn answer_quit(model: &mut Model, command: Command) -> Vec<Effect> {
    model.overlay = None;
    if command != Command::Confirm {
        return Vec::new();
    }
    model.quit = true;
    let export = model.export.as_ref().map(|export| Effect::Stop(export.request));
    let pause = |(id, _): (&PlanId, _)| Effect::Replays(ReplaysEffect::Control { replay: id.clone(), control: Control::Pause });
    model.running_replays().map(pause).chain(export).collect()
}

/// Closes what lies over the screen's own content; false where nothing does.
fn close(model: &mut Model) -> bool {
    match model.screens.last_mut() {
        Some(Screen::Records(records)) => std::mem::take(&mut records.is_compared),
        Some(Screen::Replays(screen)) => screen.details.take().is_some(),
        None | Some(Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_)) => false,
    }
}

fn back(model: &mut Model) -> Vec<Effect> {
    let (requests, now) = ([model.next_request(), model.next_request()], model.times.now);
    match model.screens.last_mut() {
        None if model.streams.opening.is_some() => model.streams.opening = None,
        None if model.streams.typing || !model.streams.filter.text().is_empty() => {
            model.streams.typing = false;
            model.streams.filter = Line::default();
            model.streams.keep_selection();
        }
        None => model.notice = Some(Notice::Info("this is the first screen; q quits".to_owned())),
        Some(Screen::Records(records)) if records.typing.is_some() => records.typing = None,
        Some(Screen::Records(records)) if records.range_from.is_some() => records.range_from = None,
        Some(Screen::Records(records)) if records.is_compared => records.is_compared = false,
        Some(Screen::Records(records)) if records.pane == Pane::Detail => records.pane = Pane::List,
        Some(Screen::Records(records)) if records.is_searching() => return records.stop_reading().into_iter().collect(),
        Some(Screen::Records(records)) if records.is_narrowed() => return records.undo_filter(requests, now),
        Some(screen) => {
            let stays = match screen {
                Screen::Configure(configure) => configure.back(),
                Screen::Replays(screen) => screen.details.take().is_some(),
                Screen::Records(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) => false,
            };
            if stays {
                return Vec::new();
            }
            return match model.screens.pop() {
                Some(Screen::Records(mut left)) => left.close(),
                // A plan that nobody waits for is not made to its end.
                Some(Screen::ReplayReview(left)) => left.awaits().map(Effect::Stop).into_iter().collect(),
                _ => Vec::new(),
            };
        }
    }
    Vec::new()
}

fn run_on_screen(model: &mut Model, command: Command) -> Vec<Effect> {
    let request = model.next_request();
    match model.screens.last_mut() {
        None => run_on_streams(model, command),
        Some(Screen::Records(_)) => browse::run(model, command),
        Some(Screen::Configure(configure)) => configure.command(command, request).into_iter().collect(),
        Some(Screen::ReplaySetup(setup)) => match setup.command(command, &model.streams, &model.times) {
            Some(order) => replay::plan(model, order, request),
            None => Vec::new(),
        },
        Some(Screen::ReplayReview(_)) => replay::run_on_review(model, command),
        Some(Screen::Replays(_)) => replay::run_on_replays(model, command, request),
    }
}

fn run_on_streams(model: &mut Model, command: Command) -> Vec<Effect> {
    let page = model.list_rows();
    let current = model.streams.current().and_then(|row| row.overview.clone());
    match command {
        Command::Refresh => return vec![refresh_streams(model)],
        Command::Filter => model.streams.typing = true,
        Command::Continue if model.streams.opening.is_some() => return browse::open_file(model),
        Command::Continue => model.streams.typing = false,
        Command::OpenFile => browse::ask_for_file(model),
        Command::FollowStream => {
            if let Some(overview) = current {
                return browse::open(model, Origin::Stream(overview.name), RecordFilter::default());
            }
        }
        Command::Sort => model.streams.sort_by_next(),
        Command::Open | Command::Replay => {
            let Some(archive) = current.and_then(|overview| {
                let table = overview.table?;
                let mode = table.mode()?;
                Some(ArchiveSource { stream: overview.name, table: table.name, mode, about_bytes: table.size_bytes })
            }) else {
                return Vec::new();
            };
            if command == Command::Replay {
                let stream = Some(archive.stream.clone());
                let recipe = Recipe::default();
                let (marks, filter) = (Marks::default(), RecordFilter::default());
                let source = Source::Archive(archive);
                let setup = ReplaySetup::open(ReplayFrom { source, stream, recipe, marks, filter, shown: None });
                model.screens.push(Screen::ReplaySetup(Box::new(setup)));
                return Vec::new();
            }
            return browse::open(model, Origin::Read(Source::Archive(archive)), RecordFilter::default());
        }
        Command::Configure => {
            if let Some(overview) = current {
                model.screens.push(Screen::Configure(Box::new(Configure::open(overview))));
            }
        }
        _ => {
            let rows = model.streams.visible().len();
            model.streams.go_to(moved(model.streams.cursor(), command, page, rows));
        }
    }
    Vec::new()
}
