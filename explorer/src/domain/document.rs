//! A payload as a document: lines that can be folded, wrapped at any width, searched, and shown from any row at once. It is built
//! once for a payload and a form; what is shown is computed row by row, so that size costs nothing while reading. What leaves here
//! can go to a terminal.

mod hex;
mod json;
mod layout;
mod path;
mod row;
mod search;
mod source;
#[cfg(test)]
mod tests;
mod text;
mod wrap;

use super::decode::{Decoded, Layer};
use crate::domain::text::json_text::Token;
use hex::Shape;
use json::Json;
pub(crate) use layout::{Layout, Lines, RowOfLine};
pub use row::{Fold, Piece, Row};
pub use search::case_matters;
use search::{Match, Matches};
use source::Source;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
pub(crate) use text::Text;
use wrap::row_end;
pub(crate) use wrap::{Segment, row_pieces};

/// Fewer columns are not laid out for.
const MIN_COLUMNS: usize = 8;
/// Bytes of a payload that are laid out as lines; a place in a line is kept in 31 bits.
const MAX_LINES_BYTES: usize = 1 << 31;

/// How a payload is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, one value or several, laid out token by token as they stand.
    Json,
    /// Lines of text.
    Text,
    /// Bytes.
    Hex,
}

/// A payload laid out for reading.
pub struct Document {
    content: Arc<Vec<u8>>,
    body: Body,
    layout: Layout,
    shape: Shape,
    matches: Matches,
}

enum Body {
    Json(Json),
    Text(Text),
    Hex,
}

/// Where to look for the next match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the end, then from the beginning.
    Forward,
    /// Towards the beginning, then from the end.
    Backward,
}

/// A place in a document that stays the same at any width and with anything folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    line: usize,
    offset: usize,
}

impl Form {
    /// The form that suits what a payload is.
    #[must_use]
    pub fn of(decoded: &Decoded) -> Self {
        match decoded.text() {
            Some(_) if decoded.kind() == Layer::Text => Self::Text,
            Some(_) => Self::Json,
            None => Self::Hex,
        }
    }
}

impl Document {
    /// A document of a payload's bytes. What is to be JSON and is not becomes text.
    #[must_use]
    pub fn new(content: impl Into<Arc<Vec<u8>>>, form: Form) -> Self {
        let content = content.into();
        let text = || Body::Text(Text::new(Arc::clone(&content)));
        let body = match form {
            _ if content.len() >= MAX_LINES_BYTES => Body::Hex,
            Form::Json => Json::new(Arc::clone(&content)).map_or_else(text, Body::Json),
            Form::Text => text(),
            Form::Hex => Body::Hex,
        };
        Self { content, body, layout: Layout::default(), shape: Shape::of(0), matches: Matches::default() }
    }

    /// How it is shown.
    #[must_use]
    pub fn form(&self) -> Form {
        match self.body {
            Body::Json(_) => Form::Json,
            Body::Text(_) => Form::Text,
            Body::Hex => Form::Hex,
        }
    }

    /// Lays it out in rows of this many columns, at least eight. Before that, it has no rows.
    pub fn lay_out(&mut self, columns: usize) {
        let columns = columns.clamp(MIN_COLUMNS, usize::from(u16::MAX));
        if self.layout.columns() == columns {
            return;
        }
        self.shape = Shape::of(columns);
        self.layout = match self.body.source() {
            Some(lines) => Layout::new(lines, columns),
            None => Layout::empty(columns),
        };
    }

