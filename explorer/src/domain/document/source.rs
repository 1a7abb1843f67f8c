//! The way from a payload's bytes to the lines that show them, for what is found in the one to be seen in the other.

use super::layout::Lines;
use super::wrap::Segment;
use std::ops::Range;

/// Lines made of a payload's bytes.
pub(super) trait Source: Lines {
    /// The line in which a byte of the payload stands.
    fn line_with(&self, byte: usize) -> usize;
    /// The line's bytes in the payload.
    fn range(&self, line: usize) -> Range<usize>;
    /// Where a byte of the payload is shown.
    fn locate(&self, byte: usize) -> Located;
    /// The line's bytes as if nothing were folded.
    fn whole(&self, line: usize) -> Vec<Segment<'_>>;
}

/// A byte of a line, as it is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Located {
    pub(super) line: usize,
    pub(super) offset: usize,
}
