//! The function behind an event source mapping, which polls, retries, splits batches and gives up like Lambda's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::capability;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of, noise};
use end_to_end::function::{Function, Way};
use end_to_end::mapping::RunningMapping;
use end_to_end::stream::{Keys, TestStream, text};
use end_to_end::wait::eventually;
use explorer::local::event_source::RetryPolicy;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

in_both_ways!(
    ten_thousand_records_put_while_the_mapping_runs_are_archived_once_each,
    a_split_and_a_merge_while_archiving_lose_nothing,
    records_wait_in_the_stream_until_their_table_is_there,
    what_cannot_be_archived_is_given_up_alone,
    a_mapping_that_begins_anew_leaves_the_archive_as_it_is,
);

const RECORDS: usize = 10_000;
const CUSTOMERS: usize = 61;
const SHARDS: i32 = 4;
const BISECT: RetryPolicy =
    RetryPolicy { maximum_retry_attempts: None, maximum_record_age: None, bisect_batch_on_function_error: true };

fn orders(numbers: std::ops::Range<usize>) -> Vec<(String, Vec<u8>)> {
    numbers.map(|number| (format!("cust-{}", number % CUSTOMERS), format!(r#"{{"order":{number}}}"#).into_bytes())).collect()
}

/// The stream's records by partition key and sequence number.
fn by_number(records: &[ReadRecord]) -> HashMap<(String, String), String> {
    records.iter().map(|record| ((record.partition_key.clone(), record.sequence_number.clone()), record.data())).collect()
}

async fn archive_of(stream: &TestStream) -> HashMap<(String, String), String> {
    let items = stream.items_by_number("ALL").await;
    items.into_iter().map(|(key, item)| (key, text(&item, "recordData").to_owned())).collect()
}

async fn ten_thousand_records_put_while_the_mapping_runs_are_archived_once_each(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, SHARDS, &[("StreamArchiveMode", "ALL")], "ALL", Keys::OfModeAll).await;
    let function = Arc::new(Function::start(&endpoints, &way).await);
    let mapping = RunningMapping::start(&endpoints, &stream, &function, BISECT);

    stream.put_all(&orders(0..RECORDS)).await;
    assert_eq!(mapping.finish().await, Vec::<Value>::new());

    let records = stream.records().await;
    assert_eq!(records.len(), RECORDS);
    assert!(archive_of(&stream).await == by_number(&records), "the archive is not what is in the stream");
}

async fn a_split_and_a_merge_while_archiving_lose_nothing(way: Way) {
    let endpoints = Endpoints::start().await;
    if !capability::closes_split_shards("a_split_and_a_merge_while_archiving_lose_nothing", &endpoints).await {
        return;
    }
    for (mode, keys) in [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)] {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode)], mode, keys).await;
        let function = Arc::new(Function::start(&endpoints, &way).await);
        let mapping = RunningMapping::start(&endpoints, &stream, &function, BISECT);

        stream.put_all(&orders(0..1_000)).await;
        stream.split("shardId-000000000000").await;
        stream.put_all(&orders(1_000..2_000)).await;
        stream.merge("shardId-000000000001", "shardId-000000000002").await;
        stream.put_all(&orders(2_000..3_000)).await;
        // The records of the last shard come last, so once they are there, all are.
        eventually("the last shard's records are archived", || async {
            let shards: BTreeSet<String> = stream.items(mode).await.iter().map(|item| text(item, "shardId").to_owned()).collect();
            shards.contains("shardId-000000000003").then_some(())
        })
        .await;
        assert_eq!(mapping.finish().await, Vec::<Value>::new());

        let records = stream.records().await;
        assert_eq!(records.len(), 3_000);
        match keys {
            Keys::OfModeAll => assert!(archive_of(&stream).await == by_number(&records), "a record is missing"),
            Keys::OfModeLatest => {
                let expected: HashMap<String, Vec<u8>> = orders(0..3_000).into_iter().collect();
                let found: HashMap<String, Vec<u8>> =
                    stream.latest(mode).await.into_iter().map(|(key, (_, data))| (key, STANDARD.decode(data).unwrap())).collect();
                assert_eq!(found, expected);
            }
        }
    }
}

