//! A record on its way into an archive. Its texts are still those of the event.

use crate::format::payload::Data;
use crate::format::sequence::SequenceNumber;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The key under which a producer put a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey(String);

/// The shard that held a record, such as `shardId-000000000003`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(String);

/// When Kinesis received a record: epoch seconds as a decimal number, with every digit of the fraction. A number of an emulator may
/// have another unit, be negative, or be too large. Readers decide whether it is a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ArrivalTime(String);

/// A record as the event source delivered it, or a user record of an aggregated record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRecord<'e> {
    pub partition_key: Cow<'e, str>,
    pub sequence_number: SequenceNumber,
    /// The position of a user record in its aggregated record, from 0.
    pub sub_sequence_number: Option<u64>,
    pub data: Data<'e>,
    pub arrival: ArrivalTime,
    pub shard_id: Cow<'e, str>,
}

/// A text that is not a number of seconds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an arrival time in epoch seconds")]
pub struct InvalidArrivalTime {
    text: String,
}

/// Significant digits DynamoDB keeps of a number. Source: DynamoDB developer guide, data types.
const MAX_NUMBER_DIGITS: usize = 38;
/// Digits before the point in DynamoDB's largest number, 9.9…E+125, and after it in the smallest, 1E-130. Source: the same.
const NUMBER_PLACES: std::ops::RangeInclusive<i64> = -129..=126;
/// Up to this many digits before the point, a number is written without an exponent.
const PLAIN_PLACES: std::ops::RangeInclusive<i64> = -20..=38;
/// Longest text of a number that is too large for DynamoDB. Items keep such a number as text.
const MAX_NUMBER_TEXT: usize = 128;

/// A decimal number: a point, then `digits` without zeros at either end; the point moves right by `places`.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    places: i64,
}

macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            /// Keeps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_newtype!(PartitionKey);
text_newtype!(ShardId);

impl ArrivalTime {
    /// Reads a JSON or DynamoDB number. A plain decimal keeps its digits, except zeros at the end of the fraction, which DynamoDB
    /// drops too. A number with an exponent is written out if that is not too long, and loses the digits of the fraction that
    /// DynamoDB would not keep. A number that DynamoDB cannot represent keeps its text.
    ///
    /// # Errors
    /// When the text is not a number, or has more than 128 characters and is too large for DynamoDB.
    pub fn parse(text: &str) -> Result<Self, InvalidArrivalTime> {
        let invalid = || InvalidArrivalTime { text: text.chars().take(MAX_NUMBER_TEXT).collect() };
        let trimmed = text.trim();
        if is_plain_decimal(trimmed) && trimmed.len() <= MAX_NUMBER_DIGITS {
            return Ok(Self(without_trailing_zeros(trimmed).to_owned()));
        }
        let number = Decimal::parse(trimmed).ok_or_else(invalid)?.without_lost_fraction();
        if number.fits_dynamodb() {
            return Ok(Self(number.written()));
        }
        if trimmed.len() > MAX_NUMBER_TEXT { Err(invalid()) } else { Ok(Self(trimmed.to_owned())) }
    }

    /// Whether DynamoDB can store it as a number.
    #[must_use]
    pub fn fits_dynamodb(&self) -> bool {
        let is_short = self.0.len() <= MAX_NUMBER_DIGITS && !self.0.contains(['e', 'E']);
        is_short || Decimal::parse(&self.0).is_some_and(|number| number.fits_dynamodb())
    }

    /// Epoch seconds as a decimal number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whole epoch milliseconds, rounded down; `None` if they do not fit.
    #[must_use]
    pub fn milliseconds(&self) -> Option<i64> {
        let unsigned = self.0.strip_prefix('-').unwrap_or(&self.0);
        if !is_plain_decimal(unsigned) {
            return None;
        }
        let (seconds, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let fraction_milliseconds = fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(3)
            .fold(0, |milliseconds, digit| milliseconds * 10 + i64::from(digit - b'0'));
        let milliseconds = seconds.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(fraction_milliseconds)?;
        Some(if unsigned.len() < self.0.len() { -milliseconds } else { milliseconds })
    }
}

impl TryFrom<String> for ArrivalTime {
    type Error = InvalidArrivalTime;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl fmt::Display for ArrivalTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Decimal {
    /// Reads a decimal number, with or without an exponent; `None` if the text is not one.
    fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (decimal, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((decimal, exponent)) => (decimal, exponent_of(exponent)?),
            None => (unsigned, 0),
        };
        if !is_plain_decimal(decimal) {
            return None;
        }
        let (whole, fraction) = decimal.split_once('.').unwrap_or((decimal, ""));
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let zeros = all.len() - digits.len();
        let place = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?;
        let digits = digits.trim_end_matches('0').to_owned();
        let places = if digits.is_empty() { 0 } else { place.saturating_add(exponent) };
        Some(Self { is_negative: text.len() > unsigned.len(), digits, places })
    }

