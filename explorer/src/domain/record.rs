//! A record as the explorer shows it: the item as it was found, and the payload decoded when somebody looks.

use super::decode::{self, Decoded};
use archiver::item::StoredItem;
use jiff::Timestamp;
use std::cmp::Ordering;

/// What tells a record of an archive from every other. As texts, because a damaged item has them too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    /// The partition key.
    pub partition_key: String,
    /// The sequence number's digits; empty where the item has none.
    pub sequence_number: String,
}

/// A record of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which one.
    pub id: RecordId,
    /// When it arrived, where that is a time.
    pub arrived_at: Option<Timestamp>,
    /// Bytes of the payload.
    pub payload_size: u64,
    /// The item as it was found.
    pub item: StoredItem,
}

impl Record {
    /// The record of an item.
    #[must_use]
    pub fn new(item: StoredItem) -> Self {
        let milliseconds = item.arrival.as_ref().and_then(archiver::record::ArrivalTime::milliseconds);
        Self {
            id: RecordId {
                partition_key: item.partition_key.clone(),
                sequence_number: item.sequence_number.as_ref().map(ToString::to_string).unwrap_or_default(),
            },
            arrived_at: milliseconds.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok()),
            payload_size: item.data.as_deref().map_or(0, base64_size),
            item,
        }
    }

    /// The payload, its layers taken off.
    #[must_use]
    pub fn decoded(&self) -> Decoded {
        decode::decode(self.item.data.as_deref().unwrap_or_default())
    }

    /// Newest first; within one time the higher sequence number, then by key, so that the order is the same every time.
    #[must_use]
    pub fn newest_first(&self, other: &Self) -> Ordering {
        (other.arrived_at, &other.item.sequence_number, &self.id).cmp(&(self.arrived_at, &self.item.sequence_number, &other.id))
    }
}

/// Bytes that a base64 text decodes to.
fn base64_size(text: &str) -> u64 {
    let padding = text.bytes().rev().take(2).filter(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding) as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::record::ArrivalTime;
    use archiver::sequence::SequenceNumber;

    fn record(arrival: &str, number: &str) -> Record {
        Record::new(StoredItem {
            partition_key: "cust-42".to_owned(),
            sequence_number: SequenceNumber::parse(number).ok(),
            arrival: ArrivalTime::parse(arrival).ok(),
            data: Some("SGVsbG8=".to_owned()),
            ..StoredItem::default()
        })
    }

    #[test]
    fn the_newest_comes_first_and_what_has_no_time_last() {
        let mut records = [record("10", "9"), record("?", "1"), record("20", "2"), record("10", "10")];
        records.sort_by(Record::newest_first);
        let numbers: Vec<&str> = records.iter().map(|record| record.id.sequence_number.as_str()).collect();
        assert_eq!(numbers, ["2", "10", "9", "1"]);
    }

    #[test]
    fn the_size_is_the_payloads_own() {
        assert_eq!(record("1", "1").payload_size, 5);
        assert_eq!(base64_size(""), 0);
    }
}
