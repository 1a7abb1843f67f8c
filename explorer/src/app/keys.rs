//! What a key does: it goes into a line that is being typed, or it is a command of the table.

use super::keymap::{BINDINGS, Command, Context, command_for};
use super::line::Line;
use super::message::Effect;
use super::model::{Model, Notice, Overlay, Screen};
use super::records::moved;
use super::replay_setup::Field;
use super::update::run;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Takes a key: into the line that is being typed, or as the command it means where one is.
pub(super) fn press(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    model.notice = None;
    if let Some(Overlay::Help(scroll)) = model.overlay {
        return press_in_help(model, key, scroll);
    }
    let contexts = model.contexts();
    let is_typing = open_line(model).is_some();
    let command = command_for(key, &contexts);
    // In a form's line the letters are text, and only the keys that type nothing are commands.
    let in_form_line = is_typing && contexts.first() == Some(&Context::Form);
    let is_text = match command {
        Some(Command::Continue | Command::Back | Command::Quit) => key_types(key),
        // Only the records screen has lines to be completed and to go back to.
        Some(Command::Complete | Command::OlderLine | Command::NewerLine) => {
            !matches!(model.screens.last(), Some(Screen::Records(_)))
        }
        _ => true,
    };
    if (is_typing && !in_form_line && is_text) || (in_form_line && types_in_form(key)) {
        if let Some(line) = open_line(model) {
            line.press(key);
        }
        typed(model);
        return Vec::new();
    }
    match command {
        Some(command) => run(model, command),
        None => {
            let known = command_for(key, &[Context::Everywhere]).is_some();
            if !known {
                model.notice = Some(Notice::Info("this key does nothing here; ? shows the keys".to_owned()));
            }
            Vec::new()
        }
    }
}

/// Whether the key writes a character.
fn key_types(key: KeyEvent) -> bool {
    matches!(key.code, KeyCode::Char(_)) && !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT)
}

/// Keys that belong to the line under the cursor of a form; the arrows up and down, tab, enter and escape move in the form.
fn types_in_form(key: KeyEvent) -> bool {
    let edits =
        matches!(key.code, KeyCode::Backspace | KeyCode::Delete | KeyCode::Left | KeyCode::Right | KeyCode::Home | KeyCode::End);
    let by_control =
        key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('a' | 'e' | 'w' | 'u' | 'k'));
    key_types(key) || edits || by_control
}

fn press_in_help(model: &mut Model, key: KeyEvent, scroll: usize) -> Vec<Effect> {
    match command_for(key, &[Context::Everywhere]) {
        Some(Command::Quit) => return run(model, Command::Quit),
        Some(command @ (Command::Up | Command::Down | Command::PageUp | Command::PageDown | Command::First | Command::Last)) => {
            let rows = BINDINGS.len();
            model.overlay = Some(Overlay::Help(moved(scroll, command, model.list_rows(), rows)));
        }
        _ => model.overlay = None,
    }
    Vec::new()
}

/// The line that is being typed, where one is.
pub(super) fn open_line(model: &mut Model) -> Option<&mut Line> {
    match model.screens.last_mut() {
        None if model.streams.opening.is_some() => model.streams.opening.as_mut(),
        None if model.streams.typing => Some(&mut model.streams.filter),
        None => None,
        Some(Screen::Records(records)) => records.typing.as_mut().map(|typing| &mut typing.line),
        Some(Screen::Configure(configure)) if configure.is_typing() => Some(&mut configure.ttl),
        Some(Screen::ReplaySetup(setup)) if setup.is_typing() => setup.line(),
        Some(Screen::ReplayReview(review)) if review.is_typing() => review.line(),
        Some(Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_) | Screen::Replays(_)) => None,
    }
}

/// What follows from a line that has changed.
pub(super) fn typed(model: &mut Model) {
    match model.screens.last_mut() {
        None => model.streams.keep_selection(),
        Some(Screen::Records(records)) => records.typed(),
        Some(Screen::ReplaySetup(setup)) => {
            if setup.field == Field::Target {
                setup.target_cursor = Some(0).filter(|_| !setup.target.text().is_empty());
            }
            setup.problem = None;
        }
        Some(Screen::Configure(configure)) => configure.step = super::configure::Step::Editing(None),
        Some(Screen::ReplayReview(_) | Screen::Replays(_)) => {}
    }
}
