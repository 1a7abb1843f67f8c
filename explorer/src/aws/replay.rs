//! Running a replay: the records are read, put into order, and put again until each is acknowledged or can never be.

use super::archive::read_page;
use super::connect::Connection;
use super::streams;
use crate::domain::archive::StreamOverview;
use crate::domain::decode::payload_bytes;
use crate::domain::failure::Failure;
use crate::domain::lanes::{Lanes, Position, PutResult};
use crate::domain::page::PageQuery;
use crate::domain::record::Record;
use crate::domain::replay::{Ending, Impossible, NewestOf, Progress, ReplayOrder, Selection, in_replay_order};
use crate::domain::text::count;
use archiver::aws_failure::{AwsFailure, FailureKind};
use archiver::envelope::{Envelope, Separator};
use archiver::record::PartitionKey;
use archiver::stream::StreamName;
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
    size: usize,
}

/// The answer to one PutRecords call: what became of each record, and why where it was not taken.
type Answer = Vec<(Position, PutResult, Option<String>)>;

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
        let ready = self.prepare(in_replay_order(records), &target);
        self.send(&ready).await
    }

    /// The selected records, `None` when cancelled.
    async fn read(&mut self) -> Result<Option<Vec<Arc<Record>>>, Failure> {
        let Selection::Matching { filter, limit, include_expired } = &self.order.selection else {
            return Ok(Some(Vec::new()));
        };
        let mut query = PageQuery { table: self.order.table.clone(), mode: self.order.mode, filter: filter.clone(), from: None };
        let mut newest = NewestOf::new(*limit);
        let mut held_bytes = 0;
        let now = Timestamp::now().as_second();
        loop {
            if *self.cancelled.borrow() {
                return Ok(None);
            }
            let page = read_page(self.connection, &query).await?;
            self.progress.read += page.read;
            for record in page.records {
                let is_expired = record.item.expire_after.is_some_and(|expires| expires <= now);
                if is_expired && !include_expired {
                    self.progress.expired += 1;
                    continue;
                }
                held_bytes += record.item.data.as_deref().map_or(0, str::len);
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
            query.from = page.next;
            if query.from.is_none() {
                return Ok(Some(newest.into_newest_first()));
            }
        }
    }

    /// Sets aside what can never be put.
    fn prepare(&mut self, records: Vec<Arc<Record>>, target: &StreamOverview) -> Vec<Ready> {
        let mut ready = Vec::with_capacity(records.len());
        for record in records {
            let key = PartitionKey::new(record.id.partition_key.as_str());
            match size_when_put(&record, self.order) {
                Ok(size) if (size as u64) <= target.max_record_bytes => ready.push(Ready { size, key, record }),
                Ok(size) => {
                    let (size, limit) = (count(size as u64), count(target.max_record_bytes));
                    let reason =
                        format!("with its key it has {size} bytes, but stream {} takes records of up to {limit}", target.name);
                    self.set_aside(&record, reason);
                }
                Err(reason) => self.set_aside(&record, reason),
            }
        }
        ready
    }

    async fn send(&mut self, ready: &[Ready]) -> Result<Ending, Failure> {
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
                calls.push(put(self.connection, self.order, ready, batch));
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
                Some((batch, answer)) = calls.next(), if !calls.is_empty() => {
                    let (results, fatal) = settle_all(batch, answer);
                    failure = failure.or(fatal);
                    for (position, result, reason) in results {
                        match &result {
                            PutResult::Acknowledged => self.progress.bytes += ready[position].record.payload_size,
                            PutResult::Impossible => {
                                self.list_impossible(&ready[position].record, reason.unwrap_or_default());
                            }
                            PutResult::Failed => {}
                        }
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
            Some(failure) => {
                let operation = format!("put records into stream {}", self.order.target);
                Err(Failure::of_call(operation, "kinesis:PutRecords", failure))
            }
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

/// Bytes of a record as it is put; its key counts, too. Source: Kinesis API reference, PutRecords.
fn size_when_put(record: &Record, order: &ReplayOrder) -> Result<usize, String> {
    let data = record.item.data.as_deref().ok_or("its item has no recordData")?;
    if record.id.partition_key.is_empty() {
        return Err("its item has no partition key".to_owned());
    }
    let payload = payload_bytes(data).map_err(|error| format!("its recordData is not base64: {error}"))?;
    let envelope = match &order.envelope {
        Some(separator) => wrap(record, &order.source, &order.target, separator, &[])?.len(),
        None => 0,
    };
    Ok(record.id.partition_key.len() + payload.len() + envelope)
}

fn wrap(
    record: &Record,
    source: &StreamName,
    target: &StreamName,
    separator: &Separator,
    payload: &[u8],
) -> Result<Vec<u8>, String> {
    Envelope::of(&record.item, source, target).wrap(separator, payload).map_err(|error| error.to_string())
}

fn entry(ready: &Ready, order: &ReplayOrder) -> Result<PutRecordsRequestEntry, String> {
    let payload = payload_bytes(ready.record.item.data.as_deref().unwrap_or_default()).map_err(|error| error.to_string())?;
    let data = match &order.envelope {
        Some(separator) => wrap(&ready.record, &order.source, &order.target, separator, &payload)?,
        None => payload,
    };
    let entry = PutRecordsRequestEntry::builder().partition_key(ready.key.as_str()).data(Blob::new(data)).build();
    entry.map_err(|error| error.to_string())
}

/// One PutRecords call. A call that is refused as a whole is made again for each record alone, to find the one it is refused for.
async fn put(
    connection: &Connection,
    order: &ReplayOrder,
    ready: &[Ready],
    batch: Vec<Position>,
) -> (Vec<Position>, Result<Answer, AwsFailure>) {
    let answer = match put_once(connection, order, ready, &batch).await {
        Err(failure) if failure.kind == FailureKind::Refused && batch.len() > 1 => {
            let mut answers = Vec::with_capacity(batch.len());
            for position in &batch {
                match put_once(connection, order, ready, &[*position]).await {
                    Ok(answer) => answers.extend(answer),
                    Err(failure) if failure.kind == FailureKind::Refused => {
                        answers.push((*position, PutResult::Impossible, Some(failure.message)));
                    }
                    Err(_) => answers.push((*position, PutResult::Failed, None)),
                }
            }
            Ok(answers)
        }
        Err(failure) if failure.kind == FailureKind::Refused => {
            Ok(batch.iter().map(|position| (*position, PutResult::Impossible, Some(failure.message.clone()))).collect())
        }
        answer => answer,
    };
    (batch, answer)
}

async fn put_once(connection: &Connection, order: &ReplayOrder, ready: &[Ready], batch: &[Position]) -> Result<Answer, AwsFailure> {
    let entries = batch.iter().map(|position| entry(&ready[*position], order)).collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(|message| AwsFailure { kind: FailureKind::Refused, message })?;
    let call = connection.kinesis.put_records().stream_name(order.target.as_str()).set_records(Some(entries));
    // Each failure is counted and repeated here; the SDK's own tries would be seen by nobody.
    let once = aws_sdk_kinesis::config::Builder::new().retry_config(RetryConfig::disabled());
    let output = call.customize().config_override(once).send().await?;
    // The answer lists the records in the order of the request. Source: Kinesis API reference, PutRecords.
    let mut results = output.records.into_iter();
    Ok(batch
        .iter()
        .map(|position| match results.next() {
            Some(result) if result.error_code.is_none() => (*position, PutResult::Acknowledged, None),
            _ => (*position, PutResult::Failed, None),
        })
        .collect())
}

/// What became of each record of a call; a failure that will not pass ends the replay.
fn settle_all(batch: Vec<Position>, answer: Result<Answer, AwsFailure>) -> (Answer, Option<AwsFailure>) {
    match answer {
        Ok(answer) => (answer, None),
        Err(failure) => {
            let all_failed = batch.into_iter().map(|position| (position, PutResult::Failed, None)).collect();
            (all_failed, Some(failure).filter(|failure| !failure.is_transient()))
        }
    }
}
