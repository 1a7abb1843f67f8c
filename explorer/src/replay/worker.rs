//! A thread that owns something that waits for the disk, and does one job with it after the other.

use std::io;
use std::sync::mpsc;
use tokio::sync::oneshot;

/// Has jobs done. The thread ends when all of its handles are gone.
#[derive(Debug)]
pub(super) struct Worker<T> {
    jobs: mpsc::Sender<Job<T>>,
}

type Job<T> = Box<dyn FnOnce(&mut T) + Send>;

/// The thread is gone.
#[derive(Debug, thiserror::Error)]
#[error("a thread of this program ended before its work was done")]
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

    /// Has a job done, and gives back what it came to.
    pub(super) async fn call<R: Send + 'static>(&self, job: impl FnOnce(&mut T) -> R + Send + 'static) -> Result<R, Gone> {
        let (answer, answered) = oneshot::channel();
        let job = move |owned: &mut T| {
            // Nobody waits for it any more where the run has ended.
            if answer.send(job(owned)).is_err() {
                tracing::trace!("a job was done for nobody");
            }
        };
        self.jobs.send(Box::new(job)).map_err(|_| Gone)?;
        answered.await.map_err(|_| Gone)
    }
}
