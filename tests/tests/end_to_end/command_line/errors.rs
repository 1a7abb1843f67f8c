//! A command that fails says so in one sentence, soon, and with an exit code.

use super::{archived_stream, binary, reach_alone, start};
use end_to_end::command_line::{Explorer, Finished};
use end_to_end::endpoints::Endpoints;
use end_to_end::fault_proxy::{Call, Fault, FaultProxy, Refusal};
use end_to_end::stream::{Keys, TestStream};
use std::net::TcpListener;
use std::time::Duration;

/// How soon the sentence must appear.
const PROMPT: Duration = Duration::from_secs(4);

/// The sentence, if it is the only output.
fn only_sentence(finished: &Finished, code: i32) -> &str {
    let sentence = finished.sentence(code);
    assert_eq!((finished.stderr.lines().count(), finished.stdout.as_str()), (1, ""), "{finished:#?}");
    assert!(finished.took < PROMPT, "{finished:#?}");
    sentence
}

/// The URL of a port that nothing listens on.
fn nobody() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn nowhere() -> Explorer {
    Explorer::of(binary(), &Endpoints::at(nobody(), nobody()))
}

#[tokio::test]
async fn an_endpoint_where_nobody_listens() {
    let explorer = nowhere();
    for (command, operation) in [
        (&["streams"][..], "list the streams of region us-east-1"),
        (&["get", "orders", "cust-42"], "describe stream orders"),
        (&["configure", "orders", "--mode", "ALL", "--yes"], "describe stream orders"),
        (&["tail", "orders"], "list the shards of stream orders"),
    ] {
        let finished = explorer.run(command).await;
        let sentence = only_sentence(&finished, 1);
        assert!(sentence.starts_with(&format!("cannot {operation}: ")), "{sentence}");
        assert!(sentence.contains("refused") && sentence.contains("--endpoint-url"), "{sentence}");
    }
    let explorer = explorer.without("AWS_ENDPOINT_URL_KINESIS").without("AWS_ENDPOINT_URL_DYNAMODB");
    let finished = explorer.run(&["streams", "--endpoint-url", &nobody()]).await;
    assert!(only_sentence(&finished, 1).contains("refused"), "{finished:#?}");
    let finished = explorer.run(&["streams", "--endpoint-url", "nonsense"]).await;
    assert!(only_sentence(&finished, 1).contains("--endpoint-url"), "{finished:#?}");
}

#[tokio::test]
async fn a_dynamodb_that_is_not_there() {
    let (local, explorer) = start().await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_DYNAMODB", &nobody());
    let stream = archived_stream(&local.endpoints, 1).await;
    let finished = explorer.run(&["records", &stream.name]).await;
    let sentence = finished.sentence(1);
    assert!(sentence.starts_with(&format!("cannot describe table {}: ", stream.table("ALL"))), "{sentence}");
    assert!(sentence.contains("refused"), "{sentence}");

    let finished = explorer.run(&["streams", "--output", "json"]).await;
    assert!(finished.sentence(1).contains("refused"), "{finished:#?}");
    let streams = finished.json();
    assert_eq!(streams[0]["name"], stream.name.as_str(), "what is not known of a stream hides neither it nor the others");
    assert_eq!(streams[0]["health"], serde_json::Value::Null);
    assert!(streams[0]["problem"].as_str().unwrap().contains("refused"), "{streams}");
}

#[tokio::test]
async fn a_profile_may_take_its_time_once() {
    let (_local, explorer) = start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    // Longer than the first answer may take, so that the credentials are not requested twice.
    let process = r#"sh -c 'sleep 3; echo "{\"Version\":1,\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\"}"'"#;
    std::fs::write(&config, format!("[profile slow]\ncredential_process = {process}\n")).unwrap();
    let explorer = explorer.with("AWS_CONFIG_FILE", config.to_str().unwrap());
    let finished = explorer.run(&["streams", "--profile", "slow"]).await.succeeded();
    assert!(finished.stdout.starts_with("STREAM"), "{finished:#?}");
}

#[tokio::test]
async fn no_credentials_no_region_no_such_profile() {
    let finished = nowhere().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY").run(&["streams"]).await;
    let sentence = only_sentence(&finished, 1);
    assert!(sentence.contains("no credentials were found") && sentence.contains("--local"), "{sentence}");

    let finished = nowhere().without("AWS_REGION").run(&["streams"]).await;
    let sentence = only_sentence(&finished, 1);
    assert!(sentence.contains("no region is set") && sentence.contains("--local"), "{sentence}");

    let explorer = nowhere().without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let finished = explorer.run(&["streams", "--profile", "nobody"]).await;
    assert!(only_sentence(&finished, 1).contains("there is no profile nobody"), "{finished:#?}");
}

