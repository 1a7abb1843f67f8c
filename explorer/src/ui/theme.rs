//! Colours and weights by meaning: four looks, and what the user has chosen instead.

mod palettes;
mod words;

pub use words::style;

use crate::domain::fields::{FieldValue, Tone};
use crate::domain::text::json_text::Token;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

/// A record that arrived this many seconds ago is new.
const NEW_SECONDS: i64 = 60;
/// A record that arrived this many seconds ago is old.
const OLD_SECONDS: i64 = 86_400;

/// The colours to begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// For a dark background. Its 256 colours look the same in every terminal.
    Dark,
    /// For a light background, with 256 colours too.
    Light,
    /// The sixteen colours that the terminal's own theme defines.
    Sixteen,
    /// Weights only.
    Plain,
}

impl Look {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::Sixteen, Self::Plain];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Sixteen => "16",
            Self::Plain => "none",
        }
    }

    /// The look with this name.
    ///
    /// # Errors
    /// Names those there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|look| look.name() == name);
        found.ok_or_else(|| format!("\"{name}\" is not a theme; use dark, light, 16 or none"))
    }

    /// What suits a terminal that calls itself this. `background` is the variable `COLORFGBG`, which some terminals set: the numbers
    /// of their colours, the background last.
    #[must_use]
    pub fn of_terminal(term: &str, has_true_colours: bool, background: &str) -> Self {
        let has_many =
            has_true_colours || ["256", "direct", "kitty", "alacritty", "ghostty"].iter().any(|part| term.contains(part));
        match background.rsplit(';').next() {
            _ if !has_many => Self::Sixteen,
            Some("7" | "15") => Self::Light,
            Some(_) | None => Self::Dark,
        }
    }
}

/// What something on the screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the table in docs/configuration.md says of each what it is")]
pub enum Meaning {
    Heading,
    Key,
    Name,
    Text,
    Number,
    Word,
    Quiet,
    Border,
    Good,
    Warning,
    Danger,
    Mark,
    Bars,
    Selected,
    Found,
    Badge,
    Added,
    Removed,
}

impl Meaning {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Heading,
        Self::Key,
        Self::Name,
        Self::Text,
        Self::Number,
        Self::Word,
        Self::Quiet,
        Self::Border,
        Self::Good,
        Self::Warning,
        Self::Danger,
        Self::Mark,
        Self::Bars,
        Self::Selected,
        Self::Found,
        Self::Badge,
        Self::Added,
        Self::Removed,
    ];

    /// Its name in the configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Heading => "heading",
            Self::Key => "key",
            Self::Name => "name",
            Self::Text => "text",
            Self::Number => "number",
            Self::Word => "word",
            Self::Quiet => "quiet",
            Self::Border => "border",
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Danger => "danger",
            Self::Mark => "mark",
            Self::Bars => "bars",
            Self::Selected => "selected",
            Self::Found => "found",
            Self::Badge => "badge",
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }

    /// The meaning with this name.
    ///
    /// # Errors
    /// Names those there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|meaning| meaning.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("nothing is called \"{name}\" here; there are {}", names.join(", "))
        })
    }
}

/// How things look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    look: Look,
    own: Vec<(Meaning, Style)>,
}

impl Theme {
    /// A look, with some styles of one's own. Without colours, the own styles are left out as well.
    #[must_use]
    pub fn new(look: Look, own: Vec<(Meaning, Style)>) -> Self {
        Self { look, own: if look == Look::Plain { Vec::new() } else { own } }
    }

    /// The style of what has this meaning.
    #[must_use]
    pub fn of(&self, meaning: Meaning) -> Style {
        let own = self.own.iter().rev().find(|(other, _)| *other == meaning).map(|(_, style)| *style);
        own.unwrap_or_else(|| palettes::style(self.look, meaning))
    }

    pub(super) fn heading(&self) -> Style {
        self.of(Meaning::Heading)
    }

    pub(super) fn badge(&self) -> Style {
        self.of(Meaning::Badge)
    }

    pub(super) fn quiet(&self) -> Style {
        self.of(Meaning::Quiet)
    }

    pub(super) fn border(&self) -> Style {
        self.of(Meaning::Border)
    }

    pub(super) fn selected(&self) -> Style {
        self.of(Meaning::Selected)
    }

    pub(super) fn ok(&self) -> Style {
        self.of(Meaning::Good)
    }

    pub(super) fn warning(&self) -> Style {
        self.of(Meaning::Warning)
    }

    pub(super) fn error(&self) -> Style {
        self.of(Meaning::Danger)
    }

    pub(super) fn key(&self) -> Style {
        self.of(Meaning::Key)
    }

    pub(super) fn mark(&self) -> Style {
        self.of(Meaning::Mark)
    }

    pub(super) fn bars(&self) -> Style {
        self.of(Meaning::Bars)
    }

    pub(super) fn found(&self) -> Style {
        self.of(Meaning::Found)
    }

    pub(super) fn added(&self) -> Style {
        self.of(Meaning::Added)
    }

    pub(super) fn removed(&self) -> Style {
        self.of(Meaning::Removed)
    }

    /// The time of something that happened so many seconds ago.
    pub(super) fn age(&self, seconds: i64) -> Style {
        match seconds {
            ..NEW_SECONDS => self.ok(),
            NEW_SECONDS..OLD_SECONDS => Style::new(),
            OLD_SECONDS.. => self.quiet(),
        }
    }

