//! Sequence numbers, compared by value. Numbers of Kinesis have 56 digits; those of an emulator may have one digit, or leading
//! zeros. So neither text order nor an integer type works.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

/// The number that Kinesis gave a record. It is unique in its shard, and grows with every record put there.
///
/// It keeps the text that was delivered, because tables and answers to Lambda need that. It compares by value: "007" equals "7",
/// and is less than "10".
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SequenceNumber(String);

/// Why a text is not a sequence number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a sequence number: it must be decimal digits")]
pub struct InvalidSequenceNumber {
    text: String,
}

impl SequenceNumber {
    /// Keeps the digits as they are.
    ///
    /// # Errors
    /// When the text is empty or has other characters than digits.
    pub fn parse(text: impl Into<String>) -> Result<Self, InvalidSequenceNumber> {
        let text = text.into();
        let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_digits { Ok(Self(text)) } else { Err(InvalidSequenceNumber { text }) }
    }

    /// The digits as they were delivered.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits without leading zeros; "0" for zero.
    #[must_use]
    pub fn significant(&self) -> &str {
        match self.0.trim_start_matches('0') {
            "" => "0",
            digits => digits,
        }
    }

    /// Whether it has leading zeros, as an emulator's may.
    #[must_use]
    pub fn has_leading_zeros(&self) -> bool {
        self.significant().len() < self.0.len()
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (self.significant(), other.significant());
        left.len().cmp(&right.len()).then_with(|| left.cmp(right))
    }
}

impl PartialEq for SequenceNumber {
    fn eq(&self, other: &Self) -> bool {
        self.significant() == other.significant()
    }
}

impl Eq for SequenceNumber {}

impl Hash for SequenceNumber {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.significant().hash(state);
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
        for text in ["", "12a", "-1", " 1", "1.0", "٧"] {
            assert!(SequenceNumber::parse(text).is_err(), "{text:?} was accepted");
        }
        assert!(SequenceNumber::parse("0").is_ok());
    }

    #[test]
    fn leading_zeros_are_kept_and_do_not_count() {
        let number = |text: &str| SequenceNumber::parse(text).unwrap();
        assert_eq!(number("007"), number("7"));
        assert!(number("007") < number("10") && number("0070") > number("9"));
        assert_eq!((number("007").as_str(), number("007").significant()), ("007", "7"));
        assert_eq!(
            (number("000").significant(), number("0").has_leading_zeros(), number("00").has_leading_zeros()),
            ("0", false, true)
        );
        assert_eq!(number("000"), number("0"));
    }

    proptest! {
        #[test]
        fn order_is_the_order_of_the_values(left: u128, right: u128, zeros in (0..50_usize, 0..50_usize)) {
            let padded = |value: u128, zeros: usize| SequenceNumber::parse(format!("{}{value}", "0".repeat(zeros))).unwrap();
            let (left_number, right_number) = (padded(left, zeros.0), padded(right, zeros.1));
            prop_assert_eq!(left_number.cmp(&right_number), left.cmp(&right));
            prop_assert_eq!(left_number == right_number, left == right);
            let hash = |number: &SequenceNumber| std::hash::BuildHasher::hash_one(&std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default(), number);
            prop_assert_eq!(hash(&left_number), hash(&padded(left, zeros.1)));
        }
    }
}
