//! The shards of a stream.

use super::arn_of;
use super::connect::{Connection, retries};
use crate::aws::retry::with_retries;
use crate::domain::failure::Failure;
use crate::domain::replay::hash_key::{HashKey, ShardMap, TargetShard};
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::types::Shard;

/// All shards, including closed ones. `operation` says why they are listed.
pub(super) async fn list(connection: &Connection, stream: &StreamName, operation: &str) -> Result<Vec<Shard>, Failure> {
    let mut shards: Vec<Shard> = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = with_retries(|| async {
            let call = connection.kinesis.list_shards().set_stream_arn(arn_of(stream));
            // Kinesis takes either the name or the token.
            let call = match &token {
                Some(token) => call.next_token(token),
                None => call.stream_name(stream.as_str()),
            };
            call.send().await.map_err(|error| Failure::of_call(operation, "kinesis:ListShards", error.into()))
        });
        let page = page.await?;
        shards.extend(page.shards.unwrap_or_default());
        if page.next_token.is_some() && page.next_token == token {
            return Err(Failure::refused(operation, "Kinesis returns the same page again"));
        }
        token = page.next_token;
        if token.is_none() {
            // An existing stream always has shards.
            return if shards.is_empty() {
                Err(Failure::refused(operation, "Kinesis lists no shards, not even closed ones"))
            } else {
                Ok(shards)
            };
        }
    }
}

/// Checks early that the stream exists and its shards can be listed.
///
/// # Errors
/// What Kinesis answered.
pub async fn check(connection: &Connection, stream: &StreamName) -> Result<(), Failure> {
    let call = || async {
        let soon = aws_sdk_kinesis::config::Builder::new().retry_config(retries());
        let call = connection.kinesis.list_shards().stream_name(stream.as_str()).set_stream_arn(arn_of(stream));
        call.max_results(1).customize().config_override(soon).send().await?;
        Ok(())
    };
    let failed = |failure| Failure::of_call(format!("list the shards of stream {stream}"), "kinesis:ListShards", failure);
    connection.promptly(call).await.map_err(failed)
}

/// Whether a shard accepts records.
pub(super) fn is_open(shard: &Shard) -> bool {
    shard.sequence_number_range.as_ref().is_none_or(|range| range.ending_sequence_number.is_none())
}

/// When a stream was created, in epoch milliseconds. A stream of the same name with another time is a different stream.
///
/// # Errors
/// When it does not exist, or cannot be described.
pub async fn created_at(connection: &Connection, stream: &StreamName) -> Result<Option<i64>, Failure> {
    let described = with_retries(|| async {
        let call = connection.kinesis.describe_stream_summary().stream_name(stream.as_str()).set_stream_arn(arn_of(stream));
        let failed = |failure| Failure::of_call(format!("describe stream {stream}"), "kinesis:DescribeStreamSummary", failure);
        call.send().await.map_err(|error| failed(error.into()))
    });
    let summary = described.await?.stream_description_summary;
    Ok(summary.and_then(|summary| summary.stream_creation_timestamp.to_millis().ok()))
}

/// A stream's open shards, by their hash key ranges.
///
/// # Errors
/// When they cannot be listed.
pub async fn map(connection: &Connection, stream: &StreamName) -> Result<ShardMap, Failure> {
    let operation = format!("list the shards of stream {stream}");
    let shards = list(connection, stream, &operation).await?;
    let open = shards.into_iter().filter(is_open).map(|shard| {
        let range = shard.hash_key_range.as_ref();
        let bound = |digits: Option<&str>| digits.and_then(HashKey::parse).map(|(hash, _)| hash);
        let first = bound(range.map(|range| range.starting_hash_key.as_str()));
        let last = bound(range.map(|range| range.ending_hash_key.as_str()));
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Failure::refused(&operation, format!("the hash keys of {} are not numbers", shard.shard_id)));
        };
        Ok(TargetShard { first, last, id: shard.shard_id })
    });
    let map = ShardMap::new(open.collect::<Result<_, _>>()?);
    if map.is_empty() { Err(Failure::refused(operation, "it has no open shard")) } else { Ok(map) }
}
