//! What differs between two texts, line by line, as rows to read: lines kept, removed and added, with the words that differ
//! within a line. For JSON, the caller passes the lines of a document, so that a moved blank is not a difference.

#[cfg(test)]
mod tests;
mod words;

use super::document::{Direction, Layout, Lines, Piece, Segment, Text, row_pieces};
use super::text::count;
use crate::domain::text::json_text::Token;
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::iter;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Two large texts that have little in common are compared for so long; then what is left counts as replaced.
const PATIENCE: Duration = Duration::from_millis(500);
/// Equal lines shown on either side of a change.
const CONTEXT_LINES: usize = 3;
/// Fewer equal lines than this are not folded.
const MIN_FOLDED_LINES: usize = 4;
/// Fewer columns are not laid out for.
const MIN_COLUMNS: usize = 8;
/// Columns before each row's text, for the sign that says what has changed.
const SIGN_COLUMNS: usize = 2;

/// The differences between two texts.
pub struct Diff {
    entries: Entries,
    layout: Layout,
    added: usize,
    removed: usize,
    is_exact: bool,
}

/// What a row of a difference shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A line of both texts.
    Kept,
    /// A line of the old text only.
    Removed,
    /// A line of the new text only.
    Added,
    /// So many lines of both texts, hidden.
    Folded(usize),
}

/// One row of a difference, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffRow {
    /// What it is of.
    pub change: Change,
    /// The sign before its text.
    pub sign: &'static str,
    /// What is shown behind the sign, left to right; what differs within the line is marked as a match.
    pub pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    change: Change,
    old: usize,
    new: usize,
    /// Of a removed or added line: whether `old` and `new` are each other's counterpart.
    is_paired: bool,
}

struct Entries {
    old: Text,
    new: Text,
    list: Vec<Entry>,
}

impl Diff {
    /// Compares two texts.
    #[must_use]
    pub fn of(old: &str, new: &str) -> Self {
        Self::within(old, new, PATIENCE)
    }

    fn within(old: &str, new: &str, patience: Duration) -> Self {
        let text = |text: &str| Text::new(Arc::new(text.as_bytes().to_vec()));
        let (old, new) = (text(old), text(new));
        let mut numbers = HashMap::new();
        let old_lines = numbered(&old, &mut numbers);
        let new_lines = numbered(&new, &mut numbers);
        drop(numbers);
        let deadline = Instant::now() + patience;
        let operations = capture_diff_slices_deadline(Algorithm::Myers, &old_lines, &new_lines, Some(deadline));
        let is_exact = Instant::now() < deadline;
        let mut list = Vec::new();
        for operation in &operations {
            push(&mut list, operation, old.count());
        }
        let lines_of = |wanted: Change| list.iter().filter(|entry| entry.change == wanted).count();
        let (added, removed) = (lines_of(Change::Added), lines_of(Change::Removed));
        Self { entries: Entries { old, new, list }, layout: Layout::default(), added, removed, is_exact }
    }

    /// Lines that only the new text has.
    #[must_use]
    pub fn added(&self) -> usize {
        self.added
    }

    /// Lines that only the old text has.
    #[must_use]
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// Whether no line is said to differ that need not. Texts too large and too different are compared only in part: all that is
    /// shown is true, but some lines shown as removed and added again may be the same.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// Lays it out in rows of this many columns, including the sign, at least ten. Before that, it has no rows.
    pub fn lay_out(&mut self, columns: usize) {
        let columns = columns.saturating_sub(SIGN_COLUMNS).clamp(MIN_COLUMNS, usize::from(u16::MAX));
        if self.layout.columns() != columns {
            self.layout = Layout::new(&self.entries, columns);
        }
    }

