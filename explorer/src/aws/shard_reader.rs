//! Reads one shard page by page, and from its last record on where its iterator has expired.

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
    /// Behind what is there.
    Latest,
    /// With the oldest record that the stream still has.
    Oldest,
    /// With what arrived at this time or later.
    At(Timestamp),
    /// With this record.
    From(SequenceNumber),
    /// Behind this record.
    After(SequenceNumber),
}

/// The calls that read a shard, each made once.
#[derive(Debug)]
pub(crate) struct ShardCalls {
    pub(crate) client: Client,
    pub(crate) stream: StreamName,
    pub(crate) shard: String,
    /// What the shard is read for, as failures say it.
    pub(crate) operation: String,
    /// Records of a page; as many as Kinesis gives where nothing is said.
    pub(crate) max_records: Option<i32>,
}

impl ShardCalls {
    /// An iterator that begins there.
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

    /// What the shard has behind an iterator; `None` where the iterator has expired.
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
    /// Where a new iterator begins.
    resume: ShardStart,
}

/// What a shard had at one time.
#[derive(Debug)]
pub(crate) struct ShardPage {
    pub(crate) records: Vec<Record>,
    /// How long ago the last of them arrived before the newest of the shard, where Kinesis says so.
    pub(crate) behind_latest: Option<Duration>,
}

impl ShardReader {
    /// Begins to read. `resume` is where a new iterator begins that is needed before there was a record.
    ///
    /// # Errors
    /// What Kinesis answered.
    pub(crate) async fn open(calls: ShardCalls, start: &ShardStart, resume: ShardStart) -> Result<Self, Failure> {
        let iterator = with_retries(|| calls.iterator(start)).await?;
        Ok(Self { calls, iterator: Some(iterator), resume })
    }

    /// The next page, `None` behind the last one of a closed shard.
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

    /// Whether the last page was that of a closed shard.
    pub(crate) fn is_at_end(&self) -> bool {
        self.iterator.is_none()
    }
}