#[tokio::test]
async fn streams_and_records_that_are_not_there() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 1).await;
    for command in [
        &["records", "no-such-stream"][..],
        &["get", "no-such-stream", "cust-42"],
        &["configure", "no-such-stream", "--mode", "ALL", "--yes"],
        &["replay", "run", "no-such-stream", "--to", &source.name, "--yes"],
        &["replay", "run", &source.name, "--to", "no-such-stream", "--yes"],
    ] {
        let finished = explorer.run(command).await;
        let sentence = only_sentence(&finished, 1);
        assert_eq!(sentence, "cannot describe stream no-such-stream: there is no such stream in region us-east-1", "{command:?}");
    }
    let finished = explorer.run(&["get", &source.name, "cust-42"]).await;
    assert!(only_sentence(&finished, 3).contains("has no record with key cust-42"), "{finished:#?}");
    let finished = explorer.run(&["get", &source.name, "cust-42", "17"]).await;
    assert!(only_sentence(&finished, 3).contains("and sequence number 17"), "{finished:#?}");
    assert_eq!(explorer.run(&["records", "no stream's name"]).await.code, Some(2));
}

#[tokio::test]
async fn archives_that_are_not_as_they_should_be() {
    let (local, explorer) = start().await;
    let endpoints = &local.endpoints;
    let plain = TestStream::create(endpoints, 1).await;
    let without_table = TestStream::create(endpoints, 1).await;
    without_table.tag(&[("StreamArchiveMode", "ALL")]).await;
    let unreadable = TestStream::create(endpoints, 1).await;
    unreadable.tag(&[("StreamArchiveMode", "SOME")]).await;
    let wrong_keys = TestStream::archived(endpoints, 1, &[("StreamArchiveMode", "LATEST")], "LATEST", Keys::OfModeAll).await;

    for (stream, health, part) in [
        (&plain, "not_archived", "has no archive; create one with: explorer configure"),
        (&without_table, "table_missing", "its table does not exist"),
        (&unreadable, "tag_unreadable", "StreamArchiveMode = \"SOME\", which cannot be read"),
    ] {
        for command in [
            &["records", &stream.name][..],
            &["get", &stream.name, "cust-42"],
            &["replay", "run", &stream.name, "--to", &plain.name],
        ] {
            let finished = explorer.run(command).await;
            let sentence = only_sentence(&finished, 3);
            assert!(sentence.contains(part) && sentence.contains(&stream.name), "{command:?}: {sentence}");
        }
        let streams = explorer.json(&["streams"]).await;
        let found = streams.as_array().unwrap().iter().find(|found| found["name"] == stream.name.as_str()).unwrap();
        assert_eq!(found["health"], health);
        assert!(health == "not_archived" || found["problem"].as_str().unwrap().contains(part), "{found}");
    }
    let streams = explorer.run(&["streams"]).await.succeeded();
    assert_eq!(streams.stderr.lines().count(), 3, "{streams:#?}");
    assert!(streams.stderr.contains(&wrong_keys.table("LATEST")), "{streams:#?}");
}

/// Permissions as in one stack's reader policy, in an account with other streams.
#[tokio::test]
async fn streams_that_one_has_nothing_to_do_with() {
    let (endpoints, explorer) = reach_alone().await;
    let (own, other) = (archived_stream(&endpoints, 1).await, archived_stream(&endpoints, 1).await);
    let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
    let is_of = |call: &Call, name: &str| call.operation == "DescribeStreamSummary" && call.body["StreamName"] == name;
    let own_name = own.name.clone();
    kinesis.follow(move |call| match call.operation.as_str() {
        "DescribeStreamSummary" if !is_of(call, &own_name) => Fault::Refuse(Refusal::AccessDenied),
        _ => Fault::Pass,
    });
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &kinesis.url);

    let listed = explorer.json(&["streams"]).await;
    let of = |name: &str| listed.as_array().unwrap().iter().find(|stream| stream["name"] == name).unwrap();
    assert_eq!(of(&own.name)["health"], "ok");
    let problem = of(&other.name)["problem"].as_str().unwrap();
    assert!(problem.ends_with("it needs the permission kinesis:DescribeStreamSummary"), "{problem}");
    let table = explorer.run(&["streams"]).await.succeeded();
    assert!(table.stdout.contains("no permission"), "{table:#?}");

    kinesis.follow(|call| match call.operation.as_str() {
        "DescribeStreamSummary" => Fault::Refuse(Refusal::AccessDenied),
        _ => Fault::Pass,
    });
    let denied = explorer.run(&["streams"]).await;
    assert!(denied.sentence(1).contains("it needs the permission kinesis:DescribeStreamSummary"), "{denied:#?}");
}

#[tokio::test]
async fn a_script_that_forgot_its_command() {
    for explorer in [Explorer::bare(binary()), nowhere()] {
        for arguments in [&[][..], &["--local"]] {
            let finished = explorer.run(arguments).await;
            assert!(only_sentence(&finished, 2).contains("the screens need a terminal"), "{finished:#?}");
        }
    }
}

#[tokio::test]
async fn the_keys_of_the_screens_are_printed_as_the_table_in_the_documents() {
    let keys = Explorer::bare(binary()).run(&["keys"]).await.succeeded();
    assert!(keys.stdout.starts_with("| where | key | what it does |\n|---|---|---|\n"), "{keys:#?}");
    assert!(keys.stdout.lines().all(|line| line.starts_with('|') && line.ends_with('|')), "{keys:#?}");

    let document = include_str!("../../../../docs/keys.md");
    let (_, rest) = document.split_once("<!-- keys -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /keys -->").unwrap();
    assert_eq!(keys.stdout, table, "the table of keys in docs/keys.md is not what `explorer keys` prints");
}
