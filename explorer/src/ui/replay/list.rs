//! The replays, running and past, and the status of the selected one.

use crate::app::message::ReplayDetails;
use crate::app::model::{Model, Overlay};
use crate::app::mouse::Spot;
use crate::app::replay::list::{Live, ReplayRow, ReplaysScreen};
use crate::domain::replay::pace::SHARD_RECORDS_PER_SECOND;
use crate::domain::replay::plan::{Control, PassedOver, PlanState, PlanSummary, RecordTrace, RunRecord, TraceEnd};
use crate::domain::replay::progress::{LaneProgress, Progress};
use crate::domain::replay::timing::long_span;
use crate::domain::text::{count, counted, printable, short_count, size};
use crate::domain::time::{SHORT_COLUMNS, span};
use crate::ui::spots::Spots;
use crate::ui::theme::{Theme, select};
use crate::ui::{block, centred, cut_line, first_visible, framed, rate};
use jiff::{SignedDuration, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, LineGauge, Paragraph, Sparkline, Wrap};

/// Columns of a lane's bar.
const BAR_COLUMNS: usize = 12;
/// From this width on, lanes are in two columns.
const TWO_COLUMNS: u16 = 100;

pub(in crate::ui) fn draw(
    model: &Model,
    screen: &ReplaysScreen,
    theme: &Theme,
    frame: &mut Frame<'_>,
    area: Rect,
    spots: &mut Spots,
) {
    let Some(current) = screen.current(&model.replays) else {
        let text = match &model.replays.failure {
            Some(failure) => printable(&failure.to_string()).into_owned(),
            None if !model.replays.is_read => "Reading the history …".to_owned(),
            None => {
                "There are no replays yet.\n\nIn an archive, space marks records and r replays them, or all that match.".to_owned()
            }
        };
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).block(block(" Replays ", theme)), area);
        return;
    };
    let list_rows = u16::try_from(model.replays.rows.len()).unwrap_or(u16::MAX).min(area.height / 3) + 2;
    let [list, detail] = Layout::vertical([Constraint::Length(list_rows), Constraint::Fill(1)]).areas(area);
    draw_list(model, screen, theme, frame, list, spots);
    match &screen.details {
        Some((id, details)) if *id == current.id => draw_details(model, current, (details, screen.scroll), theme, frame, detail),
        _ => draw_replay(model, current, theme, frame, detail),
    }
}

/// Records a second over all lanes, recently.
pub(in crate::ui) fn rate_of(progress: &Progress) -> f64 {
    progress.lanes.iter().map(|lane| lane.rate).sum()
}

fn draw_list(model: &Model, screen: &ReplaysScreen, theme: &Theme, frame: &mut Frame<'_>, area: Rect, spots: &mut Spots) {
    let mut frame_block = block(" Replays ", theme);
    if let Some(failure) = &model.replays.failure {
        frame_block = frame_block.title_bottom(Line::styled(format!(" {} ", printable(&failure.to_string())), theme.error()));
    }
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let (height, cursor) = (usize::from(inner.height), screen.cursor(&model.replays));
    let first = first_visible(cursor, model.replays.rows.len(), height);
    spots.note_rows(inner, (first..model.replays.rows.len()).map(Spot::Row));
    let rows = model.replays.rows.iter().enumerate().skip(first).take(height);
    let columns = usize::from(inner.width);
    let lines: Vec<Line<'_>> = rows.map(|(place, row)| list_line(model, row, place == cursor, columns, theme)).collect();
    frame.render_widget(Paragraph::new(lines), inner);
    let row = u16::try_from(cursor.saturating_sub(first)).unwrap_or(u16::MAX);
    if row < inner.height {
        select(frame.buffer_mut(), Rect { y: inner.y + row, height: 1, ..inner }, theme);
    }
}

