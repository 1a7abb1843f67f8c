//! Waits for a condition: polls until it holds, and fails if it does not hold in time.

use std::future::Future;
use std::time::{Duration, Instant};

/// The longest that any condition may take, even on a machine that is busy with other tests.
pub const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Between two checks.
const PAUSE: Duration = Duration::from_millis(20);

/// Polls until there is an answer.
///
/// # Panics
/// When there is none in time; the message contains `what`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut question: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = question().await {
            return answer;
        }
        assert!(started.elapsed() < LONGEST_WAIT, "not within {LONGEST_WAIT:?}: {what}");
        tokio::time::sleep(PAUSE).await;
    }
}
