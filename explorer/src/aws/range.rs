//! The records of a shard from one sequence number to another, read from the stream itself while it still has them.

use super::arn_of;
use super::connect::Connection;
use crate::aws::retry::with_retries;
use crate::domain::failure::Failure;
use crate::domain::lambda::event::StreamRecord;
use archiver::format::sequence::{InvalidSequenceNumber, SequenceNumber};
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::{Duration, Instant};

/// How long an iterator is used. Kinesis takes it for five minutes. Source: Kinesis API reference, GetShardIterator.
const ITERATOR_TIME: Duration = Duration::from_secs(240);
/// Between two reads of a shard. It allows five a second to all its readers. Source: Kinesis API reference, GetRecords.
const READ_INTERVAL: Duration = Duration::from_millis(400);

/// From where to where.
#[derive(Clone, Copy, Debug)]
pub struct Range<'r> {
    /// Whose shard.
    pub stream: &'r StreamName,
    /// The shard's id.
    pub shard: &'r str,
    /// The first record's number.
    pub first: &'r str,
    /// The last one's.
    pub last: &'r str,
}

/// Reads a range, page by page.
#[derive(Debug)]
pub struct RangeReader<'c> {
    connection: &'c Connection,
    stream: StreamName,
    shard: String,
    last: SequenceNumber,
    next: Option<Next>,
    has_read: bool,
}

/// Where it goes on.
#[derive(Debug)]
enum Next {
    At(SequenceNumber),
    /// After the number, if there is one, with an iterator that was given then.
    With(String, Instant, Option<SequenceNumber>),
}

/// A record as Lambda would deliver it.
pub(crate) fn stream_record(record: Record) -> Result<StreamRecord, InvalidSequenceNumber> {
    let arrival = record.approximate_arrival_timestamp;
    Ok(StreamRecord {
        partition_key: record.partition_key.unwrap_or_default(),
        sequence_number: SequenceNumber::parse(record.sequence_number)?,
        data: STANDARD.encode(record.data.into_inner()),
        arrival_milliseconds: arrival.and_then(|arrival| arrival.to_millis().ok()).unwrap_or_default(),
    })
}

impl<'c> RangeReader<'c> {
    /// Reads this range.
    ///
    /// # Errors
    /// When it is none.
    pub fn new(connection: &'c Connection, range: Range<'_>) -> Result<Self, Failure> {
        let (stream, shard) = (range.stream.clone(), range.shard.to_owned());
        let number = |digits: &str| {
            SequenceNumber::parse(digits.to_owned())
                .map_err(|error| Failure::refused(format!("read shard {shard} of stream {stream}"), error.to_string()))
        };
        let (first, last) = (number(range.first)?, number(range.last)?);
        Ok(Self { connection, stream, shard, last, next: Some(Next::At(first)), has_read: false })
    }

    /// The next records, `None` after the last.
    ///
    /// # Errors
    /// When the shard cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<StreamRecord>>, Failure> {
        while let Some(next) = self.next.take() {
            if self.has_read {
                tokio::time::sleep(READ_INTERVAL).await;
            }
            self.has_read = true;
            let (iterator, reached) = match next {
                Next::At(first) => (self.iterator(ShardIteratorType::AtSequenceNumber, &first).await?, None),
                Next::With(_, given_at, Some(reached)) if given_at.elapsed() > ITERATOR_TIME => {
                    (self.iterator(ShardIteratorType::AfterSequenceNumber, &reached).await?, Some(reached))
                }
                Next::With(iterator, _, reached) => (iterator, reached),
            };
            let answer = with_retries(|| async {
                let answer = self
                    .connection
                    .kinesis
                    .get_records()
                    .shard_iterator(&iterator)
                    .set_stream_arn(arn_of(&self.stream))
                    .send()
                    .await;
                answer.map_err(|error| Failure::of_call(self.operation(), "kinesis:GetRecords", error.into()))
            });
            let answer = answer.await?;
            let read = answer.records.into_iter().map(stream_record).collect::<Result<Vec<_>, _>>();
            let mut records = read.map_err(|error| Failure::refused(self.operation(), error.to_string()))?;
            // Between records that lie far apart a page may be empty. Emulators do not say how far behind one is.
            let is_at_tip = records.is_empty() && answer.millis_behind_latest.unwrap_or(0) == 0;
            let is_past = records.last().is_some_and(|record| record.sequence_number >= self.last);
            if !is_at_tip && !is_past {
                let reached = records.last().map(|record| record.sequence_number.clone()).or(reached);
                self.next = answer.next_shard_iterator.map(|iterator| Next::With(iterator, Instant::now(), reached));
            }
            records.retain(|record| record.sequence_number <= self.last);
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }

    async fn iterator(&self, kind: ShardIteratorType, number: &SequenceNumber) -> Result<String, Failure> {
        let answer = with_retries(|| async {
            let call = self
                .connection
                .kinesis
                .get_shard_iterator()
                .stream_name(self.stream.as_str())
                .set_stream_arn(arn_of(&self.stream))
                .shard_id(&self.shard);
            let answer = call.shard_iterator_type(kind.clone()).starting_sequence_number(number.as_str()).send().await;
            answer.map_err(|error| Failure::of_call(self.operation(), "kinesis:GetShardIterator", error.into()))
        });
        let iterator = answer.await?.shard_iterator;
        iterator.ok_or_else(|| Failure::refused(self.operation(), "the answer has no shard iterator"))
    }

    fn operation(&self) -> String {
        format!("read shard {} of stream {}", self.shard, self.stream)
    }
}
