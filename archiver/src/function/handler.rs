//! The archiver itself: a batch of records in, the numbers of those that are not archived out. It goes on past a record that
//! fails and writes the rest, so that nothing but that record is missing should Lambda give the batch up later.

use crate::aws::backoff::Deadline;
use crate::aws::failure::FailureKind;
use crate::aws::http::Http;
use crate::aws::post::InvalidConfig;
use crate::aws::retry::until_done;
use crate::format::envelope::is_replay_into;
use crate::format::item::Stamp;
use crate::format::payload::Data;
use crate::format::record::ArchivedRecord;
use crate::format::sequence::SequenceNumber;
use crate::format::settings::{ArchiveMode, ArchiveSettings, Replays};
use crate::format::stream::{StreamArn, StreamName};
use crate::format::table::{TableKeys, candidate_tables, parts_table_name};
use crate::function::error::ArchiveError;
use crate::function::event::{Batch, StreamBatch, UnreadableRecord};
use crate::function::newest::{AggregatePayloads, NewestRecords};
use crate::function::report::BatchReport;
use crate::function::settings_cache::{DEFAULT_REFRESH, SettingsCache};
use crate::function::tags::{KinesisTags, TagReader};
use crate::store::database::Database;
use crate::store::dynamodb::DynamoDb;
use crate::store::{FailedWrite, Order, Outcome, Store};
use aws_types::SdkConfig;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Duration;

/// Archives the batches of any number of streams.
#[derive(Debug)]
pub struct Archiver<T, D> {
    tags: T,
    store: Store<D>,
    archives: SettingsCache<Archive>,
    reporter: Reporter,
}

/// Whoever is told what became of each batch.
struct Reporter(Box<dyn Fn(&BatchReport) + Send + Sync>);

impl std::fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reporter")
    }
}

/// Longest time for the first read of a stream's settings; after it Lambda delivers the batch again.
const FIRST_READ_TIME: Duration = Duration::from_secs(20);
/// Longest time for reading them again.
const REFRESH_TIME: Duration = Duration::from_secs(2);

/// Where and how a stream is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Archive {
    settings: ArchiveSettings,
    table: String,
    parts_table: String,
}

/// Records of a batch that could not be read.
#[derive(Debug)]
struct Damage {
    records: usize,
    /// What is wrong with the first of them.
    reason: Option<String>,
}

/// The records of a stream that are not archived, each once, as they were delivered.
type FailedNumbers = Vec<SequenceNumber>;

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
    /// An archiver with the region, credentials and endpoints of this configuration.
    ///
    /// # Errors
    /// When one of them is missing.
    pub fn new_on_aws(config: &SdkConfig) -> Result<Self, InvalidConfig> {
        Self::new_through(&Http::default(), config)
    }

    /// The same through these connections.
    ///
    /// # Errors
    /// When region, credentials or endpoint are missing.
    pub fn new_through(http: &Http, config: &SdkConfig) -> Result<Self, InvalidConfig> {
        Ok(Self::new(KinesisTags::new(config, http)?, DynamoDb::new(config, http)?, DEFAULT_REFRESH))
    }

    /// An archiver over emulators at these URLs.
    #[must_use]
    pub fn new_on_emulators(kinesis_url: &str, dynamodb_url: &str, region: &str, refresh: Duration) -> Self {
        let http = Http::direct();
        let tags = KinesisTags::of_emulator(kinesis_url, region, &http);
        Self::new(tags, DynamoDb::of_emulator(dynamodb_url, region, &http), refresh)
    }
}

impl<T: TagReader, D: Database> Archiver<T, D> {
    /// An archiver that reads tags here, writes there, and keeps what it read for the given time. It reports to the log.
    #[must_use]
    pub fn new(tags: T, database: D, refresh: Duration) -> Self {
        let reporter = Reporter(Box::new(|report| tracing::info!(?report, "batch")));
        Self { tags, store: Store::new(database), archives: SettingsCache::new(refresh), reporter }
    }

