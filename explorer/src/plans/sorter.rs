//! Sorts what decides a plan's order, in constant memory. Full pieces are sorted and written to a file without a name, and merged
//! at the end.

use crate::domain::record::sequence_value::SequenceValue;
use crate::domain::replay::order::{Merged, OrderEntry, ShardFacts};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

/// Entries that are sorted in memory.
const ENTRIES_IN_MEMORY: usize = 64 * 1024;
/// Bytes of an entry in the file.
const ENTRY_BYTES: usize = 4 + 24 + 6 * 8;
/// Entries read at a time, over all runs that are merged together.
const ENTRIES_READ: usize = 64 * 1024;
/// Fewest and most entries read at a time from one run.
const READ_AT_LEAST: usize = 16;
const READ_AT_MOST: usize = 1_024;

/// Collects and sorts entries.
#[derive(Debug)]
pub(super) struct Sorter {
    file: File,
    written_bytes: u64,
    gathered: Vec<OrderEntry>,
    /// Where each sorted run begins, and its number of entries.
    runs: Vec<SortedRun>,
    facts: BTreeMap<u32, (ShardFacts, u64)>,
}

/// Consecutive entries in the file.
#[derive(Clone, Copy, Debug)]
struct SortedRun {
    at: u64,
    entries: u64,
}

/// Reads the entries of an extent in order.
pub(super) struct SortedRunReader {
    file: Arc<File>,
    extent: SortedRun,
    read_at_once: usize,
    buffer: Vec<u8>,
    next: usize,
}

impl Sorter {
    /// An empty sorter, with its file in this folder.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self { file, written_bytes: 0, gathered: Vec::new(), runs: Vec::new(), facts: BTreeMap::new() })
    }

    /// Adds an entry.
    pub(super) fn push(&mut self, entry: OrderEntry) -> io::Result<()> {
        let (facts, entries) = self.facts.entry(entry.shard).or_insert_with(|| (ShardFacts::of(&entry), 0));
        facts.add(&entry);
        *entries += 1;
        self.gathered.push(entry);
        if self.gathered.len() >= ENTRIES_IN_MEMORY { self.end_run() } else { Ok(()) }
    }

    /// All entries in the order of the replay.
    pub(super) fn finish(mut self) -> io::Result<Merged<SortedRunReader>> {
        self.end_run()?;
        self.gathered = Vec::new();
        let sorted = match self.runs.as_slice() {
            [only] => only.at,
            _ => self.merge_runs()?,
        };
        let file = Arc::new(self.file);
        let read_at_once = read_at_once(self.facts.len());
        let mut at = sorted;
        let mut shards = Vec::with_capacity(self.facts.len());
        for (facts, entries) in self.facts.into_values() {
            shards.push((facts, SortedRunReader::new(&file, SortedRun { at, entries }, read_at_once)));
            at += entries * ENTRY_BYTES as u64;
        }
        Merged::new(shards)
    }

    fn end_run(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.gathered.sort_unstable();
        let extent = SortedRun { at: self.written_bytes, entries: self.gathered.len() as u64 };
        let mut bytes = Vec::with_capacity(READ_AT_MOST * ENTRY_BYTES);
        let gathered = std::mem::take(&mut self.gathered);
        for piece in gathered.chunks(READ_AT_MOST) {
            piece.iter().for_each(|entry| write(entry, &mut bytes));
            self.append(&mut bytes)?;
        }
        self.gathered = gathered;
        self.gathered.clear();
        self.runs.push(extent);
        Ok(())
    }

    /// Merges all runs into one; returns where it begins.
    fn merge_runs(&mut self) -> io::Result<u64> {
        let begin = self.written_bytes;
        let reading = Arc::new(self.file.try_clone()?);
        let read_at_once = read_at_once(self.runs.len());
        let mut readers: Vec<SortedRunReader> =
            self.runs.iter().map(|run| SortedRunReader::new(&reading, *run, read_at_once)).collect();
        let mut heads = BinaryHeap::with_capacity(readers.len());
        for (place, reader) in readers.iter_mut().enumerate() {
            if let Some(entry) = reader.next().transpose()? {
                heads.push(Reverse((entry, place)));
            }
        }
        let mut bytes = Vec::with_capacity(READ_AT_MOST * ENTRY_BYTES);
        while let Some(Reverse((entry, place))) = heads.pop() {
            write(&entry, &mut bytes);
            if bytes.len() >= READ_AT_MOST * ENTRY_BYTES {
                self.append(&mut bytes)?;
            }
            if let Some(entry) = readers[place].next().transpose()? {
                heads.push(Reverse((entry, place)));
            }
        }
        self.append(&mut bytes)?;
        Ok(begin)
    }

    fn append(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.file.write_all_at(bytes, self.written_bytes)?;
        self.written_bytes += bytes.len() as u64;
        bytes.clear();
        Ok(())
    }
}

