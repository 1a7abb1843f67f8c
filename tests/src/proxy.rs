//! A proxy before Kinesis that makes PutRecords fail by script, in each of the ways in which it fails on AWS; everything else
//! passes.

use crate::endpoints;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Room for a request of PutRecords, 10 MiB in base64. Source: Kinesis API reference, PutRecords.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// What becomes of a PutRecords call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is wrong.
    None,
    /// Some of its records are refused, the others put.
    SomeThrottled,
    /// Nothing is put, and the answer is 500.
    ServerError,
    /// Nothing is put, and the connection ends without an answer.
    CutBefore,
    /// All is put, but the connection ends without an answer.
    CutAfter,
    /// Nothing is put: all is acknowledged and kept by the proxy, for records that are larger than an emulator takes.
    Kept,
}

/// What the proxy does.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What becomes of each PutRecords call, by its number from 0.
    pub fault: fn(usize) -> Fault,
    /// Every stream's largest record, as DescribeStreamSummary tells it.
    pub max_record_kib: Option<u64>,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub url: String,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: AtomicUsize,
    refused_records: AtomicUsize,
    put_without_answer: Mutex<HashSet<String>>,
    kept: Mutex<Vec<(String, String)>>,
}

#[derive(Clone, Debug)]
struct Passing {
    kinesis: String,
    script: Script,
    seen: Arc<Seen>,
}

impl Proxy {
    /// Starts a proxy before this Kinesis.
    pub async fn start(kinesis_url: &str, script: Script) -> Self {
        let seen = Arc::<Seen>::default();
        let (listener, url) = endpoints::listen().await;
        let kinesis = kinesis_url.trim_start_matches("http://").to_owned();
        let passing = Passing { kinesis, script, seen: Arc::clone(&seen) };
        endpoints::serve(listener, Router::new().fallback(pass).with_state(passing));
        Self { url, seen }
    }

    /// PutRecords calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }

    /// Records that were refused one by one.
    #[must_use]
    pub fn refused_records(&self) -> usize {
        self.seen.refused_records.load(Ordering::SeqCst)
    }

    /// The payloads, in base64, of records that were put without an answer: only these may be there twice.
    ///
    /// # Panics
    /// When a task panicked while it noted one.
    #[must_use]
    pub fn put_without_answer(&self) -> HashSet<String> {
        self.seen.put_without_answer.lock().expect("no panic").clone()
    }

    /// The keys and, in base64, the payloads of the records that the proxy has kept.
    ///
    /// # Panics
    /// When a task panicked while it kept one.
    #[must_use]
    pub fn kept(&self) -> Vec<(String, String)> {
        self.seen.kept.lock().expect("no panic").clone()
    }
}

async fn pass(State(passing): State<Passing>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await.expect("a whole request");
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    match target.rsplit('.').next() {
        Some("PutRecords") => passing.put_records(&parts, body).await,
        Some("DescribeStreamSummary") => passing.describe(&parts, body).await,
        _ => passing.forward(&parts, &body).await.into_response(),
    }
}

