//! The event of a failed batch, record by record: each record stays as it is, to the digit, while others are removed.

use archiver::format::stream::StreamArn;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::HashSet;

/// Bytes of a hash key and of a range key. Source: DynamoDB developer guide, quotas.
const MAX_HASH_KEY: usize = 2_048;
const MAX_RANGE_KEY: usize = 1_024;

/// The partition key and the sequence number of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordKey {
    pub partition_key: String,
    pub sequence_number: String,
}

/// The event of a batch, record by record, each unchanged.
#[derive(Debug)]
pub struct FailedEvent<'e> {
    records: Vec<EventRecord<'e>>,
}

#[derive(Debug)]
struct EventRecord<'e> {
    text: &'e RawValue,
    key: Option<RecordKey>,
    stream: Option<StreamArn>,
}

#[derive(Deserialize, Serialize)]
struct RawEvent<'e> {
    #[serde(borrow, rename = "Records")]
    records: Vec<&'e RawValue>,
}

#[derive(Deserialize)]
struct KeyedRecord {
    kinesis: KeyedKinesis,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyedKinesis {
    partition_key: String,
    sequence_number: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourcedRecord {
    #[serde(rename = "eventSourceARN")]
    event_source_arn: String,
}

impl<'e> FailedEvent<'e> {
    /// Reads an event. What of a record cannot be read is the archiver's to report.
    ///
    /// # Errors
    /// When it has no list of records.
    pub fn parse(event: &'e str) -> Result<Self, serde_json::Error> {
        let RawEvent { records } = serde_json::from_str(event)?;
        let records = records.into_iter().map(|text| EventRecord { text, key: key_of(text), stream: stream_of(text) });
        Ok(Self { records: records.collect() })
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The keys of its records, as far as they can be a table's.
    #[must_use]
    pub fn keys(&self) -> Vec<RecordKey> {
        self.records.iter().filter_map(|record| record.key.clone()).collect()
    }

    /// Leaves out the records that say to be of another stream, and tells how many.
    pub fn leave_out_other_streams(&mut self, arn: &str) -> usize {
        self.leave_out(|record| record.stream.as_ref().is_some_and(|stream| stream.stream_arn() != arn))
    }

    /// Leaves out these records, and tells how many.
    pub fn leave_out_keys(&mut self, keys: &HashSet<RecordKey>) -> usize {
        self.leave_out(|record| record.key.as_ref().is_some_and(|key| keys.contains(key)))
    }

    fn leave_out(&mut self, is_left_out: impl Fn(&EventRecord<'_>) -> bool) -> usize {
        let all = self.records.len();
        self.records.retain(|record| !is_left_out(record));
        all - self.records.len()
    }

    /// The event that is left.
    ///
    /// # Errors
    /// Does not fail for what an event holds; the error is the JSON library's.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&RawEvent { records: self.records.iter().map(|record| record.text).collect() })
    }
}

fn key_of(record: &RawValue) -> Option<RecordKey> {
    let KeyedRecord { kinesis } = serde_json::from_str(record.get()).ok()?;
    let can_be_key = |text: &str, most: usize| (1..=most).contains(&text.len());
    let key = RecordKey { partition_key: kinesis.partition_key, sequence_number: kinesis.sequence_number };
    Some(key).filter(|key| can_be_key(&key.partition_key, MAX_HASH_KEY) && can_be_key(&key.sequence_number, MAX_RANGE_KEY))
}

fn stream_of(record: &RawValue) -> Option<StreamArn> {
    let SourcedRecord { event_source_arn } = serde_json::from_str(record.get()).ok()?;
    StreamArn::parse(event_source_arn).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record(stream: &str, key: &str, number: &str) -> String {
        let arn = format!("arn:aws:kinesis:us-east-2:123456789012:stream/{stream}");
        format!(
            r#"{{"kinesis":{{"partitionKey":"{key}","sequenceNumber":"{number}","data":"YQ==","approximateArrivalTimestamp":1545084650.950}},"eventSourceARN":"{arn}"}}"#
        )
    }

    fn event(records: &[String]) -> String {
        format!(r#"{{"Records":[{}]}}"#, records.join(","))
    }

    #[test]
    fn records_that_stay_in_an_event_keep_every_digit() {
        let damaged = r#"{"kinesis":"none"}"#.to_owned();
        let (first, second) = (record("orders", "a", "1"), record("orders", "b", "2"));
        let whole = event(&[first, damaged.clone(), second.clone()]);
        let mut failed = FailedEvent::parse(&whole).unwrap();
        let keys = failed.keys();
        assert_eq!(keys.iter().map(|key| key.sequence_number.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(failed.leave_out_keys(&HashSet::from([keys[0].clone()])), 1);
        assert_eq!(failed.to_json().unwrap(), event(&[damaged, second]));
    }

    #[test]
    fn records_of_another_stream_are_left_out() {
        let consumer = record("orders/consumer/audit:1", "a", "2");
        let whole = event(&[record("orders", "a", "1"), record("audit", "a", "1"), consumer.clone()]);
        let mut failed = FailedEvent::parse(&whole).unwrap();
        assert_eq!(failed.leave_out_other_streams("arn:aws:kinesis:us-east-2:123456789012:stream/orders"), 1);
        assert_eq!(failed.to_json().unwrap(), event(&[record("orders", "a", "1"), consumer]));
    }

    #[test]
    fn what_can_be_no_key_is_not_looked_for() {
        let whole = event(&[record("orders", "", "1"), record("orders", "a", ""), record("orders", &"k".repeat(2_049), "1")]);
        let failed = FailedEvent::parse(&whole).unwrap();
        assert_eq!((failed.len(), failed.keys()), (3, vec![]));
    }
}
