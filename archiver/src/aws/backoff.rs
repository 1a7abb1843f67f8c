//! Waits between attempts, and the deadline after which there are none.

use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// Upper bound of the first wait.
const FIRST_DELAY: Duration = Duration::from_millis(50);
/// Upper bound of any wait.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// Time limit for the first attempt of a call. A connection that hangs must not take the time of the whole batch.
const FIRST_TRY: Duration = Duration::from_secs(5);

/// The moment by which work must be done.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

/// The deadline passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no time was left")]
pub struct DeadlinePassed;

impl Deadline {
    /// A deadline this far from now.
    #[must_use]
    pub fn after(duration: Duration) -> Self {
        Self(Instant::now() + duration)
    }

    /// This deadline, or one this far from now if that is earlier.
    #[must_use]
    pub fn at_most(self, duration: Duration) -> Self {
        Self(self.0.min(Instant::now() + duration))
    }

    /// Runs the work until the deadline.
    ///
    /// # Errors
    /// When the deadline passes first. The work is dropped.
    async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, DeadlinePassed> {
        // `timeout_at` polls the work first, so it would start work that has no time left.
        if Instant::now() >= self.0 {
            return Err(DeadlinePassed);
        }
        tokio::time::timeout_at(self.0, work).await.map_err(|_| DeadlinePassed)
    }

    /// Runs one attempt of a call. Each has twice the time of the one before; `None` if that time is over.
    ///
    /// # Errors
    /// When the deadline passes first.
    pub async fn bound_try<T>(self, tries: u32, work: impl Future<Output = T>) -> Result<Option<T>, DeadlinePassed> {
        let time = FIRST_TRY.saturating_mul(2_u32.saturating_pow(tries.min(16)));
        Ok(self.bound(tokio::time::timeout(time, work)).await?.ok())
    }

    /// Waits after the `failed`th failure (from 0): a random part of a delay that grows exponentially, so that many clients do not
    /// come back at the same time.
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