fn list_line(model: &Model, row: &ReplayRow, is_current: bool, columns: usize, theme: &Theme) -> Line<'static> {
    let cursor = if is_current { "▸" } else { " " };
    let plan = match &row.plan {
        Ok(plan) => plan,
        Err(reason) => {
            let text = format!("{cursor} {}  {}", row.id, printable(reason));
            return cut_line(vec![Span::styled(text, theme.error())], columns);
        }
    };
    let sent = row.live.as_ref().map_or(plan.acknowledged, |live| live.progress.acknowledged);
    let state = state_name(row);
    let of = format!("{} of {}", short_count(sent), short_count(plan.counts.records));
    let from = plan.stream.as_deref().unwrap_or(plan.source.as_str());
    let rest = format!("{of:>19}  {} → {}  {}", printable(from), printable(&plan.target), model.when(plan.created_at));
    let spans = vec![
        Span::raw(format!("{cursor} {}  ", row.id)),
        Span::styled(format!("{state:<11}"), state_style(row, theme)),
        Span::raw(rest),
    ];
    cut_line(spans, columns)
}

fn state_name(row: &ReplayRow) -> &'static str {
    match (row.control(), row.state()) {
        (Some(Control::Pause), _) => "pausing",
        (Some(Control::Cancel), _) => "cancelling",
        (None, Some(state)) => state.as_str(),
        (None, None) => "unreadable",
    }
}

fn state_style(row: &ReplayRow, theme: &Theme) -> Style {
    match row.state() {
        Some(PlanState::Finished) => theme.ok(),
        Some(PlanState::Failed | PlanState::Interrupted | PlanState::Unplanned) | None => theme.error(),
        Some(PlanState::Running | PlanState::Planning) => theme.heading(),
        Some(PlanState::Planned | PlanState::Paused | PlanState::Cancelled) => theme.quiet(),
    }
}

fn draw_replay(model: &Model, row: &ReplayRow, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let plan = match &row.plan {
        Ok(plan) => plan,
        Err(reason) => {
            let text = Line::styled(printable(reason).into_owned(), theme.error());
            let paragraph = Paragraph::new(text).wrap(Wrap { trim: true }).block(block(format!(" Replay {} ", row.id), theme));
            return frame.render_widget(paragraph, area);
        }
    };
    let envelope = if plan.options.envelope.is_some() { "envelope on" } else { "envelope off" };
    let (source, target) = (printable(&plan.source), printable(&plan.target));
    let title = format!(" Replay {} · {source} → {target} · {envelope} · rate {} ", row.id, plan.options.rate);
    let title = framed(title.trim(), usize::from(area.width).saturating_sub(2));
    let frame_block =
        block(title, theme).title_bottom(Line::styled(format!(" {} ", state_name(row)), state_style(row, theme)).right_aligned());
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    match &row.live {
        Some(live) => draw_live(model, live, theme, frame, inner),
        None => draw_at_rest(model, row, plan, theme, frame, inner),
    }
}

fn draw_bar(ratio: f64, style: Style, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let bar = LineGauge::default()
        .ratio(ratio.clamp(0.0, 1.0))
        .label(format!("{:>3} %", (ratio * 100.0).floor()))
        .filled_symbol("█")
        .unfilled_symbol("░")
        .filled_style(style)
        .unfilled_style(theme.quiet());
    frame.render_widget(bar, area);
}

fn draw_live(model: &Model, live: &Live, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let progress = &live.progress;
    let columns: usize = if area.width >= TWO_COLUMNS { 2 } else { 1 };
    let lane_rows = u16::try_from(progress.lanes.len().div_ceil(columns)).unwrap_or(u16::MAX);
    let numbers = number_lines(model, progress, theme);
    let number_rows = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
    // If room is scarce, lanes are cut off first, then the chart.
    let chart_rows = if area.height >= number_rows + 8 { 3 } else { 0 };
    let [bar, text, lanes, chart] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(number_rows),
        Constraint::Length(lane_rows.min(area.height.saturating_sub(number_rows + chart_rows + 2))),
        Constraint::Length(chart_rows),
    ])
    .areas(area);
    draw_bar(progress.ratio(), theme.heading(), theme, frame, bar);
    let numbers: Vec<Line<'_>> = numbers.into_iter().map(|line| cut_styled(line, text.width)).collect();
    frame.render_widget(Paragraph::new(numbers), text);
    draw_lanes(progress, columns, theme, frame, lanes);
    let rates: Vec<u64> = live.rates.iter().copied().skip(live.rates.len().saturating_sub(usize::from(chart.width))).collect();
    frame.render_widget(Sparkline::default().data(&rates).style(theme.heading()), chart);
}

