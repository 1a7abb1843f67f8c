//! Sources of records that are open: an archive with the connection that reads it, or a file. Whatever reads records opens its source
//! first, so that nothing behind this door has to ask for a connection.

use crate::aws::connect::Connection;
use crate::aws::payload::read_payload;
use crate::aws::reader;
use crate::domain::failure::Failure;
use crate::domain::reading::{ArchiveSource, ReadBatch, ReadEnding, ReadOrder, Source};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::files::{self, OpenFile};
use archiver::format::stream::StreamName;
use tokio::sync::{mpsc, watch};

/// Batches that may wait to be taken. Each holds its records in memory.
const BATCHES_WAITING: usize = 4;

/// A source that can be read.
#[derive(Clone, Debug)]
pub enum OpenedSource {
    /// A stream's archive.
    Archive {
        /// What reads it.
        connection: Connection,
        /// Which one it is.
        archive: ArchiveSource,
    },
    /// A file or a pipe.
    File(OpenFile),
}

impl OpenedSource {
    /// Opens a source. A file must be one that can be read again; pipes are opened with [`files::open`] by whoever reads them once.
    ///
    /// # Errors
    /// When it is a file that cannot be opened.
    pub async fn open(connection: &Connection, source: &Source) -> Result<Self, Failure> {
        match source {
            Source::Archive(archive) => Ok(Self::Archive { connection: connection.clone(), archive: archive.clone() }),
            Source::File(path) => files::open_file(path).await.map(Self::File),
        }
    }

    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<&OpenFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Archive { .. } => None,
        }
    }

    /// What this is called in an order.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::Archive { archive, .. } => Source::Archive(archive.clone()),
            Self::File(file) => Source::File(file.path().to_owned()),
        }
    }

    /// Reads what the order asks for, until all is read or `stop` is true or dropped. What matches comes in batches as it is found;
    /// after the last of them comes the ending, whose position covers exactly what was sent.
    pub async fn read(&self, order: &ReadOrder, batches: mpsc::Sender<ReadBatch>, stop: watch::Receiver<bool>) -> ReadEnding {
        match self {
            Self::Archive { connection, archive } => reader::read(connection, archive, order, batches, stop).await,
            Self::File(file) => files::read(file, order, batches, stop).await,
        }
    }

    /// The same, beside the work that takes the batches. Reading ends where that takes no more of them.
    ///
    /// # Errors
    /// What the work fails with, whatever reading came to.
    pub async fn read_into<T, E, W: Future<Output = Result<T, E>>>(
        &self,
        order: &ReadOrder,
        stop: watch::Receiver<bool>,
        take: impl FnOnce(mpsc::Receiver<ReadBatch>) -> W,
    ) -> Result<(ReadEnding, T), E> {
        let (batches, waiting) = mpsc::channel(BATCHES_WAITING);
        let (ending, taken) = tokio::join!(self.read(order, batches, stop), take(waiting));
        taken.map(|taken| (ending, taken))
    }
}

/// Where payloads are read that records do not hold themselves.
#[derive(Clone, Debug)]
pub enum PayloadSource {
    /// The parts in the archive of this stream.
    Archive {
        /// What reads it.
        connection: Connection,
        /// The stream.
        stream: StreamName,
    },
    /// Nowhere: the records come from a file, and nobody knows from which stream.
    Nowhere,
}

impl PayloadSource {
    /// The archive of a stream, where that is known.
    #[must_use]
    pub fn of_stream(connection: &Connection, stream: Option<&StreamName>) -> Self {
        match stream {
            Some(stream) => Self::Archive { connection: connection.clone(), stream: stream.clone() },
            None => Self::Nowhere,
        }
    }

    /// The payload, or why the archive does not hold it. What cannot be read for now is no property of the record.
    ///
    /// # Errors
    /// When parts cannot be read.
    pub async fn payload_of(&self, record: &Record) -> Result<Result<Vec<u8>, NoPayload>, Failure> {
        let payload = match (record.payload(), self) {
            (Some(payload), _) => payload,
            (None, Self::Archive { connection, stream }) => read_payload(connection, stream, record).await,
            (None, Self::Nowhere) => Err(NoPayload::Damaged("its parts are not in the file it was read from".to_owned())),
        };
        match payload {
            Err(NoPayload::Failed(failure)) => Err(failure),
            payload => Ok(payload),
        }
    }
}
