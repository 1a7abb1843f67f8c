//! Times as people type and read them.

use jiff::civil;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A text that names no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is not a time; use 2026-11-20T10:00Z, 2026-11-20 10:00, 2026-11-20, epoch seconds, or a span back from now such as 90s, 15m, 12h or 30d"
)]
pub struct InvalidTime {
    text: String,
}

/// Columns of a short time.
pub const SHORT_COLUMNS: u16 = 16;
/// A date of another year that is no further away than this is known without it.
const DATES_WITHOUT_YEAR: SignedDuration = SignedDuration::from_hours(180 * 24);

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
        let trimmed = text.trim();
        self.parse_known(trimmed).ok_or_else(|| InvalidTime { text: text.to_owned() })
    }

    fn parse_known(&self, text: &str) -> Option<Timestamp> {
        if text == "now" {
            return Some(self.now);
        }
        if let Some(span) = parse_span(text) {
            // To the second: nobody means the nanosecond at which a key was pressed, but everybody would have to read it.
            return Timestamp::from_second(self.now.as_second()).and_then(|now| now.checked_sub(span)).ok();
        }
        if text.len() >= 9 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Timestamp::from_second(text.parse().ok()?).ok();
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

    /// The time of day where the date is today's; otherwise the date, too; with its year and to the minute where it is long ago. It
    /// takes [`SHORT_COLUMNS`] at the most.
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

/// `90s`, `15m`, `12h`, `30d`, `2w`.
fn parse_span(text: &str) -> Option<SignedDuration> {
    let seconds = text.parse::<archiver::settings::Ttl>().ok()?.seconds();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
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
            ("now", "2026-11-20T12:00:00.5Z"),
        ] {
            assert_eq!(context().parse(text).unwrap(), expected.parse::<Timestamp>().unwrap(), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "12", "5x"] {
            assert!(context().parse(text).is_err(), "{text:?} was accepted");
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