    /// The number without the digits of its fraction that DynamoDB would not keep.
    fn without_lost_fraction(mut self) -> Self {
        let is_whole_kept = usize::try_from(self.places.max(0)).is_ok_and(|places| places <= MAX_NUMBER_DIGITS);
        if is_whole_kept && self.digits.len() > MAX_NUMBER_DIGITS {
            self.digits.truncate(MAX_NUMBER_DIGITS);
            self.digits.truncate(self.digits.trim_end_matches('0').len());
        }
        self
    }

    fn fits_dynamodb(&self) -> bool {
        self.digits.len() <= MAX_NUMBER_DIGITS && NUMBER_PLACES.contains(&self.places)
    }

    /// A plain decimal, or with an exponent if that would be too long.
    fn written(&self) -> String {
        let sign = if self.is_negative && !self.digits.is_empty() { "-" } else { "" };
        let length = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let padded = |zeros: i64| "0".repeat(usize::try_from(zeros).unwrap_or(0));
        let (digits, places) = (&self.digits, self.places);
        match usize::try_from(places) {
            _ if digits.is_empty() => "0".to_owned(),
            _ if !PLAIN_PLACES.contains(&places) => {
                let (first, rest) = digits.split_at(1);
                let point = if rest.is_empty() { "" } else { "." };
                format!("{sign}{first}{point}{rest}e{}", places - 1)
            }
            Ok(whole @ 1..) if places < length => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
            Ok(1..) => format!("{sign}{digits}{}", padded(places - length)),
            Ok(0) | Err(_) => format!("{sign}0.{}{digits}", padded(-places)),
        }
    }
}

/// An exponent. One that is too large for the type counts as the largest.
fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if text.starts_with('-') { -size } else { size })
}

fn is_plain_decimal(text: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once('.') {
        Some((whole, fraction)) => is_digits(whole) && is_digits(fraction),
        None => is_digits(text),
    }
}

fn without_trailing_zeros(decimal: &str) -> &str {
    if decimal.contains('.') { decimal.trim_end_matches('0').trim_end_matches('.') } else { decimal }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_digit_of_an_arrival_time_is_kept() {
        for (text, kept, milliseconds) in [
            ("1545084650.987", "1545084650.987", 1_545_084_650_987),
            ("1545084650.95", "1545084650.95", 1_545_084_650_950),
            ("1545084650.950", "1545084650.95", 1_545_084_650_950),
            ("1545084650", "1545084650", 1_545_084_650_000),
            ("1545084650.0", "1545084650", 1_545_084_650_000),
            ("1.545084650987E9", "1545084650.987", 1_545_084_650_987),
            ("1545084650.9871234", "1545084650.9871234", 1_545_084_650_987),
            ("15450846509.87E-1", "1545084650.987", 1_545_084_650_987),
            ("1545084650.98700000000000000000000000000000000", "1545084650.987", 1_545_084_650_987),
            ("1545084650.9871234567890123456789012345678901", "1545084650.9871234567890123456789012345", 1_545_084_650_987),
            ("-1.5", "-1.5", -1_500),
            ("-0.25", "-0.25", -250),
            ("2e-3", "0.002", 2),
            ("0e5", "0", 0),
            ("-0", "0", 0),
            ("1668000000000", "1668000000000", 1_668_000_000_000_000),
        ] {
            let arrival = ArrivalTime::parse(text).unwrap();
            assert_eq!(arrival.as_str(), kept, "{text}");
            assert_eq!(arrival.milliseconds(), Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused_and_one_too_large_has_no_milliseconds() {
        for text in ["", "soon", "-", "NaN", "inf", "1.", ".5", "+1", "1e", "1e1.5", "0x10", &"1".repeat(200)] {
            assert!(ArrivalTime::parse(text).is_err(), "{text:?} was accepted");
        }
        let too_large = ["1e999", "-1e126", "1e-131", "1e99999999999999999999", &"123456789".repeat(5)];
        for (texts, fits) in [(&["1e30", "-1e125", "1.5e125", "1e-130"][..], true), (&too_large, false)] {
            for text in texts {
                let arrival = ArrivalTime::parse(text).unwrap();
                assert_eq!((arrival.milliseconds().filter(|at| *at != 0), arrival.fits_dynamodb()), (None, fits), "{text}");
            }
        }
        assert_eq!(ArrivalTime::parse("1e999").unwrap().as_str(), "1e999");
        assert_eq!(ArrivalTime::parse("-1.50e100").unwrap().as_str(), "-1.5e100");
    }

    proptest! {
        #[test]
        fn a_number_is_written_as_the_same_number(mantissa: i64, fraction in "[0-9]{0,25}", exponent in -140..140_i32) {
            let text = format!("{mantissa}.{fraction}0e{exponent}");
            let arrival = ArrivalTime::parse(&text).unwrap();
            prop_assert_eq!(Decimal::parse(arrival.as_str()).unwrap().without_lost_fraction(), Decimal::parse(&text).unwrap().without_lost_fraction());
            prop_assert_eq!(ArrivalTime::parse(arrival.as_str()).unwrap(), arrival);
        }

        #[test]
        fn milliseconds_are_read_exactly(milliseconds in 0..9_999_999_999_999_i64) {
            let text = format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000);
            prop_assert_eq!(ArrivalTime::parse(&text).unwrap().milliseconds(), Some(milliseconds));
        }
    }
}