/// A line cut where the room ends.
fn cut_styled(line: Line<'static>, columns: u16) -> Line<'static> {
    let style = line.style;
    cut_line(line.spans, usize::from(columns)).style(style)
}

fn number_lines(model: &Model, progress: &Progress, theme: &Theme) -> Vec<Line<'static>> {
    let left = progress.time_left().map(|left| format!("left {}   ", span(left.as_secs()))).unwrap_or_default();
    let reached = progress.reached.and_then(|at| Timestamp::from_millisecond(at).ok());
    let reached = reached.map(|at| format!("reached {}   ", model.times.short(at))).unwrap_or_default();
    let mut lines = vec![
        Line::from(format!(
            "sent {} of {}   {}   {}/s now, {}/s overall",
            count(progress.acknowledged),
            count(progress.total),
            size(progress.bytes),
            rate(rate_of(progress)),
            rate(progress.rate())
        )),
        Line::from(format!("{left}{reached}running {}", span(progress.running.as_secs()))),
        Line::from(format!(
            "waiting {}   in flight {}   throttled puts {}   failed puts {}",
            count(progress.left().saturating_sub(progress.in_flight)),
            count(progress.in_flight),
            count(progress.throttled_puts),
            count(progress.failed_puts)
        )),
    ];
    let mut notes = Vec::new();
    if progress.passed_over > 0 {
        notes.push(Span::styled(format!("skipped {}: enter lists them   ", count(progress.passed_over)), theme.error()));
    }
    if progress.maybe_repeated > 0 {
        notes.push(Span::styled(format!("maybe twice {}", count(progress.maybe_repeated)), theme.warning()));
    }
    if !notes.is_empty() {
        lines.push(Line::from(notes));
    }
    if let Some(wait) = progress.waits_for {
        let at = |at: Timestamp| model.times.long(at);
        let until = SignedDuration::try_from(wait.takes).ok().and_then(|takes| model.times.now.checked_add(takes).ok());
        let until = until.map_or_else(|| "for ever".to_owned(), |until| format!("until {}", at(until)));
        let arrived = Timestamp::from_millisecond(wait.arrived).map_or_else(|_| String::new(), at);
        let text = format!("waiting {until} ({}) for the record that arrived {arrived}", long_span(wait.takes));
        lines.push(Line::styled(text, theme.quiet()));
    }
    if let Some(trouble) = &progress.trouble {
        lines.push(Line::styled(format!("retrying: {}", printable(trouble)), theme.error()));
    }
    lines
}

fn draw_lanes(progress: &Progress, columns: usize, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    if area.height == 0 {
        return;
    }
    let width = area.width / u16::try_from(columns).unwrap_or(1).max(1);
    let rows = usize::from(area.height);
    let room = rows * columns;
    let shown = if progress.lanes.len() > room { room.saturating_sub(1) } else { progress.lanes.len() };
    let fastest = progress.lanes.iter().map(|lane| lane.rate).fold(SHARD_RECORDS_PER_SECOND, f64::max);
    for (place, lane) in progress.lanes.iter().take(shown).enumerate() {
        let cell = cell(area, width, place, columns);
        frame.render_widget(cut_styled(lane_line(lane, fastest, theme), cell.width.saturating_sub(1)), cell);
    }
    if shown < progress.lanes.len() {
        let more = format!("and {} more shards", progress.lanes.len() - shown);
        frame.render_widget(Line::styled(more, theme.quiet()), cell(area, width, shown, columns));
    }
}

fn cell(area: Rect, width: u16, place: usize, columns: usize) -> Rect {
    let (row, column) = (u16::try_from(place / columns).unwrap_or(0), u16::try_from(place % columns).unwrap_or(0));
    Rect { x: area.x + column * width, y: area.y + row, width: width.min(area.width - column * width), height: 1 }
}

