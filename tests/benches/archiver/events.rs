//! The events of a scenario: one prepared body for each, in which only the growing numbers are rewritten. Not measured, because
//! creating a batch is not the archiver's work.

use axum::body::Bytes;
use end_to_end::event::ReadRecord;
use memchr::memmem;
use serde_json::{Value, json};

/// The stream of every event.
pub(crate) const STREAM: &str = "orders";
const STREAM_ARN: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/orders";
const SHARD: &str = "shardId-000000000006";
/// Start of every sequence number; the batch's own digits make it 56 long.
const NUMBER_PREFIX: &str = "4959033827149025660855969253836157109592157";
const COUNTED_DIGITS: usize = 13;
const KEY_PREFIX: &str = "cust-";
const KEY_DIGITS: usize = 9;
/// Keys for all records of a batch.
const HOT_KEYS: usize = 10;
/// 2018-12-17, as in the fixtures.
const ARRIVAL_SECONDS: u32 = 1_545_084_650;

/// The partition keys in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// One for each record, the same in every batch.
    Distinct,
    /// Ten in total.
    Hot,
    /// One for each record, new in every batch.
    New,
}

/// The content of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventShape {
    /// Its records.
    pub(crate) records: usize,
    /// The size of each payload, before base64.
    pub(crate) payload_bytes: usize,
    /// Their keys.
    pub(crate) keys: Keys,
}

/// Creates a scenario's events, one after the other.
#[derive(Debug)]
pub(crate) struct Events {
    shape: EventShape,
    template: Vec<u8>,
    /// The positions of each record's growing digits: in `sequenceNumber` and in `eventID`.
    numbers: Vec<usize>,
    /// The positions of the digits in each record's key.
    keys: Vec<usize>,
    delivered: usize,
}

impl Events {
    /// Creates the body once.
    pub(crate) fn new(shape: EventShape) -> Self {
        let records: Vec<Value> = records(shape).map(|record| record.to_event_record(STREAM_ARN)).collect();
        let template = json!({ "Records": records }).to_string().into_bytes();
        let ends_of = |needle: &str| -> Vec<usize> {
            memmem::find_iter(&template, needle.as_bytes()).map(|start| start + needle.len()).collect()
        };
        let numbers = ends_of(NUMBER_PREFIX);
        let keys = ends_of(&format!("\"{KEY_PREFIX}"));
        assert_eq!((numbers.len(), keys.len()), (2 * shape.records, shape.records), "every record has its numbers and its key");
        Self { shape, template, numbers, keys, delivered: 0 }
    }

    /// The next event; its sequence numbers exceed all earlier ones.
    pub(crate) fn next(&mut self) -> Bytes {
        let mut event = self.template.clone();
        for (place, start) in self.numbers.iter().enumerate() {
            write_digits(&mut event[*start..start + COUNTED_DIGITS], self.delivered + place / 2);
        }
        if self.shape.keys == Keys::New {
            for (index, start) in self.keys.iter().enumerate() {
                write_digits(&mut event[*start..start + KEY_DIGITS], self.delivered + index);
            }
        }
        self.delivered += self.shape.records;
        Bytes::from(event)
    }
}

/// The records of a first batch.
pub(crate) fn records(shape: EventShape) -> impl Iterator<Item = ReadRecord> {
    let mut random = fastrand::Rng::with_seed(1);
    (0..shape.records).map(move |index| {
        let key = if shape.keys == Keys::Hot { index % HOT_KEYS } else { index };
        let mut payload = vec![0; shape.payload_bytes];
        random.fill(&mut payload);
        let milliseconds = random.u32(..1_000);
        ReadRecord {
            shard_id: SHARD.to_owned(),
            partition_key: format!("{KEY_PREFIX}{key:0KEY_DIGITS$}"),
            sequence_number: format!("{NUMBER_PREFIX}{index:0COUNTED_DIGITS$}"),
            payload,
            arrival: f64::from(ARRIVAL_SECONDS) + f64::from(milliseconds) / 1_000.0,
        }
    })
}

fn write_digits(place: &mut [u8], number: usize) {
    let mut rest = number;
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).expect("one digit");
        rest /= 10;
    }
}
