//! Where the records of a screen come from.

use crate::domain::reading::{ArchiveSource, Source};
use archiver::format::stream::StreamName;

/// Where the records of a screen come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// What can be read: an archive or a file.
    Read(Source),
    /// What comes into a stream from now on.
    Stream(StreamName),
}

impl Origin {
    /// The stream, where it is of one.
    #[must_use]
    pub fn stream(&self) -> Option<&StreamName> {
        match self {
            Self::Read(Source::Archive(archive)) => Some(&archive.stream),
            Self::Stream(stream) => Some(stream),
            Self::Read(Source::File(_)) => None,
        }
    }

    /// The archive, where it is one.
    #[must_use]
    pub fn archive(&self) -> Option<&ArchiveSource> {
        match self {
            Self::Read(Source::Archive(archive)) => Some(archive),
            Self::Read(Source::File(_)) | Self::Stream(_) => None,
        }
    }

    /// What it is called: the stream's name, or the file's.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Read(Source::Archive(archive)) => archive.stream.to_string(),
            Self::Stream(stream) => stream.to_string(),
            Self::Read(Source::File(path)) => path.display().to_string(),
        }
    }
}
