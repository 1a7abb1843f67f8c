//! What can go wrong with a replay's file.

use rusqlite::ErrorCode;
use rusqlite::types::Type;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// A replay's file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// There is no such replay.
    #[error("there is no replay {0}; explorer replay list shows them")]
    Missing(String),
    /// The start of an id fits several replays.
    #[error("several replays begin with {0}: {1}; add more of the name")]
    Ambiguous(String, String),
    /// Another process works on it; which one, if known.
    #[error("another process works on replay {0}{1}")]
    Busy(String, String),
    /// It cannot run, or has changed since it was shown.
    #[error("{0}")]
    Refused(String),
    /// A newer version of this program created it.
    #[error("a newer version of the explorer created the file {0}; use that version")]
    Newer(PathBuf),
    /// An older version of this program created it.
    #[error("an older version of the explorer created the file {0}; finish the replay with that version, or plan it again")]
    Older(PathBuf),
    /// Its name or place is wrong.
    #[error("the file {path} {reason}")]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The write-ahead log beside it is missing.
    #[error(
        "the file {path} is incomplete: {log}, which says what the unfinished run sent, is missing; put it back, or plan the replay again"
    )]
    LogMissing {
        /// The file.
        path: PathBuf,
        /// The name of the missing file.
        log: String,
    },
    /// The folder for files is unknown.
    #[error("there is no folder for replays, because neither XDG_STATE_HOME nor HOME is set; set one of them")]
    NoFolder,
    /// The disk is full.
    #[error("no space left for {path} ({reason}); free some space in {}, then plan or resume the replay", folder(path))]
    Full {
        /// The file.
        path: PathBuf,
        /// As SQLite or the system puts it.
        reason: String,
    },
    /// The file's contents have changed.
    #[error("the file {path} is damaged: {reason}; plan the replay again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Reading or writing fails.
    #[error("cannot use {path}: {reason}")]
    Broken {
        /// The file.
        path: PathBuf,
        /// As SQLite or the system puts it.
        reason: String,
    },
}

fn folder(path: &Path) -> std::path::Display<'_> {
    path.parent().unwrap_or(path).display()
}

/// What has changed, as an SQLite error.
pub(super) fn damaged(reason: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, reason.into())
}

impl PlanError {
    /// Converts an SQLite error on a file.
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
                // If not even the log's index fits on the disk, SQLite reports only an I/O error.
                Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if !has_room(path) => Self::Full { path: owned, reason },
                _ => Self::Broken { path: owned, reason },
            },
        }
    }

    /// Converts a system error on a file.
    pub(super) fn of_io(path: &Path, error: &io::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        if is_full(error) { Self::Full { path, reason } } else { Self::Broken { path, reason } }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Whether there is room for the least that SQLite puts beside a file, and for the file and its log to grow.
fn has_room(path: &Path) -> bool {
    /// Bytes of the log's index and one or two pages of the log.
    const LEAST_BYTES: usize = 64 * 1024;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    let longest = length(path).max(length(Path::new(&log)));
    // The probe has no name and is sparse, so it takes no more room than its last bytes.
    let file = tempfile::tempfile_in(path.parent().unwrap_or(path));
    !file.and_then(|file| file.write_all_at(&vec![1; LEAST_BYTES], longest)).is_err_and(|error| is_full(&error))
}
