//! The records of a shard between two sequence numbers, read from the stream while it still has them.

use super::connect::Connection;
use crate::aws::shard_reader::{ShardCalls, ShardReader, ShardStart};
use crate::domain::failure::Failure;
use crate::domain::lambda::event::StreamRecord;
use archiver::format::sequence::{InvalidSequenceNumber, SequenceNumber};
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::types::Record;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// Between two reads of a shard. All its readers share five a second. Source: Kinesis API reference, GetRecords.
const READ_INTERVAL: Duration = Duration::from_millis(400);

/// A range of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Range<'r> {
    /// The stream.
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
pub struct RangeReader {
    reader: ShardReader,
    operation: String,
    last: SequenceNumber,
    has_read: bool,
    is_done: bool,
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

impl RangeReader {
    /// Opens this range.
    ///
    /// # Errors
    /// When it is not a valid range, or the shard cannot be read.
    pub async fn open(connection: &Connection, range: Range<'_>) -> Result<Self, Failure> {
        let operation = format!("read shard {} of stream {}", range.shard, range.stream);
        let number = |digits: &str| {
            SequenceNumber::parse(digits.to_owned()).map_err(|error| Failure::refused(&operation, error.to_string()))
        };
        let (first, last) = (ShardStart::From(number(range.first)?), number(range.last)?);
        let calls = ShardCalls {
            client: connection.kinesis.clone(),
            stream: range.stream.clone(),
            shard: range.shard.to_owned(),
            operation: operation.clone(),
            max_records: None,
        };
        let reader = ShardReader::open(calls, &first, first.clone()).await?;
        Ok(Self { reader, operation, last, has_read: false, is_done: false })
    }

    /// The next records; `None` after the last.
    ///
    /// # Errors
    /// When the shard cannot be read.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<StreamRecord>>, Failure> {
        while !self.is_done {
            if std::mem::replace(&mut self.has_read, true) {
                tokio::time::sleep(READ_INTERVAL).await;
            }
            let Some(page) = self.reader.next().await? else {
                break;
            };
            let read = page.records.into_iter().map(stream_record).collect::<Result<Vec<_>, _>>();
            let mut records = read.map_err(|error| Failure::refused(&self.operation, error.to_string()))?;
            // Between distant records a page may be empty. Emulators do not say how far behind the reader is.
            let is_at_tip = records.is_empty() && page.behind_latest.unwrap_or_default().is_zero();
            let is_past = records.last().is_some_and(|record| record.sequence_number >= self.last);
            self.is_done = is_at_tip || is_past || self.reader.is_at_end();
            records.retain(|record| record.sequence_number <= self.last);
            if !records.is_empty() {
                return Ok(Some(records));
            }
        }
        Ok(None)
    }
}
