//! The rows' arrivals in buckets of time, in total and by shard, and moving between buckets.

use super::{HistogramView, Records};
use crate::app::ids::SpoolId;
use crate::domain::listing::entry::ShardIndex;
use crate::domain::listing::histogram::Buckets;
use std::collections::BTreeMap;

/// Most buckets to show.
const MAX_BUCKETS: usize = 240;
/// Columns of a shard's name before its bars.
pub const SHARD_COLUMNS: usize = 6;

/// The arrivals by shard.
#[derive(Debug)]
pub struct ByShard {
    /// The rows that were counted.
    of: (SpoolId, usize),
    /// The buckets.
    pub buckets: Buckets,
    /// How many records of each shard arrived in each bucket.
    pub counts: BTreeMap<ShardIndex, Vec<usize>>,
}

impl Records {
    /// The buckets to show arrivals in.
    #[must_use]
    pub fn buckets(&self, most: usize) -> Option<Buckets> {
        Buckets::of(&self.rows.listing, most.min(MAX_BUCKETS))
    }

    /// Goes to the newest record of the next later or earlier bucket that is not empty.
    pub(super) fn go_to_bucket(&mut self, by: isize) {
        // The same buckets as on the screen.
        let taken = if self.histogram == HistogramView::ByShard { SHARD_COLUMNS + 1 } else { 2 };
        let Some(buckets) = self.buckets(self.sharing.list_columns().saturating_sub(taken)) else {
            return;
        };
        let Some(entry) = self.rows.listing.get(self.cursor) else {
            return;
        };
        let counts = buckets.counts(&self.rows.listing);
        let mut bucket = buckets.bucket_of(entry.arrived_ms);
        while let Some(next) = bucket.checked_add_signed(by).filter(|next| *next < buckets.count) {
            bucket = next;
            if counts[bucket] > 0 {
                self.anchor = None;
                self.cursor = self.rows.listing.count_since(buckets.start_of(bucket + 1));
                return;
            }
        }
    }

    /// How many records of each shard arrived in each bucket, as last counted.
    #[must_use]
    pub fn by_shard(&self) -> Option<&ByShard> {
        self.by_shard.as_ref()
    }

    /// Counts each shard's records, if they are shown and have changed, so that drawing need not.
    pub(super) fn count_by_shard(&mut self) {
        if self.histogram != HistogramView::ByShard {
            self.by_shard = None;
            return;
        }
        let Some(buckets) = self.buckets(self.sharing.list_columns().saturating_sub(SHARD_COLUMNS + 1)) else {
            self.by_shard = None;
            return;
        };
        let of = (self.rows.spool, self.rows.len());
        if self.by_shard.as_ref().is_none_or(|known| (known.of, known.buckets) != (of, buckets)) {
            let counts = buckets.counts_by_shard(&self.rows.listing);
            self.by_shard = Some(ByShard { of, buckets, counts });
        }
    }
}
