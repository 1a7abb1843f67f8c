//! Reading records from a source: the order, the progress, and the cost.

pub mod following;
pub mod page;
pub mod picking;

use super::decode::Recipe;
use super::failure::Failure;
use super::filter::RecordFilter;
use super::record::Record;
use crate::domain::reading::page::PageCursor;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
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
    pub stream: StreamName,
    /// The archive's table.
    pub table: String,
    pub mode: ArchiveMode,
    /// Bytes of the table as DynamoDB last counted them, up to six hours ago; 0 if unknown.
    pub about_bytes: u64,
}

/// The order for reading.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOrder {
    /// From where.
    pub source: Source,
    /// The filter that records must match.
    pub filter: RecordFilter,
    /// How payloads are decoded for the filter.
    pub recipe: Recipe,
    /// Whether to include records that the filter cannot search.
    pub includes_unreadable: bool,
    /// Where to continue.
    pub from: Position,
}

/// How far a source was read: everything before this place was handed over, nothing after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// Nothing was read.
    #[default]
    Beginning,
    /// One key's items were read up to this one.
    Query(PageCursor),
    /// The whole table is read in segments, side by side.
    Scan(Vec<SegmentPosition>),
    /// This many bytes of the file were read.
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

/// Lines of a file that are not records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadLines {
    /// How many there are.
    pub count: u64,
    /// The first of them: its number, and what is wrong with it.
    pub first: Option<(u64, BadLine)>,
}

/// Why a line is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadLine {
    /// It is longer than any record.
    TooLong,
    /// It is not UTF-8.
    NoText,
    /// It is not a JSON object, as this byte shows.
    NoJson(usize),
}

impl BadLines {
    /// Counts another one.
    pub fn add(&mut self, line: u64, reason: BadLine) {
        *self = self.and(Self { count: 1, first: Some((line, reason)) });
    }

    /// These, and then those.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self { count: self.count + later.count, first: self.first.or(later.first) }
    }

    /// Says how many there are and which is the first, if there are any.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let (line, reason) = self.first?;
        let reason = match reason {
            BadLine::TooLong => "it is too long".to_owned(),
            BadLine::NoText => "it is not UTF-8".to_owned(),
            BadLine::NoJson(column) => format!("it is not a JSON object, see column {column}"),
        };
        Some(match self.count {
            1 => format!("line {line} is not a record: {reason}"),
            count => format!("{} lines are not records; the first is line {line}: {reason}", super::text::count(count)),
        })
    }
}

/// The progress and cost of reading, counted from where the order began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadProgress {
    /// Items read, whether they matched or not.
    pub read: u64,
    /// Records that matched.
    pub matched: u64,
    /// Bytes of their payloads, as far as they are known.
    pub matched_bytes: u64,
    /// Items that the filter could not search, because they cannot be read.
    pub unsearchable: u64,
    /// Lines of a file that are not records; the lines after them were read.
    pub bad_lines: BadLines,
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
    pub records: Vec<Record>,
    /// Up to and with these.
    pub progress: ReadProgress,
}

/// How reading ended.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadEnding {
    /// Everything was read.
    Complete,
    /// It was stopped; it can continue from here.
    Stopped(Position),
    /// A call failed; it can continue from here.
    Failed(Failure, Position),
}

impl ReadEnding {
    /// Whether everything was read; false if reading was stopped.
    ///
    /// # Errors
    /// The failed call.
    pub fn is_complete(self) -> Result<bool, Failure> {
        match self {
            Self::Complete => Ok(true),
            Self::Stopped(_) => Ok(false),
            Self::Failed(failure, _) => Err(failure),
        }
    }
}
