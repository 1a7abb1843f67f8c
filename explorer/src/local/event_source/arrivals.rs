//! News of records put, for readers that can be told: an idle shard then costs next to nothing, and a record is delivered at once.

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
    /// Puts into it is not known which stream.
    anywhere: u64,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Puts::default())))
    }
}

impl Arrivals {
    /// Says that records were put; `None` where it is not known into which stream.
    pub fn announce(&self, stream: Option<String>) {
        self.0.send_modify(|puts| match stream {
            Some(stream) => *puts.by_stream.entry(stream).or_default() += 1,
            None => puts.anywhere += 1,
        });
    }

    /// Puts until now that may concern the stream.
    pub(super) fn count(&self, stream: &StreamName) -> u64 {
        self.0.borrow().count(stream)
    }

    /// Returns when there are more puts than that.
    pub(super) async fn more_than(&self, count: u64, stream: &StreamName) {
        // The sender is in `self`, so the wait cannot end for want of one.
        self.0.subscribe().wait_for(|puts| puts.count(stream) > count).await.ok();
    }
}

impl Puts {
    fn count(&self, stream: &StreamName) -> u64 {
        self.anywhere + self.by_stream.get(stream.as_str()).copied().unwrap_or_default()
    }
}
