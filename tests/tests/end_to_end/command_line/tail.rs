//! Following a stream and its archive.

use super::{archived_stream, reach};
use aws_sdk_kinesis::primitives::Blob;
use end_to_end::command_line::{ArchivedItem, Explorer};
use end_to_end::stream::TestStream;
use serde_json::{Value, json};

fn record(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[tokio::test]
async fn records_that_are_put_are_printed_as_they_come() {
    let (endpoints, explorer) = reach().await;
    let stream = TestStream::create(&endpoints, 2).await;
    stream.put("cust-0", b"before").await;
    let mut running = explorer.start(&["tail", &stream.name, "json:$.status==\"paid\"", "--output", "json"]);
    assert_eq!(running.said().await, format!("following stream {}; press ctrl-c to stop", stream.name));
    for (key, status) in [("cust-1", "open"), ("cust-2", "paid"), ("cust-3", "open"), ("cust-4", "paid")] {
        stream.put(key, json!({ "status": status }).to_string().as_bytes()).await;
        if status == "paid" {
            let found = record(&running.printed().await);
            assert_eq!((&found["partition_key"], &found["payload"]["status"]), (&json!(key), &json!("paid")));
            assert_eq!(found["stream"], stream.name.as_str());
        }
    }
    running.interrupt().await;
    let ended = running.ended().await.succeeded();
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));

    let mut since = explorer.start(&["tail", &stream.name, "--since", "1h", "--output", "json", "key:cust-0"]);
    assert_eq!(record(&since.printed().await)["payload"], "before");
    let mut people = explorer.start(&["tail", &stream.name]);
    people.said().await;
    stream.put("cust-5", b"for people").await;
    assert!(people.printed().await.starts_with("ARRIVED"));
    let line = people.printed().await;
    assert!(line.contains("cust-5") && line.ends_with("for people"), "{line}");
    people.close_stdout();
    assert_eq!(people.ended().await.code, Some(0));
}

#[tokio::test]
async fn an_archive_is_followed_as_records_come_into_it() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let mut running = explorer.start(&["tail", &stream.name, "--archived", "--output", "json"]);
    assert!(running.said().await.contains(&stream.table("ALL")));
    for (key, is_archived) in [("cust-1", false), ("cust-2", true)] {
        let put = endpoints.kinesis.put_record().stream_name(&stream.name).partition_key(key);
        let number = put.data(Blob::new(&b"{}"[..])).send().await.unwrap().sequence_number;
        if is_archived {
            let arrival = jiff::Timestamp::now().as_second().to_string();
            let item = ArchivedItem { key, number: &number, arrival: &arrival, payload: b"{}", expire_after: None };
            item.write(&endpoints, &stream.table("ALL")).await;
        }
    }
    let found = record(&running.printed().await);
    assert_eq!((&found["partition_key"], &found["last_update"]), (&json!("cust-2"), &json!("2018-12-17 22:10:51")));
    running.interrupt().await;
    assert_eq!(running.ended().await.succeeded().stdout, "", "what is only in the stream is not in the archive");

    let plain = TestStream::create(&endpoints, 1).await;
    let refused = explorer.run(&["tail", &plain.name, "--archived"]).await;
    assert!(refused.sentence(3).contains("has no archive"), "{refused:#?}");
    let nowhere = Explorer::bare(super::binary()).run(&["tail", &plain.name, "--since", "soon"]).await;
    assert!(nowhere.sentence(2).contains("\"soon\" is not a time"), "{nowhere:#?}");
}
