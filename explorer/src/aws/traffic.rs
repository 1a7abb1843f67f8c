//! A stream's current traffic, from the last seconds of some of its shards.

use super::connect::Connection;
use super::shard_reader::{ShardCalls, ShardStart};
use crate::domain::failure::Failure;
use crate::domain::replay::preflight::Traffic;
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::types::Record;
use jiff::Timestamp;
use std::time::Duration;

/// How many seconds to look back.
pub const WINDOW: Duration = Duration::from_secs(10);
/// Shards to read, in parallel. Each costs one of the five reads a second that all readers of a shard share.
const SHARDS_LOOKED_AT: usize = 8;
/// Timeout for everything.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// Records of a read. Source: Kinesis API reference, GetRecords.
const MAX_RECORDS: i32 = 10_000;

/// What producers recently put into the first of these shards; an error if that takes too long.
///
/// # Errors
/// A sentence that says why it is unknown.
pub async fn traffic(connection: &Connection, stream: &StreamName, shards: &[String]) -> Result<Vec<Traffic>, String> {
    let looks: Vec<_> = shards.iter().take(SHARDS_LOOKED_AT).map(|shard| of_shard(connection, stream, shard)).collect();
    let found = tokio::time::timeout(PATIENCE, futures::future::join_all(looks))
        .await
        .map_err(|_| "its shards do not answer in time".to_owned())?;
    found.into_iter().collect::<Result<_, Failure>>().map_err(|failure| failure.to_string())
}

async fn of_shard(connection: &Connection, stream: &StreamName, shard: &str) -> Result<Traffic, Failure> {
    let operation = format!("read shard {shard} of stream {stream}");
    let since = Timestamp::now() - WINDOW;
    let calls = ShardCalls {
        client: connection.kinesis.clone(),
        stream: stream.clone(),
        shard: shard.to_owned(),
        operation: operation.clone(),
        max_records: Some(MAX_RECORDS),
    };
    let iterator = calls.iterator(&ShardStart::At(since)).await?;
    let page = calls.records(&iterator).await?.ok_or_else(|| Failure::refused(operation, "its iterator expired at once"))?;
    let (mut records, mut bytes, mut last) = (0.0, 0.0, since.as_millisecond());
    let arrival = |record: &Record| record.approximate_arrival_timestamp.and_then(|at| at.to_millis().ok());
    // Some implementations also return earlier records.
    for record in page.records.iter().filter(|record| arrival(record).is_some_and(|at| at >= since.as_millisecond())) {
        records += 1.0;
        bytes += count(record.data.as_ref().len() + record.partition_key.as_deref().map_or(0, str::len));
        last = arrival(record).unwrap_or(last).max(last);
    }
    // A full page ends before the present.
    let is_behind = page.millis_behind_latest.is_some_and(|behind| behind > 0);
    let seen = Duration::from_millis(u64::try_from(last - since.as_millisecond()).unwrap_or(0));
    let seconds = if is_behind { seen.clamp(Duration::from_secs(1), WINDOW) } else { WINDOW }.as_secs_f64();
    Ok(Traffic { shard: shard.to_owned(), records: records / seconds, bytes: bytes / seconds })
}

#[allow(clippy::cast_precision_loss, reason = "a page has at most 10 MB")]
fn count(number: usize) -> f64 {
    number as f64
}
