//! The life of a replay on the command line: planned, shown, run, paused, resumed, cancelled, looked up and deleted.

use super::{archived_stream, long_number, reach, start, until_archived};
use archiver::format::aggregate::aggregate;
use end_to_end::capability;
use end_to_end::command_line::{ArchivedItem, Explorer};
use end_to_end::endpoints::Endpoints;
use end_to_end::stream::TestStream;
use end_to_end::wait::eventually;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An exported file with this many records, spread over this many keys.
pub(super) fn exported(folder: &Path, records: usize, keys: usize) -> PathBuf {
    let line = |number: usize| {
        json!({
            "stream": "orders", "partition_key": format!("cust-{}", number % keys), "sequence_number": long_number(number),
            "shard_id": "shardId-000000000000", "approximate_arrival_timestamp": 1_545_084_650 + number,
            "payload": number.to_string(),
        })
        .to_string()
    };
    let path = folder.join("orders.jsonl");
    std::fs::write(&path, (0..records).map(line).collect::<Vec<_>>().join("\n")).expect("the file can be written");
    path
}

/// Plans a file's records.
pub(super) async fn plan_file(explorer: &Explorer, file: &Path, target: &TestStream, options: &[&str]) -> Value {
    let file = file.display().to_string();
    explorer.json(&[&["replay", "plan", "--file", &file, "--to", &target.name], options].concat()).await
}

pub(super) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// The numbers that arrived under each key, in their order.
pub(super) async fn arrived(target: &TestStream) -> BTreeMap<String, Vec<usize>> {
    let mut of_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for record in target.records().await {
        let number = String::from_utf8(record.payload).expect("a number").parse().expect("a number");
        of_key.entry(record.partition_key).or_default().push(number);
    }
    of_key
}

pub(super) fn assert_all_once_and_in_order(arrived: &BTreeMap<String, Vec<usize>>, records: usize) {
    assert_eq!(arrived.values().map(Vec::len).sum::<usize>(), records);
    for (key, numbers) in arrived {
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{key} arrived as {numbers:?}");
    }
}

#[tokio::test]
async fn a_plan_sends_nothing_and_says_what_it_would_do() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 2).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 1_200, 40);

    let planned = plan_file(&explorer, &file, &target, &["--read-only"]).await;

    assert_eq!((&planned["records"], &planned["read"], &planned["stream"]), (&json!(1_200), &json!(1_200), &json!("orders")));
    let shards = planned["shards"].as_array().unwrap();
    assert_eq!(shards.iter().map(|shard| shard["records"].as_u64().unwrap()).sum::<u64>(), 1_200);
    assert!(shards.len() == 2 && shards.iter().all(|shard| shard["records"].as_u64() > Some(0)), "{planned}");
    assert_eq!((&planned["calls"], &planned["payload_units"], &planned["rate"]), (&json!(3), &json!(1_200), &json!("50%")));
    assert!(planned["seconds"].as_f64() > Some(1.1), "{planned}");
    let first: Vec<&str> = planned["first"].as_array().unwrap().iter().map(|record| text(record, "preview")).collect();
    assert_eq!(first, ["0", "1", "2", "3", "4"]);
    assert!(target.records().await.is_empty());

    let id = text(&planned, "id");
    let refused = explorer.run(&["replay", "run", id, "--yes", "--read-only"]).await;
    assert_eq!(refused.sentence(2), "--read-only is set: nothing can be changed");
    let listed = explorer.json_lines(&["replay", "list"]).await;
    assert_eq!((listed.len(), text(&listed[0], "state"), text(&listed[0], "id")), (1, "planned", id));
    let people = explorer.run(&["replay", "list"]).await.succeeded();
    assert!(people.stdout.contains(id) && people.stdout.contains("planned"), "{people:#?}");

    let ran = explorer.json(&["replay", "run", &id[..5], "--rate", "max", "--yes"]).await;
    assert_eq!((text(&ran, "state"), &ran["sent"], &ran["left"]), ("finished", &json!(1_200), &json!(0)));
    assert_all_once_and_in_order(&arrived(&target).await, 1_200);
    let again = explorer.run(&["replay", "run", id, "--yes"]).await;
    assert!(again.sentence(1).ends_with("it is finished"), "{again:#?}");
}

