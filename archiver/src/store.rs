//! Writes records into an archive's tables until each is there, can never be, or the time is over: what to write on which
//! condition, what an answer means, and in which order the items of a split record come.

use crate::aws_failure::{AwsFailure, FailureKind};
use crate::backoff::{Deadline, DeadlinePassed};
use crate::database::{BatchAnswer, Database, Part, PartKey, Statement, StatementAnswer, StoredVersion, Verb, WriteUnits};
use crate::item::{Item, Stamp};
use crate::payload::{self, Packer};
use crate::record::ArchivedRecord;
use crate::rounds::{Ending, Settled, until_settled};
use crate::sequence::SequenceNumber;
use crate::settings::{ArchiveMode, Compression};
use crate::stream::StreamName;
use crate::table::TableKeys;
use futures::StreamExt as _;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

/// Split records written at once; each holds megabytes.
const SPLIT_IN_FLIGHT: usize = 2;

/// Where and how the records of a batch are written.
#[derive(Clone, Copy, Debug)]
pub struct Order<'o> {
    /// The archive's table.
    pub table: &'o str,
    /// The table of parts.
    pub parts_table: &'o str,
    /// What the table keeps.
    pub mode: ArchiveMode,
    /// What every item gets.
    pub stamp: &'o Stamp,
    /// How payloads are stored.
    pub compression: Compression,
    /// When to stop.
    pub deadline: Deadline,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Records that are in the archive now.
    pub archived: usize,
    /// Records for whose key the same or something newer was there already; only in mode LATEST.
    pub superseded: usize,
    /// Records whose payload was compressed.
    pub compressed: usize,
    /// Records that were too large for one item.
    pub split: usize,
    /// What it cost, parts included.
    pub write_units: WriteUnits,
    /// Records that are not in the archive.
    pub failed: Vec<FailedWrite>,
}

/// A record that is not in the archive, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedWrite {
    /// Its number; that of its aggregated record where it is a user record.
    pub sequence_number: SequenceNumber,
    /// Its partition key.
    pub partition_key: String,
    /// Why it could not be written.
    pub reason: WriteError,
}

/// Why a record could not be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// DynamoDB's answer.
    #[error(transparent)]
    Aws(#[from] AwsFailure),
    /// No time was left.
    #[error(transparent)]
    Deadline(#[from] DeadlinePassed),
    /// It is too large for one item, and cannot be written in parts; which is this record's trouble alone.
    #[error("it is too large for one item, and cannot be written in parts, for which table {table} is needed: {reason}")]
    Parts {
        /// The table of parts, or of the archive where it must be looked up first.
        table: String,
        /// Why not.
        reason: Box<WriteError>,
    },
}

impl WriteError {
    /// What DynamoDB said where the archive's table itself is the trouble, so that no record of the batch can be written.
    #[must_use]
    pub fn of_the_table(&self) -> Option<&AwsFailure> {
        match self {
            Self::Aws(failure) => match failure.kind {
                FailureKind::NotFound | FailureKind::AccessDenied | FailureKind::Credentials | FailureKind::Unusable => {
                    Some(failure)
                }
                FailureKind::Throttled
                | FailureKind::Network
                | FailureKind::TimedOut
                | FailureKind::ConditionFailed
                | FailureKind::Service
                | FailureKind::ClockSkew
                | FailureKind::Refused => None,
            },
            Self::Deadline(_) | Self::Parts { .. } => None,
        }
    }

    /// What to do about it, where a person can.
    #[must_use]
    pub fn remedy(&self, stream: &StreamName, mode: ArchiveMode) -> Option<String> {
        match self {
            Self::Aws(failure) => match failure.kind {
                FailureKind::Throttled => Some("raise the table's capacity, or wait until it has adapted".to_owned()),
                FailureKind::Refused => Some("the record goes to the failure destination when Lambda gives it up".to_owned()),
                _ => None,
            },
            Self::Deadline(_) => Some("raise the function's timeout, or lower the batch size".to_owned()),
            Self::Parts { reason, .. } => match reason.of_the_table()?.kind {
                FailureKind::NotFound => Some(format!("create it with: explorer configure {stream} --mode {mode}")),
                _ => Some("the function's role needs dynamodb:BatchWriteItem and dynamodb:GetItem on it".to_owned()),
            },
        }
    }

    /// The failed call; what was not even tried for want of time timed out.
    pub(crate) fn into_failure(self) -> AwsFailure {
        match self {
            Self::Aws(failure) => failure,
            Self::Deadline(passed) => AwsFailure { kind: FailureKind::TimedOut, message: passed.to_string() },
            Self::Parts { reason, .. } => reason.into_failure(),
        }
    }

    fn is_transient(&self) -> bool {
        match self {
            Self::Aws(failure) => failure.is_transient(),
            Self::Deadline(_) | Self::Parts { .. } => false,
        }
    }
}

/// How one record ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Done {
    /// It is in the archive; its key had none before.
    Inserted,
    /// It is in the archive.
    Written,
    /// The same or something newer was there already.
    Superseded,
}

