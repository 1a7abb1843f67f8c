//! The only place where the state changes: a message in, effects out.

mod configure;
mod copying;
mod description;
mod exporting;
mod leaving;
mod mouse;
mod opening;
mod paths;
mod records;
mod replays;
mod streams;
mod typed_line;

use super::command::{Command, FormCommand, GlobalCommand, Move, StreamsCommand};
use super::effect::Effect;
use super::keys::{clear_field, open_line, press, typed};
use super::message::{Message, StreamsMessage, TerminalMessage};
use super::model::{Model, Overlay, Screen};
use super::possible::Refusal;
use crate::domain::stream::overview::StreamOverview;
use jiff::Timestamp;

/// Seconds between two refreshes of the streams. On AWS each costs tag reads, of which the account has 5 a second.
const REFRESH_SECONDS_ON_AWS: i64 = 60;
/// The same on emulators, which have no such limits.
const REFRESH_SECONDS_LOCAL: i64 = 1;

/// Applies a message to the state, and returns effects.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    let mut effects = take(model, message);
    // Wherever the cursor is now, request the rows around it and the payload under it.
    effects.extend(records::ask(model));
    effects
}

/// Opens the screens on a stream: on its records, or on its row if it has no archive.
pub fn open_stream(model: &mut Model, overview: StreamOverview) -> Vec<Effect> {
    model.streams.begin_with(overview);
    let mut effects = run(model, Command::Streams(StreamsCommand::Open));
    effects.extend(records::ask(model));
    effects
}

fn take(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Terminal(message) => return take_of_terminal(model, message),
        Message::Ticked(now) => return tick(model, now),
        Message::Streams(StreamsMessage::Described(reply)) => description::take(model, reply),
        Message::Streams(message) => {
            let mut effects = model.streams.take(message);
            effects.extend(run_waiting(model));
            return effects;
        }
        Message::Records(message) => return records::take(model, message),
        Message::Export(message) => exporting::take(model, message),
        Message::Configure(message) => return configure::take(model, message),
        Message::Replays(message) => return replays::take(model, message),
        Message::FolderListed(reply) => paths::take(model, reply),
        Message::Terminated => model.quit = true,
    }
    Vec::new()
}

fn take_of_terminal(model: &mut Model, message: TerminalMessage) -> Vec<Effect> {
    match message {
        TerminalMessage::KeyPressed(key) => {
            model.streams.stop_waiting();
            if let Some(command) = press(model, key) {
                return run(model, command);
            }
        }
        TerminalMessage::MouseUsed(used) => return mouse::take(model, used),
        TerminalMessage::Pasted(text) => {
            if let Some(line) = open_line(model) {
                line.paste(&text);
                typed(model);
            }
        }
        TerminalMessage::Resized(columns, rows) => {
            model.size = (columns, rows);
            for screen in &mut model.screens {
                if let Screen::Records(records) = screen {
                    records.resize(columns);
                }
            }
        }
    }
    Vec::new()
}

/// Handles the command that waited for its stream.
fn run_waiting(model: &mut Model) -> Vec<Effect> {
    match model.streams.take_waiting() {
        Some(command) => {
            model.notice = None;
            run(model, Command::Streams(command))
        }
        None => Vec::new(),
    }
}

fn tick(model: &mut Model, now: Timestamp) -> Vec<Effect> {
    model.times.now = now;
    model.fade_notice();
    model.replays.tick();
    if let Some(effect) = replays::tick(model) {
        return vec![effect];
    }
    let interval = if model.session.local.is_some() { REFRESH_SECONDS_LOCAL } else { REFRESH_SECONDS_ON_AWS };
    let is_due = model.refreshed_at.is_none_or(|refreshed_at| now.as_second() - refreshed_at.as_second() >= interval);
    // The list refreshes only while it is on top; otherwise calls would be wasted.
    if is_due && model.screens.is_empty() && !model.streams.is_reading() {
        return vec![streams::refresh(model)];
    }
    Vec::new()
}

/// Handles a command.
fn run(model: &mut Model, command: Command) -> Vec<Effect> {
    if command == Command::Global(GlobalCommand::Suspend) {
        return vec![Effect::Suspend];
    }
    if let Some(overlay) = model.overlay.take() {
        return answer(model, overlay, command);
    }
    if let Err(Refusal(notice)) = model.check(command) {
        model.notice = notice;
        return Vec::new();
    }
    match command {
        Command::Move(to) => return go(model, to),
        Command::Global(command) => return run_global(model, command),
        Command::Streams(command) => return streams::run(model, command),
        Command::Description(command) => return description::run(model, command),
        Command::Records(command) => return records::run(model, command),
        Command::Payload(command) => records::run_in_payload(model, command),
        Command::Form(command) => return run_in_form(model, command),
        Command::Typing(command) => return typed_line::run(model, command),
        Command::Confirm => return confirm(model),
        Command::Replays(command) => return replays::run(model, command),
        // The overlay asks about these.
        Command::Copy(_) => {}
    }
    Vec::new()
}

