//! The form before a replay is planned.

use crate::app::model::Model;
use crate::app::replay::setup::{FIELDS, ReplaySetup, ScreenCounts, SetupField};
use crate::domain::listing::marks::Marks;
use crate::domain::reading::Source;
use crate::domain::record::size_together;
use crate::domain::replay::lanes::Sequence;
use crate::domain::text::{count, printable};
use crate::ui::theme::Theme;
use crate::ui::{block, first_visible, framed};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

/// Columns before a field's value.
const LABEL_COLUMNS: u16 = 16;
/// Most streams shown to choose from.
const TARGETS_SHOWN: usize = 4;

pub(in crate::ui) fn draw(model: &Model, setup: &ReplaySetup, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let from = match (&setup.source, &setup.stream) {
        (Source::Archive(archive), _) => format!("{} ({})", archive.stream, archive.table),
        (Source::File(path), _) => printable(&path.display().to_string()).into_owned(),
    };
    let frame_block = block(framed(&format!("Replay from {from}"), usize::from(area.width).saturating_sub(2)), theme);
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let mut lines = Vec::new();
    let mut cursor = None;
    for field in FIELDS {
        if field == setup.field
            && let Some(line) = setup.line_of(field)
        {
            let column = inner.x + LABEL_COLUMNS + u16::try_from(line.cursor_column()).unwrap_or(0);
            let row = inner.y.saturating_add(u16::try_from(lines.len()).unwrap_or(u16::MAX));
            cursor = Some((column.min(inner.right().saturating_sub(1)), row));
        }
        lines.push(field_line(setup, field, theme));
        if field == SetupField::Target {
            lines.extend(target_lines(model, setup, theme));
        }
    }
    lines.push(Line::default());
    lines.push(match &setup.problem {
        Some(sentence) => Line::styled(printable(sentence).into_owned(), theme.error()),
        None => Line::styled("enter reads the records and shows the plan; nothing is sent yet", theme.quiet()),
    });
    // On a short screen, the field with the focus stays visible.
    let above = cursor.map_or(0, |(_, row)| (row + 2).saturating_sub(inner.bottom()));
    if let Some((column, row)) = cursor {
        frame.set_cursor_position((column, row - above));
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).scroll((above, 0)), inner);
}

fn field_line(setup: &ReplaySetup, field: SetupField, theme: &Theme) -> Line<'static> {
    let choice = |text: &str, chosen: bool| crate::ui::choice(&printable(text), chosen, theme);
    let mut spans = vec![label(setup, field, theme)];
    if let Some(line) = setup.line_of(field) {
        spans.push(Span::raw(printable(line.text()).into_owned()));
        spans.push(Span::styled(hint(setup, field), theme.quiet()));
        return Line::from(spans);
    }
    match field {
        SetupField::Records => {
            let matching =
                if setup.filter.is_everything() { "all records".to_owned() } else { format!("all that match {}", setup.filter) };
            if !setup.marks.is_empty() {
                spans.push(choice(&marked(&setup.marks, setup.shown), setup.only_marked));
            }
            spans.push(choice(&format!("{matching}{}", seen(setup.shown)), !setup.only_marked));
        }
        SetupField::Expired => {
            spans.push(choice("skipped", !setup.include_expired));
            spans.push(choice("replayed too", setup.include_expired));
        }
        SetupField::Aggregated => {
            spans.push(choice("split", !setup.keep_aggregated));
            spans.push(choice("as stored", setup.keep_aggregated));
        }
        SetupField::Envelope => {
            spans.push(choice("off", !setup.envelope));
            spans.push(choice("on", setup.envelope));
        }
        SetupField::Sequence => {
            spans.push(choice("kept within each key", setup.sequence == Sequence::OfKey));
            spans.push(choice("none", setup.sequence == Sequence::None));
        }
        SetupField::Target
        | SetupField::Separator
        | SetupField::Rate
        | SetupField::Timing
        | SetupField::StateAsOf
        | SetupField::Limit => {}
    }
    Line::from(spans)
}

