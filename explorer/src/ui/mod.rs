//! Draws the state, read-only. Formats no more rows than fit the screen.

#![deny(clippy::wildcard_enum_match_arm)]

mod configure;
mod description;
mod help;
mod hints;
mod records;
mod replay;
pub mod spots;
mod streams;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]
mod tests;
pub mod theme;

use crate::app::help::Help;
use crate::app::keymap::{BINDINGS, Binding, Context, Key};
use crate::app::model::{Export, Model, Notice, Overlay, Screen};
use crate::app::mouse::Spot;
use crate::app::possible::PossibleKey;
use crate::domain::text::{count, cut, printable, wrapped, wrapped_in};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Clear, Paragraph, Wrap};
use spots::Spots;
use theme::Theme;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// With fewer columns, nothing useful can be drawn.
const MIN_COLUMNS: u16 = 40;
/// With fewer rows, nothing useful can be drawn.
const MIN_ROWS: u16 = 10;
/// Most rows for a sentence in the bottom line.
const MOST_NOTICE_ROWS: u16 = 4;

/// Draws the whole screen, and returns where a mouse can point at something.
pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) -> Spots {
    let mut spots = Spots::default();
    let area = frame.area();
    if area.width < MIN_COLUMNS || area.height < MIN_ROWS {
        let text = format!("the terminal is too small: at least {MIN_COLUMNS} columns and {MIN_ROWS} rows are needed");
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return spots;
    }
    let notice = notice_lines(model, theme, area.width);
    let notice_rows = Constraint::Length(u16::try_from(notice.len()).unwrap_or(MOST_NOTICE_ROWS));
    let [header, body, told, bottom] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), notice_rows, Constraint::Length(1)]).areas(area);
    draw_header(model, theme, frame, header);
    match model.screens.last() {
        None => streams::draw(model, theme, frame, body, &mut spots),
        Some(Screen::Records(records)) => records::draw(model, records, theme, frame, body, &mut spots),
        Some(Screen::Description(screen)) => description::draw(model, screen, theme, frame, body),
        Some(Screen::Configure(configure)) => configure::draw(configure, theme, frame, body),
        Some(Screen::ReplaySetup(setup)) => replay::setup::draw(model, setup, theme, frame, body),
        Some(Screen::ReplayReview(review)) => replay::review::draw(model, review, theme, frame, body),
        Some(Screen::Replays(screen)) => replay::list::draw(model, screen, theme, frame, body, &mut spots),
    }
    frame.render_widget(Paragraph::new(notice), told);
    if model.overlay.is_some() {
        spots.clear();
    }
    frame.render_widget(key_line(model, theme, bottom, &mut spots), bottom);
    match model.overlay {
        Some(Overlay::Help(scroll)) => help::draw(model, scroll, theme, frame, area),
        Some(Overlay::Copy) => draw_copy(model, theme, frame, area),
        Some(Overlay::ConfirmQuit) => draw_confirm_quit(model, theme, frame, area),
        Some(overlay @ (Overlay::ConfirmCancel | Overlay::ConfirmRemove)) => {
            replay::list::draw_question(model, overlay, theme, frame, area);
        }
        None => {}
    }
    show_only(frame.buffer_mut());
    theme::uncover(frame.buffer_mut());
    spots
}

/// Filters everything that screens send to the terminal: no cell contains control or invisible characters.
fn show_only(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            continue;
        }
        // Exactly one character, because the neighbouring cells stay where they are.
        if printable(symbol) != symbol {
            cell.set_symbol("·");
        }
    }
}

fn draw_header(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let session = &model.session;
    let mut spans = vec![Span::styled(" kinesis archives ", theme.heading())];
    match &session.local {
        Some(local) => {
            let address = |url: &str| url.trim_start_matches("http://").to_owned();
            spans.push(Span::styled(" LOCAL ", theme.badge()));
            spans.push(Span::styled(
                format!("  kinesis {} · dynamodb {}", address(&local.kinesis), address(&local.dynamodb)),
                theme.quiet(),
            ));
        }
        None => {
            let account = model.streams.rows.iter().find_map(|row| row.overview.as_ref()?.arn.split(':').nth(4).map(str::to_owned));
            let profile = session.profile.as_ref().map(|profile| format!("profile {profile}"));
            let parts: Vec<String> = [account, Some(session.region.clone()), profile].into_iter().flatten().collect();
            spans.push(Span::styled(format!(" {}", printable(&parts.join(" · "))), theme.quiet()));
        }
    }
    if session.warning.is_some() {
        spans.push(Span::styled("  PLAIN HTTP ", theme.badge()));
    }
    if session.read_only {
        spans.push(Span::styled("  READ-ONLY ", theme.badge()));
    }
    let running: Vec<String> = running(model).into_iter().chain(model.export.as_ref().map(exporting)).collect();
    let running = cut(&running.join("·"), usize::from(area.width)).into_owned();
    let width = u16::try_from(running.width()).unwrap_or(area.width).min(area.width);
    let left = Rect { width: area.width - width, ..area };
    frame.render_widget(cut_line(spans, usize::from(left.width)), left);
    frame.render_widget(Line::styled(running, theme.heading()), Rect { x: left.right(), width, ..area });
}

