//! The order in which records are replayed: by sequence number within a shard; the shards merged by arrival time, where a record counts
//! no earlier than the one before it in its shard; and in any case by sequence number within a key, which moves from shard to shard
//! when shards are split or merged. Works on streams of entries, whatever their number.

use crate::domain::record::sequence_value::SequenceValue;
use archiver::format::record::ArrivalTime;
use jiff::{SignedDuration, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The time of an entry that has none.
pub const NO_TIME: i64 = i64::MIN;
/// How far the clocks of a stream and of this machine may be apart.
const CLOCKS_APART: SignedDuration = SignedDuration::from_hours(24);

/// When a record arrived, in epoch milliseconds; `None` if the time is missing, 0, or in the future, as milliseconds are when they are
/// read as seconds.
#[must_use]
pub fn time_of(arrival: Option<&ArrivalTime>, now: Timestamp) -> Option<i64> {
    let latest = now.as_millisecond().saturating_add(i64::try_from(CLOCKS_APART.as_millis()).unwrap_or(i64::MAX));
    arrival.and_then(ArrivalTime::milliseconds).filter(|milliseconds| (1..=latest).contains(milliseconds))
}

/// What decides a record's place, and what the queue keeps of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OrderEntry {
    /// The shard it came from, by the number this plan has for it.
    pub shard: u32,
    pub number: SequenceValue,
    /// Its place in an aggregated record.
    pub sub: u64,
    /// When it arrived, in epoch milliseconds, or [`NO_TIME`]; when it is in order, the arrival it counts by.
    pub arrived: i64,
    /// Its id in the plan.
    pub record: u64,
    /// The hash of its partition key.
    pub key: u64,
    /// What decides its shard in the target.
    pub hash: u64,
    /// Bytes as it is sent, including the key.
    pub bytes: u64,
    /// Whether the arrival it counts by is its neighbour's. Known when it is in order.
    pub lacks_time: bool,
}

/// A summary of all entries of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardFacts {
    least_number: SequenceValue,
    greatest_number: SequenceValue,
    least_key: u64,
    greatest_key: u64,
    last_arrival: i64,
    /// The first one that has a time, by its place.
    first_timed: Option<(OrderKey, i64)>,
}

impl ShardFacts {
    #[must_use]
    pub fn of(entry: &OrderEntry) -> Self {
        Self {
            least_number: entry.number,
            greatest_number: entry.number,
            least_key: entry.key,
            greatest_key: entry.key,
            last_arrival: entry.arrived,
            first_timed: (entry.arrived != NO_TIME).then(|| (order_key(entry), entry.arrived)),
        }
    }

    /// Takes another entry in.
    pub fn add(&mut self, entry: &OrderEntry) {
        self.join(&Self::of(entry));
    }

    fn join(&mut self, other: &Self) {
        self.least_number = self.least_number.min(other.least_number);
        self.greatest_number = self.greatest_number.max(other.greatest_number);
        self.least_key = self.least_key.min(other.least_key);
        self.greatest_key = self.greatest_key.max(other.greatest_key);
        self.last_arrival = self.last_arrival.max(other.last_arrival);
        self.first_timed = [self.first_timed, other.first_timed].into_iter().flatten().min();
    }

    /// When its first entry counts as arrived, which is when the first one did that has a time.
    fn first_arrival(&self) -> Option<i64> {
        self.first_timed.map(|(_, arrived)| arrived)
    }

    /// Whether a key may have records in both.
    fn shares_keys_with(&self, other: &Self) -> bool {
        self.least_key <= other.greatest_key && other.least_key <= self.greatest_key
    }

    /// Whether all numbers of the one are below all of the other.
    fn comes_before(&self, other: &Self) -> bool {
        self.greatest_number < other.least_number
    }
}

/// Shards whose entries are merged by number, since a key may have records in several of them at the same time.
struct ShardGroup<I> {
    facts: ShardFacts,
    shards: Vec<I>,
    heads: BinaryHeap<Reverse<(OrderKey, usize)>>,
    next: Vec<Option<OrderEntry>>,
    /// No record counts as arrived before.
    floor: i64,
}