async fn records_wait_in_the_stream_until_their_table_is_there(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::create(&endpoints, 2).await;
    stream.tag(&[("StreamArchiveMode", "ALL")]).await;
    stream.put_all(&orders(0..300)).await;
    let function = Arc::new(Function::start(&endpoints, &way).await);
    let error = function.error(&event_of(&stream, &stream.records().await)).await;
    assert_eq!(error.error_type, "TableMissing");

    let mapping = RunningMapping::start(&endpoints, &stream, &function, BISECT);
    stream.put_all(&orders(300..600)).await;
    stream.create_table("ALL", Keys::OfModeAll).await;

    eventually("all records are archived", || async { (archive_of(&stream).await.len() == 600).then_some(()) }).await;
    assert_eq!(mapping.finish().await, Vec::<Value>::new());
}

async fn what_cannot_be_archived_is_given_up_alone(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)] {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode)], mode, keys).await;
        stream.put("cust-1", b"before").await;
        // No compression makes it fit into an item, and there is no table for its parts.
        stream.put("cust-2", &noise(330_000, 2)).await;
        stream.put("cust-3", b"after").await;
        let function = Arc::new(Function::start(&endpoints, &way).await);

        let retry = RetryPolicy { maximum_retry_attempts: Some(2), ..BISECT };
        let mapping = RunningMapping::start(&endpoints, &stream, &function, retry);
        stream.put("cust-4", b"later").await;

        eventually("the record after the bad one is archived", || async {
            stream.latest(mode).await.contains_key("cust-4").then_some(())
        })
        .await;
        let given_up = eventually("a batch is given up", || async {
            let given_up = mapping.given_up();
            (!given_up.is_empty()).then_some(given_up)
        })
        .await;
        assert_eq!(mapping.finish().await, given_up);
        let archived: BTreeSet<String> =
            stream.items(mode).await.iter().map(|item| text(item, "partitionKey").to_owned()).collect();
        let expected = ["cust-1", "cust-3", "cust-4"].map(str::to_owned);
        assert_eq!(archived, BTreeSet::from(expected), "mode {mode}");
        let kept: Vec<Value> = given_up
            .iter()
            .flat_map(|batch| {
                let event: Value = serde_json::from_str(batch["payload"].as_str().unwrap()).unwrap();
                event["Records"].as_array().unwrap().clone()
            })
            .collect();
        let too_large: Vec<&Value> = kept.iter().filter(|record| record["kinesis"]["partitionKey"] == "cust-2").collect();
        assert_eq!(too_large.len(), 1, "mode {mode}");
        let records = stream.records().await;
        assert_eq!(too_large[0]["kinesis"]["data"], records[1].data());
    }
}

async fn a_mapping_that_begins_anew_leaves_the_archive_as_it_is(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)] {
        let stream = TestStream::archived(&endpoints, 2, &[("StreamArchiveMode", mode)], mode, keys).await;
        stream.put_all(&orders(0..1_200)).await;
        let function = Arc::new(Function::start(&endpoints, &way).await);

        assert_eq!(RunningMapping::start(&endpoints, &stream, &function, BISECT).finish().await, Vec::<Value>::new());
        let numbers = |items: Vec<end_to_end::stream::Item>| -> BTreeSet<(String, String)> {
            items.iter().map(|item| (text(item, "sequenceNumber").to_owned(), text(item, "recordData").to_owned())).collect()
        };
        let once = numbers(stream.items(mode).await);
        assert_eq!(once.len(), if keys == Keys::OfModeAll { 1_200 } else { CUSTOMERS });

        // Every record is delivered again, the oldest first.
        assert_eq!(RunningMapping::start(&endpoints, &stream, &function, BISECT).finish().await, Vec::<Value>::new());
        assert_eq!(numbers(stream.items(mode).await), once);
    }
}
