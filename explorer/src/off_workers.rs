//! Runs long computations outside the async workers, which must stay free for signals, screens and answers.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the result of some work is no longer needed. The work checks this between its steps.
#[derive(Clone, Debug)]
pub(crate) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// For work that always completes.
    pub(crate) fn never() -> Self {
        Self(Arc::default())
    }

    /// Whether it is so.
    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells the work when its caller is gone.
struct Waiting(Cancelled);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Runs the work on its own thread and waits for it. If the wait is cancelled, the work finds out.
pub(crate) async fn off_workers<T: Send + 'static>(work: impl FnOnce(Cancelled) -> T + Send + 'static) -> T {
    let waiting = Waiting(Cancelled::never());
    let cancelled = waiting.0.clone();
    match tokio::task::spawn_blocking(move || work(cancelled)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime shuts down before the work has begun, so the caller is gone too.
            Err(_) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test]
    async fn work_learns_that_nobody_waits_for_it() {
        const DEADLINE: Duration = Duration::from_secs(10);
        let (tell, told) = mpsc::channel();
        let work = off_workers(move |cancelled| {
            tell.send(()).unwrap();
            while !cancelled.is_so() {
                std::thread::yield_now();
            }
            tell.send(()).unwrap();
        });
        let waiting = tokio::spawn(work);
        let told = tokio::task::spawn_blocking(move || {
            told.recv_timeout(DEADLINE).unwrap();
            told
        });
        let told = told.await.unwrap();
        waiting.abort();
        assert!(tokio::task::spawn_blocking(move || told.recv_timeout(DEADLINE)).await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn what_work_comes_to_is_given_back() {
        assert_eq!(off_workers(|cancelled| (17, cancelled.is_so())).await, (17, false));
    }
}
