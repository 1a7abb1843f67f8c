//! Aggregated records: the Kinesis Producer Library (KPL) packs several user records into one payload. This module recognises such
//! a payload and unpacks it, without copying it. It trusts nothing, because any producer can put any payload into a stream. It does
//! not know what an archive is.
//!
//! The payload has four magic bytes, a protobuf message and the message's MD5. The MD5 protects against accidents only: a forger
//! can compute it too. Source: awslabs/amazon-kinesis-producer, aggregation-format.md:
//! ```text
//! message AggregatedRecord {
//!   repeated string partition_key_table     = 1;
//!   repeated string explicit_hash_key_table = 2;
//!   repeated Record records                 = 3;
//! }
//! message Record {
//!   required uint64 partition_key_index     = 1;
//!   optional uint64 explicit_hash_key_index = 2;
//!   required bytes  data                    = 3;
//!   repeated Tag    tags                    = 4;  // "not yet implemented in the KPL and KCL"
//! }
//! ```

mod protobuf;

use md5::{Digest as _, Md5};
use protobuf::{WireFields, write_bytes, write_number};

/// The user records of an aggregated record: one or more, all of them readable.
#[derive(Clone, Debug)]
pub struct Aggregate<'p> {
    message: &'p [u8],
    partition_keys: Vec<&'p str>,
    explicit_hash_keys: Vec<&'p str>,
}

/// A record as the producer put it, before its library packed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRecord<'p> {
    /// Not empty, and not longer than Kinesis allows. Thousands of records may share the text of one key: a copy for each can take
    /// far more memory than the payload.
    pub partition_key: &'p str,
    /// Replaces the partition key's hash. It should be a decimal number, but that is not checked.
    pub explicit_hash_key: Option<&'p str>,
    /// The payload.
    pub data: &'p [u8],
    /// Position in the aggregate, from 0.
    pub sub_sequence_number: u64,
}

/// A record inside the message. Its keys are still indexes into the key tables.
struct IndexedRecord<'p> {
    partition_key_index: u64,
    explicit_hash_key_index: Option<u64>,
    data: &'p [u8],
}

/// The first bytes of an aggregated record. Other payloads hardly ever start with them.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

/// Bytes of an MD5 sum. Source: RFC 1321.
const DIGEST_BYTES: usize = 16;

/// Characters of a partition key. Source: Kinesis API reference, PutRecord. An explicit hash key has 39 at most.
const MAX_KEY_CHARACTERS: usize = 256;

/// Field numbers of `AggregatedRecord`.
const PARTITION_KEY_TABLE: u64 = 1;
const EXPLICIT_HASH_KEY_TABLE: u64 = 2;
const RECORDS: u64 = 3;

/// Field numbers of `Record`.
const PARTITION_KEY_INDEX: u64 = 1;
const EXPLICIT_HASH_KEY_INDEX: u64 = 2;
const DATA: u64 = 3;

/// Whether a payload may be an aggregate. It looks only at the first characters of the base64 text, so that nearly all ordinary
/// payloads need no decoding.
#[must_use]
pub fn may_be_aggregated(base64: &str) -> bool {
    // Six characters are four and a half bytes, so the lower half of the last one may vary.
    matches!(base64.as_bytes(), [b'8', b'4', b'm', b'a', b'w', b'g'..=b'v', ..])
}

impl<'p> Aggregate<'p> {
    /// Reads a payload; `None` if it is an ordinary one. A payload with the magic bytes and a mistake after them is an ordinary
    /// one, too. The Kinesis Client Library does the same for a wrong sum or a broken message, but it drops records whose keys are
    /// missing.
    ///
    /// Time is proportional to the size of the payload. Memory is for the two key tables: a small multiple of the payload at most.
    #[must_use]
    pub fn parse(payload: &'p [u8]) -> Option<Self> {
        let (message, digest) = payload.strip_prefix(&MAGIC)?.split_last_chunk::<DIGEST_BYTES>()?;
        if Md5::digest(message).as_slice() != digest || !WireFields::of(message).all(|field| field.is_some()) {
            return None;
        }
        // A producer writes a key only for a record. More keys than records can only be an attempt to use up memory.
        let max_keys = indexed_records(message).count();
        let aggregate = Self {
            message,
            partition_keys: key_table(message, PARTITION_KEY_TABLE, max_keys)?,
            explicit_hash_keys: key_table(message, EXPLICIT_HASH_KEY_TABLE, max_keys)?,
        };
        let is_whole = max_keys > 0 && indexed_records(message).all(|record| aggregate.user_record(0, record).is_some());
        is_whole.then_some(aggregate)
    }

