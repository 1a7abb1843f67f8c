//! The order in which records are put again, and what becomes of each. Knows no network, no file and no clock: it is told the
//! time, hands out batches, and is told what became of them.
//!
//! A partition key is in at most one batch at a time, and with one record. So whatever fails, and in whatever order answers come,
//! no record of a key is put before an earlier one of that key is acknowledged.

use archiver::record::PartitionKey;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

/// Records one PutRecords call accepts. Source: Kinesis API reference, PutRecords.
const MAX_BATCH_RECORDS: usize = 500;
/// Bytes, keys included, put in one call. PutRecords accepts 10 MiB; half of it keeps a failed call cheap to repeat. A single larger
/// record goes alone.
const MAX_BATCH_BYTES: usize = 5 * 1024 * 1024;
/// Upper bound of the wait after a record's first failure.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Upper bound of any wait.
const LONGEST_DELAY: Duration = Duration::from_secs(10);

/// A record's place in the order given at the start.
pub type Position = usize;

/// What became of one record of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutResult {
    /// The stream has it.
    Acknowledged,
    /// The stream did not take it now; it is put again.
    Failed,
    /// The stream can never take it; it is listed and passed over.
    Impossible,
}

/// Counts of a replay. They add up: `acknowledged + impossible + waiting + in_flight` is the number of records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The stream has them.
    pub acknowledged: usize,
    /// They can never be put.
    pub impossible: usize,
    /// Not put yet, or to be put again.
    pub waiting: usize,
    /// Handed out, no answer yet.
    pub in_flight: usize,
    /// Puts that failed and were, or will be, repeated.
    pub failed_puts: usize,
}

/// Records on their way into a stream.
#[derive(Debug)]
pub struct Lanes {
    sizes: Vec<usize>,
    key_of: Vec<usize>,
    lanes: Vec<Lane>,
    ready: VecDeque<usize>,
    delayed: BinaryHeap<Reverse<(Duration, usize)>>,
    counts: Counts,
}

/// What is left to put under one partition key.
#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Position>,
    failures_in_a_row: u32,
}

