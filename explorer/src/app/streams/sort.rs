//! The order of the streams on the screen.

use super::StreamRow;
use crate::domain::stream::overview::{ArchiveTable, StreamOverview};
use std::cmp::Ordering;

/// By what the streams are sorted, and in which direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Whether the usual direction is reversed.
    pub is_reversed: bool,
}

/// By what the streams are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// By name.
    #[default]
    Name,
    /// Archived ones first, by mode.
    Mode,
    /// Most items first.
    Items,
    /// Largest first.
    Size,
}

impl SortBy {
    /// Its name on the screen.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Mode => "mode",
            Self::Items => "items",
            Self::Size => "size",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Name => Self::Mode,
            Self::Mode => Self::Items,
            Self::Items => Self::Size,
            Self::Size => Self::Name,
        }
    }
}

impl Sort {
    /// The next order, in its usual direction.
    #[must_use]
    pub fn next(self) -> Self {
        Self { by: self.by.next(), is_reversed: false }
    }

    /// The same order backwards.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { is_reversed: !self.is_reversed, ..self }
    }

    /// What pointing at the title of a column means: sorted by it, or reversed if it was already.
    #[must_use]
    pub fn pointed_at(self, by: SortBy) -> Self {
        if self.by == by { self.reversed() } else { Self { by, is_reversed: false } }
    }

    /// The sign of its direction.
    #[must_use]
    pub fn sign(self) -> &'static str {
        if self.is_descending() { "↓" } else { "↑" }
    }

    fn is_descending(self) -> bool {
        let is_usually_descending = match self.by {
            SortBy::Name | SortBy::Mode => false,
            SortBy::Items | SortBy::Size => true,
        };
        is_usually_descending != self.is_reversed
    }

    /// Sorts rows that are in the order of their names. Those without a value stay last.
    pub(super) fn apply(self, rows: &mut [&StreamRow]) {
        match self.by {
            SortBy::Name if self.is_reversed => rows.reverse(),
            SortBy::Name => {}
            SortBy::Mode => {
                let mode = |row: &StreamRow| row.overview.as_ref().and_then(StreamOverview::mode).map(|mode| mode.as_str());
                self.by_key(rows, mode);
            }
            SortBy::Items => self.by_key(rows, |row| table_of(row).map(|table| table.items)),
            SortBy::Size => self.by_key(rows, |row| table_of(row).map(|table| table.size_bytes)),
        }
    }

    fn by_key<K: Ord>(self, rows: &mut [&StreamRow], key: impl Fn(&StreamRow) -> Option<K>) {
        rows.sort_by(|one, other| match (key(one), key(other)) {
            (Some(one), Some(other)) if self.is_descending() => other.cmp(&one),
            (Some(one), Some(other)) => one.cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
    }
}

fn table_of(row: &StreamRow) -> Option<&ArchiveTable> {
    row.overview.as_ref()?.table.as_ref()
}