#[tokio::test]
async fn the_journey_of_a_record_can_be_looked_up() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 30, 7);
    let planned = plan_file(&explorer, &file, &target, &[]).await;
    let id = text(&planned, "id");

    let waiting = explorer.json(&["replay", "show", id, "--record", &long_number(3)]).await;
    assert_eq!(text(&waiting, "state"), "waiting");
    explorer.json(&["replay", "run", id, "--yes"]).await;

    let record = explorer.json(&["replay", "show", id, "--record", &long_number(3)]).await;
    assert_eq!((text(&record, "state"), text(&record, "partition_key")), ("acknowledged", "cust-3"));
    let found = target.records().await.into_iter().find(|record| record.payload == b"3").unwrap();
    assert_eq!(
        (text(&record, "new_sequence_number"), text(&record, "new_shard_id")),
        (found.sequence_number.as_str(), found.shard_id.as_str())
    );
    let receipts = explorer.json_lines(&["replay", "show", id, "--receipts"]).await;
    let numbers: Vec<&str> = receipts.iter().map(|receipt| text(receipt, "sequence_number")).collect();
    assert_eq!(numbers, (0..30).map(long_number).collect::<Vec<_>>());
    let missing = explorer.run(&["replay", "show", id, "--record", "17"]).await;
    assert!(missing.sentence(3).contains("has no record with the sequence number 17"), "{missing:#?}");

    let shown = explorer.json(&["replay", "show", id]).await;
    assert_eq!((text(&shown, "state"), &shown["sent"], shown["runs"].as_array().unwrap().len()), ("finished", &json!(30), 1));
    assert_eq!(text(&shown["runs"][0], "ending"), "finished");
    assert_eq!(explorer.run(&["replay", "remove", id, "--yes"]).await.code, Some(0));
    assert_eq!(explorer.run(&["replay", "show", id]).await.code, Some(3));
}

#[tokio::test]
async fn another_process_pauses_a_replay_and_it_is_gone_on_with() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 2).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 900, 30);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "60/s"]).await, "id").to_owned();
    let early = explorer.run(&["replay", "resume", &id, "--yes"]).await;
    assert!(early.sentence(2).contains("has not started; start it with: explorer replay run"), "{early:#?}");

    let running = explorer.start(&["replay", "run", &id, "--yes"]);
    until_sent(&explorer, &id, 20).await;
    let busy = explorer.run(&["replay", "run", &id, "--yes"]).await;
    assert!(busy.sentence(1).ends_with("it is running"), "{busy:#?}");
    let removed = explorer.run(&["replay", "remove", &id, "--yes"]).await;
    assert!(removed.sentence(1).contains("another process works on replay"), "{removed:#?}");
    let paused = explorer.json(&["replay", "pause", &id]).await;
    assert_eq!(text(&paused, "state"), "paused");
    let ended = running.ended().await;
    assert!(ended.sentence(1).contains(&format!("it was paused; resume it with: explorer replay resume {id}")), "{ended:#?}");
    let again = explorer.run(&["replay", "pause", &id]).await;
    assert!(again.sentence(2).ends_with("is not running: it is paused"), "{again:#?}");

    let before = explorer.json(&["replay", "show", &id]).await;
    assert!(before["left"].as_u64() > Some(0) && before["sent"].as_u64() >= Some(20), "{before}");
    let ran = explorer.json(&["replay", "resume", &id, "--rate", "max", "--yes"]).await;
    assert_eq!((text(&ran, "state"), &ran["sent"], &ran["maybe_repeated"]), ("finished", &json!(900), &json!(0)));
    assert_all_once_and_in_order(&arrived(&target).await, 900);
}

