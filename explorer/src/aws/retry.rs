//! How often read calls are tried: throttled calls are retried, temporary failures for a while, all others fail at once.

use crate::domain::failure::Failure;
use archiver::aws::backoff::Deadline;
use archiver::aws::failure::FailureKind;
use std::future::Future;
use std::time::Duration;

/// How long a service may keep failing, in addition to the SDK's own retries.
const PATIENCE: Duration = Duration::from_secs(20);

/// Retries a call until it succeeds or cannot succeed.
pub(super) async fn with_retries<T, F: Future<Output = Result<T, Failure>>>(call: impl Fn() -> F) -> Result<T, Failure> {
    let mut deadline = Deadline::after(PATIENCE);
    let mut failed = 0;
    loop {
        let failure = match call().await {
            Ok(done) => return Ok(done),
            Err(failure) if !failure.is_transient() => return Err(failure),
            Err(failure) => failure,
        };
        if failure.kind == FailureKind::Throttled {
            deadline = Deadline::after(PATIENCE);
        }
        if deadline.back_off(failed).await.is_err() {
            return Err(failure);
        }
        tracing::debug!(%failure, failed, "retrying");
        failed += 1;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::aws::failure::AwsFailure;
    use std::cell::Cell;

    fn failing(kind: FailureKind) -> Failure {
        Failure::of_call("read table orders-archive-ALL", "dynamodb:Scan", AwsFailure { kind, message: "no".to_owned() })
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_never_fails_a_call() {
        let tries = Cell::new(0);
        let call = || {
            tries.set(tries.get() + 1);
            let enough = tries.get() > 100;
            async move { if enough { Ok(()) } else { Err(failing(FailureKind::Throttled)) } }
        };
        with_retries(call).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_goes_on_failing_is_told_and_what_cannot_pass_at_once() {
        let began = tokio::time::Instant::now();
        let failure = with_retries(|| async { Err::<(), _>(failing(FailureKind::AccessDenied)) }).await.unwrap_err();
        assert_eq!((failure.kind, began.elapsed()), (FailureKind::AccessDenied, Duration::ZERO));
        let failure = with_retries(|| async { Err::<(), _>(failing(FailureKind::Service)) }).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Service);
        assert!(began.elapsed() > PATIENCE / 2 && began.elapsed() <= PATIENCE);
    }
}
