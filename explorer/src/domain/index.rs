//! What is held of each record that was read, so that any number of them can be kept in order while the records themselves lie on a
//! shelf: when it arrived, and where it lies.

use super::record::Record;
use archiver::sequence::SequenceNumber;
use std::cmp::{Ordering, Reverse};

/// Where a record lies on a shelf, in bytes from its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(pub u64);

/// A shard in the order in which the shelf first saw its name; [`NO_SHARD`] where the item names none.
pub type ShardIndex = u16;

/// The shard of records whose items name none, or of those beyond the 65,534th.
pub const NO_SHARD: ShardIndex = ShardIndex::MAX;

/// One record that was read. Ordered newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it arrived, epoch milliseconds; [`Entry::NO_TIME`] where that is not known.
    pub arrived_ms: i64,
    /// What orders the records of one shard and millisecond.
    pub tie: u64,
    place: [u8; 6],
    /// The shard it came from.
    pub shard: ShardIndex,
}

impl Entry {
    /// Stands for an arrival that is not known, which sorts behind all others.
    pub const NO_TIME: i64 = i64::MIN;

    /// The entry of a record that lies at a place.
    #[must_use]
    pub fn new(record: &Record, place: Place, shard: ShardIndex) -> Self {
        let arrived_ms = record.arrived_at.map_or(Self::NO_TIME, jiff::Timestamp::as_millisecond);
        let tie = record.item.sequence_number.as_ref().map_or(0, tie_of);
        let [.., a, b, c, d, e, f] = place.0.to_be_bytes();
        Self { arrived_ms, tie, place: [a, b, c, d, e, f], shard }
    }

    /// Where the record lies.
    #[must_use]
    pub fn place(&self) -> Place {
        let [a, b, c, d, e, f] = self.place;
        Place(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |entry: &Self| Reverse((entry.arrived_ms, entry.tie, entry.place));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The 64 bits of a sequence number that tell the records of one shard and millisecond apart. In Kinesis' 186 bits the count of
/// records lies above the seconds and the shard, which fill the lower 64, and below the shard's creation, which fills the upper 50.
/// Source: measured on Kinesis' documented examples.
fn tie_of(number: &SequenceNumber) -> u64 {
    /// Bits below those kept.
    const BELOW: usize = 70;
    // Base 2^32, least first: 186 bits are 6 limbs, and what is longer is no number of Kinesis'.
    let mut limbs = [0_u32; 7];
    for digit in number.as_str().bytes() {
        let mut carry = u64::from(digit - b'0');
        for limb in &mut limbs {
            let product = u64::from(*limb) * 10 + carry;
            *limb = (product & 0xffff_ffff) as u32;
            carry = product >> 32;
        }
    }
    let from = |bit: usize| {
        let (limb, shift) = (bit / 32, bit % 32);
        let low = u64::from(limbs[limb]) | u64::from(limbs[limb + 1]) << 32;
        let high = u64::from(limbs[limb + 2]);
        if shift == 0 { low } else { low >> shift | high << (64 - shift) }
    };
    if limbs[2..].iter().all(|limb| *limb == 0) { from(0) } else { from(BELOW) }
}
