//! The events that Lambda's event source mapping creates from a stream's records.

use crate::stream::TestStream;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A record from GetRecords, and the shard that it was read from.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRecord {
    /// The shard.
    pub shard_id: String,
    /// As put.
    pub partition_key: String,
    /// As given by Kinesis.
    pub sequence_number: String,
    /// As put.
    pub payload: Vec<u8>,
    /// Epoch seconds with a fraction.
    pub arrival: f64,
}

impl ReadRecord {
    /// A record of the only shard, with any number and size, for an event that no emulator would create.
    #[must_use]
    pub fn new(partition_key: &str, sequence_number: &str, payload: &[u8]) -> Self {
        Self {
            shard_id: "shardId-000000000000".to_owned(),
            partition_key: partition_key.to_owned(),
            sequence_number: sequence_number.to_owned(),
            payload: payload.to_vec(),
            arrival: 1_545_084_650.987,
        }
    }

    /// The payload as in an event and an item.
    #[must_use]
    pub fn data(&self) -> String {
        STANDARD.encode(&self.payload)
    }

    /// The record inside an event. Source: Lambda developer guide, using Lambda with Kinesis.
    #[must_use]
    pub fn to_event_record(&self, stream_arn: &str) -> Value {
        json!({
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": self.partition_key,
                "sequenceNumber": self.sequence_number,
                "data": self.data(),
                "approximateArrivalTimestamp": self.arrival,
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": format!("{}:{}", self.shard_id, self.sequence_number),
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": "arn:aws:iam::123456789012:role/archiver",
            "awsRegion": crate::endpoints::REGION,
            "eventSourceARN": stream_arn,
        })
    }
}

/// An incompressible payload; the same seed gives the same one.
#[must_use]
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut payload = vec![0; bytes];
    fastrand::Rng::with_seed(seed).fill(&mut payload);
    payload
}

/// An event of these records.
#[must_use]
pub fn event_of(stream: &TestStream, records: &[ReadRecord]) -> String {
    let records: Vec<Value> = records.iter().map(|record| record.to_event_record(&stream.arn)).collect();
    json!({ "Records": records }).to_string()
}

/// An event from a file, written for stream `orders`, as if it came from this test's stream.
///
/// # Panics
/// When there is no such file.
#[must_use]
pub fn fixture(name: &str, stream: &TestStream) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let event = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    event.replace("stream/orders", &format!("stream/{}", stream.name))
}
