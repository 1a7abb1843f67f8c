//! Waiting before another try, and the moment after which none is made.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Upper bound of the first wait.
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// Upper bound of any wait.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// The moment by which work must be done.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The deadline came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time for this batch was over")]
pub struct DeadlinePassed;

impl Deadline {
    /// So far from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// Runs the work, but not beyond the deadline.
    ///
    /// # Errors
    /// When the deadline comes first; the work is dropped then.
    pub async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, DeadlinePassed> {
        tokio::time::timeout_at(self.0, work).await.map_err(|_| DeadlinePassed)
    }

    /// Waits before the try after the `failed`th: a random part of an exponentially growing delay, so that many clients do not
    /// come back at once.
    ///
    /// # Errors
    /// When the deadline would pass during the wait.
    pub async fn back_off(self, failed: u32) -> Result<(), DeadlinePassed> {
        let longest = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(failed.min(16))).min(LONGEST_DELAY);
        let delay = longest.mul_f64(fastrand::f64());
        if Instant::now() + delay >= self.0 {
            return Err(DeadlinePassed);
        }
        tokio::time::sleep(delay).await;
        Ok(())
    }
}
