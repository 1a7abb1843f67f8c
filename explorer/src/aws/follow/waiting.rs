//! Records of a stream that are expected in its archive, and when to look for each: soon at first, then after growing pauses.

use crate::aws::archive::key_attributes;
use crate::domain::reading::following::MISSING_AFTER;
use archiver::format::aggregate::{Aggregate, may_be_aggregated};
use archiver::format::item::{Attributes, StoredItem};
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::ArchiveMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// Before the first lookup of a record; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest time between two lookups of a record.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Most records to wait for, each with a few hundred bytes.
const MAX_WAITING: usize = 50_000;

/// The key under which a record is expected, with its number only if that is part of the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    partition_key: String,
    number: Option<SequenceNumber>,
}

/// Orders the records of a key by age.
type Version = (SequenceNumber, Option<u64>);

#[derive(Debug)]
struct Expected {
    version: Version,
    arrived_ms: Option<i64>,
    since: Instant,
    due: Instant,
    pause: Duration,
}

/// The records that are expected.
#[derive(Debug)]
pub(super) struct Waiting {
    mode: ArchiveMode,
    expected: HashMap<Key, Expected>,
    missing: u64,
}

/// The items that an archive of this mode will hold for a record: in mode LATEST, one for each user record of an aggregated one.
pub(super) fn expected_of(item: StoredItem, mode: ArchiveMode) -> Vec<StoredItem> {
    let text = item.data.as_deref().filter(|text| mode == ArchiveMode::Latest && may_be_aggregated(text));
    let payload = text.and_then(|text| STANDARD.decode(text).ok());
    let Some(aggregate) = payload.as_deref().and_then(Aggregate::parse) else {
        return vec![item];
    };
    let of = |record: archiver::format::aggregate::UserRecord<'_>| StoredItem {
        partition_key: record.partition_key.to_owned(),
        sub_sequence_number: Some(record.sub_sequence_number),
        data: Some(STANDARD.encode(record.data)),
        ..item.clone()
    };
    aggregate.user_records().map(of).collect()
}

impl Key {
    /// The key in DynamoDB's form.
    pub(super) fn to_attributes(&self) -> Attributes {
        key_attributes(&self.partition_key, self.number.as_ref().map(SequenceNumber::as_str))
    }
}

impl Waiting {
    pub(super) fn new(mode: ArchiveMode) -> Self {
        Self { mode, expected: HashMap::new(), missing: 0 }
    }

    pub(super) fn mode(&self) -> ArchiveMode {
        self.mode
    }

    pub(super) fn len(&self) -> usize {
        self.expected.len()
    }

    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// When the oldest of them arrived.
    pub(super) fn oldest_arrival(&self) -> Option<Timestamp> {
        let oldest = self.expected.values().filter_map(|expected| expected.arrived_ms).min()?;
        Timestamp::from_millisecond(oldest).ok()
    }

    pub(super) fn is_full(&self) -> bool {
        self.expected.len() >= MAX_WAITING
    }

    /// Expects a record from now on. In mode LATEST it replaces an older one of its key.
    pub(super) fn expect(&mut self, item: &StoredItem, now: Instant) {
        let Some((key, version)) = self.named(item) else {
            return;
        };
        let arrived_ms = item.arrival.as_ref().and_then(archiver::format::record::ArrivalTime::milliseconds);
        let expected = Expected { version, arrived_ms, since: now, due: now + FIRST_PAUSE, pause: FIRST_PAUSE };
        match self.expected.get_mut(&key) {
            Some(known) if known.version >= expected.version => {}
            Some(known) => *known = expected,
            None => {
                self.expected.insert(key, expected);
            }
        }
    }

