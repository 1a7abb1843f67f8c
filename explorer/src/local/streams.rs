//! Creates streams in the emulator, and remembers them for the next run.

use super::data_dir::{DataDir, RememberedStream, RememberedStreams};
use super::error::SetupError;
use super::event_source::{Inventory, StopSignal};
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::StreamStatus;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Pause between two checks of a stream that is being created.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Tags one AddTagsToStream call takes. Source: Kinesis API reference, AddTagsToStream.
const TAGS_PER_CALL: usize = 10;

/// Creates a stream and waits until it is active. Tags come in a second step, because they may start its archiving.
pub(super) async fn make_stream(client: &Client, name: &StreamName, shards: i32) -> Result<(), SetupError> {
    let failed = |failure: AwsFailure| SetupError::new(format!("create stream {name}"), failure);
    client.create_stream().stream_name(name.as_str()).shard_count(shards).send().await.map_err(|error| failed(error.into()))?;
    loop {
        let summary = client.describe_stream_summary().stream_name(name.as_str()).send().await;
        let summary = summary.map_err(|error| failed(error.into()))?;
        if summary.stream_description_summary.is_some_and(|summary| summary.stream_status == StreamStatus::Active) {
            return Ok(());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// Puts tags on a stream.
pub(super) async fn tag_stream(
    client: &Client,
    name: &StreamName,
    tags: impl IntoIterator<Item = (String, String)>,
) -> Result<(), SetupError> {
    let tags: Vec<(String, String)> = tags.into_iter().collect();
    for chunk in tags.chunks(TAGS_PER_CALL) {
        let request = client.add_tags_to_stream().stream_name(name.as_str()).set_tags(Some(chunk.iter().cloned().collect()));
        request.send().await.map_err(|error| SetupError::new(format!("tag stream {name}"), error.into()))?;
    }
    Ok(())
}

/// Keeps the data directory's list of streams up to date, until it is stopped.
pub(super) async fn remember(
    client: Client,
    data_dir: Arc<DataDir>,
    mut inventory: watch::Receiver<Inventory>,
    mut stop: StopSignal,
) {
    loop {
        let is_stopping = tokio::select! {
            changed = inventory.changed() => changed.is_err(),
            () = stop.stopped() => true,
        };
        let known = inventory.borrow_and_update().clone();
        match described(&client, &known).await {
            Ok(streams) => write(&data_dir, RememberedStreams { written_at: Timestamp::now().as_second(), streams }).await,
            Err(failure) => tracing::warn!(%failure, "cannot describe the streams to remember them"),
        }
        if is_stopping {
            return;
        }
    }
}

async fn described(client: &Client, inventory: &Inventory) -> Result<Vec<RememberedStream>, AwsFailure> {
    let mut streams = Vec::with_capacity(inventory.len());
    for (name, tags) in inventory {
        let summary = match client.describe_stream_summary().stream_name(name.as_str()).send().await.map_err(AwsFailure::from) {
            Ok(summary) => summary.stream_description_summary,
            // Deleted since the list was read.
            Err(failure) if failure.kind == FailureKind::NotFound => continue,
            Err(failure) => return Err(failure),
        };
        let shards = summary.map_or(1, |summary| summary.open_shard_count).max(1);
        streams.push(RememberedStream { name: name.to_string(), shards, tags: tags.clone() });
    }
    Ok(streams)
}

async fn write(data_dir: &Arc<DataDir>, streams: RememberedStreams) {
    let data_dir = Arc::clone(data_dir);
    match tokio::task::spawn_blocking(move || data_dir.remember(&streams)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "cannot remember the streams"),
        Err(error) => tracing::warn!(%error, "cannot remember the streams"),
    }
}
