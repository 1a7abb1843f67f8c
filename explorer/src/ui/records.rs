//! The records of an archive, and the detail of one.

use super::theme::Theme;
use super::{block, first_visible};
use crate::app::model::Model;
use crate::app::records::{Pane, Payload, Reading, Records};
use crate::domain::decode::Decoded;
use crate::domain::detail::{MAX_LINES, View, preview};
use crate::domain::json_text;
use crate::domain::record::{Record, size_together};
use crate::domain::text::{count, pieces, place_in_aggregate, printable, size};
use crate::domain::time::expiry;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table, Wrap};
use unicode_width::UnicodeWidthStr as _;

pub(super) fn draw(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (list, detail) = if model.is_wide() {
        let columns = u16::try_from(model.detail_columns() + 2).unwrap_or(area.width / 2);
        let [list, detail] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(columns)]).areas(area);
        (list, detail)
    } else {
        let [list, detail] = Layout::vertical([Constraint::Percentage(40), Constraint::Fill(1)]).areas(area);
        (list, detail)
    };
    draw_list(model, records, theme, frame, list);
    draw_detail(model, records, theme, frame, detail);
}

fn draw_list(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let filter =
        if records.filter.is_everything() { String::new() } else { format!("─ {} ", printable(&records.filter.to_string())) };
    let title = format!(" {} · {} {filter}", records.stream, records.mode);
    let marks = if records.marked.is_empty() {
        String::new()
    } else {
        format!(" {} marked, {} ", count(records.marked.len() as u64), size_together(records.marked.values()))
    };
    let mut frame_block = block(title, theme)
        .title_bottom(Line::styled(marks, theme.mark()))
        .title_bottom(status_line(records, theme).right_aligned());
    if records.pane == Pane::List {
        frame_block = frame_block.border_style(theme.heading());
    }
    let mut inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    if let Some(line) = &records.typing {
        let prompt = " filter: ";
        let input = Rect { height: 1, ..inner };
        let text = Line::from(vec![Span::styled(prompt, theme.key()), Span::raw(printable(line.text()).into_owned())]);
        frame.render_widget(text, input);
        let column = input.x + u16::try_from(prompt.len() + line.cursor_column()).unwrap_or(0);
        frame.set_cursor_position((column.min(input.right().saturating_sub(1)), input.y));
        inner = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    }
    if let Some(error) = &records.filter_error {
        let rows = inner.height.min(2);
        frame.render_widget(
            Paragraph::new(printable(error).into_owned()).style(theme.error()).wrap(Wrap { trim: true }),
            Rect { height: rows, ..inner },
        );
        inner = Rect { y: inner.y + rows, height: inner.height.saturating_sub(rows), ..inner };
    }
    if records.rows.is_empty() {
        frame.render_widget(Paragraph::new(instead_of_rows(records)).wrap(Wrap { trim: true }), inner);
        return;
    }
    let height = usize::from(inner.height.saturating_sub(1));
    let first = first_visible(records.cursor, records.rows.len(), height);
    let shown = || records.rows.iter().skip(first).take(height);
    let longest_key = shown().map(|record| printable(&record.id.partition_key).width()).max().unwrap_or(0);
    let key_columns = u16::try_from(longest_key).unwrap_or(u16::MAX).clamp(6, inner.width / 4);
    let payload_columns = usize::from(inner.width.saturating_sub(34 + key_columns)).max(8);
    let rows = shown().zip(first..).map(|(record, place)| {
        let row = Row::new(cells(model, records, record, place == records.cursor, payload_columns, theme));
        if place == records.cursor { row.style(theme.selected()) } else { row }
    });
    let header = ["", "ARRIVED", "KEY", "SHARD", "SIZE", "PAYLOAD"].map(|title| {
        let line = Line::from(title);
        Cell::from(if title == "SIZE" { line.right_aligned() } else { line })
    });
    let widths = [
        Constraint::Length(2),
        Constraint::Length(14),
        Constraint::Length(key_columns),
        Constraint::Length(5),
        Constraint::Length(8),
        Constraint::Fill(1),
    ];
    frame.render_widget(Table::new(rows, widths).header(Row::new(header).style(theme.quiet())), inner);
}

