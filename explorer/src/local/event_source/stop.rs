//! Telling tasks to finish what they have and end.

use tokio::sync::watch;

/// Ends the tasks that hold its signals, at the latest when it is dropped.
#[derive(Debug)]
pub struct Stopper(watch::Sender<bool>);

/// Says when to end.
#[derive(Clone, Debug)]
pub struct StopSignal(watch::Receiver<bool>);

/// A stopper and its signal.
#[must_use]
pub fn stop_pair() -> (Stopper, StopSignal) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), StopSignal(receiver))
}

impl Stopper {
    /// Says it is time to end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl StopSignal {
    /// Whether it is time to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    /// Returns when it is time to end.
    pub async fn stopped(&mut self) {
        // An error means that the stopper is gone, which is the same news.
        self.0.wait_for(|stopping| *stopping).await.ok();
    }
}
