//! One batch in flight: written down, loaded, wrapped and put, and its result written down again.

use super::worker::Worker;
use crate::aws::connect::Connection;
use crate::aws::put::{PERMISSION, PutEntry, PutOutcome, put_records};
use crate::domain::failure::Failure;
use crate::domain::replay::hash_key::ShardMap;
use crate::domain::replay::lanes::{Batch, PutResult, QueuedRecord};
use crate::domain::replay::plan::PlanSummary;
use crate::domain::text::count;
use crate::plans::{Loaded, Origin, Pen, QueueReader, Receipt, Refusal, Settled};
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::envelope::{Envelope, Separator};
use archiver::format::stream::StreamName;

/// What is added around a payload.
#[derive(Clone, Debug)]
pub(super) struct Wrapping {
    separator: Option<Separator>,
    /// The stream that records come from, if the envelope names it.
    origin: Option<String>,
}

impl Wrapping {
    pub(super) fn of(plan: &PlanSummary) -> Self {
        let origin = plan.stream.clone().filter(|stream| *stream != plan.target);
        Self { separator: plan.options.envelope.clone(), origin }
    }

    /// Whether it names the origin of a record.
    fn needs_origin(&self) -> bool {
        self.separator.is_some()
    }

    fn envelope(&self, record: &Loaded) -> Envelope {
        Envelope {
            original_approximate_arrival_timestamp: record.origin.arrival.clone(),
            original_shard_id: record.origin.shard_id.clone(),
            original_sequence_number: record.origin.sequence_number.clone(),
            original_stream_name: self.origin.clone(),
        }
    }

    /// The payload as it is put.
    fn wrap(&self, record: &mut Loaded) -> Result<Vec<u8>, String> {
        let data = std::mem::take(&mut record.data);
        match &self.separator {
            Some(separator) => self.envelope(record).wrap(separator, &data).map_err(|error| error.to_string()),
            None => Ok(data),
        }
    }

    /// Bytes of a record as it is put, including the key.
    pub(super) fn size_of(&self, record: &Loaded) -> u64 {
        let envelope = self.separator.as_ref().and_then(|separator| self.envelope(record).wrap(separator, &[]).ok());
        (record.partition_key.len() + record.data.len() + envelope.map_or(0, |envelope| envelope.len())) as u64
    }

    /// The bytes that an envelope adds to an ordinary record.
    pub(super) fn usual_bytes(&self) -> u64 {
        let ordinary = Loaded {
            partition_key: String::new(),
            explicit_hash_key: None,
            data: Vec::new(),
            origin: Origin {
                // As long as Kinesis' own numbers.
                sequence_number: "4".repeat(56),
                shard_id: "shardId-000000000000".to_owned(),
                arrival: "1545084650.987".to_owned(),
            },
        };
        self.size_of(&ordinary)
    }

    /// The most bytes that an envelope adds, except to records that are damaged in odd ways.
    pub(super) fn longest_bytes(&self) -> u64 {
        /// More than any envelope needs for four short texts and the name of a stream.
        const LONGEST: u64 = 2 * 1024;
        if self.separator.is_some() { LONGEST } else { 0 }
    }
}

/// What all batches of a run share.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) connection: Connection,
    pub(super) target: StreamName,
    pub(super) max_record_bytes: u64,
    pub(super) wrapping: Wrapping,
    pub(super) pen: Pen,
    pub(super) library: Worker<QueueReader>,
}

/// The result of a batch.
#[derive(Debug)]
pub(super) enum Sent {
    /// The result of each record.
    Settled {
        /// In the order of the batch.
        results: Vec<PutResult>,
        /// Payload bytes acknowledged.
        bytes: u64,
        /// Whether a record went to another shard than expected, so the shards have changed.
        is_resharded: bool,
        /// What Kinesis said about the records that failed, if any did.
        trouble: Option<String>,
    },
    /// The call failed, and may succeed later. Only an answer from Kinesis says whether any record was taken.
    CallFailed(AwsFailure, bool),
    /// Nothing more can be sent.
    Broken(Failure),
}

