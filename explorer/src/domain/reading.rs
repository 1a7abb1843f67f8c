//! Reading records from one end of their source to the other: what is asked for, how far it came, and what it cost.

use super::decode::Recipe;
use super::failure::Failure;
use super::filter::RecordFilter;
use super::page::PageCursor;
use super::record::Record;
use archiver::settings::ArchiveMode;
use archiver::stream::StreamName;
use std::path::PathBuf;

/// Where records are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A stream's archive.
    Archive(ArchiveSource),
    /// A file of JSON Lines that was exported from an archive.
    File(PathBuf),
}

/// A stream's archive, to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSource {
    /// The stream.
    pub stream: StreamName,
    /// The archive's table.
    pub table: String,
    /// Its mode.
    pub mode: ArchiveMode,
    /// Bytes of the table as DynamoDB last counted them, up to six hours ago; 0 where that is not known.
    pub about_bytes: u64,
}

/// What is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOrder {
    /// From where.
    pub source: Source,
    /// What the records must be.
    pub filter: RecordFilter,
    /// How payloads are decoded when the filter looks into them.
    pub recipe: Recipe,
    /// Whether records come as well that the filter cannot look into.
    pub includes_unreadable: bool,
    /// Where reading goes on.
    pub from: Position,
}

/// How far a source was read: what lies before it was handed over whole, nothing behind it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// Nothing was read.
    #[default]
    Beginning,
    /// One key's items were read up to this one.
    Query(PageCursor),
    /// The whole table is read in segments, side by side.
    Scan(Vec<SegmentPosition>),
    /// So many bytes of the file were read.
    File(u64),
}

/// How far one segment of a table was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SegmentPosition {
    /// Not at all.
    NotBegun,
    /// Up to this item.
    After(PageCursor),
    /// To its end.
    Done,
}

/// Bytes of a file that count as a segment of it.
pub const FILE_SEGMENT_BYTES: u64 = 1024 * 1024;

/// How far reading is, and what it cost; counted from where the order began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadProgress {
    /// Items read, whether they matched or not.
    pub read: u64,
    /// Records that matched.
    pub matched: u64,
    /// Bytes of their payloads, as far as they are known.
    pub matched_bytes: u64,
    /// Items that the filter could not look into: what decides cannot be read.
    pub unsearchable: u64,
    /// Read units that DynamoDB counted. Source: DynamoDB API reference, ConsumedCapacity.
    pub units: f64,
    /// Segments that were read to their end, of this order or before it.
    pub segments_done: usize,
    /// Segments there are: those of a table; one where a key was asked for; in a file every [`FILE_SEGMENT_BYTES`].
    pub segments: usize,
}

/// Records that matched, as they come, in no order unless one key was asked for, and how far reading is with them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadBatch {
    /// The records.
    pub records: Vec<Record>,
    /// Up to and with these.
    pub progress: ReadProgress,
}

/// How reading ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadEnding {
    /// All was read.
    Complete,
    /// On request; it can go on from here.
    Stopped(Position),
    /// A call failed; it can go on from here.
    Failed(Failure, Position),
}