    /// Rows there are now.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self.body.source() {
            Some(_) => self.layout.rows(),
            None if self.layout.columns() == 0 => 0,
            None => self.content.len().div_ceil(self.shape.bytes),
        }
    }

    /// A row; an empty one if there is none.
    #[must_use]
    pub fn row(&self, row: usize) -> Row {
        let Some(lines) = self.body.source() else {
            return self.hex_row(row);
        };
        let Some(place) = self.layout.line_of(lines, row) else {
            return Row::default();
        };
        let available = self.layout.available(lines, place.line);
        let from = self.layout.offset_of(lines, place);
        let segments = lines.segments(place.line);
        let end = row_end(&segments, from, available);
        let matches = self.matches.within(place.line, from..end);
        let mut pieces = row_pieces(&segments, from, available, &matches);
        let indent = lines.indent(place.line, self.layout.columns());
        if indent > 0 {
            pieces.insert(0, Piece { token: Token::Punctuation, text: " ".repeat(indent), is_match: false });
        }
        let begins_line = place.row == 0;
        Row {
            line: place.line,
            begins_line,
            fold: self.json().filter(|_| begins_line).and_then(|json| json.fold(place.line)),
            pieces,
        }
    }

    /// Folds what begins or ends at this row, or else what contains it; unfolds what is folded there. Returns the row at which that
    /// begins now, for the cursor; `None` where nothing can be folded.
    pub fn toggle_fold(&mut self, row: usize) -> Option<usize> {
        let line = self.layout.line_of(self.body.source()?, row)?.line;
        self.toggle_line(line)
    }

    /// Folds every object and list at this depth or deeper, and unfolds the rest.
    pub fn fold_all(&mut self, depth: usize) {
        if let Body::Json(json) = &mut self.body {
            let changed = json.fold_from(depth);
            if self.layout.columns() > 0 {
                self.layout.fold_changed(json, changed);
            }
        }
    }

    /// Unfolds everything.
    pub fn unfold_all(&mut self) {
        self.fold_all(usize::MAX);
    }

    /// Looks for a text in the whole payload, folded or not, and returns how often it is there. Case matters where the text has an
    /// upper-case letter; characters beyond ASCII are found escaped (`\u00fc`), too; in hex, digits (`0d 0a`) are searched as
    /// bytes, too. An empty text is nowhere.
    pub fn search(&mut self, needle: &str) -> usize {
        self.matches = match self.body.source() {
            Some(lines) => Matches::in_lines(lines, needle, self.form()),
            None => Matches::in_bytes(&self.content, needle),
        };
        self.matches.len()
    }

    /// How many matches the last search has.
    #[must_use]
    pub fn matches(&self) -> usize {
        self.matches.len()
    }

    /// The row of the next match after or before this row, round the end; what hides it is unfolded.
    pub fn next_match(&mut self, row: usize, direction: Direction) -> Option<usize> {
        let here = self.row_of_line(row)?;
        let found = match direction {
            Direction::Forward => self.matches.count_while(|found| self.row_of_match(found) <= here),
            Direction::Backward => match self.matches.count_while(|found| self.row_of_match(found) < here) {
                0 => self.matches.len().saturating_sub(1),
                before => before - 1,
            },
        };
        let found = self.matches.get(found).or_else(|| self.matches.get(0))?;
        let (line, row) = self.row_of_match(found);
        loop {
            let Some(lines) = self.body.source() else {
                return Some(line);
            };
            match self.layout.row_of(lines, line) {
                Ok(first) => return Some(first + row),
                Err(hiding) => self.toggle_line(hiding?)?,
            };
        }
    }

    /// The numbers of the matches that begin on this row, counted from 0.
    #[must_use]
    pub fn matches_on(&self, row: usize) -> Range<usize> {
        let here = self.row_of_line(row);
        here.map_or(0..0, |here| {
            self.matches.count_while(|found| self.row_of_match(found) < here)
                ..self.matches.count_while(|found| self.row_of_match(found) <= here)
        })
    }

    /// The place that a row shows, to find it again.
    #[must_use]
    pub fn place_of(&self, row: usize) -> Place {
        match self.body.source() {
            Some(lines) => self
                .layout
                .line_of(lines, row)
                .map_or_else(Place::default, |place| Place { line: place.line, offset: self.layout.offset_of(lines, place) }),
            None => Place { line: 0, offset: row * self.shape.bytes },
        }
    }

    /// The row that shows this place now, or hides it.
    #[must_use]
    pub fn row_of(&self, place: Place) -> usize {
        let Some(lines) = self.body.source() else {
            return (place.offset / self.shape.bytes).min(self.rows().saturating_sub(1));
        };
        match self.layout.row_of(lines, place.line) {
            Ok(row) => row + self.layout.row_with(lines, place.line, place.offset),
            Err(hiding) => hiding.and_then(|line| self.layout.row_of(lines, line).ok()).unwrap_or(0),
        }
    }

    /// All of it, neither folded nor wrapped, printable.
    pub fn lines(&self) -> impl Iterator<Item = String> + '_ {
        let shape = Shape::of(usize::MAX);
        let count = self.body.source().map_or_else(|| self.content.len().div_ceil(shape.bytes), |lines| lines.count());
        (0..count).map(move |line| {
            let Some(lines) = self.body.source() else {
                return shape.text(self.hex_bytes(shape, line), line * shape.bytes);
            };
            let mut text = " ".repeat(lines.indent(line, usize::MAX));
            let mut pieces = row_pieces(&lines.whole(line), 0, usize::MAX, &[]);
            match pieces.as_mut_slice() {
                // A long line is not copied.
                [piece] if text.is_empty() => std::mem::take(&mut piece.text),
                pieces => {
                    pieces.iter().for_each(|piece| text.push_str(&piece.text));
                    text
                }
            }
        })
    }

    /// The JSONPath of the value on a row (`$.items[2].sku`).
    #[must_use]
    pub fn path_at(&self, row: usize) -> Option<String> {
        let json = self.json()?;
        Some(json.path(self.layout.line_of(json, row)?.line))
    }

    /// The JSON string, number or word on a row, unchanged; `None` if the row has none.
    #[must_use]
    pub fn scalar_at(&self, row: usize) -> Option<&str> {
        let json = self.json()?;
        json.scalar(self.layout.line_of(json, row)?.line)
    }

    fn json(&self) -> Option<&Json> {
        match &self.body {
            Body::Json(json) => Some(json),
            Body::Text(_) | Body::Hex => None,
        }
    }

    fn toggle_line(&mut self, line: usize) -> Option<usize> {
        let Body::Json(json) = &mut self.body else {
            return None;
        };
        let opening = json.toggle(line)?;
        self.layout.fold_changed(json, [opening]);
        self.layout.row_of(json, opening).ok()
    }

    fn row_of_line(&self, row: usize) -> Option<(usize, usize)> {
        match self.body.source() {
            Some(lines) => self.layout.line_of(lines, row).map(|RowOfLine { line, row }| (line, row)),
            None => Some((row, 0)),
        }
    }

    /// The line of a match, and which of its rows it begins on.
    fn row_of_match(&self, found: Match) -> (usize, usize) {
        let (line, start) = (found.line(), found.bytes().start);
        match self.body.source() {
            Some(lines) => (line, self.layout.row_with(lines, line, start)),
            None => (start / self.shape.bytes, 0),
        }
    }

    fn hex_row(&self, row: usize) -> Row {
        if row >= self.rows() {
            return Row::default();
        }
        let bytes = row * self.shape.bytes..(row + 1) * self.shape.bytes;
        let pieces = self.hex_pieces(self.shape, row, &self.matches.within(0, bytes));
        Row { line: row, begins_line: true, fold: None, pieces }
    }

    fn hex_pieces(&self, shape: Shape, row: usize, matches: &[Range<usize>]) -> Vec<Piece> {
        shape.pieces(self.hex_bytes(shape, row), row * shape.bytes, matches)
    }

    fn hex_bytes(&self, shape: Shape, row: usize) -> &[u8] {
        let start = row * shape.bytes;
        let end = (start + shape.bytes).min(self.content.len());
        self.content.get(start..end).unwrap_or_default()
    }
}

impl Body {
    fn source(&self) -> Option<&dyn Source> {
        match self {
            Self::Json(json) => Some(json),
            Self::Text(text) => Some(text),
            Self::Hex => None,
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Document");
        debug.field("form", &self.form()).field("bytes", &self.content.len()).field("rows", &self.rows()).finish_non_exhaustive()
    }
}
