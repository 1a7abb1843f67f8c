//! Times as people type and read them.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

/// A text that names no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is not a time; {}use 2026-11-20T10:00Z, 2026-11-20 10:00, 2026-11-20, today, epoch seconds, or a span back from now such as 15m, 12h or 30d",
    in_seconds(text)
)]
pub struct InvalidTime {
    text: String,
}

/// A hint if a text looks like epoch milliseconds, as other programs write them: a time thousands of years ahead is not meant.
fn in_seconds(text: &str) -> String {
    match milliseconds(text.trim()) {
        Some(milliseconds) => {
            format!("that is milliseconds; write seconds: {}.{:03}; or ", milliseconds / 1_000, milliseconds % 1_000)
        }
        None => String::new(),
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    const DIGITS: usize = 13;
    let is_number = text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

/// Epoch seconds, perhaps with a fraction.
fn epoch_seconds(text: &str) -> Option<Timestamp> {
    const MIN_DIGITS: usize = 9;
    const FRACTION_DIGITS: usize = 9;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if seconds.len() < MIN_DIGITS || !are_digits(seconds) || !are_digits(fraction) {
        return None;
    }
    let nanoseconds: String = fraction.chars().chain("000000000".chars()).take(FRACTION_DIGITS).collect();
    Timestamp::new(seconds.parse().ok()?, nanoseconds.parse().ok()?).ok()
}

/// Columns of a short time.
pub const SHORT_COLUMNS: u16 = 16;
/// Columns of a full time.
pub const FULL_COLUMNS: u16 = 23;
/// A date of another year that is no further away than this is known without it.
const DATES_WITHOUT_YEAR: SignedDuration = SignedDuration::from_hours(180 * 24);

/// A time as it was typed: a fixed one, or one that is counted back from the moving present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedTime {
    /// This one.
    At(Timestamp),
    /// So long before the present.
    Ago {
        /// As typed.
        typed: String,
        /// How long.
        span: SignedDuration,
    },
    /// The beginning of the day this many days ago.
    Day {
        /// As typed.
        typed: String,
        /// How many.
        days: i32,
        /// Where days begin.
        zone: TimeZone,
    },
}

impl TypedTime {
    /// The time, seen from a present. Times that are counted back are cut to the second.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => *at,
            Self::Ago { span, .. } => {
                Timestamp::from_second(now.as_second()).and_then(|now| now.checked_sub(*span)).unwrap_or(Timestamp::MIN)
            }
            Self::Day { days, zone, .. } => {
                let date = now.to_zoned(zone.clone()).date().saturating_sub(Span::new().days(*days));
                zone.to_timestamp(date.to_datetime(civil::Time::midnight())).unwrap_or(now)
            }
        }
    }

    /// Whether it moves with the present.
    #[must_use]
    pub fn is_relative(&self) -> bool {
        !matches!(self, Self::At(_))
    }

    /// For people, as the beginning of a range without an end: `last 1 h`, `since today`.
    #[must_use]
    pub fn as_beginning(&self) -> String {
        match self {
            Self::At(at) => format!("after:{at}"),
            Self::Ago { span, .. } => format!("last {}", round_span(*span)),
            Self::Day { typed, .. } => format!("since {typed}"),
        }
    }
}

impl std::fmt::Display for TypedTime {
    /// As it was typed; a time that stays is written out.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(at) => write!(formatter, "{at}"),
            Self::Ago { typed, .. } | Self::Day { typed, .. } => formatter.write_str(typed),
        }
    }
}

/// A span in the largest unit that it is a multiple of: `90 s`, `1 h`, `7 d`.
fn round_span(span: SignedDuration) -> String {
    const UNITS: [(&str, i64); 3] = [("d", 86_400), ("h", 3_600), ("min", 60)];
    let seconds = span.as_secs();
    match UNITS.into_iter().find(|(_, unit)| seconds >= *unit && seconds % unit == 0) {
        Some((name, unit)) => format!("{} {name}", seconds / unit),
        None => format!("{seconds} s"),
    }
}

/// What a typed time may refer to.
#[derive(Clone, Debug)]
pub struct TimeContext {
    /// The present.
    pub now: Timestamp,
    /// The zone of times typed without one, and of times shown.
    pub zone: TimeZone,
}

impl TimeContext {
    /// Reads a time as a person types it.
    ///
    /// # Errors
    /// Names the text and the forms that are understood.
    pub fn parse(&self, text: &str) -> Result<Timestamp, InvalidTime> {
        self.parse_typed(text).map(|time| time.at(self.now))
    }

