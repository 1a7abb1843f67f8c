//! Configuring how a stream is archived.

use super::{start, until_archived};
use aws_sdk_dynamodb::types::TimeToLiveStatus;
use end_to_end::endpoints::Endpoints;
use end_to_end::stream::{Keys, TestStream};
use end_to_end::wait::eventually;
use serde_json::{Value, json};
use std::collections::BTreeMap;

async fn tags(endpoints: &Endpoints, stream: &TestStream) -> BTreeMap<String, String> {
    let tags = endpoints.kinesis.list_tags_for_stream().stream_name(&stream.name).send().await.unwrap().tags;
    tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()
}

fn tags_of<const COUNT: usize>(tags: [(&str, &str); COUNT]) -> BTreeMap<String, String> {
    tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// Key schema of a table; `None` if it does not exist.
async fn keys(endpoints: &Endpoints, table: &str) -> Option<Vec<String>> {
    let table = endpoints.dynamodb.describe_table().table_name(table).send().await.ok()?.table?;
    Some(table.key_schema?.into_iter().map(|key| format!("{} {}", key.key_type.as_str(), key.attribute_name)).collect())
}

fn calls(configured: &Value) -> Vec<&str> {
    configured["calls"].as_array().unwrap().iter().map(|call| call.as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_stream_is_archived_as_configured_from_its_first_record_on() {
    let (local, explorer) = start().await;
    let endpoints = &local.endpoints;
    let stream = TestStream::create(endpoints, 2).await;
    let records: Vec<(String, Vec<u8>)> = (0..20).map(|number| (format!("cust-{number}"), vec![number])).collect();
    stream.put_all(&records).await;
    let name = stream.name.as_str();
    let (table, parts) = (stream.table("ALL"), stream.table("parts"));

    let configured = explorer.json(&["configure", name, "--mode", "ALL", "--ttl", "1h", "--yes"]).await;
    let expected_calls = [
        format!("dynamodb CreateTable {table} (hash key partitionKey and range key sequenceNumber, on demand)"),
        format!("dynamodb UpdateTimeToLive {table} (attribute expireAfter)"),
        format!("dynamodb CreateTable {parts} (hash key partOf and range key part, on demand)"),
        format!("dynamodb UpdateTimeToLive {parts} (attribute expireAfter)"),
        format!("kinesis AddTagsToStream {name} (StreamArchiveMode=ALL, ArchiveTTL=expireSeconds=3600)"),
    ];
    let expected = json!({
        "stream": name, "mode": "ALL", "ttl_seconds": 3600, "replays": "keep", "compression": "none", "table": table,
        "calls": expected_calls, "warnings": [],
    });
    assert_eq!(configured, expected);
    assert_eq!(keys(endpoints, &table).await.unwrap(), ["HASH partitionKey", "RANGE sequenceNumber"]);
    assert_eq!(keys(endpoints, &parts).await.unwrap(), ["HASH partOf", "RANGE part"]);
    for table in [&table, &parts] {
        let ttl = endpoints.dynamodb.describe_time_to_live().table_name(table).send().await.unwrap();
        let ttl = ttl.time_to_live_description.unwrap();
        assert_eq!(ttl.time_to_live_status, Some(TimeToLiveStatus::Enabled));
        assert_eq!(ttl.attribute_name.as_deref(), Some("expireAfter"));
    }
    let with_ttl = |ttl| tags_of([("StreamArchiveMode", "ALL"), ("ArchiveTTL", ttl)]);
    assert_eq!(tags(endpoints, &stream).await, with_ttl("expireSeconds=3600"));
    until_archived(&stream, records.len()).await;
    assert!(stream.items("ALL").await.iter().all(|item| item.contains_key("expireAfter")));

    let again = explorer.json(&["configure", name, "--mode", "all", "--ttl", "3600", "--yes"]).await;
    assert_eq!((calls(&again), &again["ttl_seconds"]), (vec![], &json!(3600)));
    let said = explorer.run(&["configure", name, "--mode", "ALL", "--ttl", "60m"]).await.succeeded();
    assert!(said.stdout.contains("is already configured like this"), "{said:#?}");

    let longer = explorer.json(&["configure", name, "--mode", "ALL", "--ttl", "2h", "--yes"]).await;
    assert_eq!((calls(&longer).len(), &longer["ttl_seconds"]), (1, &json!(7200)));
    assert_eq!(tags(endpoints, &stream).await, with_ttl("expireSeconds=7200"));

    let unsaid = explorer.json(&["configure", name, "--mode", "ALL", "--yes"]).await;
    assert_eq!((calls(&unsaid).len(), &unsaid["ttl_seconds"]), (0, &json!(7200)), "what is not said stays as it is");

    let for_ever = explorer.json(&["configure", name, "--mode", "ALL", "--ttl", "none", "--yes"]).await;
    assert_eq!(for_ever["ttl_seconds"], Value::Null);
    assert_eq!(for_ever["warnings"].as_array().unwrap().len(), 1, "{for_ever}");
    assert_eq!(tags(endpoints, &stream).await, tags_of([("StreamArchiveMode", "ALL")]));
    eventually("new items are kept for ever", || async {
        stream.put("cust-for-ever", b"{}").await;
        let items = stream.items("ALL").await;
        items.iter().any(|item| !item.contains_key("expireAfter")).then_some(())
    })
    .await;

    let removed = explorer.json(&["configure", name, "--remove", "--yes"]).await;
    assert_eq!((&removed["mode"], calls(&removed).len()), (&Value::Null, 1));
    assert_eq!(tags(endpoints, &stream).await, BTreeMap::new());
    assert!(stream.items("ALL").await.len() > records.len());
    let again = explorer.json(&["configure", name, "--remove", "--yes"]).await;
    assert_eq!(calls(&again), Vec::<&str>::new());
}

#[tokio::test]
async fn replays_and_compression_are_chosen_and_stay_as_they_are_where_nothing_is_said() {
    let (local, explorer) = start().await;
    let stream = TestStream::create(&local.endpoints, 1).await;
    let configure = ["configure", &stream.name, "--mode", "ALL", "--yes"];
    let all = ("StreamArchiveMode", "ALL");
    for (options, replays, compression, expected) in [
        (
            &["--replays", "skip", "--compression", "GZIP"][..],
            "skip",
            "gzip",
            tags_of([all, ("ArchiveReplays", "skip"), ("ArchiveCompression", "gzip")]),
        ),
        (&[], "skip", "gzip", tags_of([all, ("ArchiveReplays", "skip"), ("ArchiveCompression", "gzip")])),
        (&["--compression", "none"], "skip", "none", tags_of([all, ("ArchiveReplays", "skip")])),
        (&["--replays", "keep"], "keep", "none", tags_of([all])),
    ] {
        let configured = explorer.json(&[&configure[..], options].concat()).await;
        let found = (&configured["replays"], &configured["compression"]);
        assert_eq!(found, (&json!(replays), &json!(compression)), "{options:?}");
        assert_eq!(tags(&local.endpoints, &stream).await, expected, "{options:?}");
        let listed = explorer.json(&["streams"]).await;
        assert_eq!((&listed[0]["replays"], &listed[0]["compression"]), (&json!(replays), &json!(compression)));
    }
    for wrong in [&["--replays", "drop"][..], &["--compression", "zstd"]] {
        let refused = explorer.run(&[&configure[..], wrong].concat()).await;
        assert_eq!(refused.code, Some(2), "{refused:#?}");
    }

    stream.tag(&[("ArchiveCompression", "zstd")]).await;
    let listed = explorer.json(&["streams"]).await;
    assert_eq!((&listed[0]["health"], &listed[0]["compression"]), (&json!("tag_unreadable"), &Value::Null));
    assert!(listed[0]["problem"].as_str().unwrap().contains("ArchiveCompression = \"zstd\""), "{listed}");
    explorer.json(&configure).await;
    assert_eq!(tags(&local.endpoints, &stream).await, tags_of([all]));
}

#[tokio::test]
async fn mode_latest_gets_a_table_of_its_own() {
    let (local, explorer) = start().await;
    let stream = TestStream::create(&local.endpoints, 1).await;
    explorer.json(&["configure", &stream.name, "--mode", "ALL", "--yes"]).await;

    let configured = explorer.json(&["configure", &stream.name, "--mode", "latest", "--yes"]).await;

    assert_eq!((&configured["mode"], &configured["table"]), (&json!("LATEST"), &json!(stream.table("LATEST"))));
    assert!(configured["warnings"][0].as_str().unwrap().contains(&stream.table("ALL")), "{configured}");
    assert_eq!(keys(&local.endpoints, &stream.table("LATEST")).await.unwrap(), ["HASH partitionKey"]);
    let mut number = 0;
    eventually("the newest record is archived there", || {
        number += 1;
        let (stream, explorer) = (&stream, &explorer);
        async move {
            // The archiver may use earlier settings for a moment.
            stream.put("cust-42", format!("{{\"order\":{number}}}").as_bytes()).await;
            let record = explorer.run(&["get", &stream.name, "cust-42", "--output", "json"]).await;
            (record.code == Some(0) && record.json()["payload"]["order"].as_i64() > Some(1)).then_some(())
        }
    })
    .await;
    assert_eq!(stream.items("LATEST").await.len(), 1);
}

#[tokio::test]
async fn nothing_is_changed_without_a_yes() {
    let (local, explorer) = start().await;
    let stream = TestStream::create(&local.endpoints, 1).await;
    let configure = ["configure", &stream.name, "--mode", "ALL"];

    let unasked = explorer.run(&configure).await;
    assert_eq!(unasked.sentence(2), "there is no terminal to confirm on; add --yes");
    let read_only = explorer.run(&[&configure[..], &["--yes", "--read-only"]].concat()).await;
    assert_eq!(read_only.sentence(2), "--read-only is set: nothing can be changed");
    let replay = explorer.run(&["replay", "run", &stream.name, "--to", &stream.name, "--yes", "--read-only"]).await;
    assert_eq!(replay.sentence(2), "--read-only is set: nothing can be changed");
    for wrong in [&["--mode", "SOME"][..], &["--mode", "ALL", "--ttl", "soon"], &["--mode", "ALL", "--remove"], &[]] {
        let refused = explorer.run(&[&["configure", &stream.name, "--yes"], wrong].concat()).await;
        assert_eq!(refused.code, Some(2), "{refused:#?}");
    }

    for table in ["ALL", "parts"] {
        assert_eq!(keys(&local.endpoints, &stream.table(table)).await, None);
    }
    assert_eq!(tags(&local.endpoints, &stream).await, BTreeMap::new());
}

#[tokio::test]
async fn a_table_in_the_way_is_named_and_left_as_it_is() {
    let (local, explorer) = start().await;
    let stream = TestStream::create(&local.endpoints, 1).await;
    stream.create_table("ALL", Keys::OfModeLatest).await;
    stream.create_table("parts", Keys::OfModeAll).await;

    for (mode, table) in [("ALL", stream.table("ALL")), ("LATEST", stream.table("parts"))] {
        let refused = explorer.run(&["configure", &stream.name, "--mode", mode, "--yes"]).await;
        let sentence = refused.sentence(1);
        assert!(sentence.contains(&table) && sentence.contains("move it away first"), "{sentence}");
    }
    assert_eq!(keys(&local.endpoints, &stream.table("LATEST")).await, None);
    assert_eq!(tags(&local.endpoints, &stream).await, BTreeMap::new());
}

#[tokio::test]
async fn the_work_is_done_though_nobody_listens() {
    let (local, explorer) = start().await;
    let stream = TestStream::create(&local.endpoints, 1).await;

    let mut process = explorer.command(&["configure", &stream.name, "--mode", "ALL", "--yes"]).spawn().unwrap();
    drop(process.stderr.take());
    assert_eq!(process.wait().await.unwrap().code(), Some(0));
    assert_eq!(tags(&local.endpoints, &stream).await, tags_of([("StreamArchiveMode", "ALL")]));

    let mut process = explorer.command(&["configure", &stream.name, "--mode", "LATEST"]).spawn().unwrap();
    drop(process.stderr.take());
    assert_eq!(process.wait().await.unwrap().code(), Some(2));
}