fn read_at_once(readers: usize) -> usize {
    (ENTRIES_READ / readers.max(1)).clamp(READ_AT_LEAST, READ_AT_MOST)
}

impl SortedRunReader {
    fn new(file: &Arc<File>, extent: SortedRun, read_at_once: usize) -> Self {
        Self { file: Arc::clone(file), extent, read_at_once, buffer: Vec::new(), next: 0 }
    }

    fn fill(&mut self) -> io::Result<()> {
        let entries = self.extent.entries.min(self.read_at_once as u64);
        let bytes = usize::try_from(entries).unwrap_or(usize::MAX).saturating_mul(ENTRY_BYTES);
        self.buffer.resize(bytes, 0);
        self.file.read_exact_at(&mut self.buffer, self.extent.at)?;
        self.extent.at += bytes as u64;
        self.extent.entries -= entries;
        self.next = 0;
        Ok(())
    }
}

impl Iterator for SortedRunReader {
    type Item = io::Result<OrderEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next == self.buffer.len() {
            if self.extent.entries == 0 {
                return None;
            }
            if let Err(error) = self.fill() {
                self.extent.entries = 0;
                self.buffer.clear();
                self.next = 0;
                return Some(Err(error));
            }
        }
        let entry = self.buffer.get(self.next..).and_then(read);
        self.next += ENTRY_BYTES;
        entry.map(Ok)
    }
}

fn write(entry: &OrderEntry, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&entry.shard.to_le_bytes());
    bytes.extend_from_slice(&entry.number.to_bytes());
    for number in [entry.sub, entry.arrived.cast_unsigned(), entry.record, entry.key, entry.hash, entry.bytes] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

fn read(bytes: &[u8]) -> Option<OrderEntry> {
    let (shard, rest) = bytes.split_first_chunk::<4>()?;
    let (number, rest) = rest.split_first_chunk::<24>()?;
    let mut numbers = rest.chunks_exact(8).map(|part| part.first_chunk().map_or(0, |part| u64::from_le_bytes(*part)));
    Some(OrderEntry {
        shard: u32::from_le_bytes(*shard),
        number: SequenceValue::from_bytes(number),
        sub: numbers.next()?,
        arrived: numbers.next()?.cast_signed(),
        record: numbers.next()?,
        key: numbers.next()?,
        hash: numbers.next()?,
        bytes: numbers.next()?,
        lacks_time: false,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::sequence::SequenceNumber;

    #[test]
    fn more_entries_than_fit_memory_come_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(folder.path()).unwrap();
        let all = 2 * ENTRIES_IN_MEMORY as u64 + 1_000;
        let mut numbers: Vec<u64> = (0..all).collect();
        fastrand::Rng::with_seed(7).shuffle(&mut numbers);
        for number in numbers {
            let value = SequenceValue::of(&SequenceNumber::parse((number + 1).to_string()).unwrap()).unwrap();
            let shard = u32::try_from(number % 3).unwrap();
            // Each shard has its own keys.
            let key = u64::from(shard) * 100 + number % 7;
            let arrived = i64::try_from(number).unwrap();
            sorter
                .push(OrderEntry {
                    shard,
                    number: value,
                    arrived,
                    record: number,
                    key,
                    hash: key,
                    sub: 0,
                    bytes: 5,
                    lacks_time: false,
                })
                .unwrap();
        }
        let sorted: Vec<u64> = sorter.finish().unwrap().map(|entry| entry.unwrap().record).collect();
        assert_eq!(sorted, (0..all).collect::<Vec<_>>());
    }

    #[test]
    fn nothing_is_in_order() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Sorter::new(folder.path()).unwrap().finish().unwrap().count(), 0);
    }
}
