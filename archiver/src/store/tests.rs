//! The requests and write units of mode LATEST, and what happens to parts.

use super::*;
use crate::aws::backoff::Deadline;
use crate::aws::failure::FailureKind;
use crate::format::item::Stamp;
use crate::format::payload::Data;
use crate::format::record::ArrivalTime;
use crate::format::sequence::SequenceNumber;
use crate::format::settings::Ttl;
use crate::format::stream::StreamName;
use crate::store::in_memory::{MemoryDatabase, names};
use jiff::Timestamp;
use std::time::Duration;

const TABLE: &str = "orders-archive-LATEST";

fn database() -> MemoryDatabase {
    MemoryDatabase::with(&[(TABLE, ArchiveMode::Latest)])
}

fn record(key: &str, number: u64, payload: Vec<u8>) -> ArchivedRecord<'static> {
    ArchivedRecord {
        partition_key: key.to_owned().into(),
        sequence_number: SequenceNumber::parse(number.to_string()).unwrap(),
        sub_sequence_number: None,
        data: Data::Bytes(payload.into()),
        arrival: ArrivalTime::parse("1545084650.987").unwrap(),
        shard_id: "shardId-000000000006".into(),
    }
}

fn records(keys: std::ops::Range<usize>, number: u64) -> Vec<ArchivedRecord<'static>> {
    keys.map(|key| record(&format!("cust-{key}"), number, number.to_string().into_bytes())).collect()
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..length).map(|_| random.u8(..)).collect()
}