    /// Reads a time as a person types it; what is counted back from the present stays so.
    ///
    /// # Errors
    /// Names the text and the forms that are understood.
    pub fn parse_typed(&self, text: &str) -> Result<TypedTime, InvalidTime> {
        let trimmed = text.trim();
        let days = match trimmed {
            "today" => Some(0),
            "yesterday" => Some(1),
            _ => None,
        };
        let typed = trimmed.to_owned();
        let known = match (days, parse_span(trimmed)) {
            (Some(days), _) => Some(TypedTime::Day { typed, days, zone: self.zone.clone() }),
            (None, Some(span)) => {
                let is_in_range = self.now.checked_sub(span).is_ok();
                is_in_range.then_some(TypedTime::Ago { typed, span })
            }
            (None, None) => self.parse_fixed(trimmed).map(TypedTime::At),
        };
        known.ok_or_else(|| InvalidTime { text: text.to_owned() })
    }

    fn parse_fixed(&self, text: &str) -> Option<Timestamp> {
        if text == "now" {
            return Some(self.now);
        }
        if milliseconds(text).is_some() {
            return None;
        }
        if let Some(at) = epoch_seconds(text) {
            return Some(at);
        }
        // The time of day alone is today's.
        let is_time_of_day = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        if text.contains(':')
            && is_time_of_day(text)
            && let Ok(time) = text.parse::<civil::Time>()
        {
            return self.zone.to_timestamp(self.now.to_zoned(self.zone.clone()).date().to_datetime(time)).ok();
        }
        // A zone's offset, and seconds, may be left out.
        for candidate in [text.to_owned(), text.replacen('Z', ":00Z", 1)] {
            if let Ok(timestamp) = candidate.parse::<Timestamp>() {
                return Some(timestamp);
            }
        }
        let local: civil::DateTime = text.parse().ok()?;
        self.zone.to_timestamp(local).ok()
    }

    /// Date and time in the zone, to the millisecond.
    #[must_use]
    pub fn long(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f %Z").to_string()
    }

    /// Date and time in the zone, to the millisecond, without the zone; it takes [`FULL_COLUMNS`].
    #[must_use]
    pub fn full(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }

    /// The zone's name now: `UTC`, `CET`, `+01`.
    #[must_use]
    pub fn zone_name(&self) -> String {
        self.now.to_zoned(self.zone.clone()).strftime("%Z").to_string()
    }

    /// The time of day where the date is today's; otherwise the date, too; with its year and to the minute where it is long ago. It
    /// takes at most [`SHORT_COLUMNS`].
    #[must_use]
    pub fn short(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        let today = self.now.to_zoned(self.zone.clone()).date();
        let format = if local.date() == today {
            "%H:%M:%S%.3f"
        } else if local.year() == today.year() || self.now.duration_since(at).abs() < DATES_WITHOUT_YEAR {
            "%m-%d %H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M"
        };
        local.strftime(format).to_string()
    }
}

/// `90s`, `15m`, `12h`, `30d`, `2w`; also `2 hours`, and each with `ago`.
fn parse_span(text: &str) -> Option<SignedDuration> {
    const UNITS: [(&str, &[&str]); 5] = [
        ("s", &["s", "sec", "second"]),
        ("m", &["m", "min", "minute"]),
        ("h", &["h", "hour"]),
        ("d", &["d", "day"]),
        ("w", &["w", "week"]),
    ];
    let text = text.strip_suffix("ago").map_or(text, str::trim_end);
    let (digits, word) = text.split_at(text.find(|character: char| !character.is_ascii_digit())?);
    let word = word.trim_start();
    let is_word = |known: &&str| *known == word || known.len() > 1 && word.strip_suffix('s') == Some(known);
    let (unit, _) = UNITS.into_iter().find(|(_, words)| words.iter().any(is_word))?;
    let seconds = format!("{digits}{unit}").parse::<archiver::format::settings::Ttl>().ok()?.seconds();
    Some(SignedDuration::from_secs(i64::try_from(seconds).ok()?))
}

/// A span of seconds in its two largest units: `3 d 4 h`, `1 min 39 s`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let (days, hours, minutes, rest) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest} s"),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// How long ago a time was, or how far ahead it is where clocks differ.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(at.as_second());
    match u64::try_from(seconds) {
        Ok(seconds) => format!("{} ago", span(seconds)),
        Err(_) => format!("in {}", span(seconds.unsigned_abs())),
    }
}