/// What entries of one group are compared by.
type OrderKey = (SequenceValue, u64, u32, u64);

fn order_key(entry: &OrderEntry) -> OrderKey {
    (entry.number, entry.sub, entry.shard, entry.record)
}

/// Entries in the order of the replay, each with the arrival it counts by.
pub struct Merged<I> {
    groups: Vec<ShardGroup<I>>,
    heads: BinaryHeap<Reverse<(i64, SequenceValue, usize)>>,
}

impl<E, I: Iterator<Item = Result<OrderEntry, E>>> Merged<I> {
    /// Merges shards. The entries of each must come in their order.
    ///
    /// # Errors
    /// What an iterator gives as one.
    pub fn new(shards: Vec<(ShardFacts, I)>) -> Result<Self, E> {
        let mut groups: Vec<(ShardFacts, Vec<I>)> = shards.into_iter().map(|(facts, shard)| (facts, vec![shard])).collect();
        // Two that share keys and whose numbers mix become one, which may then mix with a third.
        while let Some((left, right)) = mixed(&groups) {
            let (facts, shards) = groups.swap_remove(right);
            groups[left].0.join(&facts);
            groups[left].1.extend(shards);
        }
        groups.sort_by_key(|(facts, _)| facts.least_number);
        // Shards that have no time at all go at once.
        let earliest = groups.iter().filter_map(|(facts, _)| facts.first_arrival()).min().unwrap_or(0);
        let mut merged = Self { groups: Vec::with_capacity(groups.len()), heads: BinaryHeap::new() };
        for (facts, shards) in groups {
            // A shard's records come after all of those from which it got its keys, whatever their clocks say.
            let parents =
                merged.groups.iter().filter(|known| known.facts.shares_keys_with(&facts) && known.facts.comes_before(&facts));
            let floor = parents.map(|parent| parent.facts.last_arrival.max(parent.floor)).max().unwrap_or(i64::MIN);
            // An entry without a time goes with the one before it in its shard; at the beginning of the shard, with the first one that has a time.
            let floor = floor.max(facts.first_arrival().unwrap_or(earliest));
            let mut group = ShardGroup { facts, next: Vec::new(), heads: BinaryHeap::new(), shards, floor };
            group.begin()?;
            merged.groups.push(group);
            merged.put_head(merged.groups.len() - 1);
        }
        Ok(merged)
    }

    fn put_head(&mut self, place: usize) {
        if let Some(group) = self.groups.get(place)
            && let Some(arrival) = group.arrival()
        {
            self.heads.push(Reverse((arrival, group.facts.least_number, place)));
        }
    }
}

/// Two groups that share keys and whose numbers mix.
fn mixed<I>(groups: &[(ShardFacts, Vec<I>)]) -> Option<(usize, usize)> {
    for (left, (facts, _)) in groups.iter().enumerate() {
        let is_mixed = |(other, _): &(ShardFacts, Vec<I>)| {
            facts.shares_keys_with(other) && !facts.comes_before(other) && !other.comes_before(facts)
        };
        if let Some(right) = groups[left + 1..].iter().position(is_mixed) {
            return Some((left, left + 1 + right));
        }
    }
    None
}

impl<E, I: Iterator<Item = Result<OrderEntry, E>>> ShardGroup<I> {
    fn begin(&mut self) -> Result<(), E> {
        for place in 0..self.shards.len() {
            self.next.push(None);
            self.advance(place)?;
        }
        Ok(())
    }

    fn advance(&mut self, place: usize) -> Result<(), E> {
        let next = self.shards[place].next().transpose()?;
        if let Some(entry) = &next {
            self.heads.push(Reverse((order_key(entry), place)));
        }
        self.next[place] = next;
        Ok(())
    }

    /// When its next entry counts as arrived.
    fn arrival(&self) -> Option<i64> {
        let Reverse((_, place)) = self.heads.peek()?;
        self.next[*place].map(|entry| entry.arrived.max(self.floor))
    }

