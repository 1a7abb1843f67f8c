//! The line on a terminal that shows how far a replay is.

use crate::terminal;

/// Between two updates on the terminal.
pub(super) const SHOW_INTERVAL: std::time::Duration = std::time::Duration::from_millis(100);

/// Shows a line in place of the one before it.
pub(super) fn show_line(line: &str) {
    if terminal::show(line).is_err() {
        tracing::debug!("progress could not be shown");
    }
}

/// Takes that line away.
pub(super) fn clear_line() {
    show_line("");
}
