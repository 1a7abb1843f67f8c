//! Handles a key: it is typed into a line, or it is a command from the table.

use super::command::{Command, GlobalCommand, TypingCommand};
use super::configure::ConfigureStep;
use super::help::Help;
use super::keymap::{Context, command_for};
use super::line::Line;
use super::model::{Model, Notice, Overlay, Screen};
use crate::app::replay::setup::SetupField;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Handles a key that is typed into a line or that the help uses. Otherwise returns its command.
pub(super) fn press(model: &mut Model, key: KeyEvent) -> Option<Command> {
    model.notice = None;
    // What comes now would complete another text.
    model.completing = None;
    if let Some(Overlay::Help(scroll)) = model.overlay {
        return press_in_help(model, key, scroll);
    }
    if model.types(key) {
        if let Some(line) = open_line(model) {
            line.press(key);
        }
        typed(model);
        return None;
    }
    let command = command_for(key, &model.contexts());
    if command.is_none() && command_for(key, &[Context::Everywhere]).is_none() {
        model.notice = Some(Notice::Info("this key does nothing here; ? shows the keys".to_owned()));
    }
    command
}

impl Model {
    /// Whether a key is typed into a line, and so has no other meaning.
    #[must_use]
    pub fn types(&self, key: KeyEvent) -> bool {
        if self.overlay.is_some() || !is_typing(self) {
            return false;
        }
        let contexts = self.contexts();
        // In a form's line letters are text; only keys that type nothing are commands.
        if contexts.first() == Some(&Context::Form) {
            return types_in_form(key);
        }
        match command_for(key, &contexts) {
            Some(
                Command::Typing(TypingCommand::Apply)
                | Command::Global(GlobalCommand::Back | GlobalCommand::Quit | GlobalCommand::Suspend),
            ) => key_types(key),
            // The name of a file is completed, too.
            Some(Command::Typing(TypingCommand::Complete)) if self.screens.is_empty() => self.streams.opening.is_none(),
            // Only the filter of records has completions and previous lines.
            Some(Command::Typing(TypingCommand::Complete | TypingCommand::OlderLine | TypingCommand::NewerLine)) => {
                !matches!(self.screens.last(), Some(Screen::Records(_)))
            }
            Some(
                Command::Move(_)
                | Command::Global(_)
                | Command::Streams(_)
                | Command::Description(_)
                | Command::Records(_)
                | Command::Payload(_)
                | Command::Copy(_)
                | Command::Form(_)
                | Command::Confirm
                | Command::Replays(_),
            )
            | None => true,
        }
    }
}

/// Whether the key types a character.
fn key_types(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_)) && !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
}

/// Keys for the line under a form's cursor. Up, down, tab, enter and escape move in the form instead.
fn types_in_form(key: KeyEvent) -> bool {
    let edits =
        matches!(key.code, KeyCode::Backspace | KeyCode::Delete | KeyCode::Left | KeyCode::Right | KeyCode::Home | KeyCode::End);
    let by_control =
        key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('a' | 'e' | 'w' | 'u' | 'k'));
    key_types(key) || edits || by_control
}

/// In the help, some keys scroll. Every other key only closes it.
fn press_in_help(model: &mut Model, key: KeyEvent, scroll: usize) -> Option<Command> {
    let command = command_for(key, &[Context::Everywhere]);
    if command == Some(Command::Global(GlobalCommand::Suspend)) {
        return command;
    }
    model.overlay = if let Some(Command::Move(to)) = command {
        let help = Help::of(model);
        Some(Overlay::Help(to.apply(help.first(scroll), help.height, help.last_first() + 1)))
    } else {
        None
    };
    None
}

/// Whether a line is being typed.
fn is_typing(model: &Model) -> bool {
    match model.screens.last() {
        None => model.streams.is_typing(),
        Some(Screen::Records(records)) => records.typing.is_some(),
        Some(Screen::Configure(configure)) => configure.is_typing(),
        Some(Screen::ReplaySetup(setup)) => setup.is_typing(),
        Some(Screen::ReplayReview(review)) => review.is_typing(),
        Some(Screen::Description(_) | Screen::Replays(_)) => false,
    }
}

/// Clears the form field being typed; false if it is empty or there is none.
pub(super) fn clear_field(model: &mut Model) -> bool {
    if !is_typing(model) {
        return false;
    }
    match open_line(model).filter(|line| !line.text().is_empty()) {
        Some(line) => *line = Line::default(),
        None => return false,
    }
    typed(model);
    true
}

/// The line being typed, if there is one.
pub(super) fn open_line(model: &mut Model) -> Option<&mut Line> {
    match model.screens.last_mut() {
        None => model.streams.typed_line(),
        Some(Screen::Records(records)) => records.typing.as_mut().map(|typing| &mut typing.line),
        Some(Screen::Configure(configure)) if configure.is_typing() => Some(&mut configure.ttl),
        Some(Screen::ReplaySetup(setup)) if setup.is_typing() => setup.line(),
        Some(Screen::ReplayReview(review)) if review.is_typing() => review.line(),
        Some(
            Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) | Screen::Replays(_),
        ) => None,
    }
}

/// Updates what depends on a changed line.
pub(super) fn typed(model: &mut Model) {
    match model.screens.last_mut() {
        None => model.streams.keep_selection(),
        Some(Screen::Records(records)) => records.typed(),
        Some(Screen::ReplaySetup(setup)) => {
            if setup.field == SetupField::Target {
                setup.target_cursor = Some(0).filter(|_| !setup.target.text().is_empty());
            }
            setup.problem = None;
        }
        Some(Screen::Configure(configure)) => configure.step = ConfigureStep::Editing(None),
        Some(Screen::Description(_) | Screen::ReplayReview(_) | Screen::Replays(_)) => {}
    }
}
