//! Texts as they may go to a terminal: nothing in a record may move the cursor, change colours or ring.

use std::borrow::Cow;
use unicode_width::UnicodeWidthChar as _;

/// The text with every control character replaced by a visible stand-in, so that none reaches the terminal.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_hostile) { Cow::Owned(text.chars().map(stand_in).collect()) } else { Cow::Borrowed(text) }
}

/// Control characters, and those that reorder what stands around them.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// The character, or the visible stand-in of one that must not reach the terminal.
pub(crate) fn stand_in(character: char) -> char {
    match character {
        '\t' => ' ',
        // The Unicode block "control pictures" shows each control character by its name.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + character as u32).unwrap_or('·'),
        '\u{7f}' => '␡',
        other if is_hostile(other) => '·',
        other => other,
    }
}

/// A text cut into pieces of so many columns, at least eight; there is always one.
#[must_use]
pub fn pieces(text: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if used + width > columns.max(8) {
            pieces.push(String::new());
            used = 0;
        }
        used += width;
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
    }
    pieces
}

/// Where a user record stood among those put as one.
#[must_use]
pub fn place_in_aggregate(place: u64) -> String {
    format!("{place} in its aggregated record")
}

/// A count with separators between thousands: `1 204 331`.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(' ');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count in a few columns: as [`count`] up to a million, above that in millions or billions.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn short_count(number: u64) -> String {
    let value = number as f64;
    match number {
        0..1_000_000 => count(number),
        1_000_000..1_000_000_000 => format!("{:.1} M", value / 1e6),
        _ => format!("{:.1} G", value / 1e9),
    }
}

/// A size in bytes, KiB, MiB or GiB, to three figures.
#[must_use]
#[allow(clippy::cast_precision_loss)]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if value < 9.95 { format!("{value:.1} {}", UNITS[unit]) } else { format!("{value:.0} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_sequence_is_shown_and_not_sent() {
        assert_eq!(printable("\u{1b}[2J red\u{7}"), "␛[2J red␇");
        assert_eq!(printable("plain"), "plain");
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(count(1_204_331), "1 204 331");
        assert_eq!(count(999), "999");
        assert_eq!(short_count(999_999), "999 999");
        assert_eq!(short_count(96_110_004), "96.1 M");
        assert_eq!(size(412), "412 B");
        assert_eq!(size(1_260), "1.2 KiB");
        assert_eq!(size(432_013_312), "412 MiB");
    }

    proptest! {
        #[test]
        fn nothing_printable_is_a_control_character(text: String) {
            let safe = printable(&text);
            prop_assert!(!safe.chars().any(char::is_control));
        }
    }
}
