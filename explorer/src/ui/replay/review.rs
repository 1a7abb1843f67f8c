//! The review before a replay.

use crate::app::model::Model;
use crate::app::replay::review::{ReplayReview, ReviewStep};
use crate::app::replay::setup::ScreenCounts;
use crate::domain::replay::preflight::{Glimpse, Preflight};
use crate::domain::replay::progress::PlanProgress;
use crate::domain::text::{count, counted, pieces, printable, size};
use crate::ui::theme::Theme;
use crate::ui::{block, framed};
use archiver::format::record::ArrivalTime;
use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Gauge, Paragraph, Wrap};

/// Columns before a value.
const LABEL_COLUMNS: usize = 14;

pub(in crate::ui) fn draw(model: &Model, review: &ReplayReview, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let title = match &review.step {
        ReviewStep::Planning { .. } => " Replay: reading the records ".to_owned(),
        ReviewStep::Looking { .. } => " Replay: checking the target ".to_owned(),
        ReviewStep::Failed(_) => " Replay ".to_owned(),
        ReviewStep::Ready { preflight, .. } => {
            let plan = &preflight.plan;
            format!(" Replay {} · {} → {} ", plan.id, printable(&plan.source), printable(&plan.target))
        }
    };
    let frame_block = block(framed(title.trim(), usize::from(area.width).saturating_sub(2)), theme);
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    match &review.step {
        ReviewStep::Planning { progress, .. } => draw_planning(progress, theme, frame, inner),
        ReviewStep::Looking { .. } => {
            let text = "Reading the shards of the target and their traffic …";
            frame.render_widget(Paragraph::new(Line::styled(text, theme.quiet())), inner);
        }
        ReviewStep::Failed(failure) => {
            let sentence = printable(&failure.to_string()).into_owned();
            let lines = vec![
                Line::styled(sentence, theme.error()),
                Line::default(),
                Line::styled("esc goes back; nothing was sent", theme.quiet()),
            ];
            frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inner);
        }
        ReviewStep::Ready { preflight, name, problem } => {
            let [body, question] = Layout::vertical([Constraint::Fill(1), Constraint::Length(2)]).areas(inner);
            let lines = lines_of(model, (preflight, review.shown), theme, usize::from(inner.width));
            let longest = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_sub(body.height / 2);
            let scroll = u16::try_from(review.scroll).unwrap_or(u16::MAX).min(longest);
            frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((scroll, 0)), body);
            draw_question(model, review, (name, problem.as_deref()), theme, frame, question);
        }
    }
}

fn draw_question(
    model: &Model,
    review: &ReplayReview,
    (name, problem): (&crate::app::line::Line, Option<&str>),
    theme: &Theme,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let first = problem.map_or_else(Line::default, |problem| Line::styled(printable(problem).into_owned(), theme.error()));
    let second = if model.session.read_only {
        Line::styled("read-only: you can plan a replay, but not run it", theme.warning())
    } else if review.is_typing() {
        let question = "  type the target's name and enter to start: ";
        let column = area.x + u16::try_from(question.chars().count() + name.cursor_column()).unwrap_or(0);
        frame.set_cursor_position((column.min(area.right().saturating_sub(1)), area.bottom().saturating_sub(1)));
        Line::from(vec![Span::styled(question, theme.key()), Span::raw(printable(name.text()).into_owned())])
    } else {
        let verb = if review.is_resumed { " resumes the replay, " } else { " starts the replay, " };
        Line::from(vec![
            Span::styled("  y", theme.key()),
            Span::raw(verb),
            Span::styled("esc", theme.key()),
            Span::raw(" goes back"),
        ])
    };
    frame.render_widget(Paragraph::new(vec![first, second]), area);
}

fn draw_planning(progress: &PlanProgress, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let [bar, rest] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).spacing(1).areas(area);
    let percent = (progress.share * 100.0).floor();
    let label = if progress.is_sorting { "sorting".to_owned() } else { format!("{percent} %") };
    let gauge = Gauge::default().ratio(progress.share.clamp(0.0, 1.0)).label(label).gauge_style(theme.heading()).use_unicode(true);
    frame.render_widget(gauge, bar);
    let lines = vec![
        Line::from(format!(
            "read {}   chosen {} ({})   {} expired and skipped",
            count(progress.read),
            count(progress.planned),
            size(progress.bytes),
            count(progress.expired)
        )),
        Line::styled(format!("{:.1} read units", progress.units), theme.quiet()),
        Line::default(),
        Line::styled("esc stops and discards the plan; nothing is sent before you review it", theme.quiet()),
    ];
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), rest);
}

