//! `explorer describe`: one stream and its archive, whatever is left of the two and whatever may be read.

use super::{archived_stream, reach_alone, start};
use end_to_end::fault_proxy::{Fault, FaultProxy, Refusal};
use end_to_end::stream::{Keys, TestStream};
use end_to_end::wait::eventually;
use serde_json::{Value, json};

#[tokio::test]
async fn a_stream_is_described_with_its_archive() {
    let (local, explorer) = start().await;
    let tags = [("StreamArchiveMode", "latest"), ("ArchiveTTL", "expireSeconds=3600"), ("team", "checkout")];
    let stream = TestStream::archived(&local.endpoints, 2, &tags, "latest", Keys::OfModeLatest).await;
    let described = explorer.json(&["describe", &stream.name]).await;
    for (field, expected) in [
        ("name", json!(stream.name)),
        ("arn", json!(stream.arn)),
        ("status", json!("ACTIVE")),
        ("capacity_mode", json!("provisioned")),
        ("open_shards", json!(2)),
        ("retention_hours", json!(24)),
        ("is_encrypted", json!(false)),
        ("consumers", json!([])),
        ("tags", json!({ "StreamArchiveMode": "latest", "ArchiveTTL": "expireSeconds=3600", "team": "checkout" })),
        ("mode", json!("LATEST")),
        ("ttl_seconds", json!(3600)),
        ("health", json!("ok")),
        ("parts_table", Value::Null),
    ] {
        assert_eq!(described[field], expected, "{field}: {described}");
    }
    let table = &described["records_table"];
    assert_eq!((&table["name"], &table["hash_key"]), (&json!(stream.table("latest")), &json!("partitionKey")));
    assert_eq!((&table["range_key"], &table["is_expiry_on"]), (&Value::Null, &json!(false)));
    assert!(described["created_at"].as_str().unwrap().ends_with('Z'), "{described}");
    // The emulator has no backups, and says so.
    assert_eq!(table["is_recovery_on"], Value::Null);
    assert!(described["unreadable"][0].as_str().unwrap().contains("recovery of table"), "{described}");
    let problem = described["problems"][0].as_str().unwrap();
    assert!(problem.contains(&format!("expiry of table {} is off", stream.table("latest"))), "{problem}");

    let people = explorer.run(&["describe", &stream.name]).await.succeeded();
    for words in ["latest: only the newest record", "hash key partitionKey", "2 open shards", "team = checkout", "problem"] {
        assert!(people.stdout.contains(words), "{words}: {people:#?}");
    }
    assert!(people.stderr.contains(&format!("explorer configure {} mends what is wrong", stream.name)), "{people:#?}");
    let configured = explorer.run(&["configure", &stream.name, "--mode", "latest", "--ttl", "1h", "--yes"]).await;
    assert_eq!(configured.code, Some(0), "{configured:#?}");
    let mended = explorer.json(&["describe", &stream.name]).await;
    assert_eq!(mended["problems"], json!([]), "{mended}");
    assert_eq!(mended["records_table"]["expires_by"], "expireAfter");
}

#[tokio::test]
async fn half_of_the_two_is_described_and_neither_is_an_error() {
    let (endpoints, explorer) = reach_alone().await;
    let plain = TestStream::create(&endpoints, 1).await;
    let described = explorer.json(&["describe", &plain.name]).await;
    assert_eq!((&described["health"], &described["records_table"]), (&json!("not_archived"), &Value::Null));

    let stream = archived_stream(&endpoints, 1).await;
    endpoints.kinesis.delete_stream().stream_name(&stream.name).send().await.unwrap();
    eventually("the stream is deleted", || async {
        let described = endpoints.kinesis.describe_stream_summary().stream_name(&stream.name).send().await;
        described.is_err().then_some(())
    })
    .await;
    let left = explorer.json(&["describe", &stream.name]).await;
    assert_eq!((&left["status"], &left["health"]), (&json!("DELETED"), &json!("stream_deleted")), "{left}");
    assert_eq!(left["records_table"]["name"], stream.table("ALL").as_str());

    let neither = explorer.run(&["describe", "nothing-of-this-name"]).await;
    let sentence = neither.sentence(3);
    assert!(sentence.contains("neither such a stream nor its archive"), "{sentence}");
}

#[tokio::test]
async fn what_may_not_be_read_is_named_and_the_rest_is_told() {
    let (endpoints, explorer) = reach_alone().await;
    let stream = archived_stream(&endpoints, 1).await;
    let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
    let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &kinesis.url).with("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.url);
    let refuse = |denied: &'static str| {
        move |call: &end_to_end::fault_proxy::Call| match call.operation == denied {
            true => Fault::Refuse(Refusal::AccessDenied),
            false => Fault::Pass,
        }
    };
    dynamodb.follow(refuse("DescribeTimeToLive"));
    kinesis.follow(refuse("ListTagsForStream"));
    let described = explorer.json(&["describe", &stream.name]).await;
    let unreadable = described["unreadable"].to_string();
    for permission in ["dynamodb:DescribeTimeToLive", "kinesis:ListTagsForStream"] {
        assert!(unreadable.contains(permission), "{permission}: {described}");
    }
    let known = [&described["open_shards"], &described["records_table"]["name"]];
    assert_eq!(known, [&json!(1), &json!(stream.table("ALL"))], "the table is found by its name");
    assert_eq!((&described["mode"], &described["health"]), (&Value::Null, &Value::Null), "nothing is guessed");

    kinesis.follow(refuse("DescribeStreamSummary"));
    let people = explorer.run(&["describe", &stream.name]).await.succeeded();
    assert!(people.stdout.contains("no permission: it needs kinesis:DescribeStreamSummary"), "{people:#?}");
    assert!(people.stdout.contains(&stream.table("ALL")), "{people:#?}");
}
