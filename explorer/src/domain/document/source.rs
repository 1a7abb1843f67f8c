//! Lines as they are without folds, so that hidden ones can be found and printed, too.

use super::layout::Lines;
use super::wrap::Segment;

/// Lines made of a payload's bytes.
pub(super) trait Source: Lines {
    /// The line's bytes as if nothing were folded.
    fn whole(&self, line: usize) -> Vec<Segment<'_>>;
    /// Appends the same bytes.
    fn append(&self, line: usize, text: &mut Vec<u8>);
}
