//! Recovering what Lambda gave up: the events that its failure destination keeps are given to the archiver's own handler, as the
//! function got them; where it keeps only pointers, the records are read from the stream. A record that is in the archive already is
//! left as it is, so that each is archived once.

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

/// How long one batch may take. The function has a minute; here nobody is held up.
const BATCH_TIME: Duration = Duration::from_secs(300);

/// What became of a batch, in records; in mode LATEST all but those that failed are counted by the user records of aggregated ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Now in the archive.
    pub archived: usize,
    /// In the archive before; only in mode ALL.
    pub present: usize,
    /// Not written since the same or something newer of the key is there, or in the batch; only in mode LATEST.
    pub superseded: usize,
    /// Replays into their own stream, left out as the stream's tag asks.
    pub skipped: usize,
    /// Not in the archive.
    pub failed: usize,
    /// Why the first of those is not.
    pub reason: Option<String>,
}

impl Recovered {
    fn failed(failed: usize, reason: String) -> Self {
        Self { failed, reason: Some(reason), ..Self::default() }
    }

    /// Adds what became of other records.
    pub fn add(&mut self, other: Self) {
        self.archived += other.archived;
        self.present += other.present;
        self.superseded += other.superseded;
        self.skipped += other.skipped;
        self.failed += other.failed;
        self.reason = self.reason.take().or(other.reason);
    }
}

/// Why a batch cannot be recovered as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// A stream of the same name in another account or region.
    #[error("it is of stream {batch}, but {connected} is the stream of that name here; choose its --profile and --region")]
    OtherStream {
        /// The batch's stream.
        batch: String,
        /// The one of that name.
        connected: String,
    },
    /// Its event is none.
    #[error("its event cannot be read: {0}")]
    Event(String),
    /// Something that was called.
    #[error(transparent)]
    Call(#[from] Failure),
    /// The archiver, about the whole batch.
    #[error("{sentence}")]
    Archiver {
        /// What it says.
        sentence: String,
        /// What AWS answered, where that is the reason.
        kind: Option<FailureKind>,
    },
}

/// What the archiver says of a batch that it takes to be delivered by Lambda.
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

    /// Whether it is of no batch alone, so that the others will fail as well.
    #[must_use]
    pub fn is_of_the_connection(&self) -> bool {
        match self {
            Self::Call(failure) => is_of_the_connection(failure.kind),
            Self::Archiver { kind, .. } => kind.is_some_and(is_of_the_connection),
            Self::OtherStream { .. } | Self::Event(_) => false,
        }
    }
}

/// Whether a failure of this kind is of no object or batch alone.
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

/// Gives batches to an archiver.
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
    /// When the archiver cannot be set up with it.
    pub fn new(connection: &'c Connection) -> Result<Self, Failure> {
        let reports = Arc::<Mutex<Vec<BatchReport>>>::default();
        let told = Arc::clone(&reports);
        let tell = move |report: &BatchReport| told.lock().unwrap_or_else(PoisonError::into_inner).push(report.clone());
        let archiver = connection.archiver()?.reporting_to(tell);
        Ok(Self { connection, archiver, reports, streams: HashMap::new() })
    }

    /// Archives a batch's records: those of its event, where it has one. Those that fail are told in the answer.
    ///
    /// # Errors
    /// When none of them can be archived.
    pub async fn recover(&mut self, batch: &FailedBatch, event: Option<&str>) -> Result<Recovered, RecoveryError> {
        let stream = self.stream(&batch.stream).await?;
        match event {
            Some(event) => {
                let unreadable = |error: serde_json::Error| RecoveryError::Event(error.to_string());
                let event = FailedEvent::parse(event).map_err(unreadable)?;
                let has = event.len();
                let mut recovered = self.archive(&stream, event).await?;
                if let Some(records) = batch.records.filter(|records| *records > has) {
                    let reason = format!("the batch is said to have {records} records, and {has} are in it");
                    recovered.add(Recovered::failed(records - has, reason));
                }
                Ok(recovered)
            }
            None => self.archive_from_stream(&stream, batch).await,
        }
    }

    /// Archives the records that a pointer points to, as far as the stream still has them.
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
                // What was archived of it is told all the same.
                Err(error) => {
                    recovered.add(Recovered::failed(of.saturating_sub(read).max(1), error.to_string()));
                    return Ok(recovered);
                }
            }
        }
        let gone = of.saturating_sub(read).max(usize::from(!(has_first && has_last)));
        if gone > 0 {
            let reason = format!("the batch is only a pointer, and {gone} of its records are no longer in the stream");
            recovered.add(Recovered::failed(gone, reason));
        }
        Ok(recovered)
    }

    /// Gives an event to the archiver, without what is in the archive already.
    async fn archive(&self, stream: &StreamOverview, mut event: FailedEvent<'_>) -> Result<Recovered, RecoveryError> {
        let mut recovered = Recovered::default();
        let others = event.leave_out_other_streams(&stream.arn);
        if others > 0 {
            recovered.add(Recovered::failed(others, format!("{others} of its records say to be of another stream")));
        }
        // A table with other keys is the archiver's to refuse. In mode LATEST the condition of the writes keeps what is there.
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
                // A record that the batch has twice.
                Some(ArchiveMode::All) => (superseded, 0),
                Some(ArchiveMode::Latest) | None => (0, superseded),
            };
            reported += failed;
            recovered.add(Recovered { archived, present, superseded, skipped, reason, failed: 0 });
        }
        let failed = match answer {
            Ok(answer) => Recovered::failed(answer.batch_item_failures.len(), "records of it cannot be read".to_owned()),
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

    /// The batch's stream, if it is that of this account and region: an archive is found by the stream's name alone.
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
