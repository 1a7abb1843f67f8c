//! When the records that were read arrived: how many in each of a few equal spans of time, in all and by shard.

use crate::domain::listing::Listing;
use crate::domain::listing::entry::{Entry, ShardIndex};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Lengths a bucket can have, in milliseconds: what people count time in. Longer ones are 2, 4, 8 weeks and so on.
const SPANS_MS: [i64; 21] = [
    1, 10, 100, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000,
    10_800_000, 21_600_000, 43_200_000, 86_400_000, WEEK_MS,
];
const WEEK_MS: i64 = 7 * 86_400_000;

/// Buckets of equal length that follow one another, the oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buckets {
    /// When the first begins, epoch milliseconds.
    pub start_ms: i64,
    /// The length of each, in milliseconds.
    pub span_ms: i64,
    /// How many there are; at least one.
    pub count: usize,
}

impl Buckets {
    /// At most this many buckets, or two, for the records of a listing; `None` if no arrival is known.
    #[must_use]
    pub fn of(listing: &Listing, most: usize) -> Option<Self> {
        let newest = listing.get(0).filter(|entry| entry.arrived_ms != Entry::NO_TIME)?.arrived_ms;
        let timed = listing.count_since(Entry::NO_TIME + 1);
        let oldest = listing.get(timed.checked_sub(1)?)?.arrived_ms;
        let most = i64::try_from(most.max(2)).unwrap_or(i64::MAX);
        let fits = |span: i64| newest.div_euclid(span) - oldest.div_euclid(span) < most;
        // With buckets as long as the whole span, it takes at most two.
        let mut spans = SPANS_MS.into_iter().chain((1..33).map(|doublings| WEEK_MS << doublings));
        let span_ms = spans.find(|span| fits(*span))?;
        let first = oldest.div_euclid(span_ms);
        let count = usize::try_from(newest.div_euclid(span_ms) - first + 1).unwrap_or(1);
        Some(Self { start_ms: first.saturating_mul(span_ms), span_ms, count })
    }

    /// When a bucket begins, epoch milliseconds.
    #[must_use]
    pub fn start_of(&self, bucket: usize) -> i64 {
        let bucket = i64::try_from(bucket).unwrap_or(i64::MAX);
        self.start_ms.saturating_add(bucket.saturating_mul(self.span_ms))
    }

    /// When a bucket begins, if that is a valid time.
    #[must_use]
    pub fn time_of(&self, bucket: usize) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.start_of(bucket)).ok()
    }

    /// The bucket of a time, or the nearest one.
    #[must_use]
    pub fn bucket_of(&self, arrived_ms: i64) -> usize {
        let bucket = arrived_ms.saturating_sub(self.start_ms).div_euclid(self.span_ms);
        usize::try_from(bucket).unwrap_or(0).min(self.count - 1)
    }

    /// The length of a bucket for people: `per minute`, `per 15 s`.
    #[must_use]
    pub fn per(&self) -> String {
        let (units, name) = match self.span_ms {
            span if span < 1_000 => (span, "ms"),
            span if span < 60_000 => (span / 1_000, "s"),
            span if span < 3_600_000 => (span / 60_000, "min"),
            span if span < 86_400_000 => (span / 3_600_000, "h"),
            span => (span / 86_400_000, "d"),
        };
        if units == 1 { format!("per {name}") } else { format!("per {units} {name}") }
    }

    /// How many records arrived in each. Looks at a few entries a bucket, however many there are.
    #[must_use]
    pub fn counts(&self, listing: &Listing) -> Vec<usize> {
        let since: Vec<usize> = (0..=self.count).map(|bucket| listing.count_since(self.start_of(bucket))).collect();
        since.windows(2).map(|pair| pair[0] - pair[1]).collect()
    }

    /// How many records of each shard arrived in each. Looks at every entry once.
    #[must_use]
    pub fn counts_by_shard(&self, listing: &Listing) -> BTreeMap<ShardIndex, Vec<usize>> {
        let mut counts: BTreeMap<ShardIndex, Vec<usize>> = BTreeMap::new();
        for entry in listing.from(0).take_while(|entry| entry.arrived_ms != Entry::NO_TIME) {
            let of_shard = counts.entry(entry.shard).or_insert_with(|| vec![0; self.count]);
            of_shard[self.bucket_of(entry.arrived_ms)] += 1;
        }
        counts
    }
}

/// How high a bar is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// As high as the count is.
    Linear,
    /// As high as its logarithm, so that one burst does not flatten the rest.
    Logarithmic,
}

