//! Reads an item of any archive, however old or damaged.

use super::Attributes;
use crate::format::record::ArrivalTime;
use crate::format::sequence::SequenceNumber;
use crate::format::table::attribute;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Deserialize, Serialize};

/// An item from an archive: everything that could be read, and what is wrong with the rest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StoredItem {
    /// The partition key; empty if the item has none.
    pub partition_key: String,
    /// The sequence number, if it is valid.
    pub sequence_number: Option<SequenceNumber>,
    /// The base64 text of the payload, or of the compressed payload; empty if parts hold it.
    pub data: Option<String>,
    /// The encoding under the base64; `None` if it is the payload itself.
    pub encoding: Option<String>,
    /// Number of items in the parts table that hold the data.
    pub parts: Option<u32>,
    /// The position of a user record in its aggregated record.
    pub sub_sequence_number: Option<u64>,
    /// When Kinesis received the record.
    pub arrival: Option<ArrivalTime>,
    /// The shard it was read from.
    pub shard_id: Option<String>,
    /// When it was archived, as written.
    pub last_update: Option<String>,
    /// Epoch seconds at which the item expires.
    pub expire_after: Option<i64>,
    /// Attributes that this version does not know, as text.
    pub others: Vec<(String, String)>,
    /// What is wrong with the item, one sentence each.
    pub problems: Vec<String>,
}

impl StoredItem {
    /// Reads an item. Problems go into [`Self::problems`].
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
                    item.problems.push(format!("{} is {text}, which is not a time", attribute::EXPIRE_AFTER));
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
                self.problems.push(format!("{name} is a number, not text"));
                Some(text)
            }
            found => self.missing(name, found),
        }
    }

    fn take_number(&mut self, attributes: &mut Attributes, name: &str) -> Option<String> {
        match attributes.remove(name) {
            Some(AttributeValue::N(text)) => Some(text),
            Some(AttributeValue::S(text)) => {
                self.problems.push(format!("{name} is text, not a number"));
                Some(text)
            }
            found => self.missing(name, found),
        }
    }

    /// An optional whole number.
    fn take_count<N: std::str::FromStr>(&mut self, attributes: &mut Attributes, name: &str) -> Option<N> {
        if !attributes.contains_key(name) {
            return None;
        }
        let text = self.take_number(attributes, name)?;
        let count = text.parse().ok();
        if count.is_none() {
            self.problems.push(format!("{name} is {text}, which is not a whole number"));
        }
        count
    }

    fn missing(&mut self, name: &str, found: Option<AttributeValue>) -> Option<String> {
        self.problems.push(match found {
            Some(value) => format!("{name} has an unexpected type: {}", text_of(&value)),
            None => format!("{name} is missing"),
        });
        None
    }
}

/// An attribute's value as text for people.
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
    }
}
