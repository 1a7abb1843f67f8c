//! The explorer's command line: its real binary, against the local system that the same binary runs.

mod bombs;
mod browse;
mod config;
mod configure;
mod connecting;
mod demo;
mod describe;
mod ending;
mod errors;
mod export;
mod filter;
mod hostile;
mod local;
mod manual;
mod recover;
mod replay;
mod replay_crashes;
mod replay_faults;
mod replay_plans;
mod replay_safety;
mod stored;
mod tail;

use end_to_end::command_line::{Explorer, RunningLocal};
use end_to_end::endpoints::Endpoints;
use end_to_end::stream::{Keys, TestStream};
use end_to_end::wait::eventually;
use std::path::Path;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_explorer-under-test"))
}

/// An empty local system, and a program that uses it.
async fn start() -> (RunningLocal, Explorer) {
    let local = RunningLocal::start(binary(), &["--no-demo"]).await;
    let explorer = Explorer::of(binary(), &local.endpoints);
    (local, explorer)
}

/// Kinesis and DynamoDB without an archiver, and a program that uses them.
async fn reach() -> (Endpoints, Explorer) {
    let endpoints = Endpoints::start().await;
    let explorer = Explorer::of(binary(), &endpoints);
    (endpoints, explorer)
}

/// The same in an account without other streams.
async fn reach_alone() -> (Endpoints, Explorer) {
    let endpoints = Endpoints::of_its_own().await;
    let explorer = Explorer::of(binary(), &endpoints);
    (endpoints, explorer)
}

/// A sequence number as long as Kinesis' own.
fn long_number(place: usize) -> String {
    format!("4{place:055}")
}

/// The partition keys of records in JSON, in order.
fn keys(records: &[serde_json::Value]) -> Vec<&str> {
    records.iter().map(|record| record["partition_key"].as_str().unwrap_or_default()).collect()
}

/// A stream archived in mode ALL.
async fn archived_stream(endpoints: &Endpoints, shards: i32) -> TestStream {
    TestStream::archived(endpoints, shards, &[("StreamArchiveMode", "ALL")], "ALL", Keys::OfModeAll).await
}

/// Waits until this many records of the stream are archived.
async fn until_archived(stream: &TestStream, records: usize) {
    eventually("the records are archived", || async { (stream.items("ALL").await.len() == records).then_some(()) }).await;
}
