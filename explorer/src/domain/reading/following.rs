//! Following a stream or its archive as records arrive: the order and the batches that come.

use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::record::Record;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
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
    /// Records that the filter could not look into.
    pub unsearchable: u64,
    /// Records of the stream that are not yet seen in the archive.
    pub waiting: usize,
    /// Records that were not seen in the archive after [`MISSING_AFTER`] and are no longer waited for.
    pub missing: u64,
    /// The longest time from arrival to archive among these records; in whole seconds, as items say it.
    pub lag: Option<Duration>,
    /// How far behind the end of the stream reading is; emulators may not tell.
    pub behind_latest: Option<Duration>,
    /// All that arrived before this was read from the stream, and is handed over, waited for or missing.
    pub reached: Option<Timestamp>,
}

/// How following goes: what a batch says besides its records, over all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowStatus {
    /// Records that the filter could not look into, so far.
    pub unsearchable: u64,
    /// Records of the stream that are not yet seen in the archive.
    pub waiting: usize,
    /// Records that never came there.
    pub missing: u64,
    /// The longest time from arrival to archive among the records that came last.
    pub lag: Option<Duration>,
    /// How far behind the end of the stream reading is; emulators may not tell.
    pub behind_latest: Option<Duration>,
    /// All that arrived before this was read from the stream.
    pub reached: Option<Timestamp>,
}

impl FollowStatus {
    /// The status after another batch.
    #[must_use]
    pub fn after(self, batch: &FollowBatch) -> Self {
        let FollowBatch { unsearchable, waiting, missing, lag, behind_latest, reached, .. } = *batch;
        let unsearchable = self.unsearchable + unsearchable;
        // A batch without records says nothing of how long they took.
        let (lag, reached) = (lag.or(self.lag), reached.max(self.reached));
        Self { unsearchable, waiting, missing, lag, behind_latest, reached }
    }
}

/// How long the explorer waits for a record to reach the archive.
pub const MISSING_AFTER: Duration = Duration::from_secs(5 * 60);

/// What was read of an archive lacks what arrived shortly before and was archived after that; following reads so much of the stream
/// again to find it.
pub const ARCHIVE_OVERLAP: Duration = MISSING_AFTER;
/// Arrival times of a stream are approximate. Source: Kinesis API reference, Record.
pub const STREAM_OVERLAP: Duration = Duration::from_secs(10);
/// More of a stream is not read again to close a gap: that would take long, and to read the archive again may take less.
pub const LONGEST_GAP: Duration = Duration::from_secs(60 * 60);

/// A span of time that was not read: its records are missing from the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What arrived before this was read.
    pub from: Timestamp,
    /// What arrived from this on was read.
    pub until: Timestamp,
}

/// Where following starts so that no record is missed after reading: a little before the time up to which everything was read. If that
/// is too long ago, a gap remains.
#[must_use]
pub fn follow_after(covered: Timestamp, now: Timestamp, overlap: Duration) -> (Timestamp, Option<Gap>) {
    let from = covered - overlap;
    if now.duration_since(covered).unsigned_abs() <= LONGEST_GAP || covered > now {
        return (from, None);
    }
    let from = now - overlap;
    (from, Some(Gap { from: covered, until: from }))
}

/// How following ended. By itself it never does.
#[derive(Clone, Debug, PartialEq)]
pub enum FollowEnding {
    /// On request.
    Stopped,
    /// A call failed.
    Failed(Failure),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_read_and_what_is_followed_leave_no_time_between_them_but_one_that_is_said(covered in 0..100_000_i64, later in -100..100_000_i64, overlap in 0..600_u64) {
            let at = |second| Timestamp::from_second(second).unwrap_or_default();
            let (from, gap) = follow_after(at(covered), at(covered + later), Duration::from_secs(overlap));
            match gap {
                None => prop_assert!(from <= at(covered)),
                Some(gap) => prop_assert_eq!((gap.from, gap.until), (at(covered), from)),
            }
            prop_assert_eq!(gap.is_some(), later > 3_600);
        }
    }
}
