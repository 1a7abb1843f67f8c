//! Archives the batches one by one: counts the results, deletes archived batches, and decides when it is useless to continue.

use super::printing::{OutcomeJson, Total, grouped, of};
use super::reading::Problem;
use crate::aws::bucket::Object;
use crate::domain::failure::Failure;
use crate::domain::lambda::failed_batch::FailedBatch;
use crate::recovery::failures::FailureStore;
use crate::recovery::{Recovered, Recovery};
use archiver::aws::failure::FailureKind;

/// After this many batches in a row without an archived record, the rest is not tried.
const HOPELESS: usize = 5;

/// Archives batches.
pub(super) struct Archiving<'c> {
    recovery: Recovery<'c>,
    store: FailureStore,
    keeps: bool,
    hopeless: usize,
    undeleted: Option<Failure>,
    pub(super) total: Total,
    /// Why it is useless to continue.
    pub(super) ended: Option<Failure>,
}

impl<'c> Archiving<'c> {
    /// Archives from this store, and keeps or deletes archived batches.
    pub(super) fn new(recovery: Recovery<'c>, store: FailureStore, keeps: bool) -> Self {
        Self { recovery, store, keeps, hopeless: 0, undeleted: None, total: Total::default(), ended: None }
    }

    /// Counts the result of a batch, and deletes it if all its records are archived.
    pub(super) async fn settle(
        &mut self,
        object: &Object,
        batch: &FailedBatch,
        recovered: Result<Recovered, String>,
    ) -> OutcomeJson {
        self.look_for_hope(&recovered);
        let mut outcome = OutcomeJson::new(&recovered);
        match recovered {
            Ok(recovered) => {
                if recovered.failed > 0 {
                    self.total.left += 1;
                } else {
                    self.total.done += 1;
                    if !self.keeps {
                        self.delete(object, &mut outcome).await;
                    }
                }
                self.total.recovered.add(recovered);
            }
            Err(_) => {
                self.total.left += 1;
                self.total.recovered.failed += batch.records.unwrap_or(1);
            }
        }
        outcome
    }

    /// Counts an object that is not a batch, or cannot be read.
    pub(super) fn pass_over(&mut self, problem: &Problem) -> OutcomeJson {
        match problem {
            Problem::NoBatch(sentence) => {
                self.total.others += 1;
                OutcomeJson::new(&Err(sentence.clone()))
            }
            Problem::Unreadable(sentence) => self.leave(sentence),
        }
    }

    /// Counts an object that may be a batch, and stays.
    pub(super) fn leave(&mut self, why: &str) -> OutcomeJson {
        self.total.left += 1;
        OutcomeJson::new(&Err(why.to_owned()))
    }

    /// The progress, given the number of all batches, in words.
    pub(super) fn sentence(&self, all: usize) -> String {
        let Total { unfinished, done, .. } = self.total;
        format!("{} of {}, {} done", grouped(all - unfinished), of(all, "batch", "batches"), grouped(done))
    }

    /// The result as a whole.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let left = self.total.left;
        let undeleted = self.undeleted.map(|failure| failure.to_string());
        let left = (left > 0).then(|| format!("{} with records that are not archived", of(left, "batch stays", "batches stay")));
        let detail: Vec<String> = left.into_iter().chain(undeleted).collect();
        let incomplete = (!detail.is_empty()).then(|| Failure::refused("recover everything", detail.join("; ")));
        incomplete.map_or(Ok(()), Err)
    }

    /// Archives a batch. The event is in the batch, unless it is only a pointer.
    pub(super) async fn recover(&mut self, batch: &FailedBatch, event: Option<&str>) -> Result<Recovered, String> {
        let recovered = self.recovery.recover(batch, event).await;
        if let Err(error) = &recovered
            && error.is_of_the_connection()
        {
            self.ended = Some(Failure::refused("continue", error.to_string()));
        }
        recovered.map_err(|error| error.to_string())
    }

    fn look_for_hope(&mut self, recovered: &Result<Recovered, String>) {
        let Ok(Recovered { archived: 0, present: 0, superseded: 0, skipped: 0, failed: 1.., reason }) = recovered else {
            self.hopeless = 0;
            return;
        };
        self.hopeless += 1;
        if self.hopeless == HOPELESS {
            let reason = reason.as_deref().unwrap_or_default();
            let sentence =
                format!("no record of {HOPELESS} batches in a row could be archived; the last one failed with: {reason}");
            self.ended = Some(Failure::refused("continue", sentence));
        }
    }

    async fn delete(&mut self, object: &Object, outcome: &mut OutcomeJson) {
        match self.store.delete(object).await {
            Ok(()) => outcome.deleted = true,
            // Somebody else did it.
            Err(failure) if failure.kind == FailureKind::NotFound => outcome.deleted = true,
            Err(failure) => {
                outcome.reason = Some(failure.to_string());
                self.undeleted.get_or_insert(failure);
            }
        }
        self.total.deleted += usize::from(outcome.deleted);
    }
}
