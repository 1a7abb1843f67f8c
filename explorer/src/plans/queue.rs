//! The queue of a plan: which records go in which order, read lane by lane as they are wanted, and the records themselves.

use super::draft::Bits;
use super::error::PlanError;
use super::file::PlanFile;
use crate::domain::replay::hash_key::{HashKey, ShardMap};
use crate::domain::replay::lanes::{Position, QueuedRecord};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::RangeInclusive;

/// Parts that the hashes of keys are divided into.
pub(super) const BUCKETS: usize = 256;
/// Entries of a block: what is read of a bucket at a time.
pub(super) const BLOCK_ENTRIES: usize = 512;
/// Bytes of an entry.
const ENTRY_BYTES: usize = 6 * 8;

/// The bucket of a key, by its hash.
pub(super) fn bucket_of(key: u64) -> usize {
    usize::try_from(key >> 56).unwrap_or(0)
}

pub(super) fn write_entry(entry: &QueuedRecord, bytes: &mut Vec<u8>) {
    for number in [entry.position, entry.record, entry.key, entry.hash.0, entry.bytes, entry.arrived.cast_unsigned()] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
}

fn read_entry(bytes: &[u8]) -> Option<QueuedRecord> {
    let mut numbers = bytes.chunks_exact(8).map(|part| part.first_chunk().map_or(0, |part| u64::from_le_bytes(*part)));
    Some(QueuedRecord {
        position: numbers.next()?,
        record: numbers.next()?,
        key: numbers.next()?,
        hash: HashKey(numbers.next()?),
        bytes: numbers.next()?,
        arrived: numbers.next()?.cast_signed(),
    })
}

/// Passes all entries, bucket by bucket, until `take` gives false.
pub(super) fn each_entry(
    connection: &Connection,
    mut take: impl FnMut(QueuedRecord) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT entries FROM queue ORDER BY bucket, first")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let block = row.get_ref(0)?.as_blob()?;
        for entry in block.chunks_exact(ENTRY_BYTES).filter_map(read_entry) {
            if !take(entry)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// A record as it is in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its partition key.
    pub partition_key: String,
    /// What the producer gave instead of the key's hash.
    pub explicit_hash_key: Option<String>,
    /// The payload.
    pub data: Vec<u8>,
    /// Where it came from, where that was asked for.
    pub origin: Origin,
}

/// Where a record came from, for its envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its sequence number; empty where its item had none.
    pub sequence_number: String,
    /// The shard it came from; empty where its item had none.
    pub shard_id: String,
    /// When it arrived, in epoch seconds; empty where its item had no time.
    pub arrival: String,
}

/// Reads the queue from one end to the other, once.
#[derive(Debug)]
pub struct QueueReader {
    file: PlanFile,
    connection: Connection,
    buckets: Buckets,
    settled: Bits,
    shards: Vec<String>,
}

/// How far all buckets were read.
#[derive(Debug)]
struct Buckets(Vec<Bucket>);

impl Default for Buckets {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| Bucket::default()).collect())
    }
}

/// How far a bucket was read.
#[derive(Debug, Default)]
struct Bucket {
    entries: VecDeque<QueuedRecord>,
    /// The first position of the last block that was read.
    reached: Option<Position>,
    is_read: bool,
}

