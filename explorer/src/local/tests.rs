//! The local system as its users see it: only through its two endpoints.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use super::event_source::{Checkpoints, EventSourceConfig, Invoke, Mapping, RetryPolicy, stop_pair};
use super::{LocalOptions, LocalSystem};
use archiver::format::payload::Data;
use archiver::format::settings::{MODE_TAG, TTL_TAG};
use archiver::format::stream::StreamName;
use archiver::function::response::BatchResponse;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use support::{Local, eventually};

#[tokio::test]
async fn the_demo_is_archived_when_it_is_ready() {
    let local = Local::start(LocalOptions { demo: true, data_dir: None }).await;
    for (table, at_least) in [
        ("orders-archive-ALL", 480),
        ("device-status-archive-LATEST", 30),
        ("app-logs-archive-ALL", 320),
        ("telemetry-archive-ALL", 360),
    ] {
        let count = local.items(table).await.len();
        assert!(count >= at_least, "{table} has {count} items");
    }
    let put = local.records("orders").await.len();
    eventually("every order is archived", || async { local.items("orders-archive-ALL").await.len() >= put }).await;
    assert!(local.records("clickstream").await.len() >= 450);
    assert_eq!(local.records("orders-replay").await.len(), 0);
    local.system.stop().await;
}

#[tokio::test]
async fn the_demo_goes_on_while_one_looks() {
    let local = Local::start(LocalOptions { demo: true, data_dir: None }).await;
    let at_first = local.items("orders-archive-ALL").await.len();
    eventually("new orders are archived", || async { local.items("orders-archive-ALL").await.len() > at_first }).await;
}

#[tokio::test]
async fn a_stream_made_and_configured_later_is_archived_from_its_first_record() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 2).await;
    local.put("payments", 0..40).await;
    local.make_table("payments-archive-ALL", true).await;
    local.tag("payments", MODE_TAG, "ALL").await;
    eventually("what was there is archived", || async { local.items("payments-archive-ALL").await.len() == 40 }).await;
    local.put("payments", 40..50).await;
    eventually("what comes is archived", || async { local.items("payments-archive-ALL").await.len() == 50 }).await;
}

#[tokio::test]
async fn a_split_and_a_merge_while_archiving_lose_nothing() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 2).await;
    local.make_table("payments-archive-ALL", true).await;
    local.tag("payments", MODE_TAG, "ALL").await;
    put_through_split_and_merge(&local).await;
    eventually("every record is archived", || async { local.items("payments-archive-ALL").await.len() == 1_500 }).await;
    let shards: BTreeSet<String> = local.items("payments-archive-ALL").await.into_iter().map(|item| item.shard).collect();
    assert_eq!(shards.len(), 5, "{shards:?}");
}

#[tokio::test]
async fn the_records_of_a_key_are_delivered_in_order_through_a_split_and_a_merge() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 2).await;
    let recorder = Arc::new(Recorder::default());
    let mapping = mapping(&local, EventSourceConfig::new(PathBuf::new()), &recorder);
    let (_stopper, stop) = stop_pair();
    let running = tokio::spawn(mapping.run(stop));
    put_through_split_and_merge(&local).await;
    eventually("every record is delivered", || async { recorder.delivered.lock().unwrap().len() == 1_500 }).await;
    running.abort();

    let mut of_each_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (key, number) in recorder.delivered.lock().unwrap().iter() {
        of_each_key.entry(key.clone()).or_default().push(*number);
    }
    assert!(of_each_key.values().all(|numbers| numbers.is_sorted()), "{of_each_key:?}");
}

/// Shards 2 and 3 come from the split, 4 from the merge.
async fn put_through_split_and_merge(local: &Local) {
    local.put("payments", 0..500).await;
    local.split("payments", "shardId-000000000000").await;
    local.put("payments", 500..1_000).await;
    local.merge("payments", "shardId-000000000002", "shardId-000000000003").await;
    local.put("payments", 1_000..1_500).await;
}

fn mapping<I: Invoke>(local: &Local, config: EventSourceConfig, invoker: &Arc<I>) -> Mapping<I> {
    Mapping {
        client: local.system.endpoints().connect().kinesis,
        stream: StreamName::parse("payments").unwrap(),
        invoker: Arc::clone(invoker),
        config: Arc::new(config),
        checkpoints: Checkpoints::default(),
    }
}

/// Records what is delivered.
#[derive(Default)]
struct Recorder {
    delivered: Mutex<Vec<(String, u32)>>,
}

