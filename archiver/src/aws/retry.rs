//! Retries calls. Each attempt has its own time limit, transient failures are retried after a wait, and the deadline ends
//! everything.

use super::backoff::{Deadline, DeadlinePassed};
use super::failure::{AwsFailure, FailureKind};
use std::future::Future;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// AWS answered with an error, or could not be reached.
    #[error(transparent)]
    Aws(#[from] AwsFailure),
    #[error(transparent)]
    Deadline(#[from] DeadlinePassed),
}

impl CallError {
    /// The failure. A call that had no time left counts as timed out.
    #[must_use]
    pub fn into_failure(self) -> AwsFailure {
        match self {
            Self::Aws(failure) => failure,
            Self::Deadline(passed) => AwsFailure { kind: FailureKind::TimedOut, message: passed.to_string() },
        }
    }
}

/// Repeats a call until it succeeds, fails for good, or the deadline passes.
pub(crate) async fn until_done<T, F: Future<Output = Result<T, AwsFailure>>>(
    deadline: Deadline,
    call: impl Fn() -> F,
) -> Result<T, CallError> {
    let mut tries = 0;
    let mut why = None;
    loop {
        match attempt(deadline, tries, call()).await {
            // An earlier failure says more than that the last attempt had no time left.
            Err(CallError::Deadline(passed)) => return Err(why.unwrap_or(CallError::Deadline(passed))),
            Err(CallError::Aws(failure)) if failure.is_transient() => {
                let failure = CallError::Aws(failure);
                deadline.back_off(tries).await.map_err(|_| failure.clone())?;
                why = Some(failure);
            }
            Ok(answer) => return Ok(answer),
            Err(failure @ CallError::Aws(_)) => return Err(failure),
        }
        tries += 1;
    }
}

/// One attempt, limited by its own time and by the deadline.
pub(crate) async fn attempt<T>(
    deadline: Deadline,
    tries: u32,
    call: impl Future<Output = Result<T, AwsFailure>>,
) -> Result<T, CallError> {
    match deadline.bound_try(tries, call).await? {
        Some(answer) => Ok(answer?),
        None => Err(AwsFailure::no_answer().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test(start_paused = true)]
    async fn what_was_said_last_is_the_reason_and_not_that_time_ran_out() {
        let throttled = AwsFailure { kind: FailureKind::Throttled, message: "Rate exceeded".to_owned() };
        let tries = AtomicU32::new(0);
        let call = || {
            let is_first = tries.fetch_add(1, Ordering::Relaxed) == 0;
            let throttled = throttled.clone();
            async move { if is_first { Err(throttled) } else { std::future::pending::<Result<(), AwsFailure>>().await } }
        };
        let ended = until_done(Deadline::after(std::time::Duration::from_secs(3)), call).await;
        assert_eq!(ended, Err(CallError::Aws(throttled.clone())));
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    }
}
