//! One row as it is shown. The screen gets it from a document, which does not keep it.

use crate::domain::text::json_text::Token;

/// One row of a document, as it is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// The line that it is of, counted from 0; in hex, every row is a line.
    pub line: usize,
    /// Whether it is its line's first row; the others continue the line.
    pub begins_line: bool,
    /// Whether something is folded here, or can be.
    pub fold: Option<Fold>,
    /// What is shown, left to right.
    pub pieces: Vec<Piece>,
}

/// A part of a row that looks alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub token: Token,
    /// Its text, printable.
    pub text: String,
    /// Whether it is part of a match.
    pub is_match: bool,
}

/// What a row begins that can be folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// It is shown.
    Open,
    /// It is hidden.
    Folded,
}
