//! Why records could not be exported, with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why records could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of this name is there.
    #[error("cannot write {}: it exists already; choose another name, or ask for it to be replaced", .0.display())]
    Exists(PathBuf),
    /// There is nobody at the other end of a named pipe.
    #[error("cannot write {}: nobody reads this pipe", .0.display())]
    NobodyReadsPipe(PathBuf),
    /// Whoever read what is written has gone.
    #[error("nobody reads what is exported any more")]
    NobodyReads,
    /// The disk is full or fails, or the folder cannot be written to.
    #[error("cannot write {target}: {source}")]
    Io {
        /// Where to.
        target: String,
        /// What came of it.
        source: io::Error,
    },
}

impl ExportError {
    /// What came of writing there, with what to do about it.
    pub(super) fn io(target: &Path, source: io::Error) -> Self {
        Self::at(target.display().to_string(), source)
    }

    pub(super) fn at(target: String, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::BrokenPipe => return Self::NobodyReads,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room there, or choose another place",
            // Source: setrlimit(2), RLIMIT_FSIZE.
            io::ErrorKind::FileTooLarge => "; that is more than ulimit -f or the disk's format allows",
            _ => return Self::Io { target, source },
        };
        Self::Io { target, source: io::Error::new(source.kind(), format!("{source}{hint}")) }
    }
}
