//! The archiver itself: it takes a batch of records and answers with the numbers of those that are not archived. When a record
//! fails it still writes the others, so that only that record is missing if Lambda stops retrying the batch.

use crate::aws::backoff::Deadline;
use crate::aws::failure::FailureKind;
use crate::aws::http::Http;
use crate::aws::post::InvalidConfig;
use crate::format::envelope::is_replay_into;
use crate::format::item::Stamp;
use crate::format::payload::Data;
use crate::format::record::ArchivedRecord;
use crate::format::sequence::SequenceNumber;
use crate::format::settings::{ArchiveMode, Replays};
use crate::format::stream::StreamArn;
use crate::function::archive::{Archive, find_archive};
use crate::function::error::ArchiveError;
use crate::function::event::{Batch, StreamBatch, UnreadableRecord};
use crate::function::newest::{AggregatePayloads, NewestRecords};
use crate::function::report::BatchReport;
use crate::function::response::{BatchResponse, FailedRecords};
use crate::function::settings_cache::{DEFAULT_REFRESH, SettingsCache};
use crate::function::tags::{KinesisTags, TagReader};
use crate::store::database::Database;
use crate::store::dynamodb::DynamoDb;
use crate::store::{FailedWrite, Outcome, Store, WriteOptions};
use aws_types::SdkConfig;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Archives the batches of any number of streams.
#[derive(Debug)]
pub struct Archiver<T, D> {
    tags: T,
    store: Store<D>,
    archives: SettingsCache<Archive>,
    reporter: Reporter,
}

/// Takes the report of each batch.
struct Reporter(Box<dyn Fn(&BatchReport) + Send + Sync>);

impl std::fmt::Debug for Reporter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Reporter")
    }
}

/// The sequence numbers of a stream's records that are not archived, each once, spelled as they were delivered.
type FailedNumbers = Vec<SequenceNumber>;

/// What became of the readable records of one stream.
#[derive(Debug)]
struct Written {
    /// Where they were written; `None` if nothing was written.
    archive: Option<Arc<Archive>>,
    /// Delivered records. In mode LATEST, each user record of an aggregated record counts.
    user_records: usize,
    /// Replays that the stream's tag excludes.
    skipped: usize,
    /// Records that were not written because the batch holds the same or a newer one.
    superseded: usize,
    failed: FailedNumbers,
    outcome: Outcome,
}

impl Written {
    fn nothing(records: usize) -> Self {
        let (failed, outcome) = (FailedNumbers::new(), Outcome::default());
        Self { archive: None, user_records: records, skipped: 0, superseded: 0, failed, outcome }
    }
}

impl AwsArchiver {
    /// An archiver with the region, credentials and endpoints of this configuration.
    ///
    /// # Errors
    /// When region, credentials or endpoint are missing.
    pub fn new_on_aws(config: &SdkConfig) -> Result<Self, InvalidConfig> {
        Self::new_through(&Http::default(), config)
    }

    /// Like [`Self::new_on_aws`], through these connections.
    ///
    /// # Errors
    /// When region, credentials or endpoint are missing.
    pub fn new_through(http: &Http, config: &SdkConfig) -> Result<Self, InvalidConfig> {
        Ok(Self::new(KinesisTags::new(config, http)?, DynamoDb::new(config, http)?, DEFAULT_REFRESH))
    }

    /// An archiver that calls emulators at these URLs.
    #[must_use]
    pub fn new_on_emulators(kinesis_url: &str, dynamodb_url: &str, region: &str, refresh: Duration) -> Self {
        let http = Http::direct();
        let tags = KinesisTags::of_emulator(kinesis_url, region, &http);
        Self::new(tags, DynamoDb::of_emulator(dynamodb_url, region, &http), refresh)
    }
}

impl<T: TagReader, D: Database> Archiver<T, D> {
    /// An archiver with its own sources of tags and tables. It reads a stream's settings again after `refresh`, and reports to the
    /// log.
    #[must_use]
    pub fn new(tags: T, database: D, refresh: Duration) -> Self {
        let reporter = Reporter(Box::new(|report| tracing::info!(?report, "batch")));
        Self { tags, store: Store::new(database), archives: SettingsCache::new(refresh), reporter }
    }

