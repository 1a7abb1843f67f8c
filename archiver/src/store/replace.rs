//! Mode LATEST: items written where nothing newer is, by statements of which one request takes many, each with a condition of its
//! own.

use super::{Done, Order, Store};
use crate::aws_failure::{AwsFailure, FailureKind};
use crate::database::{Database, Statement, StatementAnswer, Verb, WriteUnits};
use crate::item::Item;
use crate::rounds::{Ending, Settled, attempt, not_now, until_settled};
use crate::store::WriteError;
use std::sync::PoisonError;

/// How many of a table's keys were lately written for the first time, as a share that forgets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Newcomers(f64);

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
pub(super) struct NewestWrite<'i> {
    pub(super) item: &'i Item<'i>,
    pub(super) step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// One statement of many.
    Execute(Verb),
    /// A single conditional put, whose answer leaves no doubt.
    Put,
}

/// What was replaced, where its parts are to be deleted.
pub(super) type Replaced = Option<(String, usize)>;

impl<D: Database> Store<D> {
    /// Mode LATEST: each item where nothing newer is. Also what was replaced and has parts.
    pub(super) async fn replace<'i>(
        &self,
        order: Order<'_>,
        items: Vec<&'i Item<'i>>,
    ) -> (Ending<&'i Item<'i>, Done>, Vec<(String, usize)>) {
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

    fn newcomers_of(&self, table: &str) -> Newcomers {
        self.newcomers.lock().unwrap_or_else(PoisonError::into_inner).get(table).copied().unwrap_or_default()
    }

    fn remember_newcomers(&self, table: &str, inserted: usize, keys: usize) {
        let mut newcomers = self.newcomers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = newcomers.entry(table.to_owned()).or_default();
        *known = known.after(inserted, keys);
    }
}

/// What an answer means for a write. The order of steps: an UPDATE of what is older; where there is nothing, an INSERT; where there
/// is something after all, an UPDATE once more; and a put alone where the answers leave open whether anything is stored. No step
/// comes twice, so that it ends.
pub(super) fn settle(write: NewestWrite<'_>, answer: StatementAnswer) -> Settled<NewestWrite<'_>, (Done, Replaced)> {
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
            let message =
                "the item stored under this key is not newer, but its sequenceNumber cannot be compared; mend or delete it";
            Settled::Failed(write, AwsFailure { kind: FailureKind::Refused, message: message.to_owned() }.into())
        }
        (StatementAnswer::Failed(failure), Step::Execute(_)) if failure.kind == FailureKind::Refused => next(Step::Put),
        (StatementAnswer::Failed(failure), _) => not_now(write, failure.into()),
    }
}
