//! Maps rows to lines and back: how many rows each line takes at a width. It stores a number for each line and a sum for each block of
//! lines, so a fold changes only the sums, and a row is found by a short walk.

use super::wrap::{self, Segment};
use std::collections::HashMap;

/// Lines that can be laid out in rows.
pub(crate) trait Lines {
    /// Lines there are, hidden ones too.
    fn count(&self) -> usize;
    /// The next line that is shown; folded lines are skipped.
    fn next(&self, line: usize) -> usize;
    /// Blanks before each row of the line.
    fn indent(&self, line: usize, columns: usize) -> usize;
    /// The line's bytes.
    fn segments(&self, line: usize) -> Vec<Segment<'_>>;
    /// The line's columns, where that is known without looking at it: each byte is a character of one column.
    fn plain_width(&self, line: usize) -> Option<usize>;
    /// Columns that the line does not exceed, where some are known without looking at it.
    fn most_columns(&self, line: usize) -> Option<usize> {
        self.plain_width(line)
    }
}

/// Lines from one sum of rows to the next.
const LINES_A_BLOCK: usize = 64;
/// Rows from one noted place to the next in a line where a row's place cannot be reckoned.
const ROWS_A_NOTE: usize = 32;

/// Rows of lines at a width.
#[derive(Default)]
pub(crate) struct Layout {
    columns: usize,
    heights: Vec<u32>,
    blocks: Vec<Block>,
    rows: usize,
    /// Of long lines with characters of several bytes or columns: the byte at which every [`ROWS_A_NOTE`]th row begins.
    notes: HashMap<usize, Vec<u32>>,
}

/// Where a run of [`LINES_A_BLOCK`] lines begins.
struct Block {
    rows_before: usize,
    first_shown: usize,
}

/// A row, by its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowOfLine {
    pub(crate) line: usize,
    pub(crate) row: usize,
}

impl Layout {
    pub(crate) fn new(lines: &dyn Lines, columns: usize) -> Self {
        let mut layout = Self { columns, heights: Vec::with_capacity(lines.count()), ..Self::default() };
        for line in 0..lines.count() {
            let height = layout.measure(lines, line);
            layout.heights.push(height);
        }
        layout.sum_up(lines);
        layout
    }

