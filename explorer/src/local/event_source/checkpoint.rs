//! How far the records of each shard are done: archived, or given up to the failure destination.

use super::lineage::Shard;
use archiver::format::record::ShardId;
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamName;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// The checkpoints of all mappings, kept while the process runs: a stream whose tags are taken off and put on again is read on
/// from where it stood, as by a mapping that was disabled and enabled.
#[derive(Clone, Debug)]
pub struct Checkpoints(Arc<watch::Sender<HashMap<ShardKey, Position>>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ShardKey {
    stream: StreamName,
    shard: ShardId,
    starts_at: String,
}

#[derive(Clone, Debug, Default)]
struct Position {
    done: Option<SequenceNumber>,
    is_exhausted: bool,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(HashMap::new())))
    }
}

impl Checkpoints {
    /// Returns when the record of this number in a shard is done.
    pub async fn reached(&self, stream: &StreamName, shard: &ShardId, number: &SequenceNumber) {
        let is_reached = |positions: &HashMap<ShardKey, Position>| {
            positions.iter().any(|(key, position)| {
                key.stream == *stream && key.shard == *shard && position.done.as_ref().is_some_and(|done| done >= number)
            })
        };
        // The sender is in `self`, so the wait cannot end for want of one.
        self.0.subscribe().wait_for(is_reached).await.ok();
    }

    pub(super) fn done(&self, stream: &StreamName, shard: &Shard) -> Option<SequenceNumber> {
        self.0.borrow().get(&key(stream, shard)).and_then(|position| position.done.clone())
    }

    pub(super) fn is_exhausted(&self, stream: &StreamName, shard: &Shard) -> bool {
        self.0.borrow().get(&key(stream, shard)).is_some_and(|position| position.is_exhausted)
    }

    pub(super) fn advance(&self, stream: &StreamName, shard: &Shard, number: SequenceNumber) {
        self.0.send_modify(|positions| positions.entry(key(stream, shard)).or_default().done = Some(number));
    }

    pub(super) fn exhaust(&self, stream: &StreamName, shard: &Shard) {
        self.0.send_modify(|positions| positions.entry(key(stream, shard)).or_default().is_exhausted = true);
    }
}

fn key(stream: &StreamName, shard: &Shard) -> ShardKey {
    ShardKey { stream: stream.clone(), shard: shard.id.clone(), starts_at: shard.starts_at.clone() }
}
