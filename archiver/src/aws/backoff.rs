//! Waiting before another try, and the moment after which none is made.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Upper bound of the first wait.
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// Upper bound of any wait.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Time of the first try of a call; a connection that hangs must not take the whole batch's time.
const FIRST_TRY: Duration = Duration::from_secs(5);

/// The moment by which work must be done.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The deadline came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time was left")]
pub struct DeadlinePassed;

impl Deadline {
    /// So far from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// This deadline, or an earlier one so far from now.
    #[must_use]
    pub fn at_most(self, duration: Duration) -> Self {
        Self(self.0.min(Instant::now() + duration))
    }

    /// Runs the work, but not beyond the deadline.
    ///
    /// # Errors
    /// When the deadline comes first; the work is dropped then.
    async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, DeadlinePassed> {
        // The timer is asked after the work, which would be begun once more.
        if Instant::now() >= self.0 {
            return Err(DeadlinePassed);
        }
        tokio::time::timeout_at(self.0, work).await.map_err(|_| DeadlinePassed)
    }

    /// Runs one try of a call, which gets twice the time of the one before: `None` where that time is over first.
    ///
    /// # Errors
    /// When the deadline comes first.
    pub async fn bound_try<T>(self, tries: u32, work: impl Future<Output = T>) -> Result<Option<T>, DeadlinePassed> {
        let time = FIRST_TRY.saturating_mul(2_u32.saturating_pow(tries.min(16)));
        Ok(self.bound(tokio::time::timeout(time, work)).await?.ok())
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