    /// This archiver, with reports going to this function.
    #[must_use]
    pub fn reporting_to(self, report: impl Fn(&BatchReport) + Send + Sync + 'static) -> Self {
        Self { reporter: Reporter(Box::new(report)), ..self }
    }

    /// Archives one event's records.
    ///
    /// # Errors
    /// When no record of a stream can be archived, for a reason that concerns them all. Lambda then delivers the whole batch again.
    pub async fn handle(&self, event: &str, deadline: Deadline) -> Result<BatchResponse, ArchiveError> {
        let batch = Batch::parse(event)?;
        let mut failed = FailedRecords::default();
        failed.add_unreadable(&batch.unreadable);
        let mut ending = Ok(());
        for StreamBatch { stream, records, unreadable } in batch.streams {
            failed.add_unreadable(&unreadable);
            match self.archive(&stream, records, &unreadable, deadline).await {
                Ok(numbers) => failed.add(&numbers),
                Err(error) => ending = Err(error),
            }
        }
        ending?;
        failed.into_response()
    }

    /// Archives the records of one stream, and reports what became of them whether that succeeds or fails.
    async fn archive(
        &self,
        stream: &StreamArn,
        records: Vec<ArchivedRecord<'_>>,
        unreadable: &[UnreadableRecord],
        deadline: Deadline,
    ) -> Result<FailedNumbers, ArchiveError> {
        let started = tokio::time::Instant::now();
        let readable = records.len();
        let delivered = readable + unreadable.len();
        // A shard's records are delivered in their order.
        let newest_arrival = records.last().and_then(|record| record.arrival.milliseconds());
        let (written, checked) = match Box::pin(self.write(stream, records, deadline)).await {
            Ok(written) => {
                let checked = self.check(stream, &written);
                (written, checked)
            }
            Err(error) => (Written::nothing(readable), Err(error)),
        };
        let Written { archive, user_records, skipped, superseded, failed, outcome } = written;
        let age = newest_arrival.map(|arrival| Timestamp::now().as_millisecond().saturating_sub(arrival));
        (self.reporter.0)(&BatchReport {
            stream: stream.stream_name().clone(),
            table: archive.map(|archive| archive.table.clone()),
            records: delivered,
            user_records: user_records + unreadable.len(),
            archived: outcome.archived,
            superseded: superseded + outcome.superseded,
            skipped,
            compressed: outcome.compressed,
            split: outcome.split,
            failed: if checked.is_ok() { failed.len() + unreadable.len() } else { delivered },
            oversize: outcome.failed.iter().filter(|failed| failed.reason.is_of_the_parts_table()).count(),
            // A batch that fails as a whole has its reason in the error.
            reason: checked.is_ok().then(|| first_reason(unreadable, &outcome)).flatten(),
            milliseconds: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            write_units: outcome.write_units,
            newest_record_age: age.map(|age| u64::try_from(age).unwrap_or(0)),
        });
        checked.map(|()| failed)
    }

    /// Writes the records of one stream as its tags say.
    async fn write(
        &self,
        stream: &StreamArn,
        records: Vec<ArchivedRecord<'_>>,
        deadline: Deadline,
    ) -> Result<Written, ArchiveError> {
        if records.is_empty() {
            return Ok(Written::nothing(0));
        }
        let find = |is_known| find_archive(&self.tags, self.store.database(), stream, deadline, is_known);
        let archive = self.archives.get(stream, find).await?;
        let settings = &archive.settings;
        let stamp = Stamp::new(Timestamp::now(), settings.ttl);
        let options = WriteOptions {
            table: &archive.table,
            parts_table: &archive.parts_table,
            mode: settings.mode,
            stamp: &stamp,
            compression: settings.compression,
            deadline,
        };
        let is_skipped = |data: &Data<'_>| settings.replays == Replays::Skip && is_replay_into(stream.stream_name(), data);
        let written = match settings.mode {
            ArchiveMode::All => self.write_all(options, records, is_skipped).await,
            ArchiveMode::Latest => self.write_newest(options, &records, is_skipped).await,
        };
        Ok(Written { archive: Some(archive), ..written })
    }