/// Texts side by side, cut off where the room ends.
fn cut_line(spans: Vec<Span<'static>>, columns: usize) -> Line<'static> {
    let mut line = Line::default();
    for span in spans {
        let room = columns.saturating_sub(line.width());
        let is_cut = span.width() > room;
        line.push_span(Span::styled(cut(&span.content, room).into_owned(), span.style));
        if is_cut {
            break;
        }
    }
    line
}

/// The running replays in a few words, for the header.
fn running(model: &Model) -> Option<String> {
    let (id, live) = model.running_replays().next()?;
    let others = model.running_replays().count() - 1;
    let progress = &live.progress;
    let settled = (progress.ratio() * 100.0).floor();
    let others = if others > 0 { format!("and {others} more ") } else { String::new() };
    Some(format!(" replay {id} {settled} % {}/s {others}", rate(replay::list::rate_of(progress))))
}

/// A running export in a few words, for the header.
fn exporting(export: &Export) -> String {
    let file = export.path.file_name().unwrap_or(export.path.as_os_str()).display().to_string();
    const FILE_COLUMNS: usize = 24;
    format!(" exporting to {}: {} records ", cut(&printable(&file), FILE_COLUMNS), count(export.exported.records))
}

/// A rate in whole records.
fn rate(per_second: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = per_second.round().max(0.0) as u64;
    count(whole)
}

/// The latest notice, above the keys, until the next key.
fn notice_lines(model: &Model, theme: &Theme, columns: u16) -> Vec<Line<'static>> {
    let (sentence, style) = match &model.notice {
        Some(Notice::Info(sentence)) => (sentence, theme.ok()),
        Some(Notice::Error(sentence)) => (sentence, theme.error()),
        None => return Vec::new(),
    };
    let rows = wrapped_in(&printable(sentence), usize::from(columns).saturating_sub(2), usize::from(MOST_NOTICE_ROWS));
    rows.into_iter().map(|row| Line::styled(format!(" {row}"), style)).collect()
}

/// The possible keys, as many as fit. The keys for back, help and quit are always shown.
fn key_line(model: &Model, theme: &Theme, area: Rect, spots: &mut Spots) -> Line<'static> {
    if matches!(model.overlay, Some(Overlay::Help(_))) {
        return Line::styled(help::hint(&Help::of(model)), theme.quiet());
    }
    let (last, first): (Vec<PossibleKey>, Vec<PossibleKey>) = model.possible_keys().into_iter().partition(|key| key.is_exit);
    let spans = |PossibleKey { key, label, .. }: PossibleKey| {
        (key, Line::from(vec![Span::styled(format!(" {}", key.name()), theme.key()), Span::raw(format!(" {label} "))]))
    };
    let end: Vec<(Key, Line<'_>)> = last.into_iter().map(spans).collect();
    let room = usize::from(area.width).saturating_sub(end.iter().map(|(_, line)| line.width()).sum());
    let mut line = Line::default();
    let mut add = |line: &mut Line<'static>, key: Key, next: Line<'static>| {
        let (x, width) = (u16::try_from(line.width()).unwrap_or(u16::MAX), u16::try_from(next.width()).unwrap_or(u16::MAX));
        spots.note(Rect { x: area.x.saturating_add(x), width, ..area }.intersection(area), Spot::Key(key));
        line.extend(next);
    };
    for (key, next) in first.into_iter().map(spans) {
        if line.width() + next.width() > room {
            break;
        }
        add(&mut line, key, next);
    }
    for (key, next) in end {
        add(&mut line, key, next);
    }
    line
}

