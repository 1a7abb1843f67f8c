//! A record as a DynamoDB item, written and read. Writing follows the archive's format to the letter; reading takes whatever
//! older archives hold, and marks what is missing or of another type instead of failing on it.

use crate::record::{ArchivedRecord, ArrivalTime, PartitionKey, ShardId};
use crate::sequence::SequenceNumber;
use crate::settings::Ttl;
use crate::table::attribute;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use std::collections::HashMap;

/// An item as the SDK has it.
pub type Attributes = HashMap<String, AttributeValue>;

/// What every item of a batch gets besides its record.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// When the batch is archived.
    pub archived_at: Timestamp,
    /// How long its items are kept.
    pub ttl: Option<Ttl>,
}

/// An item as it was found: everything that could be read, and what could not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredItem {
    /// The key the record was put under; empty where the item has none.
    pub partition_key: String,
    /// The sequence number, where it is one.
    pub sequence_number: Option<SequenceNumber>,
    /// The base64 text of the payload, or of its gzip; empty where parts hold it.
    pub data: Option<String>,
    /// How the data is encoded before its base64; `None` where it is the payload itself.
    pub encoding: Option<String>,
    /// How many items of the parts table hold the data.
    pub parts: Option<u32>,
    /// The place of a user record in its aggregated record.
    pub sub_sequence_number: Option<u64>,
    /// When Kinesis took the record.
    pub arrival: Option<ArrivalTime>,
    /// The shard it was read from.
    pub shard_id: Option<String>,
    /// When it was archived, as written.
    pub last_update: Option<String>,
    /// Epoch seconds at which the item expires.
    pub expire_after: Option<i64>,
    /// Attributes this version has no name for, written as text.
    pub others: Vec<(String, String)>,
    /// What is wrong with the item, a sentence each.
    pub problems: Vec<String>,
}

/// The item of a record.
#[must_use]
pub fn to_attributes(record: ArchivedRecord, stamp: &Stamp) -> Attributes {
    let mut attributes = HashMap::with_capacity(7);
    let mut put = |name: &str, value| attributes.insert(name.to_owned(), value);
    put(attribute::PARTITION_KEY, AttributeValue::S(record.partition_key.into_string()));
    put(attribute::SEQUENCE_NUMBER, AttributeValue::S(record.sequence_number.to_string()));
    put(attribute::RECORD_DATA, AttributeValue::S(record.data));
    put(attribute::ARRIVAL, AttributeValue::N(record.arrival.to_string()));
    put(attribute::SHARD_ID, AttributeValue::S(record.shard_id.into_string()));
    put(attribute::LAST_UPDATE, AttributeValue::S(stamp.archived_at.strftime("%Y-%m-%d %H:%M:%S").to_string()));
    if let Some(ttl) = stamp.ttl {
        let archived_at = stamp.archived_at.as_second().unsigned_abs();
        put(attribute::EXPIRE_AFTER, AttributeValue::N(archived_at.saturating_add(ttl.seconds()).to_string()));
    }
    attributes
}

/// The sequence number of an item, where it can be read.
#[must_use]
pub fn sequence_number_of(attributes: &Attributes) -> Option<SequenceNumber> {
    match attributes.get(attribute::SEQUENCE_NUMBER) {
        Some(AttributeValue::S(text)) => SequenceNumber::parse(text.as_str()).ok(),
        _ => None,
    }
}

impl StoredItem {
    /// Reads an item of any age and state.
    #[must_use]
    pub fn from_attributes(mut attributes: Attributes) -> Self {
        let mut item = Self::default();
        item.partition_key = item.take_text(&mut attributes, attribute::PARTITION_KEY).unwrap_or_default();
        item.sequence_number = item
            .take_text(&mut attributes, attribute::SEQUENCE_NUMBER)
            .and_then(|text| SequenceNumber::parse(text).map_err(|error| item.problems.push(error.to_string())).ok());
        item.data = item.take_text(&mut attributes, attribute::RECORD_DATA);
        if attributes.contains_key(attribute::RECORD_ENCODING) {
            item.encoding = item.take_text(&mut attributes, attribute::RECORD_ENCODING);
        }
        item.parts = item.take_count(&mut attributes, attribute::RECORD_PARTS);
        item.sub_sequence_number = item.take_count(&mut attributes, attribute::SUB_SEQUENCE_NUMBER);
        item.arrival = item
            .take_number(&mut attributes, attribute::ARRIVAL)
            .and_then(|text| ArrivalTime::parse(&text).map_err(|error| item.problems.push(error.to_string())).ok());
        item.shard_id = item.take_text(&mut attributes, attribute::SHARD_ID);
        item.last_update = item.take_text(&mut attributes, attribute::LAST_UPDATE);
        if attributes.contains_key(attribute::EXPIRE_AFTER) {
            item.expire_after = item.take_number(&mut attributes, attribute::EXPIRE_AFTER).and_then(|text| {
                let whole = text.split('.').next().unwrap_or_default();
                let seconds = whole.parse().ok();
                if seconds.is_none() {
                    item.problems.push(format!("{} is {text}, which is no time", attribute::EXPIRE_AFTER));
                }
                seconds
            });
        }
        item.others = attributes.into_iter().map(|(name, value)| (name, text_of(&value))).collect();
        item.others.sort();
        item
    }

    fn take_text(&mut self, attributes: &mut Attributes, name: &str) -> Option<String> {
        match attributes.remove(name) {
            Some(AttributeValue::S(text)) => Some(text),
            Some(AttributeValue::N(text)) => {
                self.problems.push(format!("{name} is a number, not a text"));
                Some(text)
            }
            found => self.missing(name, found),
        }
    }

