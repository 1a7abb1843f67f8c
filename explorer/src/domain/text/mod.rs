//! Makes texts safe for a terminal: nothing in a record may move the cursor, change colours or ring, and nothing may stay invisible. It
//! also cuts, wraps and pads texts, in columns of the terminal.

pub mod json_text;
pub mod plain_json;
pub mod typed_path;

use regex_syntax::hir::{Class, HirKind};
use std::borrow::Cow;
use std::sync::LazyLock;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The text as it may go to a terminal: every character that would not be seen, or would do something instead, has a visible
/// stand-in. A control character has its picture (`␛`), any other its number (`‹200B›`), so that two texts that differ look different.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    let mut printer = Printer::default();
    // Nearly all texts are what they look like.
    if text.chars().all(|character| printer.take(character).is_itself(character)) {
        return Cow::Borrowed(text);
    }
    let mut printer = Printer::default();
    let mut shown = String::with_capacity(text.len() + 16);
    text.chars().for_each(|character| printer.take(character).push_to(&mut shown));
    Cow::Owned(shown)
}

/// Marks that may stand on one character; a letter of no script has more, and without a bound they would grow over the lines above.
const MAX_MARKS: u8 = 4;

/// What cannot be seen, by its properties in Unicode: controls, formats, unassigned and private characters, blanks but the common
/// one, and what a terminal may leave out. Three symbols have none of these properties and are as blank.
const UNSEEN: &str = r"[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Zl}\p{Zp}\p{Zs}\p{Default_Ignorable_Code_Point}\p{Variation_Selector}\u{2800}\u{FFFC}\u{1D159}--\u{20}]";
/// What is drawn onto the character before.
const MARKS: &str = r"\p{M}";

static UNSEEN_RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| ranges_of(UNSEEN));
static MARK_RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| ranges_of(MARKS));

/// The characters of a class. The two classes above are valid, which a test holds; of one that is not, everything beyond ASCII is.
fn ranges_of(class: &str) -> Vec<(char, char)> {
    match regex_syntax::parse(class).map(regex_syntax::hir::Hir::into_kind) {
        Ok(HirKind::Class(Class::Unicode(class))) => class.ranges().iter().map(|range| (range.start(), range.end())).collect(),
        Ok(_) | Err(_) => vec![('\u{80}', char::MAX)],
    }
}

fn is_in(ranges: &[(char, char)], character: char) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= character);
    after.checked_sub(1).and_then(|at| ranges.get(at)).is_some_and(|(_, last)| character <= *last)
}

/// Goes through a text character by character and says how each is shown. Each row of a screen begins with a new one, for there is
/// nothing before its first character that a mark could stand on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Printer {
    /// Marks on the previous character; `None` if no character can carry one.
    marks: Option<u8>,
}

/// How a character is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// As this character, in this many columns.
    As(char, usize),
    ByNumber(char),
}

impl Printer {
    /// How the next character is shown.
    pub(crate) fn take(&mut self, character: char) -> Shown {
        let shown = match character {
            ' '..='~' => Shown::As(character, 1),
            '\t' => Shown::As(' ', 1),
            // The Unicode block "control pictures" shows each control character by its name.
            '\0'..='\u{1f}' => Shown::As(char::from_u32(0x2400 + u32::from(character)).unwrap_or('·'), 1),
            '\u{7f}' => Shown::As('␡', 1),
            _ if is_in(&UNSEEN_RANGES, character) => Shown::ByNumber(character),
            _ => match character.width() {
                Some(columns) if columns > 0 && !is_in(&MARK_RANGES, character) => Shown::As(character, columns),
                Some(columns) => {
                    self.marks = self.marks.filter(|marks| *marks < MAX_MARKS).map(|marks| marks + 1);
                    return if self.marks.is_some() { Shown::As(character, columns) } else { Shown::ByNumber(character) };
                }
                None => Shown::ByNumber(character),
            },
        };
        // A mark after a replacement picture or number would seem to belong to it.
        self.marks = Some(0).filter(|_| shown.is_itself(character));
        shown
    }
}

impl Shown {
    /// The columns it takes.
    pub(crate) fn columns(self) -> usize {
        match self {
            Self::As(_, columns) => columns,
            // Its digits, at least four, between two brackets.
            Self::ByNumber('\0'..='\u{ffff}') => 6,
            Self::ByNumber('\u{10000}'..='\u{fffff}') => 7,
            Self::ByNumber(_) => 8,
        }
    }

    /// Writes it.
    pub(crate) fn push_to(self, text: &mut String) {
        match self {
            Self::As(character, _) => text.push(character),
            Self::ByNumber(character) => text.push_str(&format!("‹{:04X}›", u32::from(character))),
        }
    }

