//! Reads the event that Lambda's Kinesis event source delivers. It reads record by record, so that a damaged record fails alone,
//! and it keeps the payload's base64 text and every digit of the arrival time. The event type of the `aws_lambda_events` crate does
//! neither.

use crate::format::payload::Data;
use crate::format::record::{ArchivedRecord, ArrivalTime, InvalidArrivalTime};
use crate::format::sequence::SequenceNumber;
use crate::format::stream::StreamArn;
use base64_simd::STANDARD;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A batch. An event source mapping delivers records of one stream.
#[derive(Debug, Default)]
pub struct Batch<'e> {
    pub streams: Vec<StreamBatch<'e>>,
    /// Records that do not name their stream.
    pub unreadable: Vec<UnreadableRecord>,
    /// Capacity to reserve for the records of a stream, so that the list is not copied each time it grows.
    records_at_most: usize,
}

/// The records of one stream, in the order of delivery.
#[derive(Debug)]
pub struct StreamBatch<'e> {
    /// The stream, or its fan-out consumer.
    pub stream: StreamArn,
    pub records: Vec<ArchivedRecord<'e>>,
    pub unreadable: Vec<UnreadableRecord>,
}

/// A record of an event that cannot be read, and so cannot be archived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {} cannot be read: {reason}", sequence_number.as_deref().unwrap_or("without a sequence number"))]
pub struct UnreadableRecord {
    /// `None` if even that is missing.
    pub sequence_number: Option<String>,
    pub reason: String,
}

/// The event does not come from Kinesis.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    /// It is not JSON, or the event of another source.
    #[error("the event does not come from a Kinesis stream: {0}; invoke the function through an event source mapping")]
    Json(#[from] serde_json::Error),
    /// It is not UTF-8.
    #[error("the event does not come from a Kinesis stream: {0}; invoke the function through an event source mapping")]
    Text(#[from] std::str::Utf8Error),
}

/// About the size of a record in an event, with an empty payload and the shortest names.
const SMALLEST_RECORD_BYTES: usize = 400;

#[derive(Deserialize)]
struct RawEvent<R> {
    #[serde(rename = "Records")]
    records: Vec<R>,
}

/// Reads an event into a batch. Stops at the first record that cannot be read.
struct WholeEvent<'b, 'e>(&'b mut Batch<'e>);

/// Reads the list of records.
struct WholeRecords<'b, 'e>(&'b mut Batch<'e>);

impl<'e> Visitor<'e> for WholeEvent<'_, 'e> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event")
    }

    fn visit_map<M: MapAccess<'e>>(self, mut map: M) -> Result<(), M::Error> {
        let mut has_records = false;
        while let Some(name) = map.next_key::<Cow<'e, str>>()? {
            if name == "Records" {
                map.next_value_seed(WholeRecords(self.0))?;
                has_records = true;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_records { Ok(()) } else { Err(serde::de::Error::missing_field("Records")) }
    }
}

impl<'e> DeserializeSeed<'e> for WholeRecords<'_, 'e> {
    type Value = ();

    fn deserialize<D: Deserializer<'e>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'e> Visitor<'e> for WholeRecords<'_, 'e> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of records")
    }

    fn visit_seq<S: SeqAccess<'e>>(self, mut records: S) -> Result<(), S::Error> {
        while let Some(record) = records.next_element::<RawRecord<'e>>()? {
            let (number, arn) = (record.kinesis.sequence_number.clone(), record.event_source_arn.clone());
            match read_record(record) {
                Ok(record) => self.0.push(&arn, record),
                Err(reason) => self.0.push_unreadable(Some(&arn), Some(number.into_owned()), reason),
            }
        }
        Ok(())
    }
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

/// A record that cannot be read. Each field is read alone, whatever its type.
#[derive(Deserialize)]
struct DamagedRecord<'e> {
    #[serde(borrow)]
    kinesis: Option<&'e RawValue>,
    #[serde(borrow, rename = "eventSourceARN")]
    event_source_arn: Option<&'e RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DamagedKinesis<'e> {
    #[serde(borrow)]
    sequence_number: Option<&'e RawValue>,
}

