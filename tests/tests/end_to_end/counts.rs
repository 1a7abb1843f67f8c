//! Nothing is lost and nothing is there twice.

use end_to_end::endpoints::Endpoints;
use end_to_end::event::event_of;
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, text};
use std::collections::{HashMap, HashSet};

const RECORDS: usize = 10_000;
const CUSTOMERS: usize = 97;
const SHARDS: i32 = 4;
const BATCH_RECORDS: usize = 500;

in_both_ways!(all_holds_each_of_ten_thousand_records_once, latest_holds_the_last_record_of_each_of_many_keys);

fn order(number: usize) -> (String, Vec<u8>) {
    (format!("cust-{}", number % CUSTOMERS), format!(r#"{{"order":{number},"state":"paid"}}"#).into_bytes())
}

async fn all_holds_each_of_ten_thousand_records_once(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, SHARDS, &[("StreamArchiveMode", "ALL")], "ALL", Keys::OfModeAll).await;
    stream.put_all(&(0..RECORDS).map(order).collect::<Vec<_>>()).await;
    let function = Function::start(&endpoints, &way).await;

    let records = stream.records().await;
    for batch in records.chunks(BATCH_RECORDS) {
        function.archive(&event_of(&stream, batch)).await;
    }

    assert_eq!(records.len(), RECORDS);
    let shards: HashSet<&str> = records.iter().map(|record| record.shard_id.as_str()).collect();
    assert_eq!(shards.len(), 4, "records in {shards:?} only");
    let expected: HashMap<(String, String), String> =
        records.iter().map(|record| ((record.partition_key.clone(), record.sequence_number.clone()), record.data())).collect();
    let items = stream.items_by_number("ALL").await;
    let found: HashMap<(String, String), String> =
        items.into_iter().map(|(key, item)| (key, text(&item, "recordData").to_owned())).collect();
    assert_eq!(found.len(), RECORDS);
    assert!(found == expected, "an item holds another payload than its record");
}

async fn latest_holds_the_last_record_of_each_of_many_keys(way: Way) {
    let endpoints = Endpoints::start().await;
    let tags = [("StreamArchiveMode", "LATEST")];
    let stream = TestStream::archived(&endpoints, SHARDS, &tags, "LATEST", Keys::OfModeLatest).await;
    stream.put_all(&(0..RECORDS).map(order).collect::<Vec<_>>()).await;
    let function = Function::start(&endpoints, &way).await;

    let records = stream.records().await;
    for batch in records.chunks(BATCH_RECORDS) {
        function.archive(&event_of(&stream, batch)).await;
    }

    // Kinesis keeps the order of each key, so the last one read is the newest.
    let expected: HashMap<String, (String, String)> =
        records.iter().map(|record| (record.partition_key.clone(), (record.sequence_number.clone(), record.data()))).collect();
    assert_eq!(expected.len(), CUSTOMERS);
    assert_eq!(stream.latest("LATEST").await, expected);
}