    fn is_itself(self, character: char) -> bool {
        matches!(self, Self::As(shown, _) if shown == character)
    }
}

/// A printable text in at most this many columns; if it is cut, it ends with `…`.
#[must_use]
pub fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let Some(room) = columns.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let mut used = 0;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= room
    };
    let mut kept: String = text.chars().take_while(fits).collect();
    kept.push('…');
    Cow::Owned(kept)
}

/// A printable text in exactly this many columns: cut, or padded with blanks.
#[must_use]
pub fn fitted(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let blanks = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(blanks))
}

/// A printable sentence in rows of this many columns, at least eight: broken between words, and within one that is longer
/// than a row. There is always a row.
#[must_use]
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(MIN_COLUMNS);
    let mut rows = vec![String::new()];
    for (place, word) in text.split(' ').enumerate() {
        let row = rows.last().map_or(0, |row| row.width());
        let needed = if place == 0 { word.width() } else { word.width() + 1 };
        if row + needed <= columns {
            if let Some(row) = rows.last_mut() {
                row.push_str(if place == 0 { "" } else { " " });
                row.push_str(word);
            }
        } else if row == 0 {
            rows.pop();
            rows.extend(pieces(word, columns));
        } else {
            rows.extend(pieces(word, columns));
        }
    }
    rows
}

/// The same in at most this many rows; if it is cut, the last row ends with `…`.
#[must_use]
pub fn wrapped_in(text: &str, columns: usize, most: usize) -> Vec<String> {
    let columns = columns.max(MIN_COLUMNS);
    let mut rows = wrapped(text, columns);
    if rows.len() > most {
        rows.truncate(most);
        if let Some(last) = rows.last_mut() {
            last.push('…');
            *last = cut(last, columns).into_owned();
        }
    }
    rows
}

/// Fewer columns are not wrapped for.
const MIN_COLUMNS: usize = 8;

