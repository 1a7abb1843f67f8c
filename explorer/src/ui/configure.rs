//! The configure screen: the form, the calls, and their results.

use super::theme::Theme;
use super::{block, framed};
use crate::app::configure::{Configure, ConfigureStep, SettingsField};
use crate::domain::stream::change::Plan;
use crate::domain::text::printable;
use archiver::format::settings::{ArchiveMode, Compression, Replays};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

pub(super) fn draw(configure: &Configure, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let frame_block =
        block(framed(&format!("Configure {}", configure.stream.name), usize::from(area.width).saturating_sub(2)), theme);
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let mut lines = form_lines(configure, theme);
    if configure.is_typing() {
        let column = inner.x + LABEL_COLUMNS + u16::try_from(configure.ttl.cursor_column()).unwrap_or(0);
        frame.set_cursor_position((column.min(inner.right().saturating_sub(1)), inner.y + TTL_ROW));
    }
    lines.push(Line::default());
    match &configure.step {
        ConfigureStep::Editing(Some(sentence)) => lines.push(Line::styled(printable(sentence).into_owned(), theme.error())),
        ConfigureStep::Editing(None) => lines.push(Line::styled("enter shows the calls before anything is changed", theme.quiet())),
        ConfigureStep::Planning(_) => lines.push(Line::styled("checking the stream and its tables …", theme.quiet())),
        ConfigureStep::Review(plan) => {
            lines.push(Line::styled("These calls will be made:", theme.heading()));
            lines.extend(call_lines(plan, 0, theme));
            lines.extend(warning_lines(plan, theme));
            lines.push(Line::default());
            lines.push(Line::from(vec![
                Span::styled("y", theme.key()),
                Span::raw(" makes them, "),
                Span::styled("esc", theme.key()),
                Span::raw(" goes back to the form"),
            ]));
        }
        ConfigureStep::Making { plan, made, .. } => {
            lines.push(Line::styled("Making the calls …", theme.heading()));
            lines.extend(call_lines(plan, *made, theme));
        }
        ConfigureStep::Done(plan) => {
            lines.push(Line::styled("Done.", theme.ok()));
            lines.extend(call_lines(plan, plan.calls.len(), theme));
            lines.push(Line::default());
            lines.push(Line::styled("A running archiver picks this up within three minutes; esc goes back", theme.quiet()));
        }
        ConfigureStep::Failed { plan, made, failure } => {
            lines.extend(call_lines(plan, *made, theme));
            lines.push(Line::styled(printable(&failure.to_string()).into_owned(), theme.error()));
            lines.push(Line::styled("Ticked calls were made; esc goes back, c retries the rest", theme.quiet()));
        }
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inner);
}

/// Columns before a field's value.
const LABEL_COLUMNS: u16 = 14;
/// The TTL's line in the form.
const TTL_ROW: u16 = 3;

fn form_lines(configure: &Configure, theme: &Theme) -> Vec<Line<'static>> {
    let is_editing = matches!(configure.step, ConfigureStep::Editing(_));
    let label = |text: &str, field: SettingsField| {
        let cursor = if is_editing && configure.field == field { "▸ " } else { "  " };
        Span::styled(format!("{cursor}{text:<12}"), if configure.field == field { theme.key() } else { theme.quiet() })
    };
    let mut mode = vec![label("mode", SettingsField::Mode)];
    for (choice, name) in [(Some(ArchiveMode::All), "ALL"), (Some(ArchiveMode::Latest), "LATEST"), (None, "not archived")] {
        mode.push(super::choice(name, configure.mode == choice, theme));
    }
    let meaning = match configure.mode {
        Some(ArchiveMode::All) => "every record is kept",
        Some(ArchiveMode::Latest) => "only the newest record of each partition key is kept",
        None => "the archive tags are removed; archived records stay",
    };
    let mut replays = vec![label("replays", SettingsField::Replays)];
    for choice in [Replays::Keep, Replays::Skip] {
        replays.push(super::choice(choice.as_str(), configure.replays == choice, theme));
    }
    let replays_meaning = match configure.replays {
        Replays::Keep => "records replayed into this stream are archived again",
        Replays::Skip => "records replayed with an envelope into this stream are skipped",
    };
    let mut compression = vec![label("compression", SettingsField::Compression)];
    for choice in [Compression::None, Compression::Gzip] {
        compression.push(super::choice(choice.as_str(), configure.compression == choice, theme));
    }
    let ttl = printable(configure.ttl.text()).into_owned();
    let ttl_hint = if ttl.is_empty() { "for ever; or 30d, 12h, 900 (seconds)" } else { "" };
    let ttl = Line::from(vec![label("keep for", SettingsField::Ttl), Span::raw(ttl), Span::styled(ttl_hint, theme.quiet())]);
    if !is_editing {
        // The calls and warnings below need the room.
        return vec![Line::from(mode), ttl, Line::from(replays), Line::from(compression)];
    }
    let explained = |meaning: &str| Line::styled(format!("{:14}{meaning}", ""), theme.quiet());
    vec![
        Line::default(),
        Line::from(mode),
        explained(meaning),
        ttl,
        Line::from(replays),
        explained(replays_meaning),
        Line::from(compression),
    ]
}

fn call_lines(plan: &Plan, made: usize, theme: &Theme) -> Vec<Line<'static>> {
    let line = |(place, call): (usize, &crate::domain::stream::change::Call)| {
        let is_made = place < made;
        let tick = if is_made { Span::styled("  ✓ ", theme.ok()) } else { Span::styled("  · ", theme.quiet()) };
        Line::from(vec![tick, Span::raw(call.to_string())])
    };
    plan.calls.iter().enumerate().map(line).collect()
}

fn warning_lines(plan: &Plan, theme: &Theme) -> Vec<Line<'static>> {
    plan.warnings.iter().map(|warning| Line::styled(format!("▲ {warning}"), theme.warning())).collect()
}
