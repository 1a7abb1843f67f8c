//! Why an export failed, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why an export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file with this name exists.
    #[error("cannot write {}: it already exists; choose another name, or ask to replace it", .0.display())]
    Exists(PathBuf),
    /// Nothing reads from the other end of a named pipe.
    #[error("cannot write {}: nothing reads from this pipe", .0.display())]
    NobodyReadsPipe(PathBuf),
    /// The reader of the output has gone.
    #[error("the reader of the export has gone")]
    NobodyReads,
    /// The disk is full or fails, or the folder cannot be written to.
    #[error("cannot write {target}: {source}")]
    Io {
        /// Where to.
        target: String,
        /// What went wrong.
        source: io::Error,
    },
}

impl ExportError {
    /// Describes a write error, and what to do about it.
    pub(super) fn io(target: &Path, source: io::Error) -> Self {
        Self::at(target.display().to_string(), source)
    }

    pub(super) fn at(target: String, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::BrokenPipe => return Self::NobodyReads,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space, or choose another place",
            // Source: setrlimit(2), RLIMIT_FSIZE.
            io::ErrorKind::FileTooLarge => "; the file would exceed ulimit -f or the file system's limit",
            _ => return Self::Io { target, source },
        };
        Self::Io { target, source: io::Error::new(source.kind(), format!("{source}{hint}")) }
    }
}
