//! The least that the archiver's requests can cost: prepared bodies, signed and posted, without the SDK. The benchmark's own
//! program does this as a child process, one batch for each line that it reads, and is measured like the archiver.

use crate::backend::{Backend, Role, table_name};
use crate::events::{self, EventShape, Keys};
use crate::measure::Worker;
use archiver::format::item::{Attributes, Item, Stamp};
use archiver::format::payload::{Data, Packer};
use archiver::format::record::{ArchivedRecord, ArrivalTime};
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::{ArchiveMode, Compression};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode};
use end_to_end::endpoints::{KEY, REGION};
use end_to_end::event::ReadRecord;
use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};
use std::io::BufRead as _;
use std::process::Stdio;
use std::time::SystemTime;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The first argument of the child process.
pub(crate) const ARGUMENT: &str = "floor";
/// Records of a batch.
pub(crate) const RECORDS: usize = 1_000;
/// Items of a BatchWriteItem, as many as it accepts.
const BATCH_ITEMS: usize = 25;

/// Requests of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Floor {
    /// The row's name.
    pub(crate) name: &'static str,
    /// The size of each payload, before base64.
    pub(crate) payload_bytes: usize,
    /// Items of a request; 1 is a PutItem.
    pub(crate) items: usize,
    /// Requests at the same time, as many as the archiver sends.
    pub(crate) in_flight: usize,
}

/// All of them.
pub(crate) const FLOORS: [Floor; 3] = [
    Floor { name: "floor ALL 200 B", payload_bytes: 200, items: BATCH_ITEMS, in_flight: 16 },
    Floor { name: "floor ALL 5 KB", payload_bytes: 5_000, items: BATCH_ITEMS, in_flight: 16 },
    Floor { name: "floor single 200 B", payload_bytes: 200, items: 1, in_flight: 48 },
];

/// The purpose of the requests.
pub(crate) const ROLE: Role = Role { mode: ArchiveMode::All, keys: Keys::Distinct };

/// The child process, seen from its parent.
#[derive(Debug)]
pub(crate) struct FloorProcess {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl FloorProcess {
    /// Starts it for the floor with this index.
    pub(crate) fn start(index: usize, backend: &Backend) -> Self {
        let program = std::env::current_exe().expect("the program has a path");
        let mut process = Command::new(program)
            .args([ARGUMENT, &index.to_string(), &backend.url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program starts once more");
        let orders = process.stdin.take().expect("a piped stdin");
        let answers = BufReader::new(process.stdout.take().expect("a piped stdout")).lines();
        Self { process, orders, answers }
    }
}

impl Worker for FloorProcess {
    fn process(&self) -> u32 {
        self.process.id().expect("it was not waited for")
    }

    fn prepare(&mut self) {}

    async fn work(&mut self) {
        self.orders.write_all(b"\n").await.expect("the child process reads");
        let answer = self.answers.next_line().await.expect("the child process answers");
        assert!(answer.is_some(), "the child process ended");
    }
}

/// The child process itself: the arguments after [`ARGUMENT`].
///
/// # Panics
/// When they are not as its parent passes them, or a request fails.
pub(crate) fn run(arguments: &[String]) {
    let [index, url] = arguments else { panic!("not started by the benchmark") };
    let floor = FLOORS[index.parse::<usize>().expect("a number")];
    let bodies = bodies(floor);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let operation = if floor.items == 1 { "PutItem" } else { "BatchWriteItem" };
    for order in std::io::stdin().lock().lines() {
        order.expect("the parent process orders");
        runtime.block_on(async {
            let posts = bodies.iter().map(|body| post(&client, url, operation, body));
            futures::stream::iter(posts).buffer_unordered(floor.in_flight).for_each(async |()| {}).await;
        });
        println!("done");
    }
}

async fn post(client: &Client<HttpConnector, Full<Bytes>>, url: &str, operation: &str, body: &Bytes) {
    let request = signed(url, operation, body);
    let response = client.request(request).await.expect("the backend answers");
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.expect("a whole answer");
}

fn signed(url: &str, operation: &str, body: &Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
        .body(Full::new(body.clone()))
        .expect("a request");
    let identity = Credentials::new(KEY, KEY, None, None, "benchmark").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("dynamodb")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .expect("all parameters")
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("visible characters")));
    let uri = request.uri().to_string();
    let signable = SignableRequest::new("POST", uri, headers, SignableBody::Bytes(body)).expect("a request to sign");
    let (instructions, _) = sign(signable, &parameters).expect("a signature").into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request
}

fn bodies(floor: Floor) -> Vec<Bytes> {
    let shape = EventShape { records: RECORDS, payload_bytes: floor.payload_bytes, keys: Keys::Distinct };
    let items: Vec<Value> = events::records(shape).map(item).collect();
    items.chunks(floor.items).map(|items| Bytes::from(body(items).to_string())).collect()
}

fn body(items: &[Value]) -> Value {
    match items {
        [item] => json!({ "TableName": table_name(ROLE), "Item": item }),
        items => {
            let requests: Vec<Value> = items.iter().map(|item| json!({ "PutRequest": { "Item": item } })).collect();
            json!({ "RequestItems": { table_name(ROLE): requests } })
        }
    }
}

/// The item as the archiver writes it.
fn item(record: ReadRecord) -> Value {
    let archived = ArchivedRecord {
        partition_key: record.partition_key.as_str().into(),
        sequence_number: SequenceNumber::parse(record.sequence_number.as_str()).expect("a sequence number"),
        sub_sequence_number: None,
        data: Data::Text(record.data().into()),
        arrival: ArrivalTime::parse(&record.arrival.to_string()).expect("an arrival time"),
        shard_id: record.shard_id.into(),
    };
    let stamp = Stamp::new(jiff::Timestamp::now(), None);
    json_of(Item::of(archived, &mut Packer::default(), Compression::None).to_attributes(&stamp))
}

fn json_of(attributes: Attributes) -> Value {
    let attributes = attributes.into_iter().map(|(name, value)| {
        let value = match value.as_n() {
            Ok(number) => json!({ "N": number }),
            Err(other) => json!({ "S": other.as_s().expect("an archive has texts and numbers") }),
        };
        (name, value)
    });
    Value::Object(attributes.collect::<Map<_, _>>())
}
