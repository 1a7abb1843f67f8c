//! The failure destination: a file for every failed batch, with its records, as Lambda writes to S3.

use super::backlog::GivenUp;
use crate::domain::lambda::event::{Source, StreamRecord, event_of};
use crate::private;
use jiff::Timestamp;
use serde::Serialize;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<'g> {
    request_context: RequestContext<'g>,
    response_context: ResponseContext<'g>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KinesisBatchInfo")]
    batch: BatchInfo<'g>,
    /// The event, as text.
    payload: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'g> {
    request_id: String,
    function_arn: &'static str,
    condition: &'g str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext<'g> {
    status_code: u16,
    executed_version: &'static str,
    function_error: &'g str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'g> {
    shard_id: &'g str,
    start_sequence_number: &'g str,
    end_sequence_number: &'g str,
    approximate_arrival_of_first_record: String,
    approximate_arrival_of_last_record: String,
    batch_size: usize,
    stream_arn: &'g str,
}

/// Writes the batch to `<folder>/<stream>/<shard>/<time>-<random>.json` and returns the file's path.
///
/// `last_error` is the function's last error, if it returned one.
pub(super) async fn write(folder: &Path, source: &Source, given_up: &GivenUp, last_error: Option<&str>) -> io::Result<PathBuf> {
    let now = Timestamp::now();
    let content = content_of(source, given_up, last_error, now)?;
    let folder = folder.join(source.stream.stream_name().as_str()).join(source.shard.as_str());
    let file = folder.join(format!("{}-{:08x}.json", now.strftime("%Y-%m-%dT%H.%M.%S"), fastrand::u32(..)));
    let written = file.clone();
    tokio::task::spawn_blocking(move || {
        private::folder(&folder)?;
        private::replace(&file, &content).map(|_| ())
    })
    .await
    .map_err(io::Error::other)??;
    Ok(written)
}

fn content_of(source: &Source, given_up: &GivenUp, last_error: Option<&str>, now: Timestamp) -> io::Result<Vec<u8>> {
    let (first, last) = (given_up.records.first(), given_up.records.last());
    let number = |record: Option<&'_ StreamRecord>| record.map(|record| record.sequence_number.to_string()).unwrap_or_default();
    let arrival = |record: Option<&'_ StreamRecord>| {
        let milliseconds = record.map(|record| record.arrival_milliseconds).unwrap_or_default();
        Timestamp::from_millisecond(milliseconds).map(|time| format!("{time:.3}")).unwrap_or_default()
    };
    let invocation = Invocation {
        request_context: RequestContext {
            request_id: format!("{:032x}", fastrand::u128(..)),
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:local-archiver",
            condition: given_up.condition.as_str(),
            approximate_invoke_count: given_up.invocations,
        },
        response_context: ResponseContext {
            status_code: 200,
            executed_version: "$LATEST",
            function_error: last_error.unwrap_or_default(),
        },
        version: "1.0",
        timestamp: format!("{now:.3}"),
        batch: BatchInfo {
            shard_id: source.shard.as_str(),
            start_sequence_number: &number(first),
            end_sequence_number: &number(last),
            approximate_arrival_of_first_record: arrival(first),
            approximate_arrival_of_last_record: arrival(last),
            batch_size: given_up.records.len(),
            stream_arn: source.stream.as_str(),
        },
        payload: event_of(source, &given_up.records)?,
    };
    Ok(serde_json::to_vec_pretty(&invocation)?)
}
