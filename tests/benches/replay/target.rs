//! The servers: a Kinesis that answers at once, next to the archive, and the emulator with Kinesis' limits.

use crate::archive::{Archive, STREAM};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use end_to_end::endpoints::{KEY, REGION};
use ferrokinesis::store::StoreOptions;
use memchr::memmem;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Shards of the target that answers at once.
const SHARDS: u32 = 4;
/// Shards of the target with limits.
pub(crate) const LIMITED_SHARDS: u32 = 2;
/// The stream that is put into.
pub(crate) const TARGET: &str = "orders-replay";

/// Serves an archive of this many records and a Kinesis that answers at once.
pub(crate) async fn serve_answers(records: usize) {
    let app = Router::new().fallback(answer).with_state(Arc::new(Archive::of(records)));
    let (url, serving) = start(app).await;
    println!("{url} {url}");
    serving.await.expect("the server goes on");
}

/// Serves an archive and the emulator with its limits.
pub(crate) async fn serve_limits(records: usize) {
    let (dynamodb, serving) = start(Router::new().fallback(answer).with_state(Arc::new(Archive::of(records)))).await;
    let options = StoreOptions { create_stream_ms: 0, shard_limit: 100, enforce_limits: true, ..StoreOptions::default() };
    let (app, _store) = ferrokinesis::create_app(options);
    let (kinesis, _serving) = start(app).await;
    create_streams(&kinesis).await;
    println!("{dynamodb} {kinesis}");
    serving.await.expect("the server goes on");
}

async fn start(app: Router) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a connection without delay"));
    let app = app.layer(DefaultBodyLimit::max(16 * 1024 * 1024));
    (url, tokio::spawn(async move { axum::serve(listener, app).await.expect("the server goes on") }))
}

/// Creates source and target, in the emulator.
async fn create_streams(url: &str) {
    let connection = end_to_end::endpoints::Endpoints::at(url.to_owned(), url.to_owned());
    for name in [STREAM, TARGET] {
        let shards = i32::try_from(LIMITED_SHARDS).expect("two");
        let create = connection.kinesis.create_stream().stream_name(name).shard_count(shards);
        create.send().await.expect("the stream is created");
    }
    let tags = [("StreamArchiveMode".to_owned(), "ALL".to_owned())].into();
    let tag = connection.kinesis.add_tags_to_stream().stream_name(STREAM).set_tags(Some(tags));
    // A stream that is being created takes no tags.
    end_to_end::wait::eventually("the stream is tagged", || async { tag.clone().send().await.ok() }).await;
}

async fn answer(State(archive): State<Arc<Archive>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default().to_owned();
    let operation = target.rsplit_once('.').map_or("", |(_, operation)| operation);
    if target.starts_with("DynamoDB") {
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        return match operation {
            "Scan" => archive.scan(&request),
            "DescribeTable" => as_json(&archive.describe()),
            _ => unknown(&target),
        };
    }
    match operation {
        "PutRecords" => put_records(&body),
        "ListStreams" => as_json(&json!({"StreamNames": [STREAM, TARGET], "HasMoreStreams": false})),
        "DescribeStreamSummary" => {
            let request: Value = serde_json::from_slice(&body).unwrap_or_default();
            let name = request["StreamName"].as_str().unwrap_or(STREAM);
            as_json(&json!({"StreamDescriptionSummary": {
                "StreamName": name, "StreamARN": format!("arn:aws:kinesis:{REGION}:123456789012:stream/{name}"),
                "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24, "StreamCreationTimestamp": 1_700_000_000.0,
                "EnhancedMonitoring": [], "OpenShardCount": SHARDS,
            }}))
        }
        "ListTagsForResource" | "ListTagsForStream" => {
            let tags = json!([{"Key": "StreamArchiveMode", "Value": "ALL"}]);
            as_json(&json!({"Tags": tags, "HasMoreTags": false}))
        }
        "ListShards" => {
            let width = u128::MAX / u128::from(SHARDS);
            let shard = |place: u32| {
                let first = width * u128::from(place);
                json!({
                    "ShardId": format!("shardId-{place:012}"),
                    "HashKeyRange": {"StartingHashKey": first.to_string(), "EndingHashKey": (first + width - 1).to_string()},
                    "SequenceNumberRange": {"StartingSequenceNumber": "1"},
                })
            };
            as_json(&json!({"Shards": (0..SHARDS).map(shard).collect::<Vec<_>>()}))
        }
        "GetShardIterator" => as_json(&json!({"ShardIterator": KEY})),
        "GetRecords" => as_json(&json!({"Records": [], "NextShardIterator": KEY, "MillisBehindLatest": 0})),
        _ => unknown(&target),
    }
}

/// Claims that each record is in the shard where it is looked for; nothing reads them.
fn put_records(body: &[u8]) -> Response {
    let records = memmem::find_iter(body, b"\"PartitionKey\"").count();
    let mut text = String::with_capacity(records * 128 + 64);
    text.push_str(r#"{"FailedRecordCount":0,"Records":["#);
    for place in 0..records {
        let comma = if place == 0 { "" } else { "," };
        let number = 10_000_000_000_u64 + place as u64;
        write!(text, r#"{comma}{{"SequenceNumber":"496318027400000000000000000000000000000000000{number}","ShardId":"shardId-000000000000"}}"#)
            .expect("a text takes all");
    }
    text.push_str("]}");
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], text).into_response()
}

fn as_json(value: &Value) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], value.to_string()).into_response()
}

fn unknown(target: &str) -> Response {
    (StatusCode::BAD_REQUEST, format!("the benchmark has no answer to {target:?}")).into_response()
}
