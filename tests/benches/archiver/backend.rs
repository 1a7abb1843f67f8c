//! A Kinesis and a DynamoDB that answer at once, so that the client is measured. Each scenario has its own. It parses requests only
//! as far as needed, except while it counts.

use crate::events::{Keys, STREAM};
use crate::units;
use archiver::format::settings::ArchiveMode;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::serve::{Listener, ListenerExt as _};
use memchr::memmem;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The marker of a request that asks for consumed capacity; the SDK writes it before or after everything large.
const CAPACITY_WITHIN_BYTES: usize = 512;

/// The behaviour of a backend.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    /// The stream's mode, by its tags.
    pub(crate) mode: ArchiveMode,
    /// Whether the table already has items with the written keys.
    pub(crate) keys: Keys,
}

/// A scenario's requests to DynamoDB, once it knew its settings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    /// Requests for items.
    pub(crate) requests: usize,
    /// The size of their bodies.
    pub(crate) bytes: usize,
    /// What DynamoDB would charge.
    pub(crate) write_units: usize,
}

/// A running backend; dropping this value stops it.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Its address.
    pub(crate) url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    role: Role,
    /// `Some` while it counts.
    counts: Mutex<Option<Counts>>,
    requests: AtomicUsize,
    first_write: watch::Sender<Option<Instant>>,
}

impl Backend {
    /// Starts over plain http.
    pub(crate) async fn start(role: Role) -> Self {
        let (listener, port) = listen().await;
        Self::serve(role, listener, format!("http://127.0.0.1:{port}"))
    }

    /// Starts on another kind of connection, at this URL.
    pub(crate) fn serve<L>(role: Role, listener: L, url: String) -> Self
    where
        L: Listener,
        L::Addr: std::fmt::Debug,
    {
        let shared = Arc::new(Shared {
            role,
            counts: Mutex::new(None),
            requests: AtomicUsize::new(0),
            first_write: watch::Sender::new(None),
        });
        let router = Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("the server goes on") });
        Self { url, shared, server }
    }

    /// Starts counting from zero.
    pub(crate) fn count(&self) {
        *self.shared.counts.lock().expect("no panic") = Some(Counts::default());
    }

    /// What was written since counting started; stops counting.
    pub(crate) fn counted(&self) -> Counts {
        self.shared.counts.lock().expect("no panic").take().unwrap_or_default()
    }

    /// When the first write was answered.
    pub(crate) async fn first_write(&self) -> Instant {
        let mut first_write = self.shared.first_write.subscribe();
        let answered = first_write.wait_for(Option::is_some).await.expect("the backend is there");
        answered.expect("it was waited for")
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// A listener on a free loopback port; its connections send small answers at once.
pub(crate) async fn listen() -> (impl Listener<Io = TcpStream, Addr = std::net::SocketAddr>, u16) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    let without_delay = listener.tap_io(|stream| stream.set_nodelay(true).expect("a connection without delay"));
    (without_delay, port)
}

async fn answer(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let (status, answer) = match target.rsplit_once('.').map(|(_, operation)| operation) {
        Some("ListTagsForStream") => (StatusCode::OK, tags(shared.role)),
        Some("DescribeTable") => (StatusCode::OK, table(shared.role)),
        Some(operation) => match write(shared.role, operation, &body) {
            Some(answer) => {
                shared.note(operation, &body);
                (StatusCode::OK, answer)
            }
            None => refused(target),
        },
        None => refused(target),
    };
    let content_type = if target.starts_with("Kinesis") { "application/x-amz-json-1.1" } else { "application/x-amz-json-1.0" };
    let request_id = format!("{:052}", shared.requests.fetch_add(1, Ordering::Relaxed));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::HeaderName::from_static("x-amzn-requestid"), HeaderValue::try_from(request_id).expect("digits")),
    ];
    (status, headers, answer)
}

fn refused(target: &str) -> (StatusCode, String) {
    let error = json!({ "__type": "UnknownOperationException", "message": format!("the benchmark has no answer to {target:?}") });
    (StatusCode::BAD_REQUEST, error.to_string())
}

fn tags(role: Role) -> String {
    json!({ "HasMoreTags": false, "Tags": [{ "Key": "StreamArchiveMode", "Value": role.mode.as_str() }] }).to_string()
}

fn table(role: Role) -> String {
    let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
    let schema = match role.mode {
        ArchiveMode::All => vec![key("partitionKey", "HASH"), key("sequenceNumber", "RANGE")],
        ArchiveMode::Latest => vec![key("partitionKey", "HASH")],
    };
    json!({ "Table": { "TableName": table_name(role), "TableStatus": "ACTIVE", "KeySchema": schema } }).to_string()
}

/// The table of the stream's archive.
pub(crate) fn table_name(role: Role) -> String {
    format!("{STREAM}-archive-{}", role.mode.as_str())
}

/// The answer to a request that reads or writes items; `None` for other requests.
fn write(role: Role, operation: &str, body: &[u8]) -> Option<String> {
    let capacity = |units: usize| {
        if wants_capacity(body) {
            format!(",\"ConsumedCapacity\":[{{\"TableName\":\"{}\",\"CapacityUnits\":{units}.0}}]", table_name(role))
        } else {
            String::new()
        }
    };
    match operation {
        "BatchWriteItem" => Some(format!("{{\"UnprocessedItems\":{{}}{}}}", capacity(25))),
        "PutItem" | "UpdateItem" | "GetItem" => Some("{}".to_owned()),
        "BatchExecuteStatement" => {
            let responses: Vec<String> = statements(body).map(|text| response(role, text)).collect();
            // No answer is better than one that seems to cover all of them.
            (!responses.is_empty()).then(|| format!("{{\"Responses\":[{}]{}}}", responses.join(","), capacity(responses.len())))
        }
        _ => None,
    }
}

fn wants_capacity(body: &[u8]) -> bool {
    let ends = [&body[..body.len().min(CAPACITY_WITHIN_BYTES)], &body[body.len().saturating_sub(CAPACITY_WITHIN_BYTES)..]];
    ends.iter().any(|end| memmem::find(end, b"\"ReturnConsumedCapacity\"").is_some())
}

/// The text after each `"Statement":"`. Payloads are base64 and contain no quotation mark.
fn statements(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    const NEEDLE: &[u8] = b"\"Statement\":\"";
    memmem::find_iter(body, NEEDLE).map(|start| &body[start + NEEDLE.len()..])
}

fn response(role: Role, statement: &[u8]) -> String {
    let table = table_name(role);
    if role.keys == Keys::New && units::is_update(statement) {
        return format!(
            "{{\"Error\":{{\"Code\":\"ConditionalCheckFailed\",\"Message\":\"The conditional request failed\"}},\
             \"TableName\":\"{table}\"}}"
        );
    }
    format!("{{\"TableName\":\"{table}\"}}")
}

impl Shared {
    fn note(&self, operation: &str, body: &[u8]) {
        if operation != "GetItem" && self.first_write.borrow().is_none() {
            self.first_write.send_replace(Some(Instant::now()));
        }
        if let Some(counts) = self.counts.lock().expect("no panic").as_mut() {
            counts.requests += 1;
            counts.bytes += body.len();
            counts.write_units += units::of_request(operation, body, self.role.keys == Keys::New);
        }
    }
}