impl Invoke for Recorder {
    async fn invoke(&self, event: String) -> Result<BatchResponse, String> {
        let batch = archiver::function::event::Batch::parse(&event).unwrap();
        let records = batch.streams.iter().flat_map(|stream| &stream.records);
        let numbered = records.map(|record| (record.partition_key.to_string(), support::number_in(text_of(&record.data))));
        self.delivered.lock().unwrap().extend(numbered);
        Ok(BatchResponse::default())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_put_from_many_sides_at_once_are_all_archived() {
    let local = Arc::new(Local::start(LocalOptions::default()).await);
    local.make_stream("payments", 4).await;
    local.make_table("payments-archive-ALL", true).await;
    local.tag("payments", MODE_TAG, "ALL").await;
    let puts = (0..8).map(|side| {
        let local = Arc::clone(&local);
        tokio::spawn(async move {
            for part in 0..25 {
                let first = (side * 25 + part) * 20;
                local.put("payments", first..first + 20).await;
            }
        })
    });
    for put in futures::future::join_all(puts).await {
        put.unwrap();
    }
    eventually("every record is archived", || async { local.items("payments-archive-ALL").await.len() == 4_000 }).await;
}

#[tokio::test]
async fn the_newest_record_of_each_key_is_kept_in_mode_latest() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 2).await;
    local.make_table("payments-archive-LATEST", false).await;
    local.tag("payments", TTL_TAG, "expireSeconds=3600").await;
    local.put("payments", 0..300).await;
    let newest: BTreeMap<String, String> = (0..300).map(|number| (support::key(number), support::payload(number))).collect();
    eventually("the newest are there", || async {
        let items = local.items("payments-archive-LATEST").await;
        items.into_iter().map(|item| (item.key, item.payload)).collect::<BTreeMap<_, _>>() == newest
    })
    .await;
}

#[tokio::test]
async fn records_wait_until_a_wrong_tag_and_a_missing_table_are_put_right() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 1).await;
    local.tag("payments", MODE_TAG, "everything").await;
    local.put("payments", 0..250).await;
    local.tag("payments", MODE_TAG, "ALL").await;
    local.put("payments", 250..260).await;
    local.make_table("payments-archive-ALL", true).await;
    eventually("all records are archived", || async { local.items("payments-archive-ALL").await.len() == 260 }).await;
    assert!(!local.system.failures_dir().join("payments").exists());
}

#[tokio::test]
async fn a_stream_without_tags_is_left_alone_and_goes_on_where_it_stood() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 1).await;
    local.make_table("payments-archive-ALL", true).await;
    local.tag("payments", MODE_TAG, "ALL").await;
    local.put("payments", 0..10).await;
    eventually("it is archived", || async { local.items("payments-archive-ALL").await.len() == 10 }).await;
    local.untag("payments", MODE_TAG).await;
    local.make_stream("marker", 1).await;
    local.make_table("marker-archive-ALL", true).await;
    local.tag("marker", MODE_TAG, "ALL").await;
    local.put("marker", 0..1).await;
    eventually("the tags were looked at again", || async { local.items("marker-archive-ALL").await.len() == 1 }).await;
    local.put("payments", 10..20).await;
    local.put("marker", 1..2).await;
    eventually("the other stream is archived on", || async { local.items("marker-archive-ALL").await.len() == 2 }).await;
    assert_eq!(local.items("payments-archive-ALL").await.len(), 10);
    local.tag("payments", MODE_TAG, "ALL").await;
    eventually("it is archived again", || async { local.items("payments-archive-ALL").await.len() == 20 }).await;
}

#[tokio::test]
async fn stopping_archives_what_was_put_before() {
    let folder = tempfile::tempdir().unwrap();
    let options = LocalOptions { demo: false, data_dir: Some(folder.path().to_owned()) };
    let local = Local::start(options.clone()).await;
    local.make_stream("payments", 2).await;
    local.make_table("payments-archive-ALL", true).await;
    local.tag("payments", MODE_TAG, "ALL").await;
    local.put("payments", 0..100).await;
    eventually("archiving has begun", || async { !local.items("payments-archive-ALL").await.is_empty() }).await;
    local.put("payments", 100..600).await;
    local.system.stop().await;

    let local = Local::start(options).await;
    assert_eq!(local.items("payments-archive-ALL").await.len(), 600);
}

#[tokio::test]
async fn a_data_directory_keeps_archives_and_streams_between_two_runs() {
    let folder = tempfile::tempdir().unwrap();
    let options = LocalOptions { demo: true, data_dir: Some(folder.path().to_owned()) };
    let local = Local::start(options.clone()).await;
    local.make_stream("payments", 3).await;
    local.make_table("payments-archive-LATEST", false).await;
    local.tag("payments", MODE_TAG, "LATEST").await;
    local.put("payments", 0..100).await;
    let newest =
        || async { local.items("payments-archive-LATEST").await.into_iter().any(|item| item.payload == support::payload(99)) };
    eventually("the newest is archived", newest).await;
    let orders = local.items("orders-archive-ALL").await.len();
    local.system.stop().await;

    let local = Local::start(options).await;
    assert!(local.items("orders-archive-ALL").await.len() >= orders);
    assert_eq!(local.open_shards("payments").await, 3);
    local.put("payments", 100..200).await;
    let newest =
        || async { local.items("payments-archive-LATEST").await.into_iter().any(|item| item.payload == support::payload(199)) };
    eventually("a record of the second run is newer than those of the first", newest).await;
    let orders = local.items("orders-archive-ALL").await.len();
    eventually("the demo goes on", || async { local.items("orders-archive-ALL").await.len() > orders }).await;
}

