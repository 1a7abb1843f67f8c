//! A replay before it starts.

use super::theme::Theme;
use super::{block, first_visible};
use crate::app::model::Model;
use crate::app::replay_setup::{Field, ReplaySetup, Step};
use crate::domain::marks::Marks;
use crate::domain::record::size_together;
use crate::domain::replay::{ReplayOrder, Selection};
use crate::domain::text::{count, printable};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

/// Columns before a field's value.
const LABEL_COLUMNS: u16 = 16;
/// Streams shown to choose from.
const TARGETS_SHOWN: usize = 5;

pub(super) fn draw(model: &Model, setup: &ReplaySetup, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let frame_block = block(format!(" Replay from {} ({}) ", setup.archive.stream, setup.archive.table), theme);
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    let lines = match &setup.step {
        Step::Editing(error) => {
            let mut lines = form_lines(model, setup, theme);
            lines.push(Line::default());
            lines.push(match error {
                Some(sentence) => Line::styled(printable(sentence).into_owned(), theme.error()),
                None => Line::styled("enter shows what would be done, before anything is sent", theme.quiet()),
            });
            lines
        }
        Step::Review { order, warnings } => review_lines(order, warnings, theme),
    };
    if setup.is_typing() {
        let (row, line) = match setup.field {
            Field::Target => (TARGET_ROW, &setup.target),
            Field::Separator | Field::Records | Field::Envelope | Field::Expired => {
                let targets = setup.targets(&model.streams).len().clamp(1, TARGETS_SHOWN);
                (TARGET_ROW + 2 + u16::try_from(targets).unwrap_or(1), &setup.separator)
            }
        };
        let column = inner.x + LABEL_COLUMNS + u16::try_from(line.cursor_column()).unwrap_or(0);
        frame.set_cursor_position((column.min(inner.right().saturating_sub(1)), inner.y + row));
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inner);
}

/// The target's line in the form.
const TARGET_ROW: u16 = 2;

fn form_lines(model: &Model, setup: &ReplaySetup, theme: &Theme) -> Vec<Line<'static>> {
    let label = |text: &str, field: Field| {
        let is_current = setup.field == field;
        let cursor = if is_current { "▸ " } else { "  " };
        Span::styled(format!("{cursor}{text:<14}"), if is_current { theme.key() } else { theme.quiet() })
    };
    let choice = |text: &str, chosen: bool| super::choice(text, chosen, theme);
    let matching =
        if setup.filter.is_everything() { "the whole archive".to_owned() } else { format!("all that match {}", setup.filter) };
    let mut records = vec![label("records", Field::Records)];
    if !setup.marks.is_empty() {
        records.push(choice(&printable(&marked(&setup.marks)), setup.only_marked));
    }
    records.push(choice(&printable(&matching), !setup.only_marked));
    let hint = if setup.target.text().is_empty() { "type a part of the name, ↑ and ↓ choose" } else { "" };
    let mut lines = vec![
        Line::default(),
        Line::from(records),
        Line::from(vec![
            label("into stream", Field::Target),
            Span::raw(printable(setup.target.text()).into_owned()),
            Span::styled(hint, theme.quiet()),
        ]),
    ];
    lines.extend(target_lines(model, setup, theme));
    let separator = setup.separator.text();
    let separator_hint = if separator.is_empty() { "control character 0x1E" } else { "" };
    let envelope = vec![label("envelope", Field::Envelope), choice("off", !setup.envelope), choice("on", setup.envelope)];
    lines.push(Line::from(envelope));
    lines.push(Line::from(vec![
        label("separator", Field::Separator),
        Span::raw(printable(separator).into_owned()),
        Span::styled(separator_hint, theme.quiet()),
    ]));
    lines.push(Line::from(vec![
        label("expired items", Field::Expired),
        choice("left out", !setup.include_expired),
        choice("replayed too", setup.include_expired),
    ]));
    lines
}

/// What is marked, in a few words.
fn marked(marks: &Marks) -> String {
    match marks {
        Marks::Some(records) => format!("{} marked, {}", count(records.len() as u64), size_together(records.values())),
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
    targets
        .iter()
        .enumerate()
        .skip(first)
        .take(TARGETS_SHOWN)
        .map(|(place, name)| {
            let note = if **name == setup.archive.stream { "  (the source itself)" } else { "" };
            let style = if Some(place) == setup.target_cursor { theme.selected() } else { ratatui::style::Style::new() };
            Line::from(vec![
                Span::raw(indent.clone()),
                Span::styled(format!(" {name} "), style),
                Span::styled(note, theme.warning()),
            ])
        })
        .collect()
}

fn review_lines(order: &ReplayOrder, warnings: &[String], theme: &Theme) -> Vec<Line<'static>> {
    let what = match &order.selection {
        Selection::Marked(records) => {
            format!("{} marked records, {}", count(records.len() as u64), size_together(records))
        }
        Selection::Matching { filter, include_expired, except, .. } => {
            let which =
                if filter.is_everything() { "every record of the archive".to_owned() } else { format!("all that match {filter}") };
            let but = if except.is_empty() { String::new() } else { format!(" but {}", count(except.len() as u64)) };
            format!("{which}{but}, expired items {}", if *include_expired { "too" } else { "left out" })
        }
    };
    let envelope = match &order.envelope {
        Some(separator) if *separator == archiver::envelope::Separator::default() => {
            "on, separated by the control character 0x1E".to_owned()
        }
        Some(separator) => format!("on, separated by {}", separator.as_str().escape_debug()),
        None => "off: the payload alone, byte for byte".to_owned(),
    };
    let row = |name: &str, value: String| {
        Line::from(vec![Span::styled(format!("  {name:<14}"), theme.quiet()), Span::raw(printable(&value).into_owned())])
    };
    let mut lines = vec![
        Line::default(),
        row("records", what),
        row("from", order.archive.table.clone()),
        row("into stream", order.target.to_string()),
        row("envelope", envelope),
        row("order", "kept for each partition key; failed records are put again".to_owned()),
        Line::default(),
    ];
    lines.extend(warnings.iter().map(|warning| Line::styled(format!("▲ {warning}"), theme.warning())));
    lines.push(Line::from(vec![
        Span::styled("  y", theme.key()),
        Span::raw(" starts the replay, "),
        Span::styled("esc", theme.key()),
        Span::raw(" goes back to the form"),
    ]));
    lines
}
