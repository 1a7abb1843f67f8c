//! The DynamoDB calls that archiving needs. Each method makes one call; the store does the retries. It is a trait so that tests can
//! run the store on tables in memory.

use crate::aws::failure::AwsFailure;
use crate::format::item::{Item, Stamp};
use crate::format::payload::MAX_PARTS;
use crate::format::sequence::SequenceNumber;
use crate::format::settings::ArchiveMode;
use crate::format::table::{self, TableKeys};
use std::future::Future;

/// Writes that one call accepts. Source: DynamoDB API reference, BatchWriteItem and BatchExecuteStatement.
pub const MAX_BATCH: usize = 25;

pub trait Database: Send + Sync {
    /// The keys of a table; `None` if it does not exist.
    fn table_keys(&self, table: &str) -> impl Future<Output = Result<Option<TableKeys>, AwsFailure>> + Send;

    /// Puts items without a condition: at most [`MAX_BATCH`], no two with the same key. Some may stay unprocessed.
    fn put_items(
        &self,
        table: &str,
        items: &[&Item<'_>],
        stamp: &Stamp,
    ) -> impl Future<Output = Result<BatchAnswer, AwsFailure>> + Send;

    /// Puts parts of split items: at most [`MAX_BATCH`]. Some may stay unprocessed.
    fn put_parts(
        &self,
        table: &str,
        parts: &[Part<'_>],
        stamp: &Stamp,
    ) -> impl Future<Output = Result<BatchAnswer, AwsFailure>> + Send;

    /// Deletes parts: at most [`MAX_BATCH`]. Some may stay unprocessed.
    fn delete_parts(&self, table: &str, parts: &[PartKey<'_>]) -> impl Future<Output = Result<BatchAnswer, AwsFailure>> + Send;

    /// Executes statements: at most [`MAX_BATCH`], no two with the same key. Each succeeds or fails alone; the answers have the
    /// same order.
    fn execute(
        &self,
        table: &str,
        statements: &[Statement<'_>],
        stamp: &Stamp,
    ) -> impl Future<Output = Result<StatementAnswers, AwsFailure>> + Send;

    /// Puts an item if its partition key has no item or an older one. `over` is a stored number that is known to be older although
    /// the database cannot compare it: the item is put if exactly that text is still stored.
    fn put_if_newest(
        &self,
        table: &str,
        item: &Item<'_>,
        over: Option<&SequenceNumber>,
        stamp: &Stamp,
    ) -> impl Future<Output = Result<(StatementAnswer, WriteUnits), AwsFailure>> + Send;

    /// The version stored under the item's key in a table with these keys. It is a consistent read.
    fn stored_version(
        &self,
        table: &str,
        keys: &TableKeys,
        item: &Item<'_>,
    ) -> impl Future<Output = Result<Option<StoredVersion>, AwsFailure>> + Send;
}

/// Write capacity units that DynamoDB counted; 0 if it does not say.
pub type WriteUnits = f64;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchAnswer {
    /// Positions of the writes that DynamoDB did not process.
    pub unprocessed: Vec<usize>,
    pub write_units: WriteUnits,
}

/// A part of an item that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'i> {
    pub key: PartKey<'i>,
    pub text: &'i str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartKey<'i> {
    /// The hash key: the record.
    pub part_of: &'i str,
    /// The range key: the position, from 0.
    pub part: usize,
}

/// One conditional write of an item under its partition key.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'i> {
    pub verb: Verb,
    pub item: &'i Item<'i>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The stored item is older and not split.
    ReplaceWhole,
    /// The stored item is older. The answer says whether it was split.
    ReplaceAny,
    Insert,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementAnswers {
    /// One for each statement, in the same order.
    pub answers: Vec<StatementAnswer>,
    pub write_units: WriteUnits,
}

/// The answer to one conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementAnswer {
    Written {
        /// What it replaced. Only [`Verb::ReplaceAny`] and conditional puts return it.
        replaced: Option<StoredVersion>,
    },
    /// The condition does not hold.
    ConditionFailed {
        /// What is stored. `None` if nothing is, or if the database does not say.
        stored: Option<StoredVersion>,
    },
    /// [`Verb::Insert`] found an item.
    Duplicate,
    Failed(AwsFailure),
}

/// The version of a stored item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// `None` if it is damaged.
    pub sequence_number: Option<SequenceNumber>,
    /// The position of a user record in its aggregated record.
    pub sub_sequence_number: Option<u64>,
    /// Number of parts that hold its data, at most [`MAX_PARTS`].
    pub parts: usize,
    /// Whether the item has an impossible number of parts, so that `parts` is a guess.
    pub has_damaged_parts: bool,
}

/// The parts of an item that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OldParts {
    pub part_of: String,
    /// Number of parts.
    pub count: usize,
    /// Whether the number is a guess, because the item was damaged. There may be fewer parts.
    pub is_guessed: bool,
}

impl StoredVersion {
    /// Reads the texts of the attributes, which may be damaged.
    #[must_use]
    pub fn new(sequence_number: Option<&str>, sub_sequence_number: Option<&str>, parts: Option<&str>) -> Self {
        let said = parts.map_or(Some(0), |parts| parts.parse().ok().filter(|parts| *parts <= MAX_PARTS));
        Self {
            sequence_number: sequence_number.and_then(|digits| SequenceNumber::parse(digits).ok()),
            sub_sequence_number: sub_sequence_number.and_then(|place| place.parse().ok()),
            parts: said.unwrap_or(MAX_PARTS),
            has_damaged_parts: said.is_none(),
        }
    }

    /// The parts to delete once this item is replaced; `None` if there are none. Items are replaced in mode LATEST only.
    #[must_use]
    pub fn parts_to_delete(&self) -> Option<OldParts> {
        let number = self.sequence_number.as_ref().filter(|_| self.parts > 0)?;
        let part_of = table::part_of(ArchiveMode::Latest, number, self.sub_sequence_number);
        Some(OldParts { part_of, count: self.parts, is_guessed: self.has_damaged_parts })
    }

    /// The stored number, if DynamoDB could not compare it: DynamoDB compares texts, and leading zeros count there.
    #[must_use]
    pub fn number_beyond_comparison(&self, item: &Item<'_>) -> Option<&SequenceNumber> {
        let stored = self.sequence_number.as_ref()?;
        (stored.has_leading_zeros() || item.sequence_number.has_leading_zeros()).then_some(stored)
    }

    /// Whether this is the item's own record or a newer one. A damaged version is older than everything.
    #[must_use]
    pub fn supersedes(&self, item: &Item<'_>) -> bool {
        self.sequence_number.as_ref().is_some_and(|number| (number, self.sub_sequence_number) >= item.version())
    }

    /// Whether this is the item's own record, from an earlier delivery.
    #[must_use]
    pub fn is(&self, item: &Item<'_>) -> bool {
        let is_spelled_so = |number: &SequenceNumber| number.as_str() == item.sequence_number.as_str();
        self.sequence_number.as_ref().is_some_and(is_spelled_so) && self.sub_sequence_number == item.sub_sequence_number
    }
}