pub(super) async fn until_sent(explorer: &Explorer, id: &str, records: u64) {
    eventually("records are sent", || async {
        let shown = explorer.json(&["replay", "show", id]).await;
        (shown["sent"].as_u64() >= Some(records)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_replay_is_ended_for_good() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 500, 20);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "50/s"]).await, "id").to_owned();
    let running = explorer.start(&["replay", "run", &id, "--yes"]);
    until_sent(&explorer, &id, 1).await;

    let cancelled = explorer.json(&["replay", "cancel", &id, "--yes"]).await;

    assert_eq!(text(&cancelled, "state"), "cancelled");
    assert_eq!(running.ended().await.code, Some(1));
    let resumed = explorer.run(&["replay", "resume", &id, "--yes"]).await;
    assert!(resumed.sentence(1).contains("it was cancelled"), "{resumed:#?}");
    let shown = explorer.json(&["replay", "show", &id]).await;
    assert_eq!(target.records().await.len() as u64, shown["sent"].as_u64().unwrap(), "what was sent is known");
}

#[tokio::test]
async fn a_target_that_was_recreated_is_not_resumed_into() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 600, 20);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "50/s"]).await, "id").to_owned();
    let running = explorer.start(&["replay", "run", &id, "--yes"]);
    until_sent(&explorer, &id, 1).await;
    running.interrupt().await;
    assert_eq!(running.ended().await.sentence(130), "the replay is paused");
    endpoints.kinesis.delete_stream().stream_name(&target.name).send().await.expect("the stream is deleted");
    eventually("a stream of the same name is made, some time later", || async {
        tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
        endpoints.kinesis.create_stream().stream_name(&target.name).shard_count(1).send().await.ok()
    })
    .await;
    let resumed = eventually("the stream can be used", || async {
        let resumed = explorer.run(&["replay", "resume", &id, "--yes"]).await;
        (!resumed.stderr.contains("there is no such stream") && !resumed.stderr.contains("no open shard")).then_some(resumed)
    })
    .await;
    assert!(resumed.sentence(1).contains("was deleted and recreated since the replay began"), "{resumed:#?}");
    let refused = explorer.run(&["replay", "cancel", &id, "--yes", "--read-only"]).await;
    assert_eq!(refused.sentence(2), "--read-only is set: nothing can be changed");
}

#[tokio::test]
async fn ctrl_c_pauses_and_leaves_nothing_unknown() {
    let (endpoints, explorer) = reach().await;
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 600, 20);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "50/s"]).await, "id").to_owned();
    let running = explorer.start(&["replay", "run", &id, "--yes"]);
    until_sent(&explorer, &id, 1).await;
    running.interrupt().await;
    let ended = running.ended().await;
    assert_eq!(ended.sentence(130), "the replay is paused");
    let ran = explorer.json(&["replay", "resume", &id, "--rate", "max", "--yes"]).await;
    assert_eq!((&ran["sent"], &ran["maybe_repeated"]), (&json!(600), &json!(0)), "{ran}");
    assert_all_once_and_in_order(&arrived(&target).await, 600);
}

#[tokio::test]
async fn aggregated_records_are_taken_apart_unless_they_are_wanted_as_they_are() {
    let (endpoints, explorer) = reach().await;
    let source = archived_stream(&endpoints, 1).await;
    let blob = aggregate(&[("cust-1", None, b"first"), ("cust-2", Some("0"), b"second"), ("cust-1", None, b"third")]);
    for (key, number, payload) in [("a", "11", blob.as_slice()), ("cust-1", "12", b"fourth")] {
        let item = ArchivedItem { key, number, arrival: "1545084650", payload, expire_after: None };
        item.write(&endpoints, &source.table("ALL")).await;
    }
    for (options, expected) in [
        (&[][..], vec![("cust-1", &b"first"[..]), ("cust-1", b"fourth"), ("cust-1", b"third"), ("cust-2", b"second")]),
        (&["userkey:cust-2"], vec![("cust-2", b"second")]),
        (&["third"], vec![("cust-1", b"third")]),
        (&["--as-stored"], vec![("a", blob.as_slice()), ("cust-1", b"fourth")]),
    ] {
        let target = TestStream::create(&endpoints, 2).await;
        let arguments = [&["replay", "run", &source.name], options, &["--to", &target.name, "--yes"]].concat();
        explorer.json(&arguments).await;
        let mut found: Vec<(String, Vec<u8>)> =
            target.records().await.into_iter().map(|record| (record.partition_key, record.payload)).collect();
        found.sort();
        let expected: Vec<_> = expected.into_iter().map(|(key, payload)| (key.to_owned(), payload.to_vec())).collect();
        assert_eq!(found, expected, "{options:?}");
    }
}