fn status_line(records: &Records, theme: &Theme) -> Line<'static> {
    match &records.reading {
        Reading::Partial(_) => Line::styled(status(records), theme.warning()),
        Reading::Failed(_) => Line::styled(status(records), theme.error()),
        Reading::Waiting(_) | Reading::Complete => Line::from(status(records)),
    }
}

fn status(records: &Records) -> String {
    let held = count(records.rows.len() as u64);
    let read = count(records.read as u64);
    match &records.reading {
        Reading::Waiting(_) => format!(" {held} of {read} read, reading … "),
        Reading::Complete => format!(" {held} of {read}, all read "),
        Reading::Partial(_) if records.is_full() => format!(" {held} of {read} read, PARTIAL: narrow it with / "),
        Reading::Partial(_) => format!(" {held} of {read} read, PARTIAL: m reads more "),
        Reading::Failed(_) => format!(" {held} of {read} read, FAILED "),
    }
}

fn instead_of_rows(records: &Records) -> String {
    match &records.reading {
        Reading::Waiting(_) => "Reading …".to_owned(),
        Reading::Failed(failure) => format!("{}.\n\nF5 tries again.", printable(&failure.to_string())),
        Reading::Complete | Reading::Partial(_) if records.filter.is_everything() => {
            "The archive is empty so far; F5 reads it again.".to_owned()
        }
        Reading::Complete => format!("No record matches {}; / changes the filter.", printable(&records.filter.to_string())),
        Reading::Partial(_) => "No record matches in what was read so far; m reads more, / changes the filter.".to_owned(),
    }
}

fn cells(
    model: &Model,
    records: &Records,
    record: &Record,
    is_current: bool,
    payload_columns: usize,
    theme: &Theme,
) -> Vec<Cell<'static>> {
    let mark = if records.marked.contains_key(&record.id) { "●" } else { " " };
    let cursor = if is_current { "▸" } else { " " };
    let arrived = record.arrived_at.map_or_else(|| "no time".to_owned(), |at| model.times.short(at));
    let shard = record.item.shard_id.as_deref().map_or("–".to_owned(), short_shard);
    let damage = if record.item.problems.is_empty() { "" } else { "▲ " };
    vec![
        Cell::from(Span::styled(format!("{mark}{cursor}"), theme.mark())),
        Cell::from(arrived),
        Cell::from(printable(&record.id.partition_key).into_owned()),
        Cell::from(shard),
        Cell::from(Line::from(record.size()).right_aligned()),
        Cell::from(format!("{damage}{}", preview(record, payload_columns))),
    ]
}

/// `…003` for `shardId-000000000003`.
fn short_shard(shard: &str) -> String {
    let digits: Vec<char> = shard.chars().rev().take(3).collect();
    format!("…{}", digits.into_iter().rev().collect::<String>())
}

