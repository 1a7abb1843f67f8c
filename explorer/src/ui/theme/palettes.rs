//! The styles of each look. Colours above 15 are the same in every terminal; the first sixteen are the user's.

use super::{Look, Meaning};
use ratatui::style::{Color, Modifier, Style};

pub(super) fn style(look: Look, meaning: Meaning) -> Style {
    match look {
        Look::Dark => dark(meaning),
        Look::Light => light(meaning),
        Look::Sixteen => sixteen(meaning),
        Look::Plain => plain(meaning),
    }
}

fn indexed(colour: u8) -> Style {
    Style::new().fg(Color::Indexed(colour))
}

fn dark(meaning: Meaning) -> Style {
    match meaning {
        Meaning::Heading => indexed(75).add_modifier(Modifier::BOLD),
        Meaning::Key => indexed(80).add_modifier(Modifier::BOLD),
        Meaning::Name => indexed(110),
        Meaning::Text => indexed(150),
        Meaning::Number => indexed(176),
        Meaning::Word => indexed(179),
        Meaning::Quiet => indexed(245),
        Meaning::Border => indexed(240),
        Meaning::Good | Meaning::Added => indexed(114),
        Meaning::Warning => indexed(221),
        Meaning::Danger => indexed(203),
        Meaning::Mark => indexed(213).add_modifier(Modifier::BOLD),
        Meaning::Bars => indexed(73),
        Meaning::Selected => Style::new().bg(Color::Indexed(238)).add_modifier(Modifier::BOLD),
        Meaning::Found => indexed(16).bg(Color::Indexed(221)),
        Meaning::Badge => indexed(16).bg(Color::Indexed(215)).add_modifier(Modifier::BOLD),
        Meaning::Removed => indexed(131),
    }
}

fn light(meaning: Meaning) -> Style {
    match meaning {
        Meaning::Heading => indexed(25).add_modifier(Modifier::BOLD),
        Meaning::Key => indexed(30).add_modifier(Modifier::BOLD),
        Meaning::Name => indexed(26),
        Meaning::Text => indexed(22),
        Meaning::Number => indexed(90),
        Meaning::Word => indexed(94),
        Meaning::Quiet => indexed(242),
        Meaning::Border => indexed(248),
        Meaning::Good | Meaning::Added => indexed(28),
        Meaning::Warning => indexed(130),
        Meaning::Danger => indexed(160),
        Meaning::Mark => indexed(127).add_modifier(Modifier::BOLD),
        Meaning::Bars => indexed(31),
        Meaning::Selected => Style::new().bg(Color::Indexed(153)).add_modifier(Modifier::BOLD),
        Meaning::Found => indexed(16).bg(Color::Indexed(221)),
        Meaning::Badge => indexed(231).bg(Color::Indexed(130)).add_modifier(Modifier::BOLD),
        Meaning::Removed => indexed(131),
    }
}

fn sixteen(meaning: Meaning) -> Style {
    let coloured = |colour| Style::new().fg(colour);
    match meaning {
        Meaning::Heading => coloured(Color::Cyan).add_modifier(Modifier::BOLD),
        Meaning::Key => coloured(Color::Yellow).add_modifier(Modifier::BOLD),
        // Blue is close to unreadable on black in many palettes.
        Meaning::Name => coloured(Color::LightBlue),
        Meaning::Text | Meaning::Good | Meaning::Added => coloured(Color::Green),
        Meaning::Number => coloured(Color::Magenta),
        Meaning::Word | Meaning::Warning => coloured(Color::Yellow),
        Meaning::Quiet | Meaning::Border => coloured(Color::DarkGray),
        Meaning::Danger => coloured(Color::LightRed),
        Meaning::Mark => coloured(Color::Magenta).add_modifier(Modifier::BOLD),
        Meaning::Bars => coloured(Color::Cyan),
        Meaning::Selected => Style::new().bg(Color::DarkGray).add_modifier(Modifier::BOLD),
        Meaning::Found => coloured(Color::Black).bg(Color::Yellow),
        Meaning::Badge => coloured(Color::Black).bg(Color::Yellow).add_modifier(Modifier::BOLD),
        Meaning::Removed => coloured(Color::Red),
    }
}

fn plain(meaning: Meaning) -> Style {
    let with = |modifier| Style::new().add_modifier(modifier);
    match meaning {
        Meaning::Heading | Meaning::Key | Meaning::Danger | Meaning::Mark => with(Modifier::BOLD),
        Meaning::Quiet | Meaning::Border | Meaning::Removed => with(Modifier::DIM),
        Meaning::Selected => with(Modifier::REVERSED),
        Meaning::Found => with(Modifier::BOLD | Modifier::UNDERLINED),
        Meaning::Badge => with(Modifier::BOLD | Modifier::REVERSED),
        Meaning::Name
        | Meaning::Text
        | Meaning::Number
        | Meaning::Word
        | Meaning::Good
        | Meaning::Warning
        | Meaning::Bars
        | Meaning::Added => Style::new(),
    }
}