#[tokio::test]
async fn the_state_of_a_time_is_the_last_record_of_each_key_then() {
    let (endpoints, explorer) = reach().await;
    let source = archived_stream(&endpoints, 1).await;
    let items = [
        ("cust-1", "5", "1545084650.987"),
        ("cust-2", "6", "1545084651"),
        ("cust-1", "10", "1545084652.5"),
        ("cust-2", "11", "1545084653"),
    ];
    for (key, number, arrival) in items {
        let item = ArchivedItem { key, number, arrival, payload: number.as_bytes(), expire_after: None };
        item.write(&endpoints, &source.table("ALL")).await;
    }
    for (at, expected) in [("1545084651", &["5", "6"][..]), ("2018-12-17T22:10:52.5Z", &["10", "6"]), ("1600000000", &["10", "11"])]
    {
        let target = TestStream::create(&endpoints, 1).await;
        explorer.json(&["replay", "run", &source.name, "--to", &target.name, "--state-as-of", at, "--yes"]).await;
        let mut found: Vec<String> =
            target.records().await.into_iter().map(|record| String::from_utf8(record.payload).unwrap()).collect();
        found.sort();
        assert_eq!(found, expected, "{at}");
    }
}

#[tokio::test]
async fn a_reshard_of_the_target_moves_what_is_not_sent_and_keeps_the_order() {
    let endpoints = Endpoints::start().await;
    let explorer = Explorer::of(super::binary(), &endpoints);
    let test = "a_reshard_of_the_target_moves_what_is_not_sent_and_keeps_the_order";
    if !capability::closes_split_shards(test, &endpoints).await {
        return;
    }
    let target = TestStream::create(&endpoints, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = exported(folder.path(), 1_500, 25);
    let id = text(&plan_file(&explorer, &file, &target, &["--rate", "250/s"]).await, "id").to_owned();
    let running = explorer.start(&["replay", "run", &id, "--yes", "--output", "json"]);
    until_sent(&explorer, &id, 100).await;
    target.split("shardId-000000000000").await;

    let ran = running.ended().await.succeeded().json();

    assert_eq!((&ran["sent"], &ran["maybe_repeated"]), (&json!(1_500), &json!(0)), "{ran}");
    // A parent's records come before its children's.
    assert_all_once_and_in_order(&arrived(&target).await, 1_500);
    let receipts = explorer.json_lines(&["replay", "show", &id, "--receipts"]).await;
    let shards: std::collections::BTreeSet<&str> = receipts.iter().map(|receipt| text(receipt, "new_shard_id")).collect();
    assert_eq!(shards.len(), 3, "{shards:?}");
}

#[tokio::test]
async fn a_part_of_an_archive_is_replayed_by_the_language_of_filters() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 1).await;
    let orders: Vec<(String, Vec<u8>)> = (0..40)
        .map(|number| {
            (
                format!("cust-{}", number % 4),
                json!({"id": number, "status": if number % 5 == 0 { "paid" } else { "open" }}).to_string().into_bytes(),
            )
        })
        .collect();
    source.put_all(&orders).await;
    until_archived(&source, orders.len()).await;
    let target = TestStream::create(&local.endpoints, 1).await;
    let filter = "json:$.status==\"paid\"";
    let ran = explorer.json(&["replay", "run", &source.name, filter, "key:cust-*", "--to", &target.name, "--yes"]).await;
    assert_eq!(ran["sent"], 8, "{ran}");
    let wrong = explorer.run(&["replay", "plan", &source.name, "afer:1h", "--to", &target.name]).await;
    assert_eq!(wrong.code, Some(2), "{wrong:#?}");
    let nameless = explorer.run(&["replay", "plan", &source.name]).await;
    assert!(nameless.sentence(2).starts_with("--to is missing"), "{nameless:#?}");
    let neither = explorer.run(&["replay", "run", &source.name]).await;
    assert!(neither.sentence(2).starts_with("name a plan by its id, or a stream to read and, with --to"), "{neither:#?}");
}
