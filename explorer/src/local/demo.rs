//! The demo: realistic streams with initial records and a trickle of live ones.

mod archive;
mod records;
mod trickle;

pub(super) use trickle::run as trickle;

use super::error::SetupError;
use super::event_source::{Inventory, is_archived};
use super::streams::{make_stream, tag_stream};
use crate::aws::connect::Connection;
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::record::ShardId;
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::{ArchiveMode, ArchiveSettings, Ttl};
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use jiff::{SignedDuration, Timestamp};
use records::{Generator, Kind};
use std::collections::HashMap;

/// Records PutRecords takes in one call. Source: Kinesis API reference, PutRecords.
const RECORDS_PER_CALL: usize = 500;
/// The same initial records on every machine.
const SEED: u64 = 20_181_217;

/// The last initial record in each shard of an archived stream.
#[derive(Clone, Debug)]
pub(super) struct SeededShard {
    pub(super) stream: StreamName,
    pub(super) shard: ShardId,
    pub(super) last: SequenceNumber,
}

struct DemoStream {
    name: &'static str,
    shards: i32,
    archive: Option<(ArchiveMode, Option<u64>)>,
    /// The kind and number of initial records, and the seconds between two of them.
    seed: Option<(Kind, usize, i64)>,
}

const STREAMS: [DemoStream; 6] = [
    DemoStream { name: "orders", shards: 4, archive: Some((ArchiveMode::All, None)), seed: Some((Kind::Order, 480, 45)) },
    DemoStream {
        name: "device-status",
        shards: 2,
        archive: Some((ArchiveMode::Latest, Some(86_400))),
        seed: Some((Kind::DeviceStatus, 400, 20)),
    },
    DemoStream { name: "app-logs", shards: 1, archive: Some((ArchiveMode::All, Some(604_800))), seed: Some((Kind::Logs, 320, 60)) },
    DemoStream { name: "telemetry", shards: 2, archive: Some((ArchiveMode::All, None)), seed: Some((Kind::Telemetry, 360, 10)) },
    DemoStream { name: "clickstream", shards: 2, archive: None, seed: Some((Kind::Click, 450, 5)) },
    DemoStream { name: "orders-replay", shards: 2, archive: None, seed: None },
];

impl DemoStream {
    fn settings(&self) -> Option<ArchiveSettings> {
        let (mode, ttl_seconds) = self.archive?;
        Some(ArchiveSettings::new(mode, ttl_seconds.and_then(Ttl::from_seconds)))
    }
}

/// Creates what is missing of the demo. Streams from the last run keep their settings. An archive with records from an earlier run
/// gets no initial records.
pub(super) async fn seed(connection: &Connection, known: &Inventory) -> Result<Vec<SeededShard>, SetupError> {
    let seeded = STREAMS.iter().map(|stream| seed_stream(connection, stream, known));
    Ok(futures::future::try_join_all(seeded).await?.into_iter().flatten().collect())
}

async fn seed_stream(connection: &Connection, stream: &DemoStream, known: &Inventory) -> Result<Vec<SeededShard>, SetupError> {
    let name = StreamName::parse(stream.name).map_err(|error| {
        SetupError::new(
            format!("name stream {}", stream.name),
            AwsFailure { kind: FailureKind::Refused, message: error.to_string() },
        )
    })?;
    let settings = stream.settings();
    let mut archived = settings.is_some();
    let mut has_records = false;
    if let Some(tags) = known.get(&name) {
        archived = is_archived(tags);
        has_records = archived;
    } else {
        make_stream(&connection.kinesis, &name, stream.shards).await?;
        if let Some(settings) = &settings {
            // Tables first: if the stream had tags before its tables exist, the archiver would fail.
            has_records = !archive::make_tables(connection, &name, settings).await?;
            let tags = settings.to_tags().into_iter().map(|(key, value)| (key.to_owned(), value));
            tag_stream(&connection.kinesis, &name, tags).await?;
        }
    }
    let Some((kind, count, seconds_apart)) = stream.seed.filter(|_| !has_records) else {
        return Ok(Vec::new());
    };
    let records = first_records(kind, count, seconds_apart);
    let last = put_all(&connection.kinesis, &name, records).await?;
    if !archived {
        return Ok(Vec::new());
    }
    Ok(last.into_iter().map(|(shard, last)| SeededShard { stream: name.clone(), shard, last }).collect())
}

/// Records with times at even intervals until now.
fn first_records(kind: Kind, count: usize, seconds_apart: i64) -> Vec<(String, Vec<u8>)> {
    let mut generator = Generator::new(SEED, 0);
    let now = Timestamp::now();
    (0..count)
        .rev()
        .map(|place| {
            let age = SignedDuration::from_secs(i64::try_from(place).unwrap_or_default() * seconds_apart);
            generator.record(kind, now.saturating_sub(age).unwrap_or(now))
        })
        .collect()
}

/// Puts the records in order and returns the last sequence number of every shard.
async fn put_all(
    client: &Client,
    stream: &StreamName,
    records: Vec<(String, Vec<u8>)>,
) -> Result<HashMap<ShardId, SequenceNumber>, SetupError> {
    let failed = |failure| SetupError::new(format!("put the initial records into stream {stream}"), failure);
    let refused = |message: String| failed(AwsFailure { kind: FailureKind::Refused, message });
    let mut last = HashMap::new();
    for chunk in records.chunks(RECORDS_PER_CALL) {
        let entries = chunk
            .iter()
            .map(|(key, data)| PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data.as_slice())).build());
        let entries = entries.collect::<Result<Vec<_>, _>>().map_err(|error| refused(error.to_string()))?;
        let request = client.put_records().stream_name(stream.as_str()).set_records(Some(entries));
        let output = request.send().await.map_err(|error| failed(error.into()))?;
        for result in output.records {
            let (shard, number) = place_of(result).map_err(refused)?;
            last.insert(shard, number);
        }
    }
    Ok(last)
}

fn place_of(result: PutRecordsResultEntry) -> Result<(ShardId, SequenceNumber), String> {
    match (result.shard_id, result.sequence_number) {
        (Some(shard), Some(number)) => Ok((ShardId::new(shard), SequenceNumber::parse(number).map_err(|error| error.to_string())?)),
        _ => Err(result.error_message.unwrap_or_else(|| "a record was not taken".to_owned())),
    }
}
