//! Following streams and archives of the emulators.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::following::FollowFrom;
use crate::local::emulators::Emulators;
use archiver::format::item::{Attributes, Item, Stamp};
use archiver::format::payload::{Data, Packer};
use archiver::format::record::ArchivedRecord;
use archiver::format::settings::{ArchiveMode, Compression};
use archiver::format::stream::StreamName;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::StreamStatus;
use std::collections::BTreeSet;
use std::ops::Range;
use tokio::task::JoinHandle;

/// More than anything needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

struct Tail {
    batches: mpsc::Receiver<FollowBatch>,
    stop: watch::Sender<bool>,
    task: JoinHandle<FollowEnding>,
    records: Vec<Record>,
    last: FollowBatch,
}

impl Tail {
    /// Starts following; returns once new records are not missed.
    async fn begin(connection: &Connection, followed: Followed, from: FollowFrom) -> Self {
        let order = FollowOrder {
            stream: StreamName::parse("orders").unwrap(),
            followed,
            filter: RecordFilter::default(),
            recipe: Recipe::default(),
            from,
        };
        let (sender, batches) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let connection = connection.clone();
        let task = tokio::spawn(async move { follow(&connection, &order, sender, stopped).await });
        let mut tail = Self { batches, stop, task, records: Vec::new(), last: FollowBatch::default() };
        tail.until(|_| true).await;
        assert_eq!(tail.last, FollowBatch::default());
        tail
    }

    /// Takes at least one batch, and more until the condition holds.
    async fn until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let take = async {
            loop {
                let mut batch = self.batches.recv().await.unwrap();
                self.records.append(&mut batch.records);
                self.last = batch;
                if is_so(self) {
                    return;
                }
            }
        };
        let taken = tokio::time::timeout(PATIENCE, take).await;
        assert!(taken.is_ok(), "timed out: {} records, then {:?}", self.records.len(), self.last);
    }

    fn numbers(&self) -> Vec<u32> {
        let payload = |record: &Record| String::from_utf8(record.payload().unwrap().unwrap()).unwrap();
        self.records.iter().map(|record| payload(record).parse().unwrap()).collect()
    }

    async fn end(self) -> FollowEnding {
        self.stop.send_replace(true);
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }
}

pub(crate) async fn with_stream(shards: i32) -> (Emulators, Connection) {
    let emulators = Emulators::in_memory().await.unwrap();
    let connection = emulators.endpoints.connect();
    connection.kinesis.create_stream().stream_name("orders").shard_count(shards).send().await.unwrap();
    until_active(&connection).await;
    (emulators, connection)
}