    fn take(&mut self) -> Result<Option<OrderEntry>, E> {
        let Some(Reverse((_, place))) = self.heads.pop() else {
            return Ok(None);
        };
        let entry = self.next[place].take();
        self.advance(place)?;
        if let Some(entry) = &entry {
            self.floor = self.floor.max(entry.arrived);
        }
        Ok(entry.map(|entry| OrderEntry { arrived: self.floor, lacks_time: entry.arrived == NO_TIME, ..entry }))
    }
}

impl<E, I: Iterator<Item = Result<OrderEntry, E>>> Iterator for Merged<I> {
    type Item = Result<OrderEntry, E>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, _, place)) = self.heads.pop()?;
        let entry = self.groups.get_mut(place)?.take().transpose();
        self.put_head(place);
        entry
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::sequence::SequenceNumber;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::convert::Infallible;

    fn value(number: u64) -> SequenceValue {
        SequenceValue::of(&SequenceNumber::parse(number.to_string()).unwrap()).unwrap()
    }

    fn entry(key: u64, number: u64, shard: u32, arrived: i64) -> OrderEntry {
        OrderEntry { shard, number: value(number), arrived, record: number, key, hash: key, ..OrderEntry::default() }
    }

    fn ordered(entries: Vec<OrderEntry>) -> Vec<OrderEntry> {
        let mut shards: BTreeMap<u32, Vec<OrderEntry>> = BTreeMap::new();
        for entry in entries {
            shards.entry(entry.shard).or_default().push(entry);
        }
        let shards = shards.into_values().map(|mut entries| {
            entries.sort_unstable();
            let mut facts = ShardFacts::of(&entries[0]);
            entries.iter().for_each(|entry| facts.add(entry));
            (facts, entries.into_iter().map(Ok::<_, Infallible>))
        });
        Merged::new(shards.collect()).unwrap().map(Result::unwrap).collect()
    }

    fn numbers(entries: &[OrderEntry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.record).collect()
    }

    #[test]
    fn shards_are_merged_by_arrival_and_each_keeps_its_order() {
        let entries = vec![entry(1, 30, 1, 12), entry(200, 9, 0, 20), entry(300, 10, 0, 11), entry(4, 40, 1, 25)];
        let ordered = ordered(entries);
        // 10 arrived by its clock before 9, which came first in its shard.
        assert_eq!(numbers(&ordered), [30, 9, 10, 40]);
        assert_eq!(ordered.iter().map(|entry| entry.arrived).collect::<Vec<_>>(), [12, 20, 20, 25]);
    }

    #[test]
    fn a_childs_records_come_after_its_parents_whatever_their_clocks_say() {
        let entries = vec![entry(5, 1, 0, 10), entry(9, 2, 0, 50), entry(5, 11, 1, 40), entry(9, 12, 2, 30), entry(9, 13, 2, 60)];
        assert_eq!(numbers(&ordered(entries)), [1, 2, 11, 12, 13]);
    }

    proptest! {
        #[test]
        fn the_order_loses_nothing_and_keeps_each_keys_numbers(
            records in proptest::collection::vec((0..6_u64, 0..4_u32, 0..50_i64), 0..80),
        ) {
            let entries: Vec<_> = records.iter().zip(1..).map(|((key, shard, arrived), number)| entry(*key, number, *shard, *arrived)).collect();
            let ordered = ordered(entries);
            let mut all = numbers(&ordered);
            all.sort_unstable();
            prop_assert_eq!(all, (1..=records.len() as u64).collect::<Vec<_>>());
            prop_assert!(ordered.is_sorted_by_key(|entry| entry.arrived), "time goes back");
            for key in 0..6 {
                let of_key: Vec<u64> = ordered.iter().filter(|entry| entry.key == key).map(|entry| entry.record).collect();
                prop_assert!(of_key.is_sorted(), "{:?}", of_key);
            }
            for shard in 0..4 {
                let of_shard: Vec<u64> = ordered.iter().filter(|entry| entry.shard == shard).map(|entry| entry.record).collect();
                prop_assert!(of_shard.is_sorted(), "{:?}", of_shard);
            }
        }
    }
}
