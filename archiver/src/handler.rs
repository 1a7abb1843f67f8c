//! The archiver itself: a batch of records in, the numbers of those that are not archived out. It goes on past a record that
//! fails and writes the rest, so that nothing but that record is missing should Lambda give the batch up later.

use crate::aws_failure::FailureKind;
use crate::backoff::Deadline;
use crate::error::ArchiveError;
use crate::event::Batch;
use crate::item::Stamp;
use crate::record::{ArchivedRecord, PartitionKey};
use crate::sequence::SequenceNumber;
use crate::settings::{ArchiveMode, ArchiveSettings};
use crate::settings_cache::{DEFAULT_REFRESH, SettingsCache};
use crate::store::{DynamoDbStore, FailedWrite, RecordStore};
use crate::stream::{StreamArn, StreamName};
use crate::table::{TableKeys, candidate_tables};
use crate::tags::{KinesisTags, TagReader};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Archives the batches of any number of streams.
#[derive(Debug)]
pub struct Archiver<T, S> {
    tags: T,
    store: S,
    archives: SettingsCache<Archive>,
}

/// Where and how a stream is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Archive {
    settings: ArchiveSettings,
    table: String,
}

/// The answer to Lambda: the records to deliver again. Source: Lambda developer guide, reporting batch item failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// Lambda delivers again from the lowest of them.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One record to deliver again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its sequence number.
    pub item_identifier: String,
}

impl AwsArchiver {
    /// An archiver over AWS, or whatever the clients' endpoints are.
    #[must_use]
    pub fn on_aws(kinesis: aws_sdk_kinesis::Client, dynamodb: aws_sdk_dynamodb::Client) -> Self {
        Self::new(KinesisTags::new(kinesis), DynamoDbStore::new(dynamodb), DEFAULT_REFRESH)
    }
}

impl<T: TagReader, S: RecordStore> Archiver<T, S> {
    /// An archiver that reads tags here, writes there, and keeps what it read for the given time.
    #[must_use]
    pub fn new(tags: T, store: S, refresh: Duration) -> Self {
        Self { tags, store, archives: SettingsCache::new(refresh) }
    }

    /// Archives one event's records.
    ///
    /// # Errors
    /// When none of a stream's records can be archived, for a reason that is not one record's own; Lambda delivers the whole
    /// batch again.
    pub async fn handle(&self, event: &str, deadline: Deadline) -> Result<BatchResponse, ArchiveError> {
        let batch = Batch::parse(event)?;
        let mut failed = Vec::new();
        let mut without_number = None;
        for record in batch.unreadable {
            tracing::error!(sequence_number = record.sequence_number, reason = record.reason, "record cannot be read");
            match record.sequence_number {
                Some(number) => failed.push(number),
                None => without_number = Some(record),
            }
        }
        for (stream, records) in batch.streams {
            let failures = self.archive(&stream, records, deadline).await?;
            failed.extend(failures.into_iter().map(|failure| failure.sequence_number.to_string()));
        }
        if let Some(record) = without_number {
            return Err(ArchiveError::RecordWithoutNumber(record));
        }
        let batch_item_failures = failed.into_iter().map(|item_identifier| BatchItemFailure { item_identifier }).collect();
        Ok(BatchResponse { batch_item_failures })
    }

    async fn archive(
        &self,
        stream: &StreamArn,
        records: Vec<ArchivedRecord>,
        deadline: Deadline,
    ) -> Result<Vec<FailedWrite>, ArchiveError> {
        let started = tokio::time::Instant::now();
        let archive = self.archives.get(stream, self.find_archive(stream)).await?;
        let stamp = Stamp { archived_at: Timestamp::now(), ttl: archive.settings.ttl };
        let delivered = records.len();
        let (superseded, failed) = match archive.settings.mode {
            ArchiveMode::All => {
                let records = each_once(records);
                (0, self.store.put_all(&archive.table, records, stamp, deadline).await)
            }
            ArchiveMode::Latest => {
                let (newest, older) = newest_of_each_key(records);
                let older_in_batch = delivered - newest.len();
                let outcome = self.store.put_newest(&archive.table, newest, stamp, deadline).await;
                (older_in_batch + outcome.superseded, with_older(outcome.failed, older))
            }
        };
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        if let Some(first) = failed.first() {
            tracing::error!(
                stream = stream.stream_name().as_str(),
                table = archive.table,
                failed = failed.len(),
                sequence_number = first.sequence_number.as_str(),
                reason = %first.reason,
                "records cannot be archived now and are delivered again"
            );
        }
        tracing::info!(
            stream = stream.stream_name().as_str(),
            table = archive.table,
            records = delivered,
            superseded,
            failed = failed.len(),
            milliseconds,
            "batch archived"
        );
        self.check_table(stream, &archive, &failed)?;
        Ok(failed)
    }