    /// When the next lookup is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.expected.values().map(|expected| expected.due).min()
    }

    /// The records to look up now, oldest first.
    pub(super) fn due(&self, now: Instant) -> Vec<Key> {
        let mut due: Vec<(&Key, &Expected)> = self.expected.iter().filter(|(_, expected)| expected.due <= now).collect();
        due.sort_by_key(|(_, expected)| expected.since);
        due.into_iter().map(|(key, _)| key.clone()).collect()
    }

    /// Notes items that were found, and returns the expected ones. In mode LATEST, a newer item ends the wait for an older one, and
    /// is returned once the stream has reached it.
    pub(super) fn found(&mut self, items: impl Iterator<Item = StoredItem>) -> Vec<StoredItem> {
        let mut found = Vec::new();
        for item in items {
            let Some((key, version)) = self.named(&item) else {
                continue;
            };
            match self.expected.get(&key) {
                Some(expected) if version < expected.version => continue,
                Some(expected) if version == expected.version => found.push(item),
                Some(_) | None => {}
            }
            self.expected.remove(&key);
        }
        found
    }

    /// Schedules the next lookup of these, or gives up on them.
    pub(super) fn not_found(&mut self, keys: &[Key], now: Instant) {
        for key in keys {
            let Some(expected) = self.expected.get_mut(key) else {
                continue;
            };
            if now - expected.since >= MISSING_AFTER {
                self.expected.remove(key);
                self.missing += 1;
                continue;
            }
            expected.pause = (expected.pause * 2).min(LONGEST_PAUSE);
            expected.due = now + expected.pause;
        }
    }

    fn named(&self, item: &StoredItem) -> Option<(Key, Version)> {
        let number = item.sequence_number.clone()?;
        let of_key = (self.mode == ArchiveMode::All).then(|| number.clone());
        let key = Key { partition_key: item.partition_key.clone(), number: of_key };
        Some((key, (number, item.sub_sequence_number)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::aggregate::aggregate;

    fn item(key: &str, number: u64) -> StoredItem {
        StoredItem {
            partition_key: key.to_owned(),
            sequence_number: SequenceNumber::parse(number.to_string()).ok(),
            data: Some("SGVsbG8=".to_owned()),
            ..StoredItem::default()
        }
    }

    #[test]
    fn a_record_is_looked_for_after_growing_pauses_and_missing_in_the_end() {
        let mut waiting = Waiting::new(ArchiveMode::All);
        let began = Instant::now();
        waiting.expect(&item("cust-1", 7), began);
        let (mut now, mut looks) = (began, 0);
        while let Some(due) = waiting.next_due() {
            now = due;
            let keys = waiting.due(now);
            assert_eq!(keys.len(), 1);
            waiting.not_found(&keys, now);
            looks += 1;
        }
        assert_eq!((waiting.missing(), waiting.len()), (1, 0));
        assert!(now - began >= MISSING_AFTER && now - began < MISSING_AFTER + LONGEST_PAUSE);
        assert!(looks < 50, "{looks} looks");
    }

    #[test]
    fn an_archive_of_all_has_each_record_and_one_of_the_latest_only_the_newest() {
        for (mode, first, second) in [(ArchiveMode::All, vec![7], vec![9]), (ArchiveMode::Latest, vec![], vec![9])] {
            let mut waiting = Waiting::new(mode);
            let now = Instant::now();
            waiting.expect(&item("cust-1", 9), now);
            waiting.expect(&item("cust-1", 7), now);
            assert_eq!(waiting.len(), first.len() + second.len());
            let numbers = |found: Vec<StoredItem>| -> Vec<u64> {
                found.iter().map(|item| item.sequence_number.as_ref().unwrap().as_str().parse().unwrap()).collect()
            };
            assert_eq!(numbers(waiting.found([item("cust-1", 7)].into_iter())), first);
            assert_eq!(numbers(waiting.found([item("cust-1", 9)].into_iter())), second);
            assert_eq!(waiting.len(), 0);
        }
        let mut waiting = Waiting::new(ArchiveMode::Latest);
        waiting.expect(&item("cust-1", 7), Instant::now());
        assert_eq!(waiting.found([item("cust-1", 9)].into_iter()), [], "it comes when the stream has come to it");
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn of_an_aggregated_record_an_archive_of_the_latest_holds_the_user_records() {
        let payload = aggregate(&[("cust-1", None, b"1"), ("cust-2", None, b"2"), ("cust-1", None, b"3")]);
        let whole = StoredItem { data: Some(STANDARD.encode(payload)), ..item("a", 7) };
        assert_eq!(expected_of(whole.clone(), ArchiveMode::All), std::slice::from_ref(&whole));
        let parts = expected_of(whole, ArchiveMode::Latest);
        let mut waiting = Waiting::new(ArchiveMode::Latest);
        parts.iter().for_each(|part| waiting.expect(part, Instant::now()));
        assert_eq!((parts.len(), waiting.len()), (3, 2));
        assert_eq!(waiting.found([parts[2].clone()].into_iter()), [parts[2].clone()]);
    }
}