impl Lanes {
    /// Takes the records in the order in which each key's are to arrive: their keys and their sizes in bytes, key included.
    pub fn new<'k>(records: impl IntoIterator<Item = (&'k PartitionKey, usize)>) -> Self {
        let mut lanes: Vec<Lane> = Vec::new();
        let mut known: HashMap<&PartitionKey, usize> = HashMap::new();
        let (mut sizes, mut key_of) = (Vec::new(), Vec::new());
        for (position, (key, size)) in records.into_iter().enumerate() {
            let lane = *known.entry(key).or_insert_with(|| {
                lanes.push(Lane::default());
                lanes.len() - 1
            });
            lanes[lane].waiting.push_back(position);
            sizes.push(size);
            key_of.push(lane);
        }
        let counts = Counts { waiting: sizes.len(), ..Counts::default() };
        Self { sizes, key_of, ready: (0..lanes.len()).collect(), lanes, delayed: BinaryHeap::new(), counts }
    }

    /// The counts as they are now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether every record is acknowledged or impossible.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.counts.waiting == 0 && self.counts.in_flight == 0
    }

    /// The next records to put, at most one of a key; empty when nothing may be put before an answer or [`Self::next_retry`].
    pub fn next_batch(&mut self, now: Duration) -> Vec<Position> {
        while let Some(Reverse((at, lane))) = self.delayed.peek().copied() {
            if at > now {
                break;
            }
            self.delayed.pop();
            self.ready.push_back(lane);
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(lane) = self.ready.pop_front() {
            let Some(position) = self.lanes[lane].waiting.front().copied() else {
                continue;
            };
            let fits = batch.is_empty() || (batch.len() < MAX_BATCH_RECORDS && bytes + self.sizes[position] <= MAX_BATCH_BYTES);
            if !fits {
                self.ready.push_front(lane);
                break;
            }
            self.lanes[lane].waiting.pop_front();
            bytes += self.sizes[position];
            batch.push(position);
        }
        self.counts.waiting -= batch.len();
        self.counts.in_flight += batch.len();
        batch
    }

    /// When the next failed record may be put again.
    #[must_use]
    pub fn next_retry(&self) -> Option<Duration> {
        self.delayed.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes what became of a record that was handed out. `jitter` is a random number from 0 to 1: failed records wait that part
    /// of a delay that doubles with each failure in a row.
    pub fn settle(&mut self, position: Position, result: &PutResult, now: Duration, jitter: f64) {
        let lane_number = self.key_of[position];
        let lane = &mut self.lanes[lane_number];
        self.counts.in_flight -= 1;
        match result {
            PutResult::Acknowledged => self.counts.acknowledged += 1,
            PutResult::Impossible => self.counts.impossible += 1,
            PutResult::Failed => {
                let delay = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(lane.failures_in_a_row)).min(LONGEST_DELAY);
                lane.failures_in_a_row = lane.failures_in_a_row.saturating_add(1);
                lane.waiting.push_front(position);
                self.counts.failed_puts += 1;
                self.counts.waiting += 1;
                self.delayed.push(Reverse((now + delay.mul_f64(jitter.clamp(0.0, 1.0)), lane_number)));
                return;
            }
        }
        lane.failures_in_a_row = 0;
        if !lane.waiting.is_empty() {
            self.ready.push_back(lane_number);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lanes_of(keys: &[u8], size: usize) -> Lanes {
        let keys: Vec<PartitionKey> = keys.iter().map(|key| PartitionKey::new(key.to_string())).collect();
        Lanes::new(keys.iter().map(|key| (key, size)))
    }

    #[test]
    fn a_batch_holds_a_key_once_and_the_next_waits_for_the_answer() {
        let mut lanes = lanes_of(&[1, 1, 2], 10);
        assert_eq!(lanes.next_batch(Duration::ZERO), [0, 2]);
        assert!(lanes.next_batch(Duration::ZERO).is_empty());
        lanes.settle(0, &PutResult::Acknowledged, Duration::ZERO, 0.0);
        assert_eq!(lanes.next_batch(Duration::ZERO), [1]);
    }

    #[test]
    fn batches_keep_both_limits() {
        let keys: Vec<u8> = (0..=255).collect();
        let mut lanes = lanes_of(&keys, MAX_BATCH_BYTES / 10);
        assert_eq!(lanes.next_batch(Duration::ZERO).len(), 10);
        let keys: Vec<PartitionKey> = (0..600).map(|key| PartitionKey::new(format!("cust-{key}"))).collect();
        let mut lanes = Lanes::new(keys.iter().map(|key| (key, 1)));
        assert_eq!(lanes.next_batch(Duration::ZERO).len(), MAX_BATCH_RECORDS);
        assert_eq!(lanes.next_batch(Duration::ZERO).len(), 100);
    }

    #[test]
    fn a_record_above_the_batch_limit_goes_alone() {
        let mut lanes = lanes_of(&[1, 2], MAX_BATCH_BYTES + 1);
        assert_eq!(lanes.next_batch(Duration::ZERO), [0]);
        assert_eq!(lanes.next_batch(Duration::ZERO), [1]);
    }

    #[test]
    fn a_failed_record_waits_and_only_its_own_key_with_it() {
        let mut lanes = lanes_of(&[1, 1, 2, 2], 10);
        assert_eq!(lanes.next_batch(Duration::ZERO), [0, 2]);
        lanes.settle(0, &PutResult::Failed, Duration::ZERO, 1.0);
        lanes.settle(2, &PutResult::Acknowledged, Duration::ZERO, 1.0);
        assert_eq!(lanes.next_batch(Duration::ZERO), [3]);
        assert_eq!(lanes.next_retry(), Some(FIRST_DELAY));
        assert_eq!(lanes.next_batch(FIRST_DELAY), [0]);
    }

    proptest! {
        /// Batches are answered out of order, and each record fails, succeeds or proves impossible as `fate` says.
        #[test]
        fn whatever_fails_nothing_is_lost_repeated_or_overtaken(
            keys in proptest::collection::vec(0..6_u8, 0..120),
            fate in proptest::collection::vec((0..10_u8, 0..4_usize), 1..200),
        ) {
            let mut lanes = lanes_of(&keys, 1024 * 1024);
            let mut fates = fate.iter().cycle();
            let mut now = Duration::ZERO;
            let mut in_flight: Vec<Vec<Position>> = Vec::new();
            let mut settled: Vec<Position> = Vec::new();
            let mut rounds = 0;
            while !lanes.is_done() {
                rounds += 1;
                // A fate of nothing but failures never ends; the rest of such a run succeeds.
                let always_succeeds = rounds > 400;
                let batch = lanes.next_batch(now);
                if batch.is_empty() && in_flight.is_empty() {
                    now = lanes.next_retry().unwrap();
                    continue;
                }
                if !batch.is_empty() {
                    in_flight.push(batch);
                }
                let (_, pick) = fates.next().unwrap();
                let answered = in_flight.swap_remove(pick % in_flight.len());
                for position in answered {
                    let result = match fates.next().unwrap().0 {
                        0..=4 if !always_succeeds => PutResult::Failed,
                        5 if !always_succeeds => PutResult::Impossible,
                        _ => PutResult::Acknowledged,
                    };
                    if result != PutResult::Failed {
                        settled.push(position);
                    }
                    lanes.settle(position, &result, now, 0.5);
                }
                let counts = lanes.counts();
                prop_assert_eq!(counts.acknowledged + counts.impossible + counts.waiting + counts.in_flight, keys.len());
            }
            let mut each_once = settled.clone();
            each_once.sort_unstable();
            prop_assert_eq!(each_once, (0..keys.len()).collect::<Vec<_>>());
            for key in 0..6 {
                let of_key: Vec<Position> = settled.iter().copied().filter(|position| keys[*position] == key).collect();
                prop_assert!(of_key.is_sorted(), "key {} arrived as {:?}", key, of_key);
            }
        }
    }
}
