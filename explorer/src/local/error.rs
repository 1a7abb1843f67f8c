//! Why the local system cannot run.

use crate::domain::failure::Failure;
use archiver::aws::failure::AwsFailure;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why the local system cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The data directory is something else.
    #[error("cannot keep data in {}: it is not a directory", path.display())]
    NotADirectory {
        /// What was given.
        path: PathBuf,
    },
    /// The data directory cannot be made or written to.
    #[error("cannot keep data in {}: {source}", path.display())]
    DataDir {
        /// What was given.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process has the data directory.
    #[error("cannot keep data in {}: another run is using it; end that run or choose another directory", path.display())]
    DataDirInUse {
        /// What was given.
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
    /// The database in memory cannot be made.
    #[error("cannot start the DynamoDB emulator: {reason}")]
    Database {
        /// What the database says.
        reason: String,
    },
    /// No port can be had.
    #[error("cannot listen on the loopback interface: {source}")]
    Listen {
        /// Why not.
        source: io::Error,
    },
    /// The streams, tables or records to begin with could not be made.
    #[error("cannot set up the local streams: {reason}")]
    Setup {
        /// Which step, and what the emulator says.
        reason: String,
    },
    /// Not everything was there in time.
    #[error("the local streams were not ready after {} s: {waiting_for}", after.as_secs())]
    NotReady {
        /// How long it was waited.
        after: Duration,
        /// What was still missing.
        waiting_for: &'static str,
    },
}

/// A step that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub(super) struct SetupError(#[from] Failure);

impl SetupError {
    /// An emulator asks for no permissions, so none is named.
    pub(super) fn new(operation: String, failure: AwsFailure) -> Self {
        Self(Failure::of_call(operation, None, failure))
    }
}
