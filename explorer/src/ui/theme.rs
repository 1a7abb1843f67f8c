//! Colours and weights by meaning. Only the sixteen colours of every terminal theme, and none with NO_COLOR.

use crate::domain::fields::{FieldValue, Tone};
use crate::domain::text::json_text::Token;
use ratatui::style::{Color, Modifier, Style};

/// How things look.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    coloured: bool,
}

impl Theme {
    /// With colours, or with weights only.
    #[must_use]
    pub fn new(coloured: bool) -> Self {
        Self { coloured }
    }

    /// As the environment asks. Source: no-color.org.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::new(crate::terminal::wants_colours())
    }

    fn colour(self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn heading(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn badge(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::BOLD | Modifier::REVERSED)
    }

    pub(super) fn quiet(self) -> Style {
        if self.coloured { self.colour(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub(super) fn ok(self) -> Style {
        self.colour(Color::Green)
    }

    pub(super) fn warning(self) -> Style {
        self.colour(Color::Yellow)
    }

    pub(super) fn error(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }

    pub(super) fn key(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    pub(super) fn mark(self) -> Style {
        self.colour(Color::Magenta).add_modifier(Modifier::BOLD)
    }

    pub(super) fn bars(self) -> Style {
        self.colour(Color::Cyan)
    }

    pub(super) fn found(self) -> Style {
        self.colour(Color::Yellow).add_modifier(Modifier::REVERSED)
    }

    /// The value of a field: what is well, what waits, and what has failed at a glance.
    pub(super) fn value(self, value: &FieldValue) -> Style {
        match value {
            FieldValue::Text(text) => match Tone::of(text) {
                Some(Tone::Good) => self.ok(),
                Some(Tone::Waiting) => self.warning(),
                Some(Tone::Bad) => self.colour(Color::Red),
                None => Style::new(),
            },
            FieldValue::Number(_) => self.json(Token::Number),
            FieldValue::Truth(_) => self.json(Token::Word),
            FieldValue::Null | FieldValue::List(_) | FieldValue::Object => self.quiet(),
        }
    }

    pub(super) fn json(self, token: Token) -> Style {
        match token {
            // Blue is close to unreadable on black in many palettes.
            Token::Key => self.colour(Color::LightBlue),
            Token::Text => self.colour(Color::Green),
            Token::Number => self.colour(Color::Magenta),
            Token::Word => self.colour(Color::Yellow),
            Token::Punctuation | Token::Plain => Style::new(),
        }
    }
}
