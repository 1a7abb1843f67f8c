//! When records of the demo arrived: more by day than by night.

use jiff::{SignedDuration, Timestamp};

/// How busy each hour of a day is, in UTC.
const BUSY: [u8; 24] = [2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 10, 11, 12, 13, 14, 12, 9, 6, 3];
/// One more than the busiest hour has.
const BUSIEST: u8 = 15;

/// A time in which many records arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rush {
    /// How long ago it began.
    pub(super) hours_ago: i64,
    pub(super) minutes: i64,
    pub(super) records: usize,
}

/// That many times in the hours until now, in order.
pub(super) fn arrivals(random: &mut fastrand::Rng, now: Timestamp, hours: i64, count: usize, rush: Option<Rush>) -> Vec<Timestamp> {
    let ago = |milliseconds: i64| now.saturating_sub(SignedDuration::from_millis(milliseconds)).unwrap_or(now);
    let mut times = Vec::with_capacity(count);
    while times.len() < count {
        let time = ago(random.i64(1_000..hours * 3_600_000));
        let hour = usize::try_from(time.as_second().rem_euclid(86_400) / 3_600).unwrap_or_default();
        if random.u8(..BUSIEST) <= BUSY[hour] {
            times.push(time);
        }
    }
    if let Some(rush) = rush {
        let (begin, length) = (rush.hours_ago * 3_600_000, rush.minutes * 60_000);
        times.extend((0..rush.records).map(|_| ago(begin - random.i64(0..length))));
    }
    times.sort_unstable();
    times
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_are_spread_over_all_the_hours_and_many_are_in_the_rush() {
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let rush = Rush { hours_ago: 50, minutes: 40, records: 100 };
        let times = arrivals(&mut fastrand::Rng::with_seed(7), now, 168, 1_000, Some(rush));
        assert_eq!(times.len(), 1_100);
        assert!(times.is_sorted() && *times.last().unwrap() < now);
        let within = |from: i64, until: i64| {
            times.iter().filter(|time| (from..until).contains(&(now.as_millisecond() - time.as_millisecond()))).count()
        };
        for day in 0..7 {
            assert!(within(day * 86_400_000, (day + 1) * 86_400_000) > 50, "day {day}");
        }
        assert!(within(49 * 3_600_000, 50 * 3_600_000) >= 100);
        assert_eq!(within(0, 168 * 3_600_000), 1_100);
    }
}
