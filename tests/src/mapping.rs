//! An event source mapping between a test's stream and its function, running in the background.

use crate::endpoints::Endpoints;
use crate::function::Function;
use crate::stream::TestStream;
use crate::wait::LONGEST_WAIT;
use archiver::format::stream::StreamName;
use explorer::local::event_source::{Checkpoints, EventSourceConfig, Mapping, RetryPolicy, Stopper, stop_pair};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A running mapping, and the folder of its failed batches.
#[derive(Debug)]
pub struct RunningMapping {
    stopper: Stopper,
    running: JoinHandle<()>,
    failures: TempDir,
}

impl RunningMapping {
    /// Delivers a stream from its oldest record, in batches as large as the deployed function's.
    #[must_use]
    pub fn start(endpoints: &Endpoints, stream: &TestStream, function: &Arc<Function>, retry: RetryPolicy) -> Self {
        let failures = tempfile::tempdir().expect("a temporary folder");
        let mut config = EventSourceConfig::new(failures.path().to_owned());
        config.batch_size = 500;
        config.retry = retry;
        config.poll_interval = Duration::from_millis(50);
        config.longest_retry_delay = Duration::from_millis(200);
        let (stopper, stop) = stop_pair();
        let mapping = Mapping {
            client: endpoints.kinesis.clone(),
            stream: StreamName::parse(stream.name.as_str()).expect("a stream's name"),
            invoker: Arc::clone(function),
            config: Arc::new(config),
            checkpoints: Checkpoints::default(),
        };
        Self { stopper, running: tokio::spawn(mapping.run(stop)), failures }
    }

    /// Lets the mapping deliver everything in the stream, and returns the batches that it gave up. Failed batches are no longer
    /// retried.
    ///
    /// # Panics
    /// When the mapping does not end.
    pub async fn finish(self) -> Vec<Value> {
        self.stopper.stop();
        let ended = tokio::time::timeout(LONGEST_WAIT, self.running).await;
        ended.expect("the mapping ends in time").expect("the mapping ends well");
        given_up_in(self.failures.path())
    }

    /// The batches given up so far, from the failure destination.
    #[must_use]
    pub fn given_up(&self) -> Vec<Value> {
        given_up_in(self.failures.path())
    }
}

fn given_up_in(folder: &Path) -> Vec<Value> {
    let mut folders = vec![folder.to_owned()];
    let mut given_up = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder that can be read") {
            let path = entry.expect("an entry that can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(batch) = serde_json::from_slice(&std::fs::read(path).expect("a file that can be read")) {
                // Otherwise it is still being written, and is there next time.
                given_up.push(batch);
            }
        }
    }
    given_up
}
