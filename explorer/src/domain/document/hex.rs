//! Bytes as `offset  hex  characters`, in as many bytes a row as there is room for, so that a row never wraps.

use super::Piece;
use crate::domain::text::json_text::Token;
use std::ops::Range;

/// Digits of an offset.
const OFFSET_COLUMNS: usize = 8;

/// How a row of bytes is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) bytes: usize,
    /// Whether offset and characters are shown beside the hex digits.
    is_full: bool,
}

impl Shape {
    /// The widest that fits.
    pub(super) fn of(columns: usize) -> Self {
        let full = [16, 8, 4, 2, 1].map(|bytes| Self { bytes, is_full: true });
        full.into_iter().find(|shape| shape.columns() <= columns).unwrap_or(Self { bytes: 2, is_full: false })
    }

    /// Columns of the hex digits, each byte's with the blank before it.
    fn hex_columns(self) -> usize {
        3 * self.bytes + usize::from(self.gap().is_some())
    }

    fn columns(self) -> usize {
        OFFSET_COLUMNS + 1 + self.hex_columns() + 2 + self.bytes
    }

    /// The byte before which there is one blank more, to count by.
    fn gap(self) -> Option<usize> {
        (self.bytes >= 8).then_some(self.bytes / 2)
    }

    /// The row of these bytes as a text, for many of them.
    pub(super) fn text(self, bytes: &[u8], offset: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |number: usize| char::from(DIGITS[number & 15]);
        let mut text = String::with_capacity(self.columns());
        if self.is_full {
            if offset >> (4 * OFFSET_COLUMNS) > 0 {
                text.push_str(&format!("{offset:x} "));
            } else {
                text.extend((0..OFFSET_COLUMNS).rev().map(|place| digit(offset >> (4 * place))));
                text.push(' ');
            }
        }
        let start = text.len();
        for (at, byte) in bytes.iter().enumerate() {
            if self.is_full || at > 0 {
                text.push_str(if self.gap() == Some(at) { "  " } else { " " });
            }
            text.push(digit(usize::from(byte >> 4)));
            text.push(digit(usize::from(*byte)));
        }
        if self.is_full {
            text.extend(std::iter::repeat_n(' ', (self.hex_columns() + 2).saturating_sub(text.len() - start)));
            text.extend(bytes.iter().map(|byte| character_of(*byte)));
        }
        text
    }

    /// The row of these bytes, some of them marked.
    pub(super) fn pieces(self, bytes: &[u8], offset: usize, matches: &[Range<usize>]) -> Vec<Piece> {
        let mut pieces = Pieces(Vec::new());
        let match_at = |at: usize| matches.iter().position(|range| range.contains(&(offset + at)));
        let is_match = |at: usize| match_at(at).is_some();
        if self.is_full {
            pieces.push(Token::Punctuation, &format!("{offset:0OFFSET_COLUMNS$x} "), false);
        }
        let mut used = 0;
        for (at, byte) in bytes.iter().enumerate() {
            let blanks = if self.gap() == Some(at) { "  " } else { " " };
            // Blanks between two bytes of one match belong to it.
            if self.is_full || at > 0 {
                pieces.push(Token::Plain, blanks, at > 0 && is_match(at) && match_at(at - 1) == match_at(at));
            }
            pieces.push(Token::Plain, &format!("{byte:02x}"), is_match(at));
            used += blanks.len() + 2;
        }
        if self.is_full {
            pieces.push(Token::Plain, &" ".repeat(self.hex_columns() - used + 2), false);
            for (at, byte) in bytes.iter().enumerate() {
                pieces.push(Token::Text, character_of(*byte).encode_utf8(&mut [0; 4]), is_match(at));
            }
        }
        pieces.0
    }
}

fn character_of(byte: u8) -> char {
    if matches!(byte, b' '..=b'~') { char::from(byte) } else { '·' }
}

struct Pieces(Vec<Piece>);

impl Pieces {
    fn push(&mut self, token: Token, text: &str, is_match: bool) {
        match self.0.last_mut() {
            Some(last) if last.token == token && last.is_match == is_match => last.text.push_str(text),
            _ => self.0.push(Piece { token, text: text.to_owned(), is_match }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(columns: usize, bytes: &[u8]) -> String {
        let shape = Shape::of(columns);
        shape.pieces(&bytes[..shape.bytes.min(bytes.len())], 0, &[]).into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn a_row_takes_as_many_bytes_as_there_is_room_for() {
        let bytes = b"\x89PNG\r\n\x1a\n0123456789";
        assert_eq!(text(80, bytes), "00000000  89 50 4e 47 0d 0a 1a 0a  30 31 32 33 34 35 36 37  ·PNG····01234567");
        assert_eq!(text(50, bytes), "00000000  89 50 4e 47  0d 0a 1a 0a  ·PNG····");
        assert_eq!(text(28, bytes), "00000000  89 50 4e 47  ·PNG");
        assert_eq!(text(8, bytes), "89 50");
        assert_eq!(text(80, b"89"), "00000000  38 39                                             89");
        for columns in 8..100 {
            assert!(text(columns, bytes).chars().count() <= columns);
            let shape = Shape::of(columns);
            for (length, offset) in [(shape.bytes, 0), (1, 0x12_3456), (shape.bytes / 2, 0x1_2345_6789)] {
                let bytes = &bytes[..length];
                let pieces: String = shape.pieces(bytes, offset, &[]).into_iter().map(|piece| piece.text).collect();
                assert_eq!(shape.text(bytes, offset), pieces);
            }
        }
    }

    #[test]
    fn a_match_is_marked_as_digits_and_as_characters() {
        let matches = Vec::from([17..18, 18..19]);
        let pieces = Shape::of(80).pieces(b"abcd", 16, &matches);
        let marked: Vec<_> = pieces.iter().filter(|piece| piece.is_match).map(|piece| piece.text.as_str()).collect();
        assert_eq!(marked, ["62", "63", "bc"]);
    }
}
