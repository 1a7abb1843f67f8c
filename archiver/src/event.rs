//! The event that Lambda's Kinesis event source delivers, read by us: record by record, so that one which cannot be read fails
//! alone; the payload as its base64 text and the arrival time with every digit. The ready-made event type does neither.

use crate::record::{ArchivedRecord, ArrivalTime, PartitionKey, ShardId};
use crate::sequence::SequenceNumber;
use crate::stream::StreamArn;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// A batch as it was delivered: the records that could be read, by stream, and those that could not.
#[derive(Debug, Default)]
pub struct Batch {
    /// Readable records, those of one stream together in the order of delivery. An event source mapping delivers one stream.
    pub streams: Vec<(StreamArn, Vec<ArchivedRecord>)>,
    /// What could not be read.
    pub unreadable: Vec<UnreadableRecord>,
}

/// A record that cannot be archived because its event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {} cannot be read: {reason}", sequence_number.as_deref().unwrap_or("without a sequence number"))]
pub struct UnreadableRecord {
    /// Its sequence number, if at least that is there.
    pub sequence_number: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

/// The event is not one of Kinesis.
#[derive(Debug, thiserror::Error)]
#[error("the event is not one of a Kinesis event source: {source}; invoke the function by an event source mapping of a stream")]
pub struct InvalidEvent {
    #[from]
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct RawEvent<'e> {
    #[serde(borrow, rename = "Records")]
    records: Vec<&'e RawValue>,
}

#[derive(Deserialize)]
struct RawRecord<'e> {
    #[serde(borrow)]
    kinesis: RawKinesis<'e>,
    #[serde(borrow, rename = "eventID")]
    event_id: Cow<'e, str>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Cow<'e, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawKinesis<'e> {
    #[serde(borrow)]
    partition_key: Cow<'e, str>,
    #[serde(borrow)]
    sequence_number: Cow<'e, str>,
    #[serde(borrow)]
    data: Cow<'e, str>,
    #[serde(borrow)]
    approximate_arrival_timestamp: &'e RawValue,
}

#[derive(Deserialize)]
struct RecordWithNumber {
    kinesis: KinesisWithNumber,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KinesisWithNumber {
    sequence_number: String,
}

impl Batch {
    /// Reads an event.
    ///
    /// # Errors
    /// When it is no JSON object with a list of `Records`. A record that cannot be read is no error but `unreadable`.
    pub fn parse(event: &str) -> Result<Self, InvalidEvent> {
        let event: RawEvent<'_> = serde_json::from_str(event)?;
        let mut batch = Self::default();
        let mut payload = Vec::new();
        for raw in event.records {
            match read_record(raw, &mut payload) {
                Ok((stream, record)) => batch.push(stream, record),
                Err(reason) => batch.unreadable.push(UnreadableRecord { sequence_number: sequence_number_of(raw), reason }),
            }
        }
        Ok(batch)
    }

    /// Records, readable or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.unreadable.len() + self.streams.iter().map(|(_, records)| records.len()).sum::<usize>()
    }

    /// Whether the event had no record at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, stream: Cow<'_, str>, record: ArchivedRecord) {
        if let Some((_, records)) = self.streams.iter_mut().find(|(known, _)| known.as_str() == stream) {
            records.push(record);
            return;
        }
        match StreamArn::parse(stream) {
            Ok(arn) => self.streams.push((arn, vec![record])),
            Err(error) => self
                .unreadable
                .push(UnreadableRecord { sequence_number: Some(record.sequence_number.to_string()), reason: error.to_string() }),
        }
    }
}

/// `payload` is room to decode into, kept from record to record.
fn read_record<'e>(raw: &'e RawValue, payload: &mut Vec<u8>) -> Result<(Cow<'e, str>, ArchivedRecord), String> {
    let record: RawRecord<'e> = serde_json::from_str(raw.get()).map_err(|error| error.to_string())?;
    let kinesis = record.kinesis;
    payload.clear();
    STANDARD.decode_vec(kinesis.data.as_bytes(), payload).map_err(|error| format!("data is not base64: {error}"))?;
    if kinesis.partition_key.is_empty() {
        return Err("partitionKey is empty".to_owned());
    }
    let shard_id = record.event_id.split(':').next().unwrap_or_default();
    if shard_id.is_empty() {
        return Err(format!("eventID \"{}\" does not begin with a shard", record.event_id));
    }
    let archived = ArchivedRecord {
        shard_id: ShardId::new(shard_id),
        partition_key: PartitionKey::new(kinesis.partition_key),
        sequence_number: SequenceNumber::parse(kinesis.sequence_number).map_err(|error| error.to_string())?,
        arrival: ArrivalTime::parse(kinesis.approximate_arrival_timestamp.get()).map_err(|error| error.to_string())?,
        data: kinesis.data.into_owned(),
    };
    Ok((record.event_source_arn, archived))
}

fn sequence_number_of(raw: &RawValue) -> Option<String> {
    serde_json::from_str::<RecordWithNumber>(raw.get()).ok().map(|record| record.kinesis.sequence_number)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record_json(number: &str, data: &str, arrival: &str) -> String {
        format!(
            r#"{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":"cust-42","sequenceNumber":"{number}","data":"{data}",
            "approximateArrivalTimestamp":{arrival},"encryptionType":"SOMETHING_NEW"}},"eventSource":"aws:kinesis","eventVersion":"1.0",
            "eventID":"shardId-000000000006:{number}","eventName":"aws:kinesis:record",
            "eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/orders"}}"#
        )
    }

    fn parse(records: &[String]) -> Batch {
        Batch::parse(&format!(r#"{{"Records":[{}]}}"#, records.join(","))).unwrap()
    }

    #[test]
    fn a_record_keeps_its_text_and_its_time() {
        let batch = parse(&[record_json("17", "SGVsbG8=", "1545084650.95")]);
        let (stream, records) = &batch.streams[0];
        assert_eq!(stream.stream_name().as_str(), "orders");
        assert_eq!(records[0].data, "SGVsbG8=");
        assert_eq!(records[0].arrival.as_str(), "1545084650.95");
        assert_eq!(records[0].shard_id.as_str(), "shardId-000000000006");
    }

    #[test]
    fn one_unreadable_record_fails_alone_under_its_own_number() {
        let without_data = record_json("18", "", "1").replace(r#""data":"","#, "");
        let batch = parse(&[
            record_json("16", "SGVsbG8=", "1"),
            record_json("17", "not base64!", "1"),
            without_data,
            record_json("19", "SGVsbG8=", "\"soon\""),
            record_json("20", "", "1"),
        ]);
        let readable: Vec<&str> = batch.streams[0].1.iter().map(|record| record.sequence_number.as_str()).collect();
        assert_eq!(readable, ["16", "20"]);
        let unreadable: Vec<&str> = batch.unreadable.iter().filter_map(|record| record.sequence_number.as_deref()).collect();
        assert_eq!(unreadable, ["17", "18", "19"]);
        assert_eq!(batch.len(), 5);
    }

    #[test]
    fn what_is_no_kinesis_event_says_so() {
        let error = Batch::parse(r#"{"detail":{}}"#).unwrap_err().to_string();
        assert!(error.starts_with("the event is not one of a Kinesis event source: missing field `Records`"), "{error}");
    }
}
