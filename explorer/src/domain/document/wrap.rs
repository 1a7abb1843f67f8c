//! Rows out of bytes: decodes characters, makes them printable and says where a row is full. One step is one row, wherever it
//! is in its line, so the cost depends only on what is shown.

use super::Piece;
use crate::domain::text::json_text::Token;
use crate::domain::text::{Printer, Shown};
use std::borrow::Cow;
use std::ops::Range;

/// A part of a line that is of one kind.
pub(crate) type Segment<'d> = (Token, Cow<'d, [u8]>);

/// Columns from one tab stop to the next.
const TAB_COLUMNS: usize = 4;

/// Whether each byte is a character of one column.
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    // Not `all`, which stops at the first and is therefore not vectorised.
    bytes.chunks(1024).all(|chunk| chunk.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~')))
}

/// Bytes of a line.
pub(crate) fn length(segments: &[Segment<'_>]) -> usize {
    segments.iter().map(|(_, bytes)| bytes.len()).sum()
}

/// Where the row ends that begins at this byte of the line.
pub(crate) fn row_end(segments: &[Segment<'_>], from: usize, available: usize) -> usize {
    walk(segments, from, available, |_, _, _| {})
}

/// The row that begins at this byte of the line, in printable pieces; bytes of the line in `matches` are marked.
pub(crate) fn row_pieces(segments: &[Segment<'_>], from: usize, available: usize, matches: &[Range<usize>]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut matches = matches.iter().peekable();
    walk(segments, from, available, |token, at, shown| {
        while matches.next_if(|range| range.end <= at).is_some() {}
        let is_match = matches.peek().is_some_and(|range| range.contains(&at));
        if pieces.last().is_none_or(|last| last.token != token || last.is_match != is_match) {
            pieces.push(Piece { token, text: String::new(), is_match });
        }
        if let Some(Piece { text, .. }) = pieces.last_mut() {
            match shown {
                // Of a tab, the blanks to the next stop.
                Shown::As(' ', blanks) => text.extend(std::iter::repeat_n(' ', blanks)),
                Shown::As(..) | Shown::ByNumber(_) => shown.push_to(text),
            }
        }
    });
    pieces
}

#[cfg(test)]
thread_local! {
    /// Characters visited in this thread, for tests to say how much work something may take.
    pub(super) static VISITED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Visits the characters of one row, with kind, place and how each is shown; returns where the row ends. However narrow, a row takes a
/// character, and marks that take no column are never parted from what they stand on.
fn walk(segments: &[Segment<'_>], from: usize, available: usize, mut visit: impl FnMut(Token, usize, Shown)) -> usize {
    let mut printer = Printer::default();
    let mut used = 0;
    let mut begin = 0;
    for (token, bytes) in segments {
        let end = begin + bytes.len();
        let mut at = from.max(begin);
        while at < end {
            let (character, length) = first_character(&bytes[at - begin..]);
            let mut shown = match (character, printer.take(character)) {
                ('\t', _) => Shown::As(' ', (TAB_COLUMNS - used % TAB_COLUMNS).min(available.saturating_sub(used).max(1))),
                (_, shown) => shown,
            };
            if used + shown.columns() > available {
                if used > 0 {
                    return at;
                }
                shown = Shown::As('·', 1);
            }
            #[cfg(test)]
            VISITED.with(|visited| visited.set(visited.get() + 1));
            visit(*token, at, shown);
            used += shown.columns();
            at += length;
        }
        begin = end;
    }
    begin
}

/// The first character and its bytes; invalid UTF-8 is one replacement character, as in [`String::from_utf8_lossy`].
fn first_character(bytes: &[u8]) -> (char, usize) {
    let length = match bytes.first() {
        Some(byte @ 0..0x80) => return (char::from(*byte), 1),
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        _ => 1,
    };
    let sequence = &bytes[..length.min(bytes.len())];
    match std::str::from_utf8(sequence) {
        Ok(text) => (text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER), length),
        Err(error) => (char::REPLACEMENT_CHARACTER, error.error_len().unwrap_or(sequence.len()).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::text::printable;
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    fn segment(bytes: &[u8]) -> [Segment<'_>; 1] {
        [(Token::Plain, Cow::Borrowed(bytes))]
    }

    fn rows(bytes: &[u8], available: usize) -> Vec<String> {
        let segments = segment(bytes);
        let mut rows = Vec::new();
        let mut from = 0;
        while from < bytes.len() {
            rows.push(row_pieces(&segments, from, available, &[]).into_iter().map(|piece| piece.text).collect());
            from = row_end(&segments, from, available);
        }
        rows
    }

    #[test]
    fn tabs_wide_characters_and_controls_are_laid_out() {
        assert_eq!(rows(b"a\tb\tc\td", 10), ["a   b   c ", "d"]);
        assert_eq!(rows("日本語x".as_bytes(), 5), ["日本", "語x"]);
        assert_eq!(rows(b"\x1b[2J\xff\xf0\x9f", 8), ["␛[2J\u{fffd}\u{fffd}"]);
    }

    #[test]
    fn accents_do_not_make_a_row_endless() {
        let accents = "\u{301}".repeat(1_000);
        assert_eq!(rows(accents.as_bytes(), 8)[0], "‹0301›");
        assert!(row_end(&segment(format!("a{accents}").as_bytes()), 0, 8) <= 20);
    }

    #[test]
    fn matches_are_marked_where_they_stand() {
        let pieces = row_pieces(&segment(b"one two one"), 4, 80, &[0..3, 8..11]);
        let marked: Vec<_> = pieces.iter().map(|piece| (piece.text.as_str(), piece.is_match)).collect();
        assert_eq!(marked, [("two ", false), ("one", true)]);
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z\t日é\u{301}\u{fe0f}☺🏽\u{200d}👩\u{1b}]{0,200}", ".{0,200}"]
    }

    proptest! {
        #[test]
        fn all_rows_together_are_the_line(text in any_text(), available in 8..40_usize) {
            let segments = segment(text.as_bytes());
            let mut from = 0;
            while from < text.len() {
                let row: String = row_pieces(&segments, from, available, &[]).into_iter().map(|piece| piece.text).collect();
                prop_assert!(row.width() <= available, "{row:?}");
                let end = row_end(&segments, from, available);
                // Each row stands for itself: a mark that is the first of a row has nothing to stand on.
                let expected = printable(&text[from..end]);
                // Of a tab there are as many blanks as fit.
                prop_assert_eq!(row.replace(' ', ""), expected.replace(' ', ""));
                if !text.contains('\t') {
                    prop_assert_eq!(row, expected);
                }
                prop_assert!(end > from);
                from = end;
            }
        }

        #[test]
        fn a_row_too_narrow_for_a_character_takes_it_all_the_same(text in any_text(), available in 0..8_usize) {
            let rows = rows(text.as_bytes(), available);
            prop_assert!(rows.len() <= text.chars().count());
            prop_assert!(rows.iter().all(|row| row.width() <= available.max(1)), "{rows:?}");
        }

        #[test]
        fn what_is_no_utf8_is_read_as_the_standard_library_reads_it(bytes: Vec<u8>) {
            let shown: String = rows(&bytes, 1 << 20).concat();
            let expected = String::from_utf8_lossy(&bytes);
            prop_assert_eq!(shown.replace(' ', ""), printable(&expected).replace(' ', ""));
        }
    }
}
