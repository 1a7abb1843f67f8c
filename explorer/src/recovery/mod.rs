//! Recovers failed batches. The events in the failure destination go to the archiver's own handler, as the function got them. If
//! the destination has only pointers, the records are read from the stream. Records that are already in the archive stay as they
//! are, so each is archived once.

pub mod failures;

use crate::aws::archive::present_records;
use crate::aws::connect::Connection;
use crate::aws::range::{Range, RangeReader};
use crate::aws::streams::overview;
use crate::domain::failure::Failure;
use crate::domain::lambda::event::{Source, event_of};
use crate::domain::lambda::failed_batch::FailedBatch;
use crate::domain::lambda::failed_event::FailedEvent;
use crate::domain::stream::overview::{ArchiveTable, StreamOverview};
use crate::domain::text::counted;
use archiver::aws::backoff::Deadline;
use archiver::aws::failure::FailureKind;
use archiver::format::record::ShardId;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamArn;
use archiver::function::error::ArchiveError;
use archiver::function::handler::AwsArchiver;
use archiver::function::report::BatchReport;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one batch may take. The function has a minute; recovery can take longer, since nothing waits for it.
const BATCH_TIME: Duration = Duration::from_secs(300);

/// What became of a batch, in records. In mode LATEST the user records of aggregated ones count, except in `failed`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Now in the archive.
    pub archived: usize,
    /// Already in the archive; only in mode ALL.
    pub present: usize,
    /// Not written, because the archive or the batch has the same or a newer record of the key; only in mode LATEST.
    pub superseded: usize,
    /// Replays into their own stream, left out because the stream's tag says so.
    pub skipped: usize,
    /// Not in the archive.
    pub failed: usize,
    /// The reason for the first of those.
    pub reason: Option<String>,
}

impl Recovered {
    fn failed(failed: usize, reason: String) -> Self {
        Self { failed, reason: Some(reason), ..Self::default() }
    }

    /// Adds the results of other records.
    pub fn add(&mut self, other: Self) {
        self.archived += other.archived;
        self.present += other.present;
        self.superseded += other.superseded;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.reason = self.reason.take().or(other.reason);
    }
}

/// Why a batch cannot be recovered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// A stream of the same name in another account or region.
    #[error("it belongs to stream {batch}, but the stream of that name here is {connected}; choose its --profile and --region")]
    OtherStream {
        /// The batch's stream.
        batch: String,
        /// The stream with that name here.
        connected: String,
    },
    /// Its event is not an event.
    #[error("its event cannot be read: {0}")]
    Event(String),
    /// An AWS call failed.
    #[error(transparent)]
    Call(#[from] Failure),
    /// The archiver refuses the whole batch.
    #[error("{sentence}")]
    Archiver {
        /// What it says.
        sentence: String,
        /// The AWS failure behind it, if there is one.
        kind: Option<FailureKind>,
    },
}

/// The archiver's message, which it words for batches from Lambda.
fn sentence(error: &ArchiveError) -> String {
    match error {
        ArchiveError::RecordWithoutNumber(record) => record.to_string(),
        other => other.to_string(),
    }
}

impl RecoveryError {
    fn of_archiver(error: &ArchiveError) -> Self {
        let kind = match error {
            ArchiveError::TagsUnreadable { failure, .. }
            | ArchiveError::TableUnreadable { failure, .. }
            | ArchiveError::WritesRefused { failure, .. } => Some(failure.kind),
            ArchiveError::InvalidEvent(_)
            | ArchiveError::RecordWithoutNumber(_)
            | ArchiveError::InvalidTag(_)
            | ArchiveError::TableMissing { .. }
            | ArchiveError::WrongKeys { .. } => None,
        };
        Self::Archiver { sentence: sentence(error), kind }
    }

    /// Whether other batches would fail for the same reason.
    #[must_use]
    pub fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Call(failure) => is_of_the_connection(failure.kind),
            Self::Archiver { kind, .. } => kind.is_some_and(is_of_the_connection),
            Self::OtherStream { .. } | Self::Event(_) => false,
        }
    }
}

/// Whether a failure of this kind concerns more than one object or batch.
#[must_use]
pub fn is_of_the_connection(kind: FailureKind) -> bool {
    match kind {
        FailureKind::Network | FailureKind::TimedOut | FailureKind::Credentials | FailureKind::ClockSkew => true,
        FailureKind::AccessDenied
        | FailureKind::NotFound
        | FailureKind::Throttled
        | FailureKind::ConditionFailed
        | FailureKind::Service
        | FailureKind::Refused
        | FailureKind::Unusable => false,
    }
}

/// Recovers batches with an archiver.
#[derive(Debug)]
pub struct Recovery<'c> {
    connection: &'c Connection,
    archiver: AwsArchiver,
    reports: Arc<Mutex<Vec<BatchReport>>>,
    streams: HashMap<StreamArn, StreamOverview>,
}

impl<'c> Recovery<'c> {
    /// Recovers into the archives of this connection.
    ///
    /// # Errors
    /// When the archiver cannot be set up.
    pub fn new(connection: &'c Connection) -> Result<Self, Failure> {
        let reports = Arc::<Mutex<Vec<BatchReport>>>::default();
        let told = Arc::clone(&reports);
        let tell = move |report: &BatchReport| told.lock().unwrap_or_else(PoisonError::into_inner).push(report.clone());
        let archiver = connection.archiver()?.reporting_to(tell);
        Ok(Self { connection, archiver, reports, streams: HashMap::new() })
    }

