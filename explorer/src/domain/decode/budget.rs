//! How many bytes a record may still be unpacked to: one budget for all its user records and layers, because a small record can hold a
//! hundred bombs.

use std::cell::Cell;

/// What is left of a bound.
#[derive(Debug)]
pub(super) struct Budget {
    most: usize,
    left: Cell<usize>,
    /// Bytes that one layer may have of them.
    each: usize,
}

impl Budget {
    /// So many bytes.
    pub(super) fn of(most: usize) -> Self {
        Self { most, left: Cell::new(most), each: usize::MAX }
    }

    /// This many bytes, and a limit for each layer, for callers that need only beginnings.
    pub(super) fn with_each(most: usize, each: usize) -> Self {
        Self { each, ..Self::of(most) }
    }

    /// How many there were at first.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    pub(super) fn left(&self) -> usize {
        self.left.get().min(self.each)
    }

    /// Whether nothing is left.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }

    pub(super) fn spend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }
}
