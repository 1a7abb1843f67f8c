//! All about a stream and its archive, on one screen that scrolls.

use super::theme::Theme;
use super::{block, framed};
use crate::app::command::{Command, DescriptionCommand, GlobalCommand};
use crate::app::description::{DescriptionRow, DescriptionScreen, LABEL_COLUMNS};
use crate::app::keymap::key_of;
use crate::app::model::Model;
use crate::domain::stream::description::{Problem, Weight};
use crate::domain::text::printable;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

pub(super) fn draw(model: &Model, screen: &DescriptionScreen, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let layout = screen.layout(model.size, &model.times);
    let height = usize::from(area.height.saturating_sub(2));
    let first = layout.first(screen.scroll);
    let below = layout.rows.len().saturating_sub(first + height);
    let state = match (screen.is_reading(), below) {
        (true, _) => " reading … ".to_owned(),
        (false, 0) => String::new(),
        (false, 1) => " 1 more row ".to_owned(),
        (false, more) => format!(" {more} more rows "),
    };
    let title = framed(&format!("Stream {}", screen.name), usize::from(area.width).saturating_sub(2));
    let frame_block =
        block(title, theme).title_bottom(remedy(model, screen, theme)).title_bottom(Line::from(state).right_aligned());
    let inner = frame_block.inner(area);
    frame.render_widget(frame_block, area);
    if let Some(sentence) = instead_of_rows(screen) {
        frame.render_widget(Paragraph::new(sentence).wrap(Wrap { trim: true }), inner);
        return;
    }
    let lines: Vec<Line<'_>> = layout.rows.into_iter().skip(first).take(height).map(|row| line(row, theme)).collect();
    frame.render_widget(Paragraph::new(lines), inner);
}

fn instead_of_rows(screen: &DescriptionScreen) -> Option<String> {
    match (&screen.failure, &screen.description) {
        (Some(failure), _) => {
            let again = key_of(Command::Global(GlobalCommand::Refresh)).unwrap_or_default();
            Some(format!("{}.\n\n{again} reads it again.", printable(&failure.to_string())))
        }
        (None, None) => Some("Reading the stream and its archive …".to_owned()),
        (None, Some(_)) => None,
    }
}

/// The key that mends what is wrong.
fn remedy(model: &Model, screen: &DescriptionScreen, theme: &Theme) -> Line<'static> {
    let command = Command::Description(DescriptionCommand::Configure);
    let problems = screen.description.as_ref().map_or_else(Vec::new, |description| description.problems());
    let is_mended = problems.iter().any(|problem: &Problem| problem.is_mended_by_configuring);
    match key_of(command).filter(|_| is_mended && model.check(command).is_ok()) {
        Some(key) => Line::from(vec![Span::styled(format!(" {key}"), theme.key()), Span::raw(" mends what is wrong ")]),
        None => Line::default(),
    }
}

fn line(row: DescriptionRow, theme: &Theme) -> Line<'static> {
    match row {
        DescriptionRow::Heading(title) => Line::styled(format!(" {title}"), theme.heading()),
        DescriptionRow::Fact { label, text, weight } => {
            let width = LABEL_COLUMNS - 2;
            let (label_style, text_style) = match weight {
                Weight::Usual => (theme.quiet(), ratatui::style::Style::new()),
                Weight::Quiet => (theme.quiet(), theme.quiet()),
                Weight::Problem => (theme.warning(), theme.warning()),
            };
            Line::from(vec![Span::styled(format!("  {label:<width$}"), label_style), Span::styled(text, text_style)])
        }
    }
}
