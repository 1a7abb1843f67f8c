//! The streams and their archives.

use super::hints;
use super::theme::Theme;
use super::{block, column_widths, cut_line, first_visible, framed, seen_of};
use crate::app::model::Model;
use crate::app::streams::StreamRow;
use crate::domain::stream::overview::{Health, StreamOverview};
use crate::domain::text::{count, cut, printable, short_count, size, wrapped_in};
use archiver::aws::failure::FailureKind;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};

const DASH: &str = "–";
/// Most rows for a sentence about the stream under the cursor.
const MOST_NOTE_ROWS: usize = 3;
/// From this width on, all columns of the table are shown.
const COLUMNS_FOR_ALL: u16 = 112;

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let streams = &model.streams;
    let rows = streams.visible();
    let title = if streams.typing || !streams.filter.text().is_empty() {
        format!("Streams ─ filter: {}", printable(streams.filter.text()))
    } else {
        "Streams".to_owned()
    };
    let status = if streams.listing.is_some() && !streams.listed {
        " reading … ".to_owned()
    } else {
        format!(" {} of {}, by {} ", rows.len(), streams.rows.len(), streams.sort.as_str())
    };
    let title_columns = usize::from(area.width).saturating_sub(2);
    let frame_block = block(framed(&title, title_columns), theme).title_bottom(Line::from(status).right_aligned());
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    if streams.typing {
        let column = inner.x + 19 + u16::try_from(streams.filter.cursor_column()).unwrap_or(0);
        frame.set_cursor_position((column.min(area.right() - 1), area.y));
    }
    let mut inner = inner;
    if let Some(line) = &streams.opening {
        let prompt = " open file: ";
        let hint = if line.text().is_empty() { "orders.jsonl, exported from a records screen" } else { "" };
        let room = usize::from(inner.width).saturating_sub(prompt.len() + 1).max(1);
        let (text, hidden) = seen_of(line, room);
        let spans = vec![Span::styled(prompt, theme.key()), Span::raw(text), Span::styled(hint, theme.quiet())];
        frame.render_widget(cut_line(spans, usize::from(inner.width)), Rect { height: inner.height.min(1), ..inner });
        let column = inner.x + u16::try_from(prompt.len() + line.cursor_column() - hidden).unwrap_or(0);
        frame.set_cursor_position((column.min(inner.right().saturating_sub(1)), inner.y));
        inner = Rect { y: inner.y + inner.height.min(1), height: inner.height.saturating_sub(1), ..inner };
    }
    if let Some(sentence) = instead_of_rows(model, rows.len()) {
        frame.render_widget(Paragraph::new(sentence).wrap(Wrap { trim: true }), inner);
        return;
    }
    let problem = streams.failure.as_ref().map(ToString::to_string).or_else(|| streams.current().and_then(problem_of));
    let note: Vec<Line<'_>> = problem.map_or_else(Vec::new, |sentence| {
        let rows = wrapped_in(&printable(&sentence), usize::from(inner.width), MOST_NOTE_ROWS);
        rows.into_iter().map(|row| Line::styled(row, theme.warning())).collect()
    });
    let note_rows = u16::try_from(note.len()).unwrap_or(0).min(inner.height);
    let mut table_area = Rect { height: inner.height.saturating_sub(note_rows), ..inner };
    if model.shows_hints() && !streams.is_narrowed() {
        table_area = hints::draw_below(rows.len() + 1, theme, frame, table_area);
    }
    let is_wide = area.width >= COLUMNS_FOR_ALL;
    let height = usize::from(table_area.height.saturating_sub(1));
    let cursor = streams.cursor();
    let first = first_visible(cursor, rows.len(), height);
    let header = if is_wide {
        vec!["  STREAM", "STATUS", "SHARDS", "MODE", "TTL", "ARCHIVE TABLE", "ITEMS ABOUT", "SIZE", "HEALTH"]
    } else {
        vec!["  STREAM", "MODE", "TTL", "ARCHIVE TABLE", "ITEMS", "HEALTH"]
    };
    let longest_name = rows.iter().map(|row| row.name.as_str().len()).max().unwrap_or(0);
    let name_width =
        Constraint::Length(u16::try_from(longest_name + 2).unwrap_or(u16::MAX).clamp(12, (inner.width * 3 / 10).max(12)));
    let widths = if is_wide {
        vec![
            name_width,
            Constraint::Length(8),
            Constraint::Length(6),
            Constraint::Length(6),
            Constraint::Length(5),
            Constraint::Fill(1),
            Constraint::Length(12),
            Constraint::Length(8),
            Constraint::Length(15),
        ]
    } else {
        vec![
            name_width,
            Constraint::Length(6),
            Constraint::Length(4),
            Constraint::Fill(1),
            Constraint::Length(7),
            Constraint::Length(12),
        ]
    };
    let columns = column_widths(&widths, table_area.width);
    let lines = rows.iter().enumerate().skip(first).take(height).map(|(place, row)| {
        let line = Row::new(cells(row, place == cursor, is_wide, &columns, theme));
        if place == cursor { line.style(theme.selected()) } else { line }
    });
    let header: Vec<Cell<'_>> = header
        .into_iter()
        .map(|title| {
            let is_number = matches!(title, "SHARDS" | "ITEMS ABOUT" | "ITEMS" | "SIZE");
            let line = if is_number { Line::from(title).right_aligned() } else { Line::from(title) };
            Cell::from(line)
        })
        .collect();
    frame.render_widget(Table::new(lines, widths).header(Row::new(header).style(theme.quiet())), table_area);
    frame.render_widget(Paragraph::new(note), Rect { y: table_area.bottom(), height: note_rows, ..inner });
}