impl<'e> Batch<'e> {
    /// Reads an event.
    ///
    /// # Errors
    /// When it is not a JSON object with a list of `Records`. A record that cannot be read is not an error; it is in `unreadable`.
    pub fn parse(event: &'e str) -> Result<Self, InvalidEvent> {
        // Nearly every event can be read in this one pass.
        let mut batch = Self { records_at_most: event.len() / SMALLEST_RECORD_BYTES + 1, ..Self::default() };
        let mut whole = serde_json::Deserializer::from_str(event);
        if whole.deserialize_map(WholeEvent(&mut batch)).and_then(|()| whole.end()).is_ok() {
            return Ok(batch);
        }
        let mut batch = Self::default();
        let event: RawEvent<&'e RawValue> = serde_json::from_str(event)?;
        for raw in event.records {
            let arn = serde_json::from_str::<RawRecord<'e>>(raw.get()).map(|record| (record.event_source_arn.clone(), record));
            let read = arn.map_err(|error| error.to_string()).and_then(|(arn, record)| Ok((arn, read_record(record)?)));
            match read {
                Ok((arn, record)) => batch.push(&arn, record),
                Err(reason) => {
                    let (number, arn) = parts_of_damaged(raw);
                    batch.push_unreadable(arn.as_deref(), number, reason);
                }
            }
        }
        Ok(batch)
    }

    fn push(&mut self, arn: &str, record: ArchivedRecord<'e>) {
        match self.of_stream(arn) {
            Ok(stream) => stream.records.push(record),
            Err(reason) => {
                let sequence_number = Some(record.sequence_number.to_string());
                self.unreadable.push(UnreadableRecord { sequence_number, reason });
            }
        }
    }

    fn push_unreadable(&mut self, arn: Option<&str>, sequence_number: Option<String>, reason: String) {
        // Lambda fails the whole batch, without saying why, when a reported number is empty.
        let sequence_number = sequence_number.filter(|number| !number.is_empty());
        let record = UnreadableRecord { sequence_number, reason };
        match arn.and_then(|arn| self.of_stream(arn).ok()) {
            Some(stream) => stream.unreadable.push(record),
            None => self.unreadable.push(record),
        }
    }

    fn of_stream(&mut self, arn: &str) -> Result<&mut StreamBatch<'e>, String> {
        let place = match self.streams.iter().position(|known| known.stream.as_str() == arn) {
            Some(place) => place,
            None => {
                let stream = StreamArn::parse(arn).map_err(|error| error.to_string())?;
                // Only the first stream gets the reserved capacity: an event has the records of one stream.
                let records = Vec::with_capacity(std::mem::take(&mut self.records_at_most));
                self.streams.push(StreamBatch { stream, records, unreadable: Vec::new() });
                self.streams.len() - 1
            }
        };
        Ok(&mut self.streams[place])
    }
}

