//! What is wrong with a filter line, and with which bytes of it.

use jiff::Timestamp;
use std::ops::Range;

/// A filter line with a mistake in it: a sentence that says what is wrong and what could stand there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct InvalidFilter {
    span: Range<usize>,
    sentence: String,
}

/// A mistake in one of the arguments of a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{mistake}")]
pub struct InvalidArgument {
    /// Which one, from 0.
    pub place: usize,
    /// What is wrong with it.
    pub mistake: InvalidFilter,
}

/// Times between which no record can arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("after:{after} is not before before:{before}, so no record can match")]
pub struct EmptyRange {
    /// The beginning.
    pub after: Timestamp,
    /// The end.
    pub before: Timestamp,
}

impl InvalidFilter {
    pub(super) fn new(span: Range<usize>, sentence: impl Into<String>) -> Self {
        Self { span, sentence: sentence.into() }
    }

    /// The bytes of the line that are wrong; empty at the end of the line where something is missing there.
    #[must_use]
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }
}
