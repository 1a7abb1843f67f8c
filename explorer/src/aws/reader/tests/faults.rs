//! Reads from a DynamoDB that fails on demand.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::domain::filter::RecordFilter;
use archiver::aws::failure::FailureKind;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use std::time::Duration;

/// More than any reading needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pages of each segment, one item each.
const PAGES: usize = 5;

/// Serves a table that gives these answers to some calls, counted from 1.
async fn serve(faults: Vec<(usize, StatusCode, &'static str)>) -> Connection {
    let calls = Arc::new(AtomicUsize::new(0));
    let answer = move |body: Bytes| {
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        let fault = faults.iter().find(|(faulty, _, _)| *faulty == call).map(|(_, status, code)| (*status, *code));
        async move {
            match fault {
                Some((status, code)) => {
                    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
                    (status, json!({"__type": kind, "message": "on purpose"}).to_string())
                }
                None => (StatusCode::OK, page(&serde_json::from_slice(&body).unwrap()).to_string()),
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    Connection::to_emulators(&url, &url, "us-east-1")
}

fn page(request: &Value) -> Value {
    let from = request["ExclusiveStartKey"]["sequenceNumber"]["S"].as_str().map_or(0, |number| number.parse::<usize>().unwrap());
    let key = |number: usize| {
        let key = format!("cust-{}", request["Segment"]);
        json!({"partitionKey": {"S": key}, "sequenceNumber": {"S": number.to_string()}})
    };
    let mut page = json!({"Items": [key(from + 1)], "Count": 1, "ScannedCount": 1, "ConsumedCapacity": {"CapacityUnits": 0.5}});
    if from + 1 < PAGES {
        page["LastEvaluatedKey"] = key(from + 1);
    }
    page
}

/// Everything that is read, resuming after each failure, and the failures.
async fn read_through(connection: &Connection) -> (Vec<(String, String)>, Vec<Failure>) {
    let stream = StreamName::parse("orders").unwrap();
    let source = ArchiveSource { stream, table: "orders-archive-ALL".to_owned(), mode: ArchiveMode::All, about_bytes: 0 };
    let mut order = ReadOrder {
        source: Source::Archive(source),
        filter: RecordFilter::default(),
        recipe: Default::default(),
        includes_unreadable: false,
        from: Position::Beginning,
    };
    let (mut names, mut failures) = (Vec::new(), Vec::new());
    loop {
        let (batches, mut taken) = mpsc::channel::<ReadBatch>(1);
        let (_stop, stopped) = watch::channel(false);
        let take = async {
            while let Some(batch) = taken.recv().await {
                names.extend(batch.records.into_iter().map(|record| (record.id.partition_key, record.id.sequence_number)));
            }
        };
        let both = async { tokio::join!(read_archive(connection, &order, batches, stopped), take) };
        match tokio::time::timeout(PATIENCE, both).await.unwrap().0 {
            ReadEnding::Complete => break,
            ReadEnding::Stopped(_) => panic!("nobody stopped it"),
            ReadEnding::Failed(failure, position) => {
                failures.push(failure);
                order.from = position;
            }
        }
    }
    names.sort();
    (names, failures)
}

fn all_names() -> Vec<(String, String)> {
    let segments = 0..FEWEST_SEGMENTS;
    segments.flat_map(|segment| (1..=PAGES).map(move |number| (format!("cust-{segment}"), number.to_string()))).collect()
}

#[tokio::test]
async fn throttling_and_a_service_that_stumbles_slow_reading_down_and_no_more() {
    let throttled = (StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException");
    let stumbled = (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError");
    let faults = [3, 4, 5, 12, 20].map(|call| (call, throttled.0, throttled.1)).into_iter();
    let connection = serve(faults.chain([(7, stumbled.0, stumbled.1)]).collect()).await;
    let (names, failures) = read_through(&connection).await;
    assert_eq!((names, failures), (all_names(), Vec::new()));
}

#[tokio::test]
async fn a_failure_in_one_segment_ends_all_and_reading_goes_on_without_a_gap_or_a_double() {
    let denied = |call| (call, StatusCode::BAD_REQUEST, "AccessDeniedException");
    let connection = serve([1, 11, 12, 29, 38].map(denied).to_vec()).await;
    let (names, failures) = read_through(&connection).await;
    assert_eq!(names, all_names());
    assert!(!failures.is_empty() && failures.iter().all(|failure| failure.kind == FailureKind::AccessDenied), "{failures:?}");
    let said = "cannot read table orders-archive-ALL: AccessDeniedException: on purpose; it needs the permission dynamodb:Scan";
    assert_eq!(failures[0].to_string(), said);
}
