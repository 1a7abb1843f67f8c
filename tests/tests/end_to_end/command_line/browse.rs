//! Streams, records and single records, as people and as scripts see them.

use super::{archived_stream, binary, start, until_archived};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::command_line::{ArchivedItem, Explorer, RunningLocal};
use end_to_end::stream::{Keys, TestStream};
use end_to_end::wait::eventually;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

/// From a put until the record can be read.
const TIME_TO_ARCHIVE: Duration = Duration::from_secs(2);

#[tokio::test]
async fn streams_are_listed_with_their_archives() {
    let (local, explorer) = start().await;
    let archived = archived_stream(&local.endpoints, 2).await;
    let tags = [("StreamArchiveMode", "latest"), ("ArchiveTTL", "expireSeconds=3600")];
    let latest = TestStream::archived(&local.endpoints, 1, &tags, "latest", Keys::OfModeLatest).await;
    let plain = TestStream::create(&local.endpoints, 1).await;

    let streams = explorer.json(&["streams"]).await;
    let streams = streams.as_array().unwrap();
    assert_eq!(streams.len(), 3);
    let named = |stream: &TestStream| streams.iter().find(|found| found["name"] == stream.name.as_str()).unwrap();
    let expected = json!({
        "name": archived.name, "arn": archived.arn, "status": "ACTIVE", "open_shards": 2, "retention_hours": 24, "mode": "ALL",
        "ttl_seconds": null, "replays": "keep", "compression": "none", "table": archived.table("ALL"), "table_status": "ACTIVE", "items": 0, "size_bytes": 0,
        "health": "ok", "problem": null,
    });
    assert_eq!(*named(&archived), expected);
    let fields = |stream: &Value| ["mode", "ttl_seconds", "table", "health"].map(|field| stream[field].clone());
    assert_eq!(fields(named(&latest)), [json!("LATEST"), json!(3600), json!(latest.table("latest")), json!("ok")]);
    assert_eq!(fields(named(&plain)), [Value::Null, Value::Null, Value::Null, json!("not_archived")]);

    let table = explorer.run(&["streams"]).await.succeeded();
    let lines: Vec<&str> = table.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{table:#?}");
    assert!(lines[0].starts_with("STREAM") && lines[0].ends_with("HEALTH"), "{table:#?}");
    let line = lines.iter().find(|line| line.starts_with(&latest.name)).unwrap();
    assert!(line.contains("LATEST") && line.contains("1 h") && line.ends_with("ok"), "{line}");
    assert_eq!(table.stderr, "");
}

#[tokio::test]
async fn a_record_put_is_found_within_two_seconds() {
    let local = RunningLocal::start(binary(), &[]).await;
    let explorer = Explorer::of(binary(), &local.endpoints);
    let streams = explorer.json(&["streams"]).await;
    let orders = streams.as_array().unwrap().iter().find(|stream| stream["name"] == "orders").unwrap();
    assert_eq!(orders["health"], "ok");
    assert!(orders["items"].as_u64().unwrap() > 100, "{orders}");

    let payload = br#"{"order": 17, "total": 1.10}"#;
    let put = local.endpoints.kinesis.put_record().stream_name("orders").partition_key("cust-of-this-test");
    let put = put.data(aws_sdk_kinesis::primitives::Blob::new(payload.as_slice())).send().await.unwrap();
    let put_at = Instant::now();
    let record = eventually("the record is found", || async {
        let asked_after = put_at.elapsed();
        let get = explorer.run(&["get", "orders", "cust-of-this-test", "--output", "json"]).await;
        if get.code == Some(0) {
            return Some(get.json());
        }
        assert!(get.sentence(3).contains("has no record with key cust-of-this-test"), "{get:#?}");
        assert!(asked_after < TIME_TO_ARCHIVE, "not found {asked_after:?} after it was put");
        None
    })
    .await;
    assert_eq!(record["partition_key"], "cust-of-this-test");
    assert_eq!(record["sequence_number"], put.sequence_number.as_str());
    assert_eq!(record["shard_id"], put.shard_id.as_str());
    assert_eq!(record["data"], STANDARD.encode(payload));
    assert_eq!(record["size_bytes"], payload.len());
    assert_eq!(record["payload"], json!({ "order": 17, "total": 1.10 }));
    assert_eq!(record["encoding"], json!(["base64", "JSON"]));
    assert_eq!(record["problems"], json!([]));

    let same = explorer.json(&["get", "orders", "cust-of-this-test", &put.sequence_number]).await;
    assert_eq!(same, record);
    let people = explorer.run(&["get", "orders", "cust-of-this-test"]).await.succeeded();
    assert!(people.stdout.contains(&put.sequence_number) && people.stdout.contains("\"order\": 17"), "{people:#?}");
}

#[tokio::test]
async fn records_are_chosen_by_key_time_and_number_newest_first() {
    let (local, explorer) = start().await;
    let stream = archived_stream(&local.endpoints, 1).await;
    let items = [
        ("cust-1", "5", "1545084650.987"),
        ("cust-2", "6", "1545084651.5"),
        ("cust-1", "9", "1545084700"),
        ("cust-1", "10", "1545084700"),
        ("cust-3", "11", "1545088250"),
    ];
    for (key, number, arrival) in items {
        let item = ArchivedItem { key, number, arrival, payload: number.as_bytes(), expire_after: None };
        item.write(&local.endpoints, &stream.table("ALL")).await;
    }

    for (range, expected) in [
        (&[][..], &["11", "10", "9", "6", "5"][..]),
        (&["--limit", "2"], &["11", "10"]),
        (&["--key", "cust-1"], &["10", "9", "5"]),
        (&["--key", "cust-1", "--limit", "1"], &["10"]),
        (&["--key", "cust-4"], &[]),
        (&["--after", "1545084700"], &["11", "10", "9"]),
        (&["--before", "1545084700"], &["6", "5"]),
        (&["--after", "2018-12-17T22:10:51Z", "--before", "2018-12-17T23:00Z"], &["10", "9", "6"]),
        (&["--key", "cust-1", "--after", "2018-12-17T22:10:51Z"], &["10", "9"]),
        (&["--after", "1h"], &[]),
    ] {
        let records = explorer.json_lines(&[&["records", &stream.name], range].concat()).await;
        let numbers: Vec<&str> = records.iter().map(|record| record["sequence_number"].as_str().unwrap()).collect();
        assert_eq!(numbers, expected, "{range:?}");
    }

    let none = explorer.run(&["records", &stream.name, "--limit", "0"]).await;
    assert_eq!(none.code, Some(2), "no records are no answer: {none:#?}");
    let records = explorer.run(&["records", &stream.name, "--limit", "1", "--output", "json"]).await.succeeded();
    assert!(records.stdout.contains(r#""approximate_arrival_timestamp":1545088250,"#), "{records:#?}");
    let table = explorer.run(&["records", &stream.name]).await.succeeded();
    assert_eq!(table.stdout.lines().count(), 1 + items.len(), "{table:#?}");
    for (range, reason) in [(["--after", "soon"], "\"soon\" is not a time"), (["--key", ""], "--key is empty")] {
        let refused = explorer.run(&[&["records", &stream.name], &range[..]].concat()).await;
        assert!(refused.sentence(2).contains(reason), "{refused:#?}");
    }
}

#[tokio::test]
async fn payloads_are_decoded_and_their_bytes_are_exact() {
    let (local, explorer) = start().await;
    let stream = archived_stream(&local.endpoints, 1).await;
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(b"{\"level\": \"warn\"}").unwrap();
    let cases = [
        ("json", br#"{"id":12345678901234567890,"total":1.10}"#.to_vec(), json!(null), vec!["base64", "JSON"]),
        (
            "lines",
            b"{\n  \"state\": \"paid\",\r\n  \"text\": \"a\\nb\"\n}\n".to_vec(),
            json!({ "state": "paid", "text": "a\nb" }),
            vec!["base64", "JSON"],
        ),
        ("values", b"{\"a\":1}\n{\"a\":2}".to_vec(), json!("{\"a\":1}\n{\"a\":2}"), vec!["base64", "JSON"]),
        ("gzip", gzip.finish().unwrap(), json!({ "level": "warn" }), vec!["base64", "gzip", "JSON"]),
        ("text", "Zürich".into(), json!("Zürich"), vec!["base64", "text"]),
        ("binary", every_byte, Value::Null, vec!["base64", "binary"]),
    ];
    for (key, payload, _, _) in &cases {
        stream.put(key, payload).await;
    }
    until_archived(&stream, cases.len()).await;

    let records = explorer.json_lines(&["records", &stream.name]).await;
    assert_eq!(records.len(), cases.len());
    for (key, payload, decoded, encoding) in &cases {
        let record = records.iter().find(|record| record["partition_key"] == *key).unwrap();
        assert_eq!(record["data"], STANDARD.encode(payload), "{key}");
        assert_eq!(record["size_bytes"], payload.len(), "{key}");
        assert_eq!(record["encoding"], json!(encoding), "{key}");
        if *key != "json" {
            assert_eq!(record["payload"], *decoded, "{key}");
        }
    }
    // Numbers stay as they were written, even if a JSON reader would change them.
    let get = explorer.run(&["get", &stream.name, "json", "--output", "json"]).await.succeeded();
    assert!(get.stdout.contains(r#""payload":{"id":12345678901234567890,"total":1.10}"#), "{get:#?}");
    assert_eq!(get.stdout.lines().count(), 1);
}

#[tokio::test]
async fn a_reader_that_goes_ends_the_command_quietly() {
    let (local, explorer) = start().await;
    let stream = archived_stream(&local.endpoints, 1).await;
    // More than fits into a pipe.
    let records: Vec<(String, Vec<u8>)> = (0..500).map(|number| (format!("cust-{number}"), vec![b'x'; 400])).collect();
    stream.put_all(&records).await;
    until_archived(&stream, records.len()).await;

    for output in ["json", "table"] {
        let mut process = explorer.command(&["records", &stream.name, "--output", output]).spawn().unwrap();
        let mut lines = BufReader::with_capacity(64, process.stdout.take().unwrap()).lines();
        assert!(lines.next_line().await.unwrap().is_some());
        drop(lines);
        let mut stderr = String::new();
        process.stderr.take().unwrap().read_to_string(&mut stderr).await.unwrap();
        assert_eq!((process.wait().await.unwrap().code(), stderr.as_str()), (Some(0), ""), "{output}");
    }
}
