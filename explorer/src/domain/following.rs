//! Following a stream or its archive as records arrive: what is asked for and what comes.

use super::decode::Recipe;
use super::failure::Failure;
use super::filter::RecordFilter;
use super::record::Record;
use archiver::settings::ArchiveMode;
use archiver::stream::StreamName;
use jiff::Timestamp;
use std::time::Duration;

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The stream itself: records come as soon as Kinesis has them.
    Stream,
    /// Its archive: records of the stream come when they are seen there.
    Archive {
        /// The archive's table.
        table: String,
        /// Its mode.
        mode: ArchiveMode,
    },
}

/// Where following begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowFrom {
    /// With what arrives from now on.
    Now,
    /// With what arrived at this time.
    At(Timestamp),
}

/// What is to be followed.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowOrder {
    /// The stream.
    pub stream: StreamName,
    /// Itself or its archive.
    pub followed: Followed,
    /// What the records must be.
    pub filter: RecordFilter,
    /// How payloads are decoded when the filter looks into them.
    pub recipe: Recipe,
    /// Where following begins.
    pub from: FollowFrom,
}

/// Records that have arrived, and how things stand with them. The first one is empty: what arrives after it is not missed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FollowBatch {
    /// The records, those of one shard in their order. One of a stream is as its archive would hold it, an aggregated one whole.
    pub records: Vec<Record>,
    /// Records of the stream that are not yet seen in the archive.
    pub waiting: usize,
    /// Records that were not seen in the archive after [`MISSING_AFTER`] and are no longer waited for.
    pub missing: u64,
    /// The longest time from arrival to archive among these records; in whole seconds, as items say it.
    pub lag: Option<Duration>,
    /// How far behind the end of the stream reading is; emulators may not tell.
    pub behind_latest: Option<Duration>,
}

/// How following goes: what a batch says besides its records, over all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowStatus {
    /// Records of the stream that are not yet seen in the archive.
    pub waiting: usize,
    /// Records that never came there.
    pub missing: u64,
    /// The longest time from arrival to archive among the records that came last.
    pub lag: Option<Duration>,
    /// How far behind the end of the stream reading is; emulators may not tell.
    pub behind_latest: Option<Duration>,
}

impl FollowStatus {
    /// The status after another batch.
    #[must_use]
    pub fn after(self, batch: &FollowBatch) -> Self {
        let FollowBatch { waiting, missing, lag, behind_latest, .. } = *batch;
        // A batch without records says nothing of how long they took.
        Self { waiting, missing, lag: lag.or(self.lag), behind_latest }
    }
}

/// How long a record is looked for in the archive.
pub const MISSING_AFTER: Duration = Duration::from_secs(5 * 60);

/// How following ended. By itself it never does.
#[derive(Clone, Debug, PartialEq)]
pub enum FollowEnding {
    /// On request.
    Stopped,
    /// A call failed.
    Failed(Failure),
}
