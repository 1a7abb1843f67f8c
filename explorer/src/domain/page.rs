//! Pages: what is asked for, what comes, and where the next one begins.

use super::filter::RecordFilter;
use super::record::Record;
use archiver::settings::ArchiveMode;
use archiver::stream::StreamName;

/// Which page of an archive to read.
#[derive(Clone, Debug, PartialEq)]
pub struct PageQuery {
    /// The archive's table.
    pub table: String,
    /// Its mode.
    pub mode: ArchiveMode,
    /// What its records must be.
    pub filter: RecordFilter,
    /// Where the page begins; `None` is the beginning.
    pub from: Option<PageCursor>,
}

/// Where a page begins: the keys of the item before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageCursor {
    /// Its partition key.
    pub partition_key: String,
    /// Its sequence number, where that is a key too.
    pub sequence_number: Option<String>,
}

/// One page of an archive.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// What matched.
    pub records: Vec<Record>,
    /// Items DynamoDB read for it.
    pub read: usize,
    /// Where the next page begins; `None` at the end.
    pub next: Option<PageCursor>,
}

/// One page of stream names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPage {
    /// In the order of their names.
    pub names: Vec<StreamName>,
    /// Where the next page begins, if there is one.
    pub next: Option<StreamCursor>,
}

/// Where a page of stream names begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamCursor {
    /// Kinesis' token; emulators give none.
    pub token: Option<String>,
    /// The last name of the page before.
    pub last: String,
}
