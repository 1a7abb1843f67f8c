//! The answer of a condition for a record. For an unreadable payload, neither the condition nor its opposite has an answer.

use std::ops::Not;

/// An answer in Kleene's logic of three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// It cannot be decided, because the record cannot be read.
    Unknown,
}

impl Answer {
    /// The answer that is known.
    #[must_use]
    pub fn of(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    /// Whether it holds for sure.
    #[must_use]
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }

    /// Whether both hold: one `No` decides.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }

    /// Whether one of them holds: one `Yes` decides.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        !(!self).and(!other)
    }

    /// The answer to a condition that is negated, or not.
    #[must_use]
    pub fn negated_if(self, is_negated: bool) -> Self {
        if is_negated { !self } else { self }
    }
}

impl Not for Answer {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Answer::{No, Unknown, Yes};

    #[test]
    fn what_cannot_be_told_stays_so_unless_the_rest_decides() {
        assert_eq!([!Yes, !No, !Unknown], [No, Yes, Unknown]);
        for (left, right, both, one) in [
            (Yes, Yes, Yes, Yes),
            (Yes, No, No, Yes),
            (No, No, No, No),
            (Yes, Unknown, Unknown, Yes),
            (No, Unknown, No, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ] {
            assert_eq!((left.and(right), right.and(left)), (both, both), "{left:?} and {right:?}");
            assert_eq!((left.or(right), right.or(left)), (one, one), "{left:?} or {right:?}");
        }
    }
}
