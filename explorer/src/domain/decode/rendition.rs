//! JSON text that shows what a binary format holds, written piece by piece and never beyond a bound. The formats' readers write it; it
//! knows none of them.

use crate::domain::text::size;
use half::f16;

/// A JSON text in the making, or several after one another, a line each.
#[derive(Debug)]
pub(super) struct Rendition {
    text: Vec<u8>,
    /// Bytes that it may have.
    most: usize,
}

/// Why bytes cannot be shown in a format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    #[error("it ends too early")]
    Cut,
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("it would be more than {} as JSON", size(*.0 as u64))]
    TooLarge(usize),
    #[error("it may as well be something else")]
    Doubtful,
    #[error("it has more than {0} fields")]
    TooMany(usize),
    #[error("{0}")]
    Invalid(&'static str),
}

/// Lists, maps and messages inside one another; fewer than JSON's readers take. Source: serde_json, recursion limit 128.
pub(super) const MAX_DEPTH: usize = 100;

impl Rendition {
    /// Empty, and limited to this many bytes.
    pub(super) fn within(most: usize) -> Self {
        Self { text: Vec::new(), most }
    }

    /// Begins the next of several values.
    pub(super) fn next_value(&mut self) -> Result<(), Unreadable> {
        if self.text.is_empty() { Ok(()) } else { self.push("\n") }
    }

    /// Takes a piece as it is.
    pub(super) fn push(&mut self, piece: &str) -> Result<(), Unreadable> {
        self.text.extend_from_slice(piece.as_bytes());
        self.is_within_bounds()
    }

    /// Writes a text, in quotes.
    pub(super) fn string(&mut self, text: &str) -> Result<(), Unreadable> {
        serde_json::to_writer(&mut self.text, text).map_err(|_| Unreadable::Invalid("it has a text that JSON cannot have"))?;
        self.is_within_bounds()
    }

    /// Writes bytes: `{"hex":"00ff"}`.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        self.push("{\"hex\":")?;
        self.hex(bytes)?;
        self.push("}")
    }

    /// Writes bytes' digits, in quotes.
    pub(super) fn hex(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.push("\"")?;
        for chunk in bytes.chunks(1024) {
            self.text.extend(chunk.iter().flat_map(|byte| [byte >> 4, byte & 0xF]).map(|digit| DIGITS[usize::from(digit)]));
            self.is_within_bounds()?;
        }
        self.push("\"")
    }

    /// Writes a whole number.
    pub(super) fn integer(&mut self, number: impl Into<i128>) -> Result<(), Unreadable> {
        self.push(&number.into().to_string())
    }

    /// Writes a number, as a text where JSON has none for it.
    pub(super) fn float(&mut self, number: f64) -> Result<(), Unreadable> {
        match serde_json::Number::from_f64(number) {
            Some(number) => self.push(&number.to_string()),
            None => self.not_finite(number),
        }
    }

    /// Writes a number of half the precision, with no more digits than it has.
    pub(super) fn short_float(&mut self, number: f32) -> Result<(), Unreadable> {
        // Debug has the shortest digits that read as the same number, with an exponent where JSON would have one.
        if number.is_finite() { self.push(&format!("{number:?}")) } else { self.not_finite(f64::from(number)) }
    }

    /// Writes a number of a quarter of the precision, with no more digits than it has.
    pub(super) fn half_float(&mut self, number: f64) -> Result<(), Unreadable> {
        /// Digits after the first that tell apart all numbers of 11 bits.
        const MAX_DIGITS: usize = 4;
        // A whole number has no digits that it could lose.
        if number.fract() == 0.0 {
            return self.float(number);
        }
        let wanted = f16::from_f64(number);
        let written = (0..=MAX_DIGITS).map(|digits| format!("{number:.digits$e}")).find_map(|text| {
            let short = text.parse::<f64>().ok()?;
            (f16::from_f64(short) == wanted).then_some(short)
        });
        self.float(written.unwrap_or(number))
    }

    fn not_finite(&mut self, number: f64) -> Result<(), Unreadable> {
        self.push(match number {
            _ if number.is_nan() => "\"NaN\"",
            _ if number.is_sign_negative() => "\"-Infinity\"",
            _ => "\"Infinity\"",
        })
    }

    /// How far it is, for [`Self::make_key`].
    pub(super) fn position(&self) -> usize {
        self.text.len()
    }

    /// Puts what was written since `position`, a number, a word or a text, in quotes, unless it is.
    pub(super) fn make_key(&mut self, position: usize) -> Result<(), Unreadable> {
        if self.text.get(position) != Some(&b'"') {
            self.text.insert(position, b'"');
            self.push("\"")?;
        }
        self.push(":")
    }

    /// Makes a text of the JSON that was written since `position`, since a key can be nothing else.
    pub(super) fn make_text(&mut self, position: usize) -> Result<(), Unreadable> {
        let json = String::from_utf8(self.text.split_off(position)).unwrap_or_default();
        self.string(&json)
    }

    /// The text.
    pub(super) fn finish(self) -> Result<String, Unreadable> {
        String::from_utf8(self.text).map_err(|_| Unreadable::Invalid("it has a text that is not UTF-8"))
    }

    fn is_within_bounds(&self) -> Result<(), Unreadable> {
        if self.text.len() > self.most { Err(Unreadable::TooLarge(self.most)) } else { Ok(()) }
    }
}

/// One level further down.
pub(super) fn deeper(depth: usize) -> Result<usize, Unreadable> {
    if depth == MAX_DEPTH { Err(Unreadable::TooDeep) } else { Ok(depth + 1) }
}
