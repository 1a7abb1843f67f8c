//! A progress line on standard error, if that is a terminal. Each update replaces the line, and nothing of it remains.

use crate::domain::reading::ReadProgress;
use crate::domain::text::count;
use crate::terminal;
use std::time::{Duration, Instant};

/// Between two updates.
const INTERVAL: Duration = Duration::from_millis(100);
/// After this time, the line says how long the current step has taken.
const MOMENT: Duration = Duration::from_secs(2);

/// The line.
#[derive(Debug)]
pub(super) struct Meter {
    is_wanted: bool,
    shown_at: Option<Instant>,
}

impl Meter {
    /// For work that prints results as it goes: there is no line if it would mix with results on the same terminal.
    pub(super) fn beside_results() -> Self {
        Self { is_wanted: terminal::stderr_is_terminal() && !terminal::stdout_is_terminal(), shown_at: None }
    }

    /// For work that prints only at the end, or to a file.
    pub(super) fn before_results() -> Self {
        Self { is_wanted: terminal::stderr_is_terminal(), shown_at: None }
    }

    /// Shows the progress, unless it was updated a moment ago.
    pub(super) fn show(&mut self, sentence: impl FnOnce() -> String) {
        let is_due = self.shown_at.is_none_or(|shown_at| shown_at.elapsed() >= INTERVAL);
        if self.is_wanted && is_due {
            self.shown_at = Some(Instant::now());
            self.write(&sentence());
        }
    }

    /// Runs the next step. If that takes longer than a moment, shows the sentence and the time it has taken so far.
    pub(super) async fn waiting<T>(&mut self, sentence: &str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let mut work = std::pin::pin!(work);
        loop {
            match tokio::time::timeout(MOMENT / 2, &mut work).await {
                Ok(done) => return done,
                Err(_) if began.elapsed() < MOMENT => {}
                Err(_) => self.show(|| format!("{sentence}; waiting for the next one, {} s", began.elapsed().as_secs())),
            }
        }
    }

    /// Removes the line before something else is printed.
    pub(super) fn clear(&mut self) {
        if self.shown_at.take().is_some() {
            self.write("");
        }
    }

    fn write(&mut self, text: &str) {
        // The work continues even if its progress cannot be shown.
        self.is_wanted &= terminal::show(text).is_ok();
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The progress of reading: matched, read, share and read units.
pub(super) fn sentence(progress: &ReadProgress) -> String {
    let ReadProgress { read, matched, units, segments_done, segments, .. } = *progress;
    let mut sentence = format!("{} matched of {} read", count(matched), count(read));
    if segments > 1 {
        sentence.push_str(&format!(" · {} % of the source", segments_done * 100 / segments));
    }
    if units > 0.0 {
        sentence.push_str(&format!(" · {units:.1} read units"));
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_share_and_cost_where_there_are_some() {
        let progress = ReadProgress { read: 48_300, matched: 312, ..ReadProgress::default() };
        assert_eq!(sentence(&progress), "312 matched of 48 300 read");
        let progress = ReadProgress { units: 6_020.5, segments_done: 31, segments: 100, ..progress };
        assert_eq!(sentence(&progress), "312 matched of 48 300 read · 31 % of the source · 6020.5 read units");
    }
}
