//! The list of records, with the detail of one beside or below it.

mod arrivals;
mod detail;
mod status;

use super::theme::Theme;
use super::{block, column_widths, first_visible, framed, seen_of};
use crate::app::model::Model;
use crate::app::records::{Origin, Pane, Question, Records, Typing};
use crate::domain::listing::marks::Marks;
use crate::domain::reading::Source;
use crate::domain::reading::following::Gap;
use crate::domain::record::preview::preview;
use crate::domain::record::{Record, size_together};
use crate::domain::text::{count, cut, fitted, printable, size, wrapped};
use crate::domain::time::SHORT_COLUMNS;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Clear, Paragraph, Row, Table, Wrap};
use unicode_width::UnicodeWidthStr as _;

/// With fewer rows, arrivals are not shown.
const MIN_ROWS_FOR_ARRIVALS: u16 = 8;

pub(super) fn draw(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (list, detail) = if model.is_wide() {
        let columns = u16::try_from(model.detail_columns() + 2).unwrap_or(area.width / 2);
        let [list, detail] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(columns)]).areas(area);
        (list, detail)
    } else {
        // The side with the focus gets more room.
        let share = if records.pane == Pane::Detail && records.typing.is_none() { 25 } else { 50 };
        let [list, detail] = Layout::vertical([Constraint::Percentage(share), Constraint::Fill(1)]).areas(area);
        (list, detail)
    };
    draw_list(model, records, theme, frame, list);
    detail::draw(model, records, theme, frame, detail);
}

fn draw_list(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let marks = marks(records);
    let room = usize::from(area.width).saturating_sub(2 + marks.width());
    let mut frame_block = block(title(records, usize::from(area.width).saturating_sub(2)), theme)
        .title_bottom(Line::styled(marks, theme.mark()))
        .title_bottom(status::line(records, room, theme).right_aligned());
    if records.pane == Pane::List {
        frame_block = frame_block.border_style(theme.heading());
    }
    let mut inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    if let Some(typing) = &records.typing {
        let typed = draw_typing(records, typing, theme, frame, inner);
        inner = Rect { y: inner.y + typed, height: inner.height - typed, ..inner };
    }
    if records.rows.is_empty() {
        let text = status::instead_of_rows(records);
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), inner);
    } else {
        if inner.height >= MIN_ROWS_FOR_ARRIVALS {
            let drawn = arrivals::draw(model, records, theme, frame, inner);
            inner = Rect { y: inner.y + drawn, height: inner.height - drawn, ..inner };
        }
        draw_rows(model, records, theme, frame, inner);
    }
    if let Some(typing) = &records.typing {
        draw_completions(typing, theme, frame, inner);
    }
}

fn title(records: &Records, columns: usize) -> String {
    let what = match &records.origin {
        Origin::Read(Source::Archive(archive)) => format!("{} · {}", archive.stream, archive.mode),
        Origin::Read(Source::File(path)) => format!("file {}", path.display()),
        Origin::Stream(stream) => format!("{stream} · new records"),
    };
    let filter = records.filter.title();
    let title = if filter.is_empty() { format!(" {what} ") } else { format!(" {what} ─ {filter} ") };
    framed(&printable(title.trim()), columns)
}

fn marks(records: &Records) -> String {
    if let Some(range) = records.range() {
        return format!(" {} in the range, v marks them ", count((range.end() - range.start() + 1) as u64));
    }
    match &records.marks {
        Marks::Some(marked) if marked.is_empty() => String::new(),
        Marks::Some(marked) => {
            let outside = match records.hidden_marks() {
                0 => String::new(),
                hidden => format!(", {} outside this filter", count(hidden as u64)),
            };
            format!(" {} marked, {}{outside} ", count(marked.len() as u64), size_together(marked.values()))
        }
        Marks::AllBut { filter, except } => {
            let but = if except.is_empty() { String::new() } else { format!(" but {}", count(except.len() as u64)) };
            if *filter != records.fixed {
                let which = if filter.is_everything() { "every record".to_owned() } else { format!("all of {filter}") };
                return format!(" marked: {}{but}, not what this filter shows ", printable(&which));
            }
            let total = records.tally.total();
            let matched = total.matched.saturating_sub(except.len() as u64);
            let bytes_but: u64 = except.values().filter_map(|record| record.payload_size).sum();
            let bytes = total.matched_bytes.saturating_sub(bytes_but);
            let more = if records.is_all_read() { "" } else { " so far" };
            format!(" all marked{but}: {}{more}, {} ", count(matched), size(bytes))
        }
    }
}

