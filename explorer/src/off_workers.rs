//! Work that takes long without waiting for anything, done beside the async workers: those must stay free for signals, screens and
//! answers.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether nobody wants the result of some work any more. It looks here between its steps.
#[derive(Clone, Debug)]
pub(crate) struct Cancelled(Arc<AtomicBool>);

impl Cancelled {
    /// For work that is done to its end.
    pub(crate) fn never() -> Self {
        Self(Arc::default())
    }

    /// Whether it is so.
    pub(crate) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Tells the work when whoever waited for it is gone.
struct Waiting(Cancelled);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Does the work on a thread of its own and waits for it. When the waiting is broken off, the work is told so.
pub(crate) async fn off_workers<T: Send + 'static>(work: impl FnOnce(Cancelled) -> T + Send + 'static) -> T {
    let waiting = Waiting(Cancelled::never());
    let cancelled = waiting.0.clone();
    match tokio::task::spawn_blocking(move || work(cancelled)).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime ends before the work has begun, and with it whoever waits here.
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