fn lane_line(lane: &LaneProgress, fastest: f64, theme: &Theme) -> Line<'static> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let filled = ((lane.rate / fastest * BAR_COLUMNS as f64).round().max(0.0) as usize).min(BAR_COLUMNS);
    let name: String = lane.status.shard.trim_start_matches("shardId-").trim_start_matches('0').to_owned();
    let name = if name.is_empty() { "0".to_owned() } else { name };
    let bar = format!("{}{}", "█".repeat(filled), "░".repeat(BAR_COLUMNS - filled));
    let mut spans = vec![
        Span::styled(format!("shard {name:>3} "), theme.quiet()),
        Span::styled(bar, theme.heading()),
        Span::raw(format!(" {:>6}/s  left {:>7}", rate(lane.rate), count(lane.left))),
    ];
    if !lane.status.paused_for.is_zero() {
        spans.push(Span::styled(format!("  throttled {:.1} s", lane.status.paused_for.as_secs_f64()), theme.warning()));
    } else if lane.left == 0 {
        spans.push(Span::styled("  done", theme.ok()));
    }
    Line::from(spans)
}

fn draw_at_rest(model: &Model, row: &ReplayRow, plan: &PlanSummary, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let [bar, rest] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let settled = plan.acknowledged + plan.passed_over;
    #[allow(clippy::cast_precision_loss, reason = "an approximate share is enough")]
    let ratio = if plan.counts.records == 0 { 0.0 } else { settled as f64 / plan.counts.records as f64 };
    draw_bar(ratio, state_style(row, theme), theme, frame, bar);
    let label = |name: &str, value: String| {
        Line::from(vec![Span::styled(format!("{name:<12}"), theme.quiet()), Span::raw(printable(&value).into_owned())])
    };
    let failed = plan.passed_over + plan.counts.damaged;
    let mut lines = vec![
        label("records", format!("{}, {}", plan.selection, size(plan.counts.bytes))),
        label("sent", format!("{} of {}, {} left", count(plan.acknowledged), count(plan.counts.records), count(plan.left()))),
        label("planned", format!("{} by {}", model.times.long(plan.created_at), plan.created_by)),
        label("puts", format!("{} throttled, {} failed and retried", count(plan.throttled_puts), count(plan.failed_puts))),
    ];
    if failed > 0 {
        lines.push(Line::styled(format!("{:<12}{}: enter lists them", "skipped", count(failed)), theme.error()));
    }
    if plan.maybe_repeated > 0 {
        let text =
            format!("{:<12}{}, from calls without an answer", "maybe twice", counted(plan.maybe_repeated, "record", "records"));
        lines.push(Line::styled(text, theme.warning()));
    }
    lines.extend(plan.runs.iter().rev().map(|run| run_line(model, plan, run, theme)));
    lines.push(Line::styled(
        match plan.state {
            PlanState::Planned => "enter reviews the plan and starts it",
            state if state.can_resume() => "p resumes it, x cancels it",
            PlanState::Running => "it runs in another process; p pauses it",
            PlanState::Planning
            | PlanState::Unplanned
            | PlanState::Interrupted
            | PlanState::Paused
            | PlanState::Failed
            | PlanState::Cancelled
            | PlanState::Finished => "",
        },
        theme.quiet(),
    ));
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), rest);
}

fn run_line(model: &Model, plan: &PlanSummary, run: &RunRecord, theme: &Theme) -> Line<'static> {
    let ended = match (run.ended_at, run.ending) {
        (Some(at), Some(ending)) => {
            let seconds = u64::try_from(at.as_second() - run.started_at.as_second()).unwrap_or(0);
            format!("{} after {}", ending.as_str(), span(seconds))
        }
        _ if plan.state == PlanState::Running => "running".to_owned(),
        _ => "its process ended".to_owned(),
    };
    let reason = run.reason.as_ref().map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
    let text = format!(
        "{} by {}, {} sent, {ended}{reason}",
        model.times.long(run.started_at),
        printable(&run.by),
        count(run.acknowledged)
    );
    Line::from(vec![Span::styled(format!("{:<12}", "run"), theme.quiet()), Span::raw(text)])
}

