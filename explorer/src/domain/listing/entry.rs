//! The part of a record that stays in memory, so that any number of records can be sorted while the records themselves are in a spool:
//! when it arrived, and its place in the spool.

use crate::domain::record::Record;
use crate::domain::record::sequence_value::SequenceValue;
use archiver::format::sequence::SequenceNumber;
use std::cmp::{Ordering, Reverse};

/// The place of a record in a spool, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(pub u64);

/// A shard, numbered in the order in which the spool first saw its name; [`NO_SHARD`] if the item names none.
pub type ShardIndex = u16;

/// The shard of records whose items name none, or of those beyond the 65,534th.
pub const NO_SHARD: ShardIndex = ShardIndex::MAX;

/// The most records of one listing: each takes 24 bytes in memory; the record itself is on disk.
pub const MAX_ENTRIES: usize = 4_000_000;

/// One record that was read. Ordered newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it arrived, in epoch milliseconds; [`Entry::NO_TIME`] if unknown.
    pub arrived_ms: i64,
    /// What orders the records of one shard and millisecond.
    pub tie: u64,
    place: [u8; 6],
    /// The shard it came from.
    pub shard: ShardIndex,
}

impl Entry {
    /// An unknown arrival, which sorts after all others.
    pub const NO_TIME: i64 = i64::MIN;

    /// The entry of a record at a place.
    #[must_use]
    pub fn new(record: &Record, place: Place, shard: ShardIndex) -> Self {
        let arrived_ms = record.arrived_at.map_or(Self::NO_TIME, jiff::Timestamp::as_millisecond);
        let tie = record.item.sequence_number.as_ref().map_or(0, tie_of);
        let [.., a, b, c, d, e, f] = place.0.to_be_bytes();
        Self { arrived_ms, tie, place: [a, b, c, d, e, f], shard }
    }

    /// The place of the record.
    #[must_use]
    pub fn place(&self) -> Place {
        let [a, b, c, d, e, f] = self.place;
        Place(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |entry: &Self| Reverse((entry.arrived_ms, entry.tie, entry.place));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The 64 bits of a sequence number that tell the records of one shard and millisecond apart. Of Kinesis' 186 bits the upper 42 say
/// when the shard was made and which one it is, the next 64 count its records, and the lower 80 hold the second and the shard again.
/// Source: Kinesis' documented examples, taken apart; ferrokinesis and kinesalite build theirs so.
fn tie_of(number: &SequenceNumber) -> u64 {
    /// Bits below the count.
    const BELOW: u32 = 80;
    let Some([high, middle, low]) = SequenceValue::of(number).map(SequenceValue::words) else {
        // It is larger than any of Kinesis'.
        return u64::MAX;
    };
    // An emulator's numbers may simply count.
    if (high, middle) == (0, 0) { low } else { high << (2 * u64::BITS - BELOW) | middle >> (BELOW - u64::BITS) }
}

/// A record to search for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoughtRecord {
    /// The newest of a partition key.
    Key(String),
    /// The newest with a sequence number; there is more than one only where records come out of an aggregated one.
    Number(String),
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::item::StoredItem;
    use archiver::format::record::ArrivalTime;
    use proptest::prelude::*;

    fn entry(arrival: &str, number: &str, place: u64) -> Entry {
        let item = StoredItem {
            sequence_number: SequenceNumber::parse(number).ok(),
            arrival: ArrivalTime::parse(arrival).ok(),
            ..StoredItem::default()
        };
        Entry::new(&Record::new(item), Place(place), 0)
    }

    /// The digits of the number of Kinesis' shape with these parts.
    fn kinesis_number(created: u64, shard: u64, count: u64, second: u64) -> String {
        let hex = format!("2{created:09x}{:01x}{count:016x}00{second:09x}{shard:08x}2", shard & 0xf);
        let mut digits = vec![0_u8];
        for nibble in hex.chars().map(|digit| digit.to_digit(16).unwrap()) {
            let mut carry = nibble;
            for digit in &mut digits {
                let product = u32::from(*digit) * 16 + carry;
                *digit = (product % 10) as u8;
                carry = product / 10;
            }
            while carry > 0 {
                digits.push((carry % 10) as u8);
                carry /= 10;
            }
        }
        digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn the_newest_comes_first_and_what_has_no_time_last() {
        let documented = [
            "49590338271490256608559692538361571095921575989136588898",
            "49590338271490256608559692540925702759324208523137515618",
        ];
        let newest_first = [
            entry("20", "1", 0),
            entry("10", documented[1], 1),
            entry("10", documented[0], 2),
            entry("10", "10", 3),
            entry("10", "9", 4),
            entry("?", documented[0], 6),
            entry("?", documented[0], 5),
        ];
        let mut entries = newest_first;
        entries.reverse();
        entries.sort();
        assert_eq!(entries, newest_first);
    }

    proptest! {
        #[test]
        fn the_records_of_a_shard_are_in_the_order_of_their_numbers(
            created in 0..1_u64 << 36,
            shard in 0..100_000_u64,
            left: (u64, u32),
            right: (u64, u32),
        ) {
            let number = |(count, second): (u64, u32)| kinesis_number(created, shard, count, u64::from(second));
            let (left_number, right_number) = (number(left), number(right));
            let by_value = SequenceNumber::parse(left_number.as_str()).unwrap().cmp(&SequenceNumber::parse(right_number.as_str()).unwrap());
            let (left_entry, right_entry) = (entry("1", &left_number, 0), entry("1", &right_number, 0));
            if left.0 != right.0 {
                prop_assert_eq!(left_entry.cmp(&right_entry), by_value.reverse());
            }
        }

        #[test]
        fn counting_numbers_are_in_their_order(left: u64, right: u64) {
            let (left_entry, right_entry) = (entry("1", &left.to_string(), 0), entry("1", &right.to_string(), 0));
            prop_assert_eq!(left_entry.cmp(&right_entry), right.cmp(&left));
        }

        #[test]
        fn a_place_is_kept(place in 0..1_u64 << 48) {
            prop_assert_eq!(entry("1", "1", place).place(), Place(place));
        }
    }
}
