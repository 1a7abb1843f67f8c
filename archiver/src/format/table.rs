//! The tables of an archive: their names, keys and attributes. No other file spells them.

use crate::format::sequence::SequenceNumber;
use crate::format::settings::{ArchiveMode, ArchiveSettings};
use crate::format::stream::StreamName;

/// Names of an item's attributes.
pub mod attribute {
    /// S, hash key in both modes.
    pub const PARTITION_KEY: &str = "partitionKey";
    /// S, decimal digits; range key in mode ALL.
    pub const SEQUENCE_NUMBER: &str = "sequenceNumber";
    /// S, the payload in standard base64.
    pub const RECORD_DATA: &str = "recordData";
    /// S, the encoding of `recordData` under its base64; absent if it is the payload itself.
    pub const RECORD_ENCODING: &str = "recordEncoding";
    /// N, the number of items in the parts table that hold the data; absent if `recordData` holds it.
    pub const RECORD_PARTS: &str = "recordParts";
    /// N, the position of a user record in its aggregated record; absent for other records.
    pub const SUB_SEQUENCE_NUMBER: &str = "subSequenceNumber";
    /// N, epoch seconds with a fraction.
    pub const ARRIVAL: &str = "approximateArrivalTimestamp";
    /// S, the shard the record was read from.
    pub const SHARD_ID: &str = "shardId";
    /// S, when the item was written: UTC, `YYYY-MM-DD HH:MM:SS`.
    pub const LAST_UPDATE: &str = "lastUpdate";
    /// N, whole epoch seconds: the table's TTL attribute.
    pub const EXPIRE_AFTER: &str = "expireAfter";
    /// S, hash key of the parts table: the record that the part belongs to, see [`super::part_of`].
    pub const PART_OF: &str = "partOf";
    /// N, range key of the parts table: the position of the part, from 0.
    pub const PART: &str = "part";
}

/// The value of [`attribute::RECORD_ENCODING`] if the payload is compressed.
pub const GZIP: &str = "gzip";

/// The key attributes of a table, without their types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableKeys {
    /// Name of the hash key.
    pub hash: String,
    /// Name of the range key, if there is one.
    pub range: Option<String>,
}

impl TableKeys {
    /// The keys that a mode's table must have.
    #[must_use]
    pub fn of_mode(mode: ArchiveMode) -> Self {
        let range = match mode {
            ArchiveMode::All => Some(attribute::SEQUENCE_NUMBER.to_owned()),
            ArchiveMode::Latest => None,
        };
        Self { hash: attribute::PARTITION_KEY.to_owned(), range }
    }
}

impl TableKeys {
    /// The keys that the table of parts must have.
    #[must_use]
    pub fn of_parts() -> Self {
        Self { hash: attribute::PART_OF.to_owned(), range: Some(attribute::PART.to_owned()) }
    }
}

impl std::fmt::Display for TableKeys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.range {
            Some(range) => write!(formatter, "hash key {} and range key {range}", self.hash),
            None => write!(formatter, "hash key {} and no range key", self.hash),
        }
    }
}

/// The table that a new configuration creates for a stream in this mode.
#[must_use]
pub fn archive_table_name(stream: &StreamName, mode: ArchiveMode) -> String {
    with_suffix(stream, mode.as_str())
}

/// The table for records that are too large for one item, in both modes.
#[must_use]
pub fn parts_table_name(stream: &StreamName) -> String {
    with_suffix(stream, "parts")
}

/// The hash key of a record's parts: its sequence number, which is unique in a stream. In mode LATEST, `.LATEST` follows it, so
/// that deleting parts there does not delete the parts of the same record in an archive of mode ALL. A user record of an aggregate
/// shares its number with the others, so its position follows instead: `49590338….3`.
#[must_use]
pub fn part_of(mode: ArchiveMode, sequence_number: &SequenceNumber, sub_sequence_number: Option<u64>) -> String {
    match (mode, sub_sequence_number) {
        (_, Some(place)) => format!("{sequence_number}.{place}"),
        (ArchiveMode::Latest, None) => format!("{sequence_number}.{mode}"),
        (ArchiveMode::All, None) => sequence_number.to_string(),
    }
}

/// The tables that may hold a stream's archive. First the suffix as the mode tag spells it, then in upper and in lower case.
#[must_use]
pub fn candidate_tables(stream: &StreamName, settings: &ArchiveSettings) -> Vec<String> {
    let mode = settings.mode.as_str();
    let written = settings.mode_as_written.clone().unwrap_or_else(|| mode.to_owned());
    let mut names: Vec<String> = Vec::with_capacity(3);
    for suffix in [written, mode.to_owned(), mode.to_lowercase()] {
        let name = with_suffix(stream, &suffix);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The stream whose archive this table is, by its name. The stream may not exist any more.
#[must_use]
pub fn stream_of_table(table: &str) -> Option<StreamName> {
    let (stream, mode) = table.rsplit_once("-archive-")?;
    let is_mode = [ArchiveMode::All, ArchiveMode::Latest].iter().any(|known| mode.eq_ignore_ascii_case(known.as_str()));
    StreamName::parse(stream).ok().filter(|_| is_mode)
}

fn with_suffix(stream: &StreamName, suffix: &str) -> String {
    format!("{}-archive-{suffix}", stream.as_str())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_table_says_whose_archive_it_is() {
        let orders = StreamName::parse("orders").ok();
        for table in ["orders-archive-ALL", "orders-archive-latest", "orders-archive-Latest"] {
            assert_eq!(stream_of_table(table), orders, "{table}");
        }
        assert_eq!(stream_of_table("a-archive-ALL-archive-all"), StreamName::parse("a-archive-ALL").ok());
        for table in ["orders-archive-parts", "orders", "-archive-ALL", "orders-archive-ALLE"] {
            assert_eq!(stream_of_table(table), None, "{table}");
        }
    }

    #[test]
    fn the_table_is_looked_for_as_the_tag_spells_it_then_in_the_other_case() {
        let orders = StreamName::parse("orders").unwrap();
        let candidates = |written: Option<&str>, mode| {
            let settings = ArchiveSettings { mode_as_written: written.map(str::to_owned), ..ArchiveSettings::new(mode, None) };
            candidate_tables(&orders, &settings)
        };
        assert_eq!(candidates(Some("all"), ArchiveMode::All), ["orders-archive-all", "orders-archive-ALL"]);
        assert_eq!(candidates(Some("ALL"), ArchiveMode::All), ["orders-archive-ALL", "orders-archive-all"]);
        assert_eq!(
            candidates(Some("Latest"), ArchiveMode::Latest),
            ["orders-archive-Latest", "orders-archive-LATEST", "orders-archive-latest"]
        );
        assert_eq!(candidates(None, ArchiveMode::Latest), ["orders-archive-LATEST", "orders-archive-latest"]);
    }
}
