//! Records that are stored compressed, in parts, or as user records: read back and replayed as they were put.

use super::{archived_stream, start};
use archiver::format::payload::{PART_TEXT_BYTES, parts};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::command_line::{ArchivedItem, Explorer, RunningLocal, Storage, write_parts};
use end_to_end::event::noise;
use end_to_end::proxy::{Fault, Proxy, Script};
use end_to_end::stream::TestStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write as _;

/// Largest payload of a record. Source: Kinesis quotas, maximum record size.
const LARGEST_BYTES: usize = 10 * 1024 * 1024;

fn gzip(payload: &[u8]) -> String {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(payload).unwrap();
    STANDARD.encode(encoder.finish().unwrap())
}

/// A stream with its table and the table of parts.
async fn stream_with_parts(local: &RunningLocal) -> TestStream {
    let stream = archived_stream(&local.endpoints, 1).await;
    stream.create_parts_table().await;
    stream
}

/// Writes a record under its key, the number its arrival, too.
async fn write(local: &RunningLocal, stream: &TestStream, key: &str, number: &str, payload: &[u8], storage: Storage<'_>) {
    let item = ArchivedItem { key, number, arrival: number, payload, expire_after: None };
    item.write_stored(&local.endpoints, &stream.table("ALL"), storage).await;
}

/// Writes a payload's text in parts, except those left out, and its item. Returns the number of parts there should be.
async fn write_in_parts(
    local: &RunningLocal,
    stream: &TestStream,
    (key, number): (&str, &str),
    text: &str,
    encoding: Option<&str>,
    left_out: &[usize],
) -> usize {
    let all: Vec<(usize, &str)> = parts(text).enumerate().collect();
    let count = all.len();
    let kept = all.into_iter().filter(|(place, _)| !left_out.contains(place));
    write_parts(&local.endpoints, &stream.table("parts"), number, kept).await;
    let storage = Storage { data: Some(""), encoding, parts: Some(count), ..Storage::default() };
    write(local, stream, key, number, b"", storage).await;
    count
}

async fn by_key(explorer: &Explorer, stream: &TestStream) -> BTreeMap<String, Value> {
    let records = explorer.json_lines(&["records", &stream.name]).await;
    records.into_iter().map(|record| (record["partition_key"].as_str().unwrap().to_owned(), record)).collect()
}

fn fields<const COUNT: usize>(record: &Value, names: [&str; COUNT]) -> [Value; COUNT] {
    names.map(|name| record[name].clone())
}

#[tokio::test]
async fn however_a_payload_is_stored_it_is_read_as_it_was_put() {
    let (local, explorer) = start().await;
    let stream = stream_with_parts(&local).await;
    let order = format!("{{\"order\":17,\"note\":\"{}\"}}", "paid ".repeat(100)).into_bytes();
    let packed = gzip(&order);
    let storage = Storage { data: Some(&packed), encoding: Some("gzip"), ..Storage::default() };
    write(&local, &stream, "gzip", "11", &order, storage).await;
    let storage = Storage { sub_sequence_number: Some(3), ..Storage::default() };
    write(&local, &stream, "user", "12", &order, storage).await;
    let scan = noise(PART_TEXT_BYTES, 1);
    let count = write_in_parts(&local, &stream, ("parts", "13"), &STANDARD.encode(&scan), None, &[]).await;
    assert_eq!(count, 2);
    // A payload that is itself gzip may be compressed again by the archiver.
    let producers = STANDARD.decode(&packed).unwrap();
    write_in_parts(&local, &stream, ("gzip parts", "14"), &gzip(&producers), Some("gzip"), &[]).await;

    let records = by_key(&explorer, &stream).await;
    for (key, payload, stored_as, encoding) in [
        ("gzip", &order, "gzip", json!(["base64", "JSON"])),
        ("user", &order, "whole", json!(["base64", "JSON"])),
        ("parts", &scan, "parts", json!(["base64", "binary"])),
        ("gzip parts", &producers, "gzip parts", json!(["base64", "gzip", "JSON"])),
    ] {
        let found = fields(&records[key], ["data", "size_bytes", "stored_as", "encoding", "problems"]);
        let expected = [json!(STANDARD.encode(payload)), json!(payload.len()), json!(stored_as), encoding, json!([])];
        assert!(found == expected, "{key} is {stored_as}");
        assert!(explorer.json(&["get", &stream.name, key]).await == records[key], "{key}");
    }
    assert_eq!(records["gzip"]["payload"]["order"], 17);
    assert_eq!(fields(&records["user"], ["sequence_number", "sub_sequence_number"]), [json!("12"), json!(3)]);
    assert_eq!(records["gzip"]["sub_sequence_number"], Value::Null);

    let people = explorer.run(&["get", &stream.name, "gzip parts"]).await.succeeded();
    assert!(people.stdout.contains("stored gzip › gzip › JSON"), "{people:#?}");
    assert!(people.stdout.contains("as gzip, in 1 part\n") && people.stdout.contains("\"order\": 17"), "{people:#?}");
    let people = explorer.run(&["records", &stream.name]).await.succeeded();
    assert!(people.stdout.contains("{\"order\":17,") && people.stdout.contains("(in 2 parts)"), "{people:#?}");

    let target = TestStream::create(&local.endpoints, 1).await;
    let replayed = explorer.json(&["replay", "run", &stream.name, "--to", &target.name, "--yes"]).await;
    assert_eq!(fields(&replayed, ["sent", "failed"]), [json!(4), json!(0)], "{replayed}");
    let bytes = order.len() * 2 + scan.len() + producers.len();
    assert_eq!(replayed["payload_bytes"], bytes);
    let found: BTreeMap<String, Vec<u8>> =
        target.records().await.into_iter().map(|record| (record.partition_key, record.payload)).collect();
    let expected = [("gzip", &order), ("gzip parts", &producers), ("parts", &scan), ("user", &order)];
    assert!(found == expected.map(|(key, payload)| (key.to_owned(), payload.clone())).into());
}