fn label(setup: &ReplaySetup, field: SetupField, theme: &Theme) -> Span<'static> {
    let name = match field {
        SetupField::Records => "records",
        SetupField::StateAsOf => "state as of",
        SetupField::Limit => "at most",
        SetupField::Expired => "expired items",
        SetupField::Aggregated => "aggregated",
        SetupField::Target => "into stream",
        SetupField::Envelope => "envelope",
        SetupField::Separator => "separator",
        SetupField::Rate => "rate",
        SetupField::Timing => "timing",
        SetupField::Sequence => "order",
    };
    let is_current = setup.field == field;
    let cursor = if is_current { "▸ " } else { "  " };
    Span::styled(format!("{cursor}{name:<14}"), if is_current { theme.key() } else { theme.quiet() })
}

/// A hint for a line, unless the line explains itself.
fn hint(setup: &ReplaySetup, field: SetupField) -> String {
    let is_empty = setup.line_of(field).is_none_or(|line| line.text().is_empty());
    let hint = match field {
        SetupField::Target if is_empty => "type part of the name, or choose with ↑ and ↓",
        SetupField::Separator if is_empty => "control character 0x1E",
        SetupField::StateAsOf if is_empty => "every record; a time takes each key's last record by then",
        SetupField::Limit if is_empty => "no limit; a number takes the newest",
        SetupField::Rate if is_empty => "50% of each shard, 800/s, or max",
        SetupField::Rate => "   of each shard's capacity; 800/s, or max",
        SetupField::Timing => "   or recorded, or 10x as fast as recorded",
        SetupField::Target
        | SetupField::Separator
        | SetupField::StateAsOf
        | SetupField::Limit
        | SetupField::Records
        | SetupField::Expired
        | SetupField::Aggregated
        | SetupField::Envelope
        | SetupField::Sequence => "",
    };
    if matches!(field, SetupField::Rate | SetupField::Timing) && setup.field != field { String::new() } else { hint.to_owned() }
}

/// How many of all that match are on the screen.
fn seen(shown: Option<ScreenCounts>) -> String {
    match shown {
        Some(ScreenCounts { records, is_all_read: true, .. }) => format!(": {} on the screen", count(records)),
        Some(ScreenCounts { records, is_all_read: false, .. }) => format!(": {} read so far", count(records)),
        None => String::new(),
    }
}

/// The marks, in a few words.
fn marked(marks: &Marks, shown: Option<ScreenCounts>) -> String {
    match marks {
        Marks::Some(records) => {
            let hidden = match shown.map_or(0, |shown| shown.hidden_marks) {
                0 => String::new(),
                hidden => format!(" ({} hidden by the filter)", count(hidden)),
            };
            format!("{} marked{hidden}, {}", count(records.len() as u64), size_together(records.values()))
        }
        Marks::AllBut { filter, except } => {
            let which = if filter.is_everything() { "every record".to_owned() } else { format!("all that match {filter}") };
            if except.is_empty() { which } else { format!("{which} but {}", count(except.len() as u64)) }
        }
    }
}

fn target_lines(model: &Model, setup: &ReplaySetup, theme: &Theme) -> Vec<Line<'static>> {
    let targets = setup.targets(&model.streams);
    let indent = " ".repeat(usize::from(LABEL_COLUMNS));
    if targets.is_empty() {
        return vec![Line::styled(format!("{indent}no stream's name contains this"), theme.error())];
    }
    let first = first_visible(setup.target_cursor.unwrap_or(0), targets.len(), TARGETS_SHOWN);
    let below = targets.len().saturating_sub(first + TARGETS_SHOWN);
    let more = (below > 0).then(|| Line::styled(format!("{indent} {} more", count(below as u64)), theme.quiet()));
    targets
        .iter()
        .enumerate()
        .skip(first)
        .take(TARGETS_SHOWN)
        .map(|(place, name)| {
            let note = if Some(*name) == setup.stream.as_ref() { "  (the source itself)" } else { "" };
            let style = if Some(place) == setup.target_cursor { theme.selected() } else { Style::new() };
            Line::from(vec![
                Span::raw(indent.clone()),
                Span::styled(format!(" {name} "), style),
                Span::styled(note, theme.warning()),
            ])
        })
        .chain(more)
        .collect()
}
