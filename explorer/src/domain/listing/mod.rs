//! The entries of all records that were read, newest first, in whatever order they come. Adding a few thousand to a million moves only
//! their neighbours, and finding one by its rank does not visit the others.

pub mod entry;
pub mod histogram;
pub mod marks;

use crate::domain::listing::entry::Entry;
use std::collections::VecDeque;

/// Entries of a chunk before it is cut in two.
const MAX_CHUNK: usize = 1_024;

/// Entries in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Each in order, none empty, all together in order.
    chunks: Vec<Vec<Entry>>,
    /// How many entries are before each chunk.
    before: Vec<usize>,
    len: usize,
}

impl Listing {
    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entry of a rank, counted from the newest, 0.
    #[must_use]
    pub fn get(&self, rank: usize) -> Option<Entry> {
        if rank >= self.len {
            return None;
        }
        let chunk = self.before.partition_point(|before| *before <= rank) - 1;
        self.chunks[chunk].get(rank - self.before[chunk]).copied()
    }

    /// The rank of an entry, or the one it would have.
    ///
    /// # Errors
    /// The rank it would have, if it is missing.
    pub fn rank_of(&self, entry: &Entry) -> Result<usize, usize> {
        let chunk = self.chunk_for(entry);
        match self.chunks.get(chunk) {
            Some(entries) => {
                let before = self.before[chunk];
                entries.binary_search(entry).map(|place| before + place).map_err(|place| before + place)
            }
            None => Err(0),
        }
    }

    /// How many entries arrived at this time, epoch milliseconds, or later.
    #[must_use]
    pub fn count_since(&self, arrived_ms: i64) -> usize {
        let chunk = self.chunks.partition_point(|entries| entries.last().is_some_and(|last| last.arrived_ms >= arrived_ms));
        match self.chunks.get(chunk) {
            Some(entries) => self.before[chunk] + entries.partition_point(|entry| entry.arrived_ms >= arrived_ms),
            None => self.len,
        }
    }

    /// The entries from a rank on.
    pub fn from(&self, rank: usize) -> impl Iterator<Item = Entry> + '_ {
        let chunk = self.before.partition_point(|before| *before <= rank).saturating_sub(1);
        let skipped = self.before.get(chunk).map_or(0, |before| rank - before);
        self.chunks.iter().skip(chunk).flatten().skip(skipped).copied()
    }

    /// Takes entries into their places.
    pub fn add(&mut self, mut entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        entries.sort_unstable();
        self.len += entries.len();
        let mut waiting = VecDeque::from(entries);
        let mut chunks = Vec::with_capacity(self.chunks.len() + 1);
        let mut old = std::mem::take(&mut self.chunks).into_iter().peekable();
        while let Some(mut chunk) = old.next() {
            // What is newer than the next chunk's newest belongs into this one or before it.
            let end = match old.peek().and_then(|next| next.first()) {
                Some(next) => waiting.partition_point(|entry| entry < next),
                None => waiting.len(),
            };
            if end > 0 {
                chunk.extend(waiting.drain(..end));
                // Two runs in order, which the sort finds and merges.
                chunk.sort();
            }
            if chunk.len() <= MAX_CHUNK {
                chunks.push(chunk);
            } else {
                chunks.extend(chunk.chunks(MAX_CHUNK / 2).map(<[Entry]>::to_vec));
            }
        }
        if !waiting.is_empty() {
            let rest: Vec<Entry> = waiting.into();
            chunks.extend(rest.chunks(MAX_CHUNK / 2).map(<[Entry]>::to_vec));
        }
        self.chunks = chunks;
        self.before = self
            .chunks
            .iter()
            .scan(0, |before, chunk| {
                let this = *before;
                *before += chunk.len();
                Some(this)
            })
            .collect();
    }

    /// The last chunk that may hold the entry.
    fn chunk_for(&self, entry: &Entry) -> usize {
        self.chunks.partition_point(|entries| entries.first().is_some_and(|first| first <= entry)).saturating_sub(1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::listing::entry::Place;
    use crate::domain::record::Record;
    use archiver::format::item::StoredItem;
    use archiver::format::record::ArrivalTime;
    use proptest::prelude::*;

    fn entry(arrival: Option<u32>, place: u64) -> Entry {
        let arrival = arrival.and_then(|seconds| ArrivalTime::parse(&seconds.to_string()).ok());
        Entry::new(&Record::new(StoredItem { arrival, ..StoredItem::default() }), Place(place), 0)
    }

    #[test]
    fn a_million_entries_are_added_in_batches_and_found_by_rank() {
        let mut listing = Listing::default();
        for batch in 0..100_u32 {
            let entries = (0..10_000_u32).map(|place| {
                let number = batch * 10_000 + place;
                entry(Some(number.wrapping_mul(2_654_435_761) % 1_000_000_000), u64::from(number))
            });
            listing.add(entries.collect());
        }
        assert_eq!(listing.len(), 1_000_000);
        let newest_first: Vec<Entry> = listing.from(0).collect();
        assert!(newest_first.is_sorted());
        assert_eq!(listing.get(777_777), Some(newest_first[777_777]));
        assert!(listing.chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() <= MAX_CHUNK));
    }

    proptest! {
        #[test]
        fn it_is_a_sorted_list(batches in proptest::collection::vec(proptest::collection::vec(proptest::option::of(0..40_u32), 0..900), 0..6), rank: usize, since in -1..41_i64) {
            let mut listing = Listing::default();
            let mut all = Vec::new();
            for batch in batches {
                let entries: Vec<Entry> = batch.iter().zip(all.len() as u64..).map(|(arrival, place)| entry(*arrival, place)).collect();
                all.extend(entries.iter().copied());
                listing.add(entries);
            }
            all.sort();
            prop_assert_eq!(listing.len(), all.len());
            prop_assert_eq!(listing.from(0).collect::<Vec<_>>(), all.clone());
            let rank = rank % (all.len() + 2);
            prop_assert_eq!(listing.get(rank), all.get(rank).copied());
            prop_assert_eq!(listing.from(rank).collect::<Vec<_>>(), all.get(rank..).unwrap_or_default());
            prop_assert_eq!(listing.count_since(since * 1_000), all.iter().filter(|entry| entry.arrived_ms >= since * 1_000).count());
            let wanted = entry(Some(20), u64::MAX >> 16);
            prop_assert_eq!(listing.rank_of(&wanted), all.binary_search(&wanted));
            if let Some(entry) = all.get(rank) {
                prop_assert_eq!(listing.rank_of(entry), Ok(rank));
            }
        }
    }
}
