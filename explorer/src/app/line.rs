//! A line of text being typed.

use crate::domain::text::printable;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};
use unicode_width::UnicodeWidthStr as _;

/// A line and the cursor in it.
#[derive(Clone, Debug, Default)]
pub struct Line {
    input: Input,
}

impl Line {
    /// A line with a text, and the cursor at its end.
    #[must_use]
    pub fn with(text: impl Into<String>) -> Self {
        Self { input: Input::new(text.into()) }
    }

    /// A line with a text, and the cursor after this many bytes.
    #[must_use]
    pub fn with_cursor(text: String, bytes: usize) -> Self {
        let characters = text.get(..bytes).map_or(0, |before| before.chars().count());
        Self { input: Input::new(text).with_cursor(characters) }
    }

    /// The bytes of the text before the cursor.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.input.value().char_indices().nth(self.input.cursor()).map_or(self.input.value().len(), |(at, _)| at)
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// The cursor's column in the displayed text.
    #[must_use]
    pub fn cursor_column(&self) -> usize {
        printable(self.text().get(..self.cursor()).unwrap_or_default()).width()
    }

    /// Handles a key; returns whether it was a typing key.
    #[expect(clippy::wildcard_enum_match_arm, reason = "crossterm knows many more keys")]
    pub fn press(&mut self, key: KeyEvent) -> bool {
        let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let request = match key.code {
            KeyCode::Char('a') if with_control => InputRequest::GoToStart,
            KeyCode::Char('e') if with_control => InputRequest::GoToEnd,
            KeyCode::Char('w') if with_control => InputRequest::DeletePrevWord,
            KeyCode::Char('u') if with_control => InputRequest::DeleteLine,
            KeyCode::Char('k') if with_control => InputRequest::DeleteTillEnd,
            KeyCode::Char(character) if !with_control && !key.modifiers.contains(KeyModifiers::ALT) => {
                InputRequest::InsertChar(character)
            }
            KeyCode::Backspace => InputRequest::DeletePrevChar,
            KeyCode::Delete => InputRequest::DeleteNextChar,
            KeyCode::Left => InputRequest::GoToPrevChar,
            KeyCode::Right => InputRequest::GoToNextChar,
            KeyCode::Home => InputRequest::GoToStart,
            KeyCode::End => InputRequest::GoToEnd,
            _ => return false,
        };
        self.input.handle(request);
        true
    }

    /// Adds pasted text. Line breaks become blanks, except at the end, where they are dropped.
    pub fn paste(&mut self, text: &str) {
        for character in text.trim_end().chars() {
            let character = if character.is_control() { ' ' } else { character };
            self.input.handle(InputRequest::InsertChar(character));
        }
    }
}