fn lines_of(
    model: &Model,
    (preflight, shown): (&Preflight, Option<ScreenCounts>),
    theme: &Theme,
    columns: usize,
) -> Vec<Line<'static>> {
    let Preflight { plan, load, warnings, .. } = preflight;
    let counts = &plan.counts;
    let row = |name: &str, value: String| {
        Line::from(vec![
            Span::styled(format!("  {name:<LABEL_COLUMNS$}"), theme.quiet()),
            Span::raw(printable(&value).into_owned()),
        ])
    };
    // First, so that they are visible on a short screen too.
    let mut lines: Vec<Line<'static>> =
        warnings.iter().map(|warning| Line::styled(format!("▲ {}", printable(warning)), theme.warning())).collect();
    lines.push(row("records", plan.selection.clone()));
    let left = if plan.acknowledged > 0 { format!(", {} left", count(plan.left())) } else { String::new() };
    lines.push(row("", format!("{}, {}{left}", counted(counts.records, "record", "records"), size(counts.bytes))));
    lines.extend(shown.map(|shown| row("on screen", came_since(shown, counts.selected()))));
    lines.extend(preflight.rows(&model.times).into_iter().map(|(name, value)| row(name, value)));
    lines.push(row("puts cost", format!("{} ({} payload units)", preflight.cost(), count(load.units))));
    lines.extend(load.first.iter().enumerate().map(|(place, record)| {
        let room = columns.saturating_sub(LABEL_COLUMNS + 2);
        row(if place == 0 { "first" } else { "" }, cut(&glimpse(model, record), room))
    }));
    lines.push(Line::default());
    lines.extend(shard_lines(preflight, theme, columns));
    lines
}

/// What the screen showed, and what the plan has beyond that.
fn came_since(shown: ScreenCounts, selected: u64) -> String {
    let seen = count(shown.records);
    match selected.checked_sub(shown.records) {
        _ if !shown.is_all_read => format!("{seen} were read; the plan read all"),
        None => seen,
        Some(0) => format!("{seen}; none arrived since"),
        Some(more) => format!("{seen}; {} arrived since", count(more)),
    }
}

/// A record before it is sent.
fn glimpse(model: &Model, record: &Glimpse) -> String {
    let arrived = ArrivalTime::parse(&record.arrival).ok().and_then(|arrival| arrival.milliseconds());
    let arrived = arrived.and_then(|at| Timestamp::from_millisecond(at).ok());
    let arrived = arrived.map_or_else(|| "no time".to_owned(), |at| model.times.short(at));
    format!("{}  {arrived}  {}", record.partition_key, record.preview)
}

fn cut(text: &str, columns: usize) -> String {
    match pieces(&printable(text), columns).as_slice() {
        [whole] => whole.clone(),
        _ => pieces(&printable(text), columns.saturating_sub(1)).first().map(|first| format!("{first}…")).unwrap_or_default(),
    }
}

/// Each shard's share of records, with a bar relative to the hottest one.
fn shard_lines(preflight: &Preflight, theme: &Theme, columns: usize) -> Vec<Line<'static>> {
    const BAR_COLUMNS: usize = 20;
    let hottest = preflight.hottest().map_or(0, |shard| shard.records).max(1);
    let bar = |records: u64| {
        let filled = usize::try_from(records.saturating_mul(BAR_COLUMNS as u64).div_ceil(hottest)).unwrap_or(0);
        format!("{}{}", "█".repeat(filled), "░".repeat(BAR_COLUMNS.saturating_sub(filled)))
    };
    let name_columns = preflight.load.shards.iter().map(|shard| shard.shard.len()).max().unwrap_or(0).min(columns / 3);
    preflight
        .load
        .shards
        .iter()
        .map(|shard| {
            let name = cut(&shard.shard, name_columns);
            Line::from(vec![
                Span::styled(format!("  {name:<name_columns$} "), theme.quiet()),
                Span::styled(bar(shard.records), theme.heading()),
                Span::raw(format!(" {:>9}  {}", count(shard.records), size(shard.bytes))),
            ])
        })
        .collect()
}