    /// The same archiver, reporting to this function.
    #[must_use]
    pub fn reporting_to(self, report: impl Fn(&BatchReport) + Send + Sync + 'static) -> Self {
        Self { reporter: Reporter(Box::new(report)), ..self }
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
        let mut unreadable = |records: Vec<UnreadableRecord>, failed: &mut Vec<String>| {
            for record in records {
                tracing::error!(sequence_number = record.sequence_number, reason = record.reason, "record cannot be read");
                match record.sequence_number {
                    Some(number) => failed.push(number),
                    None => without_number = Some(record),
                }
            }
        };
        let mut ending = Ok(());
        unreadable(batch.unreadable, &mut failed);
        for StreamBatch { stream, records, unreadable: damaged } in batch.streams {
            let damage = Damage { records: damaged.len(), reason: damaged.first().map(ToString::to_string) };
            unreadable(damaged, &mut failed);
            match self.archive(&stream, records, damage, deadline).await {
                Ok(numbers) => failed.extend(numbers.iter().map(ToString::to_string)),
                Err(error) => ending = Err(error),
            }
        }
        ending?;
        if let Some(record) = without_number {
            return Err(ArchiveError::RecordWithoutNumber(record));
        }
        let batch_item_failures = failed.into_iter().map(|item_identifier| BatchItemFailure { item_identifier }).collect();
        Ok(BatchResponse { batch_item_failures })
    }

    /// Archives the records of one stream and reports what became of them, whatever it was.
    async fn archive(
        &self,
        stream: &StreamArn,
        records: Vec<ArchivedRecord<'_>>,
        damage: Damage,
        deadline: Deadline,
    ) -> Result<FailedNumbers, ArchiveError> {
        let started = tokio::time::Instant::now();
        let readable = records.len();
        // A shard's records are delivered in their order.
        let newest_arrival = records.last().and_then(|record| record.arrival.milliseconds());
        let mut report = BatchReport {
            stream: stream.stream_name().clone(),
            table: None,
            records: readable + damage.records,
            user_records: readable + damage.records,
            archived: 0,
            superseded: 0,
            skipped: 0,
            compressed: 0,
            split: 0,
            failed: readable + damage.records,
            oversize: 0,
            reason: damage.reason,
            milliseconds: 0,
            write_units: 0.0,
            newest_record_age: None,
        };
        let failed = Box::pin(self.write(stream, records, deadline, &mut report)).await;
        match &failed {
            Ok(failed) => report.failed = failed.len() + damage.records,
            // Told by the error.
            Err(_) => report.reason = None,
        }
        report.milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let age = newest_arrival.map(|arrival| Timestamp::now().as_millisecond().saturating_sub(arrival));
        report.newest_record_age = age.map(|age| u64::try_from(age).unwrap_or(0));
        (self.reporter.0)(&report);
        failed
    }

    async fn write(
        &self,
        stream: &StreamArn,
        mut records: Vec<ArchivedRecord<'_>>,
        deadline: Deadline,
        report: &mut BatchReport,
    ) -> Result<FailedNumbers, ArchiveError> {
        if records.is_empty() {
            return Ok(FailedNumbers::new());
        }
        let archive = self.archives.get(stream, |is_known| self.find_archive(stream, deadline, is_known)).await?;
        report.table = Some(archive.table.clone());
        let settings = &archive.settings;
        let stamp = Stamp::new(Timestamp::now(), settings.ttl);
        let order = Order {
            table: &archive.table,
            parts_table: &archive.parts_table,
            mode: settings.mode,
            stamp: &stamp,
            compression: settings.compression,
            deadline,
        };
        let is_skipped = |data: &Data<'_>| settings.replays == Replays::Skip && is_replay_into(stream.stream_name(), data);
        let (outcome, failed) = match settings.mode {
            ArchiveMode::All => {
                let delivered = records.len();
                records.retain(|record| !is_skipped(&record.data));
                report.skipped = delivered - records.len();
                let kept = records.len();
                let records = each_once(records);
                report.superseded = kept - records.len();
                let outcome = self.store.write(order, records).await;
                let failed = outcome.failed.iter().map(|failure| failure.sequence_number.clone()).collect();
                (outcome, each_number_once(failed))
            }
            ArchiveMode::Latest => {
                let payloads = AggregatePayloads::of(&records);
                let mut newest = NewestRecords::of(&records, &payloads, is_skipped);
                report.user_records += newest.user_records - records.len();
                report.skipped = newest.skipped;
                report.superseded = newest.superseded();
                let outcome = self.store.write(order, std::mem::take(&mut newest.records)).await;
                let mut failed = FailedNumbers::new();
                for failure in &outcome.failed {
                    failed.push(failure.sequence_number.clone());
                    for older in newest.older_of(&failure.partition_key) {
                        report.superseded -= 1;
                        failed.push(older.clone());
                    }
                }
                (outcome, each_number_once(failed))
            }
        };
        report.archived = outcome.archived;
        report.superseded += outcome.superseded;
        report.compressed = outcome.compressed;
        report.split = outcome.split;
        report.oversize = outcome.failed.iter().filter(|failed| failed.reason.is_of_the_parts_table()).count();
        report.write_units = outcome.write_units;
        report.reason = report.reason.take().or_else(|| outcome.failed.first().map(|failed| failed.reason.to_string()));
        self.check(stream, &archive, &outcome)?;
        Ok(failed)
    }

