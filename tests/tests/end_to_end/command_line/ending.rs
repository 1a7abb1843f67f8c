//! Commands that are stopped early: they end at once, and never look complete.

use super::{archived_stream, binary, long_number, reach};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::command_line::{ArchivedItem, Explorer};
use end_to_end::endpoints::Endpoints;
use end_to_end::fault_proxy::{Fault, FaultProxy};
use end_to_end::stream::TestStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write as _;
use std::time::Duration;

/// From the stop until the program has ended.
const PROMPT: Duration = Duration::from_secs(4);

/// An archive whose second page of one key, or whose every page of all keys, never comes.
async fn endless(endpoints: &Endpoints) -> (FaultProxy, Explorer, TestStream) {
    let stream = archived_stream(endpoints, 1).await;
    for place in 0..260 {
        let (number, arrival) = (long_number(place), (1_545_084_650 + place).to_string());
        let item = ArchivedItem { key: "cust-42", number: &number, arrival: &arrival, payload: b"{}", expire_after: None };
        item.write(endpoints, &stream.table("ALL")).await;
    }
    let proxy = FaultProxy::start(&endpoints.dynamodb_url).await;
    let explorer = Explorer::of(binary(), endpoints).with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.url);
    proxy.follow(|call| match call.operation.as_str() {
        "Scan" => Fault::HangBefore,
        "Query" if !call.body["ExclusiveStartKey"].is_null() => Fault::HangBefore,
        _ => Fault::Pass,
    });
    (proxy, explorer, stream)
}

#[tokio::test]
async fn ctrl_c_ends_a_read_and_a_partial_result_is_not_taken_for_all() {
    let (endpoints, _) = reach().await;
    let (proxy, explorer, stream) = endless(&endpoints).await;
    let running = explorer.start(&["records", &stream.name]);
    proxy.until("the archive is read", |seen| seen.iter().any(|seen| seen.call.operation == "Scan")).await;
    running.interrupt().await;
    let ended = running.ended().await;
    assert_eq!(ended.sentence(130), "stopped before everything was read; nothing was printed");
    assert!(ended.stdout.is_empty() && ended.took < PROMPT, "{ended:#?}");

    let mut running = explorer.start(&["records", &stream.name, "key:cust-42", "--output", "json"]);
    running.printed().await;
    running.interrupt().await;
    let ended = running.ended().await;
    assert_eq!(ended.sentence(130), "stopped; the printed results are incomplete");
    assert!(ended.took < PROMPT, "{ended:#?}");
}

#[tokio::test]
async fn a_reader_that_goes_ends_reading_before_there_is_anything_to_print() {
    let (endpoints, _) = reach().await;
    let (proxy, explorer, stream) = endless(&endpoints).await;
    for command in [&["records", &stream.name][..], &["export", &stream.name, "--to", "-"]] {
        let before = proxy.seen().len();
        let mut running = explorer.start(command);
        proxy.until("the archive is read", |seen| seen[before..].iter().any(|seen| seen.call.operation == "Scan")).await;
        running.close_stdout();
        let ended = running.ended().await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(ended.took < PROMPT, "{ended:#?}");
    }
    let mut running = explorer.start(&["records", &stream.name, "key:cust-42", "--output", "json"]);
    running.printed().await;
    running.close_stdout();
    let ended = running.ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert!(ended.took < PROMPT, "{ended:#?}");
}

/// A small payload that a search unpacks to the limit.
fn bomb() -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&vec![b' '; 16 * 1024 * 1024]).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_search_through_bombs_ends_at_once() {
    const BOMBS: usize = 200;
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let bomb = bomb();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for place in 0..BOMBS {
        let number = long_number(place);
        let item = ArchivedItem { key: "cust-42", number: &number, arrival: "1545084650", payload: &bomb, expire_after: None };
        item.write(&endpoints, &stream.table("ALL")).await;
        let line = json!({ "partition_key": "cust-42", "sequence_number": number, "data": STANDARD.encode(&bomb) });
        writeln!(file, "{line}").unwrap();
    }
    let path = file.path().to_str().unwrap();
    for from in [&["--file", path][..], &[&stream.name]] {
        for command in [
            &["records"][..],
            &["records", "--unordered", "--output", "json"],
            &["export", "--to", "-"],
            &["replay", "plan", "--to", &stream.name],
        ] {
            let running = explorer.start(&[command, from, &["/no such text/"]].concat());
            running.has_worked(Duration::from_millis(300)).await;
            if command[0] == "export" {
                running.terminate().await
            } else {
                running.interrupt().await
            }
            let ended = running.ended().await;
            assert!(ended.code == Some(130) && ended.took < PROMPT, "{command:?} {from:?}: {ended:#?}");
        }
    }
}