fn draw_details(
    model: &Model,
    row: &ReplayRow,
    (details, scroll): (&ReplayDetails, usize),
    theme: &Theme,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let (title, lines): (String, Vec<Line<'_>>) = match details {
        ReplayDetails::Receipts(traces) => (
            format!(" Replay {}: the latest records that reached the target ", row.id),
            traces.iter().map(|trace| trace_line(model, trace, theme)).collect(),
        ),
        ReplayDetails::PassedOver(records) => (
            format!(" Replay {}: skipped records ", row.id),
            records.iter().map(|record| passed_over_line(record, theme)).collect(),
        ),
    };
    let frame_block = block(title, theme);
    let inner = frame_block.inner(area);
    let lines = if lines.is_empty() { vec![Line::styled("none", theme.quiet())] } else { lines };
    let last = lines.len().saturating_sub(usize::from(inner.height / 2));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(scroll.min(last)).take(usize::from(inner.height)).collect();
    frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: false }).block(frame_block), area);
}

fn trace_line(model: &Model, trace: &RecordTrace, theme: &Theme) -> Line<'static> {
    let end = match &trace.end {
        TraceEnd::Acknowledged { shard_id, sequence_number } => format!("→ {shard_id} {sequence_number}"),
        TraceEnd::PassedOver(reason) => format!("skipped: {}", printable(reason)),
        TraceEnd::Waiting => "waiting".to_owned(),
    };
    let arrived = archiver::format::record::ArrivalTime::parse(&trace.arrival).ok().and_then(|arrival| arrival.milliseconds());
    let arrived = arrived.and_then(|at| Timestamp::from_millisecond(at).ok()).map_or_else(String::new, |at| model.times.short(at));
    let place = trace.sub_sequence_number.map(|place| format!(".{place}")).unwrap_or_default();
    let columns = usize::from(SHORT_COLUMNS);
    Line::from(vec![
        Span::styled(format!("{arrived:<columns$} "), theme.quiet()),
        Span::raw(format!("{} ", printable(&trace.partition_key))),
        Span::styled(format!("{}{place} ", trace.sequence_number), theme.quiet()),
        Span::raw(end),
    ])
}

fn passed_over_line(record: &PassedOver, theme: &Theme) -> Line<'static> {
    let place = record.sub_sequence_number.map(|place| format!(".{place}")).unwrap_or_default();
    Line::from(vec![
        Span::raw(format!("{} ", printable(&record.partition_key))),
        Span::styled(format!("{}{place} ", printable(&record.sequence_number)), theme.quiet()),
        Span::styled(printable(&record.reason).into_owned(), theme.warning()),
    ])
}

/// Asks whether to cancel or delete the replay under the cursor.
pub(in crate::ui) fn draw_question(model: &Model, overlay: Overlay, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let Some(crate::app::model::Screen::Replays(screen)) = model.screens.last() else {
        return;
    };
    let Some(row) = screen.current(&model.replays) else {
        return;
    };
    let left = match (&row.live, &row.plan) {
        (Some(live), _) => live.progress.left(),
        (None, Ok(plan)) => plan.left(),
        (None, Err(_)) => 0,
    };
    let (title, text) = if overlay == Overlay::ConfirmCancel {
        (
            " Cancel? ",
            format!(
                "Replay {} leaves {} unsent. A cancelled replay cannot be resumed.",
                row.id,
                counted(left, "record", "records")
            ),
        )
    } else {
        (" Remove? ", format!("Replay {} and its file are deleted. Records already sent stay in the target.", row.id))
    };
    let popup = centred(area, 60, 8);
    frame.render_widget(Clear, popup);
    let paragraph = Paragraph::new(format!("{text}\n\ny yes   esc no")).wrap(Wrap { trim: true });
    frame.render_widget(paragraph.block(block(title, theme)), popup);
}
