//! How a plan's queue is stored: in blocks of entries, each of one bucket, so that a shard's records are found without reading all
//! others. Blocks are written and read here.

use super::checksum;
use super::error::damaged;
use crate::domain::replay::hash_key::HashKey;
use crate::domain::replay::lanes::{Position, QueuedRecord};
use crate::domain::replay::order::OrderEntry;
use rusqlite::{Connection, params};

/// Buckets into which the hashes of keys are divided.
pub(super) const BUCKETS: usize = 256;
/// Entries in one block, which is also how many are read from a bucket at a time.
const BLOCK_ENTRIES: usize = 512;
pub(super) const ENTRY_BYTES: usize = 6 * 8;

/// The bucket of a key, by its hash.
pub(super) fn bucket_of(key: u64) -> usize {
    usize::try_from(key >> 56).unwrap_or(0)
}

fn write_entry(entry: &QueuedRecord, bytes: &mut Vec<u8>) {
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

/// Decodes the entries of a block, after checking that it is unchanged.
pub(super) fn read_block(
    bucket: u64,
    first: Position,
    sum: i64,
    entries: &[u8],
) -> rusqlite::Result<impl Iterator<Item = QueuedRecord>> {
    let is_whole = entries.len().is_multiple_of(ENTRY_BYTES) && entries.len() <= BLOCK_ENTRIES * ENTRY_BYTES;
    if !is_whole || sum != checksum::of_block(bucket, first, entries) {
        return Err(damaged("a part of its queue was changed"));
    }
    Ok(entries.chunks_exact(ENTRY_BYTES).filter_map(read_entry))
}

/// Hands over all entries, bucket by bucket, until `take` returns false. Their number must match the plan's.
pub(super) fn each_entry(
    connection: &Connection,
    records: u64,
    mut take: impl FnMut(QueuedRecord) -> rusqlite::Result<bool>,
) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("SELECT bucket, first, checksum, entries FROM queue ORDER BY bucket, first")?;
    let mut rows = statement.query([])?;
    let mut passed = 0;
    let miscounted = || damaged("its queue and its plan have different numbers of records");
    while let Some(row) = rows.next()? {
        let (bucket, first) = (row.get::<_, i64>(0)?.cast_unsigned(), row.get::<_, i64>(1)?.cast_unsigned());
        for entry in read_block(bucket, first, row.get(2)?, row.get_ref(3)?.as_blob()?)? {
            passed += 1;
            if passed > records {
                return Err(miscounted());
            }
            if !take(entry)? {
                return Ok(());
            }
        }
    }
    if passed == records { Ok(()) } else { Err(miscounted()) }
}

/// Writes entries in order, each into the block of its bucket.
pub(super) struct QueueWriter<'c> {
    connection: &'c Connection,
    position: u64,
    blocks: Vec<OpenBlock>,
}

#[derive(Clone, Default)]
struct OpenBlock {
    first: u64,
    entries: usize,
    bytes: Vec<u8>,
}

impl<'c> QueueWriter<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, position: 0, blocks: vec![OpenBlock::default(); BUCKETS] }
    }

    pub(super) fn push(&mut self, entry: &OrderEntry) -> rusqlite::Result<()> {
        let queued = QueuedRecord {
            position: self.position,
            record: entry.record,
            key: entry.key,
            hash: HashKey(entry.hash),
            bytes: entry.bytes,
            arrived: entry.arrived,
        };
        self.position += 1;
        let bucket = bucket_of(entry.key);
        let block = &mut self.blocks[bucket];
        if block.entries == 0 {
            block.first = queued.position;
        }
        write_entry(&queued, &mut block.bytes);
        block.entries += 1;
        if block.entries == BLOCK_ENTRIES { self.flush(bucket) } else { Ok(()) }
    }

    fn flush(&mut self, bucket: usize) -> rusqlite::Result<()> {
        let block = &mut self.blocks[bucket];
        if block.entries > 0 {
            let sql = "INSERT INTO queue (bucket, first, checksum, entries) VALUES (?1, ?2, ?3, ?4)";
            let checksum = checksum::of_block(bucket as u64, block.first, &block.bytes);
            self.connection.prepare_cached(sql)?.execute(params![bucket, block.first.cast_signed(), checksum, block.bytes])?;
            block.entries = 0;
            block.bytes.clear();
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> rusqlite::Result<()> {
        (0..BUCKETS).try_for_each(|bucket| self.flush(bucket))
    }
}
