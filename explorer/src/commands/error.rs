//! Why a command failed, and the exit code that says so.

use crate::domain::failure::Failure;
use crate::files::ExportError;
use std::io;

/// What printing tries. That nobody reads on is no failure of this one.
pub(super) const PRINT: &str = "write to standard output";

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A call failed, or what was asked for cannot be.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// The terminal, a file or standard output failed.
    #[error("cannot {operation}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// What came of it.
        source: io::Error,
    },
    /// What was asked for makes no sense as it is.
    #[error("{0}")]
    Usage(String),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// What was checked is not as it should be.
    #[error("{0}")]
    Problems(String),
    /// It was ended before it was done; the sentence says what that means for what was printed.
    #[error("{0}")]
    Stopped(&'static str),
    /// The local system failed.
    #[cfg(feature = "local")]
    #[error(transparent)]
    Local(#[from] crate::local::LocalError),
}

impl CommandError {
    /// The program's exit code, `None` where the reader of a pipe has gone and nothing is wrong.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        match self {
            Self::Io { operation: PRINT, source } if source.kind() == io::ErrorKind::BrokenPipe => None,
            Self::Usage(_) => Some(2),
            Self::NotFound(_) => Some(3),
            Self::Problems(_) => Some(4),
            // As shells say it of what ctrl-c has ended: 128 and the number of SIGINT.
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
                let sentence = format!("{} exists already; choose another name, or add --overwrite", path.display());
                Self::Failure(Failure::refused("export", sentence))
            }
            error @ ExportError::NobodyReadsPipe(_) => Self::Failure(Failure::refused("export", error.to_string())),
            ExportError::Io { target, source } => Self::Failure(Failure::refused(format!("write {target}"), source.to_string())),
        }
    }
}
