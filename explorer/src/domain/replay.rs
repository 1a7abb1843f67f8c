//! A replay: what is to be put again, in which order, and how it goes.

use super::filter::RecordFilter;
use super::lanes::Counts;
use super::reading::ArchiveSource;
use super::record::{Record, RecordId};
use archiver::envelope::Separator;
use archiver::settings::ArchiveMode;
use archiver::stream::StreamName;
use jiff::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// What a replay is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayOrder {
    /// The archive that is read.
    pub archive: ArchiveSource,
    /// Which records.
    pub selection: Selection,
    /// The stream they are put into.
    pub target: StreamName,
    /// The separator of the envelope each gets, if any does.
    pub envelope: Option<Separator>,
}

/// Which records are replayed.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// These.
    Marked(Vec<Arc<Record>>),
    /// Whatever the archive holds that matches, at most so many of the newest.
    Matching {
        /// What they must be.
        filter: RecordFilter,
        /// What is left out all the same.
        except: BTreeSet<RecordId>,
        /// How many at the most.
        limit: Option<usize>,
        /// Also items that are expired and only not deleted yet.
        include_expired: bool,
    },
}

/// How far a replay is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Items read from the archive.
    pub read: usize,
    /// Items left out because they are expired.
    pub expired: usize,
    /// Records to put; grows while reading.
    pub total: usize,
    /// What became of them.
    pub counts: Counts,
    /// Payload bytes acknowledged.
    pub bytes: u64,
    /// Since the first put.
    pub sending: Duration,
}

/// How a replay ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every record was put or is listed as impossible.
    Finished,
    /// On request; what was not put is not in the target.
    Cancelled,
    /// It could not go on.
    Failed(super::failure::Failure),
}

/// A record that can never be put, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Impossible {
    /// Its partition key.
    pub partition_key: String,
    /// Its sequence number.
    pub sequence_number: String,
    /// Why.
    pub reason: String,
}

impl Progress {
    /// Acknowledged records per second since the first put.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn rate(&self) -> f64 {
        let seconds = self.sending.as_secs_f64();
        if seconds > 0.0 { self.counts.acknowledged as f64 / seconds } else { 0.0 }
    }

    /// The part of the records that is settled, from 0 to 1.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn ratio(&self) -> f64 {
        let settled = self.counts.acknowledged + self.counts.impossible;
        if self.total == 0 { 0.0 } else { settled as f64 / self.total as f64 }
    }

    /// How long the rest takes at the rate so far.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn time_left(&self) -> Option<Duration> {
        let left = self.counts.waiting + self.counts.in_flight;
        let rate = self.rate();
        if rate > 0.0 { Duration::try_from_secs_f64(left as f64 / rate).ok() } else { None }
    }
}

/// What one should know before a replay runs, a sentence each.
#[must_use]
pub fn warnings(source: &StreamName, target: &super::archive::StreamOverview, has_envelope: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if *source == target.name && !has_envelope {
        let effect = match target.mode() {
            Some(ArchiveMode::All) => "mode ALL archives the copies again",
            Some(ArchiveMode::Latest) => "mode LATEST makes the old records the newest",
            None => "its consumers take the copies for new records",
        };
        warnings
            .push(format!("The target is the source, and without an envelope nobody can tell a copy from an original: {effect}."));
    } else if let Some(mode) = target.mode() {
        warnings.push(format!(
            "The target {} is itself archived (mode {mode}): what is replayed is archived there again.",
            target.name
        ));
    }
    warnings
}

/// Puts records into the order in which they are replayed: by number within a shard, the shards merged by arrival time (where a
/// record counts no earlier than the one before it in its shard), and in any case by number within a key.
#[must_use]
pub fn in_replay_order(records: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
    let mut shards: BTreeMap<String, Vec<Arc<Record>>> = BTreeMap::new();
    for record in records {
        shards.entry(record.item.shard_id.clone().unwrap_or_default()).or_default().push(record);
    }
    let mut shards: Vec<_> = shards.into_values().collect();
    let mut heads = BinaryHeap::new();
    for (shard, records) in shards.iter_mut().enumerate() {
        records.sort_by(|left, right| right.number().cmp(&left.number()));
        if let Some(first) = records.last() {
            heads.push(Reverse((first.arrived_at, shard)));
        }
    }
    let mut merged = Vec::with_capacity(shards.iter().map(Vec::len).sum());
    while let Some(Reverse((reached, shard))) = heads.pop() {
        merged.extend(shards[shard].pop());
        if let Some(next) = shards[shard].last() {
            heads.push(Reverse((next.arrived_at.max(reached), shard)));
        }
    }
    by_number_within_each_key(merged)
}

/// A key moves to another shard when shards are split or merged; its records still follow one another by number.
fn by_number_within_each_key(records: Vec<Arc<Record>>) -> Vec<Arc<Record>> {
    let mut of_key: HashMap<String, Vec<Arc<Record>>> = HashMap::new();
    for record in &records {
        of_key.entry(record.id.partition_key.clone()).or_default().push(Arc::clone(record));
    }
    for of_one in of_key.values_mut() {
        of_one.sort_by(|left, right| right.number().cmp(&left.number()));
    }
    records.iter().filter_map(|record| of_key.get_mut(&record.id.partition_key).and_then(Vec::pop)).collect()
}

