//! Reads one shard page by page. If its iterator expires, resumes after the last record.

use super::arn_of;
use super::retry::with_retries;
use crate::domain::failure::Failure;
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use jiff::Timestamp;
use std::time::Duration;

/// Where the reading of a shard begins.
#[derive(Clone, Debug)]
pub(crate) enum ShardStart {
    /// After everything that is there now.
    Latest,
    /// With the oldest record in the stream.
    Oldest,
    /// With records that arrived at this time or later.
    At(Timestamp),
    /// With this record.
    From(SequenceNumber),
    /// After this record.
    After(SequenceNumber),
}

/// The calls that read a shard, without retries.
#[derive(Debug)]
pub(crate) struct ShardCalls {
    pub(crate) client: Client,
    pub(crate) stream: StreamName,
    pub(crate) shard: String,
    /// Why the shard is read, for error messages.
    pub(crate) operation: String,
    /// Records in a page; `None` leaves it to Kinesis.
    pub(crate) max_records: Option<i32>,
}

impl ShardCalls {
    /// An iterator that starts there.
    ///
    /// # Errors
    /// What Kinesis answered.
    pub(crate) async fn iterator(&self, start: &ShardStart) -> Result<String, Failure> {
        let call = self.client.get_shard_iterator().stream_name(self.stream.as_str()).set_stream_arn(arn_of(&self.stream));
        let call = call.shard_id(&self.shard);
        let call = match start {
            ShardStart::Latest => call.shard_iterator_type(ShardIteratorType::Latest),
            ShardStart::Oldest => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
            ShardStart::At(at) => {
                let at = DateTime::from_millis(at.as_millisecond());
                call.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(at)
            }
            ShardStart::From(number) => {
                call.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(number.as_str())
            }
            ShardStart::After(number) => {
                call.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number.as_str())
            }
        };
        let output = call.send().await;
        let output = output.map_err(|error| Failure::of_call(&self.operation, "kinesis:GetShardIterator", error.into()))?;
        output.shard_iterator.ok_or_else(|| Failure::refused(&self.operation, "the answer has no shard iterator"))
    }

    /// The shard's records from an iterator on; `None` if the iterator has expired.
    ///
    /// # Errors
    /// What Kinesis answered.
    pub(crate) async fn records(&self, iterator: &str) -> Result<Option<GetRecordsOutput>, Failure> {
        let call = self.client.get_records().shard_iterator(iterator).set_stream_arn(arn_of(&self.stream));
        match call.set_limit(self.max_records).send().await {
            Ok(output) => Ok(Some(output)),
            Err(SdkError::ServiceError(error)) if error.err().is_expired_iterator_exception() => Ok(None),
            Err(error) => Err(Failure::of_call(&self.operation, "kinesis:GetRecords", error.into())),
        }
    }
}

/// Reads a shard. Calls that fail are retried.
#[derive(Debug)]
pub(crate) struct ShardReader {
    calls: ShardCalls,
    /// `None` at the end of a closed shard.
    iterator: Option<String>,
    /// Where a new iterator starts.
    resume: ShardStart,
}

/// One page of a shard.
#[derive(Debug)]
pub(crate) struct ShardPage {
    pub(crate) records: Vec<Record>,
    /// How far the page's end is behind the newest record, if Kinesis says so.
    pub(crate) behind_latest: Option<Duration>,
}

impl ShardReader {
    /// Starts to read. `resume` is where a new iterator starts if one is needed before the first record.
    ///
    /// # Errors
    /// What Kinesis answered.
    pub(crate) async fn open(calls: ShardCalls, start: &ShardStart, resume: ShardStart) -> Result<Self, Failure> {
        let iterator = with_retries(|| calls.iterator(start)).await?;
        Ok(Self { calls, iterator: Some(iterator), resume })
    }

    /// The next page; `None` after the last one of a closed shard.
    ///
    /// # Errors
    /// What Kinesis answered.
    pub(crate) async fn next(&mut self) -> Result<Option<ShardPage>, Failure> {
        while let Some(iterator) = &self.iterator {
            let Some(output) = with_retries(|| self.calls.records(iterator)).await? else {
                self.iterator = Some(with_retries(|| self.calls.iterator(&self.resume)).await?);
                continue;
            };
            let numbers = output.records.iter().rev().map(|record| SequenceNumber::parse(record.sequence_number.as_str()));
            if let Some(number) = numbers.filter_map(Result::ok).next() {
                self.resume = ShardStart::After(number);
            }
            self.iterator = output.next_shard_iterator;
            let behind_latest =
                output.millis_behind_latest.and_then(|behind| u64::try_from(behind).ok()).map(Duration::from_millis);
            return Ok(Some(ShardPage { records: output.records, behind_latest }));
        }
        Ok(None)
    }

    /// Whether the last page ended a closed shard.
    pub(crate) fn is_at_end(&self) -> bool {
        self.iterator.is_none()
    }
}
