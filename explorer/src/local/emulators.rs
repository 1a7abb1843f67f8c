//! The emulators of Kinesis and DynamoDB inside this process, each on its own loopback port.

use super::data_dir::DataDir;
use super::event_source::{Arrivals, StopSignal, stop_pair};
use super::{LocalEndpoints, LocalError};
use archiver::format::stream::StreamArn;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use dynoxide::Database;
use ferrokinesis::store::StoreOptions;
use serde::Deserialize;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{Notify, RwLock};
use tokio::task::JoinSet;

/// The region of every local ARN.
pub(super) const REGION: &str = "us-east-1";
/// The account of every local ARN.
const ACCOUNT: &str = "000000000000";
/// A PutRecords call has up to 10 MiB of payload, which base64 makes a third larger. Source: Kinesis API reference, PutRecords.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// Open shards over all streams.
const SHARD_LIMIT: u32 = 500;
/// How long a stream is CREATING, UPDATING or DELETING: too short to notice, but not zero.
const STREAM_CHANGE_MILLISECONDS: u64 = 20;

/// Both emulators, running.
pub struct Emulators {
    /// Their addresses.
    pub endpoints: LocalEndpoints,
    /// DynamoDB's storage, for what its API cannot do, such as sweeping expired items.
    pub database: Database,
    /// Notified when streams are created, deleted or tagged.
    pub(super) streams_changed: Arc<Notify>,
    /// Notified when records are put.
    pub(super) arrivals: Arrivals,
    /// Stop once all connections are done. Dropping them stops them at once.
    pub(super) servers: JoinSet<()>,
}

/// Sits in front of the Kinesis emulator.
#[derive(Clone)]
struct Gate {
    /// Shared by calls that put records, exclusive for calls that get them.
    records: Arc<RwLock<()>>,
    streams_changed: Arc<Notify>,
    arrivals: Arrivals,
}

/// Names the stream in a request that puts records.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutTarget {
    stream_name: Option<String>,
    #[serde(rename = "StreamARN")]
    stream_arn: Option<String>,
}

impl std::fmt::Debug for Emulators {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Emulators").field("endpoints", &self.endpoints).finish_non_exhaustive()
    }
}

impl Emulators {
    /// Starts both, empty and in memory only. Dropping them stops them.
    ///
    /// # Errors
    /// When no loopback port is free.
    pub async fn in_memory() -> Result<Self, LocalError> {
        let (stopper, stop) = stop_pair();
        let mut emulators = Self::start(None, &stop).await?;
        // The servers run until the emulators are dropped; then their tasks end.
        emulators.servers.spawn(async move {
            std::future::pending::<()>().await;
            drop(stopper);
        });
        Ok(emulators)
    }

    /// Starts both; they accept requests when this returns.
    pub(super) async fn start(data_dir: Option<&DataDir>, stop: &StopSignal) -> Result<Self, LocalError> {
        let database = open_database(data_dir).await?;
        let (kinesis_listener, kinesis) = listen().await?;
        let (dynamodb_listener, dynamodb) = listen().await?;
        let streams_changed = Arc::new(Notify::new());
        let arrivals = Arrivals::default();
        let gate =
            Gate { records: Arc::new(RwLock::new(())), streams_changed: Arc::clone(&streams_changed), arrivals: arrivals.clone() };
        let mut servers = JoinSet::new();
        servers.spawn(serve_kinesis(kinesis_listener, gate, stop.clone()));
        servers.spawn(serve_dynamodb(dynamodb_listener, database.clone(), stop.clone()));
        let endpoints = LocalEndpoints { kinesis, dynamodb, region: REGION.to_owned() };
        Ok(Self { endpoints, database, streams_changed, arrivals, servers })
    }
}

async fn open_database(data_dir: Option<&DataDir>) -> Result<Database, LocalError> {
    let file = data_dir.map(DataDir::archives);
    let opened = tokio::task::spawn_blocking(move || match file {
        Some(path) => {
            Database::new(&path.to_string_lossy()).map_err(|error| LocalError::ArchivesFile { path, reason: error.to_string() })
        }
        None => Database::memory().map_err(|error| LocalError::Database { reason: error.to_string() }),
    });
    opened.await.map_err(|error| LocalError::Database { reason: error.to_string() })?
}

async fn listen() -> Result<(TcpListener, String), LocalError> {
    let failed = |source| LocalError::Listen { source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, format!("http://{address}")))
}

async fn serve_kinesis(listener: TcpListener, gate: Gate, mut stop: StopSignal) {
    let (app, _) = ferrokinesis::create_app(StoreOptions {
        create_stream_ms: STREAM_CHANGE_MILLISECONDS,
        update_stream_ms: STREAM_CHANGE_MILLISECONDS,
        delete_stream_ms: STREAM_CHANGE_MILLISECONDS,
        shard_limit: SHARD_LIMIT,
        aws_account_id: ACCOUNT.to_owned(),
        aws_region: REGION.to_owned(),
        ..StoreOptions::default()
    });
    let app = app.layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)).layer(from_fn_with_state(gate, pass_gate));
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "cannot turn off Nagle's algorithm");
        }
    });
    let served = axum::serve(listener, app).with_graceful_shutdown(async move { stop.stopped().await }).await;
    if let Err(error) = served {
        tracing::error!(%error, "the Kinesis emulator has ended");
    }
}

async fn serve_dynamodb(listener: TcpListener, database: Database, mut stop: StopSignal) {
    let served = dynoxide::server::serve_with_shutdown(listener, database, async move { stop.stopped().await }).await;
    if let Err(error) = served {
        tracing::error!(error, "the DynamoDB emulator has ended");
    }
}

/// The emulator numbers a record before it stores it. If two calls put records at the same time, the later number may be stored
/// first, and a reader in between would miss the earlier record for good. Kinesis does not lose records that way. So calls that get
/// records and calls that put records never run at the same time.
async fn pass_gate(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    match target.and_then(|target| target.rsplit('.').next()) {
        Some("PutRecord" | "PutRecords") => match with_whole_body(request).await {
            Ok((request, body)) => {
                let shared = gate.records.read().await;
                let response = next.run(request).await;
                drop(shared);
                gate.arrivals.announce(stream_of(&body));
                response
            }
            Err(refusal) => refusal,
        },
        Some("GetRecords") => match with_whole_body(request).await {
            Ok((request, _)) => {
                let _alone = gate.records.write().await;
                next.run(request).await
            }
            Err(refusal) => refusal,
        },
        Some("CreateStream" | "DeleteStream" | "AddTagsToStream" | "RemoveTagsFromStream" | "TagResource" | "UntagResource") => {
            let response = next.run(request).await;
            gate.streams_changed.notify_one();
            response
        }
        _ => next.run(request).await,
    }
}

/// A slow client must not hold the gate.
async fn with_whole_body(request: Request) -> Result<(Request, Bytes), Response> {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, MAX_REQUEST_BYTES).await {
        Ok(bytes) => Ok((Request::from_parts(parts, Body::from(bytes.clone())), bytes)),
        Err(_) => Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
    }
}

/// `None` if the request cannot be read, for example because it is CBOR.
fn stream_of(body: &Bytes) -> Option<String> {
    let target: PutTarget = serde_json::from_slice(body).ok()?;
    let named_by_arn = || target.stream_arn.and_then(|arn| StreamArn::parse(arn).ok()).map(|arn| arn.stream_name().to_string());
    target.stream_name.or_else(named_by_arn)
}