    /// Archives a batch's records: those in its event, if it has one. The result counts those that fail.
    ///
    /// # Errors
    /// When no record can be archived.
    pub async fn recover(&mut self, batch: &FailedBatch, event: Option<&str>) -> Result<Recovered, RecoveryError> {
        let stream = self.stream(&batch.stream).await?;
        match event {
            Some(event) => {
                let unreadable = |error: serde_json::Error| RecoveryError::Event(error.to_string());
                let event = FailedEvent::parse(event).map_err(unreadable)?;
                let has = event.len();
                let mut recovered = self.archive(&stream, event).await?;
                if let Some(records) = batch.records.filter(|records| *records > has) {
                    let expected = counted(records as u64, "record", "records");
                    let reason = format!("the batch should have {expected}, but it has {has}");
                    recovered.add(Recovered::failed(records - has, reason));
                }
                Ok(recovered)
            }
            None => self.archive_from_stream(&stream, batch).await,
        }
    }

    /// Archives the records that a pointer refers to, as far as the stream still has them.
    async fn archive_from_stream(&self, stream: &StreamOverview, batch: &FailedBatch) -> Result<Recovered, RecoveryError> {
        let (first, last) = (batch.first_sequence_number.as_str(), batch.last_sequence_number.as_str());
        let range = Range { stream: &stream.name, shard: &batch.shard_id, first, last };
        let source = Source { stream: batch.stream.clone(), shard: ShardId::new(&batch.shard_id) };
        let mut reader = RangeReader::open(self.connection, range).await?;
        let (mut recovered, mut read) = (Recovered::default(), 0);
        let (mut has_first, mut has_last) = (false, false);
        let of = batch.records.unwrap_or(0);
        loop {
            let page = match reader.next().await {
                Ok(Some(records)) => {
                    has_first |= records.iter().any(|record| record.sequence_number.as_str() == first);
                    has_last |= records.iter().any(|record| record.sequence_number.as_str() == last);
                    read += records.len();
                    let event = event_of(&source, &records).map_err(|error| RecoveryError::Event(error.to_string()))?;
                    let event = FailedEvent::parse(&event).map_err(|error| RecoveryError::Event(error.to_string()))?;
                    self.archive(stream, event).await
                }
                Ok(None) => break,
                Err(failure) => Err(failure.into()),
            };
            match page {
                Ok(page) => recovered.add(page),
                Err(error) if recovered == Recovered::default() => return Err(error),
                // Some records may have been archived before a failure.
                Err(error) => {
                    recovered.add(Recovered::failed(of.saturating_sub(read).max(1), error.to_string()));
                    return Ok(recovered);
                }
            }
        }
        let gone = of.saturating_sub(read).max(usize::from(!(has_first && has_last)));
        if gone > 0 {
            let reason = format!("the batch is only a pointer, and the stream no longer has {gone} of its records");
            recovered.add(Recovered::failed(gone, reason));
        }
        Ok(recovered)
    }

    /// Sends an event to the archiver, without records that are already in the archive.
    async fn archive(&self, stream: &StreamOverview, mut event: FailedEvent<'_>) -> Result<Recovered, RecoveryError> {
        let mut recovered = Recovered::default();
        let others = event.leave_out_other_streams(&stream.arn);
        if others > 0 {
            let verb = if others == 1 { "belongs" } else { "belong" };
            recovered.add(Recovered::failed(others, format!("{others} of its records {verb} to another stream")));
        }
        // The archiver refuses a table with other keys. In mode LATEST the condition of its writes protects what is there.
        let mode = stream.mode();
        let is_of_all = |table: &&ArchiveTable| mode == Some(ArchiveMode::All) && table.mode() == mode;
        if let Some(table) = stream.table.as_ref().filter(is_of_all) {
            let present = present_records(self.connection, &table.name, &event.keys()).await?;
            recovered.present = event.leave_out_keys(&present);
        }
        let json = event.to_json().map_err(|error| RecoveryError::Event(error.to_string()))?;
        self.take_reports();
        let answer = Box::pin(self.archiver.handle(&json, Deadline::after(BATCH_TIME))).await;
        let mut reported = 0;
        for BatchReport { archived, superseded, skipped, failed, reason, .. } in self.take_reports() {
            let (present, superseded) = match mode {
                // The batch has this record twice.
                Some(ArchiveMode::All) => (superseded, 0),
                Some(ArchiveMode::Latest) | None => (0, superseded),
            };
            reported += failed;
            recovered.add(Recovered { archived, present, superseded, skipped, reason, failed: 0 });
        }
        let failed = match answer {
            Ok(answer) => Recovered::failed(answer.batch_item_failures.len(), "some of its records cannot be read".to_owned()),
            Err(error) if recovered.archived + recovered.present + recovered.superseded == 0 => {
                return Err(RecoveryError::of_archiver(&error));
            }
            Err(error) => Recovered::failed(reported.max(1), sentence(&error)),
        };
        if failed.failed > 0 {
            recovered.add(failed);
        }
        Ok(recovered)
    }

    /// The batch's stream, if it is in this account and region: the stream's name alone determines the archive.
    async fn stream(&mut self, arn: &StreamArn) -> Result<StreamOverview, RecoveryError> {
        if let Some(known) = self.streams.get(arn) {
            return Ok(known.clone());
        }
        let found = overview(self.connection, arn.stream_name()).await?;
        if found.arn != arn.stream_arn() {
            return Err(RecoveryError::OtherStream { batch: arn.stream_arn().to_owned(), connected: found.arn });
        }
        self.streams.insert(arn.clone(), found.clone());
        Ok(found)
    }

    fn take_reports(&self) -> Vec<BatchReport> {
        std::mem::take(&mut *self.reports.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