    /// The user records in the order in which they were put.
    pub fn user_records(&self) -> impl Iterator<Item = UserRecord<'p>> {
        (0..).zip(indexed_records(self.message)).filter_map(|(place, record)| self.user_record(place, record))
    }

    fn user_record(&self, sub_sequence_number: u64, record: Option<IndexedRecord<'p>>) -> Option<UserRecord<'p>> {
        let record = record?;
        let partition_key = key_at(&self.partition_keys, record.partition_key_index).filter(|key| !key.is_empty())?;
        let explicit_hash_key = match record.explicit_hash_key_index {
            Some(index) => Some(key_at(&self.explicit_hash_keys, index)?),
            None => None,
        };
        Some(UserRecord { partition_key, explicit_hash_key, data: record.data, sub_sequence_number })
    }
}

/// Packs user records as the Kinesis Producer Library does, for tests and demo data. Each is partition key, explicit hash key and
/// data. It does not check Kinesis' limits for keys or size.
#[must_use]
pub fn aggregate(records: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let (mut partition_keys, mut explicit_hash_keys, mut packed) = (Vec::new(), Vec::new(), Vec::new());
    for &(partition_key, explicit_hash_key, data) in records {
        let mut record = Vec::new();
        write_number(&mut record, PARTITION_KEY_INDEX, index_of(partition_key, &mut partition_keys));
        if let Some(key) = explicit_hash_key {
            write_number(&mut record, EXPLICIT_HASH_KEY_INDEX, index_of(key, &mut explicit_hash_keys));
        }
        write_bytes(&mut record, DATA, data);
        write_bytes(&mut packed, RECORDS, &record);
    }
    let mut message = Vec::new();
    partition_keys.iter().for_each(|key| write_bytes(&mut message, PARTITION_KEY_TABLE, key.as_bytes()));
    explicit_hash_keys.iter().for_each(|key| write_bytes(&mut message, EXPLICIT_HASH_KEY_TABLE, key.as_bytes()));
    message.extend(packed);
    with_magic_and_sum(&message)
}

fn with_magic_and_sum(message: &[u8]) -> Vec<u8> {
    [&MAGIC, message, Md5::digest(message).as_slice()].concat()
}

fn index_of<'k>(key: &'k str, table: &mut Vec<&'k str>) -> u64 {
    let index = table.iter().position(|known| *known == key).unwrap_or_else(|| {
        table.push(key);
        table.len() - 1
    });
    index as u64
}

/// The texts of a key table; `None` if one is not UTF-8 or too long, or if there are more than `max_keys`.
fn key_table(message: &[u8], table: u64, max_keys: usize) -> Option<Vec<&str>> {
    let mut keys = Vec::new();
    for text in WireFields::of(message).flatten().filter_map(|field| field.bytes_of(table)) {
        let key = std::str::from_utf8(text).ok()?;
        if keys.len() == max_keys || key.chars().count() > MAX_KEY_CHARACTERS {
            return None;
        }
        keys.push(key);
    }
    Some(keys)
}

fn key_at<'p>(keys: &[&'p str], index: u64) -> Option<&'p str> {
    keys.get(usize::try_from(index).ok()?).copied()
}

/// The records of a message; `None` for a record that cannot be read or lacks a required field.
fn indexed_records(message: &[u8]) -> impl Iterator<Item = Option<IndexedRecord<'_>>> {
    WireFields::of(message).flatten().filter_map(|field| field.bytes_of(RECORDS)).map(IndexedRecord::parse)
}

impl<'p> IndexedRecord<'p> {
    fn parse(record: &'p [u8]) -> Option<Self> {
        let (mut partition_key_index, mut explicit_hash_key_index, mut data) = (None, None, None);
        for field in WireFields::of(record) {
            let field = field?;
            // If a field is there twice, the last one counts. Source: protobuf encoding guide, last one wins.
            partition_key_index = field.number_of(PARTITION_KEY_INDEX).or(partition_key_index);
            explicit_hash_key_index = field.number_of(EXPLICIT_HASH_KEY_INDEX).or(explicit_hash_key_index);
            data = field.bytes_of(DATA).or(data);
        }
        Some(Self { partition_key_index: partition_key_index?, explicit_hash_key_index, data: data? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
