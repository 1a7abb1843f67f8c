//! How fast a replay sends: the limits of a shard, the share that the replay may use, and the token buckets that enforce it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// Records a shard takes in a second. Source: Kinesis developer guide, quotas.
pub const SHARD_RECORDS_PER_SECOND: f64 = 1_000.0;
/// Bytes a shard takes in a second, partition keys included. Source: Kinesis developer guide, quotas.
pub const SHARD_BYTES_PER_SECOND: f64 = 1_000_000.0;
/// Records per second that a shard gets at full rate.
const FULL_RATE: f64 = 0.965;
/// The share of a limit that is sent in any second. The rest is a reserve for calls that arrive closer together than they were sent.
const MOST_IN_A_SECOND: f64 = 0.985;
/// The longest time for which tokens are saved up, so that one call sends many records.
const LONGEST_SAVING: Duration = Duration::from_millis(200);
/// The shortest time, at full rate: saved tokens plus those of the next second must not exceed the shard's limit.
const SHORTEST_SAVING: Duration = Duration::from_millis(20);

/// How fast records are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rate {
    /// A percentage of what each shard takes, from 1 to 100.
    Share(u8),
    /// Records per second over all shards; no shard exceeds its limit.
    PerSecond(NonZeroU32),
    /// As fast as Kinesis takes them.
    Unlimited,
}

/// A text that is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a rate; use a share of each shard's capacity such as 50%, records per second such as 800/s, or max")]
pub struct InvalidRate(String);

impl Default for Rate {
    /// Half of each shard; the other half is left to live producers.
    fn default() -> Self {
        Self::Share(50)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(percent) => write!(formatter, "{percent}%"),
            Self::PerSecond(records) => write!(formatter, "{records}/s"),
            Self::Unlimited => formatter.write_str("max"),
        }
    }
}

impl FromStr for Rate {
    type Err = InvalidRate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let typed = text.trim();
        let invalid = || InvalidRate(text.to_owned());
        if typed.eq_ignore_ascii_case("max") {
            return Ok(Self::Unlimited);
        }
        if let Some(percent) = typed.strip_suffix('%') {
            let percent = percent.trim().parse().ok().filter(|percent| (1..=100).contains(percent));
            return percent.map(Self::Share).ok_or_else(invalid);
        }
        let records = typed.strip_suffix("/s").unwrap_or(typed);
        records.trim().parse().map(Self::PerSecond).map_err(|_| invalid())
    }
}

impl Rate {
    /// Records a second of each shard; `None` without a limit.
    #[must_use]
    pub fn records_of_shard(self) -> Option<f64> {
        match self {
            Self::Share(percent) => Some(SHARD_RECORDS_PER_SECOND * (f64::from(percent) / 100.0).min(FULL_RATE)),
            Self::PerSecond(_) => Some(SHARD_RECORDS_PER_SECOND * FULL_RATE),
            Self::Unlimited => None,
        }
    }

    /// Bytes a second of each shard; `None` without a limit.
    #[must_use]
    pub fn bytes_of_shard(self) -> Option<f64> {
        self.records_of_shard().map(|records| SHARD_BYTES_PER_SECOND * records / SHARD_RECORDS_PER_SECOND)
    }

    /// Records per second over all shards, if that has a limit of its own.
    #[must_use]
    pub fn records_in_all(self) -> Option<f64> {
        match self {
            Self::PerSecond(records) => Some(f64::from(records.get())),
            Self::Share(_) | Self::Unlimited => None,
        }
    }

    /// The minimum time for these records and bytes of every shard. With [`Rate::Unlimited`], Kinesis' own limits apply.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn time_for(self, shards: impl IntoIterator<Item = (u64, u64)>) -> Duration {
        let (of_shard, bytes_of_shard) =
            (self.records_of_shard().unwrap_or(SHARD_RECORDS_PER_SECOND), self.bytes_of_shard().unwrap_or(SHARD_BYTES_PER_SECOND));
        let (mut longest, mut all) = (0.0_f64, 0);
        for (records, bytes) in shards {
            longest = longest.max(records as f64 / of_shard).max(bytes as f64 / bytes_of_shard);
            all += records;
        }
        let in_all = self.records_in_all().map_or(0.0, |per_second| all as f64 / per_second);
        Duration::try_from_secs_f64(longest.max(in_all)).unwrap_or(Duration::MAX)
    }
}

