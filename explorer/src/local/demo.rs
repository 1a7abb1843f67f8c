//! The demo: realistic streams that have been archived for days, with initial records and a trickle of live ones.

mod archive;
mod history;
mod records;
mod replay;
mod rhythm;
mod trickle;

pub(super) use replay::run_first;
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
use archiver::format::table::archive_table_name;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use history::{Archive, Past};
use jiff::{SignedDuration, Timestamp};
use records::{Generator, Kind};
use rhythm::Rush;
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
    kind: Kind,
    archive: Option<DemoArchive>,
    /// Number of initial records.
    first_records: usize,
}

struct DemoArchive {
    mode: ArchiveMode,
    ttl_seconds: Option<u64>,
    past: Past,
}

/// Seconds between two initial records.
const SECONDS_APART: i64 = 2;

const STREAMS: [DemoStream; 8] = [
    DemoStream {
        name: "orders",
        shards: 4,
        kind: Kind::Order,
        archive: Some(DemoArchive {
            mode: ArchiveMode::All,
            ttl_seconds: None,
            past: Past {
                rush: Some(Rush { hours_ago: 50, minutes: 40, records: 120 }),
                has_damage: true,
                ..Past::new(7 * 24, 1_100)
            },
        }),
        first_records: 40,
    },
    DemoStream {
        name: "device-status",
        shards: 2,
        kind: Kind::DeviceStatus,
        archive: Some(DemoArchive::new(ArchiveMode::Latest, Some(86_400), Past::new(23, 160))),
        first_records: 10,
    },
    DemoStream {
        name: "app-logs",
        shards: 1,
        kind: Kind::Logs,
        archive: Some(DemoArchive::new(ArchiveMode::All, Some(604_800), Past::new(167, 400))),
        first_records: 20,
    },
    DemoStream {
        name: "telemetry",
        shards: 2,
        kind: Kind::Telemetry,
        archive: Some(DemoArchive::new(ArchiveMode::All, None, Past::new(48, 400))),
        first_records: 40,
    },
    DemoStream {
        name: "prices",
        shards: 1,
        kind: Kind::Price,
        archive: Some(DemoArchive::new(ArchiveMode::All, None, Past::new(5 * 24, 160))),
        first_records: 0,
    },
    DemoStream {
        name: "partner-events",
        shards: 1,
        kind: Kind::Partner,
        archive: Some(DemoArchive::new(ArchiveMode::All, Some(259_200), Past::new(71, 150))),
        first_records: 0,
    },
    DemoStream { name: "clickstream", shards: 2, kind: Kind::Click, archive: None, first_records: 450 },
    DemoStream { name: "orders-replay", shards: 2, kind: Kind::Order, archive: None, first_records: 0 },
];

/// An archive that outlived its stream, which was deleted three days ago.
const WITHOUT_STREAM: (&str, i32, Kind, DemoArchive) =
    ("web-sessions", 2, Kind::Click, DemoArchive::new(ArchiveMode::All, None, Past::until(72, 4 * 24, 250)));

impl DemoArchive {
    const fn new(mode: ArchiveMode, ttl_seconds: Option<u64>, past: Past) -> Self {
        Self { mode, ttl_seconds, past }
    }

    fn settings(&self) -> ArchiveSettings {
        ArchiveSettings::new(self.mode, self.ttl_seconds.and_then(Ttl::from_seconds))
    }
}

/// Creates what is missing of the demo. Streams from the last run keep their settings. An archive with records from an earlier run
/// gets no initial records.
pub(super) async fn seed(connection: &Connection, known: &Inventory) -> Result<Vec<SeededShard>, SetupError> {
    let seeded = futures::future::try_join_all(STREAMS.iter().map(|stream| seed_stream(connection, stream, known)));
    // If it was deleted, it stays deleted.
    let (seeded, ()) =
        futures::future::try_join(seeded, async { if known.is_empty() { seed_without_stream(connection).await } else { Ok(()) } })
            .await?;
    Ok(seeded.into_iter().flatten().collect())
}

async fn seed_stream(connection: &Connection, stream: &DemoStream, known: &Inventory) -> Result<Vec<SeededShard>, SetupError> {
    let name = named(stream.name)?;
    let mut generator = Generator::new(SEED, 0);
    let mut archived = stream.archive.is_some();
    let mut has_records = false;
    if let Some(tags) = known.get(&name) {
        archived = is_archived(tags);
        has_records = archived;
    } else {
        make_stream(&connection.kinesis, &name, stream.shards).await?;
        if let Some(archive) = &stream.archive {
            // Tables first: if the stream had tags before its tables exist, the archiver would fail.
            let is_new = archive::make_tables(connection, &name, &archive.settings()).await?;
            let tags = archive.settings().to_tags().into_iter().map(|(key, value)| (key.to_owned(), value));
            tag_stream(&connection.kinesis, &name, tags).await?;
            if is_new {
                write_past(connection, &name, stream.shards, archive, (&mut generator, stream.kind)).await?;
            }
            has_records = !is_new;
        }
    }
    if has_records || stream.first_records == 0 {
        return Ok(Vec::new());
    }
    let records = first_records(&mut generator, stream.kind, stream.first_records);
    let last = put_all(&connection.kinesis, &name, records).await?;
    if !archived {
        return Ok(Vec::new());
    }
    Ok(last.into_iter().map(|(shard, last)| SeededShard { stream: name.clone(), shard, last }).collect())
}

/// Writes what an archive got before.
async fn write_past(
    connection: &Connection,
    stream: &StreamName,
    shards: i32,
    archive: &DemoArchive,
    records: (&mut Generator, Kind),
) -> Result<(), SetupError> {
    let (table, settings) = (archive_table_name(stream, archive.mode), archive.settings());
    let target = Archive { table: &table, settings: &settings, shards };
    history::write(connection, target, archive.past, records, Timestamp::now()).await
}

async fn seed_without_stream(connection: &Connection) -> Result<(), SetupError> {
    let (name, shards, kind, archive) = &WITHOUT_STREAM;
    let name = named(name)?;
    if archive::make_tables(connection, &name, &archive.settings()).await? {
        write_past(connection, &name, *shards, archive, (&mut Generator::new(SEED, 0), *kind)).await?;
    }
    Ok(())
}

fn named(name: &str) -> Result<StreamName, SetupError> {
    let refused = |message: String| AwsFailure { kind: FailureKind::Refused, message };
    StreamName::parse(name).map_err(|error| SetupError::new(format!("name stream {name}"), refused(error.to_string())))
}

/// Records with times at even intervals until now. The first order is a large one.
fn first_records(generator: &mut Generator, kind: Kind, count: usize) -> Vec<(String, Vec<u8>)> {
    let now = Timestamp::now();
    let ago = |place: usize| {
        let age = SignedDuration::from_secs(i64::try_from(place).unwrap_or_default() * SECONDS_APART);
        now.saturating_sub(age).unwrap_or(now)
    };
    let large = (kind == Kind::Order).then(|| generator.order_with_invoice(ago(count)));
    let others: Vec<_> = (0..count).rev().map(|place| generator.record(kind, ago(place))).collect();
    large.into_iter().chain(others).collect()
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
