//! The detail of one record: its payload and its attributes.

use super::super::spots::Spots;
use super::super::theme::{Theme, select};
use super::super::{block, first_visible, framed};
use crate::app::model::Model;
use crate::app::mouse::Spot;
use crate::app::records::{Detail, Pane, Payload, Records};
use crate::domain::decode::Decoded;
use crate::domain::diff::{Change, Diff};
use crate::domain::document::{Document, Fold, Piece};
use crate::domain::listing::marks::Marks;
use crate::domain::record::Record;
use crate::domain::record::show::{Body, View};
use crate::domain::text::{count, fitted, pieces, place_in_aggregate, printable, size, wrapped};
use crate::domain::time::{expiry, span};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr as _;

/// Columns for an attribute's name, including a blank.
const LABEL_COLUMNS: usize = 10;

pub(super) fn draw(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect, spots: &mut Spots) {
    let (Some(record), Some(detail)) = (records.current(), records.detail()) else {
        frame.render_widget(block("", theme), area);
        return;
    };
    let is_focused = records.pane == Pane::Detail;
    let decoded = detail.decoded();
    let bytes = decoded.and_then(|decoded| decoded.payload_size).map_or_else(|| record.size(), size);
    let taken = bytes.width() + 3;
    let title = framed(&printable(&title(model, records, detail)), usize::from(area.width).saturating_sub(2 + taken));
    let mut frame_block = block(title, theme)
        .title_top(Line::from(format!(" {bytes} ")).right_aligned())
        .title_bottom(Line::styled(place(records, detail), theme.quiet()).right_aligned());
    if is_focused {
        frame_block = frame_block.border_style(theme.heading());
    }
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let attributes = attribute_lines(model, record, decoded, usize::from(inner.width), theme);
    let most = if is_focused { inner.height / 3 } else { inner.height * 2 / 3 };
    let attribute_rows = u16::try_from(attributes.len()).unwrap_or(inner.height).min(most);
    // A line between payload and attributes, where there is room for one.
    let rule_rows = u16::from(records.sharing.is_wide());
    let [payload, rule, below] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(rule_rows), Constraint::Length(attribute_rows)]).areas(inner);
    frame.render_widget(Line::styled("─".repeat(usize::from(rule.width)), theme.border()), rule);
    let mut cursor = None;
    let content = match &detail.payload {
        Payload::Reading => {
            let storage = record.storage().map(|storage| format!(", stored {storage}")).unwrap_or_default();
            Paragraph::new(format!("Reading the payload{storage} …")).style(theme.quiet()).wrap(Wrap { trim: true })
        }
        Payload::Failed(reason) => {
            let sentence = format!("No payload: {}.\n\nF5 retries.", printable(&reason.to_string()));
            Paragraph::new(sentence).style(theme.error()).wrap(Wrap { trim: true })
        }
        Payload::Shown(shown) => {
            let height = usize::from(payload.height);
            let first = first_visible(detail.row, shown.body.rows(), height);
            cursor = is_focused.then(|| u16::try_from(detail.row.saturating_sub(first)).unwrap_or(u16::MAX));
            let rows = first..(first + height).min(shown.body.rows());
            spots.note_rows(payload, rows.clone().map(Spot::PayloadRow));
            Paragraph::new(match &shown.body {
                Body::Document(document) => rows.map(|row| document_row(document, row, theme)).collect(),
                Body::Diff(diff) => diff_rows(diff, rows, theme),
            })
        }
    };
    frame.render_widget(content, payload);
    if let Some(row) = cursor.filter(|row| *row < payload.height) {
        select(frame.buffer_mut(), Rect { y: payload.y + row, height: 1, ..payload }, theme);
    }
    frame.render_widget(Paragraph::new(attributes), below);
}

fn title(model: &Model, records: &Records, detail: &Detail) -> String {
    let Some(breadcrumb) = detail.decoded().map(Decoded::breadcrumb) else {
        return String::new();
    };
    let view = match (detail.body(), records.view) {
        (Some(Body::Diff(_)), _) => format!(" · {}", compared(model, records)),
        (_, View::Pretty) => String::new(),
        (_, View::Text) => " as text".to_owned(),
        (_, View::Hex) => " as hex".to_owned(),
    };
    format!("{breadcrumb}{view}")
}

/// The record it is compared with.
fn compared(model: &Model, records: &Records) -> String {
    let Some(other) = records.compared_with() else {
        return "diff".to_owned();
    };
    let apart = records.current().and_then(|record| Some((record.arrived_at?, other.arrived_at?)));
    let how = match apart.map(|(this, other)| this.as_second() - other.as_second()) {
        None | Some(0) => "with".to_owned(),
        Some(seconds @ 1..) => format!("{} after", span(seconds.unsigned_abs())),
        Some(seconds) => format!("{} before", span(seconds.unsigned_abs())),
    };
    let at = other.arrived_at.map_or_else(|| "no time".to_owned(), |at| model.when(at));
    match &records.marks {
        Marks::Some(marked) if marked.contains_key(&other.id) => {
            let hidden = if records.hidden_marks() > 0 { ", outside this filter" } else { "" };
            format!("diff, {how} marked {at}{hidden}")
        }
        Marks::Some(_) | Marks::AllBut { .. } => format!("diff, {how} {at}"),
    }
}

