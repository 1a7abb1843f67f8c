//! The records of a shard from one sequence number to another, read from the stream itself while it still has them.

use super::connect::Connection;
use super::patience::patiently;
use crate::domain::failure::Failure;
use crate::domain::lambda_event::StreamRecord;
use archiver::sequence::{InvalidSequenceNumber, SequenceNumber};
use archiver::stream::StreamName;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

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
    operation: String,
    last: SequenceNumber,
    iterator: Option<String>,
    has_read: bool,
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
    /// Begins to read.
    ///
    /// # Errors
    /// When the range is none, or the shard cannot be read.
    pub async fn begin(connection: &'c Connection, range: Range<'_>) -> Result<Self, Failure> {
        let operation = format!("read shard {} of stream {}", range.shard, range.stream);
        let last = SequenceNumber::parse(range.last).map_err(|error| Failure::refused(operation.clone(), error.to_string()))?;
        let answer = patiently(|| async {
            let call = connection.kinesis.get_shard_iterator().stream_name(range.stream.as_str()).shard_id(range.shard);
            let call = call.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(range.first);
            let answer = call.send().await;
            answer.map_err(|error| Failure::of_call(operation.clone(), "kinesis:GetShardIterator", error.into()))
        });
        let iterator = answer.await?.shard_iterator;
        Ok(Self { connection, operation, last, iterator, has_read: false })
    }

    /// The next records, `None` after the last.
    ///
    /// # Errors
    /// When the shard cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<StreamRecord>>, Failure> {
        while let Some(iterator) = self.iterator.take() {
            if self.has_read {
                tokio::time::sleep(READ_INTERVAL).await;
            }
            self.has_read = true;
            let answer = patiently(|| async {
                let answer = self.connection.kinesis.get_records().shard_iterator(&iterator).send().await;
                answer.map_err(|error| Failure::of_call(self.operation.clone(), "kinesis:GetRecords", error.into()))
            });
            let answer = answer.await?;
            let read = answer.records.into_iter().map(stream_record).collect::<Result<Vec<_>, _>>();
            let mut records = read.map_err(|error| Failure::refused(self.operation.clone(), error.to_string()))?;
            // Between records that lie far apart a page may be empty. Emulators do not say how far behind one is.
            let is_at_tip = records.is_empty() && answer.millis_behind_latest.unwrap_or(0) == 0;
            let is_past = records.last().is_some_and(|record| record.sequence_number >= self.last);
            if !is_at_tip && !is_past {
                self.iterator = answer.next_shard_iterator;
            }
            records.retain(|record| record.sequence_number <= self.last);
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }
}