async fn write(store: &Store<&MemoryDatabase>, records: Vec<ArchivedRecord<'static>>, ttl: Option<Ttl>) -> Outcome {
    let stamp = Stamp::new(Timestamp::from_second(1_545_084_711).unwrap(), ttl);
    let options = WriteOptions {
        table: TABLE,
        parts_table: "orders-archive-parts",
        mode: ArchiveMode::Latest,
        stamp: &stamp,
        compression: Compression::None,
        deadline: Deadline::after(Duration::from_secs(5)),
    };
    store.write(options, records).await
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_known_take_one_request_for_twenty_five() {
    let database = database();
    let store = Store::new(&database);
    write(&store, records(0..100, 1), None).await;
    let before = database.calls("execute");
    let outcome = write(&store, records(0..100, 2), None).await;
    assert_eq!((outcome.archived, outcome.failed.len()), (100, 0));
    assert_eq!(database.calls("execute") - before, 4);
    assert_eq!((database.calls("put_if_newest"), database.calls("stored_version")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_new_keys_of_many_batches_share_their_requests() {
    let database = database();
    let store = Store::new(&database);
    write(&store, records(0..225, 1), None).await;
    write(&store, records(0..225, 2), None).await;
    let before = database.calls("execute");
    // Ten batches, each with some new keys.
    write(&store, records(0..250, 3), None).await;
    assert_eq!(database.calls("execute") - before, 11);
}

#[tokio::test(start_paused = true)]
async fn where_nearly_every_key_is_new_insert_comes_first() {
    let database = database();
    let store = Store::new(&database);
    write(&store, records(0..500, 1), None).await;
    let before = database.calls("execute");
    let outcome = write(&store, records(500..1_000, 1), None).await;
    assert_eq!((outcome.archived, database.calls("execute") - before), (500, 20));
}

#[tokio::test(start_paused = true)]
async fn what_is_newer_or_the_same_is_superseded_whether_the_database_tells_it_or_not() {
    for tells_stored in [true, false] {
        let mut database = database();
        database.tells_stored = tells_stored;
        let store = Store::new(&database);
        write(&store, records(0..30, 20), None).await;
        for (number, archived, superseded) in [(9, 0, 30), (20, 0, 30), (21, 30, 0), (100, 30, 0)] {
            let outcome = write(&store, records(0..30, number), None).await;
            assert_eq!((outcome.archived, outcome.superseded, outcome.failed.len()), (archived, superseded, 0), "{number}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_keeps_no_attribute_of_the_record_before_it() {
    let database = database();
    let store = Store::new(&database);
    let user_record = ArchivedRecord { sub_sequence_number: Some(3), ..record("cust-1", 1, noise(500, 1)) };
    write(&store, vec![user_record], Ttl::from_seconds(60)).await;
    write(&store, vec![record("cust-1", 2, noise(500, 2))], None).await;
    let state = database.state.lock().unwrap();
    let item = &state.items[TABLE][&("cust-1".to_owned(), String::new())];
    let expected = ["approximateArrivalTimestamp", "partitionKey", "recordData", "sequenceNumber", "shardId"];
    assert_eq!(names(item), expected);
}

#[tokio::test(start_paused = true)]
async fn the_parts_of_a_replaced_record_are_deleted_and_a_superseded_one_writes_none() {
    for tells_stored in [true, false] {
        let mut database = database();
        database.tells_stored = tells_stored;
        let store = Store::new(&database);
        let parts = || database.state.lock().unwrap().parts.len();

        let outcome = write(&store, vec![record("cust-1", 5, noise(700_000, 5))], None).await;
        assert_eq!((outcome.archived, outcome.split, parts()), (1, 1, 3));
        let outcome = write(&store, vec![record("cust-1", 4, noise(900_000, 4))], None).await;
        assert_eq!((outcome.superseded, parts()), (1, 3));
        let outcome = write(&store, vec![record("cust-1", 5, noise(700_000, 5))], None).await;
        assert_eq!((outcome.superseded, parts(), database.calls("put_parts")), (1, 3, 1), "delivered again");
        write(&store, vec![record("cust-1", 6, noise(400_000, 6))], None).await;
        assert_eq!(parts(), 2);
        write(&store, vec![record("cust-1", 7, b"small".to_vec())], None).await;
        assert_eq!(parts(), 0);
        let found = database.payloads(TABLE);
        assert_eq!(found[&("cust-1".to_owned(), String::new())], b"small");
    }
}

/// Collects the log.
#[derive(Clone, Default)]
struct Logged(std::sync::Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_parts_are_deleted_than_a_payload_can_have_whatever_a_damaged_item_says() {
    let logged = Logged::default();
    let writer = logged.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    for (said, newer) in [("100000000", 1_000), ("18446744073709551615", 1_000), ("-3", 1_000), ("2.5", 1_000), ("9e9", 700_000)] {
        let database = database();
        let store = Store::new(&database);
        write(&store, vec![record("cust-1", 5, noise(700_000, 5))], None).await;
        {
            let mut state = database.state.lock().unwrap();
            let items = state.items.get_mut(TABLE).unwrap();
            let item = items.get_mut(&("cust-1".to_owned(), String::new())).unwrap();
            item.insert("recordParts".to_owned(), aws_sdk_dynamodb::types::AttributeValue::N(said.to_owned()));
        }
        let outcome = write(&store, vec![record("cust-1", 6, noise(newer, 6))], None).await;
        assert_eq!((outcome.archived, outcome.failed.len()), (1, 0), "{said}");
        assert!(database.calls("delete_parts") <= 2, "{said}");
        assert_eq!((database.payloads(TABLE).len(), database.orphans(TABLE)), (1, vec![]), "{said}");
        let lines = String::from_utf8(std::mem::take(&mut logged.0.lock().unwrap())).unwrap();
        assert_eq!(lines.matches("recordParts").count(), 1, "{said}: {lines}");
    }
}

#[tokio::test(start_paused = true)]
async fn numbers_with_leading_zeros_cost_one_request_where_all_have_as_many_digits() {
    for tells_stored in [true, false] {
        let mut database = database();
        database.tells_stored = tells_stored;
        let store = Store::new(&database);
        let padded = |number: &str| ArchivedRecord {
            sequence_number: SequenceNumber::parse(number).unwrap(),
            ..record("cust-1", 1, b"1".to_vec())
        };
        for (number, archived, calls) in [
            ("0007", 1, None),
            ("0010", 1, Some((1, 0))),
            ("0009", 0, None),
            ("11", 1, None),
            ("000012", 1, None),
            ("11", 0, None),
            ("12", 0, None),
        ] {
            let before = (database.calls("execute"), database.calls("put_if_newest"));
            let outcome = write(&store, vec![padded(number)], None).await;
            assert_eq!((outcome.archived, outcome.superseded, outcome.failed.len()), (archived, 1 - archived, 0), "{number}");
            let made = (database.calls("execute") - before.0, database.calls("put_if_newest") - before.1);
            assert!(calls.is_none_or(|calls| calls == made), "{number}: {made:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_whose_parts_cannot_be_written_fails_alone() {
    let database = database();
    let store = Store::new(&database);
    let faults = [crate::store::in_memory::Fault::None, crate::store::in_memory::Fault::None, crate::store::in_memory::Fault::None];
    database.state.lock().unwrap().faults.extend(faults);
    database.state.lock().unwrap().faults.push_back(crate::store::in_memory::Fault::Before(FailureKind::NotFound));
    let outcome = write(&store, vec![record("cust-1", 5, noise(700_000, 5)), record("cust-2", 6, b"6".to_vec())], None).await;
    assert_eq!((outcome.archived, outcome.failed.len()), (1, 1));
    let reason = &outcome.failed[0].reason;
    assert!(reason.of_the_table().is_none());
    assert_eq!(reason.to_string(), "it is too large for one item, and splitting it needs table orders-archive-parts: on purpose");
    let orders = StreamName::parse("orders").unwrap();
    let remedy = reason.remedy(&orders, ArchiveMode::Latest).unwrap();
    assert_eq!(remedy, "create it with: explorer configure orders --mode LATEST");
}
