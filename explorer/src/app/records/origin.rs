//! Where the records of a screen come from.

use crate::domain::reading::{ArchiveSource, Source};
use archiver::format::stream::StreamName;

/// Where the records of a screen come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Something to read: an archive or a file.
    Read(Source),
    /// New records of a stream.
    Stream(StreamName),
}

impl Origin {
    /// The stream, if there is one.
    #[must_use]
    pub fn stream(&self) -> Option<&StreamName> {
        match self {
            Self::Read(Source::Archive(archive)) => Some(&archive.stream),
            Self::Stream(stream) => Some(stream),
            Self::Read(Source::File(_)) => None,
        }
    }

    /// The archive, if it is one.
    #[must_use]
    pub fn archive(&self) -> Option<&ArchiveSource> {
        match self {
            Self::Read(Source::Archive(archive)) => Some(archive),
            Self::Read(Source::File(_)) | Self::Stream(_) => None,
        }
    }

    /// Its name: the stream's, or the file's.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Read(Source::Archive(archive)) => archive.stream.to_string(),
            Self::Stream(stream) => stream.to_string(),
            Self::Read(Source::File(path)) => path.display().to_string(),
        }
    }
}
