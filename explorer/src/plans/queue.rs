//! The queue of a plan: which records go in which order, read lane by lane as needed, and the records themselves.

use super::bits::Bits;
use super::blocks::{BUCKETS, bucket_of, read_block};
use super::error::{PlanError, damaged};
use super::file::PlanFile;
use super::{blocks, checksum, summary};
use crate::domain::replay::hash_key::ShardMap;
use crate::domain::replay::lanes::{Position, QueuedRecord};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::RangeInclusive;

/// A record as it is in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    pub partition_key: String,
    /// What the producer gave instead of the key's hash.
    pub explicit_hash_key: Option<String>,
    /// The payload.
    pub data: Vec<u8>,
    /// Where it came from, if asked for.
    pub origin: Origin,
}

/// A record's origin, for its envelope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Its sequence number; empty if its item has none.
    pub sequence_number: String,
    /// The shard it came from; empty if its item has none.
    pub shard_id: String,
    /// When it arrived, in epoch seconds; empty if its item has no time.
    pub arrival: String,
}

/// Reads the queue once, from start to end.
#[derive(Debug)]
pub struct QueueReader {
    file: PlanFile,
    connection: Connection,
    buckets: QueueBuckets,
    /// Records of the plan.
    records: u64,
    settled: Bits,
    shards: Vec<String>,
}

/// The position up to which every bucket was read.
#[derive(Debug)]
struct QueueBuckets(Vec<QueueBucket>);

impl Default for QueueBuckets {
    fn default() -> Self {
        Self((0..BUCKETS).map(|_| QueueBucket::default()).collect())
    }
}

/// How far a bucket was read.
#[derive(Debug, Default)]
struct QueueBucket {
    entries: VecDeque<QueuedRecord>,
    /// The first position of the last block read.
    reached: Option<Position>,
    is_read: bool,
}

impl QueueReader {
    /// The queue of a file, from its start. Records with a receipt are skipped.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(file: &PlanFile) -> Result<Self, PlanError> {
        let connection = file.open()?;
        let read = || {
            let records = summary::counts(&connection)?.records;
            let settled = settled(&connection, records)?;
            let mut statement = connection.prepare("SELECT name FROM shard ORDER BY id")?;
            let shards = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
            Ok((records, settled, shards))
        };
        let (records, settled, shards) = read().map_err(|error| file.failed(&error))?;
        Ok(Self { file: file.clone(), connection, buckets: QueueBuckets::default(), records, settled, shards })
    }

    /// Hands over all entries in the plan's order, settled or not, until `take` returns false.
    pub(super) fn in_order(
        connection: &Connection,
        mut take: impl FnMut(QueuedRecord) -> rusqlite::Result<bool>,
    ) -> rusqlite::Result<()> {
        let (mut buckets, settled) = (QueueBuckets::default(), Bits::default());
        let mut heads = buckets.heads(connection, 0..=BUCKETS - 1, &settled)?;
        // The plan has no more records, even if the file has.
        for _ in 0..summary::counts(connection)?.records {
            match buckets.next(connection, &mut heads, &settled)? {
                Some(entry) if take(entry)? => {}
                Some(_) | None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next records for the shard at this place, up to the limit. They include records of other shards between them, and are
    /// fewer at the end of the queue.
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

    /// The records of these entries: each as it was written, or a few words on what is wrong with it. Origins are read only on
    /// request.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(&self, records: &[QueuedRecord], with_origin: bool) -> Result<Vec<Result<Loaded, String>>, PlanError> {
        self.try_load(records, with_origin).map_err(|error| self.file.failed(&error))
    }

    fn try_load(&self, records: &[QueuedRecord], with_origin: bool) -> rusqlite::Result<Vec<Result<Loaded, String>>> {
        // One transaction locks the file once instead of once for each record.
        let transaction = self.connection.unchecked_transaction()?;
        let sql = match with_origin {
            true => {
                "SELECT partition_key, explicit_hash_key, data, checksum, sequence_number, arrival, shard FROM record WHERE id = ?1"
            }
            false => "SELECT partition_key, explicit_hash_key, data, checksum FROM record WHERE id = ?1",
        };
        let mut statement = transaction.prepare_cached(sql)?;
        let load = |entry: &QueuedRecord| match statement
            .query_row([entry.record.cast_signed()], |row| self.loaded(entry, row, with_origin))
        {
            Ok(Some(loaded)) => Ok(Ok(loaded)),
            Ok(None) | Err(rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)) => {
                Ok(Err(CHANGED.to_owned()))
            }
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(Err(LOST.to_owned())),
            Err(error) => Err(error),
        };
        records.iter().map(load).collect()
    }

    /// A record from the file, after checking that it is unchanged.
    fn loaded(&self, entry: &QueuedRecord, row: &rusqlite::Row<'_>, with_origin: bool) -> rusqlite::Result<Option<Loaded>> {
        let (key, data) = (row.get_ref(0)?, row.get_ref(2)?);
        let (Ok(key), Ok(data)) = (key.as_str(), data.as_blob()) else {
            return Ok(None);
        };
        let explicit_hash_key: Option<String> = row.get(1)?;
        let checksum = row.get::<_, i64>(3)?.cast_unsigned();
        let sent = checksum::of_sent(entry.record, key, explicit_hash_key.as_deref(), Some(data));
        let is_as_written = entry.bytes == (key.len() + data.len()) as u64 && checksum & u64::from(u32::MAX) == u64::from(sent);
        if !is_as_written {
            return Ok(None);
        }
        let origin = match with_origin {
            true => {
                let shard = usize::try_from(row.get::<_, i64>(6)?).unwrap_or(usize::MAX);
                let shard_id = self.shards.get(shard).cloned().unwrap_or_default();
                Origin { sequence_number: row.get(4)?, arrival: row.get(5)?, shard_id }
            }
            false => Origin::default(),
        };
        let of_origin = || checksum::of_origin(entry.record, &origin.sequence_number, &origin.shard_id, &origin.arrival);
        if with_origin && checksum >> 32 != u64::from(of_origin()) {
            return Ok(None);
        }
        Ok(Some(Loaded { partition_key: key.to_owned(), explicit_hash_key, data: data.to_vec(), origin }))
    }

    /// Hands over all records that are not settled, in no order, until `take` returns false.
    ///
    /// # Errors
    /// When the file cannot be read, or its queue and its plan have different numbers of records.
    pub fn each_left(&self, mut take: impl FnMut(QueuedRecord) -> bool) -> Result<(), PlanError> {
        let take = |entry: QueuedRecord| Ok(self.settled.get(entry.position) || take(entry));
        blocks::each_entry(&self.connection, self.records, take).map_err(|error| self.file.failed(&error))
    }
}

