//! A proxy in front of Kinesis. A script makes PutRecords fail in every way that it fails on AWS; all other calls pass.

use crate::endpoints;
use crate::upstream::{Answer, MAX_REQUEST_BYTES, Upstream, cut};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// What happens to a PutRecords call.
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
    /// Everything is put, but the connection ends without an answer.
    CutAfter,
    /// Nothing is put: the credentials have expired.
    ExpiredToken,
    /// Nothing is put; the proxy acknowledges and keeps the records, for records larger than an emulator takes.
    Kept,
}

/// The proxy's behaviour.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What happens to each PutRecords call, by its number from 0.
    pub fault: fn(usize) -> Fault,
    /// The largest record of every stream, as DescribeStreamSummary returns it.
    pub max_record_kib: Option<u64>,
}

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    /// Its address.
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
    kinesis: Upstream,
    script: Script,
    seen: Arc<Seen>,
}

impl Proxy {
    /// Starts a proxy in front of this Kinesis.
    pub async fn start(kinesis_url: &str, script: Script) -> Self {
        let seen = Arc::<Seen>::default();
        let (listener, url) = endpoints::listen().await;
        let passing = Passing { kinesis: Upstream::new(kinesis_url), script, seen: Arc::clone(&seen) };
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

    /// The payloads, in base64, of records that were put without an answer: only these may arrive twice.
    ///
    /// # Panics
    /// When a task panicked while it noted one.
    #[must_use]
    pub fn put_without_answer(&self) -> HashSet<String> {
        self.seen.put_without_answer.lock().expect("no panic").clone()
    }

    /// The keys and payloads, in base64, of the records that the proxy kept.
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
        _ => passing.kinesis.forward(&parts, body).await.into_response(),
    }
}

impl Passing {
    async fn put_records(&self, parts: &Parts, body: Bytes) -> Response {
        let call = self.seen.calls.fetch_add(1, Ordering::SeqCst);
        match (self.script.fault)(call) {
            Fault::None => self.kinesis.forward(parts, body).await.into_response(),
            Fault::SomeThrottled => self.put_some(call, parts, &body).await,
            Fault::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"__type":"InternalFailure"}"#).into_response(),
            Fault::ExpiredToken => {
                let said =
                    r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;
                (StatusCode::BAD_REQUEST, said).into_response()
            }
            Fault::CutBefore => cut(),
            Fault::CutAfter => {
                let request: Value = serde_json::from_slice(&body).expect("the request is JSON");
                let payloads = records(&request).iter().map(|record| record["Data"].as_str().expect("a payload").to_owned());
                self.seen.put_without_answer.lock().expect("no panic").extend(payloads);
                self.kinesis.forward(parts, body).await;
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

    /// Puts two of three records, and answers as Kinesis does for a throttled shard.
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
            let answer = self.kinesis.forward(parts, request.to_string()).await;
            results.clone_from(records(&answer.to_json()));
        }
        let mut results = results.into_iter();
        let refusal = json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded for shard" });
        let records: Vec<Value> =
            is_put.iter().map(|is_put| if *is_put { results.next().expect("a result") } else { refusal.clone() }).collect();
        Answer::json(&json!({ "FailedRecordCount": refused, "Records": records })).into_response()
    }

    async fn describe(&self, parts: &Parts, body: Bytes) -> Response {
        let answer = self.kinesis.forward(parts, body).await;
        let mut description = answer.to_json();
        match (self.script.max_record_kib, description.get_mut("StreamDescriptionSummary")) {
            (Some(limit), Some(summary)) => {
                summary["MaxRecordSizeInKiB"] = limit.into();
                Answer::json(&description).into_response()
            }
            _ => answer.into_response(),
        }
    }
}

fn records(body: &Value) -> &Vec<Value> {
    body["Records"].as_array().expect("a list of records")
}