#[tokio::test]
async fn a_data_directory_in_use_or_unreadable_is_one_sentence_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let options = LocalOptions { demo: false, data_dir: Some(folder.path().to_owned()) };
    let local = Local::start(options.clone()).await;
    let error = LocalSystem::start(options.clone()).await.unwrap_err().to_string();
    assert!(error.contains("another run is using it") && error.contains(folder.path().to_str().unwrap()), "{error}");
    local.system.stop().await;

    std::fs::write(folder.path().join("archives.sqlite"), "no database at all ".repeat(500)).unwrap();
    let error = LocalSystem::start(options).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot open the archives in") && error.contains("archives.sqlite"), "{error}");
}

#[tokio::test]
async fn what_could_not_be_set_up_is_told_and_what_was_remembered_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("streams.json");
    let remembered = r#"{"written_at":0,"streams":[{"name":"payments","shards":100000,"tags":{}}]}"#;
    std::fs::write(&file, remembered).unwrap();
    let system = LocalSystem::start(LocalOptions { demo: true, data_dir: Some(folder.path().to_owned()) }).await.unwrap();
    let error = system.ready().await.unwrap_err().to_string();
    assert!(error.starts_with("cannot set up the local streams: cannot create stream payments: "), "{error}");
    system.stop().await;
    assert_eq!(std::fs::read_to_string(file).unwrap(), remembered);
}

#[tokio::test]
async fn expired_items_are_swept() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 1).await;
    local.make_table("payments-archive-ALL", true).await;
    local.enable_ttl("payments-archive-ALL").await;
    local.tag("payments", MODE_TAG, "ALL").await;
    local.tag("payments", TTL_TAG, "expireSeconds=1").await;
    local.put("payments", 0..5).await;
    eventually("they are archived", || async { local.items("payments-archive-ALL").await.len() == 5 }).await;
    eventually("they are swept", || async { local.items("payments-archive-ALL").await.is_empty() }).await;
}

#[tokio::test]
async fn dropping_the_system_ends_its_servers() {
    let local = Local::start(LocalOptions { demo: true, data_dir: None }).await;
    let address = local.system.endpoints().kinesis.trim_start_matches("http://").to_owned();
    drop(local);
    eventually("nobody listens", || async { tokio::net::TcpStream::connect(&address).await.is_err() }).await;
}

/// The payload of a record as the event has it.
fn text_of<'d>(data: &'d Data<'_>) -> &'d str {
    match data {
        Data::Text(text) => text,
        Data::Bytes(_) => panic!("an event holds no aggregate that is taken apart"),
    }
}

/// Fails every batch with a payload that says so.
struct Picky;

impl Invoke for Picky {
    async fn invoke(&self, event: String) -> Result<BatchResponse, String> {
        let batch = archiver::function::event::Batch::parse(&event).unwrap();
        let bad = [7, 8, 42].map(support::encoded_payload);
        let mut records = batch.streams.iter().flat_map(|stream| &stream.records);
        match records.any(|record| bad.iter().any(|bad| bad == text_of(&record.data))) {
            true => Err("cannot stand one of these".to_owned()),
            false => Ok(BatchResponse::default()),
        }
    }
}

#[tokio::test]
async fn a_function_that_fails_for_ever_gets_the_good_records_and_the_others_go_to_the_failure_destination() {
    let local = Local::start(LocalOptions::default()).await;
    local.make_stream("payments", 1).await;
    let last = local.put("payments", 0..60).await.pop().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let retry = RetryPolicy { maximum_retry_attempts: Some(1), bisect_batch_on_function_error: true, ..RetryPolicy::default() };
    let config = EventSourceConfig { retry, ..EventSourceConfig::new(folder.path().to_owned()) };
    let mapping = mapping(&local, config, &Arc::new(Picky));
    let (stream, checkpoints) = (mapping.stream.clone(), mapping.checkpoints.clone());
    let (_stopper, stop) = stop_pair();
    let running = tokio::spawn(mapping.run(stop));
    tokio::time::timeout(support::PATIENCE, checkpoints.reached(&stream, &last.0, &last.1)).await.expect("it comes to the end");
    running.abort();

    let shard_folder = folder.path().join("payments").join("shardId-000000000000");
    let files: Vec<PathBuf> = std::fs::read_dir(shard_folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let mut given_up = Vec::new();
    for file in files {
        let invocation: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        assert_eq!(invocation["requestContext"]["condition"], "RetryAttemptsExhausted");
        assert_eq!(invocation["KinesisBatchInfo"]["batchSize"], 1);
        let event: serde_json::Value = serde_json::from_str(invocation["payload"].as_str().unwrap()).unwrap();
        given_up.push(event["Records"][0]["kinesis"]["data"].as_str().unwrap().to_owned());
    }
    given_up.sort();
    let mut expected = [7, 8, 42].map(support::encoded_payload);
    expected.sort();
    assert_eq!(given_up, expected);
}
