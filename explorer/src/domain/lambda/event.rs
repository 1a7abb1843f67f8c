//! Records on their way to the function, and the event that carries them, written as Lambda writes it.

use archiver::format::record::ShardId;
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamArn;
use serde::Serialize;

/// Who invokes the function, in every record of an event.
const INVOKE_IDENTITY: &str = "arn:aws:iam::000000000000:role/local-event-source";
/// Bytes of a record's JSON beside its key and its data, taken generously.
const RECORD_OVERHEAD_BYTES: usize = 700;

/// A record as it was read from a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamRecord {
    pub(crate) partition_key: String,
    pub(crate) sequence_number: SequenceNumber,
    /// The payload in base64.
    pub(crate) data: String,
    pub(crate) arrival_milliseconds: i64,
}

/// Where records were read.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) stream: StreamArn,
    pub(crate) shard: ShardId,
}

#[derive(Serialize)]
struct Event<'e> {
    #[serde(rename = "Records")]
    records: Vec<EventRecord<'e>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventRecord<'e> {
    kinesis: KinesisPart<'e>,
    event_source: &'static str,
    event_version: &'static str,
    #[serde(rename = "eventID")]
    event_id: String,
    event_name: &'static str,
    invoke_identity_arn: &'static str,
    aws_region: &'e str,
    #[serde(rename = "eventSourceARN")]
    event_source_arn: &'e str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KinesisPart<'e> {
    kinesis_schema_version: &'static str,
    partition_key: &'e str,
    sequence_number: &'e str,
    data: &'e str,
    approximate_arrival_timestamp: f64,
}

impl StreamRecord {
    /// Room the record takes in an event, at most.
    pub(crate) fn event_bytes(&self) -> usize {
        self.data.len() + self.partition_key.len() + RECORD_OVERHEAD_BYTES
    }
}

/// The event of a batch.
pub(crate) fn event_of(source: &Source, records: &[StreamRecord]) -> Result<String, serde_json::Error> {
    let arn = source.stream.as_str();
    let aws_region = arn.split(':').nth(3).unwrap_or_default();
    let records = records
        .iter()
        .map(|record| EventRecord {
            kinesis: KinesisPart {
                kinesis_schema_version: "1.0",
                partition_key: &record.partition_key,
                sequence_number: record.sequence_number.as_str(),
                data: &record.data,
                approximate_arrival_timestamp: seconds(record.arrival_milliseconds),
            },
            event_source: "aws:kinesis",
            event_version: "1.0",
            event_id: format!("{}:{}", source.shard, record.sequence_number),
            event_name: "aws:kinesis:record",
            invoke_identity_arn: INVOKE_IDENTITY,
            aws_region,
            event_source_arn: arn,
        })
        .collect();
    serde_json::to_string(&Event { records })
}

/// A double holds milliseconds of this age exactly, and one division keeps the shortest text of the quotient right.
#[allow(clippy::cast_precision_loss)]
fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::payload::Data;
    use archiver::function::event::Batch;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    fn source() -> Source {
        let stream = StreamArn::parse("arn:aws:kinesis:us-east-1:000000000000:stream/orders").unwrap();
        Source { stream, shard: ShardId::new("shardId-000000000003") }
    }

    #[test]
    fn the_event_is_written_as_lambda_writes_it() {
        let record = StreamRecord {
            partition_key: "cust-42".to_owned(),
            sequence_number: SequenceNumber::parse("17").unwrap(),
            data: "SGVsbG8=".to_owned(),
            arrival_milliseconds: 1_545_084_650_987,
        };
        assert_eq!(
            event_of(&source(), &[record]).unwrap(),
            concat!(
                r#"{"Records":[{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"cust-42","sequenceNumber":"17","#,
                r#""data":"SGVsbG8=","approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0","#,
                r#""eventID":"shardId-000000000003:17","eventName":"aws:kinesis:record","#,
                r#""invokeIdentityArn":"arn:aws:iam::000000000000:role/local-event-source","awsRegion":"us-east-1","#,
                r#""eventSourceARN":"arn:aws:kinesis:us-east-1:000000000000:stream/orders"}]}"#
            )
        );
    }

    #[test]
    fn the_archiver_reads_every_record_of_the_event() {
        let records: Vec<StreamRecord> = (1..=3)
            .map(|number| StreamRecord {
                partition_key: "a \"quoted\" key\n".to_owned(),
                sequence_number: SequenceNumber::parse(number.to_string()).unwrap(),
                data: STANDARD.encode((0..=255).collect::<Vec<u8>>()),
                arrival_milliseconds: 1_545_084_650_000 + number,
            })
            .collect();
        let event = event_of(&source(), &records).unwrap();
        let batch = Batch::parse(&event).unwrap();
        let stream = &batch.streams[0];
        assert!(batch.unreadable.is_empty() && stream.unreadable.is_empty(), "{batch:?}");
        assert_eq!(stream.records.len(), records.len());
        for (read, written) in stream.records.iter().zip(&records) {
            assert_eq!(read.partition_key, written.partition_key);
            assert_eq!(read.data, Data::Text(written.data.as_str().into()));
            assert_eq!(read.arrival.milliseconds(), Some(written.arrival_milliseconds));
        }
    }
}
