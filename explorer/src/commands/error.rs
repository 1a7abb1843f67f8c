//! Why a command failed, and the exit code that says so.

use crate::domain::failure::Failure;
use crate::files::ExportError;
use std::io;

/// The operation of printing. A closed pipe here is not a failure.
pub(super) const PRINT: &str = "write to standard output";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A call failed, or the request cannot be fulfilled.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The terminal, a file or standard output failed.
    #[error("cannot {operation}: {source}")]
    Io {
        /// The operation that failed.
        operation: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// Nothing was found.
    #[error("{0}")]
    NotFound(String),
    /// The check found problems.
    #[error("{0}")]
    Problems(String),
    /// It was stopped before it was done; the sentence says what that means for the output.
    #[error("{0}")]
    Stopped(&'static str),
    /// The local system failed.
    #[cfg(feature = "local")]
    #[error(transparent)]
    Local(#[from] crate::local::LocalError),
}

impl CommandError {
    /// The program's exit code; `None` if the reader of a pipe has gone, which is not an error.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Io { operation: PRINT, source } if source.kind() == io::ErrorKind::BrokenPipe => None,
            Self::Usage(_) => Some(2),
            Self::NotFound(_) => Some(3),
            Self::Problems(_) => Some(4),
            // What shells report after ctrl-c: 128 plus the number of SIGINT.
            Self::Stopped(_) => Some(130),
            Self::Failure(_) | Self::Io { .. } => Some(1),
            #[cfg(feature = "local")]
            Self::Local(_) => Some(1),
        }
    }
}

impl From<ExportError> for CommandError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::NobodyReads => Self::Io { operation: PRINT, source: io::ErrorKind::BrokenPipe.into() },
            ExportError::Exists(path) => {
                let sentence = format!("{} already exists; choose another name, or add --overwrite", path.display());
                Self::Failure(Failure::refused("export", sentence))
            }
            error @ ExportError::NobodyReadsPipe(_) => Self::Failure(Failure::refused("export", error.to_string())),
            ExportError::Io { target, source } => Self::Failure(Failure::refused(format!("write {target}"), source.to_string())),
        }
    }
}
