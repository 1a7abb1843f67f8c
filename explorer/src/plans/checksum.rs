//! Checksums of a replay file's contents, so that a record that a failing disk has changed is not sent. They guard against damage,
//! not against people.

use crc32fast::Hasher;

/// A checksum that grows part by part.
#[derive(Clone, Debug, Default)]
pub(super) struct Checksum(Hasher);

impl Checksum {
    pub(super) fn number(mut self, number: u64) -> Self {
        self.0.update(&number.to_le_bytes());
        self
    }

    /// Adds a part and its length, so that two parts never count as one.
    pub(super) fn part(mut self, bytes: &[u8]) -> Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a part that may be missing; missing differs from empty.
    pub(super) fn optional(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).part(bytes),
            None => self.number(0),
        }
    }

    pub(super) fn end(self) -> u32 {
        self.0.finalize()
    }
}

/// The checksum of a record's row: what is sent in the lower half, its origin in the upper one, because only an envelope contains
/// the origin.
pub(super) fn of_record(sent: u32, origin: u32) -> i64 {
    (u64::from(origin) << 32 | u64::from(sent)).cast_signed()
}

/// The half for what is sent.
pub(super) fn of_sent(id: u64, partition_key: &str, explicit_hash_key: Option<&str>, data: Option<&[u8]>) -> u32 {
    let key = Checksum::default().number(id).part(partition_key.as_bytes());
    key.optional(explicit_hash_key.map(str::as_bytes)).optional(data).end()
}

/// The half for the origin.
pub(super) fn of_origin(id: u64, sequence_number: &str, shard_id: &str, arrival: &str) -> u32 {
    let number = Checksum::default().number(id).part(sequence_number.as_bytes());
    number.part(shard_id.as_bytes()).part(arrival.as_bytes()).end()
}

/// The checksum of a block of the queue.
pub(super) fn of_block(bucket: u64, first: u64, entries: &[u8]) -> i64 {
    i64::from(Checksum::default().number(bucket).number(first).part(entries).end())
}

pub(super) fn of_receipt(position: u64, record: u64, shard: Option<i64>, sequence_number: Option<&str>) -> i64 {
    let place = Checksum::default().number(position).number(record);
    let shard = shard.map(i64::to_le_bytes);
    let shard = place.optional(shard.as_ref().map(<[u8; 8]>::as_slice));
    i64::from(shard.optional(sequence_number.map(str::as_bytes)).end())
}