/// Writes through a database.
#[derive(Debug)]
pub struct Store<D> {
    database: D,
    packer: Mutex<Packer>,
    newcomers: Mutex<HashMap<String, Newcomers>>,
}

/// How many of a table's keys were lately written for the first time, as a share that forgets.
#[derive(Clone, Copy, Debug, Default)]
struct Newcomers(f64);

impl Newcomers {
    /// Keys after which half of what was known is forgotten.
    const MEMORY: f64 = 25.0;
    /// An INSERT that finds an item costs as much as writing it, an UPDATE that finds none a single unit: so INSERT comes first
    /// only where nearly every key is new.
    const MOSTLY: f64 = 0.9;

    fn first_verb(self) -> Verb {
        if self.0 >= Self::MOSTLY { Verb::Insert } else { Verb::ReplaceWhole }
    }

    #[allow(clippy::cast_precision_loss)]
    fn after(self, inserted: usize, keys: usize) -> Self {
        let (inserted, keys) = (inserted as f64, keys as f64);
        Self((self.0 * Self::MEMORY + inserted) / (Self::MEMORY + keys))
    }
}

/// One write of mode LATEST, and what is tried next for it.
#[derive(Clone, Copy, Debug)]
struct NewestWrite<'i> {
    item: &'i Item<'i>,
    step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// One statement of many.
    Execute(Verb),
    /// A single conditional put, whose answer leaves no doubt.
    Put,
}

/// What was replaced, where its parts are to be deleted.
type Replaced = Option<(String, usize)>;

