//! What can go wrong with the file of a replay.

use rusqlite::ErrorCode;
use rusqlite::types::Type;
use std::io;
use std::os::unix::fs::FileExt as _;
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
    /// Another process works on it; who, where that is known.
    #[error("replay {0} is worked on by another process{1}")]
    Busy(String, String),
    /// It is not one to run, or not as it was shown.
    #[error("{0}")]
    Refused(String),
    /// It was made by a newer version of this program.
    #[error("the file {0} was made by a newer version of the explorer; use that one")]
    Newer(PathBuf),
    /// It was made by an older version of this program.
    #[error("the file {0} was made by an older version of the explorer; finish the replay with that one, or plan it again")]
    Older(PathBuf),
    /// It has another name or place than it should have.
    #[error("the file {path} {reason}")]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// What was written beside it is not there.
    #[error(
        "the file {path} is not whole: a run has begun, and {log}, which says what that sent, is missing; put it back, or plan the replay again"
    )]
    LogMissing {
        /// The file.
        path: PathBuf,
        /// The name of what is missing.
        log: String,
    },
    /// No folder for files is known.
    #[error("neither XDG_STATE_HOME nor HOME is set, so there is no folder for the files of replays")]
    NoFolder,
    /// The disk has no room.
    #[error("no space is left for {path} ({reason}): make room in {}, then plan or resume the replay", folder(path))]
    Full {
        /// The file.
        path: PathBuf,
        /// In the words of SQLite or the system.
        reason: String,
    },
    /// The file is not as it was written.
    #[error("the file {path} is damaged: {reason}; plan the replay again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The disk fails.
    #[error("cannot use {path}: {reason}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// In the words of SQLite or the system.
        reason: String,
    },
}

fn folder(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

/// What is not as it was written, among SQLite's errors.
pub(super) fn damaged(reason: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, reason.into())
}

impl PlanError {
    /// An error of SQLite on a file.
    pub(super) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let (owned, reason) = (path.to_owned(), error.to_string());
        match error {
            rusqlite::Error::FromSqlConversionFailure(_, _, cause) => Self::Damaged { path: owned, reason: cause.to_string() },
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::QueryReturnedNoRows => Self::Damaged { path: owned, reason },
            error => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Self::Full { path: owned, reason },
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged { path: owned, reason },
                // Where not even the log's index fits, SQLite only says that input or output has failed.
                Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if !has_room(path) => Self::Full { path: owned, reason },
                _ => Self::Broken { path: owned, reason },
            },
        }
    }

    /// An error of the system on a file.
    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        if is_full(error) { Self::Full { path, reason } } else { Self::Broken { path, reason } }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Whether there is room for what SQLite puts beside a file at the least, and for the file and its log to grow.
fn has_room(path: &Path) -> bool {
    /// Bytes of the log's index, and of a page or two of the log.
    const LEAST_BYTES: usize = 64 * 1024;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let longest = length(path).max(length(Path::new(&log)));
    // The file has no name and a hole, so that the probe takes no more room than that.
    let file = tempfile::tempfile_in(path.parent().unwrap_or(path));
    !file.and_then(|file| file.write_all_at(&vec![1; LEAST_BYTES], longest)).is_err_and(|error| is_full(&error))
}
