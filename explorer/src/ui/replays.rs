//! The replays of this session, and how the chosen one goes.

use super::theme::Theme;
use super::{block, first_visible, rate};
use crate::app::model::Model;
use crate::app::replays::{Replay, ReplayState, Replays};
use crate::domain::replay::Ending;
use crate::domain::text::{count, printable, size};
use crate::domain::time::span;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Paragraph, Sparkline, Wrap};

pub(super) fn draw(model: &Model, replays: &Replays, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let Some(current) = model.replays.get(replays.cursor) else {
        let text = "No replay was started in this session.\n\nIn an archive, space marks records and r replays them.";
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).block(block(" Replays ", theme)), area);
        return;
    };
    let list_rows = u16::try_from(model.replays.len()).unwrap_or(u16::MAX).min(area.height / 3) + 2;
    let [list, detail] = Layout::vertical([Constraint::Length(list_rows), Constraint::Fill(1)]).areas(area);
    draw_list(model, replays, theme, frame, list);
    draw_replay(current, theme, frame, detail);
}

fn draw_list(model: &Model, replays: &Replays, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let frame_block = block(" Replays ", theme);
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let height = usize::from(inner.height);
    let first = first_visible(replays.cursor, model.replays.len(), height);
    let lines: Vec<Line<'_>> = model
        .replays
        .iter()
        .enumerate()
        .skip(first)
        .take(height)
        .map(|(place, replay)| {
            let is_current = place == replays.cursor;
            let cursor = if is_current { "▸" } else { " " };
            let text = format!(
                "{cursor} {}  {} → {}  {}  {} of {}",
                replay.name,
                replay.order.archive.stream,
                replay.order.target,
                state_name(replay),
                count(replay.progress.counts.acknowledged as u64),
                count(replay.progress.total as u64)
            );
            if is_current { Line::styled(text, theme.selected()) } else { Line::from(text) }
        })
        .collect();
    frame.render_widget(Paragraph::new(lines), inner);
}

fn state_name(replay: &Replay) -> &'static str {
    match &replay.state {
        ReplayState::Running if replay.progress.sending.is_zero() => "reading",
        ReplayState::Running => "running",
        ReplayState::Cancelling => "cancelling",
        ReplayState::Ended(Ending::Finished) => "finished",
        ReplayState::Ended(Ending::Cancelled) => "cancelled",
        ReplayState::Ended(Ending::Failed(_)) => "failed",
    }
}

fn draw_replay(replay: &Replay, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let envelope = if replay.order.envelope.is_some() { "envelope on" } else { "envelope off" };
    let title = format!(
        " Replay {} · {} → {} · {envelope} · order per key ",
        replay.name, replay.order.archive.stream, replay.order.target
    );
    let frame_block = block(title, theme).title_bottom(Line::from(format!(" {} ", state_name(replay))).right_aligned());
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let [gauge, numbers, chart, rest] =
        Layout::vertical([Constraint::Length(1), Constraint::Length(4), Constraint::Length(3), Constraint::Fill(1)])
            .spacing(1)
            .areas(inner);
    let progress = &replay.progress;
    let percent = (progress.ratio() * 100.0).floor();
    let style = match &replay.state {
        ReplayState::Ended(Ending::Finished) => theme.ok(),
        ReplayState::Ended(Ending::Failed(_)) => theme.error(),
        ReplayState::Running | ReplayState::Cancelling | ReplayState::Ended(Ending::Cancelled) => theme.heading(),
    };
    let bar = LineGauge::default()
        .ratio(progress.ratio().clamp(0.0, 1.0))
        .label(format!("{percent:>3} %"))
        .filled_symbol("█")
        .unfilled_symbol("░")
        .filled_style(style)
        .unfilled_style(theme.quiet());
    frame.render_widget(bar, gauge);
    frame.render_widget(Paragraph::new(number_lines(replay, theme)), numbers);
    let rates: Vec<u64> = replay.rates.iter().copied().rev().take(usize::from(chart.width)).collect();
    let rates: Vec<u64> = rates.into_iter().rev().collect();
    frame.render_widget(Sparkline::default().data(&rates).style(theme.heading()), chart);
    frame.render_widget(Paragraph::new(end_lines(replay, theme)).wrap(Wrap { trim: true }), rest);
}

fn number_lines(replay: &Replay, theme: &Theme) -> Vec<Line<'static>> {
    let progress = &replay.progress;
    let counts = &progress.counts;
    let number = |number: usize| count(number as u64);
    let left = match (replay.is_running(), progress.time_left()) {
        (true, Some(left)) => format!("left {}", span(left.as_secs())),
        _ => format!("took {}", span(progress.sending.as_secs())),
    };
    let failed_style = if counts.impossible > 0 { theme.error() } else { theme.quiet() };
    vec![
        Line::from(format!(
            "sent {} of {}   {}   {}/s   {left}",
            number(counts.acknowledged),
            number(progress.total),
            size(progress.bytes),
            rate(progress.rate())
        )),
        Line::from(format!(
            "waiting {}   in flight {}   repeated puts {}",
            number(counts.waiting),
            number(counts.in_flight),
            number(counts.failed_puts)
        )),
        Line::styled(format!("failed for good {}", number(counts.impossible)), failed_style),
        Line::styled(
            format!("read {} items, {} expired and left out", number(progress.read), number(progress.expired)),
            theme.quiet(),
        ),
    ]
}

fn end_lines(replay: &Replay, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let ReplayState::Ended(Ending::Failed(failure)) = &replay.state {
        lines.push(Line::styled(printable(&failure.to_string()).into_owned(), theme.error()));
    }
    lines.extend(replay.impossible.iter().take(100).map(|record| {
        let key = printable(&record.partition_key).into_owned();
        let text = format!("{key} {}: {}", printable(&record.sequence_number), printable(&record.reason));
        Line::from(Span::styled(text, theme.warning()))
    }));
    lines
}
