//! The streams and their archives.

use super::hints;
use super::spots::Spots;
use super::theme::Theme;
use super::{block, column_widths, cut_line, first_visible, framed, seen_of};
use crate::app::command::{Command, GlobalCommand, StreamsCommand};
use crate::app::keymap::key_of;
use crate::app::line::Line as TypedLine;
use crate::app::model::Model;
use crate::app::mouse::Spot;
use crate::app::streams::{Sort, SortBy, StreamGroup, StreamRow, Streams};
use crate::domain::stream::overview::{Health, StreamOverview};
use crate::domain::text::{count, cut, printable, short_count, size, wrapped_in};
use archiver::aws::failure::FailureKind;
use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};
use unicode_width::UnicodeWidthStr as _;

const DASH: &str = "–";
/// Most rows for a sentence about the stream under the cursor.
const MOST_NOTE_ROWS: usize = 3;
/// From this width on, all columns of the table are shown.
const COLUMNS_FOR_ALL: u16 = 112;

/// A column between the stream's name and its health.
struct Column {
    title: &'static str,
    width: Constraint,
    is_number: bool,
    /// How streams are sorted by it, if they can be.
    sort: Option<SortBy>,
    /// `None` is shown as a dash.
    text: fn(&StreamOverview) -> Option<String>,
}

impl Column {
    const fn words(title: &'static str, width: Constraint, text: fn(&StreamOverview) -> Option<String>) -> Self {
        Self { title, width, is_number: false, sort: None, text }
    }

    const fn number(title: &'static str, width: u16, text: fn(&StreamOverview) -> Option<String>) -> Self {
        Self { title, width: Constraint::Length(width), is_number: true, sort: None, text }
    }

    const fn sorted(self, by: SortBy) -> Self {
        Self { sort: Some(by), ..self }
    }

    fn aligned(&self, text: String) -> Cell<'static> {
        let line = Line::from(text);
        Cell::from(if self.is_number { line.right_aligned() } else { line })
    }
}

