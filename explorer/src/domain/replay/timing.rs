//! When records are sent: as fast as the rate allows, or with the pauses between their arrivals.

use crate::domain::text::count;
use crate::domain::time::span;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When records are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Timing {
    /// As fast as the rate allows.
    #[default]
    AsFast,
    /// As they arrived, this many times as fast.
    AsRecorded(f64),
}

/// A text that is not a timing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a timing; use fast, recorded, or a factor such as 10x (ten times as fast as recorded)")]
pub struct InvalidTiming(String);

impl fmt::Display for Timing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AsFast => formatter.write_str("fast"),
            Self::AsRecorded(factor) => write!(formatter, "{factor}x"),
        }
    }
}

impl FromStr for Timing {
    type Err = InvalidTiming;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let typed = text.trim().to_lowercase();
        match typed.as_str() {
            "fast" => return Ok(Self::AsFast),
            "recorded" => return Ok(Self::AsRecorded(1.0)),
            _ => {}
        }
        let factor = typed.strip_suffix('x').and_then(|factor| factor.trim().parse::<f64>().ok());
        let factor = factor.filter(|factor| factor.is_finite() && *factor > 0.0);
        factor.map(Self::AsRecorded).ok_or_else(|| InvalidTiming(text.to_owned()))
    }
}

/// A longer replay as recorded causes a warning.
pub const LONG: Duration = Duration::from_secs(7 * 24 * 3_600);
/// A longer one is refused: most likely, an arrival time is wrong.
pub const TOO_LONG: Duration = Duration::from_secs(366 * 24 * 3_600);

/// A span of time that may be years, for people.
#[must_use]
pub fn long_span(time: Duration) -> String {
    const YEAR: u64 = 365 * 24 * 3_600;
    match time.as_secs() {
        0 => "less than a second".to_owned(),
        seconds if seconds >= 2 * YEAR => format!("{} years", count(seconds / YEAR)),
        seconds => span(seconds),
    }
}

/// Why such a time is too long, for people.
#[must_use]
pub fn too_long(time: Duration) -> String {
    let time = long_span(time);
    format!("as recorded it takes {time}, and the limit is a year: choose a larger factor, such as --timing 1000x, or fast")
}

/// The time between two arrivals in epoch milliseconds, divided by the factor.
#[must_use]
#[allow(clippy::cast_precision_loss, reason = "milliseconds of a million years are below 2^52")]
pub fn between(first: i64, last: i64, factor: f64) -> Duration {
    let seconds = last.saturating_sub(first).max(0) as f64 / 1_000.0;
    Duration::try_from_secs_f64(seconds / factor).unwrap_or(Duration::MAX)
}

/// When each record is due, by its arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The arrival that is due at `begins`, in epoch milliseconds.
    pub first_arrival: i64,
    /// When that is.
    pub begins: Duration,
    /// How many times as fast as recorded.
    pub factor: f64,
}

impl Schedule {
    /// When a record of this arrival is due; what arrived before the first one is due at once.
    #[must_use]
    pub fn due(&self, arrived: i64) -> Duration {
        self.begins.saturating_add(between(self.first_arrival, arrived, self.factor))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn timings_are_read_as_they_are_written() {
        for (text, timing) in [("fast", Timing::AsFast), ("Recorded", Timing::AsRecorded(1.0)), ("2.5x", Timing::AsRecorded(2.5))] {
            assert_eq!(text.parse(), Ok(timing));
            assert_eq!(timing.to_string().parse(), Ok(timing));
        }
        for wrong in ["", "0x", "-1x", "x", "10", "infx", "slow"] {
            assert!(wrong.parse::<Timing>().is_err(), "{wrong:?} was accepted");
        }
    }

    #[test]
    fn the_pauses_between_arrivals_are_kept_but_shortened() {
        let schedule = Schedule { first_arrival: 1_000_000, begins: Duration::from_secs(5), factor: 10.0 };
        assert_eq!(schedule.due(1_000_000), Duration::from_secs(5));
        assert_eq!(schedule.due(1_060_000), Duration::from_secs(11));
        assert_eq!(schedule.due(0), Duration::from_secs(5));
    }
}