fn read_record(record: RawRecord<'_>) -> Result<ArchivedRecord<'_>, String> {
    let kinesis = record.kinesis;
    STANDARD.check(kinesis.data.as_bytes()).map_err(|_| "data is not base64".to_owned())?;
    if kinesis.partition_key.is_empty() {
        return Err("partitionKey is empty".to_owned());
    }
    let shard_id = match record.event_id {
        Cow::Borrowed(id) => Cow::Borrowed(shard_of(id)),
        Cow::Owned(id) => Cow::Owned(shard_of(&id).to_owned()),
    };
    if shard_id.is_empty() {
        return Err("eventID does not begin with a shard".to_owned());
    }
    Ok(ArchivedRecord {
        shard_id,
        partition_key: kinesis.partition_key,
        sequence_number: SequenceNumber::parse(kinesis.sequence_number).map_err(|error| error.to_string())?,
        sub_sequence_number: None,
        arrival: arrival_of(kinesis.approximate_arrival_timestamp).map_err(|error| error.to_string())?,
        data: Data::Text(kinesis.data),
    })
}

/// A number. Some emulators write it in quotes.
fn arrival_of(time: &RawValue) -> Result<ArrivalTime, InvalidArrivalTime> {
    let text = time.get();
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    ArrivalTime::parse(quoted.unwrap_or(text))
}

fn shard_of(event_id: &str) -> &str {
    event_id.split(':').next().unwrap_or_default()
}

/// The sequence number and the stream's ARN, if they can be found.
fn parts_of_damaged(raw: &RawValue) -> (Option<String>, Option<String>) {
    let Ok(record) = serde_json::from_str::<DamagedRecord<'_>>(raw.get()) else {
        return (None, None);
    };
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).ok();
    let kinesis = record.kinesis.and_then(|kinesis| serde_json::from_str::<DamagedKinesis<'_>>(kinesis.get()).ok());
    let number = kinesis.and_then(|kinesis| kinesis.sequence_number).and_then(text);
    (number, record.event_source_arn.and_then(text))
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

    fn event(records: &[String]) -> String {
        format!(r#"{{"Records":[{}]}}"#, records.join(","))
    }

    fn numbers<'b>(batch: &'b Batch<'_>) -> (Vec<&'b str>, Vec<Option<&'b str>>) {
        let stream = &batch.streams[0];
        let readable = stream.records.iter().map(|record| record.sequence_number.as_str()).collect();
        (readable, stream.unreadable.iter().map(|record| record.sequence_number.as_deref()).collect())
    }

    #[test]
    fn a_record_keeps_its_text_and_its_time() {
        let event = event(&[record_json("17", "SGVsbG8=", "1545084650.95")]);
        let batch = Batch::parse(&event).unwrap();
        let StreamBatch { stream, records, .. } = &batch.streams[0];
        assert_eq!(stream.stream_name().as_str(), "orders");
        assert_eq!(records[0].data, Data::Text("SGVsbG8=".into()));
        assert_eq!(records[0].arrival.as_str(), "1545084650.95");
        assert_eq!(records[0].shard_id, "shardId-000000000006");
    }

    #[test]
    fn one_unreadable_record_fails_alone_under_its_own_number() {
        let without_data = record_json("18", "", "1").replace(r#""data":"","#, "");
        let event = event(&[
            record_json("16", "SGVsbG8=", "1"),
            record_json("17", "not base64!", "1"),
            without_data,
            record_json("19", "SGVsbG8=", "\"soon\""),
            record_json("20", "", "1"),
            record_json("21", "SGVsbG8", "1"),
        ]);
        let batch = Batch::parse(&event).unwrap();
        assert_eq!(numbers(&batch), (vec!["16", "20"], vec![Some("17"), Some("18"), Some("19"), Some("21")]));
        assert_eq!(batch.unreadable, []);
    }

    #[test]
    fn numbers_of_emulators_are_taken_as_they_are() {
        let times = ["1668000000000.0", "1668000000000000", "-1", "1e999", "\"1545084650.987\"", "1.545084650987E9"];
        let records: Vec<String> = times.iter().map(|time| record_json("007", "SGVsbG8=", time)).collect();
        let event = event(&records);
        let batch = Batch::parse(&event).unwrap();
        let StreamBatch { records, unreadable, .. } = &batch.streams[0];
        let kept: Vec<&str> = records.iter().map(|record| record.arrival.as_str()).collect();
        assert_eq!(kept, ["1668000000000", "1668000000000000", "-1", "1e999", "1545084650.987", "1545084650.987"]);
        assert_eq!((records[0].sequence_number.as_str(), unreadable.len()), ("007", 0));
        for number in ["", "12a", "-1"] {
            let event = self::event(&[record_json(number, "SGVsbG8=", "1"), record_json("8", "", "1")]);
            let batch = Batch::parse(&event).unwrap();
            assert_eq!((batch.streams[0].records.len(), batch.streams[0].unreadable.len()), (1, 1), "{number:?}");
        }
    }

    #[test]
    fn of_a_damaged_record_what_is_there_is_told() {
        let good = record_json("16", "SGVsbG8=", "1");
        let event = event(&[
            good.replace(r#""sequenceNumber":"16""#, r#""sequenceNumber":16"#),
            good.replace(r#""kinesis":{"#, r#""kinesis":"none","was":{"#),
            good.replace(r#""eventSourceARN""#, r#""eventSource2""#),
            good.replace("stream/orders", "stream/"),
            "17".to_owned(),
            good.replace(r#""cust-42""#, r#""""#),
        ]);
        let batch = Batch::parse(&event).unwrap();
        assert_eq!(numbers(&batch), (vec![], vec![None, None, Some("16")]));
        let without_stream: Vec<Option<&str>> = batch.unreadable.iter().map(|record| record.sequence_number.as_deref()).collect();
        assert_eq!(without_stream, [Some("16"), Some("16"), None]);
    }

    #[test]
    fn texts_with_escapes_are_read() {
        let json = record_json("16", "SGVs\\/G8=", "1")
            .replace("cust-42", r#"\u00fc \"\n"#)
            .replace("eventID\":\"s", "eventID\":\"\\u0073");
        let event = event(&[json]);
        let batch = Batch::parse(&event).unwrap();
        let record = &batch.streams[0].records[0];
        assert_eq!((record.partition_key.as_ref(), record.shard_id.as_ref()), ("ü \"\n", "shardId-000000000006"));
        assert_eq!(record.data, Data::Text("SGVs/G8=".into()));
    }

    #[test]
    fn what_is_no_kinesis_event_says_so() {
        let error = Batch::parse(r#"{"detail":{}}"#).unwrap_err().to_string();
        assert!(error.starts_with("the event does not come from a Kinesis stream: missing field `Records`"), "{error}");
    }
}
