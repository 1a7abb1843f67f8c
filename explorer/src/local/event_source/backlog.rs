//! Decides what to do after an invocation: acknowledge, retry, split or give up. It knows no clock and makes no calls.

use crate::domain::lambda::event::StreamRecord;
use archiver::format::sequence::SequenceNumber;
use archiver::function::response::BatchResponse;
use std::collections::VecDeque;
use std::time::Duration;

/// Most bytes in an invocation's payload. Source: Lambda developer guide, quotas, synchronous invocations.
const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// When a failed batch is retried, split, or given up. By default it is retried until it succeeds, like a mapping without limits:
/// if a stream's tags cannot be read or its table is missing, its records wait until that is fixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a failed batch is retried; `None` without limit. Splitting does not count.
    pub maximum_retry_attempts: Option<u32>,
    /// Older records are given up instead of delivered; `None` never gives up.
    pub maximum_record_age: Option<Duration>,
    /// Whether a batch that failed as a whole is split in two, to isolate a bad record.
    pub bisect_batch_on_function_error: bool,
}

/// The records read from a shard that are neither acknowledged nor given up, in the batches to deliver next.
#[derive(Debug)]
pub(super) struct Backlog {
    policy: RetryPolicy,
    batches: VecDeque<PendingBatch>,
}

#[derive(Debug, Default)]
struct PendingBatch {
    records: Vec<StreamRecord>,
    failed_tries: u32,
}

/// What follows from an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AnswerOutcome {
    /// Everything up to this number is done.
    pub(super) acknowledged: Option<SequenceNumber>,
    /// These go to the failure destination.
    pub(super) given_up: Option<GivenUp>,
    /// How often the next batch has failed already; wait before retrying it.
    pub(super) failed_tries: u32,
}

/// Records that are no longer delivered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenUp {
    /// Never empty.
    pub(super) records: Vec<StreamRecord>,
    pub(super) condition: GivenUpCondition,
    pub(super) invocations: u32,
}

/// Why records are no longer delivered, in Lambda's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUpCondition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

impl GivenUpCondition {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::RetryAttemptsExhausted => "RetryAttemptsExhausted",
            Self::RecordAgeExceeded => "RecordAgeExceeded",
        }
    }
}

impl Backlog {
    /// One shard's records in order, cut into batches that fit into an invocation.
    pub(super) fn new(policy: RetryPolicy, records: Vec<StreamRecord>) -> Self {
        let mut batches: VecDeque<PendingBatch> = VecDeque::new();
        let mut free_bytes = 0;
        for record in records {
            let bytes = record.event_bytes();
            if bytes > free_bytes || batches.is_empty() {
                batches.push_back(PendingBatch::default());
                free_bytes = MAX_PAYLOAD_BYTES;
            }
            free_bytes = free_bytes.saturating_sub(bytes);
            if let Some(batch) = batches.back_mut() {
                batch.records.push(record);
            }
        }
        Self { policy, batches }
    }

    /// The batch to deliver next; `None` when everything is done.
    pub(super) fn next(&self) -> Option<&[StreamRecord]> {
        self.batches.front().map(|batch| batch.records.as_slice())
    }

    /// Takes the records that are too old out of the front of the next batch.
    pub(super) fn give_up_old(&mut self, now_milliseconds: i64) -> Option<GivenUp> {
        let longest = i64::try_from(self.policy.maximum_record_age?.as_millis()).unwrap_or(i64::MAX);
        let batch = self.batches.front_mut()?;
        let is_old = |record: &StreamRecord| now_milliseconds.saturating_sub(record.arrival_milliseconds) > longest;
        let young = batch.records.iter().position(|record| !is_old(record)).unwrap_or(batch.records.len());
        if young == 0 {
            return None;
        }
        let invocations = batch.failed_tries;
        let rest = batch.records.split_off(young);
        let records = std::mem::replace(&mut batch.records, rest);
        if batch.records.is_empty() {
            self.batches.pop_front();
        }
        Some(GivenUp { records, condition: GivenUpCondition::RecordAgeExceeded, invocations })
    }

    /// Takes the answer for the next batch; an error is a failed invocation.
    pub(super) fn answered<E>(&mut self, answer: &Result<BatchResponse, E>) -> AnswerOutcome {
        let Some(PendingBatch { mut records, failed_tries }) = self.batches.pop_front() else {
            return AnswerOutcome::default();
        };
        let first_failed = match answer {
            Ok(response) => first_failed(&records, response),
            Err(_) => Some(0),
        };
        let rest = records.split_off(first_failed.unwrap_or(records.len()));
        let mut outcome =
            AnswerOutcome { acknowledged: records.last().map(|record| record.sequence_number.clone()), ..AnswerOutcome::default() };
        if rest.is_empty() {
            return outcome;
        }
        let has_advanced = outcome.acknowledged.is_some();
        if self.policy.bisect_batch_on_function_error && (has_advanced || rest.len() > 1) {
            self.split(rest, has_advanced, failed_tries);
            return outcome;
        }
        // The record that is now first has failed once; tries in which the batch made progress do not count against it.
        let failed_tries = if has_advanced { 1 } else { failed_tries.saturating_add(1) };
        match self.policy.maximum_retry_attempts {
            Some(maximum) if failed_tries > maximum => {
                let condition = GivenUpCondition::RetryAttemptsExhausted;
                outcome.given_up = Some(GivenUp { records: rest, condition, invocations: failed_tries });
            }
            _ => {
                self.batches.push_front(PendingBatch { records: rest, failed_tries });
                outcome.failed_tries = failed_tries;
            }
        }
        outcome
    }

    /// Splits a batch that made progress where it stopped, any other in the middle. Splitting does not count as a retry.
    fn split(&mut self, mut records: Vec<StreamRecord>, has_advanced: bool, failed_tries: u32) {
        if has_advanced {
            self.batches.push_front(PendingBatch { records, failed_tries: 0 });
            return;
        }
        let second_half = records.split_off(records.len() / 2);
        self.batches.push_front(PendingBatch { records: second_half, failed_tries });
        self.batches.push_front(PendingBatch { records, failed_tries });
    }
}

/// The place of the lowest reported number in the batch. If an identifier is empty or matches no record, the whole batch fails.
fn first_failed(records: &[StreamRecord], response: &BatchResponse) -> Option<usize> {
    let place_of = |identifier: &str| records.iter().position(|record| record.sequence_number.as_str() == identifier);
    let places = response.batch_item_failures.iter().map(|failure| place_of(&failure.item_identifier).unwrap_or(0));
    // Records of a shard are in order, so the first place is the lowest number.
    places.min()
}

#[cfg(test)]
mod tests;
