//! Waiting for a condition: asked again and again until it holds, and a failure when it does not in time.

use std::future::Future;
use std::time::{Duration, Instant};

/// No condition may take longer, on a machine that is busy with other tests too.
pub const LONGEST_WAIT: Duration = Duration::from_secs(120);
/// Between two questions.
const PAUSE: Duration = Duration::from_millis(20);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none in time; the message is `what`.
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