impl<D: Database> Store<D> {
    /// Writes through this database.
    #[must_use]
    pub fn new(database: D) -> Self {
        Self { database, packer: Mutex::default(), newcomers: Mutex::default() }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Writes the records, in mode LATEST each where nothing newer is stored under its partition key. No two may have the same
    /// key: in mode ALL partition key and number, in mode LATEST the partition key.
    pub async fn write(&self, order: Order<'_>, records: Vec<ArchivedRecord<'_>>) -> Outcome {
        let items = self.pack(records, order.compression);
        let mut outcome = Outcome {
            compressed: items.iter().filter(|item| item.data.is_gzip).count(),
            split: items.iter().filter(|item| item.parts() > 0).count(),
            ..Outcome::default()
        };
        let (whole, split): (Vec<&Item<'_>>, Vec<&Item<'_>>) = items.iter().partition(|item| item.parts() == 0);
        match order.mode {
            ArchiveMode::All => outcome.add(self.put(order, whole).await),
            ArchiveMode::Latest => {
                let (ending, replaced) = self.replace(order, whole).await;
                outcome.add(ending);
                outcome.write_units += self.delete_all_parts(order, replaced).await;
            }
        }
        let mut writes = Vec::with_capacity(split.len());
        for item in split {
            writes.push(self.write_split(order, item));
        }
        let mut writes = futures::stream::iter(writes).buffer_unordered(SPLIT_IN_FLIGHT);
        while let Some((item, ended, write_units)) = writes.next().await {
            outcome.write_units += write_units;
            match ended {
                Ok(done) => outcome.count(done),
                Err(reason) => outcome.failed.push(FailedWrite::of(item, reason)),
            }
        }
        outcome
    }

    fn pack<'e>(&self, records: Vec<ArchivedRecord<'e>>, compression: Compression) -> Vec<Item<'e>> {
        let mut packer = self.packer.lock().unwrap_or_else(PoisonError::into_inner);
        records.into_iter().map(|record| Item::of(record, &mut packer, compression)).collect()
    }

    /// Mode ALL: puts, which may be repeated.
    async fn put<'i>(&self, order: Order<'_>, items: Vec<&'i Item<'i>>) -> Ending<&'i Item<'i>, Done> {
        let call = |items: Vec<&'i Item<'i>>| async move { self.database.put_items(order.table, &items, order.stamp).await };
        in_batches(order.deadline, items, call).await.map(|()| Done::Written)
    }

    /// Mode LATEST: each item where nothing newer is. Also what was replaced and has parts.
    async fn replace<'i>(&self, order: Order<'_>, items: Vec<&'i Item<'i>>) -> (Ending<&'i Item<'i>, Done>, Vec<(String, usize)>) {
        let step = Step::Execute(self.newcomers_of(order.table).first_verb());
        let keys = items.len();
        let writes = items.into_iter().map(|item| NewestWrite { item, step }).collect();
        let ending =
            until_settled(writes, order.deadline, |batch, waits| async move { self.execute(order, batch, waits).await }).await;
        let inserted = ending.done.iter().filter(|(done, _)| *done == Done::Inserted).count();
        self.remember_newcomers(order.table, inserted, keys);
        let (done, replaced): (Vec<Done>, Vec<Replaced>) = ending.done.into_iter().unzip();
        let failed = ending.failed.into_iter().map(|(write, reason)| (write.item, reason)).collect();
        (Ending { done, failed, write_units: ending.write_units }, replaced.into_iter().flatten().collect())
    }

    /// One call for the statements among the writes, and one for each of the single puts.
    async fn execute<'i>(
        &self,
        order: Order<'_>,
        batch: Vec<NewestWrite<'i>>,
        waits: u32,
    ) -> (Vec<Settled<NewestWrite<'i>, (Done, Replaced)>>, WriteUnits) {
        let mut settled = Vec::with_capacity(batch.len());
        let mut write_units = 0.0;
        let mut puts = Vec::new();
        let mut statements = Vec::with_capacity(batch.len());
        for write in batch {
            match write.step {
                Step::Execute(verb) => statements.push((write, Statement { verb, item: write.item })),
                Step::Put => puts.push(write),
            }
        }
        if !statements.is_empty() {
            let (writes, statements): (Vec<NewestWrite<'_>>, Vec<Statement<'_>>) = statements.into_iter().unzip();
            let call = self.database.execute(order.table, &statements, order.stamp);
            match attempt(order.deadline, waits, call).await {
                Ok(executed) => {
                    write_units += executed.write_units;
                    let unanswered = std::iter::repeat_with(|| StatementAnswer::Failed(AwsFailure::unanswered()));
                    let answers = executed.answers.into_iter().chain(unanswered);
                    settled.extend(writes.into_iter().zip(answers).map(|(write, answer)| settle(write, answer)));
                }
                // One statement that is refused may make DynamoDB refuse all: each is put alone to find it.
                Err(WriteError::Aws(failure)) if failure.kind == FailureKind::Refused => {
                    settled.extend(writes.into_iter().map(|write| Settled::Next(NewestWrite { step: Step::Put, ..write })));
                }
                Err(reason) => settled.extend(writes.into_iter().map(|write| not_now(write, reason.clone()))),
            }
        }
        let puts = puts.into_iter().map(|write| async move {
            (write, attempt(order.deadline, waits, self.database.put_if_newest(order.table, write.item, order.stamp)).await)
        });
        for (write, answer) in futures::future::join_all(puts).await {
            settled.push(match answer {
                Ok((answer, units)) => {
                    write_units += units;
                    settle(write, answer)
                }
                Err(reason) => not_now(write, reason),
            });
        }
        (settled, write_units)
    }

    /// A record that is too large for one item: its parts, then the item. What is stored is looked at first, since writing
    /// megabytes once more for a record that is delivered again costs thousands of times as much.
    async fn write_split<'i>(&self, order: Order<'_>, item: &'i Item<'i>) -> (&'i Item<'i>, Result<Done, WriteError>, WriteUnits) {
        let mut write_units = 0.0;
        let ended = self.write_parts_and_item(order, item, &mut write_units).await;
        (item, ended, write_units)
    }

    async fn write_parts_and_item(
        &self,
        order: Order<'_>,
        item: &Item<'_>,
        write_units: &mut WriteUnits,
    ) -> Result<Done, WriteError> {
        match (order.mode, self.stored_version(order, item).await?) {
            (ArchiveMode::All, Some(_)) => return Ok(Done::Written),
            (ArchiveMode::Latest, Some(stored)) if stored.supersedes(item) => return Ok(Done::Superseded),
            (ArchiveMode::All | ArchiveMode::Latest, _) => {}
        }
        let part_of = item.part_of();
        let parts = payload::parts(&item.data.text).enumerate();
        let parts: Vec<Part<'_>> = parts.map(|(part, text)| Part { key: PartKey { part_of: &part_of, part }, text }).collect();
        let call = |parts: Vec<_>| async move { self.database.put_parts(order.parts_table, &parts, order.stamp).await };
        let written = in_batches(order.deadline, parts, call).await;
        *write_units += written.write_units;
        if let Some((_, reason)) = written.failed.into_iter().next() {
            return Err(WriteError::Parts { table: order.parts_table.to_owned(), reason: Box::new(reason) });
        }
        match order.mode {
            ArchiveMode::All => {
                let ending = self.put(order, vec![item]).await;
                *write_units += ending.write_units;
                ending.failed.into_iter().next().map_or(Ok(Done::Written), |(_, reason)| Err(reason))
            }
            ArchiveMode::Latest => {
                let put = || self.database.put_if_newest(order.table, item, order.stamp);
                let (answer, units) = until_done(order.deadline, put).await?;
                *write_units += units;
                let write = NewestWrite { item, step: Step::Put };
                let superseded = matches!(answer, StatementAnswer::ConditionFailed { .. });
                match settle(write, answer) {
                    Settled::Done((done, replaced)) => {
                        // Something newer came between, and nobody will ever look for these parts; unless it is the same record,
                        // delivered twice at once.
                        let left_behind =
                            superseded && !self.stored_version(order, item).await?.is_some_and(|stored| stored.is(item));
                        let own = left_behind.then(|| (part_of.clone(), item.parts()));
                        *write_units += self.delete_all_parts(order, replaced.into_iter().chain(own).collect()).await;
                        Ok(done)
                    }
                    Settled::Failed(_, reason) | Settled::Again(_, reason) => Err(reason),
                    Settled::Next(_) => Err(AwsFailure::unanswered().into()),
                }
            }
        }
    }

    async fn stored_version(&self, order: Order<'_>, item: &Item<'_>) -> Result<Option<StoredVersion>, WriteError> {
        let keys = TableKeys::of_mode(order.mode);
        until_done(order.deadline, || self.database.stored_version(order.table, &keys, item)).await.map_err(|reason| match reason {
            // Only split records are looked up, so that the others may well be written without this permission.
            WriteError::Aws(ref failure) if failure.kind == FailureKind::AccessDenied => {
                WriteError::Parts { table: order.table.to_owned(), reason: Box::new(reason) }
            }
            other => other,
        })
    }

    /// Deletes the parts of records that are no longer in the archive: which, and how many parts. What cannot be deleted costs its
    /// storage, but nobody reads it.
    async fn delete_all_parts(&self, order: Order<'_>, records: Vec<(String, usize)>) -> WriteUnits {
        let parts = records.iter().flat_map(|(part_of, parts)| (0..*parts).map(move |part| PartKey { part_of, part }));
        let call = |parts: Vec<_>| async move { self.database.delete_parts(order.parts_table, &parts).await };
        let deleted = in_batches(order.deadline, parts.collect(), call).await;
        if let Some((first, reason)) = deleted.failed.first() {
            let (table, left, part_of) = (order.parts_table, deleted.failed.len(), first.part_of);
            tracing::warn!(table, left, part_of, %reason, "parts of replaced records could not be deleted");
        }
        deleted.write_units
    }

    fn newcomers_of(&self, table: &str) -> Newcomers {
        self.newcomers.lock().unwrap_or_else(PoisonError::into_inner).get(table).copied().unwrap_or_default()
    }

    fn remember_newcomers(&self, table: &str, inserted: usize, keys: usize) {
        let mut newcomers = self.newcomers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newcomers.entry(table.to_owned()).or_default();
        *known = known.after(inserted, keys);
    }
}