impl Sender {
    /// Sends a batch into these shards. `unsure_before` of its records were already in a call without an answer, and are counted.
    pub(super) async fn send(&self, batch: &Batch, shards: &ShardMap, unsure_before: u64) -> Sent {
        let positions = batch.records.iter().map(|record| record.position).collect();
        let wanted = batch.records.clone();
        let with_origin = self.wrapping.needs_origin();
        let loading = self.library.call(move |library| library.load(&wanted, with_origin));
        let (written, loaded) = tokio::join!(self.pen.sending(batch.id.0, positions), loading);
        let loaded = match (written, loaded) {
            (Err(reason), _) => return self.broken("write the journal", reason),
            (Ok(()), Err(gone)) => return self.broken("read the plan", gone.to_string()),
            (Ok(()), Ok(Err(error))) => return self.broken("read the plan", error.to_string()),
            (Ok(()), Ok(Ok(loaded))) => loaded,
        };
        let mut put = Put::new(&batch.records, shards);
        let failed = self.put(loaded, &mut put).await;
        let is_unsure = failed.as_ref().is_some_and(|failure| !is_answer(failure));
        let unanswered = if is_unsure { (batch.records.len() as u64).saturating_sub(unsure_before) } else { 0 };
        let settled = put.settled(unanswered);
        if let Err(reason) = self.pen.settled(batch.id.0, settled).await {
            return self.broken("write the journal", reason);
        }
        match failed {
            Some(failure) if !may_pass(&failure) => {
                Sent::Broken(Failure::of_call(format!("put records into stream {}", self.target), PERMISSION, failure))
            }
            // Records that were settled one by one before the call failed stay settled.
            Some(failure) if put.results.iter().all(|result| *result == PutResult::Failed) => Sent::CallFailed(failure, is_unsure),
            failed => Sent::Settled {
                results: put.results,
                bytes: put.bytes,
                is_resharded: put.is_resharded,
                trouble: failed.map(|failure| failure.message).or(put.trouble),
            },
        }
    }

    fn broken(&self, operation: &str, reason: String) -> Sent {
        Sent::Broken(Failure::refused(operation, reason))
    }

    /// A record as it is put, and the bytes of its payload.
    fn entry(&self, mut record: Loaded) -> Result<(PutEntry, u64), String> {
        let payload_bytes = record.data.len() as u64;
        let data = self.wrapping.wrap(&mut record)?;
        let size = (record.partition_key.len() + data.len()) as u64;
        if size > self.max_record_bytes {
            let (bytes, limit) = (count(size), count(self.max_record_bytes));
            return Err(format!("with its key it has {bytes} bytes, but stream {} takes at most {limit}", self.target));
        }
        let Loaded { partition_key, explicit_hash_key, .. } = record;
        Ok((PutEntry { partition_key, explicit_hash_key, data }, payload_bytes))
    }

    /// Puts records with one call. If Kinesis refuses the call as a whole, each record is put alone, to find the one that it
    /// refuses. Returns a failure that is to be retried, or that ends the run.
    async fn put(&self, loaded: Vec<Result<Loaded, String>>, put: &mut Put<'_>) -> Option<AwsFailure> {
        let (mut places, mut entries) = (Vec::with_capacity(loaded.len()), Vec::with_capacity(loaded.len()));
        for (place, record) in loaded.into_iter().enumerate() {
            match record.and_then(|record| self.entry(record)) {
                Ok((entry, bytes)) => {
                    put.payload_bytes[place] = bytes;
                    places.push(place);
                    entries.push(entry);
                }
                Err(reason) => put.pass_over(place, reason),
            }
        }
        if entries.is_empty() {
            return None;
        }
        match put_records(&self.connection, &self.target, entries).await {
            Ok(outcomes) => {
                places.into_iter().zip(outcomes).for_each(|(place, outcome)| put.take(place, outcome));
                None
            }
            Err(failure) if failure.kind != FailureKind::Refused => Some(failure),
            Err(failure) => match places.as_slice() {
                // A call with a single record need not be repeated.
                [place] => {
                    put.pass_over(*place, failure.message);
                    None
                }
                _ => self.put_each_alone(places, put).await,
            },
        }
    }

