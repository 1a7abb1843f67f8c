//! Running a replay: the records are read, put into order, and put again until each is acknowledged or can never be.

use super::connect::Connection;
use super::payload::read_payload;
use super::reader;
use super::streams;
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::lanes::{Lanes, Position, PutResult};
use crate::domain::payload::{NoPayload, largest_size};
use crate::domain::reading::{Position as ReadPosition, ReadEnding, ReadOrder, Source};
use crate::domain::record::Record;
use crate::domain::replay::{Ending, Impossible, NewestOf, Progress, ReplayOrder, Selection, in_replay_order};
use crate::domain::text::count;
use archiver::aws_failure::{AwsFailure, FailureKind};
use archiver::envelope::Envelope;
use archiver::record::PartitionKey;
use aws_config::retry::RetryConfig;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// PutRecords calls in flight at once.
const CALLS_IN_FLIGHT: usize = 8;
/// Between two updates of the progress.
const UPDATE_INTERVAL: Duration = Duration::from_millis(100);
/// Pages that may wait to be gathered.
const PAGES_WAITING: usize = 4;
/// What a replay holds in memory at the most, in bytes of archived text.
const MAX_HELD_BYTES: usize = 2 * 1024 * 1024 * 1024;

/// How a replay ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Whether it came to its end.
    pub ending: Ending,
    /// How far it came.
    pub progress: Progress,
    /// Records that can never be put.
    pub impossible: Vec<Impossible>,
}

/// Runs a replay to its end, or until `cancelled` turns true; calls in flight are waited for, so that the counts are right.
pub async fn run(
    connection: &Connection,
    order: &ReplayOrder,
    updates: mpsc::Sender<Progress>,
    cancelled: watch::Receiver<bool>,
) -> Outcome {
    let mut run =
        Run { connection, order, updates, cancelled, progress: Progress::default(), impossible: Vec::new(), updated: None };
    let ending = match run.read_and_send().await {
        Ok(ending) => ending,
        Err(failure) => Ending::Failed(failure),
    };
    Outcome { ending, progress: run.progress, impossible: run.impossible }
}

struct Run<'r> {
    connection: &'r Connection,
    order: &'r ReplayOrder,
    updates: mpsc::Sender<Progress>,
    cancelled: watch::Receiver<bool>,
    progress: Progress,
    impossible: Vec<Impossible>,
    updated: Option<Instant>,
}

/// A record that can be put.
struct Ready {
    record: Arc<Record>,
    key: PartitionKey,
    /// Bytes as it is put, key and all; of a record in parts, whose payload is read only when it is put, the most it can have.
    size: usize,
}

/// What a record is put into, and how much that takes.
#[derive(Clone, Copy)]
struct Target<'r> {
    connection: &'r Connection,
    order: &'r ReplayOrder,
    max_record_bytes: u64,
}

/// A record with its payload.
struct Loaded {
    position: Position,
    entry: PutRecordsRequestEntry,
    payload_bytes: u64,
}

/// What became of a record in one call.
enum PutOutcome {
    /// The stream has it, with so many bytes of payload.
    Acknowledged(u64),
    /// It is put again.
    Failed,
    /// It can never be put, for this reason.
    Impossible(String),
}

/// What became of each record of a batch.
type Answer = Vec<(Position, PutOutcome)>;

