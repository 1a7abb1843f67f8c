//! Open sources of records: an archive with its connection, or a file. Readers open their source first, so that the code behind
//! needs no connection.

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

/// Most batches that wait to be taken. Each holds its records in memory.
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
    /// Opens a source. A file must be readable more than once; a caller that reads a pipe once opens it with [`files::open`].
    ///
    /// # Errors
    /// When a file cannot be opened.
    pub async fn open(connection: &Connection, source: &Source) -> Result<Self, Failure> {
        match source {
            Source::Archive(archive) => Ok(Self::Archive { connection: connection.clone(), archive: archive.clone() }),
            Source::File(path) => files::open_file(path).await.map(Self::File),
        }
    }

    /// The file, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<&OpenFile> {
        match self {
            Self::File(file) => Some(file),
            Self::Archive { .. } => None,
        }
    }

    /// The source as an order names it.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::Archive { archive, .. } => Source::Archive(archive.clone()),
            Self::File(file) => Source::File(file.path().to_owned()),
        }
    }

    /// Reads what the order asks for, until all is read or `stop` is true or dropped. Matching records come in batches as they are
    /// found. The ending comes last; its position covers exactly what was sent.
    pub async fn read(&self, order: &ReadOrder, batches: mpsc::Sender<ReadBatch>, stop: watch::Receiver<bool>) -> ReadEnding {
        match self {
            Self::Archive { connection, archive } => reader::read(connection, archive, order, batches, stop).await,
            Self::File(file) => files::read(file, order, batches, stop).await,
        }
    }

    /// Reads while other work takes the batches. Reading ends when that work takes no more.
    ///
    /// # Errors
    /// The work's error, whatever the reading returned.
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

/// Where to read payloads that records do not contain.
#[derive(Clone, Debug)]
pub enum PayloadSource {
    /// The parts in the archive of this stream.
    Archive {
        /// What reads it.
        connection: Connection,
        /// The stream.
        stream: StreamName,
    },
    /// Nowhere: the records come from a file, and their stream is unknown.
    Nowhere,
}

impl PayloadSource {
    /// A stream's archive, if the stream is known.
    #[must_use]
    pub fn of_stream(connection: &Connection, stream: Option<&StreamName>) -> Self {
        match stream {
            Some(stream) => Self::Archive { connection: connection.clone(), stream: stream.clone() },
            None => Self::Nowhere,
        }
    }

    /// The payload, or why the archive does not hold it. A temporary failure to read it is an error instead.
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