    /// Mode ALL: every record.
    async fn write_all(
        &self,
        options: WriteOptions<'_>,
        mut records: Vec<ArchivedRecord<'_>>,
        is_skipped: impl Fn(&Data<'_>) -> bool,
    ) -> Written {
        let delivered = records.len();
        records.retain(|record| !is_skipped(&record.data));
        let kept = records.len();
        let records = each_once(records);
        let distinct = records.len();
        let outcome = self.store.write(options, records).await;
        let failed = outcome.failed.iter().map(|failed| failed.sequence_number.clone()).collect();
        Written {
            archive: None,
            user_records: delivered,
            skipped: delivered - kept,
            superseded: kept - distinct,
            failed: each_number_once(failed),
            outcome,
        }
    }

    /// Mode LATEST: the newest record of each partition key. If it fails, Lambda also delivers the older ones of its key again.
    async fn write_newest(
        &self,
        options: WriteOptions<'_>,
        records: &[ArchivedRecord<'_>],
        is_skipped: impl Fn(&Data<'_>) -> bool,
    ) -> Written {
        let payloads = AggregatePayloads::of(records);
        let mut newest = NewestRecords::of(records, &payloads, is_skipped);
        let superseded = newest.superseded();
        let outcome = self.store.write(options, std::mem::take(&mut newest.records)).await;
        let mut failed = FailedNumbers::new();
        for write in &outcome.failed {
            failed.push(write.sequence_number.clone());
            failed.extend(newest.older_of(&write.partition_key).cloned());
        }
        Written {
            archive: None,
            user_records: newest.user_records,
            skipped: newest.skipped,
            superseded: superseded + outcome.failed.len() - failed.len(),
            failed: each_number_once(failed),
            outcome,
        }
    }

    /// Logs why records failed. If the table is missing or refuses writes, the whole batch fails with an error instead of a list of
    /// numbers.
    fn check(&self, stream: &StreamArn, written: &Written) -> Result<(), ArchiveError> {
        let failed = &written.outcome.failed;
        let (Some(first), Some(archive)) = (failed.first(), &written.archive) else {
            return Ok(());
        };
        if let Some(failure) = failed.iter().find_map(|failed| failed.reason.of_the_table()) {
            self.archives.forget(stream);
            let (stream, table, mode) = (stream.stream_name().clone(), archive.table.clone(), archive.settings.mode);
            return Err(if failure.kind == FailureKind::NotFound {
                ArchiveError::TableMissing { stream, mode, table }
            } else {
                ArchiveError::WritesRefused { stream, mode, table, failure: failure.clone() }
            });
        }
        let FailedWrite { sequence_number, reason, .. } = first;
        tracing::error!(
            stream = stream.stream_name().as_str(),
            table = archive.table,
            failed = failed.len(),
            sequence_number = sequence_number.as_str(),
            %reason,
            remedy = reason.remedy(stream.stream_name(), archive.settings.mode),
            "records could not be archived; Lambda delivers them again"
        );
        Ok(())
    }
}

/// Why the first of the failed records is not archived.
fn first_reason(unreadable: &[UnreadableRecord], outcome: &Outcome) -> Option<String> {
    let unreadable = unreadable.first().map(ToString::to_string);
    unreadable.or_else(|| outcome.failed.first().map(|failed| failed.reason.to_string()))
}

/// Sorted by value. A number spelled in two ways stays there twice, because Lambda knows records by the text.
fn each_number_once(mut numbers: FailedNumbers) -> FailedNumbers {
    numbers.sort_by(|left, right| left.cmp(right).then_with(|| left.as_str().cmp(right.as_str())));
    numbers.dedup_by(|left, right| left.as_str() == right.as_str());
    numbers
}

/// DynamoDB refuses a batch with the same key twice, and a record delivered twice is the same record.
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
