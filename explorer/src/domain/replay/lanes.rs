//! The order in which records are sent, and what becomes of each: one lane for each shard of the target, each with its own pace. It knows
//! no network, no file, no screen and no clock: its caller passes in records, the time, the shards and the results of batches, and gets
//! batches to send.
//!
//! With [`Sequence::OfKey`], a partition key has at most one record in flight. So whatever fails, and in whatever order answers come, no
//! record of a key is sent before the previous one of that key is settled.

mod lane;

use super::hash_key::{HashKey, ShardMap, TargetShard};
use super::pace::{Rate, TokenBucket};
use super::timing::Schedule;
#[cfg(test)]
use lane::FIRST_DELAY;
use lane::{Lane, Pause, delay};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

/// Records one PutRecords call accepts. Source: Kinesis API reference, PutRecords.
pub const MAX_BATCH_RECORDS: usize = 500;
/// Bytes, keys included, put in one call. PutRecords accepts 10 MiB; half of it keeps a failed call cheap to repeat. A single larger
/// record goes alone. Source: Kinesis API reference, PutRecords.
pub const MAX_BATCH_BYTES: u64 = 5 * 1024 * 1024;
/// Time between two batches of a replay as recorded: records that become due meanwhile are sent together.
const SCHEDULE_INTERVAL: Duration = Duration::from_millis(50);
/// Records that wait in memory, over all lanes.
const MOST_WAITING: usize = 24 * 1024;
/// Bounds for the records that wait in one lane, so that there are enough keys to fill a batch.
const MOST_IN_LANE: usize = 16 * 1024;
const FEWEST_IN_LANE: usize = 1_000;

/// A record's place in the plan, which is the order in which each key's records must arrive.
pub type Position = u64;

/// A record to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueuedRecord {
    /// Its place in the plan.
    pub position: Position,
    /// Its id in the plan; it has no meaning here.
    pub record: u64,
    /// A hash of its partition key. Two keys with the same hash merely wait for each other.
    pub key: u64,
    /// What decides its shard.
    pub hash: HashKey,
    /// Bytes as it is sent, including the key.
    pub bytes: u64,
    /// When it arrived, in epoch milliseconds; never before an earlier one of its shard.
    pub arrived: i64,
}

/// Which order to keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// Records of a partition key arrive in their order.
    #[default]
    OfKey,
    /// No order, so calls are full.
    None,
}

impl Sequence {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OfKey => "key",
            Self::None => "none",
        }
    }
}

/// How to send records.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaneOptions {
    /// Which order to keep.
    pub sequence: Sequence,
    /// How fast.
    pub rate: Rate,
    /// When to send, if the replay keeps the recorded pauses.
    pub schedule: Option<Schedule>,
}

/// A batch that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId(pub u64);

/// Records to send with one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Its id, for the result.
    pub id: BatchId,
    pub records: Vec<QueuedRecord>,
}

/// What became of one record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutResult {
    /// The stream has it.
    Acknowledged,
    /// Its shard is at its limit: the lane waits.
    Throttled,
    /// The stream did not take it now: it is retried, and only its own key waits.
    Failed,
    /// The stream can never take it; it is skipped and listed.
    Impossible,
}

/// Counts of the records in the lanes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The stream has them.
    pub acknowledged: u64,
    /// They can never be sent.
    pub impossible: u64,
    /// In memory, not sent yet or to be retried.
    pub waiting: u64,
    /// Handed out, not settled yet.
    pub in_flight: u64,
    /// Puts of single records that a shard throttled.
    pub throttled_puts: u64,
    /// Puts of single records that failed for another reason.
    pub failed_puts: u64,
}

/// The status of one lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneStatus {
    pub shard: String,
    /// Records it has got.
    pub acknowledged: u64,
    /// Puts that it throttled.
    pub throttled: u64,
    /// How long it still waits because of that.
    pub paused_for: Duration,
}

/// Records on their way into a stream.
#[derive(Debug)]
pub struct Lanes {
    options: LaneOptions,
    target: ShardLanes,
    keys: HashMap<u64, Key>,
    in_flight: HashMap<BatchId, InFlight>,
    in_all: Option<TokenBucket>,
    /// Keys that wait after a failure.
    delayed: BinaryHeap<Reverse<(Duration, u64)>>,
    /// After calls that failed as a whole nothing is sent for a while.
    pause: Pause,
    next_batch_at: Duration,
    first_lane: usize,
    batches: u64,
    counts: Counts,
}

/// What is left to send for one partition key.
#[derive(Debug, Default)]
struct Key {
    waiting: VecDeque<QueuedRecord>,
    is_in_flight: bool,
    is_delayed: bool,
    failures_in_a_row: u32,
}

