//! Asks tasks to finish their work and end.

use tokio::sync::watch;

/// Stops the tasks that hold its signals, at the latest when it is dropped.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Says when to stop.
#[derive(Clone, Debug)]
pub struct StopSignal(watch::Receiver<bool>);

/// A stopper and its signal.
#[must_use]
pub fn stop_pair() -> (Stopper, StopSignal) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), StopSignal(receiver))
}

impl Stopper {
    /// Stops the tasks.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Whether it is time to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when it is time to stop.
    pub async fn stopped(&mut self) {
        // An error means that the stopper was dropped, which also stops the task.
        self.0.wait_for(|stopping| *stopping).await.ok();
    }
}