impl Outcome {
    fn add(&mut self, ending: Ending<&Item<'_>, Done>) {
        self.write_units += ending.write_units;
        ending.done.into_iter().for_each(|done| self.count(done));
        self.failed.extend(ending.failed.into_iter().map(|(item, reason)| FailedWrite::of(item, reason)));
    }

    fn count(&mut self, done: Done) {
        match done {
            Done::Inserted | Done::Written => self.archived += 1,
            Done::Superseded => self.superseded += 1,
        }
    }
}

impl FailedWrite {
    fn of(item: &Item<'_>, reason: WriteError) -> Self {
        Self { sequence_number: item.sequence_number.clone(), partition_key: item.partition_key.to_string(), reason }
    }
}

/// What an answer means for a write. The order of steps: an UPDATE of what is older; where there is nothing, an INSERT; where there
/// is something after all, an UPDATE once more; and a put alone where the answers leave open whether anything is stored. No step
/// comes twice, so that it ends.
fn settle(write: NewestWrite<'_>, answer: StatementAnswer) -> Settled<NewestWrite<'_>, (Done, Replaced)> {
    let next = |step| Settled::Next(NewestWrite { step, ..write });
    match (answer, write.step) {
        (StatementAnswer::Written { .. }, Step::Execute(Verb::Insert)) => Settled::Done((Done::Inserted, None)),
        (StatementAnswer::Written { replaced }, _) => {
            let replaced = replaced.and_then(|stored| stored.parts_to_delete());
            Settled::Done((Done::Written, replaced))
        }
        (StatementAnswer::ConditionFailed { stored: Some(stored) }, _) if stored.supersedes(write.item) => {
            Settled::Done((Done::Superseded, None))
        }
        (StatementAnswer::ConditionFailed { stored: Some(_) }, Step::Execute(Verb::ReplaceWhole)) => {
            next(Step::Execute(Verb::ReplaceAny))
        }
        (StatementAnswer::ConditionFailed { stored: None }, Step::Execute(Verb::ReplaceWhole)) => next(Step::Execute(Verb::Insert)),
        (StatementAnswer::Duplicate, Step::Execute(Verb::Insert)) => next(Step::Execute(Verb::ReplaceAny)),
        (StatementAnswer::ConditionFailed { .. } | StatementAnswer::Duplicate, Step::Execute(_)) => next(Step::Put),
        (StatementAnswer::ConditionFailed { stored: None } | StatementAnswer::Duplicate, Step::Put) => {
            Settled::Done((Done::Superseded, None))
        }
        (StatementAnswer::ConditionFailed { stored: Some(_) }, Step::Put) => {
            let message = "the item stored under this key has a sequenceNumber that is no text of digits; mend or delete it";
            Settled::Failed(write, AwsFailure { kind: FailureKind::Refused, message: message.to_owned() }.into())
        }
        (StatementAnswer::Failed(failure), Step::Execute(_)) if failure.kind == FailureKind::Refused => next(Step::Put),
        (StatementAnswer::Failed(failure), _) => not_now(write, failure.into()),
    }
}

fn not_now<W, D>(write: W, reason: WriteError) -> Settled<W, D> {
    if reason.is_transient() { Settled::Again(write, reason) } else { Settled::Failed(write, reason) }
}

/// Writes that DynamoDB takes many of in one call, none of them on a condition.
async fn in_batches<W: Copy, F>(deadline: Deadline, writes: Vec<W>, call: impl Fn(Vec<W>) -> F) -> Ending<W, ()>
where
    F: Future<Output = Result<BatchAnswer, AwsFailure>>,
{
    let call = &call;
    let settle_one = |write, answer: Result<BatchAnswer, WriteError>| match answer {
        Ok(answer) if answer.unprocessed.is_empty() => (Settled::Done(()), answer.write_units),
        Ok(answer) => (Settled::Again(write, AwsFailure::unprocessed().into()), answer.write_units),
        Err(reason) => (not_now(write, reason), 0.0),
    };
    until_settled(writes, deadline, |batch, waits| async move {
        match attempt(deadline, waits, call(batch.clone())).await {
            Ok(answer) => {
                let mut settled: Vec<_> = batch.iter().map(|_| Settled::Done(())).collect();
                for place in answer.unprocessed {
                    if let (Some(settled), Some(write)) = (settled.get_mut(place), batch.get(place)) {
                        *settled = Settled::Again(*write, AwsFailure::unprocessed().into());
                    }
                }
                (settled, answer.write_units)
            }
            // One item that is refused makes DynamoDB refuse its whole batch: each is written alone to find it.
            Err(WriteError::Aws(failure)) if failure.kind == FailureKind::Refused && batch.len() > 1 => {
                let alone = batch
                    .into_iter()
                    .map(|write| async move { settle_one(write, attempt(deadline, waits, call(vec![write])).await) });
                let (settled, write_units): (Vec<_>, Vec<WriteUnits>) = futures::future::join_all(alone).await.into_iter().unzip();
                (settled, write_units.into_iter().sum())
            }
            Err(reason) => (batch.into_iter().map(|write| not_now(write, reason.clone())).collect(), 0.0),
        }
    })
    .await
}

/// Tries until the call succeeds, can never succeed, or the deadline passes.
pub(crate) async fn until_done<T, F: Future<Output = Result<T, AwsFailure>>>(
    deadline: Deadline,
    call: impl Fn() -> F,
) -> Result<T, WriteError> {
    let mut tries = 0;
    loop {
        match attempt(deadline, tries, call()).await {
            Err(reason) if reason.is_transient() => deadline.back_off(tries).await.map_err(|_| reason)?,
            ended => return ended,
        }
        tries += 1;
    }
}

/// One try, which ends with the time for tries like it or with the deadline.
async fn attempt<T>(deadline: Deadline, tries: u32, call: impl Future<Output = Result<T, AwsFailure>>) -> Result<T, WriteError> {
    match deadline.bound_try(tries, call).await? {
        Some(answer) => Ok(answer?),
        None => Err(AwsFailure::no_answer().into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
