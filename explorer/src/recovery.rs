//! Recovering what Lambda gave up: the events that its failure destination keeps are given to the archiver's own handler, as the
//! function got them. A record that is in the archive already is left as it is, so that each is archived once.

use crate::aws::archive::present_records;
use crate::aws::connect::Connection;
use crate::aws::streams::overview;
use crate::domain::archive::StreamOverview;
use crate::domain::failed_batch::{FailedBatch, event_without, keys_of_event};
use crate::domain::failure::Failure;
use archiver::backoff::Deadline;
use archiver::handler::AwsArchiver;
use archiver::report::BatchReport;
use archiver::settings::ArchiveMode;
use archiver::stream::StreamArn;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long one batch may take. The function has a minute; here nobody is held up.
const BATCH_TIME: Duration = Duration::from_secs(300);

/// What became of a batch, in records; in mode LATEST the user records of an aggregated one are counted each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Now in the archive.
    pub archived: usize,
    /// In the archive before.
    pub present: usize,
    /// Not written since something newer of the key is there, or in the batch.
    pub superseded: usize,
    /// Replays into their own stream, left out as the stream's tag asks.
    pub skipped: usize,
    /// Not in the archive.
    pub failed: usize,
    /// Why the first of those is not.
    pub reason: Option<String>,
}

/// Why a batch cannot be recovered as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// A queue's pointer.
    #[error(
        "the records are not in it, only where they were: from {first} to {last} of shard {shard}; while the stream still has them, an event source mapping that begins at their time (AT_TIMESTAMP) archives them"
    )]
    NoRecords {
        /// The first record's number.
        first: String,
        /// The last one's.
        last: String,
        /// Their shard.
        shard: String,
    },
    /// A stream of the same name in another account or region.
    #[error("it is of stream {batch}, but {connected} is the stream of that name here; choose its --profile and --region")]
    OtherStream {
        /// The batch's stream.
        batch: String,
        /// The one of that name.
        connected: String,
    },
    /// Something that was called.
    #[error(transparent)]
    Call(#[from] Failure),
    /// The archiver, about the whole batch.
    #[error("{0}")]
    Archiver(String),
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

    /// Archives a batch's records. Those that fail are told in the answer.
    ///
    /// # Errors
    /// When none of them can be archived.
    pub async fn recover(&mut self, batch: &FailedBatch) -> Result<Recovered, RecoveryError> {
        let Some(event) = &batch.event else {
            return Err(RecoveryError::NoRecords {
                first: batch.first_sequence_number.clone(),
                last: batch.last_sequence_number.clone(),
                shard: batch.shard_id.clone(),
            });
        };
        let stream = self.stream(&batch.stream).await?;
        let archive = stream.table.as_ref().filter(|_| stream.mode() == Some(ArchiveMode::All));
        let present = match archive {
            Some(table) => present_records(self.connection, &table.name, &keys_of_event(event)).await?,
            // The condition of its writes keeps what is there.
            None => Default::default(),
        };
        let unreadable = |error: serde_json::Error| RecoveryError::Archiver(format!("its event cannot be read: {error}"));
        let (event, present) = event_without(event, &present).map_err(unreadable)?;
        self.take_reports();
        let answer = Box::pin(self.archiver.handle(&event, Deadline::after(BATCH_TIME))).await;
        let failed = answer.map_err(|error| RecoveryError::Archiver(error.to_string()))?.batch_item_failures.len();
        let mut recovered = Recovered { present, failed, ..Recovered::default() };
        for report in self.take_reports() {
            recovered.archived += report.archived;
            recovered.superseded += report.superseded;
            recovered.skipped += report.skipped;
            recovered.reason = recovered.reason.or(report.reason);
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
