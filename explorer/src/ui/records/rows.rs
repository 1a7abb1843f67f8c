//! The rows of the list: a record each, and between them the times that were not read.

use super::super::spots::Spots;
use super::super::theme::Theme;
use super::super::{column_widths, first_visible};
use crate::app::model::Model;
use crate::app::mouse::Spot;
use crate::app::records::{Origin, Records};
use crate::domain::fields::{self, FieldPath, FieldValue, Fields};
use crate::domain::reading::following::Gap;
use crate::domain::record::Record;
use crate::domain::record::preview::preview;
use crate::domain::text::{cut, printable};
use crate::domain::time::{FULL_COLUMNS, SHORT_COLUMNS};
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Row, Table};
use std::ops::Range;
use std::sync::Arc;
use unicode_width::UnicodeWidthStr as _;

/// Columns of the terminal that a field takes at the most.
const WIDEST_FIELD: usize = 24;
/// Columns below which the cut value of a field says nothing.
const NARROWEST_FIELD: usize = 4;
/// The same for a column that nobody asked for.
const SHORTEST_WHOLE: usize = 12;
/// Columns that the beginning of a payload needs beside its fields.
const NARROWEST_PAYLOAD: usize = 16;
/// Columns that the beginning of a payload has before times and shards are written out.
const ROOMY_PAYLOAD: usize = 40;
const SHARD_WIDTH: usize = 5;
/// Columns of a shard's whole name, as Kinesis gives it.
const WHOLE_SHARD_WIDTH: usize = 20;
const SIZE_WIDTH: usize = 8;
/// Columns of a wide list.
const ROOMY_LIST: usize = 100;

/// A column of the list.
#[derive(Clone, Copy)]
enum Column<'c> {
    Mark,
    Arrived { is_full: bool },
    Key(usize),
    Field(&'c FieldPath, usize),
    Shard { is_whole: bool },
    Size,
    Payload,
}

/// A row that is seen.
struct Seen<'r> {
    rank: usize,
    record: Option<&'r Arc<Record>>,
    fields: Option<&'r Fields>,
}

pub(super) fn draw(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect, spots: &mut Spots) {
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_visible(records.cursor, records.rows.len(), height);
    let last = (first + height).min(records.rows.len());
    // A gap takes a row of its own.
    let height = height.saturating_sub(gaps(model, records, first..last + 1).len());
    let first = first_visible(records.cursor, records.rows.len(), height);
    let last = (first + height).min(records.rows.len());
    let gaps = gaps(model, records, first..last + 1);
    let seen: Vec<Seen<'_>> = (first..last).map(|rank| seen(records, rank)).collect();
    let columns = columns(records, &seen, usize::from(area.width));
    let widths: Vec<Constraint> = columns.iter().map(Column::width).collect();
    let places = column_widths(&widths, area.width);
    let range = records.range();
    let mut over = Vec::new();
    let mut rows: Vec<Row<'_>> = Vec::with_capacity(seen.len() + gaps.len());
    for row in &seen {
        let is_current = row.rank == records.cursor;
        let cells = match row.record {
            Some(record) => {
                if let Some(text) = without_fields(record, row, &columns, &places) {
                    over.push((row.rank, text));
                }
                let cell = |(column, width): (&Column<'_>, &usize)| cell(model, records, theme, row, record, *column, *width);
                columns.iter().zip(&places).map(cell).collect()
            }
            None => vec![Cell::from(if is_current { " ▸" } else { "" }), Cell::from("…")],
        };
        let is_in_range = range.as_ref().is_some_and(|range| range.contains(&row.rank));
        let drawn = Row::new(cells);
        rows.push(if is_current {
            drawn.style(theme.selected())
        } else if is_in_range {
            drawn.style(theme.mark())
        } else {
            drawn
        });
    }
    let mut lines = Vec::new();
    for (above, (rank, text)) in gaps.iter().enumerate() {
        let place = rank - first + above;
        rows.insert(place, Row::new([""]));
        lines.push((place, text));
    }
    let header = columns.iter().zip(&places).map(|(column, width)| column.title(model, *width));
    frame.render_widget(Table::new(rows, widths).header(Row::new(header).style(theme.quiet())), area);
    let row_of = |place: usize| area.y.saturating_add(1).saturating_add(u16::try_from(place).unwrap_or(u16::MAX));
    let row_of_rank = |rank: usize| row_of(rank - first + gaps.iter().filter(|(below, _)| *below <= rank).count());
    for rank in first..last {
        let y = row_of_rank(rank);
        spots.note(Rect { y, height: 1, ..area }.intersection(area), Spot::Row(rank));
    }
    for (rank, (column, text)) in over {
        let y = row_of_rank(rank);
        let x = area.x.saturating_add(u16::try_from(column).unwrap_or(u16::MAX));
        if y < area.bottom() && x < area.right() {
            frame.render_widget(Line::styled(text, theme.quiet()), Rect { x, y, height: 1, width: area.right() - x });
        }
    }
    for (place, text) in lines {
        let y = row_of(place);
        if y < area.bottom() {
            let text = cut(text, usize::from(area.width)).into_owned();
            frame.render_widget(Line::styled(text, theme.warning()).centered(), Rect { y, height: 1, ..area });
        }
    }
}

fn seen(records: &Records, rank: usize) -> Seen<'_> {
    let place = records.rows.listing.get(rank).map(|entry| entry.place());
    Seen { rank, record: records.rows.get(rank), fields: place.and_then(|place| records.columns.of(place)) }
}

