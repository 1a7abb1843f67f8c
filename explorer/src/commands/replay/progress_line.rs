//! The progress line of a replay on a terminal.

use crate::terminal;

/// Between two updates on the terminal.
pub(super) const SHOW_INTERVAL: std::time::Duration = std::time::Duration::from_millis(100);

/// Replaces the line.
pub(super) fn show_line(line: &str) {
    if terminal::show(line).is_err() {
        tracing::debug!("progress could not be shown");
    }
}

/// Removes the line.
pub(super) fn clear_line() {
    show_line("");
}
