//! Writes a record as a DynamoDB item, and reads it. Writing follows the archive's format exactly. Reading accepts what older
//! archives have, and marks missing or unexpected attributes instead of failing.

use crate::format::payload::{PART_TEXT_BYTES, Packer, StoredData};
use crate::format::record::{ArchivedRecord, ArrivalTime};
use crate::format::sequence::SequenceNumber;
use crate::format::settings::{ArchiveMode, Compression, Ttl};
use crate::format::table::{self, attribute};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::HashMap;

mod stored;

pub use stored::StoredItem;

/// The SDK's form of an item.
pub type Attributes = HashMap<String, AttributeValue>;

/// Largest item in bytes, including the names of its attributes. Source: DynamoDB quotas, item size.
const MAX_ITEM_BYTES: usize = 400 * 1024;
/// Upper bound in bytes of everything else in an item: the names of all attributes, and the values other than partition key,
/// sequence number, shard and data.
const OTHER_BYTES: usize = 448;

/// The attributes that all items of a batch share.
#[derive(Clone, Debug)]
pub struct Stamp {
    last_update: String,
    expire_after: Option<String>,
}

/// A record in the form in which it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'e> {
    /// Hash key.
    pub partition_key: Cow<'e, str>,
    /// Range key in mode ALL.
    pub sequence_number: SequenceNumber,
    /// The position of a user record in its aggregated record.
    pub sub_sequence_number: Option<u64>,
    pub arrival: ArrivalTime,
    pub shard_id: Cow<'e, str>,
    /// The payload as it is stored, here or in parts.
    pub data: StoredData<'e>,
}