#[tokio::test]
async fn what_is_damaged_is_said_and_never_shown_or_replayed_as_something_else() {
    let (local, explorer) = start().await;
    let stream = stream_with_parts(&local).await;
    write(&local, &stream, "sound", "11", b"{}", Storage::default()).await;
    let packed = gzip(&[b'x'; 1_000]);
    for (key, number, data, encoding) in [
        ("unknown encoding", "12", packed.as_str(), "zstd"),
        ("no gzip", "13", "SGVsbG8=", "gzip"),
        ("half a gzip", "14", &packed[..packed.len() / 8 * 4], "gzip"),
    ] {
        let storage = Storage { data: Some(data), encoding: Some(encoding), ..Storage::default() };
        write(&local, &stream, key, number, b"", storage).await;
    }
    let text = STANDARD.encode(noise(3 * PART_TEXT_BYTES, 2));
    write_in_parts(&local, &stream, ("a part missing", "15"), &text, None, &[2]).await;
    write_in_parts(&local, &stream, ("no parts", "16"), &text, Some("gzip"), &[0, 1, 2, 3]).await;
    let storage = Storage { data: Some(""), parts: Some(0), ..Storage::default() };
    write(&local, &stream, "parts of none", "17", b"", storage).await;
    let table = stream.table("parts");
    let reasons = BTreeMap::from([
        ("unknown encoding", "its recordEncoding is \"zstd\", which this version cannot read".to_owned()),
        ("no gzip", "its recordData is not the gzip that recordEncoding says".to_owned()),
        ("half a gzip", "its recordData is not the gzip that recordEncoding says".to_owned()),
        ("a part missing", format!("part 3 of 4 is missing from table {table}")),
        ("no parts", format!("part 1 of 4 is missing from table {table}")),
        ("parts of none", "its recordParts cannot be read".to_owned()),
    ]);

    let records = by_key(&explorer, &stream).await;
    for (key, reason) in &reasons {
        let record = &records[*key];
        assert_eq!(fields(record, ["data", "payload", "size_bytes"]), [Value::Null, Value::Null, Value::Null], "{record}");
        let problems = record["problems"].as_array().unwrap();
        assert!(problems.iter().any(|problem| problem.as_str().unwrap().starts_with(reason)), "{key}: {problems:?}");
        assert_eq!(explorer.json(&["get", &stream.name, key]).await, *record);
        let people = explorer.run(&["get", &stream.name, key]).await.succeeded();
        assert!(people.stdout.contains(reason), "{people:#?}");
    }
    assert_eq!(fields(&records["unknown encoding"], ["stored_as"]), [Value::Null]);
    assert_eq!(fields(&records["no parts"], ["stored_as"]), [json!("gzip parts")]);

    let target = TestStream::create(&local.endpoints, 1).await;
    let finished = explorer.run(&["replay", "run", &stream.name, "--to", &target.name, "--yes", "--output", "json"]).await;
    assert!(finished.sentence(1).contains(&format!("cannot replay {} of the records", reasons.len())), "{finished:#?}");
    let replayed = finished.json();
    assert_eq!(fields(&replayed, ["state", "sent", "failed"]), [json!("finished"), json!(1), json!(reasons.len())]);
    for impossible in replayed["passed_over"].as_array().unwrap() {
        let reason = &reasons[impossible["partition_key"].as_str().unwrap()];
        assert!(impossible["reason"].as_str().unwrap().starts_with(reason), "{impossible}");
    }
    assert_eq!(target.records().await.len(), 1);
}

