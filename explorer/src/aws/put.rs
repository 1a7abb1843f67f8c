//! Puts records into a stream: one call, and the result of each record.

use super::arn_of;
use super::connect::Connection;
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamName;
use aws_config::retry::RetryConfig;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};

/// The permission it needs.
pub const PERMISSION: &str = "kinesis:PutRecords";

/// A record to put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutEntry {
    /// Its partition key.
    pub partition_key: String,
    /// The hash that determines its shard instead of the key's.
    pub explicit_hash_key: Option<String>,
    /// The data.
    pub data: Vec<u8>,
}

/// The result of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutOutcome {
    /// The stream has it.
    Acknowledged {
        /// Its shard.
        shard_id: String,
        /// Its sequence number.
        sequence_number: String,
    },
    /// Its shard is throttled.
    Throttled,
    /// It failed, in Kinesis' words.
    Failed(String),
}

/// Puts records with one call, without retries. The results are in the order of the records.
///
/// # Errors
/// When the call fails as a whole. Unless Kinesis has answered, any of the records may still be in the stream. An answer that does
/// not cover every record counts as none.
pub async fn put_records(
    connection: &Connection,
    stream: &StreamName,
    entries: Vec<PutEntry>,
) -> Result<Vec<PutOutcome>, AwsFailure> {
    let count = entries.len();
    let refused = |error: aws_sdk_kinesis::error::BuildError| AwsFailure::of_cause(FailureKind::Refused, &error);
    let entry = |PutEntry { partition_key, explicit_hash_key, data }: PutEntry| {
        let entry = PutRecordsRequestEntry::builder().partition_key(partition_key).set_explicit_hash_key(explicit_hash_key);
        entry.data(Blob::new(data)).build().map_err(refused)
    };
    let entries = entries.into_iter().map(entry).collect::<Result<_, _>>()?;
    // Kinesis accepts the ARN alone, and emulators refuse both together.
    let name = stream.arn().is_none().then(|| stream.as_str().to_owned());
    let call = connection.kinesis.put_records().set_stream_name(name).set_stream_arn(arn_of(stream)).set_records(Some(entries));
    // The caller counts and retries failures; retries in the SDK would be hidden from it.
    let once = aws_sdk_kinesis::config::Builder::new().retry_config(RetryConfig::disabled());
    let output = call.customize().config_override(once).send().await.map_err(|error| match error.as_service_error() {
        Some(_) => error.into(),
        None => unanswered(error.into()),
    })?;
    // The answer lists the records in the order of the request. Source: Kinesis API reference, PutRecords.
    outcomes(output.records, count).map_err(lost)
}

/// An unusable answer says nothing about the records.
fn unanswered(failure: AwsFailure) -> AwsFailure {
    let kind = if failure.kind == FailureKind::Unusable { FailureKind::Service } else { failure.kind };
    AwsFailure { kind, ..failure }
}

fn lost(reason: String) -> AwsFailure {
    AwsFailure { kind: FailureKind::Service, message: format!("the answer to PutRecords {reason}, so its result is unknown") }
}

/// The results of this many records.
fn outcomes(results: Vec<PutRecordsResultEntry>, count: usize) -> Result<Vec<PutOutcome>, String> {
    if results.len() != count {
        return Err(format!("has {} results for {count} {}", results.len(), if count == 1 { "record" } else { "records" }));
    }
    results.into_iter().map(outcome).collect()
}

fn outcome(result: PutRecordsResultEntry) -> Result<PutOutcome, String> {
    let is_named = |text: &&str| !text.is_empty();
    match (result.error_code.as_deref().filter(is_named), result.shard_id, result.sequence_number) {
        (None, Some(shard_id), Some(sequence_number)) if !shard_id.is_empty() && !sequence_number.is_empty() => {
            match SequenceNumber::parse(sequence_number.as_str()) {
                Ok(_) => Ok(PutOutcome::Acknowledged { shard_id, sequence_number }),
                Err(error) => Err(format!("is damaged: {error}")),
            }
        }
        (None, _, _) => Err("has a record with neither a sequence number nor an error".to_owned()),
        (Some("ProvisionedThroughputExceededException" | "KMSThrottlingException"), _, _) => Ok(PutOutcome::Throttled),
        (Some(code), _, _) => Ok(PutOutcome::Failed(match result.error_message {
            Some(message) => format!("{code}: {message}"),
            None => code.to_owned(),
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(shard: &str, number: &str) -> PutRecordsResultEntry {
        PutRecordsResultEntry::builder().shard_id(shard).sequence_number(number).build()
    }

    #[test]
    fn only_a_record_with_a_shard_and_a_sequence_number_is_acknowledged() {
        let shard = "shardId-000000000000";
        let taken = outcomes(vec![result(shard, "42")], 1);
        let acknowledged = PutOutcome::Acknowledged { shard_id: shard.to_owned(), sequence_number: "42".to_owned() };
        assert_eq!(taken, Ok(vec![acknowledged]));
        for bad in
            [result(shard, ""), result("", "42"), result(shard, "x"), result(shard, "-1"), PutRecordsResultEntry::builder().build()]
        {
            assert!(outcomes(vec![result(shard, "42"), bad.clone()], 2).is_err(), "{bad:?}");
        }
        let refused = PutRecordsResultEntry::builder().error_code("InternalFailure").build();
        assert_eq!(outcomes(vec![refused], 1), Ok(vec![PutOutcome::Failed("InternalFailure".to_owned())]));
    }

    #[test]
    fn an_answer_of_another_number_of_records_acknowledges_none() {
        for results in [0, 1, 3] {
            assert!(outcomes(vec![result("shardId-000000000000", "42"); results], 2).is_err(), "{results}");
        }
    }
}