impl Passing {
    async fn put_records(&self, parts: &Parts, body: Bytes) -> Response {
        let call = self.seen.calls.fetch_add(1, Ordering::SeqCst);
        match (self.script.fault)(call) {
            Fault::None => self.forward(parts, &body).await.into_response(),
            Fault::SomeThrottled => self.put_some(call, parts, &body).await,
            Fault::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"__type":"InternalFailure"}"#).into_response(),
            Fault::CutBefore => cut(),
            Fault::CutAfter => {
                let request: Value = serde_json::from_slice(&body).expect("the request is JSON");
                let payloads = records(&request).iter().map(|record| record["Data"].as_str().expect("a payload").to_owned());
                self.seen.put_without_answer.lock().expect("no panic").extend(payloads);
                self.forward(parts, &body).await;
                cut()
            }
            Fault::Kept => self.keep(&body).into_response(),
        }
    }

    fn keep(&self, body: &[u8]) -> Answer {
        let request: Value = serde_json::from_slice(body).expect("the request is JSON");
        let text = |record: &Value, name: &str| record[name].as_str().expect("a text").to_owned();
        let kept = records(&request).iter().map(|record| (text(record, "PartitionKey"), text(record, "Data")));
        self.seen.kept.lock().expect("no panic").extend(kept);
        let taken = json!({ "SequenceNumber": "1", "ShardId": "shardId-000000000000" });
        Answer::json(&json!({ "FailedRecordCount": 0, "Records": vec![taken; records(&request).len()] }))
    }

    /// Puts two records of three, and answers as Kinesis does when a shard is at its limit.
    async fn put_some(&self, call: usize, parts: &Parts, body: &[u8]) -> Response {
        let mut request: Value = serde_json::from_slice(body).expect("the request is JSON");
        let is_put: Vec<bool> = (0..records(&request).len()).map(|place| !(call + place).is_multiple_of(3)).collect();
        let put: Vec<Value> =
            records(&request).iter().zip(&is_put).filter(|(_, is_put)| **is_put).map(|(record, _)| record.clone()).collect();
        let refused = is_put.len() - put.len();
        self.seen.refused_records.fetch_add(refused, Ordering::SeqCst);
        let mut results = Vec::new();
        if !put.is_empty() {
            request["Records"] = Value::Array(put);
            let answer = self.forward(parts, request.to_string().as_bytes()).await;
            let answer: Value = serde_json::from_slice(&answer.body).expect("the answer is JSON");
            results.clone_from(records(&answer));
        }
        let mut results = results.into_iter();
        let refusal = json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard" });
        let records: Vec<Value> =
            is_put.iter().map(|is_put| if *is_put { results.next().expect("a result") } else { refusal.clone() }).collect();
        Answer::json(&json!({ "FailedRecordCount": refused, "Records": records })).into_response()
    }

    async fn describe(&self, parts: &Parts, body: Bytes) -> Response {
        let answer = self.forward(parts, &body).await;
        let mut description: Value = serde_json::from_slice(&answer.body).expect("the answer is JSON");
        match (self.script.max_record_kib, description.get_mut("StreamDescriptionSummary")) {
            (Some(limit), Some(summary)) => {
                summary["MaxRecordSizeInKiB"] = limit.into();
                Answer::json(&description).into_response()
            }
            _ => answer.into_response(),
        }
    }

    async fn forward(&self, parts: &Parts, body: &[u8]) -> Answer {
        let mut request = format!("{} {} HTTP/1.1\r\n", parts.method, parts.uri);
        let passed = parts.headers.iter().filter(|(name, _)| **name != header::CONTENT_LENGTH && **name != header::CONNECTION);
        for (name, value) in passed {
            request.push_str(&format!("{name}: {}\r\n", value.to_str().expect("a header of visible characters")));
        }
        request.push_str(&format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()));
        let mut connection = TcpStream::connect(&self.kinesis).await.expect("Kinesis is there");
        connection.write_all(request.as_bytes()).await.expect("the request is sent");
        connection.write_all(body).await.expect("the request is sent");
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.expect("Kinesis answers");
        Answer::parse(&answer)
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(value: &Value) -> Self {
        let content_type = "application/x-amz-json-1.1".to_owned();
        Self { status: StatusCode::OK, content_type, body: value.to_string().into_bytes() }
    }

    /// An answer of known length, as the emulator gives them.
    fn parse(answer: &[u8]) -> Self {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("the end of the headers");
        let head = std::str::from_utf8(&answer[..end]).expect("headers of text");
        assert!(!head.to_ascii_lowercase().contains("transfer-encoding"), "{head}");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let content_type =
            head.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = content_type.map(|(_, value)| value.to_owned()).unwrap_or_default();
        Self { status, content_type, body: answer[end + 4..].to_vec() }
    }

    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, self.content_type)], Body::from(self.body)).into_response()
    }
}

fn records(body: &Value) -> &Vec<Value> {
    body["Records"].as_array().expect("a list of records")
}

/// Ends the connection without an answer. A server closes it when a handler ends like this; unlike a panic it prints nothing.
fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut"))
}
