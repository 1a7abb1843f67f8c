//! Mode LATEST: writes items unless a newer one is stored. One request takes many PartiQL statements, and each has its own
//! condition.

use super::Store;
use super::database::{Database, OldParts, Statement, StatementAnswer, Verb, WriteUnits};
use super::newcomers::Newcomers;
use super::rounds::{Ending, Settled, not_now, until_settled};
use super::write::{Done, WriteOptions};
use crate::aws::failure::{AwsFailure, FailureKind};
use crate::aws::retry::{CallError, attempt};
use crate::format::item::Item;
use crate::format::sequence::SequenceNumber;
use crate::format::table::TableKeys;
use std::sync::PoisonError;

/// A write of mode LATEST, and its next step.
#[derive(Clone, Debug)]
pub(super) struct NewestWrite<'i> {
    pub(super) item: &'i Item<'i>,
    pub(super) step: Step,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// One statement among many in a request.
    Execute(Verb),
    /// A single conditional put. Its answer is never ambiguous.
    Put,
    /// A single put that replaces exactly this number. It is older by value, but not as text.
    PutOver(SequenceNumber),
}

/// The parts of a replaced item, to be deleted.
pub(super) type Replaced = Option<OldParts>;

impl<D: Database> Store<D> {
    /// Writes each item unless a newer one is stored. Also gives the parts of the items that were replaced.
    pub(super) async fn replace<'i>(
        &self,
        options: WriteOptions<'_>,
        items: Vec<&'i Item<'i>>,
    ) -> (Ending<&'i Item<'i>, Done>, Vec<OldParts>) {
        let verb = self.newcomers_of(options.table).first_verb();
        let keys = items.len();
        let writes = items.into_iter().map(|item| NewestWrite { item, step: Step::Execute(verb) }).collect();
        let ending = self.until_written(options, writes).await;
        let inserted = ending.done.iter().filter(|(done, _)| *done == Done::Inserted).count();
        self.remember_newcomers(options.table, inserted, keys);
        let (done, replaced): (Vec<Done>, Vec<Replaced>) = ending.done.into_iter().unzip();
        let failed = ending.failed.into_iter().map(|(write, reason)| (write.item, reason)).collect();
        (Ending { done, failed, write_units: ending.write_units }, replaced.into_iter().flatten().collect())
    }

    /// Takes steps until every write is settled.
    pub(super) async fn until_written<'i>(
        &self,
        options: WriteOptions<'_>,
        writes: Vec<NewestWrite<'i>>,
    ) -> Ending<NewestWrite<'i>, (Done, Replaced)> {
        until_settled(writes, options.deadline, |batch, waits| async move { self.execute(options, batch, waits).await }).await
    }

    /// One call for all statements, and one for each single put.
    async fn execute<'i>(
        &self,
        options: WriteOptions<'_>,
        batch: Vec<NewestWrite<'i>>,
        waits: u32,
    ) -> (Vec<Settled<NewestWrite<'i>, (Done, Replaced)>>, WriteUnits) {
        let mut settled = Vec::with_capacity(batch.len());
        let mut write_units = 0.0;
        let mut puts = Vec::new();
        let mut statements = Vec::with_capacity(batch.len());
        for write in batch {
            let item = write.item;
            match write.step {
                Step::Execute(verb) => statements.push((write, Statement { verb, item })),
                Step::Put | Step::PutOver(_) => puts.push(write),
            }
        }
        if !statements.is_empty() {
            let (writes, statements): (Vec<NewestWrite<'_>>, Vec<Statement<'_>>) = statements.into_iter().unzip();
            let call = self.database.execute(options.table, &statements, options.stamp);
            match attempt(options.deadline, waits, call).await {
                Ok(executed) => {
                    write_units += executed.write_units;
                    let unanswered = std::iter::repeat_with(|| StatementAnswer::Failed(AwsFailure::unanswered()));
                    let answers = executed.answers.into_iter().chain(unanswered);
                    settled.extend(writes.into_iter().zip(answers).map(|(write, answer)| settle(write, answer)));
                }
                // One bad statement may make DynamoDB refuse all of them. Putting each item alone finds it.
                Err(CallError::Aws(failure)) if failure.kind == FailureKind::Refused => {
                    settled.extend(writes.into_iter().map(|write| Settled::Next(NewestWrite { step: Step::Put, ..write })));
                }
                Err(reason) => settled.extend(writes.into_iter().map(|write| not_now(write, reason.clone().into()))),
            }
        }
        for (put, units) in futures::future::join_all(puts.into_iter().map(|write| self.put_newest(options, write, waits))).await {
            write_units += units;
            settled.push(put);
        }
        (settled, write_units)
    }

    async fn put_newest<'i>(
        &self,
        options: WriteOptions<'_>,
        write: NewestWrite<'i>,
        waits: u32,
    ) -> (Settled<NewestWrite<'i>, (Done, Replaced)>, WriteUnits) {
        let over = match &write.step {
            Step::PutOver(number) => Some(number),
            Step::Put | Step::Execute(_) => None,
        };
        let put = self.database.put_if_newest(options.table, write.item, over, options.stamp);
        let (answer, units) = match attempt(options.deadline, waits, put).await {
            Ok(answered) => answered,
            Err(reason) => return (not_now(write, reason.into()), 0.0),
        };
        if answer != (StatementAnswer::ConditionFailed { stored: None }) {
            return (settle(write, answer), units);
        }
        // Some emulators do not return the stored item. DynamoDB does.
        let keys = TableKeys::of_mode(options.mode);
        let looked_up = self.database.stored_version(options.table, &keys, write.item);
        let settled = match attempt(options.deadline, waits, looked_up).await {
            Ok(stored) => settle(write, StatementAnswer::ConditionFailed { stored }),
            Err(reason) => not_now(write, reason.into()),
        };
        (settled, units)
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

/// What an answer means for a write. The steps are: UPDATE an older item; if there is no item, INSERT; if there is one by then,
/// UPDATE again; and a single put if the answers do not say whether an item is stored. No step comes twice, so this ends. If the
/// stored number is older by value but not as text, a put replaces exactly that number. If another write changed it in the
/// meantime, the put is retried like any other failed write.
fn settle(write: NewestWrite<'_>, answer: StatementAnswer) -> Settled<NewestWrite<'_>, (Done, Replaced)> {
    let NewestWrite { item, step } = write;
    let next = |step| Settled::Next(NewestWrite { item, step });
    let changed = |step| {
        let message = "another write changed the item stored under this key";
        let failure = AwsFailure { kind: FailureKind::Service, message: message.to_owned() };
        Settled::Again(NewestWrite { item, step }, failure.into())
    };
    if let StatementAnswer::ConditionFailed { stored: Some(stored) } = &answer
        && !stored.supersedes(item)
        && let Some(number) = stored.number_beyond_comparison(item)
    {
        let over = Step::PutOver(number.clone());
        return if matches!(step, Step::PutOver(_)) { changed(over) } else { next(over) };
    }
    match (answer, step) {
        (StatementAnswer::Written { .. }, Step::Execute(Verb::Insert)) => Settled::Done((Done::Inserted, None)),
        (StatementAnswer::Written { replaced }, _) => {
            let replaced = replaced.and_then(|stored| stored.parts_to_delete());
            Settled::Done((Done::Written, replaced))
        }
        (StatementAnswer::ConditionFailed { stored: Some(stored) }, _) if stored.supersedes(item) => {
            Settled::Done((Done::Superseded, None))
        }
        (StatementAnswer::ConditionFailed { stored: Some(_) }, Step::Execute(Verb::ReplaceWhole)) => {
            next(Step::Execute(Verb::ReplaceAny))
        }
        (StatementAnswer::ConditionFailed { stored: None }, Step::Execute(Verb::ReplaceWhole)) => next(Step::Execute(Verb::Insert)),
        (StatementAnswer::Duplicate, Step::Execute(Verb::Insert)) => next(Step::Execute(Verb::ReplaceAny)),
        (StatementAnswer::ConditionFailed { .. } | StatementAnswer::Duplicate, Step::Execute(_)) => next(Step::Put),
        (StatementAnswer::ConditionFailed { stored: None }, Step::Put)
        | (StatementAnswer::ConditionFailed { .. }, Step::PutOver(_)) => changed(Step::Put),
        (StatementAnswer::Duplicate, Step::Put | Step::PutOver(_)) => Settled::Done((Done::Superseded, None)),
        (StatementAnswer::ConditionFailed { stored: Some(_) }, Step::Put) => {
            let message = "the item stored under this key is not newer, but its sequenceNumber cannot be compared; correct or delete the item";
            let failure = AwsFailure { kind: FailureKind::Refused, message: message.to_owned() };
            Settled::Failed(NewestWrite { item, step: Step::Put }, failure.into())
        }
        (StatementAnswer::Failed(failure), Step::Execute(_)) if failure.kind == FailureKind::Refused => next(Step::Put),
        (StatementAnswer::Failed(failure), step) => not_now(NewestWrite { item, step }, failure.into()),
    }
}