impl QueueReader {
    /// The queue of a file, from its beginning; what has a receipt is passed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(file: &PlanFile) -> Result<Self, PlanError> {
        let connection = file.open()?;
        let read = || {
            let mut settled = Bits::default();
            let mut statement = connection.prepare("SELECT position FROM receipt")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                settled.set(row.get::<_, i64>(0)?.cast_unsigned());
            }
            let mut statement = connection.prepare("SELECT name FROM shard ORDER BY id")?;
            let shards = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok((settled, shards))
        };
        let (settled, shards) = read().map_err(|error| file.failed(&error))?;
        Ok(Self { file: file.clone(), connection, buckets: Buckets::default(), settled, shards })
    }

    /// Passes all entries in the order of the plan, settled or not, until `take` gives false.
    pub(super) fn in_order(
        connection: &Connection,
        mut take: impl FnMut(QueuedRecord) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let (mut buckets, settled) = (Buckets::default(), Bits::default());
        let mut heads = buckets.heads(connection, 0..=BUCKETS - 1, &settled)?;
        while let Some(entry) = buckets.next(connection, &mut heads, &settled)? {
            if !take(entry)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next records for the shard of this place, at most so many, those of other shards that lie among them included; fewer when
    /// there are no more.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_for(&mut self, shards: &ShardMap, place: usize, limit: usize) -> Result<Vec<QueuedRecord>, PlanError> {
        self.try_next_for(shards, place, limit).map_err(|error| self.file.failed(&error))
    }

    fn try_next_for(&mut self, shards: &ShardMap, place: usize, limit: usize) -> rusqlite::Result<Vec<QueuedRecord>> {
        let first = if place == 0 { 0 } else { shards.shards().get(place).map_or(0, |shard| bucket_of(shard.first.0)) };
        let last = shards.shards().get(place + 1).map_or(BUCKETS - 1, |next| bucket_of(next.first.0.saturating_sub(1)));
        let mut heads = self.buckets.heads(&self.connection, first..=last, &self.settled)?;
        let (mut records, mut wanted) = (Vec::new(), 0);
        while wanted < limit
            && let Some(record) = self.buckets.next(&self.connection, &mut heads, &self.settled)?
        {
            wanted += usize::from(shards.place_of(record.hash) == place);
            records.push(record);
        }
        Ok(records)
    }

    /// The records themselves, in the order of their numbers in the plan; where they came from only if that is asked for.
    ///
    /// # Errors
    /// When the file cannot be read, or lacks one.
    pub fn load(&self, records: &[u64], with_origin: bool) -> Result<Vec<Loaded>, PlanError> {
        self.try_load(records, with_origin).map_err(|error| self.file.failed(&error))
    }

    fn try_load(&self, records: &[u64], with_origin: bool) -> rusqlite::Result<Vec<Loaded>> {
        // In one transaction the file is locked once, and not for each record.
        let transaction = self.connection.unchecked_transaction()?;
        let sql = match with_origin {
            true => "SELECT partition_key, explicit_hash_key, data, sequence_number, arrival, shard FROM record WHERE id = ?1",
            false => "SELECT partition_key, explicit_hash_key, data FROM record WHERE id = ?1",
        };
        let mut statement = transaction.prepare_cached(sql)?;
        let load = |record: &u64| {
            statement.query_row([record.cast_signed()], |row| {
                let origin = match with_origin {
                    true => {
                        let shard = usize::try_from(row.get::<_, i64>(5)?).unwrap_or(usize::MAX);
                        let shard_id = self.shards.get(shard).cloned().unwrap_or_default();
                        Origin { sequence_number: row.get(3)?, arrival: row.get(4)?, shard_id }
                    }
                    false => Origin::default(),
                };
                Ok(Loaded { partition_key: row.get(0)?, explicit_hash_key: row.get(1)?, data: row.get(2)?, origin })
            })
        };
        records.iter().map(load).collect()
    }

    /// Passes all records that are not settled, in no order, until `take` gives false.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each_left(&self, mut take: impl FnMut(QueuedRecord) -> bool) -> Result<(), PlanError> {
        let passed = each_entry(&self.connection, |entry| Ok(self.settled.get(entry.position) || take(entry)));
        passed.map_err(|error| self.file.failed(&error))
    }
}

/// Buckets by the positions of their next records.
type Heads = BinaryHeap<Reverse<(Position, usize)>>;

impl Buckets {
    /// The buckets of a range that have a record left.
    fn heads(&mut self, connection: &Connection, range: RangeInclusive<usize>, settled: &Bits) -> rusqlite::Result<Heads> {
        let mut heads = Heads::new();
        for bucket in range {
            heads.extend(self.head(connection, bucket, settled)?.map(|head| Reverse((head, bucket))));
        }
        Ok(heads)
    }

    /// Takes the record of the lowest position.
    fn next(&mut self, connection: &Connection, heads: &mut Heads, settled: &Bits) -> rusqlite::Result<Option<QueuedRecord>> {
        let Some(Reverse((_, bucket))) = heads.pop() else {
            return Ok(None);
        };
        let record = self.0[bucket].entries.pop_front();
        heads.extend(self.head(connection, bucket, settled)?.map(|head| Reverse((head, bucket))));
        Ok(record)
    }

    /// The position of a bucket's next record that is not settled.
    fn head(&mut self, connection: &Connection, place: usize, settled: &Bits) -> rusqlite::Result<Option<Position>> {
        let bucket = &mut self.0[place];
        while bucket.entries.is_empty() && !bucket.is_read {
            let sql = "SELECT first, entries FROM queue WHERE bucket = ?1 AND first > ?2 ORDER BY first LIMIT 1";
            let after = bucket.reached.map_or(-1, u64::cast_signed);
            let block: Option<(i64, Vec<u8>)> = connection
                .prepare_cached(sql)?
                .query_row(params![place, after], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            match block {
                Some((first, entries)) => {
                    bucket.reached = Some(first.cast_unsigned());
                    let entries = entries.chunks_exact(ENTRY_BYTES).filter_map(read_entry);
                    bucket.entries.extend(entries.filter(|entry| !settled.get(entry.position)));
                }
                None => bucket.is_read = true,
            }
        }
        Ok(bucket.entries.front().map(|entry| entry.position))
    }
}