    /// A table that is gone or refuses writes fails the batch with an error that says so, instead of a list of numbers.
    fn check_table(&self, stream: &StreamArn, archive: &Archive, failed: &[FailedWrite]) -> Result<(), ArchiveError> {
        let Some(failure) = failed.iter().find(|failure| failure.reason.concerns_the_table()) else {
            return Ok(());
        };
        self.archives.forget(stream);
        let crate::store::WriteError::Aws(failure) = failure.reason.clone() else {
            return Ok(());
        };
        let (stream, table) = (stream.stream_name().clone(), archive.table.clone());
        Err(match failure.kind {
            FailureKind::NotFound => ArchiveError::TableMissing { stream, mode: archive.settings.mode, table },
            _ => ArchiveError::WritesRefused { stream, table, failure },
        })
    }

    async fn find_archive(&self, arn: &StreamArn) -> Result<Archive, ArchiveError> {
        let stream = arn.stream_name();
        let tags = self.tags.tags(arn).await.map_err(|failure| ArchiveError::TagsUnreadable { stream: stream.clone(), failure })?;
        let settings = ArchiveSettings::from_tags(stream, tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
        let table = self.find_table(stream, &settings).await?;
        Ok(Archive { settings, table })
    }

    /// The first table that exists with the mode's keys; one that exists with other keys only decides the error.
    async fn find_table(&self, stream: &StreamName, settings: &ArchiveSettings) -> Result<String, ArchiveError> {
        let expected = TableKeys::of_mode(settings.mode);
        let candidates = candidate_tables(stream, settings);
        let named = candidates.first().cloned().unwrap_or_default();
        let mut wrong = None;
        for table in candidates {
            let keys = self.store.table_keys(&table).await;
            match keys.map_err(|failure| ArchiveError::TableUnreadable { stream: stream.clone(), table: table.clone(), failure })? {
                Some(found) if found == expected => {
                    if table != named {
                        tracing::warn!(%stream, table, missing = named, "the table in the other case is used");
                    }
                    return Ok(table);
                }
                Some(found) => {
                    wrong.get_or_insert((table, found));
                }
                None => {}
            }
        }
        let (stream, mode) = (stream.clone(), settings.mode);
        Err(match wrong {
            Some((table, found)) => ArchiveError::WrongKeys { stream, mode, table, found },
            None => ArchiveError::TableMissing { stream, mode, table: named },
        })
    }
}

/// DynamoDB refuses a batch that names a key twice, and a record delivered twice is the same record.
fn each_once(mut records: Vec<ArchivedRecord>) -> Vec<ArchivedRecord> {
    let mut seen: HashSet<(PartitionKey, SequenceNumber)> = HashSet::with_capacity(records.len());
    records.retain(|record| seen.insert((record.partition_key.clone(), record.sequence_number.clone())));
    records
}

/// By the number of a key's newest record, the numbers of its older ones.
type OlderNumbers = HashMap<SequenceNumber, Vec<SequenceNumber>>;

/// The newest record of each partition key, whatever the order of delivery.
fn newest_of_each_key(records: Vec<ArchivedRecord>) -> (Vec<ArchivedRecord>, OlderNumbers) {
    let mut newest: HashMap<PartitionKey, (ArchivedRecord, Vec<SequenceNumber>)> = HashMap::new();
    for record in records {
        match newest.get_mut(&record.partition_key) {
            Some((known, older)) if known.sequence_number >= record.sequence_number => older.push(record.sequence_number),
            Some((known, older)) => older.push(std::mem::replace(known, record).sequence_number),
            None => {
                newest.insert(record.partition_key.clone(), (record, Vec::new()));
            }
        }
    }
    let mut older_numbers = OlderNumbers::new();
    let newest = newest.into_values().map(|(record, older)| {
        if !older.is_empty() {
            older_numbers.insert(record.sequence_number.clone(), older);
        }
        record
    });
    (newest.collect(), older_numbers)
}

/// Where a key's newest record fails, its older ones are not archived either: they are delivered again too, so that one of them
/// is the newest once Lambda has parted it from the one that cannot be written.
fn with_older(failed: Vec<FailedWrite>, mut older_numbers: OlderNumbers) -> Vec<FailedWrite> {
    let mut all = Vec::with_capacity(failed.len());
    for failure in failed {
        let older = older_numbers.remove(&failure.sequence_number).unwrap_or_default();
        all.extend(older.into_iter().map(|sequence_number| FailedWrite { sequence_number, reason: failure.reason.clone() }));
        all.push(failure);
    }
    all
}

/// The archiver that the function runs.
pub type AwsArchiver = Archiver<KinesisTags, DynamoDbStore>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
