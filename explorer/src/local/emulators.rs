//! The emulators of Kinesis and DynamoDB inside this process, each on a loopback port of its own.

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
/// Time a stream is CREATING, UPDATING or DELETING: long enough to be seen by nobody, yet not nothing.
const STREAM_CHANGE_MILLISECONDS: u64 = 20;

/// Both emulators, serving.
pub struct Emulators {
    /// Where they are.
    pub endpoints: LocalEndpoints,
    /// What is behind DynamoDB, for what its API has no call for, such as a sweep of expired items.
    pub database: Database,
    /// Told when streams are made, deleted or tagged.
    pub(super) streams_changed: Arc<Notify>,
    /// Told when records are put.
    pub(super) arrivals: Arrivals,
    /// End when told so and every connection is done. Dropping them ends them.
    pub(super) servers: JoinSet<()>,
}

/// What stands before the Kinesis emulator.
#[derive(Clone)]
struct Gate {
    /// Shared by calls that put records, held alone by calls that get them.
    records: Arc<RwLock<()>>,
    streams_changed: Arc<Notify>,
    arrivals: Arrivals,
}

/// What tells the stream in a request that puts records.
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
    /// Starts both, with nothing in them and nothing kept; dropping them ends them.
    ///
    /// # Errors
    /// When no loopback port is to be had.
    pub async fn in_memory() -> Result<Self, LocalError> {
        let (stopper, stop) = stop_pair();
        let mut emulators = Self::start(None, &stop).await?;
        // The servers go on until the emulators are dropped, and then end with their tasks.
        emulators.servers.spawn(async move {
            std::future::pending::<()>().await;
            drop(stopper);
        });
        Ok(emulators)
    }

    /// Starts both; they serve when this returns.
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
            tracing::debug!(%error, "cannot send small answers at once");
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

/// The emulator gives a record its number before it stores it, so while two calls put records, the later number may be stored
/// first; who gets records in between is past the earlier one for ever. Kinesis does not lose records that way. So no call that
/// gets records runs beside one that puts some.
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

/// A client that sends slowly must not hold the gate.
async fn with_whole_body(request: Request) -> Result<(Request, Bytes), Response> {
    let (parts, body) = request.into_parts();
    match axum::body::to_bytes(body, MAX_REQUEST_BYTES).await {
        Ok(bytes) => Ok((Request::from_parts(parts, Body::from(bytes.clone())), bytes)),
        Err(_) => Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
    }
}

/// `None` where the request cannot be read, as one in CBOR.
fn stream_of(body: &Bytes) -> Option<String> {
    let target: PutTarget = serde_json::from_slice(body).ok()?;
    let named_by_arn = || target.stream_arn.and_then(|arn| StreamArn::parse(arn).ok()).map(|arn| arn.stream_name().to_string());
    target.stream_name.or_else(named_by_arn)
}
