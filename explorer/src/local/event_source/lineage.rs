//! Which shards of a stream may be read. A child must wait for its parents, or a key's records would be delivered out of order.

use archiver::format::record::ShardId;

/// A shard as ListShards returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) id: ShardId,
    /// Its first sequence number. Distinguishes the stream's shards from those of an earlier stream with the same name.
    pub(super) starts_at: String,
    pub(super) parents: Vec<ShardId>,
}

impl From<aws_sdk_kinesis::types::Shard> for Shard {
    fn from(shard: aws_sdk_kinesis::types::Shard) -> Self {
        let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
        Self {
            id: ShardId::new(shard.shard_id),
            starts_at: shard.sequence_number_range.map(|range| range.starting_sequence_number).unwrap_or_default(),
            parents: parents.into_iter().flatten().map(ShardId::new).collect(),
        }
    }
}

/// The shards to start reading now: those that are not exhausted and whose remaining parents are. GetRecords may not name a shard's
/// children, so the whole list is checked whenever a shard is exhausted.
pub(super) fn startable(shards: &[Shard], is_exhausted: impl Fn(&Shard) -> bool) -> Vec<&Shard> {
    let is_unread = |parent: &ShardId| shards.iter().any(|shard| shard.id == *parent && !is_exhausted(shard));
    shards.iter().filter(|shard| !is_exhausted(shard) && !shard.parents.iter().any(is_unread)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str]) -> Shard {
        Shard { id: ShardId::new(id), starts_at: "1".to_owned(), parents: parents.iter().copied().map(ShardId::new).collect() }
    }

    fn startable_ids(shards: &[Shard], exhausted: &[&str]) -> Vec<String> {
        startable(shards, |shard| exhausted.contains(&shard.id.as_str())).into_iter().map(|shard| shard.id.to_string()).collect()
    }

    #[test]
    fn children_of_a_split_start_when_their_parent_is_exhausted() {
        let shards = [shard("0", &[]), shard("1", &[]), shard("2", &["0"]), shard("3", &["0"])];
        assert_eq!(startable_ids(&shards, &[]), ["0", "1"]);
        assert_eq!(startable_ids(&shards, &["0"]), ["1", "2", "3"]);
    }

    #[test]
    fn the_child_of_a_merge_waits_for_both_parents() {
        let shards = [shard("0", &[]), shard("1", &[]), shard("2", &["0", "1"])];
        assert_eq!(startable_ids(&shards, &["0"]), ["1"]);
        assert_eq!(startable_ids(&shards, &["0", "1"]), ["2"]);
    }

    #[test]
    fn a_parent_that_has_expired_holds_nobody_up() {
        assert_eq!(startable_ids(&[shard("2", &["0"])], &[]), ["2"]);
    }
}