/// The newest of the records pushed into it, at most so many, in flat memory.
#[derive(Debug)]
pub struct NewestOf {
    limit: Option<usize>,
    records: Vec<Arc<Record>>,
}

impl NewestOf {
    /// Keeps all, or so many of the newest.
    #[must_use]
    pub fn new(limit: Option<usize>) -> Self {
        Self { limit, records: Vec::new() }
    }

    /// Takes one more.
    pub fn push(&mut self, record: Arc<Record>) {
        self.records.push(record);
        // Twice the limit, so that cutting costs little each.
        if let Some(limit) = self.limit
            && self.records.len() >= limit.saturating_mul(2).max(16)
        {
            self.cut(limit);
        }
    }

    /// Those kept, newest first.
    #[must_use]
    pub fn into_newest_first(mut self) -> Vec<Arc<Record>> {
        self.cut(self.limit.unwrap_or(usize::MAX));
        self.records
    }

    fn cut(&mut self, limit: usize) {
        self.records.sort_by(|left, right| left.newest_first(right));
        self.records.truncate(limit);
    }
}

/// When a replay was started, for its name on the screen.
#[must_use]
pub fn name(started_at: Timestamp) -> String {
    format!("{:04x}", started_at.as_millisecond() & 0xffff)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::item::StoredItem;
    use archiver::record::ArrivalTime;
    use archiver::sequence::SequenceNumber;
    use proptest::prelude::*;

    fn record(key: u8, number: u32, shard: u8, arrival: u32) -> Arc<Record> {
        Arc::new(Record::new(StoredItem {
            partition_key: format!("cust-{key}"),
            sequence_number: SequenceNumber::parse(number.to_string()).ok(),
            shard_id: Some(format!("shardId-{shard:012}")),
            arrival: ArrivalTime::parse(&arrival.to_string()).ok(),
            data: Some(String::new()),
            ..StoredItem::default()
        }))
    }

    fn numbers(records: &[Arc<Record>]) -> Vec<u32> {
        records.iter().map(|record| record.id.sequence_number.parse().unwrap()).collect()
    }

    #[test]
    fn shards_are_merged_by_arrival_and_each_keeps_its_order() {
        let records = vec![record(1, 30, 1, 12), record(2, 9, 0, 20), record(3, 10, 0, 11), record(4, 40, 1, 25)];
        // 10 arrived by its clock before 9, which came first in its shard.
        assert_eq!(numbers(&in_replay_order(records)), [30, 9, 10, 40]);
    }

    #[test]
    fn the_newest_are_kept_in_flat_memory() {
        let mut newest = NewestOf::new(Some(3));
        for number in 1..=5_000 {
            newest.push(record(1, number, 0, number));
            assert!(newest.records.len() <= 16);
        }
        assert_eq!(numbers(&newest.into_newest_first()), [5_000, 4_999, 4_998]);
    }

    #[test]
    fn a_replay_into_its_own_stream_is_warned_of() {
        use crate::domain::archive::{Configuration, StreamOverview};
        let orders = StreamOverview {
            name: StreamName::parse("orders").unwrap(),
            arn: String::new(),
            status: "ACTIVE".to_owned(),
            open_shards: 1,
            retention_hours: 24,
            max_record_bytes: 1,
            configuration: Configuration::Archived(archiver::settings::ArchiveSettings::new(ArchiveMode::Latest, None)),
            table: None,
        };
        let other = StreamName::parse("audit").unwrap();
        assert!(warnings(&orders.name, &orders, false)[0].contains("mode LATEST makes the old records the newest"));
        assert!(warnings(&other, &orders, false)[0].contains("itself archived"));
        let plain = StreamOverview { configuration: Configuration::NotArchived, ..orders };
        assert!(warnings(&other, &plain, false).is_empty());
    }

    proptest! {
        #[test]
        fn the_order_loses_nothing_and_keeps_each_keys_numbers(
            records in proptest::collection::vec((0..5_u8, 0..4_u8, 0..50_u32), 0..80),
        ) {
            let mut records: Vec<Arc<Record>> =
                records.iter().zip(1_u32..).map(|((key, shard, arrival), number)| record(*key, number, *shard, *arrival)).collect();
            records.reverse();
            let ordered = in_replay_order(records.clone());
            let mut all = numbers(&ordered);
            all.sort_unstable();
            prop_assert_eq!(all, (1..=u32::try_from(records.len()).unwrap()).collect::<Vec<_>>());
            for key in 0..5 {
                let of_key: Vec<_> = ordered.iter().filter(|record| record.id.partition_key == format!("cust-{key}")).cloned().collect();
                prop_assert!(numbers(&of_key).is_sorted());
            }
        }
    }
}
