//! What can go wrong with the file of a replay.

use std::io;
use std::path::{Path, PathBuf};

/// The file of a replay cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no such replay.
    #[error("there is no replay {0}; explorer replay list shows them")]
    Missing(String),
    /// The beginning of an id is that of several.
    #[error("{0} is the beginning of several replays' names: {1}")]
    Ambiguous(String, String),
    /// Another process works on it.
    #[error("replay {0} is worked on by another process")]
    Busy(String),
    /// It was made by another version of this program.
    #[error("the file {0} was made by a newer version of the explorer; use that one")]
    Newer(PathBuf),
    /// No folder for files is known.
    #[error("neither XDG_STATE_HOME nor HOME is set, so there is no folder for the files of replays")]
    NoFolder,
    /// The disk has no room.
    #[error("there is no room for {path}: {reason}; make room there, or set XDG_STATE_HOME to another folder")]
    Full {
        /// The file.
        path: PathBuf,
        /// In the words of SQLite or the system.
        reason: String,
    },
    /// The file is not what it should be, or the disk fails.
    #[error("cannot use {path}: {reason}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// In the words of SQLite or the system.
        reason: String,
    },
}

impl PlanError {
    /// An error of SQLite on a file.
    pub(super) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full { path, reason: error.to_string() },
            _ => Self::Broken { path, reason: error.to_string() },
        }
    }

    /// An error of the system on a file.
    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => Self::Full { path, reason },
            _ => Self::Broken { path, reason },
        }
    }
}