fn draw_confirm_quit(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let running = model.running_replays().count();
    let replays = match running {
        1 => "1 replay is still running. Quitting pauses it; you can resume it later.".to_owned(),
        _ => format!("{running} replays are still running. Quitting pauses them; you can resume them later."),
    };
    let export = model.export.as_ref().map(|export| {
        format!("The export to {} is still running. Its file will not be kept.", printable(&export.path.display().to_string()))
    });
    let sentences: Vec<String> = Some(replays).filter(|_| running > 0).into_iter().chain(export).collect();
    draw_question(" Quit? ", &sentences, "y quit   esc stay", theme, frame, area);
}

/// Asks a question, in as many rows as it needs.
fn draw_question(title: &'static str, sentences: &[String], keys: &'static str, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    const COLUMNS: u16 = 60;
    let inner = usize::from(COLUMNS.min(area.width).saturating_sub(2));
    let mut rows: Vec<String> = sentences.iter().flat_map(|sentence| wrapped(&printable(sentence), inner)).collect();
    rows.truncate(usize::from(area.height.saturating_sub(4)));
    rows.extend([String::new(), keys.to_owned()]);
    let popup = centred(area, COLUMNS, u16::try_from(rows.len() + 2).unwrap_or(area.height));
    frame.render_widget(Clear, popup);
    frame.render_widget(Paragraph::new(rows.into_iter().map(Line::from).collect::<Vec<_>>()).block(block(title, theme)), popup);
}

/// What can be copied from the record, with its keys.
fn draw_copy(model: &Model, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    const COLUMNS: u16 = 44;
    let line = |binding: &Binding| {
        let key = binding.keys.first().map(|key| key.name()).unwrap_or_default();
        Line::from(vec![Span::styled(format!(" {key}  "), theme.key()), Span::raw(binding.help)])
    };
    let mut lines: Vec<Line<'_>> = BINDINGS.iter().filter(|binding| binding.context == Context::Copy).map(line).collect();
    if let Some(Screen::Records(records)) = model.screens.last()
        && let Some(record) = records.current()
    {
        let marked = if records.marks.is_empty() { "" } else { ", not what is marked" };
        let of = format!("of the record under the cursor{marked}: {}", printable(&record.id.partition_key));
        let rows = wrapped_in(&of, usize::from(COLUMNS) - 4, 2);
        lines.extend(rows.into_iter().map(|row| Line::styled(format!(" {row}"), theme.quiet())));
    }
    let popup = centred(area, COLUMNS, u16::try_from(lines.len() + 2).unwrap_or(area.height));
    frame.render_widget(Clear, popup);
    frame.render_widget(Paragraph::new(lines).block(block(" Copy ", theme)), popup);
}

/// A frame with a title.
fn block<'t>(title: impl Into<Line<'t>>, theme: &Theme) -> Block<'t> {
    Block::bordered().border_type(BorderType::Rounded).border_style(theme.border()).title(title.into().style(theme.heading()))
}

/// A title for a frame with this many columns, cut if it is longer.
fn framed(title: &str, columns: usize) -> String {
    format!(" {} ", cut(title, columns.saturating_sub(2)))
}

/// The visible part of a typed line, and how many columns before it are hidden. A line that is too long scrolls to keep the cursor
/// visible.
fn seen_of(line: &crate::app::line::Line, room: usize) -> (String, usize) {
    let text = printable(line.text());
    let hidden = line.cursor_column().saturating_sub(room - 1);
    let mut passed = 0;
    let is_hidden = |character: &char| {
        let is_hidden = passed < hidden;
        passed += character.width().unwrap_or(0);
        is_hidden
    };
    let seen: String = text.chars().skip_while(is_hidden).collect();
    (cut(&seen, room).into_owned(), hidden)
}

/// The widths of a table's columns, with a blank between two.
fn column_widths(widths: &[Constraint], columns: u16) -> Vec<usize> {
    let areas = Layout::horizontal(widths.iter().copied()).spacing(1).split(Rect { x: 0, y: 0, width: columns, height: 1 });
    areas.iter().map(|area| usize::from(area.width)).collect()
}

/// One of several values to choose from.
fn choice(name: &str, chosen: bool, theme: &Theme) -> Span<'static> {
    if chosen { Span::styled(format!("● {name}  "), theme.key()) } else { Span::styled(format!("○ {name}  "), theme.quiet()) }
}

/// A centred part of an area.
fn centred(area: Rect, columns: u16, rows: u16) -> Rect {
    let (width, height) = (columns.min(area.width), rows.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

/// The first row to draw, so that the cursor's row is visible.
fn first_visible(cursor: usize, rows: usize, height: usize) -> usize {
    cursor.saturating_sub(height / 2).min(rows.saturating_sub(height))
}