/// The line being typed, and its problem. Returns how many rows it took.
fn draw_typing(records: &Records, typing: &Typing, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> u16 {
    let prompt = format!(" {}", typing.question.prompt());
    let hint = if typing.line.text().is_empty() { typing.question.hint() } else { "" };
    let room = usize::from(area.width).saturating_sub(prompt.width() + 1).max(1);
    let (shown, hidden) = seen_of(&typing.line, room);
    let hint = cut(hint, room);
    let spans = vec![Span::styled(prompt.clone(), theme.key()), Span::raw(shown), Span::styled(hint.into_owned(), theme.quiet())];
    let line = Line::from(spans);
    frame.render_widget(line, Rect { height: area.height.min(1), ..area });
    let column = area.x + u16::try_from(prompt.width() + typing.line.cursor_column() - hidden).unwrap_or(0);
    frame.set_cursor_position((column.min(area.right().saturating_sub(1)), area.y));
    let Some((span, sentence)) = &typing.mistake else {
        let about = match typing.question {
            Question::Export => format!("takes {}", records.taken()),
            Question::Filter | Question::Jump | Question::Search | Question::Decode => return area.height.min(1),
        };
        let rows = wrapped(&printable(&about), usize::from(area.width).saturating_sub(1));
        let lines: Vec<Line<'_>> = rows.into_iter().map(|row| Line::styled(format!(" {row}"), theme.quiet())).collect();
        let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(1));
        frame.render_widget(Paragraph::new(lines), Rect { y: area.y + 1, height: rows, ..area });
        return area.height.min(1) + rows;
    };
    let text = typing.line.text();
    let before = text.get(..span.start).map_or(0, |text| printable(text).width());
    let marked = text.get(span.clone()).map_or(1, |text| printable(text).width()).max(1);
    let indent = (prompt.width() + before).saturating_sub(hidden).min(usize::from(area.width).saturating_sub(1));
    let mut lines = vec![Line::styled(format!("{}{}", " ".repeat(indent), "^".repeat(marked)), theme.error())];
    lines.extend(wrapped(&printable(sentence), usize::from(area.width)).into_iter().map(|line| Line::styled(line, theme.error())));
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height.saturating_sub(1));
    frame.render_widget(Paragraph::new(lines), Rect { y: area.y + 1, height: rows, ..area });
    area.height.min(1) + rows
}

fn draw_completions(typing: &Typing, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    if typing.completions.is_empty() || typing.mistake.is_some() {
        return;
    }
    let line = |(place, completion): (usize, &crate::domain::filter::Completion)| {
        let style = if place == 0 { theme.key() } else { ratatui::style::Style::new() };
        let tab = if place == 0 { "tab " } else { "    " };
        let room = usize::from(area.width).saturating_sub(6);
        let with = printable(&completion.with);
        let with = if with.width() > 24 { cut(&with, room).into_owned() } else { fitted(&with, 24) };
        let left = room.saturating_sub(with.width());
        Line::from(vec![
            Span::styled(format!("  {tab}"), theme.quiet()),
            Span::styled(with.clone(), style),
            Span::styled(cut(&format!("  {}", printable(&completion.about)), left).into_owned(), theme.quiet()),
        ])
    };
    let lines: Vec<Line<'_>> = typing.completions.iter().enumerate().map(line).collect();
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height);
    let popup = Rect { height: rows, ..area };
    frame.render_widget(Clear, popup);
    frame.render_widget(Paragraph::new(lines), popup);
}

