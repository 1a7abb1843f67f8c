//! Why the local system cannot run.

use crate::domain::failure::Failure;
use archiver::aws::failure::AwsFailure;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the local system cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The data directory is not a directory.
    #[error("cannot keep data in {}: it is not a directory", path.display())]
    NotADirectory {
        /// The path as given.
        path: PathBuf,
    },
    /// The data directory cannot be created or written to.
    #[error("cannot keep data in {}: {source}", path.display())]
    DataDir {
        /// The path as given.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Another process uses the data directory.
    #[error("cannot keep data in {}: another run is using it; end that run or choose another directory", path.display())]
    DataDirInUse {
        /// The path as given.
        path: PathBuf,
    },
    /// The file with the remembered streams cannot be read.
    #[error("cannot read the streams of the last run from {}: {reason}; remove the file to start without them", path.display())]
    StreamsFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file with the archives cannot be opened.
    #[error("cannot open the archives in {}: {reason}", path.display())]
    ArchivesFile {
        /// The file.
        path: PathBuf,
        /// What the database says.
        reason: String,
    },
    /// The in-memory database cannot be created.
    #[error("cannot start the DynamoDB emulator: {reason}")]
    Database {
        /// What the database says.
        reason: String,
    },
    /// No port is available.
    #[error("cannot listen on the loopback interface: {source}")]
    Listen {
        /// The cause.
        source: io::Error,
    },
    /// The initial streams, tables or records could not be created.
    #[error("cannot set up the local streams: {reason}")]
    Setup {
        /// Which step, and the emulator's message.
        reason: String,
    },
    /// Setup did not finish in time.
    #[error("the local streams were not ready after {} s: {waiting_for}", after.as_secs())]
    NotReady {
        /// How long it waited.
        after: Duration,
        /// What was missing.
        waiting_for: &'static str,
    },
}

/// A step that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct SetupError(#[from] Failure);

impl SetupError {
    /// An emulator checks no permissions, so none is named.
    pub(super) fn new(operation: String, failure: AwsFailure) -> Self {
        Self(Failure::of_call(operation, None, failure))
    }
}
