//! What to try on the local system, for whoever sees it for the first time.

use super::cut_line;
use super::theme::Theme;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Span;

/// What to press on which stream, and what there is to see.
const HINTS: [(&str, &str, &str); 5] = [
    ("orders", "enter", "a week of orders; / is:unreadable finds the damaged one"),
    ("prices", "enter h", "all versions of a price; D compares two of them"),
    ("app-logs", "enter", "CloudWatch Logs, unpacked; the oldest expire today"),
    ("orders", "r", "replay some of them into orders-replay"),
    ("clickstream", "c", "archive it from now on"),
];
const HEIGHT: u16 = HINTS.len() as u16 + 2;

/// Draws the hints at the bottom of an area, if there is room below so many rows; what is left of the area.
pub(super) fn draw_below(rows: usize, theme: &Theme, frame: &mut Frame<'_>, area: Rect) -> Rect {
    let is_room = usize::from(area.height) >= rows + usize::from(HEIGHT);
    if !is_room {
        return area;
    }
    let left = Rect { height: area.height - HEIGHT, ..area };
    let columns = usize::from(area.width);
    let title = [
        Span::styled("  Five things to try", theme.quiet()),
        Span::styled("   esc", theme.key()),
        Span::styled(" hides this", theme.quiet()),
    ];
    frame.render_widget(cut_line(title.into(), columns), Rect { y: left.bottom() + 1, height: 1, ..area });
    for (row, (stream, keys, text)) in (left.bottom() + 2..).zip(HINTS) {
        let spans = vec![
            Span::styled(format!("  {stream:<12}"), theme.quiet()),
            Span::styled(format!("{keys:<8}"), theme.key()),
            Span::styled(text, theme.quiet()),
        ];
        frame.render_widget(cut_line(spans, columns), Rect { y: row, height: 1, ..area });
    }
    left
}
