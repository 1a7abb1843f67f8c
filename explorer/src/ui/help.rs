//! The keys, from their table.

use super::theme::Theme;
use super::{block, centred};
use crate::app::help::{Help, HelpRow};
use crate::app::model::Model;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

/// The keys while the help is scrollable.
const SCROLLS: &str = " ↑ ↓ scroll, any other key closes ";
/// The keys while all of the help fits.
const CLOSES: &str = " any key closes ";

pub(super) fn draw(model: &Model, scroll: usize, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let help = Help::of(model);
    let rows = u16::try_from(help.rows.len().min(help.height) + 2).unwrap_or(area.height);
    let popup = centred(area, help.columns, rows);
    let first = help.first(scroll);
    let hint = hint(&help);
    let shown: Vec<Line<'_>> = help.rows.into_iter().skip(first).take(help.height).map(|row| line(row, theme)).collect();
    frame.render_widget(Clear, popup);
    frame.render_widget(Paragraph::new(shown).block(block(" Keys ", theme).title_bottom(Line::from(hint).right_aligned())), popup);
}

/// The keys while it is shown.
pub(super) fn hint(help: &Help) -> &'static str {
    if help.last_first() > 0 { SCROLLS } else { CLOSES }
}

fn line(row: HelpRow, theme: &Theme) -> Line<'static> {
    match row {
        HelpRow::Heading(text) => Line::styled(text, theme.heading()),
        HelpRow::Keys(keys, sentence) => Line::from(vec![Span::styled(keys, theme.key()), Span::raw(sentence)]),
        HelpRow::Text(text) => Line::from(text),
    }
}