/// An attribute's value, on its way into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'i> {
    /// Any text.
    Text(&'i str),
    /// A text without characters that JSON must escape.
    Plain(&'i str),
    /// A decimal number.
    Number(&'i str),
}

/// Numbers of an item as texts. [`Item::attributes`] borrows them.
#[derive(Debug)]
pub struct Counts {
    sub_sequence_number: Option<String>,
    parts: Option<String>,
}

impl Stamp {
    /// The stamp of items that are archived at this time and kept this long.
    #[must_use]
    pub fn new(archived_at: Timestamp, ttl: Option<Ttl>) -> Self {
        let seconds = archived_at.as_second().unsigned_abs();
        Self {
            last_update: archived_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            expire_after: ttl.map(|ttl| seconds.saturating_add(ttl.seconds()).to_string()),
        }
    }

    /// Epoch seconds at which the items expire.
    #[must_use]
    pub fn expire_after(&self) -> Option<&str> {
        self.expire_after.as_deref()
    }
}

impl<'e> Item<'e> {
    /// The item of a record. The settings and its size decide how the payload is packed.
    #[must_use]
    pub fn of(record: ArchivedRecord<'e>, packer: &mut Packer, compression: Compression) -> Self {
        let room = room_for_data([&record.partition_key, record.sequence_number.as_str(), &record.shard_id]);
        Self {
            data: packer.pack(record.data, compression, room),
            partition_key: record.partition_key,
            sequence_number: record.sequence_number,
            sub_sequence_number: record.sub_sequence_number,
            arrival: record.arrival,
            shard_id: record.shard_id,
        }
    }

    /// Number of parts that hold the data; 0 if the item itself does.
    #[must_use]
    pub fn parts(&self) -> usize {
        let length = self.data.text.len();
        let room = room_for_data([&self.partition_key, self.sequence_number.as_str(), &self.shard_id]);
        if length <= room { 0 } else { length.div_ceil(PART_TEXT_BYTES) }
    }

    /// The hash key of its parts.
    #[must_use]
    pub fn part_of(&self, mode: ArchiveMode) -> String {
        table::part_of(mode, &self.sequence_number, self.sub_sequence_number)
    }

    /// Of two records with the same partition key, the one with the greater version is newer.
    #[must_use]
    pub fn version(&self) -> (&SequenceNumber, Option<u64>) {
        (&self.sequence_number, self.sub_sequence_number)
    }

    /// Numbers for [`Self::attributes`].
    #[must_use]
    pub fn counts(&self) -> Counts {
        let parts = self.parts();
        Counts {
            sub_sequence_number: self.sub_sequence_number.map(|place| place.to_string()),
            parts: (parts > 0).then(|| parts.to_string()),
        }
    }

    /// Every attribute that an item can have, the partition key first; `None` for those that this item does not have.
    pub fn attributes<'i>(&'i self, stamp: &'i Stamp, counts: &'i Counts) -> [(&'static str, Option<Value<'i>>); 10] {
        let data = if counts.parts.is_some() { "" } else { self.data.text.as_ref() };
        let arrival = self.arrival.as_str();
        let arrival = if self.arrival.fits_dynamodb() { Value::Number(arrival) } else { Value::Plain(arrival) };
        [
            (attribute::PARTITION_KEY, Some(Value::Text(&self.partition_key))),
            (attribute::SEQUENCE_NUMBER, Some(Value::Plain(self.sequence_number.as_str()))),
            (attribute::RECORD_DATA, Some(Value::Plain(data))),
            (attribute::ARRIVAL, Some(arrival)),
            (attribute::SHARD_ID, Some(Value::Text(&self.shard_id))),
            (attribute::LAST_UPDATE, Some(Value::Plain(&stamp.last_update))),
            (attribute::EXPIRE_AFTER, stamp.expire_after.as_deref().map(Value::Number)),
            (attribute::RECORD_ENCODING, self.data.is_gzip.then_some(Value::Plain(table::GZIP))),
            (attribute::RECORD_PARTS, counts.parts.as_deref().map(Value::Number)),
            (attribute::SUB_SEQUENCE_NUMBER, counts.sub_sequence_number.as_deref().map(Value::Number)),
        ]
    }

    /// The item in the SDK's form.
    #[must_use]
    pub fn to_attributes(&self, stamp: &Stamp) -> Attributes {
        let counts = self.counts();
        let present = self.attributes(stamp, &counts).into_iter().filter_map(|(name, value)| Some((name, value?)));
        present
            .map(|(name, value)| {
                let value = match value {
                    Value::Text(text) | Value::Plain(text) => AttributeValue::S(text.to_owned()),
                    Value::Number(digits) => AttributeValue::N(digits.to_owned()),
                };
                (name.to_owned(), value)
            })
            .collect()
    }
}

/// Bytes of data that fit into an item with these texts.
fn room_for_data(texts: [&str; 3]) -> usize {
    MAX_ITEM_BYTES.saturating_sub(OTHER_BYTES + texts.iter().map(|text| text.len()).sum::<usize>())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::format::payload::Data;
    use proptest::prelude::*;

    fn stamp(ttl: Option<Ttl>) -> Stamp {
        Stamp::new(Timestamp::from_second(1_545_084_711).unwrap(), ttl)
    }

    fn order(data: &str) -> ArchivedRecord<'_> {
        ArchivedRecord {
            partition_key: "cust-42".into(),
            sequence_number: SequenceNumber::parse("49590338271490256608559692538361571095921575989136588898").unwrap(),
            sub_sequence_number: None,
            data: Data::Text(data.into()),
            arrival: ArrivalTime::parse("1545084650.987").unwrap(),
            shard_id: "shardId-000000000006".into(),
        }
    }

    fn item(record: ArchivedRecord<'_>, compression: Compression) -> Item<'_> {
        Item::of(record, &mut Packer::default(), compression)
    }

    fn attributes(texts: &[(&str, &str)], numbers: &[(&str, &str)]) -> Attributes {
        let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), AttributeValue::S((*text).to_owned())));
        texts.chain(numbers.iter().map(|(name, digits)| ((*name).to_owned(), AttributeValue::N((*digits).to_owned())))).collect()
    }

    const TEXTS: [(&str, &str); 4] = [
        ("partitionKey", "cust-42"),
        ("sequenceNumber", "49590338271490256608559692538361571095921575989136588898"),
        ("shardId", "shardId-000000000006"),
        ("lastUpdate", "2018-12-17 22:11:51"),
    ];

    #[test]
    fn an_item_is_written_as_readers_of_old_archives_expect_it() {
        let written = item(order("SGVsbG8="), Compression::None).to_attributes(&stamp(Ttl::from_seconds(60)));
        let texts = [&TEXTS[..], &[("recordData", "SGVsbG8=")]].concat();
        let numbers = [("approximateArrivalTimestamp", "1545084650.987"), ("expireAfter", "1545084771")];
        assert_eq!(written, attributes(&texts, &numbers));
        assert!(!item(order("SGVsbG8="), Compression::None).to_attributes(&stamp(None)).contains_key("expireAfter"));
    }

    #[test]
    fn an_item_of_a_compressed_payload_says_so() {
        let text = "A".repeat(400);
        let written = item(order(&text), Compression::Gzip);
        assert_eq!(written.parts(), 0);
        assert_eq!(written.to_attributes(&stamp(None))["recordEncoding"], AttributeValue::S("gzip".into()));
    }

    #[test]
    fn an_item_too_large_keeps_everything_but_its_data() {
        let noise: Vec<u8> = (0..700_000).map(|_| fastrand::u8(..)).collect();
        let text = base64_simd::STANDARD.encode_to_string(noise);
        let written = item(ArchivedRecord { sub_sequence_number: Some(3), ..order(&text) }, Compression::Gzip);
        assert_eq!((written.parts(), written.part_of(ArchiveMode::Latest)), (3, format!("{}.3", written.sequence_number)));
        let texts = [&TEXTS[..], &[("recordData", "")]].concat();
        let numbers = [("approximateArrivalTimestamp", "1545084650.987"), ("recordParts", "3"), ("subSequenceNumber", "3")];
        assert_eq!(written.to_attributes(&stamp(None)), attributes(&texts, &numbers));
    }

    #[test]
    fn whole_items_reach_to_the_limit_of_dynamodb_and_not_beyond() {
        for length in (MAX_ITEM_BYTES - 1_000)..(MAX_ITEM_BYTES + 10) {
            let data = StoredData { text: "A".repeat(length).into(), is_gzip: true };
            let written = Item { data, sub_sequence_number: Some(u64::MAX), ..item(order(""), Compression::None) };
            let attributes = written.to_attributes(&stamp(Ttl::from_seconds(1)));
            let size: usize = attributes
                .iter()
                .map(|(name, value)| name.len() + value.as_s().or_else(|_| value.as_n()).map_or(0, String::len))
                .sum();
            assert!(size <= MAX_ITEM_BYTES, "{length} bytes of data make an item of {size} bytes");
        }
    }

    proptest! {
        #[test]
        fn a_record_survives_its_item(
            key in "\\PC{1,64}",
            number: u128,
            place in proptest::option::of(any::<u64>()),
            payload in proptest::collection::vec(0..4_u8, 0..600),
            compresses: bool,
            milliseconds in 0..4_000_000_000_000_i64,
            seconds in proptest::option::of(1..1_u64 << 40),
        ) {
            let text = base64_simd::STANDARD.encode_to_string(&payload);
            let compression = if compresses { Compression::Gzip } else { Compression::None };
            let arrival = ArrivalTime::parse(&format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)).unwrap();
            let record = ArchivedRecord {
                partition_key: key.as_str().into(),
                sequence_number: SequenceNumber::parse(number.to_string()).unwrap(),
                sub_sequence_number: place,
                arrival: arrival.clone(),
                ..order(&text)
            };
            let written = item(record, compression).to_attributes(&stamp(seconds.and_then(Ttl::from_seconds)));
            let stored = StoredItem::from_attributes(written);
            prop_assert_eq!(stored.problems, Vec::<String>::new());
            prop_assert_eq!(stored.partition_key, key);
            prop_assert_eq!(stored.sequence_number, SequenceNumber::parse(number.to_string()).ok());
            prop_assert_eq!(stored.sub_sequence_number, place);
            prop_assert_eq!(stored.arrival, Some(arrival));
            prop_assert_eq!(stored.shard_id.as_deref(), Some("shardId-000000000006"));
            let restored = crate::format::payload::restore(&stored.data.unwrap(), stored.encoding.as_deref());
            prop_assert_eq!(restored, Ok(payload));
        }
    }
}
