use super::*;
use crate::domain::replay::hash_key::tests::even;
use proptest::prelude::*;
use std::collections::BTreeMap;

const FREE: LaneOptions = LaneOptions { sequence: Sequence::OfKey, rate: Rate::Unlimited, schedule: None };

fn record(position: Position, key: u64, bytes: u64) -> QueuedRecord {
    // Keys lie all over the shards.
    let hash = HashKey(key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    QueuedRecord { position, record: position, key, hash, bytes, arrived: i64::try_from(position).unwrap() * 1_000 }
}

fn lanes_of(options: LaneOptions, keys: &[u64], bytes: u64) -> Lanes {
    let mut lanes = Lanes::new(options, even(1), Duration::ZERO);
    lanes.feed((0..).zip(keys).map(|(position, key)| record(position, *key, bytes)));
    lanes
}

fn next(lanes: &mut Lanes, now: Duration) -> (BatchId, Vec<Position>) {
    let batch = lanes.next_batch(now).unwrap();
    (batch.id, batch.records.iter().map(|record| record.position).collect())
}

fn settle(lanes: &mut Lanes, batch: BatchId, results: &[PutResult], now: Duration) {
    lanes.settle(batch, results, now, || 1.0);
}

#[test]
fn a_batch_holds_a_key_once_and_the_next_waits_until_it_is_settled() {
    let mut lanes = lanes_of(FREE, &[1, 1, 2], 10);
    let (first, positions) = next(&mut lanes, Duration::ZERO);
    assert_eq!(positions, [0, 2]);
    assert_eq!(lanes.next_batch(Duration::ZERO), None);
    assert_eq!(lanes.wakes_at(), None, "only an answer helps");
    settle(&mut lanes, first, &[PutResult::Acknowledged; 2], Duration::ZERO);
    assert_eq!(next(&mut lanes, Duration::ZERO).1, [1]);
}

#[test]
fn a_pause_between_two_arrivals_is_known_with_its_end() {
    let schedule = Some(Schedule { first_arrival: 0, begins: Duration::ZERO, factor: 2.0 });
    let mut lanes = lanes_of(LaneOptions { schedule, ..FREE }, &[1, 2], 10);
    lanes.feed([QueuedRecord { arrived: 100_000, ..record(2, 3, 10) }]);
    assert_eq!(lanes.waits_for(Duration::ZERO), None, "the first one goes at once");
    let now = Duration::from_secs(1);
    let (first, positions) = next(&mut lanes, now);
    assert_eq!(positions, [0, 1]);
    assert_eq!(lanes.waits_for(now), None, "an answer is waited for");
    settle(&mut lanes, first, &[PutResult::Acknowledged; 2], now);
    assert_eq!(lanes.waits_for(now), Some((Duration::from_secs(50), 100_000)));
}

#[test]
fn without_an_order_calls_are_full_of_one_key() {
    let mut lanes = lanes_of(LaneOptions { sequence: Sequence::None, ..FREE }, &[1; 700], 10);
    assert_eq!(next(&mut lanes, Duration::ZERO).1, (0..500).collect::<Vec<_>>());
    assert_eq!(next(&mut lanes, Duration::ZERO).1, (500..700).collect::<Vec<_>>());
}

#[test]
fn batches_keep_both_limits() {
    let keys: Vec<u64> = (0..600).collect();
    let mut lanes = lanes_of(FREE, &keys, MAX_BATCH_BYTES / 10);
    assert_eq!(next(&mut lanes, Duration::ZERO).1.len(), 10);
    let mut lanes = lanes_of(FREE, &keys, 1);
    assert_eq!(next(&mut lanes, Duration::ZERO).1.len(), MAX_BATCH_RECORDS);
    assert_eq!(next(&mut lanes, Duration::ZERO).1.len(), 100);
    let mut lanes = lanes_of(FREE, &keys, MAX_BATCH_BYTES + 1);
    assert_eq!(next(&mut lanes, Duration::ZERO).1, [0], "what is larger goes alone");
}

#[test]
fn a_failed_record_waits_and_only_its_own_key_with_it() {
    let mut lanes = lanes_of(FREE, &[1, 1, 2, 2], 10);
    let (first, _) = next(&mut lanes, Duration::ZERO);
    settle(&mut lanes, first, &[PutResult::Failed, PutResult::Acknowledged], Duration::ZERO);
    assert_eq!(next(&mut lanes, Duration::ZERO).1, [3]);
    assert_eq!(lanes.wakes_at(), Some(FIRST_DELAY));
    assert_eq!(next(&mut lanes, FIRST_DELAY).1, [0]);
}

#[test]
fn a_throttled_shard_waits_and_the_others_go_on() {
    let mut lanes = Lanes::new(FREE, even(2), Duration::ZERO);
    let of = |position, hash| QueuedRecord { hash: HashKey(hash), ..record(position, position, 10) };
    lanes.feed([of(0, 0), of(1, u64::MAX), of(2, 0), of(3, u64::MAX)]);
    let (first, positions) = next(&mut lanes, Duration::ZERO);
    assert_eq!(positions.len(), 4);
    let results: Vec<PutResult> =
        positions.iter().map(|position| if position % 2 == 0 { PutResult::Throttled } else { PutResult::Acknowledged }).collect();
    settle(&mut lanes, first, &results, Duration::ZERO);
    lanes.feed([of(4, 0), of(5, u64::MAX)]);
    assert_eq!(next(&mut lanes, Duration::ZERO).1, [5]);
    let paused: Vec<bool> = lanes.status(Duration::ZERO).iter().map(|lane| !lane.paused_for.is_zero()).collect();
    assert_eq!(paused, [true, false]);
    assert_eq!(lanes.wakes_at(), Some(FIRST_DELAY));
    assert_eq!(next(&mut lanes, FIRST_DELAY).1, [0, 2, 4]);
}

#[test]
fn a_call_that_fails_as_a_whole_holds_everything_back_and_longer_each_time() {
    let mut lanes = lanes_of(FREE, &(0..1_000).collect::<Vec<_>>(), 10);
    let (first, second) = (next(&mut lanes, Duration::ZERO).0, next(&mut lanes, Duration::ZERO).0);
    let now = Duration::from_secs(1);
    lanes.call_failed(first, now, 1.0);
    lanes.call_failed(second, now, 1.0);
    assert_eq!(lanes.wakes_at(), Some(now + FIRST_DELAY), "both were on their way at the same time");
    assert_eq!(lanes.next_batch(now), None);
    let (third, positions) = next(&mut lanes, now + FIRST_DELAY);
    assert_eq!(positions, (0..500).collect::<Vec<_>>());
    lanes.call_failed(third, now + FIRST_DELAY, 1.0);
    assert_eq!(lanes.wakes_at(), Some(now + 3 * FIRST_DELAY));
}

#[test]
fn a_paced_lane_sends_what_its_rate_allows_in_few_calls() {
    let keys: Vec<u64> = (0..5_000).collect();
    let mut lanes = lanes_of(LaneOptions { rate: Rate::Share(50), ..FREE }, &keys, 300);
    let (mut now, mut sent, mut calls) = (Duration::ZERO, 0, 0);
    while now < Duration::from_secs(4) {
        while let Some(batch) = lanes.next_batch(now) {
            sent += batch.records.len();
            calls += 1;
            settle(&mut lanes, batch.id, &vec![PutResult::Acknowledged; batch.records.len()], now);
        }
        now = lanes.wakes_at().unwrap();
    }
    assert!((1_990..=2_110).contains(&sent), "{sent} records in 4 s");
    assert!(calls <= 30, "{calls} calls for {sent} records");
}

#[test]
fn at_full_rate_a_shard_gets_nearly_all_it_takes_though_one_wakes_late() {
    let keys: Vec<u64> = (0..40_000).collect();
    let mut lanes = lanes_of(LaneOptions { rate: Rate::Share(100), ..FREE }, &keys, 300);
    let (mut now, mut sent) = (Duration::ZERO, Vec::new());
    while now < Duration::from_secs(30) {
        while let Some(batch) = lanes.next_batch(now) {
            sent.extend(batch.records.iter().map(|_| now));
            settle(&mut lanes, batch.id, &vec![PutResult::Acknowledged; batch.records.len()], now);
        }
        // As late as a timer may be on a busy machine.
        now = lanes.wakes_at().unwrap() + Duration::from_millis(5);
    }
    assert!(sent.len() >= 28_500, "{} records in 30 s", sent.len());
    for (first, at) in sent.iter().enumerate() {
        let within = sent[first..].iter().take_while(|later| **later - *at < Duration::from_secs(1)).count();
        assert!(within <= 1_000, "{within} in a second");
    }
}

#[test]
fn a_rate_in_all_holds_over_all_lanes() {
    let keys: Vec<u64> = (0..5_000).collect();
    let mut lanes = Lanes::new(LaneOptions { rate: "100/s".parse().unwrap(), ..FREE }, even(4), Duration::ZERO);
    lanes.feed((0..).zip(&keys).map(|(position, key)| record(position, *key, 300)));
    let (mut now, mut sent, mut calls) = (Duration::ZERO, 0, 0);
    while now < Duration::from_secs(10) {
        while let Some(batch) = lanes.next_batch(now) {
            calls += 1;
            sent += batch.records.len();
            settle(&mut lanes, batch.id, &vec![PutResult::Acknowledged; batch.records.len()], now);
        }
        now = lanes.wakes_at().unwrap();
    }
    assert!((985..=1_025).contains(&sent), "{sent} records in 10 s");
    assert!(calls <= 80, "{calls} calls for {sent} records");
    let each: Vec<u64> = lanes.status(now).iter().map(|lane| lane.acknowledged).collect();
    assert!(each.iter().all(|lane| *lane >= 150), "no lane waits for another: {each:?}");
}

#[test]
fn a_replay_as_recorded_keeps_the_pauses() {
    let schedule = Schedule { first_arrival: 0, begins: Duration::from_secs(1), factor: 2.0 };
    let mut lanes = lanes_of(LaneOptions { schedule: Some(schedule), ..FREE }, &[1, 2, 3], 10);
    assert_eq!(lanes.next_batch(Duration::ZERO), None);
    assert_eq!(lanes.wakes_at(), Some(Duration::from_secs(1)));
    assert_eq!(next(&mut lanes, Duration::from_secs(1)).1, [0]);
    assert_eq!(lanes.wakes_at(), Some(Duration::from_millis(1_500)));
    assert_eq!(next(&mut lanes, Duration::from_secs(9)).1, [1, 2]);
}

/// What happens to a batch, to a record, and when.
#[derive(Clone, Copy, Debug)]
struct Fate {
    call: u8,
    record: u8,
    pick: usize,
    shards: u32,
    wait: u64,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = (0..12_u8, 0..10_u8, 0..6_usize, 1..9_u32, 0..400_u64);
    let fate = fate.prop_map(|(call, record, pick, shards, wait)| Fate { call, record, pick, shards, wait });
    proptest::collection::vec(fate, 1..200)
}

proptest! {
    /// Batches are answered late and out of order, whole or in part, while the stream is resharded and more records are fed; each
    /// record fails, is throttled, succeeds or proves impossible as its fate says.
    #[test]
    fn whatever_fails_nothing_is_lost_repeated_or_overtaken(
        keys in proptest::collection::vec(0..6_u64, 0..150),
        fates in fates(),
        percent in proptest::option::of(1..=100_u8),
        is_in_order: bool,
        is_as_recorded: bool,
    ) {
        let rate = percent.map_or(Rate::Unlimited, Rate::Share);
        let sequence = if is_in_order { Sequence::OfKey } else { Sequence::None };
        let schedule = is_as_recorded.then_some(Schedule { first_arrival: 0, begins: Duration::ZERO, factor: 50.0 });
        let mut lanes = Lanes::new(LaneOptions { sequence, rate, schedule }, even(3), Duration::ZERO);
        let mut unfed = (0..).zip(&keys).map(|(position, key)| record(position, *key, 256 * 1024)).collect::<VecDeque<_>>();
        let mut fates = fates.iter().cycle();
        let mut now = Duration::ZERO;
        let mut in_flight: Vec<Batch> = Vec::new();
        let mut settled: Vec<Position> = Vec::new();
        let mut rounds = 0;
        while !(unfed.is_empty() && lanes.is_empty()) {
            rounds += 1;
            // A fate of nothing but failures never ends; the rest of such a run succeeds.
            let is_over = rounds > 1_500;
            let fate = fates.next().unwrap();
            lanes.feed(unfed.drain(..unfed.len().min(fate.pick * 5 + usize::from(is_over))));
            if fate.call == 11 {
                lanes.reshard(even(fate.shards), now);
            }
            match lanes.next_batch(now) {
                Some(batch) => in_flight.push(batch),
                None if in_flight.is_empty() => match lanes.wakes_at() {
                    Some(at) => now = now.max(at),
                    None => {
                        prop_assert!(!unfed.is_empty() || lanes.is_empty(), "it would wait for ever");
                        let batch = unfed.pop_front();
                        lanes.feed(batch);
                    }
                },
                None => {}
            }
            now += Duration::from_millis(fate.wait);
            // Nor may one of nothing but late answers.
            if in_flight.is_empty() || (in_flight.len() < 4 && fate.pick == 0 && !is_over) {
                continue;
            }
            let answered = in_flight.swap_remove(fate.pick % in_flight.len());
            let mut each: Vec<u64> = answered.records.iter().map(|record| record.key).collect();
            each.sort_unstable();
            prop_assert!(!is_in_order || each.windows(2).all(|pair| pair[0] != pair[1]), "a key is there twice");
            if fate.call < 2 && !is_over {
                lanes.call_failed(answered.id, now, 0.5);
                continue;
            }
            let results: Vec<PutResult> = answered.records.iter().map(|_| match fates.next().unwrap().record {
                0..=2 if !is_over => PutResult::Failed,
                3..=4 if !is_over => PutResult::Throttled,
                5 if !is_over => PutResult::Impossible,
                _ => PutResult::Acknowledged,
            }).collect();
            let is_settled = |result: &PutResult| matches!(result, PutResult::Acknowledged | PutResult::Impossible);
            settled.extend(answered.records.iter().zip(&results).filter(|(_, result)| is_settled(result)).map(|(record, _)| record.position));
            lanes.settle(answered.id, &results, now, || 0.5);
            let counts = lanes.counts();
            let known = counts.acknowledged + counts.impossible + counts.waiting + counts.in_flight;
            prop_assert_eq!(known, (keys.len() - unfed.len()) as u64);
        }
        let mut each_once = settled.clone();
        each_once.sort_unstable();
        prop_assert_eq!(each_once, (0..keys.len() as u64).collect::<Vec<_>>());
        let mut of_key: BTreeMap<u64, Vec<Position>> = BTreeMap::new();
        for position in settled {
            of_key.entry(keys[usize::try_from(position).unwrap()]).or_default().push(position);
        }
        for (key, positions) in of_key {
            prop_assert!(!is_in_order || positions.is_sorted(), "key {} arrived as {:?}", key, positions);
        }
    }
}
