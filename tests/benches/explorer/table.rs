//! The table to read, as the children know it.

use explorer::aws::connect::Connection;
use explorer::domain::decode::Recipe;
use explorer::domain::filter::RecordFilter;
use explorer::domain::reading::{ArchiveSource, Position, ReadOrder, Source};
use explorer::domain::time::TimeContext;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The name of the table.
pub(crate) const TABLE: &str = "orders-archive-ALL";
/// The name of a small table; only the prepared pages have it.
pub(crate) const SMALL_TABLE: &str = "few-archive-ALL";
/// Items in the small one.
pub(crate) const SMALL_ITEMS: usize = 1_000;

/// A server's table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// The address of DynamoDB.
    pub(crate) url: String,
    /// Items of the table.
    pub(crate) items: usize,
}

impl Table {
    /// Clients for its server, without open connections.
    pub(crate) fn connect(&self) -> Connection {
        Connection::to_emulators(&self.url, &self.url, end_to_end::endpoints::REGION)
    }

    /// The archive in it.
    pub(crate) fn source(&self) -> ArchiveSource {
        source(TABLE, self.items)
    }

    /// The order to read matching records.
    pub(crate) fn order(&self, filter: &str) -> ReadOrder {
        let times = TimeContext { now: Timestamp::now(), zone: TimeZone::UTC };
        ReadOrder {
            source: Source::Archive(self.source()),
            filter: RecordFilter::parse(filter, &times).expect("a filter"),
            recipe: Recipe::default(),
            includes_unreadable: false,
            from: Position::Beginning,
        }
    }
}

/// The archive in a table with this many items.
pub(crate) fn source(table: &str, items: usize) -> ArchiveSource {
    let (stream, _) = table.split_once("-archive-").expect("the name of an archive's table");
    ArchiveSource {
        stream: archiver::format::stream::StreamName::parse(stream).expect("a stream's name"),
        table: table.to_owned(),
        mode: archiver::format::settings::ArchiveMode::All,
        about_bytes: (items * crate::items::ITEM_BYTES) as u64,
    }
}