/// The columns that fit: fields come before what the detail shows anyway.
fn columns<'c>(records: &'c Records, seen: &[Seen<'_>], width: usize) -> Vec<Column<'c>> {
    let longest_key = seen.iter().filter_map(|row| row.record).map(|record| key(record).width()).max();
    // A wide list has room for whole keys.
    let most = if width >= ROOMY_LIST { width / 3 } else { width / 4 };
    let key = Column::Key(longest_key.unwrap_or(0).clamp(6, most.max(6)));
    let mut columns = vec![Column::Mark, Column::Arrived { is_full: false }, key];
    let is_automatic = records.columns.choice == fields::Columns::Automatic;
    for field in records.columns.shown() {
        let values = seen.iter().filter_map(|row| row.fields?.get(field)).map(|value| value.shown().width()).max();
        if values.is_none() && is_automatic {
            continue;
        }
        let room = width.saturating_sub(taken(&columns));
        let wanted = values.unwrap_or(0).max(field.name().width()).clamp(1, WIDEST_FIELD);
        let narrowest = if is_automatic { SHORTEST_WHOLE } else { NARROWEST_FIELD };
        if room < wanted.min(narrowest) {
            break;
        }
        columns.push(Column::Field(field, wanted.min(room)));
    }
    if columns.len() == 3 {
        columns.extend([Column::Shard { is_whole: false }, Column::Size, Column::Payload]);
        return written_out(columns, width);
    }
    for column in [Column::Size, Column::Shard { is_whole: false }] {
        if taken(&columns) + column.columns() <= width {
            columns.push(column);
        }
    }
    if taken(&columns) + NARROWEST_PAYLOAD <= width {
        columns.push(Column::Payload);
    }
    written_out(columns, width)
}

/// Columns of the terminal that these take, each with the blank behind it.
fn taken(columns: &[Column<'_>]) -> usize {
    columns.iter().map(|column| column.columns() + 1).sum()
}

/// The same columns, with full times and whole names of shards where the payloads leave room for them.
fn written_out(mut columns: Vec<Column<'_>>, width: usize) -> Vec<Column<'_>> {
    let wider: [fn(&Column<'_>) -> Option<Column<'static>>; 2] = [
        |column| matches!(column, Column::Arrived { .. }).then_some(Column::Arrived { is_full: true }),
        |column| matches!(column, Column::Shard { .. }).then_some(Column::Shard { is_whole: true }),
    ];
    for wider in wider {
        let before = taken(&columns);
        for column in &mut columns {
            if let Some(wide) = wider(column)
                && before + wide.columns() - column.columns() + ROOMY_PAYLOAD <= width
            {
                *column = wide;
            }
        }
    }
    columns
}

impl Column<'_> {
    /// Columns of the terminal that it takes, at the least.
    fn columns(&self) -> usize {
        match self {
            Self::Mark => 2,
            Self::Arrived { is_full: false } => usize::from(SHORT_COLUMNS),
            Self::Arrived { is_full: true } => usize::from(FULL_COLUMNS),
            Self::Key(width) | Self::Field(_, width) => *width,
            Self::Shard { is_whole: false } => SHARD_WIDTH,
            Self::Shard { is_whole: true } => WHOLE_SHARD_WIDTH,
            Self::Size => SIZE_WIDTH,
            Self::Payload => 0,
        }
    }

    fn width(&self) -> Constraint {
        match self {
            Self::Payload => Constraint::Fill(1),
            Self::Mark | Self::Arrived { .. } | Self::Key(_) | Self::Field(..) | Self::Shard { .. } | Self::Size => {
                Constraint::Length(u16::try_from(self.columns()).unwrap_or(u16::MAX))
            }
        }
    }

    fn title(&self, model: &Model, width: usize) -> Cell<'static> {
        match self {
            Self::Mark => Cell::from(""),
            Self::Arrived { .. } if model.says_ago => Cell::from("ARRIVED"),
            Self::Arrived { .. } => Cell::from(cut(&format!("ARRIVED {}", model.times.zone_name()), width).into_owned()),
            Self::Key(_) => Cell::from("KEY"),
            Self::Field(field, _) => Cell::from(cut(&printable(field.name()), width).into_owned()),
            Self::Shard { .. } => Cell::from("SHARD"),
            Self::Size => Cell::from(Line::from("SIZE").right_aligned()),
            Self::Payload => Cell::from("PAYLOAD"),
        }
    }
}

fn cell(
    model: &Model,
    records: &Records,
    theme: &Theme,
    row: &Seen<'_>,
    record: &Record,
    column: Column<'_>,
    width: usize,
) -> Cell<'static> {
    match column {
        Column::Mark => {
            let mark = if records.marks.contains(&record.id, &records.fixed) { "●" } else { " " };
            let cursor = if row.rank == records.cursor { "▸" } else { " " };
            Cell::from(Span::styled(format!("{mark}{cursor}"), theme.mark()))
        }
        Column::Arrived { is_full } => arrived(model, record, is_full, theme),
        Column::Key(_) => key_cell(record, theme, width),
        Column::Field(field, _) => match row.fields.and_then(|fields| fields.get(field)) {
            Some(value) => field_cell(value, theme, width),
            None => Cell::from(""),
        },
        Column::Shard { is_whole } => {
            let shard = record.item.shard_id.as_deref();
            let shard = match shard {
                None => "–".to_owned(),
                Some(shard) if is_whole => cut(&printable(shard), width).into_owned(),
                Some(shard) => short_shard(shard),
            };
            Cell::from(Span::styled(shard, theme.quiet()))
        }
        Column::Size => Cell::from(Line::styled(record.size(), theme.quiet()).right_aligned()),
        Column::Payload => Cell::from(payload(record, width)),
    }
}

fn arrived(model: &Model, record: &Record, is_full: bool, theme: &Theme) -> Cell<'static> {
    let Some(at) = record.arrived_at else {
        return Cell::from(Span::styled("no time", theme.warning()));
    };
    let age = model.times.now.as_second().saturating_sub(at.as_second());
    let time = if is_full && !model.says_ago { model.times.full(at) } else { model.when(at) };
    Cell::from(Span::styled(time, theme.age(age)))
}

