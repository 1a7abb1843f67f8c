//! Putting records into a stream: one call, and what became of each record.

use super::arn_of;
use super::connect::Connection;
use archiver::aws_failure::AwsFailure;
use archiver::stream::StreamName;
use aws_config::retry::RetryConfig;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};

/// The permission it takes.
pub const PERMISSION: &str = "kinesis:PutRecords";

/// A record to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutEntry {
    /// Its partition key.
    pub partition_key: String,
    /// What decides its shard in place of the key's hash.
    pub explicit_hash_key: Option<String>,
    /// The data.
    pub data: Vec<u8>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The stream has it.
    Acknowledged {
        /// Its shard.
        shard_id: String,
        /// Its sequence number.
        sequence_number: String,
    },
    /// Its shard is at its limit.
    Throttled,
    /// It was not taken, in the words of Kinesis.
    Failed(String),
}

/// Puts records with one call, which is not repeated. The outcomes come in the order of the records.
///
/// # Errors
/// When the call fails as a whole; then any of the records may be in the stream all the same, unless Kinesis has answered.
pub async fn put_records(
    connection: &Connection,
    stream: &StreamName,
    entries: Vec<PutEntry>,
) -> Result<Vec<PutOutcome>, AwsFailure> {
    let count = entries.len();
    let refused =
        |error: aws_sdk_kinesis::error::BuildError| AwsFailure::of_cause(archiver::aws_failure::FailureKind::Refused, &error);
    let entry = |PutEntry { partition_key, explicit_hash_key, data }: PutEntry| {
        let entry = PutRecordsRequestEntry::builder().partition_key(partition_key).set_explicit_hash_key(explicit_hash_key);
        entry.data(Blob::new(data)).build().map_err(refused)
    };
    let entries = entries.into_iter().map(entry).collect::<Result<_, _>>()?;
    // Kinesis takes the ARN by itself, and an emulator refuses both together.
    let name = stream.arn().is_none().then(|| stream.as_str().to_owned());
    let call = connection.kinesis.put_records().set_stream_name(name).set_stream_arn(arn_of(stream)).set_records(Some(entries));
    // Each failure is counted and repeated by the caller; the SDK's own tries would be seen by nobody.
    let once = aws_sdk_kinesis::config::Builder::new().retry_config(RetryConfig::disabled());
    let output = call.customize().config_override(once).send().await?;
    // The answer lists the records in the order of the request. Source: Kinesis API reference, PutRecords.
    let mut outcomes: Vec<PutOutcome> = output.records.into_iter().map(outcome).collect();
    outcomes.resize(count, PutOutcome::Failed("the answer says nothing of it".to_owned()));
    Ok(outcomes)
}

fn outcome(result: PutRecordsResultEntry) -> PutOutcome {
    match (result.error_code.as_deref(), result.shard_id, result.sequence_number) {
        (None, Some(shard_id), Some(sequence_number)) => PutOutcome::Acknowledged { shard_id, sequence_number },
        (Some("ProvisionedThroughputExceededException" | "KMSThrottlingException"), _, _) => PutOutcome::Throttled,
        (Some(code), _, _) => PutOutcome::Failed(match result.error_message {
            Some(message) => format!("{code}: {message}"),
            None => code.to_owned(),
        }),
        (None, _, _) => PutOutcome::Failed("the answer has neither a sequence number nor an error".to_owned()),
    }
}