fn draw_detail(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let (Some(record), Some(detail)) = (records.current(), &records.detail) else {
        frame.render_widget(block("", theme), area);
        return;
    };
    let decoded = detail.decoded();
    let detail_lines = detail.lines();
    let title = match (decoded.map(Decoded::breadcrumb), records.view) {
        (None, _) => String::new(),
        (Some(kind), View::Pretty) => format!(" {kind} "),
        (Some(kind), _) => format!(" {kind} as {} ", view_name(records)),
    };
    let place = format!(" {} of {} ", (records.scroll + 1).min(detail_lines.len()), count(detail_lines.len() as u64));
    let bytes = decoded.and_then(|decoded| decoded.payload_size).map_or_else(|| record.size(), size);
    let mut frame_block = block(title, theme)
        .title_top(Line::from(format!(" {bytes} ")).right_aligned())
        .title_bottom(Line::styled(place, theme.quiet()).right_aligned());
    if records.pane == Pane::Detail {
        frame_block = frame_block.border_style(theme.heading());
    }
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let attributes =
        attribute_lines(model, record, decoded.and_then(|decoded| decoded.note.as_deref()), usize::from(inner.width), theme);
    let attribute_rows = u16::try_from(attributes.len()).unwrap_or(inner.height).min(inner.height * 2 / 3);
    // A line between payload and attributes, where there is room for one.
    let rule_rows = u16::from(model.is_wide());
    let [payload, rule, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(rule_rows), Constraint::Length(attribute_rows)]).areas(inner);
    frame.render_widget(Line::styled("─".repeat(usize::from(rule.width)), theme.quiet()), rule);
    let content = match &detail.payload {
        Payload::Reading => {
            let storage = record.storage().unwrap_or_default();
            Paragraph::new(format!("Reading the payload, stored {storage} …")).style(theme.quiet()).wrap(Wrap { trim: true })
        }
        Payload::Failed(reason) => {
            let sentence = format!("No payload: {}.\n\nF5 tries again.", printable(&reason.to_string()));
            Paragraph::new(sentence).style(theme.error()).wrap(Wrap { trim: true })
        }
        Payload::Shown { lines, .. } => Paragraph::new(payload_lines(lines, records.scroll, usize::from(payload.height), theme)),
    };
    frame.render_widget(content, payload);
    frame.render_widget(Paragraph::new(attributes), below);
}

/// The lines that fit, and at the end of too many that there are more.
fn payload_lines<'l>(all: &'l [json_text::Line], scroll: usize, height: usize, theme: &Theme) -> Vec<Line<'l>> {
    let mut lines: Vec<Line<'l>> = all
        .iter()
        .skip(scroll)
        .take(height)
        .map(|line| line.iter().map(|(token, text)| Span::styled(text.as_str(), theme.json(*token))).collect())
        .collect();
    if all.len() == MAX_LINES && lines.len() < height {
        lines.push(Line::styled(format!("only the first {} lines are shown", count(MAX_LINES as u64)), theme.warning()));
    }
    lines
}

fn view_name(records: &Records) -> &'static str {
    match records.view {
        View::Pretty => "laid out",
        View::Text => "text",
        View::Hex => "hex",
    }
}

/// Every attribute of the item but the payload, then what is wrong with it.
fn attribute_lines(model: &Model, record: &Record, note: Option<&str>, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let item = &record.item;
    let unknown = || "–".to_owned();
    let arrival = match (&item.arrival, record.arrived_at) {
        (Some(text), Some(at)) => format!("{}  ({text})", model.times.long(at)),
        (Some(text), None) => format!("{text} (no time of this world)"),
        (None, _) => unknown(),
    };
    let mut rows = vec![
        ("key", record.id.partition_key.clone()),
        ("sequence", item.sequence_number.as_ref().map_or_else(unknown, ToString::to_string)),
        ("arrived", arrival),
        ("shard", item.shard_id.clone().unwrap_or_else(unknown)),
        ("archived", item.last_update.as_ref().map_or_else(unknown, |at| format!("{at} UTC"))),
    ];
    rows.extend(item.sub_sequence_number.map(|place| ("place", place_in_aggregate(place))));
    rows.extend(record.storage().map(|storage| ("stored", storage)));
    if let Some(expire_after) = item.expire_after {
        rows.push(("expiry", format!("{}  ({expire_after})", expiry(expire_after, model.times.now))));
    }
    let named = rows.into_iter().map(|(name, value)| (name.to_owned(), value));
    let others = item.others.iter().cloned();
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (name, value) in named.chain(others) {
        let mut label = format!("{:<10}", printable(&name));
        for piece in pieces(&printable(&value), columns.saturating_sub(label.width())) {
            let label = std::mem::replace(&mut label, " ".repeat(10));
            lines.push(Line::from(vec![Span::styled(label, theme.quiet()), Span::raw(piece)]));
        }
    }
    let problems = item.problems.iter().map(String::as_str).chain(note);
    for problem in problems {
        let problem = format!("▲ {}", printable(problem));
        lines.extend(pieces(&problem, columns).into_iter().map(|piece| Line::styled(piece, theme.warning())));
    }
    lines
}