fn key_cell(record: &Record, theme: &Theme, width: usize) -> Cell<'static> {
    let style = if record.item.problems.is_empty() { Style::new() } else { theme.warning() };
    Cell::from(Span::styled(cut(&key(record), width).into_owned(), style))
}

fn field_cell(value: &FieldValue, theme: &Theme, width: usize) -> Cell<'static> {
    let text = cut(&value.shown(), width).into_owned();
    let line = Line::styled(text, theme.value(value));
    Cell::from(match value {
        FieldValue::Number(_) => line.right_aligned(),
        FieldValue::Text(_) | FieldValue::Truth(_) | FieldValue::Null | FieldValue::List(_) | FieldValue::Object => line,
    })
}

/// The partition key, marked where something is wrong with the record.
fn key(record: &Record) -> String {
    let damage = if record.item.problems.is_empty() { "" } else { "▲ " };
    format!("{damage}{}", printable(&record.id.partition_key))
}

fn payload(record: &Record, width: usize) -> String {
    // A column more than there is says whether there is more.
    cut(&preview(record, width + 1), width).into_owned()
}

/// What a row shows across the columns of the fields where its payload has none of them, and in which column that begins.
fn without_fields(record: &Record, row: &Seen<'_>, columns: &[Column<'_>], widths: &[usize]) -> Option<(usize, String)> {
    let is_field = |column: &Column<'_>| matches!(column, Column::Field(..));
    let first = columns.iter().position(is_field)?;
    let has_one = columns.iter().any(|column| match column {
        Column::Field(field, _) => row.fields.is_some_and(|fields| fields.get(field).is_some()),
        Column::Mark | Column::Arrived { .. } | Column::Key(_) | Column::Shard { .. } | Column::Size | Column::Payload => false,
    });
    if has_one || columns.iter().any(|column| matches!(column, Column::Payload)) {
        return None;
    }
    let count = columns.iter().filter(|column| is_field(column)).count();
    let room = widths.iter().skip(first).take(count).sum::<usize>() + count - 1;
    Some((widths.iter().take(first).sum::<usize>() + first, payload(record, room)))
}

/// The times among these rows of which nothing was read, each with the rank of the row below it.
fn gaps(model: &Model, records: &Records, shown: Range<usize>) -> Vec<(usize, String)> {
    let again = if matches!(records.origin, Origin::Stream(_)) { "" } else { ", F5 reads again" };
    let text = |gap: &Gap| format!("┈┈ {} – {} was not read{again} ┈┈", model.times.short(gap.from), model.times.short(gap.until));
    let rank = |gap: &Gap| records.rows.listing.count_since(gap.until.as_millisecond());
    let mut gaps: Vec<(usize, String)> = records.rows.gaps.iter().map(|gap| (rank(gap), text(gap))).collect();
    gaps.retain(|(rank, _)| shown.contains(rank));
    gaps.sort_by_key(|(rank, _)| *rank);
    gaps
}

/// `…003` for `shardId-000000000003`.
pub(super) fn short_shard(shard: &str) -> String {
    let digits: Vec<char> = shard.chars().rev().take(3).collect();
    format!("…{}", printable(&digits.into_iter().rev().collect::<String>()))
}