/// The error for a record that was changed.
const CHANGED: &str = "the plan's file is damaged: the record was changed";
/// The error for a record that is missing.
const LOST: &str = "the plan's file is damaged: the record is missing";

/// The positions of records with a receipt.
fn settled(connection: &Connection, records: u64) -> rusqlite::Result<Bits> {
    let mut settled = Bits::default();
    let mut statement = connection.prepare("SELECT position, record, checksum, shard, sequence_number FROM receipt")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (position, record) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned());
        let number = row.get_ref(4)?.as_str_or_null()?;
        // A position beyond the plan would reserve memory for all positions before it.
        if position >= records || row.get::<_, i64>(2)? != checksum::of_receipt(position, record, row.get(3)?, number) {
            return Err(damaged("a receipt was changed"));
        }
        settled.set(position);
    }
    Ok(settled)
}

/// Buckets, by the position of their next record.
type Heads = BinaryHeap<Reverse<(Position, usize)>>;

impl QueueBuckets {
    /// The buckets of a range that have records left.
    fn heads(&mut self, connection: &Connection, range: RangeInclusive<usize>, settled: &Bits) -> rusqlite::Result<Heads> {
        let mut heads = Heads::new();
        for bucket in range {
            heads.extend(self.head(connection, bucket, settled)?.map(|head| Reverse((head, bucket))));
        }
        Ok(heads)
    }

    /// Takes the record with the lowest position.
    fn next(&mut self, connection: &Connection, heads: &mut Heads, settled: &Bits) -> rusqlite::Result<Option<QueuedRecord>> {
        let Some(Reverse((_, bucket))) = heads.pop() else {
            return Ok(None);
        };
        let record = self.0[bucket].entries.pop_front();
        heads.extend(self.head(connection, bucket, settled)?.map(|head| Reverse((head, bucket))));
        Ok(record)
    }

    /// The position of a bucket's next unsettled record.
    fn head(&mut self, connection: &Connection, place: usize, settled: &Bits) -> rusqlite::Result<Option<Position>> {
        let bucket = &mut self.0[place];
        while bucket.entries.is_empty() && !bucket.is_read {
            let sql = "SELECT first, checksum, entries FROM queue WHERE bucket = ?1 AND first > ?2 ORDER BY first LIMIT 1";
            let after = bucket.reached.map_or(-1, u64::cast_signed);
            let reached = connection.prepare_cached(sql)?.query_row(params![place, after], |row| {
                let first = row.get::<_, i64>(0)?.cast_unsigned();
                let entries = read_block(place as u64, first, row.get(1)?, row.get_ref(2)?.as_blob()?)?;
                bucket.entries.extend(entries.filter(|entry| !settled.get(entry.position)));
                Ok(first)
            });
            match reached.optional()? {
                Some(first) => bucket.reached = Some(first),
                None => bucket.is_read = true,
            }
        }
        Ok(bucket.entries.front().map(|entry| entry.position))
    }
}
