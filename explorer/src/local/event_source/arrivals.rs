//! Notifies readers of new records. An idle shard then costs almost nothing, and records are delivered at once.

use archiver::format::stream::StreamName;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// Counts the puts of each stream.
#[derive(Clone, Debug)]
pub struct Arrivals(Arc<watch::Sender<Puts>>);

#[derive(Debug, Default)]
struct Puts {
    by_stream: HashMap<String, u64>,
    /// Puts into an unknown stream.
    anywhere: u64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Puts::default())))
    }
}

impl Arrivals {
    /// Reports that records were put; `None` if the stream is not known.
    pub fn announce(&self, stream: Option<String>) {
        self.0.send_modify(|puts| match stream {
            Some(stream) => *puts.by_stream.entry(stream).or_default() += 1,
            None => puts.anywhere += 1,
        });
    }

    /// Number of puts so far that may concern the stream.
    pub(super) fn count(&self, stream: &StreamName) -> u64 {
        self.0.borrow().count(stream)
    }

    /// Returns once there are more puts than that.
    pub(super) async fn more_than(&self, count: u64, stream: &StreamName) {
        // `self` owns the sender, so the wait cannot end early.
        self.0.subscribe().wait_for(|puts| puts.count(stream) > count).await.ok();
    }
}

impl Puts {
    fn count(&self, stream: &StreamName) -> u64 {
        self.anywhere + self.by_stream.get(stream.as_str()).copied().unwrap_or_default()
    }
}