fn draw_rows(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let height = usize::from(area.height.saturating_sub(1));
    let first = first_visible(records.cursor, records.rows.len(), height);
    let last = (first + height).min(records.rows.len());
    // A gap takes its own row.
    let height = height.saturating_sub(gaps(model, records, first..last + 1).len());
    let first = first_visible(records.cursor, records.rows.len(), height);
    let last = (first + height).min(records.rows.len());
    let gaps = gaps(model, records, first..last + 1);
    let shown = || (first..last).map(|rank| (rank, records.rows.get(rank)));
    let keys = shown().filter_map(|(_, record)| record);
    let longest_key = keys.map(|record| printable(&record.id.partition_key).width()).max().unwrap_or(0);
    let key_columns = u16::try_from(longest_key).unwrap_or(u16::MAX).clamp(6, (area.width / 4).max(6));
    let range = records.range();
    let widths = [
        Constraint::Length(2),
        Constraint::Length(SHORT_COLUMNS),
        Constraint::Length(key_columns),
        Constraint::Length(5),
        Constraint::Length(8),
        Constraint::Fill(1),
    ];
    let columns = column_widths(&widths, area.width);
    let rows = shown().map(|(rank, record)| {
        let is_current = rank == records.cursor;
        let cells = match record {
            Some(record) => cells(model, records, record, is_current, &columns, theme),
            None => vec![Cell::from(if is_current { " ▸" } else { "" }), Cell::from("…")],
        };
        let is_in_range = range.as_ref().is_some_and(|range| range.contains(&rank));
        let row = Row::new(cells);
        if is_current {
            row.style(theme.selected())
        } else if is_in_range {
            row.style(theme.mark())
        } else {
            row
        }
    });
    let header = ["", "ARRIVED", "KEY", "SHARD", "SIZE", "PAYLOAD"].map(|title| {
        let line = Line::from(title);
        Cell::from(if title == "SIZE" { line.right_aligned() } else { line })
    });
    let mut rows: Vec<Row<'_>> = rows.collect();
    let mut lines = Vec::new();
    for (above, (rank, text)) in gaps.into_iter().enumerate() {
        let place = rank - first + above;
        rows.insert(place, Row::new([""]));
        lines.push((place, text));
    }
    frame.render_widget(Table::new(rows, widths).header(Row::new(header).style(theme.quiet())), area);
    for (place, text) in lines {
        let y = area.y.saturating_add(1).saturating_add(u16::try_from(place).unwrap_or(u16::MAX));
        if y < area.bottom() {
            let text = cut(&text, usize::from(area.width)).into_owned();
            frame.render_widget(Line::styled(text, theme.warning()).centered(), Rect { y, height: 1, ..area });
        }
    }
}

/// The gaps among these rows, each with the row below it.
fn gaps(model: &Model, records: &Records, shown: std::ops::Range<usize>) -> Vec<(usize, String)> {
    let again = if matches!(records.origin, Origin::Stream(_)) { "" } else { ", F5 reads again" };
    let text = |gap: &Gap| format!("┈┈ {} – {} was not read{again} ┈┈", model.times.short(gap.from), model.times.short(gap.until));
    let rank = |gap: &Gap| records.rows.listing.count_since(gap.until.as_millisecond());
    let mut gaps: Vec<(usize, String)> = records.rows.gaps.iter().map(|gap| (rank(gap), text(gap))).collect();
    gaps.retain(|(rank, _)| shown.contains(rank));
    gaps.sort_by_key(|(rank, _)| *rank);
    gaps
}

fn cells(
    model: &Model,
    records: &Records,
    record: &Record,
    is_current: bool,
    columns: &[usize],
    theme: &Theme,
) -> Vec<Cell<'static>> {
    let [_, _, key_columns, .., payload_columns] = *columns else {
        return Vec::new();
    };
    let mark = if records.marks.contains(&record.id, &records.fixed) { "●" } else { " " };
    let cursor = if is_current { "▸" } else { " " };
    let arrived = record.arrived_at.map_or_else(|| "no time".to_owned(), |at| model.when(at));
    let shard = record.item.shard_id.as_deref().map_or("–".to_owned(), short_shard);
    let damage = if record.item.problems.is_empty() { "" } else { "▲ " };
    vec![
        Cell::from(Span::styled(format!("{mark}{cursor}"), theme.mark())),
        Cell::from(arrived),
        Cell::from(cut(&printable(&record.id.partition_key), key_columns).into_owned()),
        Cell::from(shard),
        Cell::from(Line::from(record.size()).right_aligned()),
        // One more column than there is room shows whether there is more.
        Cell::from(cut(&format!("{damage}{}", preview(record, payload_columns + 1)), payload_columns).into_owned()),
    ]
}

/// `…003` for `shardId-000000000003`.
fn short_shard(shard: &str) -> String {
    let digits: Vec<char> = shard.chars().rev().take(3).collect();
    format!("…{}", printable(&digits.into_iter().rev().collect::<String>()))
}
