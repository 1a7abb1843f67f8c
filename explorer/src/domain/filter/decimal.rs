//! Numbers as JSON writes them, compared by value to the last digit. Nothing is computed, so long numbers and huge exponents lose no
//! digit and take no time.

use std::cmp::Ordering;

/// A decimal number in its parts.
#[derive(Clone, Copy, Debug)]
struct Decimal<'n> {
    is_negative: bool,
    whole: &'n str,
    fraction: &'n str,
    /// Exponents beyond this type are taken for its ends; a number with one has 39 digits in its exponent alone.
    exponent: i128,
}

/// What some writers put in place of a number, though JSON has none for it; with a minus for the negative one.
const INFINITY: &str = "Infinity";
const NAN: &str = "NaN";

/// How two numbers compare, each as JSON writes it, or `NaN`, `Infinity` or `-Infinity`; `None` where one is `NaN`, or no number.
pub(super) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let rank = |text: &str| match text {
        INFINITY => 1,
        "-Infinity" => -1,
        _ => 0,
    };
    match (rank(left), rank(right)) {
        (0, 0) => Some(Decimal::parse(left)?.cmp_value(&Decimal::parse(right)?)),
        (left_rank, right_rank) if left != NAN && right != NAN => Some(left_rank.cmp(&right_rank)),
        _ => None,
    }
}

/// Whether a text is a number as JSON writes it.
pub(super) fn is_number(text: &str) -> bool {
    Decimal::parse(text).is_some()
}

/// Whether a double holds the number so that no other of so few digits is held alike.
pub(super) fn fits_a_double(text: &str) -> bool {
    /// Source: IEEE 754, binary64: 15 digits survive, and numbers of this size are not rounded to zero or infinity.
    const DIGITS: usize = 15;
    const EXPONENTS: std::ops::Range<i128> = -300..300;
    Decimal::parse(text).is_some_and(|decimal| {
        let digits = decimal.digits();
        digits.clone().next().is_none() || digits.count() <= DIGITS && EXPONENTS.contains(&decimal.point())
    })
}

impl<'n> Decimal<'n> {
    /// Reads a number. Source: RFC 8259, 6.
    fn parse(text: &'n str) -> Option<Self> {
        let (is_negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Self::parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let is_whole = !whole.is_empty() && (whole.len() == 1 || !whole.starts_with('0'));
        let are_digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        (is_whole && are_digits).then_some(Self { is_negative, whole, fraction, exponent })
    }

    fn parse_exponent(text: &str) -> Option<i128> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let size = digits.bytes().fold(0_i128, |size, digit| size.saturating_mul(10).saturating_add(i128::from(digit - b'0')));
        Some(if is_negative { -size } else { size })
    }

