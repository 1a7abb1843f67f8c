//! The archiver itself: a batch of records in, the numbers of those that are not archived out. It goes on past a record that
//! fails and writes the rest, so that nothing but that record is missing should Lambda give the batch up later.

use crate::aws_failure::{AwsFailure, FailureKind};
use crate::backoff::Deadline;
use crate::event::{Batch, InvalidEvent, UnreadableRecord};
use crate::item::Stamp;
use crate::record::{ArchivedRecord, PartitionKey};
use crate::sequence::SequenceNumber;
use crate::settings::{ArchiveMode, ArchiveSettings, InvalidTag};
use crate::settings_cache::{DEFAULT_REFRESH, MayPass, SettingsCache};
use crate::store::{DynamoDbStore, FailedWrite, RecordStore};
use crate::stream::{StreamArn, StreamName};
use crate::table::{TableKeys, candidate_tables};
use crate::tags::{KinesisTags, TagReader};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
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

/// Why a whole batch is not archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The event cannot be read.
    #[error(transparent)]
    InvalidEvent(#[from] InvalidEvent),
    /// A record without even a sequence number, which cannot be reported alone.
    #[error("{0}, so that the whole batch is delivered again")]
    RecordWithoutNumber(UnreadableRecord),
    /// The tags cannot be read from Kinesis.
    #[error("cannot read the tags of stream {stream}: {failure}{}", hint_of(failure, "kinesis:ListTagsForStream"))]
    TagsUnreadable {
        /// Whose tags.
        stream: StreamName,
        /// What Kinesis said.
        failure: AwsFailure,
    },
    /// A tag's value cannot be read.
    #[error("{0}")]
    InvalidTag(#[from] InvalidTag),
    /// The table cannot be looked at.
    #[error("cannot describe table {table} for stream {stream}: {failure}{}", hint_of(failure, "dynamodb:DescribeTable"))]
    TableUnreadable {
        /// Whose archive.
        stream: StreamName,
        /// Which table.
        table: String,
        /// What DynamoDB said.
        failure: AwsFailure,
    },
    /// There is no table to write to.
    #[error(
        "stream {stream} is to be archived in mode {mode}, but table {table} does not exist; create it with: explorer configure {stream} --mode {mode}"
    )]
    TableMissing {
        /// Whose archive.
        stream: StreamName,
        /// Its mode.
        mode: ArchiveMode,
        /// Which table.
        table: String,
    },
    /// The table is of another mode.
    #[error(
        "table {table} has {found}, but mode {mode} of stream {stream} needs {}; move that table away or change the mode",
        TableKeys::of_mode(*mode)
    )]
    WrongKeys {
        /// Whose archive.
        stream: StreamName,
        /// Its mode.
        mode: ArchiveMode,
        /// Which table.
        table: String,
        /// The keys it has instead of the mode's.
        found: TableKeys,
    },
    /// The table takes no writes.
    #[error(
        "cannot write to table {table} for stream {stream}: {failure}{}",
        hint_of(failure, "dynamodb:BatchWriteItem and dynamodb:PutItem")
    )]
    WritesRefused {
        /// Whose archive.
        stream: StreamName,
        /// Which table.
        table: String,
        /// What DynamoDB said.
        failure: AwsFailure,
    },
}

fn hint_of(failure: &AwsFailure, permission: &str) -> String {
    match failure.kind {
        FailureKind::AccessDenied => format!("; the function's role needs {permission}"),
        _ => String::new(),
    }
}

impl ArchiveError {
    /// A short name of the error, for Lambda's `errorType`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::RecordWithoutNumber(_) => "RecordWithoutNumber",
            Self::TagsUnreadable { .. } => "TagsUnreadable",
            Self::InvalidTag(_) => "InvalidTag",
            Self::TableUnreadable { .. } => "TableUnreadable",
            Self::TableMissing { .. } => "TableMissing",
            Self::WrongKeys { .. } => "WrongKeys",
            Self::WritesRefused { .. } => "WritesRefused",
        }
    }
}

impl MayPass for ArchiveError {
    fn may_pass(&self) -> bool {
        match self {
            // Also for want of a permission: a role under repair must not stop what was running.
            Self::TagsUnreadable { .. } | Self::TableUnreadable { .. } => true,
            Self::InvalidEvent(_)
            | Self::RecordWithoutNumber(_)
            | Self::InvalidTag(_)
            | Self::TableMissing { .. }
            | Self::WrongKeys { .. }
            | Self::WritesRefused { .. } => false,
        }
    }
}

impl Archiver<KinesisTags, DynamoDbStore> {
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
                let newest = newest_of_each_key(records);
                let older_in_batch = delivered - newest.len();
                let outcome = self.store.put_newest(&archive.table, newest, stamp, deadline).await;
                (older_in_batch + outcome.superseded, outcome.failed)
            }
        };
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let first_reason = failed.first().map(|failure| failure.reason.to_string());
        tracing::info!(
            stream = stream.stream_name().as_str(),
            table = archive.table,
            records = delivered,
            superseded,
            failed = failed.len(),
            first_reason,
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

/// The newest record of each partition key, whatever the order of delivery.
fn newest_of_each_key(records: Vec<ArchivedRecord>) -> Vec<ArchivedRecord> {
    let mut newest: HashMap<PartitionKey, ArchivedRecord> = HashMap::new();
    for record in records {
        match newest.get(&record.partition_key) {
            Some(known) if known.sequence_number >= record.sequence_number => {}
            _ => {
                newest.insert(record.partition_key.clone(), record);
            }
        }
    }
    newest.into_values().collect()
}

/// An archiver shared by tasks.
pub type SharedArchiver = Arc<Archiver<KinesisTags, DynamoDbStore>>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