const WIDE: &[Column] = &[
    Column::words("STATUS", Constraint::Length(8), |overview| Some(overview.status.to_lowercase())),
    Column::number("SHARDS", 6, |overview| (!overview.is_deleted).then(|| overview.open_shards.to_string())),
    Column::words("MODE", Constraint::Length(6), mode).sorted(SortBy::Mode),
    Column::words("TTL", Constraint::Length(5), ttl),
    Column::words("ARCHIVE TABLE", Constraint::Fill(1), table_name),
    Column::number("ITEMS ABOUT", 12, |overview| overview.table.as_ref().map(|table| count(table.items))).sorted(SortBy::Items),
    Column::number("SIZE", 8, |overview| overview.table.as_ref().map(|table| size(table.size_bytes))).sorted(SortBy::Size),
];
const NARROW: &[Column] = &[
    Column::words("MODE", Constraint::Length(6), mode).sorted(SortBy::Mode),
    Column::words("TTL", Constraint::Length(4), ttl),
    Column::words("ARCHIVE TABLE", Constraint::Fill(1), table_name),
    Column::number("ITEMS", 7, |overview| overview.table.as_ref().map(|table| short_count(table.items))).sorted(SortBy::Items),
];

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect, spots: &mut Spots) {
    let streams = &model.streams;
    let rows = streams.visible();
    let title = if streams.typing || !streams.filter.text().is_empty() {
        format!("Streams ─ filter: {}", printable(streams.filter.text()))
    } else {
        "Streams".to_owned()
    };
    let title_columns = usize::from(area.width).saturating_sub(2);
    let title = framed(&title, title_columns);
    let groups = groups(streams, title_columns.saturating_sub(title.width()), theme);
    let frame_block =
        block(title, theme).title_top(groups.right_aligned()).title_bottom(Line::from(status(model, rows.len())).right_aligned());
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    if streams.typing {
        let column = inner.x + 19 + u16::try_from(streams.filter.cursor_column()).unwrap_or(0);
        frame.set_cursor_position((column.min(area.right() - 1), area.y));
    }
    let mut inner = inner;
    if let Some((prompt, hint, line)) = prompt(streams) {
        let hint = if line.text().is_empty() { hint } else { String::new() };
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
    let note = note(model, usize::from(inner.width), theme);
    let note_rows = u16::try_from(note.len()).unwrap_or(0).min(inner.height);
    let mut table_area = Rect { height: inner.height.saturating_sub(note_rows), ..inner };
    if model.shows_hints() && !streams.is_narrowed() {
        table_area = hints::draw_below(rows.len() + 1, theme, frame, table_area);
    }
    let is_wide = area.width >= COLUMNS_FOR_ALL;
    let height = usize::from(table_area.height.saturating_sub(1));
    let cursor = streams.cursor();
    let first = first_visible(cursor, rows.len(), height);
    let longest_name = rows.iter().map(|row| row.name.as_str().len()).max().unwrap_or(0);
    let name_width =
        Constraint::Length(u16::try_from(longest_name + 2).unwrap_or(u16::MAX).clamp(12, (inner.width * 3 / 10).max(12)));
    let columns = if is_wide { WIDE } else { NARROW };
    let health_width = Constraint::Length(if is_wide { 15 } else { 12 });
    let widths: Vec<Constraint> =
        [name_width].into_iter().chain(columns.iter().map(|column| column.width)).chain([health_width]).collect();
    let fitting = column_widths(&widths, table_area.width);
    let below_titles = Rect { y: table_area.y.saturating_add(1), height: table_area.height.saturating_sub(1), ..table_area };
    spots.note_rows(below_titles, (first..rows.len()).map(Spot::Row));
    let lines = rows.iter().enumerate().skip(first).take(height).map(|(place, row)| {
        let line = Row::new(cells(row, place == cursor, is_wide, &fitting, theme));
        if place == cursor { line.style(theme.selected()) } else { line }
    });
    let sorts = std::iter::once(Some(SortBy::Name)).chain(columns.iter().map(|column| column.sort));
    note_titles(sorts, &fitting, table_area, spots);
    let titles = columns
        .iter()
        .zip(&fitting[1..])
        .map(|(column, width)| column.aligned(titled(column.title, column.sort, streams.sort, *width)));
    let name_title = titled("  STREAM", Some(SortBy::Name), streams.sort, fitting[0]);
    let header = [Cell::from(name_title)].into_iter().chain(titles).chain([Cell::from("HEALTH")]);
    frame.render_widget(Table::new(lines, widths).header(Row::new(header).style(theme.quiet())), table_area);
    frame.render_widget(Paragraph::new(note), Rect { y: table_area.bottom(), height: note_rows, ..inner });
}

/// A column's title, with a sign if the streams are sorted by it.
fn titled(title: &str, by: Option<SortBy>, sort: Sort, columns: usize) -> String {
    match by {
        Some(by) if by == sort.by && title.len() + 2 > columns => format!("{title}{}", sort.sign()),
        Some(by) if by == sort.by => format!("{title} {}", sort.sign()),
        Some(_) | None => title.to_owned(),
    }
}

/// Notes the titles by which streams can be sorted.
fn note_titles(sorts: impl Iterator<Item = Option<SortBy>>, widths: &[usize], area: Rect, spots: &mut Spots) {
    let mut x = area.x;
    for (sort, width) in sorts.zip(widths) {
        let width = u16::try_from(*width).unwrap_or(u16::MAX);
        if let Some(by) = sort {
            spots.note(Rect { x, width, height: 1, ..area }.intersection(area), Spot::Title(by));
        }
        x = x.saturating_add(width).saturating_add(1);
    }
}

fn instead_of_rows(model: &Model, rows: usize) -> Option<String> {
    let streams = &model.streams;
    if let Some(failure) = streams.failure.as_ref().filter(|_| streams.rows.is_empty()) {
        return Some(format!("{}.\n\nF5 retries.", printable(&failure.to_string())));
    }
    if rows > 0 {
        return None;
    }
    Some(if !streams.rows.is_empty() && streams.group != StreamGroup::All && streams.filter.text().is_empty() {
        format!("There is nothing in the group \"{}\" now; esc shows all.", streams.group.as_str())
    } else if !streams.rows.is_empty() {
        format!("No stream's name contains \"{}\"; esc shows all.", printable(streams.filter.text()))
    } else if streams.listed {
        format!("There is no stream in region {}.", model.session.region)
    } else {
        "Reading the streams …".to_owned()
    })
}

/// The line that is typed above the rows: what it asks for, an example, and its text.
fn prompt(streams: &Streams) -> Option<(&'static str, String, &TypedLine)> {
    if let Some(line) = &streams.opening {
        return Some((" open file: ", "orders.jsonl, exported from a records screen".to_owned(), line));
    }
    let kept = streams.current()?.overview.as_ref().map_or(0, |overview| overview.retention_hours);
    let hint = format!("1h or a time; empty for all {kept} h that are kept");
    Some((" read the stream from: ", hint, streams.since.as_ref()?))
}

/// How many streams are shown, and how many were read so far.
fn status(model: &Model, shown: usize) -> String {
    let streams = &model.streams;
    if streams.listing.is_some() && !streams.listed {
        return " reading … ".to_owned();
    }
    // A local system is read again every second, which is nothing to watch.
    let progress = streams.progress().filter(|_| model.session.local.is_none() || streams.has_unknown());
    let progress = progress.map_or_else(String::new, |(read, of)| format!("read {read} of {of} · "));
    format!(" {progress}{shown} of {}, by {} {} ", streams.rows.len(), streams.sort.by.as_str(), streams.sort.sign())
}

/// The groups with their sizes, as far as they fit: all of them, or only the one that is shown.
fn groups(streams: &Streams, columns: usize, theme: &Theme) -> Line<'static> {
    let groups = streams.groups();
    if groups.len() < 2 && !streams.has_unknown() {
        return Line::default();
    }
    // Streams that were not read yet may belong to any group.
    let more = if streams.has_unknown() { "…" } else { "" };
    let span = |(group, rows): &(StreamGroup, usize)| {
        let more = if *group == StreamGroup::All { "" } else { more };
        let style = match group {
            group if *group == streams.group => theme.selected(),
            StreamGroup::Problems => theme.warning(),
            StreamGroup::All | StreamGroup::Archived | StreamGroup::NotArchived | StreamGroup::WithoutStream => theme.quiet(),
        };
        Span::styled(format!(" {} {}{more} ", group.as_str(), count(*rows as u64)), style)
    };
    let all = Line::from_iter(groups.iter().map(span));
    if all.width() <= columns {
        return all;
    }
    let shown = Line::from_iter(groups.iter().filter(|(group, _)| *group == streams.group).map(span));
    if shown.width() <= columns { shown } else { Line::default() }
}