async fn until_active(connection: &Connection) {
    let active = async {
        loop {
            let summary = connection.kinesis.describe_stream_summary().stream_name("orders").send().await.unwrap();
            if summary.stream_description_summary.unwrap().stream_status == StreamStatus::Active {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, active).await.unwrap();
}

pub(crate) async fn put(connection: &Connection, numbers: Range<u32>) {
    for number in numbers {
        let call = connection.kinesis.put_record().stream_name("orders").partition_key(format!("cust-{}", number % 17));
        call.data(Blob::new(number.to_string())).send().await.unwrap();
    }
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn a_stream_is_followed_from_now_on_through_a_split_and_a_merge() {
    let (_emulators, connection) = with_stream(2).await;
    put(&connection, 0..20).await;
    let mut tail = Tail::begin(&connection, Followed::Stream, FollowFrom::Now).await;
    put(&connection, 20..60).await;
    let half = (u128::MAX / 4).to_string();
    let split = connection.kinesis.split_shard().stream_name("orders").shard_to_split("shardId-000000000000");
    split.new_starting_hash_key(half).send().await.unwrap();
    until_active(&connection).await;
    put(&connection, 60..100).await;
    let merge = connection.kinesis.merge_shards().stream_name("orders").shard_to_merge("shardId-000000000003");
    merge.adjacent_shard_to_merge("shardId-000000000001").send().await.unwrap();
    until_active(&connection).await;
    put(&connection, 100..140).await;
    tail.until(|tail| tail.records.len() >= 120).await;
    assert_eq!(sorted(tail.numbers()), (20..140).collect::<Vec<_>>());
    let shards: BTreeSet<&str> = tail.records.iter().filter_map(|record| record.item.shard_id.as_deref()).collect();
    assert_eq!(shards.len(), 5, "{shards:?}");
    assert!(tail.records.iter().all(|record| record.item.problems.is_empty() && record.arrived_at.is_some()));
    assert_eq!(tail.end().await, FollowEnding::Stopped);
}

#[tokio::test]
async fn a_stream_is_followed_from_a_time_and_the_index_has_its_records_in_their_order() {
    use crate::domain::listing::entry::{Entry, Place};
    let (_emulators, connection) = with_stream(1).await;
    put(&connection, 0..30).await;
    let earlier = Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let mut tail = Tail::begin(&connection, Followed::Stream, FollowFrom::At(earlier)).await;
    tail.until(|tail| tail.records.len() >= 30).await;
    assert_eq!(tail.numbers(), (0..30).collect::<Vec<_>>());
    // The emulator's arrival times are whole seconds, so only the numbers order most of these.
    let mut entries: Vec<(Entry, u32)> =
        tail.records.iter().zip(0..).map(|(record, number)| (Entry::new(record, Place(0), 0), number)).collect();
    entries.sort();
    let newest_first: Vec<u32> = entries.into_iter().map(|(_, number)| number).collect();
    assert_eq!(newest_first, (0..30).rev().collect::<Vec<_>>());
}

pub(crate) async fn make_table(connection: &Connection, mode: ArchiveMode) -> Followed {
    let table = format!("orders-archive-{mode}");
    let mut request = connection.dynamodb.create_table().table_name(&table).billing_mode(BillingMode::PayPerRequest);
    let keys = [("partitionKey", KeyType::Hash), ("sequenceNumber", KeyType::Range)];
    for (name, kind) in keys.into_iter().take(if mode == ArchiveMode::All { 2 } else { 1 }) {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind);
        request = request.attribute_definitions(definition.build().unwrap()).key_schema(key.build().unwrap());
    }
    request.send().await.unwrap();
    Followed::Archive { table, mode }
}

/// The item of a record, archived three seconds after it arrived.
pub(crate) fn archived(record: &Record) -> Attributes {
    let item = record.item.clone();
    let record = ArchivedRecord {
        partition_key: item.partition_key.into(),
        sequence_number: item.sequence_number.unwrap(),
        sub_sequence_number: None,
        data: Data::Text(item.data.unwrap().into()),
        arrival: item.arrival.clone().unwrap(),
        shard_id: item.shard_id.unwrap().into(),
    };
    let archived_at = Timestamp::from_millisecond(item.arrival.unwrap().milliseconds().unwrap() + 3_000).unwrap();
    Item::of(record, &mut Packer::default(), Compression::None).to_attributes(&Stamp::new(archived_at, None))
}

#[tokio::test]
async fn records_come_when_they_are_seen_in_the_archive_and_those_not_yet_there_are_counted() {
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        let (_emulators, connection) = with_stream(2).await;
        let followed = make_table(&connection, mode).await;
        let Followed::Archive { table, .. } = followed.clone() else { panic!() };
        let mut stream = Tail::begin(&connection, Followed::Stream, FollowFrom::Now).await;
        let mut archive = Tail::begin(&connection, followed, FollowFrom::Now).await;
        put(&connection, 0..17).await;
        stream.until(|tail| tail.records.len() == 17).await;
        archive.until(|tail| tail.last.waiting == 17).await;
        assert_eq!(archive.records.len(), 0);
        let (late, early): (Vec<_>, Vec<_>) = stream.records.iter().partition(|record| record.id.partition_key == "cust-3");
        for record in early {
            connection.dynamodb.put_item().table_name(&table).set_item(Some(archived(record))).send().await.unwrap();
        }
        archive.until(|tail| tail.records.len() == 16).await;
        assert_eq!((archive.last.waiting, archive.last.missing), (1, 0));
        for record in late {
            connection.dynamodb.put_item().table_name(&table).set_item(Some(archived(record))).send().await.unwrap();
        }
        archive.until(|tail| tail.records.len() == 17).await;
        assert_eq!((archive.last.waiting, archive.last.lag), (0, Some(Duration::from_secs(3))));
        assert_eq!(sorted(archive.numbers()), (0..17).collect::<Vec<_>>());
        assert_eq!(archive.end().await, FollowEnding::Stopped);
    }
}

#[tokio::test]
async fn a_stream_that_is_not_there_is_told() {
    let emulators = Emulators::in_memory().await.unwrap();
    let connection = emulators.endpoints.connect();
    let order = FollowOrder {
        stream: StreamName::parse("orders").unwrap(),
        followed: Followed::Stream,
        filter: RecordFilter::default(),
        recipe: Recipe::default(),
        from: FollowFrom::Now,
    };
    let (batches, _taken) = mpsc::channel(1);
    let (_stop, stopped) = watch::channel(false);
    let FollowEnding::Failed(failure) = follow(&connection, &order, batches, stopped).await else { panic!("it did not fail") };
    assert!(failure.to_string().starts_with("cannot follow stream orders: ResourceNotFoundException"), "{failure}");
}
