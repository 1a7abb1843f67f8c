//! How far each shard's records are done: archived, or in the failure destination.

use super::lineage::Shard;
use archiver::format::record::ShardId;
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamName;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// The checkpoints of all mappings, for as long as the process runs. If a stream's tags are removed and added again, reading
/// resumes where it stopped, as with a mapping that was disabled and enabled.
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
    /// Returns once the record with this number is done.
    pub async fn reached(&self, stream: &StreamName, shard: &ShardId, number: &SequenceNumber) {
        let is_reached = |positions: &HashMap<ShardKey, Position>| {
            positions.iter().any(|(key, position)| {
                key.stream == *stream && key.shard == *shard && position.done.as_ref().is_some_and(|done| done >= number)
            })
        };
        // `self` owns the sender, so the wait cannot end early.
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