impl Run<'_> {
    async fn read_and_send(&mut self) -> Result<Ending, Failure> {
        let target = streams::overview(self.connection, &self.order.target).await?;
        let records = match &self.order.selection {
            Selection::Marked(records) => records.clone(),
            Selection::Matching { .. } => match self.read().await? {
                Some(records) => records,
                None => return Ok(Ending::Cancelled),
            },
        };
        self.progress.total = records.len();
        let max_record_bytes = target.max_record_bytes;
        let target = Target { connection: self.connection, order: self.order, max_record_bytes };
        let ready = self.prepare(in_replay_order(records), target);
        self.send(&ready, target).await
    }

    /// The selected records, `None` when cancelled.
    async fn read(&mut self) -> Result<Option<Vec<Arc<Record>>>, Failure> {
        let (connection, order) = (self.connection, self.order);
        let Selection::Matching { filter, except, limit, include_expired } = &order.selection else {
            return Ok(Some(Vec::new()));
        };
        let source = Source::Archive(order.archive.clone());
        let order = ReadOrder { source, filter: filter.clone(), recipe: Recipe::default(), from: ReadPosition::Beginning };
        let mut newest = NewestOf::new(*limit);
        let mut held_bytes = 0;
        let now = Timestamp::now().as_second();
        let (batches, mut waiting) = mpsc::channel(PAGES_WAITING);
        let reading = reader::read(connection, &order, batches, self.cancelled.clone());
        let gathering = async {
            while let Some(batch) = waiting.recv().await {
                self.progress.read = usize::try_from(batch.progress.read).unwrap_or(usize::MAX);
                for record in batch.records.into_iter().filter(|record| !except.contains(&record.id)) {
                    let is_expired = record.item.expire_after.is_some_and(|expires| expires <= now);
                    if is_expired && !include_expired {
                        self.progress.expired += 1;
                        continue;
                    }
                    held_bytes += record.held_bytes();
                    newest.push(Arc::new(record));
                    self.progress.total += 1;
                }
                if limit.is_none() && held_bytes > MAX_HELD_BYTES {
                    let size = crate::domain::text::size(MAX_HELD_BYTES as u64);
                    return Err(Failure::refused(
                        "replay that many records at once",
                        format!("they hold more than {size}; choose a smaller range"),
                    ));
                }
                self.update().await;
            }
            Ok(())
        };
        // Where too much is gathered nobody takes what is read, and reading ends.
        let (ending, gathered) = tokio::join!(reading, gathering);
        gathered?;
        match ending {
            ReadEnding::Complete => Ok(Some(newest.into_newest_first())),
            ReadEnding::Stopped(_) => Ok(None),
            ReadEnding::Failed(failure, _) => Err(failure),
        }
    }

    /// Sets aside what can never be put.
    fn prepare(&mut self, records: Vec<Arc<Record>>, target: Target<'_>) -> Vec<Ready> {
        let mut ready = Vec::with_capacity(records.len());
        for record in records {
            let key = PartitionKey::new(record.id.partition_key.as_str());
            match size_when_put(&record, target) {
                Ok(size) => ready.push(Ready { size, key, record }),
                Err(reason) => self.set_aside(&record, reason),
            }
        }
        ready
    }

    async fn send(&mut self, ready: &[Ready], target: Target<'_>) -> Result<Ending, Failure> {
        let started = Instant::now();
        let set_aside = self.impossible.len();
        let mut lanes = Lanes::new(ready.iter().map(|ready| (&ready.key, ready.size)));
        let mut calls = FuturesUnordered::new();
        let mut stop: Option<Ending> = None;
        let mut failure = None;
        let mut ticks = tokio::time::interval(UPDATE_INTERVAL);
        loop {
            while stop.is_none() && failure.is_none() && calls.len() < CALLS_IN_FLIGHT {
                let batch = lanes.next_batch(started.elapsed());
                if batch.is_empty() {
                    break;
                }
                calls.push(put(target, ready, batch));
            }
            self.progress.counts = lanes.counts();
            self.progress.counts.impossible += set_aside;
            self.progress.sending = started.elapsed();
            self.update().await;
            if calls.is_empty() && (lanes.is_done() || stop.is_some() || failure.is_some()) {
                break;
            }
            let retry = lanes.next_retry().filter(|_| stop.is_none() && failure.is_none());
            tokio::select! {
                Some((answer, fatal)) = calls.next(), if !calls.is_empty() => {
                    failure = failure.or(fatal);
                    for (position, outcome) in answer {
                        let result = match outcome {
                            PutOutcome::Acknowledged(payload_bytes) => {
                                self.progress.bytes += payload_bytes;
                                PutResult::Acknowledged
                            }
                            PutOutcome::Impossible(reason) => {
                                self.list_impossible(&ready[position].record, reason);
                                PutResult::Impossible
                            }
                            PutOutcome::Failed => PutResult::Failed,
                        };
                        lanes.settle(position, &result, started.elapsed(), fastrand::f64());
                    }
                }
                () = tokio::time::sleep_until(started + retry.unwrap_or_default()), if retry.is_some() => {}
                changed = self.cancelled.changed(), if stop.is_none() => {
                    if changed.is_err() || *self.cancelled.borrow() {
                        stop = Some(Ending::Cancelled);
                    }
                }
                _ = ticks.tick() => {}
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(if lanes.is_done() { Ending::Finished } else { stop.unwrap_or(Ending::Cancelled) }),
        }
    }

    fn set_aside(&mut self, record: &Record, reason: String) {
        self.progress.counts.impossible += 1;
        self.list_impossible(record, reason);
    }

    fn list_impossible(&mut self, record: &Record, reason: String) {
        let id = record.id.clone();
        self.impossible.push(Impossible { partition_key: id.partition_key, sequence_number: id.sequence_number, reason });
    }

    /// Tells the progress, ten times a second at the most.
    async fn update(&mut self) {
        let is_due = self.updated.is_none_or(|updated| updated.elapsed() >= UPDATE_INTERVAL);
        // A receiver that is gone wants no more updates; the replay goes on without.
        if is_due && self.updates.send(self.progress).await.is_ok() {
            self.updated = Some(Instant::now());
        }
    }
}

/// Bytes of a record as it is put, of one in parts the most it can have.
fn size_when_put(record: &Record, target: Target<'_>) -> Result<usize, String> {
    if record.id.partition_key.is_empty() {
        return Err("its item has no partition key".to_owned());
    }
    match record.payload() {
        Some(payload) => {
            let payload = payload.map_err(|reason| reason.to_string())?;
            let envelope = enveloped(record, target.order, Vec::new())?.len();
            checked_size(record, payload.len() + envelope, target)
        }
        None => Ok(record.id.partition_key.len() + largest_size(&record.item, &record.place)),
    }
}

