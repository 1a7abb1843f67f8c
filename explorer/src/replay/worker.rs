//! A thread that owns something slow, such as a file, and runs one job on it after the other.

use std::io;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Runs jobs. The thread ends when all handles are dropped.
#[derive(Debug)]
pub(super) struct Worker<T> {
    jobs: mpsc::Sender<Job<T>>,
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The thread has ended.
#[derive(Debug, thiserror::Error)]
#[error("an internal thread ended early")]
pub(super) struct Gone;

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self { jobs: self.jobs.clone() }
    }
}

impl<T: Send + 'static> Worker<T> {
    /// Starts the thread.
    pub(super) fn start(name: &str, mut owned: T) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<Job<T>>();
        let work = move || waiting.into_iter().for_each(|job| job(&mut owned));
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Self { jobs })
    }

    /// Runs a job and returns its result.
    pub(super) async fn call<R: Send + 'static>(&self, job: impl FnOnce(&mut T) -> R + Send + 'static) -> Result<R, Gone> {
        let (answer, answered) = oneshot::channel();
        let job = move |owned: &mut T| {
            // After the end of the run, nothing waits for the result.
            if answer.send(job(owned)).is_err() {
                tracing::trace!("no task waits for this result any more");
            }
        };
        self.jobs.send(Box::new(job)).map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}
