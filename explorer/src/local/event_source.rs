//! An event source mapping with Lambda's semantics: it reads the shards of a stream in order, invokes a function with batches of
//! their records, and acts on the answer as Lambda does. The function is anything that implements [`Invoke`]. A [`Watcher`] runs
//! one [`Mapping`] for every stream that carries an archive tag; nothing in here knows what the function does with the records.

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

/// How a stream's records are delivered. Every shard is read from its oldest record on (`TRIM_HORIZON`).
#[derive(Clone, Debug)]
pub struct EventSourceConfig {
    /// Records one invocation gets at most; fewer where they would not fit into an invocation's payload.
    pub batch_size: usize,
    /// When a batch is tried again, split, or given up.
    pub retry: RetryPolicy,
    /// Folder that gets a file for every batch given up, the records in it, as Lambda's S3 destination does.
    pub failures: PathBuf,
    /// Pause between two reads of a shard that has no more records for now.
    pub poll_interval: Duration,
    /// Ends that pause when records are put, where whoever takes them can tell.
    pub arrivals: Option<Arrivals>,
    /// Longest pause before a failed batch is tried again.
    pub longest_retry_delay: Duration,
}

impl EventSourceConfig {
    /// Batches of 100 records, as Lambda has it by default, tried until they succeed.
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