    /// Puts records one by one. They are loaded again, because a call consumes them.
    async fn put_each_alone(&self, places: Vec<usize>, put: &mut Put<'_>) -> Option<AwsFailure> {
        for place in places {
            match self.put_alone(put.records[place]).await {
                Ok(outcomes) => outcomes.into_iter().for_each(|outcome| put.take(place, outcome)),
                Err(NotPut::Never(reason)) => put.pass_over(place, reason),
                Err(NotPut::Now(failure)) => return Some(failure),
            }
        }
        None
    }

    async fn put_alone(&self, record: QueuedRecord) -> Result<Vec<PutOutcome>, NotPut> {
        let unusable = |message: String| NotPut::Now(AwsFailure { kind: FailureKind::Unusable, message });
        let with_origin = self.wrapping.needs_origin();
        let loaded = self.library.call(move |library| library.load(&[record], with_origin)).await;
        let loaded = loaded.map_err(|gone| unusable(gone.to_string()))?.map_err(|error| unusable(error.to_string()))?;
        let loaded = loaded.into_iter().next().unwrap_or_else(|| Err("the record is no longer in the plan".to_owned()));
        let (entry, _) = loaded.and_then(|record| self.entry(record)).map_err(NotPut::Never)?;
        put_records(&self.connection, &self.target, vec![entry]).await.map_err(|failure| match failure.kind {
            FailureKind::Refused => NotPut::Never(failure.message),
            _ => NotPut::Now(failure),
        })
    }
}

/// Why a single record was not put.
enum NotPut {
    /// It never can be, for this reason.
    Never(String),
    /// The call failed.
    Now(AwsFailure),
}

/// Whether the same call may succeed later. Expired credentials may be renewed, and are loaded again for the next call.
fn may_pass(failure: &AwsFailure) -> bool {
    failure.is_transient() || failure.kind == FailureKind::Credentials
}

/// Whether the failure is an answer from Kinesis, so nothing was taken.
fn is_answer(failure: &AwsFailure) -> bool {
    !matches!(failure.kind, FailureKind::Network | FailureKind::TimedOut | FailureKind::Service)
}

/// The results of a batch so far.
struct Put<'b> {
    records: &'b [QueuedRecord],
    results: Vec<PutResult>,
    payload_bytes: Vec<u64>,
    receipts: Vec<Receipt>,
    passed_over: Vec<Refusal>,
    shards: &'b ShardMap,
    is_resharded: bool,
    bytes: u64,
    trouble: Option<String>,
}

impl<'b> Put<'b> {
    fn new(records: &'b [QueuedRecord], shards: &'b ShardMap) -> Self {
        Self {
            records,
            results: vec![PutResult::Failed; records.len()],
            payload_bytes: vec![0; records.len()],
            receipts: Vec::with_capacity(records.len()),
            passed_over: Vec::new(),
            shards,
            is_resharded: false,
            bytes: 0,
            trouble: None,
        }
    }

    fn pass_over(&mut self, place: usize, reason: String) {
        let record = self.records[place];
        self.results[place] = PutResult::Impossible;
        self.passed_over.push(Refusal { position: record.position, record: record.record, reason });
    }

    fn take(&mut self, place: usize, outcome: PutOutcome) {
        self.results[place] = match outcome {
            PutOutcome::Acknowledged { shard_id, sequence_number } => {
                let QueuedRecord { position, record, hash, .. } = self.records[place];
                let payload_bytes = self.payload_bytes[place];
                self.bytes += payload_bytes;
                let expected = self.shards.shards().get(self.shards.place_of(hash));
                self.is_resharded |= expected.is_none_or(|expected| expected.id != shard_id);
                self.receipts.push(Receipt { position, record, shard_id, sequence_number, payload_bytes });
                PutResult::Acknowledged
            }
            PutOutcome::Throttled => PutResult::Throttled,
            PutOutcome::Failed(reason) => {
                self.trouble = Some(reason);
                PutResult::Failed
            }
        };
    }

    /// What to write down about it.
    fn settled(&mut self, unanswered: u64) -> Settled {
        let number = |wanted: PutResult| self.results.iter().filter(|result| **result == wanted).count() as u64;
        let (throttled_puts, failed_puts) = (number(PutResult::Throttled), number(PutResult::Failed));
        let (receipts, passed_over) = (std::mem::take(&mut self.receipts), std::mem::take(&mut self.passed_over));
        Settled { receipts, passed_over, throttled_puts, failed_puts, unanswered }
    }
}
