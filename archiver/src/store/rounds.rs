//! Writes in rounds: everything that is not settled yet goes out in full batches, and what is to be tried again is gathered for
//! the next round, so that the leftovers of many batches become few requests.

use super::database::{BatchAnswer, MAX_BATCH, WriteUnits};
use super::write_error::WriteError;
use crate::aws::backoff::Deadline;
use crate::aws::failure::{AwsFailure, FailureKind};
use crate::aws::retry::{CallError, attempt};
use futures::StreamExt as _;
use std::future::Future;

/// Calls in flight at once; more do not pay at DynamoDB's latency of some 5 ms.
const CALLS_IN_FLIGHT: usize = 16;

/// What a round made of one write.
#[derive(Debug)]
pub(crate) enum Settled<W, D> {
    /// It is done.
    Done(D),
    /// It goes on at once, in the next round.
    Next(W),
    /// It failed for now, and is tried again after a wait.
    Again(W, WriteError),
    /// It failed for good.
    Failed(W, WriteError),
}

/// What became of all writes.
#[derive(Debug)]
pub(crate) struct Ending<W, D> {
    /// Those that are done.
    pub(crate) done: Vec<D>,
    /// Those that are not, and why.
    pub(crate) failed: Vec<(W, WriteError)>,
    /// What all of it cost.
    pub(crate) write_units: WriteUnits,
}

impl<W, D> Ending<W, D> {
    /// The same, its done writes made into something else.
    pub(crate) fn map<E>(self, to: impl Fn(D) -> E) -> Ending<W, E> {
        Ending { done: self.done.into_iter().map(to).collect(), failed: self.failed, write_units: self.write_units }
    }
}

/// Runs rounds until every write is settled or the deadline passes. `call` takes at most [`MAX_BATCH`] writes, the number of rounds
/// that had to wait, and settles each of them.
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

/// Writes that DynamoDB takes many of in one call, none of them on a condition.
pub(crate) async fn in_batches<W: Copy, F>(deadline: Deadline, writes: Vec<W>, call: impl Fn(Vec<W>) -> F) -> Ending<W, ()>
where
    F: Future<Output = Result<BatchAnswer, AwsFailure>>,
{
    let call = &call;
    until_settled(writes, deadline, |batch, waits| async move {
        match attempt(deadline, waits, call(batch.clone())).await {
            // One item that is refused makes DynamoDB refuse its whole batch: each is written alone to find it.
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

/// What the answer to a batch means for each of its writes.
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
