//! Sequence numbers, compared by value. Kinesis numbers have 56 digits, an emulator's may have one, so neither text order nor an
//! integer type will do.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The number Kinesis gave a record: unique in its shard and growing with every record put there.
///
/// Ordered by value: the one with fewer digits is smaller, then digit by digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SequenceNumber(String);

/// Why a text is not a sequence number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a sequence number: it must be decimal digits without leading zeros")]
pub struct InvalidSequenceNumber {
    text: String,
}

impl SequenceNumber {
    /// Takes the digits as Kinesis gave them.
    ///
    /// # Errors
    /// When the text is empty, has anything but digits, or starts with a zero that is not the whole number.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidSequenceNumber> {
        let text = text.into();
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let has_leading_zero = text.len() > 1 && text.starts_with('0');
        if is_digits && !has_leading_zero { Ok(Self(text)) } else { Err(InvalidSequenceNumber { text }) }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many digits the number has; what decides first when two numbers are compared.
    #[must_use]
    pub fn digits(&self) -> usize {
        self.0.len()
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for SequenceNumber {
    type Error = InvalidSequenceNumber;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl FromStr for SequenceNumber {
    type Err = InvalidSequenceNumber;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_not_a_whole_number_is_refused() {
        for text in ["", "12a", "-1", " 1", "1.0", "007"] {
            assert!(SequenceNumber::parse(text).is_err(), "{text:?} was accepted");
        }
        assert!(SequenceNumber::parse("0").is_ok());
    }

    proptest! {
        #[test]
        fn order_is_the_order_of_the_values(left: u128, right: u128) {
            let left_number = SequenceNumber::parse(left.to_string()).unwrap();
            let right_number = SequenceNumber::parse(right.to_string()).unwrap();
            prop_assert_eq!(left_number.cmp(&right_number), left.cmp(&right));
        }
    }
}