/// Handles a command as the answer to an overlay.
fn answer(model: &mut Model, overlay: Overlay, command: Command) -> Vec<Effect> {
    match (overlay, command) {
        (Overlay::ConfirmQuit, Command::Confirm) => leaving::quit_confirmed(model),
        (Overlay::ConfirmCancel | Overlay::ConfirmRemove, Command::Confirm) => replays::confirmed(model, overlay),
        (Overlay::Copy, Command::Copy(what)) => copying::copy(model, what),
        (
            Overlay::Help(_) | Overlay::Copy | Overlay::ConfirmQuit | Overlay::ConfirmCancel | Overlay::ConfirmRemove,
            Command::Move(_)
            | Command::Global(_)
            | Command::Streams(_)
            | Command::Description(_)
            | Command::Records(_)
            | Command::Payload(_)
            | Command::Copy(_)
            | Command::Form(_)
            | Command::Typing(_)
            | Command::Confirm
            | Command::Replays(_),
        ) => Vec::new(),
    }
}

fn run_global(model: &mut Model, command: GlobalCommand) -> Vec<Effect> {
    match command {
        GlobalCommand::Back => return leaving::back(model),
        GlobalCommand::Help => model.overlay = Some(Overlay::Help(0)),
        GlobalCommand::Quit => leaving::quit(model),
        GlobalCommand::Refresh => return refresh(model),
        GlobalCommand::Replays => return replays::show(model, None),
        GlobalCommand::Redraw => return vec![Effect::Redraw],
        GlobalCommand::Suspend => return vec![Effect::Suspend],
        GlobalCommand::Times => model.show_times_otherwise(),
    }
    Vec::new()
}

/// Refreshes the top screen.
fn refresh(model: &mut Model) -> Vec<Effect> {
    let (request, now) = (model.next_request(), model.times.now);
    match model.screens.last_mut() {
        None => vec![streams::refresh(model)],
        Some(Screen::Records(records)) => records.refresh(request, now),
        Some(Screen::Replays(_)) => replays::read(model),
        Some(Screen::Description(screen)) => vec![screen.read(request)],
        Some(Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_)) => Vec::new(),
    }
}

/// Moves the top screen's cursor.
fn go(model: &mut Model, to: Move) -> Vec<Effect> {
    let (request, now, page) = (model.next_request(), model.times.now, model.list_rows());
    match model.screens.last_mut() {
        None => {
            let rows = model.streams.visible().len();
            model.streams.go_to(to.apply(model.streams.cursor(), page, rows));
        }
        Some(Screen::Records(records)) => return records.go(to, page, request, now),
        Some(Screen::Description(_)) => description::go(model, to),
        Some(Screen::Configure(configure)) => configure.go(to),
        Some(Screen::ReplaySetup(setup)) => setup.go(to, &model.streams),
        Some(Screen::ReplayReview(review)) => review.scroll = to.apply(review.scroll, page, usize::MAX),
        Some(Screen::Replays(screen)) => replays::go(screen, &model.replays, to, page),
    }
    Vec::new()
}

/// Handles a command in the top screen's form.
fn run_in_form(model: &mut Model, command: FormCommand) -> Vec<Effect> {
    if command == FormCommand::Clear {
        return if clear_field(model) { Vec::new() } else { leaving::back(model) };
    }
    let request = model.next_request();
    match model.screens.last_mut() {
        Some(Screen::Configure(configure)) => configure.command(command, request).into_iter().collect(),
        Some(Screen::ReplaySetup(setup)) => match setup.command(command, &model.streams, &model.times) {
            Some(order) => replays::plan(model, order, request),
            None => Vec::new(),
        },
        Some(Screen::ReplayReview(_)) if command == FormCommand::Continue => replays::begin(model),
        None | Some(Screen::Description(_) | Screen::Records(_) | Screen::ReplayReview(_) | Screen::Replays(_)) => Vec::new(),
    }
}

/// Confirms what is shown.
fn confirm(model: &mut Model) -> Vec<Effect> {
    let request = model.next_request();
    match model.screens.last_mut() {
        Some(Screen::Configure(configure)) => configure.make(request).into_iter().collect(),
        Some(Screen::ReplayReview(_)) => replays::begin(model),
        None | Some(Screen::Description(_) | Screen::Records(_) | Screen::ReplaySetup(_) | Screen::Replays(_)) => Vec::new(),
    }
}