    /// The digits from the first that counts to the last; none for zero.
    fn digits(&self) -> impl Iterator<Item = u8> + Clone + use<'n> {
        let kept = self.fraction.trim_end_matches('0');
        let whole = if kept.is_empty() { self.whole.trim_end_matches('0') } else { self.whole };
        whole.bytes().chain(kept.bytes()).skip_while(|digit| *digit == b'0')
    }

    /// The place of the point, counted from the first significant digit: 0 for `0.1`, 1 for `1`.
    fn point(&self) -> i128 {
        let zeros = self.whole.bytes().chain(self.fraction.bytes()).take_while(|digit| *digit == b'0').count();
        let places = self.whole.len() as i128 - zeros as i128;
        self.exponent.saturating_add(places)
    }

    fn cmp_value(&self, other: &Self) -> Ordering {
        let sign = |decimal: &Self| match decimal.digits().next() {
            None => 0,
            Some(_) if decimal.is_negative => -1,
            Some(_) => 1,
        };
        let signs = (sign(self), sign(other));
        let sizes = || self.point().cmp(&other.point()).then_with(|| self.digits().cmp(other.digits()));
        match signs {
            (left, right) if left != right => left.cmp(&right),
            (0, _) => Ordering::Equal,
            (-1, _) => sizes().reverse(),
            _ => sizes(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_compare_to_the_last_digit() {
        use Ordering::{Equal, Greater, Less};
        for (left, right, expected) in [
            ("0", "-0", Equal),
            ("0.000e99", "-0e-3", Equal),
            ("1", "1.0", Equal),
            ("1.50", "15e-1", Equal),
            ("100", "1e2", Equal),
            ("0.001", "1E-3", Equal),
            ("123456789012345678901", "123456789012345678902", Less),
            ("-123456789012345678901", "-123456789012345678902", Greater),
            ("1.2345678901234568e20", "123456789012345680000", Equal),
            ("1.2345678901234568e20", "123456789012345680001", Less),
            ("0.1", "0.1000000000000000000001", Less),
            ("9007199254740993", "9007199254740992.0", Greater),
            ("1e999999999", "9e999999998", Greater),
            ("1e-999999999", "0", Greater),
            ("-1e999999999", "1", Less),
            ("1e99999999999999999999999999999999999999999999", "2", Greater),
            ("Infinity", "1e999999999", Greater),
            ("-Infinity", "-1e999999999", Less),
            ("Infinity", "Infinity", Equal),
            ("10", "9", Greater),
            ("0.09", "0.1", Less),
        ] {
            assert_eq!(compare(left, right), Some(expected), "{left} and {right}");
            assert_eq!(compare(right, left), Some(expected.reverse()), "{right} and {left}");
        }
        for (left, right) in [("NaN", "NaN"), ("NaN", "1"), ("Infinity", "NaN"), ("1", "x")] {
            assert_eq!(compare(left, right), None, "{left} and {right}");
        }
    }

    #[test]
    fn a_number_is_what_json_takes_for_one() {
        for text in ["0", "-0", "10", "0.5", "-1.25e+10", "1E-9"] {
            assert!(is_number(text), "{text}");
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 ", "NaN", "1_000", "٣"] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn a_double_holds_fifteen_digits() {
        for (text, fits) in
            [("0", true), ("123456789012345000", true), ("0.123456789012345", true), ("1234567890123456", false), ("1e-400", false)]
        {
            assert_eq!(fits_a_double(text), fits, "{text}");
        }
    }

    /// A number with ten digits behind its point, as a whole number of its last digit and as one of the many ways to write it.
    fn any_number() -> impl Strategy<Value = (i128, String)> {
        (any::<i64>(), 0..8_usize, -9..9_i32, any::<bool>()).prop_map(|(mantissa, zeros, exponent, is_upper)| {
            let digits = mantissa.unsigned_abs().to_string();
            let sign = if mantissa < 0 { "-" } else { "" };
            // The digits as they stand, a point somewhere in them, and zeros behind.
            let at = digits.len().min(usize::from(u8::try_from(exponent.rem_euclid(5) + 1).unwrap()));
            let (whole, fraction) = digits.split_at(at);
            let shift = i32::try_from(fraction.len()).unwrap() + exponent;
            let fraction = format!("{fraction}{}", "0".repeat(zeros));
            let point = if fraction.is_empty() { "" } else { "." };
            let sign_of_exponent = if shift >= 0 && zeros % 2 == 0 { "+" } else { "" };
            let e = if is_upper { 'E' } else { 'e' };
            let text = format!("{sign}{whole}{point}{fraction}{e}{sign_of_exponent}{shift}");
            (i128::from(mantissa) * 10_i128.pow(u32::try_from(exponent + 10).unwrap()), text)
        })
    }

    proptest! {
        #[test]
        fn numbers_compare_as_their_values((left, left_text) in any_number(), (right, right_text) in any_number()) {
            prop_assert_eq!(compare(&left_text, &right_text), Some(left.cmp(&right)), "{} and {}", left_text, right_text);
            prop_assert_eq!(compare(&left_text, &left_text), Some(Ordering::Equal));
        }

        #[test]
        fn whole_numbers_compare_as_they_do(left: i128, right: i128) {
            prop_assert_eq!(compare(&left.to_string(), &right.to_string()), Some(left.cmp(&right)));
            prop_assert_eq!(compare(&format!("{left}.5"), &format!("{left}.50")), Some(Ordering::Equal));
        }

        #[test]
        fn what_a_double_holds_it_tells_apart(left in "-?[1-9][0-9]{0,6}\\.[0-9]{1,8}", right in "-?[1-9][0-9]{0,6}\\.[0-9]{1,8}") {
            let doubles: [f64; 2] = [left.parse().unwrap(), right.parse().unwrap()];
            if fits_a_double(&left) && fits_a_double(&right) {
                prop_assert_eq!(compare(&left, &right), doubles[0].partial_cmp(&doubles[1]));
            }
        }
    }
}
