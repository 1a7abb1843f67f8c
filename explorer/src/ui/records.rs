//! The list of records, with the detail of one beside or below it.

mod arrivals;
mod detail;
mod rows;
mod status;

use super::spots::Spots;
use super::theme::Theme;
use super::{block, framed, seen_of};
use crate::app::model::Model;
use crate::app::mouse::Spot;
use crate::app::records::{Origin, Pane, PayloadPane, Question, Records, Typing};
use crate::domain::export::ExportFormat;
use crate::domain::listing::marks::Marks;
use crate::domain::reading::Source;
use crate::domain::record::size_together;
use crate::domain::text::{count, cut, fitted, printable, size, wrapped};
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr as _;

/// With fewer rows, arrivals are not shown.
const MIN_ROWS_FOR_ARRIVALS: u16 = 8;
/// Rows of the list while something is typed above a payload that has the rest of the screen.
const TYPING_ROWS: u16 = 9;

pub(super) fn draw(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect, spots: &mut Spots) {
    let [list, payload] = panes(records, area);
    let draw_payload = |frame: &mut Frame<'_>, spots: &mut Spots| {
        if !payload.is_empty() {
            spots.note(payload, Spot::Payload);
            detail::draw(model, records, theme, frame, payload, spots);
        }
    };
    // The one with the focus is drawn last: the border between them is its.
    if records.pane == Pane::List {
        draw_payload(frame, spots);
    }
    if !list.is_empty() {
        spots.note(list, Spot::List);
        draw_list(model, records, theme, frame, list, spots);
    }
    if records.pane == Pane::Detail {
        draw_payload(frame, spots);
    }
    if !list.is_empty() && !payload.is_empty() && list.y == payload.y {
        spots.note(Rect { width: 1, ..payload }, Spot::Border);
        for (y, joint) in [(area.y, "┬"), (area.bottom().saturating_sub(1), "┴")] {
            if let Some(cell) = frame.buffer_mut().cell_mut((payload.x, y)) {
                cell.set_symbol(joint);
            }
        }
    }
}

/// Where the list is, and where the payload is; what is not shown is empty.
fn panes(records: &Records, area: Rect) -> [Rect; 2] {
    let above = |rows| Layout::vertical([rows, Constraint::Fill(1)]).areas(area);
    match records.sharing.payload {
        PayloadPane::Hidden => [area, Rect::default()],
        PayloadPane::Full if records.typing.is_none() => [Rect::default(), area],
        // What is typed stands at the head of the list.
        PayloadPane::Full => above(Constraint::Length(TYPING_ROWS)),
        PayloadPane::Beside if records.sharing.is_wide() => {
            let columns = u16::try_from(records.sharing.payload_columns() + 2).unwrap_or(area.width / 2).min(area.width);
            let payload = Rect { x: area.right() - columns, width: columns, ..area };
            // One border between them.
            [Rect { width: area.width - columns + 1, ..area }, payload]
        }
        // Who reads the payload wants to see more of it.
        PayloadPane::Beside if records.pane == Pane::Detail && records.typing.is_none() => above(Constraint::Percentage(25)),
        PayloadPane::Beside => above(Constraint::Percentage(50)),
    }
}

fn draw_list(model: &Model, records: &Records, theme: &Theme, frame: &mut Frame<'_>, area: Rect, spots: &mut Spots) {
    let marks = marks(records);
    let room = usize::from(area.width).saturating_sub(2 + marks.width());
    let mut frame_block = block(title(records, model.times.now, usize::from(area.width).saturating_sub(2)), theme)
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
        rows::draw(model, records, theme, frame, inner, spots);
    }
    if let Some(typing) = &records.typing {
        draw_completions(typing, theme, frame, inner);
    }
}

fn title(records: &Records, now: Timestamp, columns: usize) -> String {
    let what = match &records.origin {
        Origin::Read(Source::Archive(archive)) => format!("{} · {}", archive.stream, archive.mode),
        Origin::Read(Source::File(path)) => format!("file {}", path.display()),
        // A reading from a time on shows what the stream still keeps.
        Origin::Stream(stream) if records.filter.after(now).is_some() => format!("{stream} · stream itself"),
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
            Question::Export => {
                let columns = match records.columns.exported(ExportFormat::Csv) {
                    Some(columns) => format!("; .csv has only the columns {columns}"),
                    None => String::new(),
                };
                format!("takes {}{columns}", records.taken())
            }
            Question::Filter | Question::Jump | Question::Search | Question::Decode | Question::Columns => {
                return area.height.min(1);
            }
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
