//! The local system: headless, inside one command, and kept between runs.

use super::binary;
use end_to_end::command_line::{Explorer, RunningLocal};
use end_to_end::stream::TestStream;
use serde_json::Value;
use std::time::{Duration, Instant};

/// From the signal until the process has ended.
const TIME_TO_END: Duration = Duration::from_secs(5);

#[tokio::test]
async fn the_local_system_ends_when_it_is_told_to() {
    for arguments in [&["--no-demo"][..], &[]] {
        let local = RunningLocal::start(binary(), arguments).await;
        let told = Instant::now();
        let status = local.terminate().await;
        assert_eq!(status.code(), Some(0), "{arguments:?}");
        assert!(told.elapsed() < TIME_TO_END, "{arguments:?}: it ended only after {:?}", told.elapsed());
    }
}

#[tokio::test]
async fn one_command_brings_its_own_system() {
    let explorer = Explorer::bare(binary());
    let streams = explorer.json(&["streams", "--local"]).await;
    let names: Vec<&str> = streams.as_array().unwrap().iter().map(|stream| stream["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"orders") && names.contains(&"device-status") && names.len() >= 4, "{names:?}");
    let orders = explorer.json_lines(&["--local", "records", "orders", "--limit", "3"]).await;
    assert_eq!(orders.len(), 3);
    assert!(orders.iter().all(|order| order["payload"].is_object()), "{orders:?}");
    let conflict = explorer.run(&["streams", "--local", "--region", "us-east-1"]).await;
    assert_eq!(conflict.code, Some(2), "{conflict:#?}");
}

#[tokio::test]
async fn a_data_folder_keeps_archives_between_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archives").display().to_string();
    let explorer = Explorer::bare(binary());
    let kept = ["--local", "--data-dir", &path];
    let records = explorer.json_lines(&[&["records", "orders", "--limit", "2"], &kept[..]].concat()).await;
    let text = |record: &Value, name: &str| record[name].as_str().unwrap().to_owned();
    let (key, number) = (text(&records[1], "partition_key"), text(&records[1], "sequence_number"));

    let found = explorer.json(&[&["get", "orders", &key, &number], &kept[..]].concat()).await;
    assert_eq!(found, records[1]);

    let local = RunningLocal::start(binary(), &["--no-demo", "--data-dir", &path]).await;
    let against = Explorer::of(binary(), &local.endpoints);
    let found = against.json(&["get", "orders", &key, &number]).await;
    assert_eq!(found, records[1]);
    let stream = TestStream::create(&local.endpoints, 1).await;
    against.json(&["configure", &stream.name, "--mode", "ALL", "--yes"]).await;
    stream.put("cust-42", b"{}").await;
    let busy = explorer.run(&[&["streams"], &kept[..]].concat()).await;
    assert!(busy.sentence(1).contains(&path), "{busy:#?}");
    assert_eq!(local.terminate().await.code(), Some(0));

    // Including what was in the stream when it was stopped.
    let found = explorer.json(&[&["get", &stream.name, "cust-42"], &kept[..]].concat()).await;
    assert_eq!(found["payload"], serde_json::json!({}));

    let misplaced = explorer.run(&["streams", "--data-dir", &path]).await;
    assert!(misplaced.sentence(2).contains("--local"), "{misplaced:#?}");
}
