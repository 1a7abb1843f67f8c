//! The keys, from their table.

use super::theme::Theme;
use super::{block, centred};
use crate::app::keymap::{BINDINGS, Context};
use crate::app::model::Model;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

pub(super) fn draw(model: &Model, scroll: usize, theme: &Theme, frame: &mut Frame<'_>, area: Rect) {
    let lines = lines(model, theme);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let popup = centred(area, 100, rows.min(area.height.saturating_sub(2)));
    let height = usize::from(popup.height.saturating_sub(2));
    let first = scroll.min(lines.len().saturating_sub(height));
    let hint = if lines.len() > height { " ↑ ↓ scroll, any other key closes " } else { " any key closes " };
    let shown: Vec<Line<'_>> = lines.into_iter().skip(first).take(height).collect();
    frame.render_widget(Clear, popup);
    frame.render_widget(Paragraph::new(shown).block(block(" Keys ", theme).title_bottom(Line::from(hint).right_aligned())), popup);
}

/// The keys of this screen first, then those of everywhere, then the rest.
fn lines(model: &Model, theme: &Theme) -> Vec<Line<'static>> {
    let mut contexts = model.contexts();
    contexts.extend(Context::ALL);
    let mut shown: Vec<Context> = Vec::new();
    let mut lines = Vec::new();
    if let Some(local) = &model.session.local {
        lines.push(Line::styled("The AWS CLI works against this local system", theme.heading()));
        lines.push(Line::from(format!("  aws kinesis list-streams --endpoint-url {}", local.kinesis)));
        lines.push(Line::from(format!("  aws dynamodb list-tables --endpoint-url {}", local.dynamodb)));
        lines.push(Line::default());
    }
    for context in contexts {
        if shown.contains(&context) {
            continue;
        }
        shown.push(context);
        lines.push(Line::styled(context.heading(), theme.heading()));
        lines.extend(BINDINGS.iter().filter(|binding| binding.context == context).map(|binding| {
            Line::from(vec![Span::styled(format!("  {:<18}", binding.key_names()), theme.key()), Span::raw(binding.help)])
        }));
        lines.push(Line::default());
    }
    lines.pop();
    lines
}