/// Bytes of a record with so many of data, where the target takes that many. Its key counts, too. Source: Kinesis API reference,
/// PutRecords.
fn checked_size(record: &Record, data_bytes: usize, target: Target<'_>) -> Result<usize, String> {
    let size = record.id.partition_key.len() + data_bytes;
    if size as u64 <= target.max_record_bytes {
        return Ok(size);
    }
    let (bytes, limit) = (count(size as u64), count(target.max_record_bytes));
    Err(format!("with its key it has {bytes} bytes, but stream {} takes records of up to {limit}", target.order.target))
}

/// The payload with its envelope, where one is asked for.
fn enveloped(record: &Record, order: &ReplayOrder, payload: Vec<u8>) -> Result<Vec<u8>, String> {
    match &order.envelope {
        Some(separator) => {
            let envelope = Envelope::of(&record.item, &order.archive.stream, &order.target);
            envelope.wrap(separator, &payload).map_err(|error| error.to_string())
        }
        None => Ok(payload),
    }
}

/// Reads a record's payload and makes it ready to be put.
async fn load(target: Target<'_>, ready: &Ready, position: Position) -> Result<Loaded, NoPayload> {
    let record = &ready.record;
    let payload = read_payload(target.connection, &target.order.archive.stream, record).await?;
    let payload_bytes = payload.len() as u64;
    let data = enveloped(record, target.order, payload).map_err(NoPayload::Damaged)?;
    checked_size(record, data.len(), target).map_err(NoPayload::Damaged)?;
    let entry = PutRecordsRequestEntry::builder().partition_key(ready.key.as_str()).data(Blob::new(data)).build();
    Ok(Loaded { position, entry: entry.map_err(|error| NoPayload::Damaged(error.to_string()))?, payload_bytes })
}

/// Reads the payloads of a batch and puts them with one call; a failure that will not pass ends the replay. A call that is refused
/// as a whole is made again for each record alone, to find the one it is refused for.
async fn put(target: Target<'_>, ready: &[Ready], batch: Vec<Position>) -> (Answer, Option<Failure>) {
    let mut answer = Answer::with_capacity(batch.len());
    let mut loaded = Vec::with_capacity(batch.len());
    let mut fatal = None;
    for position in batch {
        match load(target, &ready[position], position).await {
            Ok(record) => loaded.push(record),
            Err(NoPayload::Damaged(reason)) => answer.push((position, PutOutcome::Impossible(reason))),
            Err(NoPayload::Failed(failure)) => {
                answer.push((position, PutOutcome::Failed));
                fatal = fatal.or(Some(failure).filter(|failure| !failure.is_transient()));
            }
        }
    }
    if loaded.is_empty() {
        return (answer, fatal);
    }
    match put_once(target, &loaded).await {
        Ok(put) => answer.extend(put),
        Err(failure) if failure.kind == FailureKind::Refused => {
            for record in loaded.chunks(1) {
                // The call of a single record need not be made twice.
                let alone = if loaded.len() > 1 { put_once(target, record).await } else { Err(failure.clone()) };
                match alone {
                    Ok(put) => answer.extend(put),
                    Err(failure) if failure.kind == FailureKind::Refused => {
                        answer.extend(record.iter().map(|one| (one.position, PutOutcome::Impossible(failure.message.clone()))));
                    }
                    Err(_) => answer.extend(record.iter().map(|one| (one.position, PutOutcome::Failed))),
                }
            }
        }
        Err(failure) => {
            answer.extend(loaded.iter().map(|record| (record.position, PutOutcome::Failed)));
            let operation = format!("put records into stream {}", target.order.target);
            let will_not_pass = Some(failure).filter(|failure| !failure.is_transient());
            fatal = fatal.or(will_not_pass.map(|failure| Failure::of_call(operation, "kinesis:PutRecords", failure)));
        }
    }
    (answer, fatal)
}

async fn put_once(target: Target<'_>, records: &[Loaded]) -> Result<Answer, AwsFailure> {
    let entries = records.iter().map(|record| record.entry.clone()).collect();
    let call = target.connection.kinesis.put_records().stream_name(target.order.target.as_str()).set_records(Some(entries));
    // Each failure is counted and repeated here; the SDK's own tries would be seen by nobody.
    let once = aws_sdk_kinesis::config::Builder::new().retry_config(RetryConfig::disabled());
    let output = call.customize().config_override(once).send().await?;
    // The answer lists the records in the order of the request. Source: Kinesis API reference, PutRecords.
    let mut results = output.records.into_iter();
    let outcome = |record: &Loaded| match results.next() {
        Some(result) if result.error_code.is_none() => PutOutcome::Acknowledged(record.payload_bytes),
        _ => PutOutcome::Failed,
    };
    let outcomes: Vec<PutOutcome> = records.iter().map(outcome).collect();
    Ok(records.iter().map(|record| record.position).zip(outcomes).collect())
}