/// When an item expires, seen from now.
#[must_use]
pub fn expiry(expire_after: i64, now: Timestamp) -> String {
    let left = expire_after.saturating_sub(now.as_second());
    match u64::try_from(left) {
        Ok(left) if left > 0 => format!("expires in {}", span(left)),
        _ => "expired, not yet deleted".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn context() -> TimeContext {
        TimeContext { now: "2026-11-20T12:00:00.5Z".parse().unwrap(), zone: TimeZone::fixed(jiff::tz::offset(1)) }
    }

    #[test]
    fn a_person_types_times_in_many_ways() {
        for (text, expected) in [
            ("2026-11-20T10:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00:30.5Z", "2026-11-20T10:00:30.5Z"),
            ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"),
            ("2026-11-20 10:00", "2026-11-20T09:00:00Z"),
            ("2026-11-20T10:00", "2026-11-20T09:00:00Z"),
            ("2026-11-20", "2026-11-19T23:00:00Z"),
            ("10:30", "2026-11-20T09:30:00Z"),
            ("10:30:15", "2026-11-20T09:30:15Z"),
            ("1h", "2026-11-20T11:00:00Z"),
            ("2d", "2026-11-18T12:00:00Z"),
            ("1545084650", "2018-12-17T22:10:50Z"),
            ("1545084650.5", "2018-12-17T22:10:50.5Z"),
            ("1545084650.9876543219", "2018-12-17T22:10:50.987654321Z"),
            ("now", "2026-11-20T12:00:00.5Z"),
            ("2 hours", "2026-11-20T10:00:00Z"),
            ("2h ago", "2026-11-20T10:00:00Z"),
            ("1 day ago", "2026-11-19T12:00:00Z"),
            ("90 sec", "2026-11-20T11:58:30Z"),
            ("today", "2026-11-19T23:00:00Z"),
            ("yesterday", "2026-11-18T23:00:00Z"),
        ] {
            assert_eq!(context().parse(text).unwrap(), expected.parse::<Timestamp>().unwrap(), "{text}");
        }
        for text in
            ["", "soon", "2026-13-01", "12", "5x", "2 ago", "ago", "99999999999999w", "1 hs", "1545084650.", "1545084650123"]
        {
            assert!(context().parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn what_is_counted_back_from_the_present_moves_with_it() {
        let later = "2026-11-21T15:00:00Z".parse().unwrap();
        for (text, moved, shown) in [
            ("1h", "2026-11-21T14:00:00Z", "last 1 h"),
            ("90 s", "2026-11-21T14:58:30Z", "last 90 s"),
            ("120m", "2026-11-21T13:00:00Z", "last 2 h"),
            ("today", "2026-11-20T23:00:00Z", "since today"),
            ("2026-11-20", "2026-11-19T23:00:00Z", "after:2026-11-19T23:00:00Z"),
        ] {
            let time = context().parse_typed(text).unwrap();
            assert_eq!((time.at(later), time.as_beginning()), (moved.parse().unwrap(), shown.to_owned()), "{text}");
            assert_eq!(context().parse_typed(&time.to_string()).unwrap(), time, "{text}");
        }
    }

    #[test]
    fn spans_are_told_in_two_units() {
        assert_eq!(span(59), "59 s");
        assert_eq!(span(99), "1 min 39 s");
        assert_eq!(span(3 * 86_400 + 4 * 3_600), "3 d 4 h");
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!((ago(at(100), at(199)), ago(at(100), at(98))), ("1 min 39 s ago".to_owned(), "in 2 s".to_owned()));
        let now = context().now;
        assert_eq!(expiry(now.as_second() + 86_400 * 3, now), "expires in 3 d 0 h");
        assert_eq!(expiry(now.as_second() - 1, now), "expired, not yet deleted");
    }

    #[test]
    fn a_time_is_as_short_as_it_is_clear() {
        for (at, short) in [
            ("2026-11-20T09:08:07.123Z", "10:08:07.123"),
            ("2026-11-19T22:59:59Z", "11-19 23:59:59"),
            ("2026-01-02T03:04:05Z", "01-02 04:04:05"),
            ("2027-02-01T00:00:00Z", "02-01 01:00:00"),
            ("2025-11-20T09:08:07Z", "2025-11-20 10:08"),
            ("2018-12-17T22:10:52Z", "2018-12-17 23:10"),
        ] {
            assert_eq!(context().short(at.parse().unwrap()), short);
            assert!(short.len() <= usize::from(SHORT_COLUMNS));
        }
    }
}