    /// Of no lines.
    pub(crate) fn empty(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// Takes note that lines are folded otherwise; each of `changed` has begun or ceased to be folded.
    pub(crate) fn fold_changed(&mut self, lines: &dyn Lines, changed: impl IntoIterator<Item = usize>) {
        for line in changed {
            let height = self.measure(lines, line);
            if let Some(place) = self.heights.get_mut(line) {
                *place = height;
            }
        }
        self.sum_up(lines);
    }

    /// Columns there are for a line beside its indent.
    pub(crate) fn available(&self, lines: &dyn Lines, line: usize) -> usize {
        self.columns.saturating_sub(lines.indent(line, self.columns)).max(1)
    }

    pub(crate) fn line_of(&self, lines: &dyn Lines, row: usize) -> Option<RowOfLine> {
        if row >= self.rows {
            return None;
        }
        let block = self.blocks.get(self.blocks.partition_point(|block| block.rows_before <= row).checked_sub(1)?)?;
        let (mut before, mut line) = (block.rows_before, block.first_shown);
        loop {
            let height = *self.heights.get(line)? as usize;
            if row < before + height {
                return Some(RowOfLine { line, row: row - before });
            }
            before += height;
            line = lines.next(line);
        }
    }

    /// The row at which a line begins; or, where it is folded away, the line that hides it.
    pub(crate) fn row_of(&self, lines: &dyn Lines, wanted: usize) -> Result<usize, Option<usize>> {
        let block = self.blocks.get(wanted / LINES_A_BLOCK).ok_or(None)?;
        let (mut before, mut line) = (block.rows_before, block.first_shown);
        while line < wanted {
            before += self.heights.get(line).map_or(0, |height| *height as usize);
            line = lines.next(line);
        }
        if line == wanted {
            return Ok(before);
        }
        // The line just before the next shown line hides all lines between.
        Err(before.checked_sub(1).and_then(|row| self.line_of(lines, row)).map(|hiding| hiding.line))
    }

    /// The byte of its line at which a row begins.
    pub(crate) fn offset_of(&self, lines: &dyn Lines, place: RowOfLine) -> usize {
        let available = self.available(lines, place.line);
        if lines.plain_width(place.line).is_some() {
            return place.row * available;
        }
        let segments = lines.segments(place.line);
        let (mut row, mut offset) = self.note(place.line, |note, _| note * ROWS_A_NOTE <= place.row);
        while row < place.row {
            offset = wrap::row_end(&segments, offset, available);
            row += 1;
        }
        offset
    }

    /// The row that shows a byte of a line.
    pub(crate) fn row_with(&self, lines: &dyn Lines, line: usize, offset: usize) -> usize {
        let last = self.heights.get(line).map_or(0, |height| (*height as usize).saturating_sub(1));
        let available = self.available(lines, line);
        if lines.plain_width(line).is_some() {
            return (offset / available).min(last);
        }
        let segments = lines.segments(line);
        let (mut row, mut begin) = self.note(line, |_, noted| noted <= offset);
        while row < last {
            begin = wrap::row_end(&segments, begin, available);
            if begin > offset {
                break;
            }
            row += 1;
        }
        row
    }

    /// The last noted row and byte for which this holds, or the line's first.
    fn note(&self, line: usize, holds: impl Fn(usize, usize) -> bool) -> (usize, usize) {
        let Some(notes) = self.notes.get(&line) else {
            return (0, 0);
        };
        // Notes are in order: found by halving.
        let (mut low, mut high) = (0, notes.len());
        while low < high {
            let middle = low.midpoint(high);
            if holds(middle, notes[middle] as usize) { low = middle + 1 } else { high = middle }
        }
        let note = low.saturating_sub(1);
        (note * ROWS_A_NOTE, notes.get(note).map_or(0, |offset| *offset as usize))
    }

    fn measure(&mut self, lines: &dyn Lines, line: usize) -> u32 {
        let available = self.available(lines, line);
        let rows = match lines.plain_width(line) {
            Some(width) => width.div_ceil(available).max(1),
            None if lines.most_columns(line).is_some_and(|most| most <= available) => 1,
            None => self.count_rows(&lines.segments(line), line, available),
        };
        u32::try_from(rows).unwrap_or(u32::MAX)
    }

    fn count_rows(&mut self, segments: &[Segment<'_>], line: usize, available: usize) -> usize {
        self.notes.remove(&line);
        let length = wrap::length(segments);
        // But for a tab, no character has more than three columns a byte: one that is shown by its number has that many.
        if length * 3 <= available && !segments.iter().any(|(_, bytes)| bytes.contains(&b'\t')) {
            return 1;
        }
        let mut notes = vec![0];
        let (mut rows, mut offset) = (1, wrap::row_end(segments, 0, available));
        while offset < length {
            if rows % ROWS_A_NOTE == 0 {
                notes.push(u32::try_from(offset).unwrap_or(u32::MAX));
            }
            offset = wrap::row_end(segments, offset, available);
            rows += 1;
        }
        if notes.len() > 1 {
            self.notes.insert(line, notes);
        }
        rows
    }

    fn sum_up(&mut self, lines: &dyn Lines) {
        let count = lines.count();
        self.blocks.clear();
        self.rows = 0;
        let mut line = 0;
        while line < count {
            while self.blocks.len() * LINES_A_BLOCK <= line {
                self.blocks.push(Block { rows_before: self.rows, first_shown: line });
            }
            self.rows += self.heights.get(line).map_or(0, |height| *height as usize);
            line = lines.next(line);
        }
        // The last lines may all be hidden.
        while self.blocks.len() * LINES_A_BLOCK < count {
            self.blocks.push(Block { rows_before: self.rows, first_shown: count });
        }
    }
}