/// A text cut into pieces of this many columns, at least eight; there is always one.
#[must_use]
pub fn pieces(text: &str, columns: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut used = 0;
    for character in text.chars() {
        let width = character.width().unwrap_or(0);
        if used + width > columns.max(MIN_COLUMNS) {
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

/// A number of things in words: `1 record`, `1 204 records`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_sequence_is_shown_and_not_sent() {
        assert_eq!(printable("\u{1b}[2J red\u{7}"), "␛[2J red␇");
        assert_eq!(printable("\u{9b}31m"), "‹009B›31m");
        assert_eq!(printable("plain"), "plain");
    }

    #[test]
    fn texts_that_differ_in_what_cannot_be_seen_look_different() {
        let unseen = [
            '\u{200b}',
            '\u{ad}',
            '\u{2060}',
            '\u{61c}',
            '\u{e0041}',
            '\u{3164}',
            '\u{180e}',
            '\u{115f}',
            '\u{ffa0}',
            '\u{2800}',
            '\u{fe0f}',
            '\u{200d}',
            '\u{a0}',
            '\u{3000}',
            '\u{2028}',
            '\u{feff}',
            '\u{e000}',
            '\u{378}',
            '\u{34f}',
            '\u{17b5}',
            '\u{1d173}',
            '\u{e0100}',
            '\u{10ffff}',
        ];
        let mut seen: Vec<String> = unseen.iter().map(|character| printable(&format!("cust-42{character}")).into_owned()).collect();
        seen.push(printable("cust-42").into_owned());
        let shown = seen.clone();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), unseen.len() + 1, "{shown:?}");
        assert!(shown.iter().all(|text| text.width() == text.chars().count()), "{shown:?}");
        assert_eq!(shown[4], "cust-42‹E0041›");
    }

    #[test]
    fn letters_of_all_scripts_are_shown_as_they_are() {
        for text in [
            "naïve ☕",
            "e\u{301}a\u{308}\u{304}",
            "日本語",
            "हिन्दी",
            "ภาษาไทย",
            "עִבְרִית",
            "한국어",
            "\u{1112}\u{1161}\u{11ab}",
            "👍🏽",
        ] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn a_mark_that_has_nothing_to_stand_on_is_shown_by_its_number() {
        assert_eq!(printable("\u{301}a"), "‹0301›a");
        assert_eq!(printable("\u{200b}\u{301}"), "‹200B›‹0301›");
        assert_eq!(printable("\u{1b}\u{301}"), "␛‹0301›");
        let many = format!("a{}", "\u{301}".repeat(6));
        assert_eq!(printable(&many), "a\u{301}\u{301}\u{301}\u{301}‹0301›‹0301›");
    }

    #[test]
    fn an_emoji_of_several_characters_is_shown_with_what_joins_them() {
        assert_eq!(printable("👩\u{200d}💻"), "👩‹200D›💻");
        assert_eq!(printable("❤\u{fe0f}"), "❤‹FE0F›");
    }

    #[test]
    fn the_classes_of_characters_are_known() {
        for class in [UNSEEN, MARKS] {
            assert!(matches!(regex_syntax::parse(class).map(regex_syntax::hir::Hir::into_kind), Ok(HirKind::Class(_))));
            assert!(ranges_of(class).len() > 100);
        }
    }

    #[test]
    fn a_name_that_is_cut_ends_with_an_ellipsis() {
        assert_eq!(cut("device-0042", 9), "device-0…");
        assert_eq!(cut("device-0042", 11), "device-0042");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!((cut("日本語", 1), cut("日本語", 0)), ("…".into(), "".into()));
        assert_eq!(fitted("日本語", 4), "日… ");
        assert_eq!(fitted("ab", 4), "ab  ");
    }

    #[test]
    fn a_sentence_is_broken_between_words_and_a_long_word_within() {
        assert_eq!(wrapped("cannot read table orders-archive-ALL", 12), ["cannot read", "table", "orders-archi", "ve-ALL"]);
        assert_eq!(wrapped("", 12), [""]);
        assert_eq!(wrapped_in("cannot read table orders-archive-ALL", 12, 2), ["cannot read", "table…"]);
        assert_eq!(wrapped_in("cannot readx table", 12, 1), ["cannot read…"]);
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

    /// Texts of characters from everywhere, among them many that cannot be seen.
    fn any_text() -> impl Strategy<Value = String> {
        let character = prop_oneof![
            any::<char>(),
            proptest::char::range('\0', '\u{2ff}'),
            proptest::char::range('\u{300}', '\u{36f}'),
            proptest::char::range('\u{2000}', '\u{206f}'),
            proptest::char::range('\u{e0000}', '\u{e01ff}'),
            proptest::char::range('a', 'e'),
        ];
        proptest::collection::vec(character, 0..60).prop_map(|characters| characters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn nothing_printable_is_unseen_or_does_anything(text in any_text()) {
            let class = regex::Regex::new(UNSEEN).unwrap();
            let safe = printable(&text);
            prop_assert!(!safe.chars().any(char::is_control) && !class.is_match(&safe), "{safe:?}");
            let first = safe.chars().next().map_or(1, |first| first.width().unwrap_or(0));
            prop_assert!(first > 0 && !regex::Regex::new("^\\p{M}").unwrap().is_match(&safe), "{safe:?}");
            prop_assert_eq!(printable(&safe).into_owned(), safe.to_string(), "what is printable stays as it is");
        }

        #[test]
        fn the_columns_said_are_the_columns_shown(text in any_text()) {
            let mut printer = Printer::default();
            for character in text.chars() {
                let shown = printer.take(character);
                let mut written = String::new();
                shown.push_to(&mut written);
                let columns: usize = written.chars().map(|character| character.width().unwrap_or(0)).sum();
                prop_assert_eq!(columns, shown.columns());
            }
        }

        #[test]
        fn a_cut_text_never_looks_whole(text in any_text(), columns in 0..40_usize) {
            let text = printable(&text).into_owned();
            let shown = cut(&text, columns);
            prop_assert!(shown.width() <= columns);
            if *shown != *text {
                prop_assert!(columns == 0 || shown.ends_with('…'));
                prop_assert!(text.width() > columns && text.starts_with(shown.trim_end_matches('…')));
            }
            prop_assert!(fitted(&text, columns).width() == columns);
        }

        #[test]
        fn a_wrapped_text_loses_nothing_but_the_blanks_where_it_breaks(text in any_text(), columns in 8..40_usize, most in 1..4_usize) {
            let text = printable(&text).into_owned();
            for rows in [wrapped(&text, columns), pieces(&text, columns)] {
                prop_assert!(rows.iter().all(|row| row.width() <= columns), "{rows:?}");
                prop_assert_eq!(rows.concat().replace(' ', ""), text.replace(' ', ""));
            }
            prop_assert_eq!(pieces(&text, columns).concat(), text.clone());
            let few = wrapped_in(&text, columns, most);
            prop_assert!(few.len() <= most && few.iter().all(|row| row.width() <= columns));
            if wrapped(&text, columns).len() > most {
                prop_assert!(few.last().is_some_and(|last| last.ends_with('…')), "{few:?}");
            }
        }
    }
}