/// What there is to say about the list, or about the stream under the cursor, and the key that helps.
fn note(model: &Model, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let streams = &model.streams;
    let current = streams.current();
    let failure = streams.failure.as_ref().or_else(|| current?.failure.as_ref());
    let overview = current.and_then(|row| row.overview.as_ref());
    let problem = overview.and_then(StreamOverview::problem);
    let (sentence, style, remedy) = match (failure, problem) {
        (Some(failure), _) => {
            (failure.to_string(), theme.warning(), remedy(Command::Global(GlobalCommand::Refresh), "reads it again"))
        }
        (None, Some(problem)) => {
            let configures = remedy(Command::Streams(StreamsCommand::Configure), "configures the archive");
            (problem, theme.warning(), configures.filter(|_| !model.session.read_only))
        }
        (None, None) => match overview.map(StreamOverview::check_stream) {
            Some(Err(sentence)) => (sentence, theme.quiet(), None),
            Some(Ok(())) | None => return Vec::new(),
        },
    };
    let rows = wrapped_in(&printable(&sentence), columns, MOST_NOTE_ROWS);
    let mut rows: Vec<Line<'_>> = rows.into_iter().map(|row| Line::styled(row, style)).collect();
    let Some((key, does)) = remedy else {
        return rows;
    };
    let end = vec![Span::styled(format!("{key} "), theme.key()), Span::raw(does)];
    let room = rows.last().map_or(0, |row| columns.saturating_sub(row.width()));
    match rows.last_mut() {
        Some(row) if Line::from(end.clone()).width() + 2 <= room => {
            row.push_span("  ");
            end.into_iter().for_each(|span| row.push_span(span));
        }
        Some(_) | None => rows.push(Line::from(end)),
    }
    rows
}

/// A key of the table, and what it does about a problem.
fn remedy(command: Command, does: &'static str) -> Option<(String, &'static str)> {
    Some((key_of(command)?, does))
}

fn cells(row: &StreamRow, is_current: bool, is_wide: bool, widths: &[usize], theme: &Theme) -> Vec<Cell<'static>> {
    let fitted = |place: usize, text: &str| cut(&printable(text), widths.get(place).copied().unwrap_or(0)).into_owned();
    let mut cells = vec![Cell::from(fitted(0, &format!("{} {}", if is_current { "▸" } else { " " }, row.name)))];
    let columns = if is_wide { WIDE } else { NARROW };
    let Some(overview) = &row.overview else {
        let state = match &row.failure {
            None => Span::styled("…", theme.quiet()),
            // A user often has access to only a few of an account's streams.
            Some(failure) if failure.kind == FailureKind::AccessDenied => {
                Span::styled(if is_wide { "no permission" } else { "denied" }, theme.quiet())
            }
            Some(_) => Span::styled("▲ unreadable", theme.error()),
        };
        cells.extend(columns.iter().map(|_| Cell::from("")));
        cells.push(Cell::from(state));
        return cells;
    };
    cells.extend(columns.iter().enumerate().map(|(place, column)| {
        let text = (column.text)(overview).unwrap_or_else(|| DASH.to_owned());
        column.aligned(if column.is_number { text } else { fitted(place + 1, &text) })
    }));
    cells.push(Cell::from(health(overview, row.failure.is_some(), is_wide, theme)));
    cells
}

fn mode(overview: &StreamOverview) -> Option<String> {
    let of_table = || overview.table.as_ref().filter(|_| overview.is_deleted)?.mode().map(|mode| mode.to_string());
    let of_tags = overview.settings().map(|settings| settings.mode_as_written.clone().unwrap_or_else(|| settings.mode.to_string()));
    of_tags.or_else(of_table)
}

fn ttl(overview: &StreamOverview) -> Option<String> {
    overview.settings().and_then(|settings| settings.ttl).map(|ttl| ttl.to_string())
}

fn table_name(overview: &StreamOverview) -> Option<String> {
    overview.table.as_ref().map(|table| table.name.clone())
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