/// The shards that records go into, with a lane into each.
#[derive(Debug)]
struct ShardLanes {
    shards: ShardMap,
    lanes: Vec<Lane>,
}

impl ShardLanes {
    fn lane_of(&mut self, record: &QueuedRecord) -> Option<&mut Lane> {
        self.lanes.get_mut(self.shards.place_of(record.hash))
    }

    /// Counts a record that waits in its lane.
    fn add_waiting(&mut self, record: &QueuedRecord) {
        if let Some(lane) = self.lane_of(record) {
            lane.waiting += 1;
        }
    }

    /// Releases a record that is the next of its key.
    fn make_ready(&mut self, record: &QueuedRecord, key: u64) {
        if let Some(lane) = self.lane_of(record) {
            lane.ready.push(Reverse((record.position, key)));
        }
    }

    /// Takes other shards. Lanes into those that stay keep their pace, and are empty until they are filled again.
    fn reshard(&mut self, shards: ShardMap, rate: Rate, now: Duration) {
        let before = self.shards.shards().iter().map(|shard| shard.id.clone()).zip(self.lanes.drain(..));
        let mut known: HashMap<String, Lane> = before.collect();
        let lane = |shard: &TargetShard| match known.remove(&shard.id) {
            Some(lane) => Lane { ready: BinaryHeap::new(), waiting: 0, ..lane },
            None => Lane::new(rate, now),
        };
        self.lanes = shards.shards().iter().map(lane).collect();
        self.shards = shards;
    }
}

#[derive(Debug)]
struct InFlight {
    records: Vec<QueuedRecord>,
    sent_at: Duration,
}

#[allow(clippy::cast_precision_loss, reason = "counts of records in memory are far below 2^52")]
impl Lanes {
    /// Empty lanes into these shards.
    #[must_use]
    pub fn new(options: LaneOptions, shards: ShardMap, now: Duration) -> Self {
        let target = ShardLanes { lanes: shards.shards().iter().map(|_| Lane::new(options.rate, now)).collect(), shards };
        let in_all = options.rate.records_in_all().map(|per_second| TokenBucket::new(per_second, f64::INFINITY, now));
        Self {
            options,
            target,
            keys: HashMap::new(),
            in_flight: HashMap::new(),
            in_all,
            delayed: BinaryHeap::new(),
            pause: Pause::default(),
            next_batch_at: Duration::ZERO,
            first_lane: 0,
            batches: 0,
            counts: Counts::default(),
        }
    }

    /// The shards that the lanes lead into.
    #[must_use]
    pub fn shards(&self) -> &ShardMap {
        &self.target.shards
    }