/// A token bucket: tokens come in steadily and are saved up to a bound. A single request above the bound may overdraw it.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    per_second: f64,
    capacity: f64,
    tokens: f64,
    filled_at: Duration,
}

impl TokenBucket {
    /// A full bucket with this many tokens per second, and at most `limit` in any second.
    #[must_use]
    pub fn new(per_second: f64, limit: f64, now: Duration) -> Self {
        let spare =
            (MOST_IN_A_SECOND * limit / per_second - 1.0).clamp(SHORTEST_SAVING.as_secs_f64(), LONGEST_SAVING.as_secs_f64());
        let capacity = (per_second * spare).max(1.0);
        Self { per_second, capacity, tokens: capacity, filled_at: now }
    }

    /// How many tokens must be there before a call is worth it: enough for all, or most of the bound. Not the whole bound, because a
    /// full bucket loses the tokens that come in before the caller wakes up.
    #[must_use]
    pub fn worthwhile(&self, wanted: f64) -> f64 {
        wanted.min((self.capacity * WORTH_A_CALL).max(1.0))
    }

    /// The tokens that are there now.
    pub fn available(&mut self, now: Duration) -> f64 {
        let passed = now.saturating_sub(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.capacity);
        self.filled_at = self.filled_at.max(now);
        self.tokens
    }

    /// Whether this much may be taken; more than the bound is allowed when the bucket is full.
    pub fn allows(&mut self, amount: f64, now: Duration) -> bool {
        self.available(now) >= amount.min(self.capacity) - ROUNDING
    }

    /// Takes this much.
    pub fn take(&mut self, amount: f64) {
        self.tokens -= amount;
    }

    /// When this much may be taken.
    #[must_use]
    pub fn allows_at(&self, amount: f64) -> Duration {
        let missing = (amount.min(self.capacity) - self.tokens) / self.per_second;
        if missing <= 0.0 {
            return self.filled_at;
        }
        // Slightly late is better than too early, which would be in vain.
        let wait = Duration::try_from_secs_f64(missing).unwrap_or(Duration::MAX);
        self.filled_at.saturating_add(wait).saturating_add(Duration::from_micros(1))
    }
}

/// The share of the bound that is worth a call.
const WORTH_A_CALL: f64 = 0.7;
/// Tolerance for rounding errors in sums of parts of a token.
const ROUNDING: f64 = 1e-6;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_read_as_they_are_written() {
        for (text, rate) in [
            ("50%", Rate::Share(50)),
            (" 100 % ", Rate::Share(100)),
            ("800/s", Rate::PerSecond(NonZeroU32::new(800).unwrap())),
            ("800", Rate::PerSecond(NonZeroU32::new(800).unwrap())),
            ("MAX", Rate::Unlimited),
        ] {
            assert_eq!(text.parse(), Ok(rate), "{text}");
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        for wrong in ["", "0%", "101%", "0/s", "0", "-5", "fast", "5.5%"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn the_hottest_shard_or_the_rate_in_all_says_how_long_it_takes() {
        assert_eq!(Rate::Share(50).time_for([(1_000, 100), (5_000, 100)]).as_secs(), 10);
        assert_eq!(Rate::Share(50).time_for([(1, 5_000_000)]).as_secs(), 10);
        assert_eq!("100/s".parse::<Rate>().unwrap().time_for([(1_000, 100), (500, 100)]).as_secs(), 15);
        assert_eq!(Rate::Unlimited.time_for([(3_000, 100)]).as_secs(), 3);
    }

    proptest! {
        #[test]
        fn no_second_has_more_than_the_limit(percent in 1..=100_u8, gaps in proptest::collection::vec(0..40_u64, 1..400)) {
            let per_second = Rate::Share(percent).records_of_shard().unwrap();
            let mut bucket = TokenBucket::new(per_second, SHARD_RECORDS_PER_SECOND, Duration::ZERO);
            let (mut now, mut taken) = (Duration::ZERO, Vec::new());
            for gap in gaps {
                now += Duration::from_millis(gap);
                while bucket.allows(1.0, now) {
                    bucket.take(1.0);
                    taken.push(now);
                }
                prop_assert!(bucket.allows_at(1.0) > now);
            }
            for (first, at) in taken.iter().enumerate() {
                let within = taken[first..].iter().take_while(|later| **later - *at < Duration::from_secs(1)).count();
                prop_assert!(within <= 1_000, "{within} in a second");
            }
        }
    }
}