impl Scale {
    /// The scale in which something is seen of these counts.
    #[must_use]
    pub fn of(counts: &[usize]) -> Self {
        /// From this many times the middle count on, a burst would flatten the rest.
        const BURST: usize = 16;
        let mut counted: Vec<usize> = counts.iter().copied().filter(|count| *count > 0).collect();
        counted.sort_unstable();
        let middle = counted.get(counted.len() / 2).copied().unwrap_or(0);
        let most = counted.last().copied().unwrap_or(0);
        if most >= middle.saturating_mul(BURST) && most > 0 { Self::Logarithmic } else { Self::Linear }
    }
}

/// A bar for each count, an eighth of a line's height at a time; what is not nothing is seen.
#[must_use]
pub fn bars(counts: &[usize], scale: Scale) -> String {
    const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = counts.iter().copied().max().unwrap_or(0).max(1);
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an eighth is enough")]
    let height = |count: usize| match scale {
        Scale::Linear => count.saturating_mul(8).div_ceil(most),
        Scale::Logarithmic => ((count as f64).ln_1p() / (most as f64).ln_1p() * 8.0).ceil() as usize,
    };
    counts.iter().map(|count| BARS[height(*count).min(8)]).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::listing::entry::Place;
    use crate::domain::record::Record;
    use archiver::format::item::StoredItem;
    use archiver::format::record::ArrivalTime;
    use proptest::prelude::*;

    fn listing(arrivals: &[(i64, u16)]) -> Listing {
        let entries = arrivals.iter().zip(0..).map(|((milliseconds, shard), place)| {
            let arrival = ArrivalTime::parse(&format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000)).ok();
            Entry::new(&Record::new(StoredItem { arrival, ..StoredItem::default() }), Place(place), *shard)
        });
        let mut listing = Listing::default();
        listing.add(entries.collect());
        listing
    }

    #[test]
    fn an_hour_is_shown_by_the_minute() {
        let listing = listing(&[(1_700_000_000_000, 0), (1_700_000_059_000, 1), (1_700_003_500_000, 0)]);
        let buckets = Buckets::of(&listing, 70).unwrap();
        assert_eq!(buckets.per(), "per min");
        assert!((59..=60).contains(&buckets.count));
        assert_eq!(buckets.counts(&listing).iter().sum::<usize>(), 3);
        assert_eq!(Buckets { span_ms: 15_000, ..buckets }.per(), "per 15 s");
        assert_eq!(Buckets { span_ms: 2 * WEEK_MS, ..buckets }.per(), "per 14 d");
    }

    #[test]
    fn bars_show_what_is_little_and_nothing_of_what_is_not_there() {
        assert_eq!(bars(&[0, 1, 500, 1_000], Scale::Linear), " ▁▄█");
        assert_eq!(bars(&[0, 1, 30, 1_000], Scale::Logarithmic), " ▁▄█");
        assert_eq!(bars(&[0, 0], Scale::Linear), "  ");
    }

    #[test]
    fn one_burst_does_not_flatten_the_rest() {
        assert_eq!(Scale::of(&[3, 0, 4, 5, 900]), Scale::Logarithmic);
        assert_eq!(Scale::of(&[3, 0, 4, 5, 9]), Scale::Linear);
        assert_eq!(Scale::of(&[0, 0]), Scale::Linear);
        assert_eq!(Scale::of(&[7]), Scale::Linear);
    }

    #[test]
    fn records_without_a_time_are_in_no_bucket() {
        let mut without = Listing::default();
        without.add(vec![Entry::new(&Record::new(StoredItem::default()), Place(0), 0)]);
        assert_eq!(Buckets::of(&without, 10), None);
        assert_eq!(Buckets::of(&Listing::default(), 10), None);
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_bucket(arrivals in proptest::collection::vec((0..4_000_000_000_000_i64, 0..4_u16), 1..50), most in 2..200_usize) {
            let listing = listing(&arrivals);
            let buckets = Buckets::of(&listing, most).unwrap();
            prop_assert!(buckets.count >= 1 && buckets.count <= most, "{buckets:?}");
            let counts = buckets.counts(&listing);
            prop_assert_eq!(counts.iter().sum::<usize>(), arrivals.len());
            let by_shard = buckets.counts_by_shard(&listing);
            let summed: Vec<usize> = (0..buckets.count).map(|bucket| by_shard.values().map(|counts| counts[bucket]).sum()).collect();
            prop_assert_eq!(summed, counts);
            for (arrival, _) in arrivals {
                let bucket = buckets.bucket_of(arrival);
                prop_assert!(buckets.start_of(bucket) <= arrival && arrival < buckets.start_of(bucket + 1));
            }
        }
    }
}