    /// Rows there are now.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.layout.rows()
    }

    /// A row, if there is one.
    #[must_use]
    pub fn row(&self, row: usize) -> Option<DiffRow> {
        let place = self.layout.line_of(&self.entries, row)?;
        let entry = self.entries.list.get(place.line)?;
        let available = self.layout.available(&self.entries, place.line);
        let from = self.layout.offset_of(&self.entries, place);
        let emphasis = self.entries.emphasis(entry);
        let pieces = row_pieces(&self.entries.segments(place.line), from, available, &emphasis);
        let sign = match entry.change {
            Change::Removed if place.row == 0 => "− ",
            Change::Added if place.row == 0 => "+ ",
            Change::Removed | Change::Added | Change::Kept | Change::Folded(_) => "  ",
        };
        Some(DiffRow { change: entry.change, sign, pieces })
    }

    /// Shows the equal lines that are hidden at a row; says whether some were.
    pub fn unfold(&mut self, row: usize) -> bool {
        let Some(place) = self.layout.line_of(&self.entries, row) else {
            return false;
        };
        let Some(&Entry { change: Change::Folded(lines), old, new, .. }) = self.entries.list.get(place.line) else {
            return false;
        };
        self.entries.list.splice(place.line..=place.line, kept(old, new, lines));
        self.layout = Layout::new(&self.entries, self.layout.columns());
        true
    }

    /// The row at which the next run of changes begins, before or after this row.
    #[must_use]
    pub fn next_change(&self, row: usize, direction: Direction) -> Option<usize> {
        let here = self.layout.line_of(&self.entries, row)?.line;
        let changes = |at: usize| self.entries.list.get(at).is_some_and(Entry::is_change);
        let begins = |at: &usize| changes(*at) && !at.checked_sub(1).is_some_and(changes);
        let found = match direction {
            Direction::Forward => (here + 1..self.entries.list.len()).find(begins),
            Direction::Backward => (0..here).rev().find(begins),
        };
        self.layout.row_of(&self.entries, found?).ok()
    }
}

/// Each line as a number, the same for equal lines.
fn numbered<'t>(text: &'t Text, numbers: &mut HashMap<&'t [u8], u32>) -> Vec<u32> {
    let mut number = |line| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        *numbers.entry(line).or_insert(next)
    };
    (0..text.count()).map(|line| number(text.line(line))).collect()
}

fn push(list: &mut Vec<Entry>, operation: &DiffOp, old_lines: usize) {
    let (old, new) = (operation.old_range(), operation.new_range());
    if let DiffOp::Equal { len, .. } = *operation {
        // Beside a change some lines are shown, for one to know where it is.
        let before = if old.start == 0 { 0 } else { CONTEXT_LINES };
        let after = if old.end == old_lines { 0 } else { CONTEXT_LINES };
        if len < before + after + MIN_FOLDED_LINES {
            return list.extend(kept(old.start, new.start, len));
        }
        let hidden = len - before - after;
        list.extend(kept(old.start, new.start, before));
        let change = Change::Folded(hidden);
        list.push(Entry { change, old: old.start + before, new: new.start + before, is_paired: false });
        return list.extend(kept(old.end - after, new.end - after, after));
    }
    let paired = old.len().min(new.len());
    let entries = |range: Range<usize>, change| {
        let (old, new) = (old.start, new.start);
        iter::zip(0.., range).map(move |(at, _)| Entry { change, old: old + at, new: new + at, is_paired: at < paired })
    };
    list.extend(entries(old.clone(), Change::Removed));
    list.extend(entries(new.clone(), Change::Added));
}

fn kept(old: usize, new: usize, lines: usize) -> impl Iterator<Item = Entry> {
    (0..lines).map(move |at| Entry { change: Change::Kept, old: old + at, new: new + at, is_paired: true })
}

impl Entry {
    fn is_change(&self) -> bool {
        matches!(self.change, Change::Removed | Change::Added)
    }
}

impl Entries {
    /// The bytes of the line that its counterpart does not have.
    fn emphasis(&self, entry: &Entry) -> Vec<Range<usize>> {
        let (old, new) = (self.old.line(entry.old), self.new.line(entry.new));
        match entry.change {
            Change::Removed if entry.is_paired => words::differing(old, new),
            Change::Added if entry.is_paired => words::differing(new, old),
            Change::Removed | Change::Added | Change::Kept | Change::Folded(_) => Vec::new(),
        }
    }
}

impl Lines for Entries {
    fn count(&self) -> usize {
        self.list.len()
    }

    fn next(&self, line: usize) -> usize {
        line + 1
    }

    fn indent(&self, _: usize, _: usize) -> usize {
        0
    }

    fn segments(&self, line: usize) -> Vec<Segment<'_>> {
        let Some(entry) = self.list.get(line) else {
            return Vec::new();
        };
        match entry.change {
            Change::Kept | Change::Added => self.new.segments(entry.new),
            Change::Removed => self.old.segments(entry.old),
            Change::Folded(lines) => {
                vec![(Token::Punctuation, Cow::Owned(format!("… {} equal lines", count(lines as u64)).into_bytes()))]
            }
        }
    }

    fn plain_width(&self, line: usize) -> Option<usize> {
        let entry = self.list.get(line)?;
        match entry.change {
            Change::Kept | Change::Added => self.new.plain_width(entry.new),
            Change::Removed => self.old.plain_width(entry.old),
            Change::Folded(_) => None,
        }
    }
}

impl fmt::Debug for Diff {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Diff");
        debug.field("added", &self.added).field("removed", &self.removed).field("is_exact", &self.is_exact).finish_non_exhaustive()
    }
}