/// The position of the cursor, or the number of differences.
fn place(records: &Records, detail: &Detail) -> String {
    match detail.body() {
        None => String::new(),
        Some(Body::Diff(diff)) if diff.added() + diff.removed() == 0 => " no difference ".to_owned(),
        Some(Body::Diff(diff)) => {
            let about = if diff.is_exact() { "" } else { "about " };
            format!(" {about}+{} −{} lines ", count(diff.added() as u64), count(diff.removed() as u64))
        }
        Some(Body::Document(document)) => {
            let rows = document.rows();
            let place = format!("line {} of {} ", count((detail.row + 1).min(rows) as u64), count(rows as u64));
            match (records.search.as_str(), document.matches()) {
                ("", _) => format!(" {place}"),
                (_, 0) => format!(" not found · {place}"),
                (_, matches) => {
                    let number = |number: usize| count(number as u64);
                    let here = document.matches_on(detail.row);
                    match here.len() {
                        0 if matches == 1 => format!(" 1 match · {place}"),
                        0 => format!(" {} matches · {place}", number(matches)),
                        1 => format!(" match {} of {} · {place}", number(here.end), number(matches)),
                        _ => format!(" matches {}–{} of {} · {place}", number(here.start + 1), number(here.end), number(matches)),
                    }
                }
            }
        }
    }
}

fn document_row(document: &Document, number: usize, theme: &Theme) -> Line<'static> {
    let row = document.row(number);
    let mut spans = spans(&row.pieces, theme);
    if row.fold == Some(Fold::Folded) {
        spans.push(Span::styled(" ▸", theme.key()));
    }
    Line::from(spans)
}

fn diff_rows(diff: &Diff, rows: std::ops::Range<usize>, theme: &Theme) -> Vec<Line<'static>> {
    if diff.added() + diff.removed() == 0 {
        return vec![Line::styled("The two payloads are the same.", theme.quiet())];
    }
    let line = |number: usize| {
        let row = diff.row(number)?;
        let style = match row.change {
            Change::Kept => Style::new(),
            Change::Folded(_) => theme.quiet(),
            Change::Removed => theme.removed(),
            Change::Added => theme.added(),
        };
        let text = |piece: &Piece| {
            let style = if piece.is_match { style.patch(theme.found()) } else { style };
            Span::styled(piece.text.clone(), style)
        };
        Some(std::iter::once(Span::styled(row.sign, style)).chain(row.pieces.iter().map(text)).collect())
    };
    rows.filter_map(line).collect()
}

fn spans(pieces: &[Piece], theme: &Theme) -> Vec<Span<'static>> {
    let style = |piece: &Piece| -> Style {
        let style = theme.json(piece.token);
        if piece.is_match { style.patch(theme.found()) } else { style }
    };
    pieces.iter().map(|piece| Span::styled(piece.text.clone(), style(piece))).collect()
}

/// The item's attributes, except the payload, followed by its problems.
fn attribute_lines(model: &Model, record: &Record, decoded: Option<&Decoded>, columns: usize, theme: &Theme) -> Vec<Line<'static>> {
    let item = &record.item;
    let unknown = || "–".to_owned();
    let arrival = match (&item.arrival, record.arrived_at) {
        (Some(text), Some(at)) => {
            let at = model.times.long(at);
            let both = format!("{at}  ({text})");
            // The seconds say nothing more, and are not worth a line of their own.
            if LABEL_COLUMNS + both.width() <= columns { both } else { at }
        }
        (Some(text), None) => format!("{text} (not a time in seconds)"),
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
    if let Some(user) = decoded.and_then(|decoded| decoded.user_record.as_ref()) {
        rows.push(("user key", format!("{}  ({} of {}; [ ] switch)", user.partition_key, user.place + 1, user.count)));
    }
    if let Some(envelope) = decoded.and_then(|decoded| decoded.envelope.as_ref()) {
        let stream = envelope.original_stream_name.as_ref().map(|stream| format!(" of {stream}")).unwrap_or_default();
        let (shard, number) = (&envelope.original_shard_id, &envelope.original_sequence_number);
        rows.push(("replay of", format!("{number}  ({shard}{stream}, {})", envelope.original_approximate_arrival_timestamp)));
    }
    rows.extend(record.storage().map(|storage| ("stored", storage)));
    if let Some(expire_after) = item.expire_after {
        rows.push(("expiry", format!("{}  ({expire_after})", expiry(expire_after, model.times.now))));
    }
    let named = rows.into_iter().map(|(name, value)| (name.to_owned(), value));
    let others = item.others.iter().cloned();
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (name, value) in named.chain(others) {
        let name = printable(&name);
        // If the name leaves no room for the value, the value goes below it.
        let mut label = if name.width() < LABEL_COLUMNS { fitted(&name, LABEL_COLUMNS) } else { format!("{name} ") };
        if label.width() > columns / 2 {
            lines.extend(pieces(&name, columns).into_iter().map(|piece| Line::styled(piece, theme.quiet())));
            label = " ".repeat(2);
        }
        let indent = " ".repeat(label.width());
        for piece in pieces(&printable(&value), columns.saturating_sub(label.width())) {
            let label = std::mem::replace(&mut label, indent.clone());
            lines.push(Line::from(vec![Span::styled(label, theme.quiet()), Span::raw(piece)]));
        }
    }
    let note = decoded.and_then(|decoded| decoded.note.as_deref());
    let problems = item.problems.iter().map(String::as_str).chain(note);
    for problem in problems {
        let problem = format!("▲ {}", printable(problem));
        lines.extend(wrapped(&problem, columns).into_iter().map(|piece| Line::styled(piece, theme.warning())));
    }
    lines
}