    /// The value of a field: what is well, what waits, and what has failed at a glance.
    pub(super) fn value(&self, value: &FieldValue) -> Style {
        match value {
            FieldValue::Text(text) => match Tone::of(text) {
                Some(Tone::Good) => self.ok(),
                Some(Tone::Waiting) => self.warning(),
                Some(Tone::Bad) => self.error(),
                None => Style::new(),
            },
            FieldValue::Number(_) => self.json(Token::Number),
            FieldValue::Truth(_) => self.json(Token::Word),
            FieldValue::Null | FieldValue::List(_) | FieldValue::Object => self.quiet(),
        }
    }

    pub(super) fn json(&self, token: Token) -> Style {
        match token {
            Token::Key => self.of(Meaning::Name),
            Token::Text => self.of(Meaning::Text),
            Token::Number => self.of(Meaning::Number),
            Token::Word => self.of(Meaning::Word),
            Token::Punctuation | Token::Plain => Style::new(),
        }
    }
}

/// Shows the row as the one under the cursor, over its whole width; what it says keeps its colours.
pub(super) fn select(buffer: &mut Buffer, row: Rect, theme: &Theme) {
    buffer.set_style(row.intersection(buffer.area), theme.selected());
}

/// Makes text in the colour of its background visible, such as gray text of the sixteen colours in the gray row under the cursor.
pub(super) fn uncover(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.fg == cell.bg {
            cell.fg = Color::Reset;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Modifier;

    fn looks() -> impl Iterator<Item = (Look, Theme)> {
        Look::ALL.into_iter().map(|look| (look, Theme::new(look, Vec::new())))
    }

    #[test]
    fn a_selected_row_is_seen_and_keeps_its_colours() {
        for (look, theme) in looks() {
            let selected = theme.selected();
            let is_reversed = selected.add_modifier.contains(Modifier::REVERSED);
            assert_eq!(selected.fg, None, "{look:?}");
            assert_eq!(is_reversed, look == Look::Plain, "{look:?}: reversed colours say something else");
            assert!(is_reversed || selected.bg.is_some(), "{look:?}");
            for meaning in Meaning::ALL {
                let mut buffer = Buffer::empty(Rect::new(0, 0, 3, 1));
                buffer.set_string(0, 0, "ab", theme.of(meaning));
                select(&mut buffer, Rect::new(0, 0, 9, 1), &theme);
                uncover(&mut buffer);
                assert!(buffer.content.iter().all(|cell| cell.fg != cell.bg || cell.fg == Color::Reset), "{look:?} {meaning:?}");
            }
        }
    }

    #[test]
    fn nothing_is_blue_on_black_and_nothing_has_a_colour_without_colours() {
        for (look, theme) in looks() {
            for meaning in Meaning::ALL {
                let style = theme.of(meaning);
                assert!(!matches!(style.fg, Some(Color::Blue | Color::Black | Color::Indexed(0..16))) || style.bg.is_some());
                if look == Look::Plain {
                    assert_eq!((style.fg, style.bg), (None, None), "{meaning:?}");
                }
            }
        }
    }

    #[test]
    fn what_differs_in_meaning_differs_in_looks() {
        for (look, theme) in looks() {
            let told_apart: &[Meaning] = if look == Look::Plain {
                &[Meaning::Danger, Meaning::Quiet, Meaning::Selected, Meaning::Found]
            } else {
                &[Meaning::Heading, Meaning::Key, Meaning::Name, Meaning::Text, Meaning::Number, Meaning::Danger, Meaning::Quiet]
            };
            for (at, meaning) in told_apart.iter().enumerate() {
                let others = told_apart[at + 1..].iter();
                others.for_each(|other| assert_ne!(theme.of(*meaning), theme.of(*other), "{look:?}: {meaning:?} {other:?}"));
            }
        }
    }

    #[test]
    fn a_look_suits_the_terminal() {
        for (term, has_true_colours, background, look) in [
            ("xterm-256color", false, "", Look::Dark),
            ("tmux-256color", false, "15;0", Look::Dark),
            ("rxvt-unicode-256color", false, "0;default;15", Look::Light),
            ("xterm", true, "", Look::Dark),
            ("linux", false, "", Look::Sixteen),
            ("xterm", false, "0;15", Look::Sixteen),
        ] {
            assert_eq!(Look::of_terminal(term, has_true_colours, background), look, "{term}");
        }
        assert!(Look::ALL.into_iter().all(|look| Look::parse(look.name()) == Ok(look)));
        assert_eq!(Look::parse("neon"), Err("\"neon\" is not a theme; use dark, light, 16 or none".to_owned()));
    }

    #[test]
    fn an_own_style_replaces_the_one_of_the_look() {
        let red = Style::new().fg(Color::Red);
        assert_eq!(Theme::new(Look::Dark, vec![(Meaning::Key, red)]).key(), red);
        assert_ne!(Theme::new(Look::Plain, vec![(Meaning::Key, red)]).key(), red, "NO_COLOR means none");
        assert!(Meaning::ALL.into_iter().all(|meaning| Meaning::parse(meaning.name()) == Ok(meaning)));
        assert!(Meaning::parse("colour").is_err());
    }
}
