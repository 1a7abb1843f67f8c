//! How a table fits a terminal: one line a row, numbers at the right of their columns, and `…` for what is cut.

use crate::domain::text::{cut, fitted};
use crate::terminal::Tone;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Blanks between two columns.
const GAP: usize = 2;
/// The last column keeps this width while identifiers can be cut.
const ROOMY_LAST: usize = 40;
/// Cut no further: the last column, identifiers, all other texts.
const LEAST_LAST: usize = 16;
const LEAST_IDENTIFIER: usize = 7;
const LEAST: usize = 6;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Text,
    Number,
    /// Useless if it is cut.
    Time,
    /// Differs from others at its end.
    Identifier,
}

/// The columns of a table on a terminal.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    columns: Vec<(Content, usize)>,
}

impl Layout {
    /// For rows with these headings, of which some are known, on a terminal of this width.
    pub(super) fn of(headings: &[String], rows: &[impl AsRef<[String]>], at_least: &[usize], terminal: usize) -> Self {
        let cells = |column: usize| rows.iter().filter_map(move |row| row.as_ref().get(column));
        let mut columns: Vec<(Content, usize)> = headings
            .iter()
            .enumerate()
            .map(|(column, heading)| {
                let widest = cells(column).map(|cell| cell.width()).max().unwrap_or_default();
                let width = widest.max(heading.width()).max(at_least.get(column).copied().unwrap_or_default());
                (content(heading, cells(column)), width)
            })
            .collect();
        narrow(&mut columns, terminal);
        Self { columns }
    }

    /// The headings, each as wide as its column.
    pub(super) fn headings(&self, headings: &[String]) -> Vec<String> {
        let shaped_heading = |(heading, (content, width)): (&String, &(Content, usize))| match content {
            Content::Number => shaped(heading, Content::Number, *width),
            Content::Text | Content::Time | Content::Identifier => shaped(heading, Content::Text, *width),
        };
        headings.iter().zip(&self.columns).map(shaped_heading).collect()
    }

    /// The cells of a row, each as wide as its column.
    pub(super) fn cells(&self, row: &[String]) -> Vec<String> {
        row.iter().zip(&self.columns).map(|(cell, (content, width))| shaped(cell, *content, *width)).collect()
    }
}

/// How a cell under this heading stands out.
pub(super) fn tone(heading: &str, cell: &str) -> Tone {
    match (heading, cell) {
        (_, "" | "–") | ("HEALTH", "not archived" | "stream deleted") => Tone::Quiet,
        ("HEALTH", "ok") => Tone::Good,
        ("HEALTH", _) | ("STATE", "unreadable" | "failed") | ("STATUS", "unreadable" | "no permission") => Tone::Bad,
        ("KEY" | "STREAM" | "ID", _) => Tone::Name,
        _ => Tone::Plain,
    }
}

fn content<'c>(heading: &str, mut cells: impl Iterator<Item = &'c String>) -> Content {
    match heading {
        "ARRIVED" | "PLANNED" | "GIVEN UP" => Content::Time,
        "SEQUENCE NUMBER" | "SHARD" | "OBJECT" => Content::Identifier,
        _ if cells.all(|cell| is_number(cell)) => Content::Number,
        _ => Content::Text,
    }
}

/// Whether a cell is a count or a size, or says that there is none.
fn is_number(cell: &str) -> bool {
    let digits = cell.trim_end_matches(['K', 'M', 'G', 'T', 'i', 'B']);
    matches!(cell, "" | "–")
        || digits.starts_with(|character: char| character.is_ascii_digit())
            && digits
                .chars()
                .all(|character| character.is_ascii_digit() || character.is_whitespace() || matches!(character, '.' | ','))
}

/// Takes width away until a row fits, as far as it can: first where the least is lost.
fn narrow(columns: &mut [(Content, usize)], terminal: usize) {
    let total: usize = columns.iter().map(|(_, width)| width + GAP).sum();
    let mut excess = total.saturating_sub(GAP).saturating_sub(terminal);
    let mut take = |width: &mut usize, least: usize| {
        let taken = excess.min(width.saturating_sub(least));
        *width -= taken;
        excess -= taken;
        taken > 0
    };
    if let Some((_, width)) = columns.last_mut() {
        take(width, ROOMY_LAST);
    }
    for (_, width) in columns.iter_mut().filter(|(content, _)| *content == Content::Identifier) {
        take(width, LEAST_IDENTIFIER);
    }
    if let Some((_, width)) = columns.last_mut() {
        take(width, LEAST_LAST);
    }
    let is_cut = |content: Content| matches!(content, Content::Text | Content::Identifier);
    while let Some((_, width)) = columns.iter_mut().filter(|(content, _)| is_cut(*content)).max_by_key(|(_, width)| *width) {
        let one_less = width.saturating_sub(1).max(LEAST);
        if !take(width, one_less) {
            return;
        }
    }
}

fn shaped(cell: &str, content: Content, width: usize) -> String {
    match content {
        Content::Text | Content::Time => fitted(cell, width),
        Content::Number => format!("{}{}", " ".repeat(width.saturating_sub(cell.width())), cut(cell, width)),
        Content::Identifier => fitted(&cut_before(cell, width), width),
    }
}

/// The end of a text, after `…` if something is left out.
fn cut_before(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let fits = |character: &char| {
        let width = character.width().unwrap_or(0);
        let is_room = width <= room;
        room = room.saturating_sub(width);
        is_room
    };
    let kept: Vec<char> = text.chars().rev().take_while(fits).collect();
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    fn drawn(headings: &[&str], rows: &[&[&str]], terminal: usize) -> Vec<String> {
        let (headings, rows) = (texts(headings), rows.iter().map(|row| texts(row)).collect::<Vec<_>>());
        let layout = Layout::of(&headings, &rows, &[], terminal);
        let lines = std::iter::once(layout.headings(&headings)).chain(rows.iter().map(|row| layout.cells(row)));
        lines.map(|cells| cells.join("  ").trim_end().to_owned()).collect()
    }

    const STREAMS: [&[&str]; 2] = [&["orders", "4", "281 KiB", "ok"], &["clickstream", "12", "–", "not archived"]];

    #[test]
    fn numbers_stand_at_the_right_and_what_fits_is_whole() {
        let lines = drawn(&["STREAM", "SHARDS", "SIZE", "HEALTH"], &STREAMS, 80);
        let expected = [
            "STREAM       SHARDS     SIZE  HEALTH",
            "orders            4  281 KiB  ok",
            "clickstream      12        –  not archived",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn identifiers_keep_their_ends_and_times_are_whole() {
        let record =
            ["2026-12-01 03:05:20.000 UTC", "cust-54", "49680725174449953844713820772284792387083608547682942978", "{\"id\":1}"];
        let lines = drawn(&["ARRIVED", "KEY", "SEQUENCE NUMBER", "PAYLOAD"], &[&record], 66);
        assert_eq!(lines[1], "2026-12-01 03:05:20.000 UTC  cust-54  …83608547682942978  {\"id\":1}");
    }

    proptest! {
        #[test]
        fn a_row_fits_the_terminal(
            cells in proptest::collection::vec("[a-z支0-9 ]{0,90}", 4),
            terminal in 60..200_usize,
        ) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            for line in drawn(&["KEY", "SEQUENCE NUMBER", "SHARD", "PAYLOAD"], &[&cells, &["", "", "", ""]], terminal) {
                prop_assert!(line.width() <= terminal, "{line}");
            }
        }
    }
}
