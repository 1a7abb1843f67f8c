//! One lane: what is ready to go into a shard, its pace, and its wait when the shard throttles.

use super::Position;
use crate::domain::replay::pace::{Rate, SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND, TokenBucket};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

/// Upper bound of the wait after a first failure.
pub(super) const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Upper bound of any wait.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Lane {
    /// Keys whose next record goes into this lane, by its position.
    pub(super) ready: BinaryHeap<Reverse<(Position, u64)>>,
    /// Records that wait here, ready or not.
    pub(super) waiting: usize,
    pub(super) limits: Option<Limits>,
    pub(super) pause: Pause,
    pub(super) acknowledged: u64,
    pub(super) throttled: u64,
}

/// The pace of a lane.
#[derive(Debug)]
pub(super) struct Limits {
    records: TokenBucket,
    bytes: TokenBucket,
}

/// A wait that doubles with each failure in a row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pause {
    pub(super) until: Duration,
    pub(super) since: Duration,
    pub(super) in_a_row: u32,
}

impl Pause {
    /// Begins a wait, unless what failed was on its way before the last wait began.
    pub(super) fn begin(&mut self, sent_at: Duration, now: Duration, jitter: f64) {
        if self.in_a_row > 0 && sent_at < self.since {
            return;
        }
        self.until = now + delay(self.in_a_row, jitter);
        self.since = now;
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// Notes the success of a call that was sent after the last wait began.
    pub(super) fn end(&mut self, sent_at: Duration) {
        if sent_at >= self.since {
            self.in_a_row = 0;
        }
    }
}

/// A part, by `jitter` from 0 to 1, of a delay that doubles with each failure in a row.
pub(super) fn delay(failures_in_a_row: u32, jitter: f64) -> Duration {
    let longest = FIRST_DELAY.saturating_mul(2_u32.saturating_pow(failures_in_a_row)).min(LONGEST_DELAY);
    longest.mul_f64(jitter.clamp(0.0, 1.0))
}

impl Limits {
    fn of(rate: Rate, now: Duration) -> Option<Self> {
        Some(Self {
            records: TokenBucket::new(rate.records_of_shard()?, SHARD_RECORDS_PER_SECOND, now),
            bytes: TokenBucket::new(rate.bytes_of_shard()?, SHARD_BYTES_PER_SECOND, now),
        })
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts and sizes of a second are far below 2^52")]
impl Lane {
    pub(super) fn new(rate: Rate, now: Duration) -> Self {
        Self {
            ready: BinaryHeap::new(),
            waiting: 0,
            limits: Limits::of(rate, now),
            pause: Pause::default(),
            acknowledged: 0,
            throttled: 0,
        }
    }

    /// Whether enough may be sent for a call to be worth it.
    pub(super) fn is_worth_it(&mut self, now: Duration) -> bool {
        let wanted = self.ready.len() as f64;
        self.limits.as_mut().is_none_or(|limits| limits.records.allows(limits.records.worthwhile(wanted), now))
    }

    pub(super) fn allows(&mut self, bytes: u64, now: Duration) -> bool {
        self.limits.as_mut().is_none_or(|limits| limits.records.allows(1.0, now) && limits.bytes.allows(bytes as f64, now))
    }

    pub(super) fn take(&mut self, bytes: u64) {
        if let Some(limits) = &mut self.limits {
            limits.records.take(1.0);
            limits.bytes.take(bytes as f64);
        }
    }

    /// When a record of this size may be sent together with this many records.
    pub(super) fn allows_at(&self, records: usize, bytes: u64) -> Duration {
        let wanted = records as f64;
        self.limits.as_ref().map_or(Duration::ZERO, |limits| {
            limits.records.allows_at(limits.records.worthwhile(wanted)).max(limits.bytes.allows_at(bytes as f64))
        })
    }
}
