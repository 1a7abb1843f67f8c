//! A record on its way into an archive: what the event says of it, in types, its texts still those of the event.

use crate::payload::Data;
use crate::sequence::SequenceNumber;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The key under which a producer put a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionKey(String);

/// The shard that held a record, such as `shardId-000000000003`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardId(String);

/// When Kinesis took a record: epoch seconds as a decimal number, every digit of the fraction kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ArrivalTime(String);

/// One record as the event source delivered it, or a user record out of an aggregated one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRecord<'e> {
    /// As put by the producer.
    pub partition_key: Cow<'e, str>,
    /// As given by Kinesis.
    pub sequence_number: SequenceNumber,
    /// The place of a user record in its aggregated record, from 0.
    pub sub_sequence_number: Option<u64>,
    /// The payload.
    pub data: Data<'e>,
    /// When Kinesis took it.
    pub arrival: ArrivalTime,
    /// Where it was read.
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

macro_rules! text_newtype {
    ($name:ident) => {
        impl $name {
            /// Takes the text as it is.
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
    /// Reads a JSON or DynamoDB number. Plain decimals are kept digit by digit (but for zeros at the end of the fraction, which
    /// DynamoDB drops too); a number with an exponent is written out.
    ///
    /// # Errors
    /// When the text is no number, is negative or not finite.
    pub fn parse(text: &str) -> Result<Self, InvalidArrivalTime> {
        let invalid = || InvalidArrivalTime { text: text.to_owned() };
        let trimmed = text.trim();
        if is_plain_decimal(trimmed) && trimmed.len() <= MAX_NUMBER_DIGITS {
            return Ok(Self(without_trailing_zeros(trimmed).to_owned()));
        }
        let seconds: f64 = trimmed.parse().map_err(|_| invalid())?;
        if !seconds.is_finite() || seconds < 0.0 {
            return Err(invalid());
        }
        Ok(Self(seconds.to_string()))
    }

    /// Epoch seconds as a decimal number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whole epoch milliseconds, the rest of the fraction cut off; `None` where that does not fit.
    #[must_use]
    pub fn milliseconds(&self) -> Option<i64> {
        let (seconds, fraction) = self.0.split_once('.').unwrap_or((&self.0, ""));
        let fraction_milliseconds = fraction
            .bytes()
            .chain(std::iter::repeat(b'0'))
            .take(3)
            .fold(0, |milliseconds, digit| milliseconds * 10 + i64::from(digit - b'0'));
        seconds.parse::<i64>().ok()?.checked_mul(1_000)?.checked_add(fraction_milliseconds)
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
        ] {
            let arrival = ArrivalTime::parse(text).unwrap();
            assert_eq!(arrival.as_str(), kept, "{text}");
            assert_eq!(arrival.milliseconds(), Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_and_one_too_large_has_no_milliseconds() {
        for text in ["", "soon", "-1", "NaN", "1e999"] {
            assert!(ArrivalTime::parse(text).is_err(), "{text:?} was accepted");
        }
        assert_eq!(ArrivalTime::parse("1e30").unwrap().milliseconds(), None);
    }

    proptest! {
        #[test]
        fn milliseconds_are_read_exactly(milliseconds in 0..9_999_999_999_999_i64) {
            let text = format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000);
            prop_assert_eq!(ArrivalTime::parse(&text).unwrap().milliseconds(), Some(milliseconds));
        }
    }
}
