//! An event source mapping with Lambda's semantics. It reads a stream's shards in order, invokes a function with batches of
//! records, and treats the answer as Lambda does. The function is anything that implements [`Invoke`]. A [`Watcher`] runs one
//! [`Mapping`] for every stream with an archive tag. Nothing here knows what the function does with the records.

mod arrivals;
mod backlog;
mod checkpoint;
mod destination;
mod invoke;
mod lineage;
mod mapping;
mod reader;
mod stop;
mod watcher;

pub use arrivals::Arrivals;
pub use backlog::RetryPolicy;
pub use checkpoint::Checkpoints;
pub use invoke::Invoke;
pub use mapping::Mapping;
pub use stop::{StopSignal, Stopper, stop_pair};
pub use watcher::{Inventory, StreamTags, Watcher, is_archived};

use std::path::PathBuf;
use std::time::Duration;

/// How a stream's records are delivered. Every shard is read from its oldest record (`TRIM_HORIZON`).
#[derive(Clone, Debug)]
pub struct EventSourceConfig {
    /// Most records in one invocation; fewer if they would exceed an invocation's payload.
    pub batch_size: usize,
    /// When a batch is retried, split, or sent to the failure destination.
    pub retry: RetryPolicy,
    /// Folder that gets a file for every failed batch, with its records, like Lambda's S3 destination.
    pub failures: PathBuf,
    /// Pause between two reads of a shard that has no new records.
    pub poll_interval: Duration,
    /// Ends that pause as soon as records are put, where the emulator can notify it.
    pub arrivals: Option<Arrivals>,
    /// Longest pause before a failed batch is retried.
    pub longest_retry_delay: Duration,
}

impl EventSourceConfig {
    /// Batches of 100 records, Lambda's default, retried until they succeed.
    #[must_use]
    pub fn new(failures: PathBuf) -> Self {
        Self {
            batch_size: 100,
            retry: RetryPolicy::default(),
            failures,
            poll_interval: Duration::from_millis(200),
            arrivals: None,
            longest_retry_delay: Duration::from_secs(1),
        }
    }
}