fn instead_of_rows(model: &Model, rows: usize) -> Option<String> {
    let streams = &model.streams;
    if let Some(failure) = streams.failure.as_ref().filter(|_| streams.rows.is_empty()) {
        return Some(format!("{}.\n\nF5 retries.", printable(&failure.to_string())));
    }
    if rows > 0 {
        return None;
    }
    Some(if !streams.rows.is_empty() {
        format!("No stream's name contains \"{}\"; esc shows all.", printable(streams.filter.text()))
    } else if streams.listed {
        format!("There is no stream in region {}.", model.session.region)
    } else {
        "Reading the streams …".to_owned()
    })
}

fn problem_of(row: &StreamRow) -> Option<String> {
    match &row.failure {
        Some(failure) => Some(failure.to_string()),
        None => row.overview.as_ref().and_then(StreamOverview::problem),
    }
}

fn cells(row: &StreamRow, is_current: bool, is_wide: bool, columns: &[usize], theme: &Theme) -> Vec<Cell<'static>> {
    let fitting = |column: usize, text: String| match columns.get(column) {
        Some(columns) => Cell::from(cut(&printable(&text), *columns).into_owned()),
        None => Cell::from(""),
    };
    let name = fitting(0, format!("{} {}", if is_current { "▸" } else { " " }, row.name));
    let Some(overview) = &row.overview else {
        let state = match &row.failure {
            None => Span::styled("…", theme.quiet()),
            // A user often has access to only a few of an account's streams.
            Some(failure) if failure.kind == FailureKind::AccessDenied => {
                Span::styled(if is_wide { "no permission" } else { "denied" }, theme.quiet())
            }
            Some(_) => Span::styled("▲ unreadable", theme.error()),
        };
        let blanks = if is_wide { 7 } else { 4 };
        let mut cells = vec![name];
        cells.extend(std::iter::repeat_n(Cell::from(""), blanks));
        cells.push(Cell::from(state));
        return cells;
    };
    let right = |text: String| Cell::from(Line::from(text).right_aligned());
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| DASH.to_owned());
    let of_table = || overview.table.as_ref().filter(|_| overview.is_deleted)?.mode().map(|mode| mode.to_string());
    let of_tags = overview.settings().map(|settings| settings.mode_as_written.clone().unwrap_or_else(|| settings.mode.to_string()));
    let mode = or_dash(of_tags.or_else(of_table));
    let ttl = or_dash(overview.settings().and_then(|settings| settings.ttl).map(|ttl| ttl.to_string()));
    let table = or_dash(overview.table.as_ref().map(|table| table.name.clone()));
    let items_of = if is_wide { count } else { short_count };
    let items = or_dash(overview.table.as_ref().map(|table| items_of(table.items)));
    let health = Cell::from(health(overview, row.failure.is_some(), is_wide, theme));
    if !is_wide {
        return vec![name, fitting(1, mode), fitting(2, ttl), fitting(3, table), right(items), health];
    }
    let bytes = or_dash(overview.table.as_ref().map(|table| size(table.size_bytes)));
    vec![
        name,
        fitting(1, overview.status.to_lowercase()),
        right(if overview.is_deleted { DASH.to_owned() } else { overview.open_shards.to_string() }),
        fitting(3, mode),
        fitting(4, ttl),
        fitting(5, table),
        right(items),
        right(bytes),
        health,
    ]
}

fn health(overview: &StreamOverview, is_stale: bool, is_wide: bool, theme: &Theme) -> Span<'static> {
    if is_stale {
        return Span::styled("▲ stale", theme.warning());
    }
    match overview.health() {
        Health::Ok => Span::styled("● ok", theme.ok()),
        Health::NotArchived => Span::styled(if is_wide { "○ not archived" } else { "○ no archive" }, theme.quiet()),
        Health::TagUnreadable => Span::styled("▲ bad tag", theme.error()),
        Health::TableMissing => Span::styled("▲ no table", theme.error()),
        Health::WrongKeys => Span::styled("▲ wrong keys", theme.error()),
        Health::TablePending => Span::styled("◌ pending", theme.warning()),
        Health::StreamDeleted => Span::styled("○ deleted", theme.quiet()),
    }
}