#[tokio::test]
async fn without_a_table_of_parts_the_record_is_named_and_the_others_go() {
    let (local, explorer) = start().await;
    let stream = archived_stream(&local.endpoints, 1).await;
    write(&local, &stream, "sound", "11", b"{}", Storage::default()).await;
    let storage = Storage { data: Some(""), parts: Some(36), ..Storage::default() };
    write(&local, &stream, "scan", "12", b"", storage).await;
    let reason = format!("it is in 36 parts, but their table {} does not exist", stream.table("parts"));

    let record = explorer.json(&["get", &stream.name, "scan"]).await;
    assert_eq!(fields(&record, ["data", "problems"]), [Value::Null, json!([reason])]);
    let target = TestStream::create(&local.endpoints, 1).await;
    let finished = explorer.run(&["replay", "run", &stream.name, "--to", &target.name, "--yes", "--output", "json"]).await;
    let replayed = finished.json();
    assert_eq!(fields(&replayed, ["state", "sent", "failed"]), [json!("finished"), json!(1), json!(1)]);
    assert_eq!(replayed["passed_over"][0]["reason"], reason);
}

#[tokio::test]
async fn the_largest_record_is_replayed_where_the_target_takes_it() {
    let (local, explorer) = start().await;
    let stream = stream_with_parts(&local).await;
    let scan = noise(LARGEST_BYTES - "scan".len(), 3);
    let count = write_in_parts(&local, &stream, ("scan", "11"), &STANDARD.encode(&scan), None, &[]).await;
    assert_eq!(count, 36);
    // Small in the archive, and as large as the others when it is put.
    let empty = vec![b' '; LARGEST_BYTES - "empty".len()];
    let packed = gzip(&empty);
    let storage = Storage { data: Some(&packed), encoding: Some("gzip"), ..Storage::default() };
    write(&local, &stream, "empty", "12", &empty, storage).await;

    let record = explorer.json(&["get", &stream.name, "scan"]).await;
    assert!(record["data"] == STANDARD.encode(&scan) && record["size_bytes"] == scan.len());

    for (max_record_kib, fit) in [(10 * 1024, true), (10 * 1024 - 1, false)] {
        let script = Script { fault: |_| Fault::Kept, max_record_kib: Some(max_record_kib) };
        let proxy = Proxy::start(&local.endpoints.kinesis_url, script).await;
        let explorer = Explorer::of(super::binary(), &local.endpoints).with("AWS_ENDPOINT_URL_KINESIS", &proxy.url);
        let target = TestStream::create(&local.endpoints, 1).await;
        let finished = explorer.run(&["replay", "run", &stream.name, "--to", &target.name, "--yes", "--output", "json"]).await;
        let replayed = finished.json();
        if fit {
            assert_eq!(fields(&replayed, ["sent", "failed"]), [json!(2), json!(0)], "{replayed}");
            let found: BTreeMap<String, String> = proxy.kept().into_iter().collect();
            assert!(found["scan"] == STANDARD.encode(&scan) && found["empty"] == STANDARD.encode(&empty));
            assert_eq!(proxy.calls(), 2, "each fills a call");
        } else {
            assert_eq!(fields(&replayed, ["sent", "failed"]), [json!(0), json!(2)], "{replayed}");
            for impossible in replayed["passed_over"].as_array().unwrap() {
                let reason = impossible["reason"].as_str().unwrap();
                let limit = "with its key it has 10 485 760 bytes, but stream";
                assert!(reason.starts_with(limit) && reason.ends_with("takes at most 10 484 736"), "{reason}");
            }
            assert_eq!(proxy.calls(), 0);
        }
    }
}