    /// The counts as they are now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether nothing waits and nothing is in flight.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.waiting == 0 && self.counts.in_flight == 0
    }

    /// The status of each lane.
    #[must_use]
    pub fn status(&self, now: Duration) -> Vec<LaneStatus> {
        let lanes = self.target.shards.shards().iter().zip(&self.target.lanes);
        let status = |(shard, lane): (&TargetShard, &Lane)| LaneStatus {
            shard: shard.id.clone(),
            acknowledged: lane.acknowledged,
            throttled: lane.throttled,
            paused_for: lane.pause.until.saturating_sub(now),
        };
        lanes.map(status).collect()
    }

    /// How many records to feed to the lane of this shard; none while it has enough.
    #[must_use]
    pub fn room(&self, place: usize) -> usize {
        let most = (MOST_WAITING / self.target.lanes.len().max(1)).clamp(FEWEST_IN_LANE, MOST_IN_LANE);
        let waiting = self.target.lanes.get(place).map_or(usize::MAX, |lane| lane.waiting);
        // Half of it, so that feeding brings many at a time.
        if waiting > most / 2 { 0 } else { most - waiting }
    }

    /// Takes records. Those of one key must come in the order in which they must arrive.
    pub fn feed(&mut self, records: impl IntoIterator<Item = QueuedRecord>) {
        for record in records {
            let number = self.key_of(&record);
            let key = self.keys.entry(number).or_default();
            let is_first = key.waiting.is_empty() && !key.is_in_flight && !key.is_delayed;
            key.waiting.push_back(record);
            self.target.add_waiting(&record);
            if is_first {
                self.target.make_ready(&record, number);
            }
            self.counts.waiting += 1;
        }
    }

    /// Moves unsent records to these shards after the target was resharded. Records in flight are settled as before.
    pub fn reshard(&mut self, shards: ShardMap, now: Duration) {
        self.target.reshard(shards, self.options.rate, now);
        for (number, key) in &self.keys {
            key.waiting.iter().for_each(|record| self.target.add_waiting(record));
            if let Some(head) = key.waiting.front().filter(|_| !key.is_in_flight && !key.is_delayed) {
                self.target.make_ready(head, *number);
            }
        }
    }

    /// The next records to send; `None` if nothing may be sent before a batch is settled, more is fed, or [`Self::wakes_at`].
    pub fn next_batch(&mut self, now: Duration) -> Option<Batch> {
        self.end_delays(now);
        if now < self.pause.until || now < self.next_batch_at {
            return None;
        }
        let ready = self.ready();
        if self.in_all.as_mut().is_some_and(|bucket| !bucket.allows(bucket.worthwhile(ready), now)) {
            return None;
        }
        let mut records = Vec::new();
        let mut bytes = 0;
        let lanes = self.target.lanes.len();
        for step in 0..lanes {
            let place = (self.first_lane + step) % lanes;
            if !self.fill(place, now, &mut records, &mut bytes) {
                // The next call starts after the lane that filled this one, so that no lane starves the others.
                self.first_lane = (place + 1) % lanes;
                break;
            }
        }
        if records.is_empty() {
            return None;
        }
        if self.options.schedule.is_some() && records.len() < MAX_BATCH_RECORDS && bytes < MAX_BATCH_BYTES {
            self.next_batch_at = now + SCHEDULE_INTERVAL;
        }
        self.counts.waiting -= records.len() as u64;
        self.counts.in_flight += records.len() as u64;
        self.batches += 1;
        let id = BatchId(self.batches);
        self.in_flight.insert(id, InFlight { records: records.clone(), sent_at: now });
        Some(Batch { id, records })
    }

    /// Puts what a lane may send into the batch; false when the batch is full.
    fn fill(&mut self, place: usize, now: Duration, records: &mut Vec<QueuedRecord>, bytes: &mut u64) -> bool {
        let Some(lane) = self.target.lanes.get_mut(place) else {
            return true;
        };
        if lane.pause.until > now || (self.options.schedule.is_none() && !lane.is_worth_it(now)) {
            return true;
        }
        while let Some(Reverse((_, number))) = lane.ready.peek().copied() {
            let Some(key) = self.keys.get_mut(&number) else {
                lane.ready.pop();
                continue;
            };
            let Some(head) = key.waiting.front().copied() else {
                lane.ready.pop();
                continue;
            };
            let is_due = self.options.schedule.is_none_or(|schedule| schedule.due(head.arrived) <= now);
            if !is_due || !lane.allows(head.bytes, now) {
                return true;
            }
            let fits = records.is_empty() || (records.len() < MAX_BATCH_RECORDS && *bytes + head.bytes <= MAX_BATCH_BYTES);
            let is_allowed = self.in_all.as_mut().is_none_or(|bucket| bucket.allows(1.0, now));
            if !fits || !is_allowed {
                return false;
            }
            lane.ready.pop();
            lane.take(head.bytes);
            lane.waiting -= 1;
            if let Some(bucket) = &mut self.in_all {
                bucket.take(1.0);
            }
            key.waiting.pop_front();
            key.is_in_flight = true;
            *bytes += head.bytes;
            records.push(head);
        }
        true
    }

    /// Records that only the pace holds back.
    fn ready(&self) -> f64 {
        self.target.lanes.iter().map(|lane| lane.ready.len()).sum::<usize>() as f64
    }

    /// When the next batch can be had without anything else happening; `None` where there is nothing to wait for.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        let in_all = self.in_all.map_or(Duration::ZERO, |bucket| bucket.allows_at(bucket.worthwhile(self.ready())));
        let of_lane = |lane: &Lane| {
            let Reverse((_, number)) = lane.ready.peek()?;
            let head = self.keys.get(number)?.waiting.front()?;
            let due = self.options.schedule.map_or(Duration::ZERO, |schedule| schedule.due(head.arrived));
            let together = if self.options.schedule.is_some() { 1 } else { lane.ready.len() };
            let allowed = lane.allows_at(together, head.bytes);
            Some(lane.pause.until.max(allowed).max(due).max(in_all))
        };
        let delayed = self.delayed.peek().map(|Reverse((at, _))| *at);
        let next = self.target.lanes.iter().filter_map(of_lane).chain(delayed).min()?;
        Some(next.max(self.pause.until).max(self.next_batch_at))
    }

    /// When the next record is due and when it arrived, if the recorded pauses hold everything back until then.
    #[must_use]
    pub fn waits_for(&self, now: Duration) -> Option<(Duration, i64)> {
        let schedule = self.options.schedule?;
        let of_lane = |lane: &Lane| {
            let Reverse((_, number)) = lane.ready.peek()?;
            let head = self.keys.get(number)?.waiting.front()?;
            Some((schedule.due(head.arrived), head.arrived))
        };
        let next = self.target.lanes.iter().filter_map(of_lane).min()?;
        (next.0 > now && self.counts.in_flight == 0).then_some(next)
    }

    /// Takes the results of a batch, in the order of its records. `jitter` returns random numbers from 0 to 1 for the waits.
    pub fn settle(&mut self, batch: BatchId, results: &[PutResult], now: Duration, mut jitter: impl FnMut() -> f64) {
        let Some(InFlight { records, sent_at }) = self.in_flight.remove(&batch) else {
            return;
        };
        self.pause.end(sent_at);
        // A record without a result counts as not taken.
        let results = results.iter().copied().chain(std::iter::repeat(PutResult::Failed));
        let mut throttled = vec![];
        for (record, result) in records.into_iter().zip(results) {
            let place = self.target.shards.place_of(record.hash);
            self.counts.in_flight -= 1;
            match result {
                PutResult::Acknowledged => {
                    self.counts.acknowledged += 1;
                    if let Some(lane) = self.target.lanes.get_mut(place) {
                        lane.acknowledged += 1;
                        lane.pause.end(sent_at);
                    }
                    self.go_on(&record);
                }
                PutResult::Impossible => {
                    self.counts.impossible += 1;
                    self.go_on(&record);
                }
                PutResult::Throttled => {
                    self.counts.throttled_puts += 1;
                    if let Some(lane) = self.target.lanes.get_mut(place) {
                        lane.throttled += 1;
                    }
                    throttled.push(place);
                    self.put_back(record, None);
                }
                PutResult::Failed => {
                    self.counts.failed_puts += 1;
                    self.put_back(record, Some((now, jitter())));
                }
            }
        }
        throttled.sort_unstable();
        throttled.dedup();
        for place in throttled {
            if let Some(lane) = self.target.lanes.get_mut(place) {
                lane.pause.begin(sent_at, now, jitter());
            }
        }
    }

    /// Notes that a call failed as a whole: nothing is sent for a while.
    pub fn call_failed(&mut self, batch: BatchId, now: Duration, jitter: f64) {
        let Some(InFlight { records, sent_at }) = self.in_flight.remove(&batch) else {
            return;
        };
        self.pause.begin(sent_at, now, jitter);
        for record in records {
            self.counts.in_flight -= 1;
            self.counts.failed_puts += 1;
            self.put_back(record, None);
        }
    }

    /// Continues with a key whose record is settled.
    fn go_on(&mut self, record: &QueuedRecord) {
        let number = self.key_of(record);
        let Some(key) = self.keys.get_mut(&number) else {
            return;
        };
        key.is_in_flight = false;
        key.failures_in_a_row = 0;
        match key.waiting.front() {
            Some(head) => self.target.make_ready(head, number),
            None => {
                self.keys.remove(&number);
            }
        }
    }

    /// Retries a record before all that follow it under its key, after a delay if there is one.
    fn put_back(&mut self, record: QueuedRecord, delayed: Option<(Duration, f64)>) {
        let number = self.key_of(&record);
        let key = self.keys.entry(number).or_default();
        key.is_in_flight = false;
        key.waiting.push_front(record);
        self.counts.waiting += 1;
        self.target.add_waiting(&record);
        match delayed {
            Some((now, jitter)) => {
                self.delayed.push(Reverse((now + delay(key.failures_in_a_row, jitter), number)));
                key.failures_in_a_row = key.failures_in_a_row.saturating_add(1);
                key.is_delayed = true;
            }
            None => self.target.make_ready(&record, number),
        }
    }

    fn end_delays(&mut self, now: Duration) {
        while let Some(Reverse((at, number))) = self.delayed.peek().copied() {
            if at > now {
                return;
            }
            self.delayed.pop();
            let Some(key) = self.keys.get_mut(&number) else {
                continue;
            };
            key.is_delayed = false;
            if let Some(head) = key.waiting.front() {
                self.target.make_ready(head, number);
            }
        }
    }

    /// What a record waits by: its key, or nothing but itself.
    fn key_of(&self, record: &QueuedRecord) -> u64 {
        match self.options.sequence {
            Sequence::OfKey => record.key,
            Sequence::None => record.position,
        }
    }
}

#[cfg(test)]
#[path = "lanes/tests.rs"]
#[allow(clippy::unwrap_used)]
mod tests;