    /// Says why records failed. A table that is gone or refuses writes fails the batch with an error, instead of a list of numbers.
    fn check(&self, stream: &StreamArn, archive: &Archive, outcome: &Outcome) -> Result<(), ArchiveError> {
        let Some(first) = outcome.failed.first() else {
            return Ok(());
        };
        if let Some(failure) = outcome.failed.iter().find_map(|failed| failed.reason.of_the_table()) {
            self.archives.forget(stream);
            let (stream, table, mode) = (stream.stream_name().clone(), archive.table.clone(), archive.settings.mode);
            return Err(match failure.kind {
                FailureKind::NotFound => ArchiveError::TableMissing { stream, mode, table },
                _ => ArchiveError::WritesRefused { stream, mode, table, failure: failure.clone() },
            });
        }
        let FailedWrite { sequence_number, reason, .. } = first;
        tracing::error!(
            stream = stream.stream_name().as_str(),
            table = archive.table,
            failed = outcome.failed.len(),
            sequence_number = sequence_number.as_str(),
            %reason,
            remedy = reason.remedy(stream.stream_name(), archive.settings.mode),
            "records cannot be archived now and are delivered again"
        );
        Ok(())
    }

    /// Reads tags and tables. Where older settings can serve on, it does not hold the batch up for long.
    async fn find_archive(&self, arn: &StreamArn, deadline: Deadline, is_known: bool) -> Result<Archive, ArchiveError> {
        let stream = arn.stream_name();
        let deadline = deadline.at_most(if is_known { REFRESH_TIME } else { FIRST_READ_TIME });
        let tags = until_done(deadline, || self.tags.tags(arn)).await.map_err(|error| {
            let failure = error.into_failure();
            ArchiveError::TagsUnreadable { stream: stream.clone(), failure }
        })?;
        let settings = ArchiveSettings::from_tags(stream, tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))?;
        let table = self.find_table(stream, &settings, deadline).await?;
        Ok(Archive { settings, table, parts_table: parts_table_name(stream) })
    }

    /// The first table that exists with the mode's keys; one that exists with other keys only decides the error.
    async fn find_table(
        &self,
        stream: &StreamName,
        settings: &ArchiveSettings,
        deadline: Deadline,
    ) -> Result<String, ArchiveError> {
        let expected = TableKeys::of_mode(settings.mode);
        let candidates = candidate_tables(stream, settings);
        let named = candidates.first().cloned().unwrap_or_default();
        let mut wrong = None;
        for table in candidates {
            let keys = until_done(deadline, || self.store.database().table_keys(&table)).await.map_err(|error| {
                let failure = error.into_failure();
                ArchiveError::TableUnreadable { stream: stream.clone(), table: table.clone(), failure }
            })?;
            match keys {
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

/// In the order of their values. One that is spelled in two ways is there twice: Lambda knows records by the text.
fn each_number_once(mut numbers: FailedNumbers) -> FailedNumbers {
    numbers.sort_by(|left, right| left.cmp(right).then_with(|| left.as_str().cmp(right.as_str())));
    numbers.dedup_by(|left, right| left.as_str() == right.as_str());
    numbers
}

/// DynamoDB refuses a batch that names a key twice, and a record delivered twice is the same record.
fn each_once(mut records: Vec<ArchivedRecord<'_>>) -> Vec<ArchivedRecord<'_>> {
    let mut seen: HashSet<(&str, &str)> = HashSet::with_capacity(records.len());
    let is_first: Vec<bool> =
        records.iter().map(|record| seen.insert((record.partition_key.as_ref(), record.sequence_number.as_str()))).collect();
    let mut is_first = is_first.into_iter();
    records.retain(|_| is_first.next().unwrap_or(true));
    records
}

/// The archiver that the function runs.
pub type AwsArchiver = Archiver<KinesisTags, DynamoDb>;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
