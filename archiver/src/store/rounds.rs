//! Writes in rounds. Each round sends all open writes in full batches. What must be retried waits for the next round, so that the
//! leftovers of many batches need few requests.

use super::database::{BatchAnswer, MAX_BATCH, WriteUnits};
use super::write_error::WriteError;
use crate::aws::backoff::Deadline;
use crate::aws::failure::{AwsFailure, FailureKind};
use crate::aws::retry::{CallError, attempt};
use futures::StreamExt as _;
use std::future::Future;

/// Calls in flight. More do not help at DynamoDB's latency of about 5 ms.
const CALLS_IN_FLIGHT: usize = 16;

/// The result of one write in a round.
#[derive(Debug)]
pub(crate) enum Settled<W, D> {
    Done(D),
    /// It has another step, in the next round and without a wait.
    Next(W),
    /// It failed, and is retried after a wait.
    Again(W, WriteError),
    Failed(W, WriteError),
}

/// The result of all writes.
#[derive(Debug)]
pub(crate) struct Ending<W, D> {
    pub(crate) done: Vec<D>,
    pub(crate) failed: Vec<(W, WriteError)>,
    pub(crate) write_units: WriteUnits,
}

impl<W, D> Ending<W, D> {
    /// Maps the results of the writes that are done.
    pub(crate) fn map<E>(self, to: impl Fn(D) -> E) -> Ending<W, E> {
        Ending { done: self.done.into_iter().map(to).collect(), failed: self.failed, write_units: self.write_units }
    }
}

/// Runs rounds until every write is settled or the deadline passes. `call` gets at most [`MAX_BATCH`] writes and the number of
/// waits so far, and settles each write.
pub(crate) async fn until_settled<W, D, F>(writes: Vec<W>, deadline: Deadline, call: impl Fn(Vec<W>, u32) -> F) -> Ending<W, D>
where
    F: Future<Output = (Vec<Settled<W, D>>, WriteUnits)>,
{
    let mut ending = Ending { done: Vec::with_capacity(writes.len()), failed: Vec::new(), write_units: 0.0 };
    let mut pending = writes;
    let mut waits = 0;
    while !pending.is_empty() {
        let waited = waits;
        let mut writes = std::mem::take(&mut pending).into_iter();
        let batches = std::iter::from_fn(|| {
            let batch: Vec<W> = writes.by_ref().take(MAX_BATCH).collect();
            (!batch.is_empty()).then(|| call(batch, waited))
        });
        let mut answers = futures::stream::iter(batches).buffer_unordered(CALLS_IN_FLIGHT);
        let mut again = Vec::new();
        while let Some((settled, write_units)) = answers.next().await {
            ending.write_units += write_units;
            for write in settled {
                match write {
                    Settled::Done(done) => ending.done.push(done),
                    Settled::Next(write) => pending.push(write),
                    Settled::Again(write, reason) => again.push((write, reason)),
                    Settled::Failed(write, reason) => ending.failed.push((write, reason)),
                }
            }
        }
        if again.is_empty() {
            continue;
        }
        if deadline.back_off(waits).await.is_err() {
            ending.failed.append(&mut again);
        }
        waits += 1;
        pending.extend(again.into_iter().map(|(write, _)| write));
    }
    ending
}

pub(crate) fn not_now<W, D>(write: W, reason: WriteError) -> Settled<W, D> {
    if reason.is_transient() { Settled::Again(write, reason) } else { Settled::Failed(write, reason) }
}

/// Makes unconditional writes, in batches.
pub(crate) async fn in_batches<W: Copy, F>(deadline: Deadline, writes: Vec<W>, call: impl Fn(Vec<W>) -> F) -> Ending<W, ()>
where
    F: Future<Output = Result<BatchAnswer, AwsFailure>>,
{
    let call = &call;
    until_settled(writes, deadline, |batch, waits| async move {
        match attempt(deadline, waits, call(batch.clone())).await {
            // One bad item makes DynamoDB refuse the whole batch. Writing each item alone finds it.
            Err(CallError::Aws(failure)) if failure.kind == FailureKind::Refused && batch.len() > 1 => {
                let alone = batch
                    .into_iter()
                    .map(|write| async move { settle_batch(&[write], attempt(deadline, waits, call(vec![write])).await) });
                let (settled, write_units): (Vec<_>, Vec<WriteUnits>) = futures::future::join_all(alone).await.into_iter().unzip();
                (settled.into_iter().flatten().collect(), write_units.into_iter().sum())
            }
            answer => settle_batch(&batch, answer),
        }
    })
    .await
}

fn settle_batch<W: Copy>(batch: &[W], answer: Result<BatchAnswer, CallError>) -> (Vec<Settled<W, ()>>, WriteUnits) {
    match answer {
        Ok(answer) => {
            let mut settled: Vec<_> = batch.iter().map(|_| Settled::Done(())).collect();
            for place in answer.unprocessed {
                if let (Some(settled), Some(write)) = (settled.get_mut(place), batch.get(place)) {
                    *settled = Settled::Again(*write, AwsFailure::unprocessed().into());
                }
            }
            (settled, answer.write_units)
        }
        Err(reason) => (batch.iter().map(|write| not_now(*write, reason.clone().into())).collect(), 0.0),
    }
}
