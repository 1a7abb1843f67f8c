//! Sequence numbers as integers, to sort very many of them.

use archiver::format::sequence::SequenceNumber;

/// A sequence number by its value, in 192 bits; Kinesis' own have at most 186.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceValue([u64; 3]);

/// Digits whose value always fits.
const MAX_DIGITS: usize = 57;
/// Digits that are taken in at once.
const DIGITS_AT_ONCE: usize = 18;

impl SequenceValue {
    /// The value of a number; `None` where it has more digits than any that Kinesis gives.
    #[must_use]
    pub fn of(number: &SequenceNumber) -> Option<Self> {
        let digits = number.significant().as_bytes();
        if digits.len() > MAX_DIGITS {
            return None;
        }
        let mut value = [0_u64; 3];
        for chunk in digits.chunks(DIGITS_AT_ONCE) {
            let (mut scale, mut carry) = (1_u64, 0_u64);
            for digit in chunk {
                scale *= 10;
                carry = carry * 10 + u64::from(digit - b'0');
            }
            for word in value.iter_mut().rev() {
                let product = u128::from(*word) * u128::from(scale) + u128::from(carry);
                *word = lower_half(product);
                carry = lower_half(product >> 64);
            }
        }
        Some(Self(value))
    }

    /// Its 192 bits, 64 at a time, the highest first.
    #[must_use]
    pub fn words(self) -> [u64; 3] {
        self.0
    }

    /// As 24 bytes, the highest first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (part, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            part.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// From such bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 24]) -> Self {
        let mut words = [0; 3];
        for (word, part) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = part.first_chunk().map_or(0, |part| u64::from_be_bytes(*part));
        }
        Self(words)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the upper half is taken by itself")]
fn lower_half(number: u128) -> u64 {
    number as u64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_longer_than_kinesis_gives_has_no_value() {
        let value = |digits: usize| SequenceValue::of(&SequenceNumber::parse("9".repeat(digits)).unwrap());
        assert!(value(MAX_DIGITS).is_some());
        assert_eq!(value(MAX_DIGITS + 1), None);
    }

    proptest! {
        #[test]
        fn a_number_has_its_value(left: u128, right: u128, zeros in 0..18_usize) {
            let number = |value: u128| {
                SequenceNumber::parse(format!("{}{}{}", "0".repeat(zeros * 3), value.max(1), "0".repeat(zeros))).unwrap()
            };
            let (left, right) = (number(left), number(right));
            let (left_value, right_value) = (SequenceValue::of(&left).unwrap(), SequenceValue::of(&right).unwrap());
            prop_assert_eq!(left_value.cmp(&right_value), left.cmp(&right));
            prop_assert_eq!(SequenceValue::from_bytes(&left_value.to_bytes()), left_value);
        }
    }
}
