//! Where Kinesis puts a record: the hash of its partition key, and the shards of a stream by the hashes they take.

use md5::{Digest as _, Md5};

/// The upper half of a hash key, which is enough to tell shards apart: two hash keys with the same half are in one shard unless a shard
/// begins between them, which happens for one record in 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashKey(pub u64);

impl HashKey {
    /// The hash of a partition key: its MD5 as a number. Source: Kinesis developer guide, partition key.
    #[must_use]
    pub fn of_partition_key(partition_key: &str) -> Self {
        let digest = Md5::digest(partition_key.as_bytes());
        Self(digest.first_chunk().map_or(0, |upper| u64::from_be_bytes(*upper)))
    }

    /// A hash key that a producer has given, and its digits as Kinesis takes them: decimal, without zeros before them. `None` where it is
    /// none. Source: Kinesis API reference, PutRecordsRequestEntry: `0|([1-9]\d{0,38})`.
    #[must_use]
    pub fn parse(digits: &str) -> Option<(Self, String)> {
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let whole: u128 = digits.parse().ok()?;
        Some((Self(u64::try_from(whole >> 64).ok()?), whole.to_string()))
    }
}

/// An open shard of a stream, and the hash keys it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetShard {
    pub id: String,
    /// The lowest hash key.
    pub first: HashKey,
    /// The highest hash key.
    pub last: HashKey,
}

/// The open shards of a stream, in the order of their hash keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShardMap {
    shards: Vec<TargetShard>,
}

impl ShardMap {
    /// The map of these shards, in whatever order they come.
    #[must_use]
    pub fn new(mut shards: Vec<TargetShard>) -> Self {
        shards.sort_by(|left, right| (left.first, &left.id).cmp(&(right.first, &right.id)));
        Self { shards }
    }

    #[must_use]
    pub fn shards(&self) -> &[TargetShard] {
        &self.shards
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.len()
    }

    /// Whether there are none, which no stream has.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }

    /// The place in the map of the shard that takes this hash key; of a map with a gap, the one before it.
    #[must_use]
    pub fn place_of(&self, hash: HashKey) -> usize {
        self.shards.partition_point(|shard| shard.first <= hash).saturating_sub(1)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// This many shards of equal size.
    pub(crate) fn even(shards: u32) -> ShardMap {
        let width = u128::MAX / u128::from(shards);
        let upper = |hash: u128| HashKey(u64::try_from(hash >> 64).unwrap());
        let shard = |place: u32| TargetShard {
            id: format!("shardId-{place:012}"),
            first: upper(width * u128::from(place)),
            last: upper(if place + 1 == shards { u128::MAX } else { width * u128::from(place + 1) - 1 }),
        };
        ShardMap::new((0..shards).map(shard).collect())
    }

    #[test]
    fn a_partition_key_has_kinesis_own_hash() {
        // MD5 of "cust-42", computed with md5sum.
        assert_eq!(HashKey::of_partition_key("cust-42"), HashKey(0x84fa_5a45_6134_b8c4));
        assert_eq!(HashKey::parse("0"), Some((HashKey(0), "0".to_owned())));
        assert_eq!(HashKey::parse(&u128::MAX.to_string()), Some((HashKey(u64::MAX), u128::MAX.to_string())));
        for wrong in ["", "-1", "+1", " 1", "abc", "1e3", "340282366920938463463374607431768211456"] {
            assert_eq!(HashKey::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn zeros_before_a_hash_key_are_dropped() {
        assert_eq!(HashKey::parse("00"), Some((HashKey(0), "0".to_owned())));
        let long = format!("{}{}", "0".repeat(60), u128::MAX);
        assert_eq!(HashKey::parse(&long), Some((HashKey(u64::MAX), u128::MAX.to_string())));
    }

    proptest! {
        #[test]
        fn every_hash_lies_in_one_shard(shards in 1..40_u32, hash: u64) {
            let map = even(shards);
            let shard = &map.shards()[map.place_of(HashKey(hash))];
            prop_assert!(shard.first <= HashKey(hash) && HashKey(hash) <= shard.last);
        }
    }
}
