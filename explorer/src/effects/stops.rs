//! What can be stopped before it ends.

use crate::app::ids::RequestId;
use std::collections::HashMap;
use tokio::sync::watch;

/// How to stop each running effect.
#[derive(Debug, Default)]
pub(super) struct Stops(HashMap<RequestId, watch::Sender<bool>>);

/// What stops one effect, and what the effect listens to.
pub(super) struct Stop {
    pub(super) stop: watch::Sender<bool>,
    pub(super) stopped: watch::Receiver<bool>,
}

impl Stops {
    /// Registers an effect that can be stopped.
    pub(super) fn open(&mut self, request: RequestId) -> Stop {
        let (stop, stopped) = watch::channel(false);
        self.0.retain(|_, stop| !stop.is_closed());
        self.0.insert(request, stop.clone());
        Stop { stop, stopped }
    }

    /// Stops an effect, unless it has ended.
    pub(super) fn stop(&mut self, request: RequestId) {
        if let Some(stop) = self.0.remove(&request) {
            stop.send_replace(true);
        }
    }

    /// Stops all of them.
    pub(super) fn stop_all(self) {
        for stop in self.0.into_values() {
            stop.send_replace(true);
        }
    }
}