    fn take_number(&mut self, attributes: &mut Attributes, name: &str) -> Option<String> {
        match attributes.remove(name) {
            Some(AttributeValue::N(text)) => Some(text),
            Some(AttributeValue::S(text)) => {
                self.problems.push(format!("{name} is a text, not a number"));
                Some(text)
            }
            found => self.missing(name, found),
        }
    }

    /// A whole number that not every item has.
    fn take_count<N: std::str::FromStr>(&mut self, attributes: &mut Attributes, name: &str) -> Option<N> {
        if !attributes.contains_key(name) {
            return None;
        }
        let text = self.take_number(attributes, name)?;
        let count = text.parse().ok();
        if count.is_none() {
            self.problems.push(format!("{name} is {text}, which is no count"));
        }
        count
    }

    fn missing(&mut self, name: &str, found: Option<AttributeValue>) -> Option<String> {
        self.problems.push(match found {
            Some(value) => format!("{name} has a type of its own: {}", text_of(&value)),
            None => format!("{name} is missing"),
        });
        None
    }

    /// The item's record, to be put again; `None` where a part that every record has cannot be read.
    #[must_use]
    pub fn to_record(&self) -> Option<ArchivedRecord> {
        Some(ArchivedRecord {
            partition_key: PartitionKey::new(self.partition_key.as_str()),
            sequence_number: self.sequence_number.clone()?,
            data: self.data.clone()?,
            arrival: self.arrival.clone()?,
            shard_id: ShardId::new(self.shard_id.as_deref()?),
        })
    }
}

/// An attribute's value for people to read.
fn text_of(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone(),
        AttributeValue::Bool(value) => value.to_string(),
        AttributeValue::Null(_) => "null".to_owned(),
        AttributeValue::B(blob) => format!("({} bytes)", blob.as_ref().len()),
        AttributeValue::L(values) => format!("[{}]", values.iter().map(text_of).collect::<Vec<_>>().join(", ")),
        AttributeValue::Ss(values) | AttributeValue::Ns(values) => format!("[{}]", values.join(", ")),
        AttributeValue::M(values) => {
            let mut fields: Vec<String> = values.iter().map(|(name, value)| format!("{name}: {}", text_of(value))).collect();
            fields.sort();
            format!("{{{}}}", fields.join(", "))
        }
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(ttl: Option<Ttl>) -> Stamp {
        Stamp { archived_at: Timestamp::from_second(1_545_084_711).unwrap(), ttl }
    }

    fn order() -> ArchivedRecord {
        ArchivedRecord {
            partition_key: PartitionKey::new("cust-42"),
            sequence_number: SequenceNumber::parse("49590338271490256608559692538361571095921575989136588898").unwrap(),
            data: "SGVsbG8=".to_owned(),
            arrival: ArrivalTime::parse("1545084650.987").unwrap(),
            shard_id: ShardId::new("shardId-000000000006"),
        }
    }

    #[test]
    fn an_item_is_written_as_readers_of_old_archives_expect_it() {
        let attributes = to_attributes(order(), &stamp(Ttl::from_seconds(60)));
        let expected: Attributes = [
            ("partitionKey", AttributeValue::S("cust-42".into())),
            ("sequenceNumber", AttributeValue::S("49590338271490256608559692538361571095921575989136588898".into())),
            ("recordData", AttributeValue::S("SGVsbG8=".into())),
            ("approximateArrivalTimestamp", AttributeValue::N("1545084650.987".into())),
            ("shardId", AttributeValue::S("shardId-000000000006".into())),
            ("lastUpdate", AttributeValue::S("2018-12-17 22:11:51".into())),
            ("expireAfter", AttributeValue::N("1545084771".into())),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        assert_eq!(attributes, expected);
        assert!(!to_attributes(order(), &stamp(None)).contains_key("expireAfter"));
    }

    #[test]
    fn a_damaged_item_is_read_as_far_as_it_goes_and_marked() {
        let attributes: Attributes = [
            ("partitionKey", AttributeValue::S("cust-42".into())),
            ("sequenceNumber", AttributeValue::S("not a number".into())),
            ("approximateArrivalTimestamp", AttributeValue::S("1545084650.987".into())),
            ("expireAfter", AttributeValue::N("1545084650.5".into())),
            ("colour", AttributeValue::Bool(true)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
        let item = StoredItem::from_attributes(attributes);
        assert_eq!(item.partition_key, "cust-42");
        assert_eq!(item.arrival, Some(ArrivalTime::parse("1545084650.987").unwrap()));
        assert_eq!(item.expire_after, Some(1_545_084_650));
        assert_eq!(item.others, [("colour".to_owned(), "true".to_owned())]);
        assert_eq!(item.problems.len(), 5, "{:?}", item.problems);
        assert_eq!(item.to_record(), None);
    }

    proptest! {
        #[test]
        fn a_record_survives_its_item(
            key in "\\PC{1,64}",
            number: u128,
            data in "[A-Za-z0-9+/]{0,64}",
            milliseconds in 0..4_000_000_000_000_i64,
            seconds in proptest::option::of(1..u64::MAX),
        ) {
            let record = ArchivedRecord {
                partition_key: PartitionKey::new(key),
                sequence_number: SequenceNumber::parse(number.to_string()).unwrap(),
                data,
                arrival: ArrivalTime::parse(&format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)).unwrap(),
                shard_id: ShardId::new("shardId-000000000001"),
            };
            let item = StoredItem::from_attributes(to_attributes(record.clone(), &stamp(seconds.and_then(Ttl::from_seconds))));
            prop_assert_eq!(item.to_record(), Some(record));
        }
    }
}
