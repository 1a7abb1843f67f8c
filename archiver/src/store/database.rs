//! The calls on DynamoDB that archiving is made of, one call each and nothing tried twice: what may fail and be tried again is the
//! store's business. A trait, so that the store's rules can be proved against tables in memory too.

use crate::aws::failure::AwsFailure;
use crate::format::item::{Item, Stamp};
use crate::format::payload::MAX_PARTS;
use crate::format::sequence::SequenceNumber;
use crate::format::settings::ArchiveMode;
use crate::format::table::{self, TableKeys};
use std::future::Future;

/// Writes that one call accepts. Source: DynamoDB API reference, BatchWriteItem and BatchExecuteStatement.
pub const MAX_BATCH: usize = 25;

/// A place that keeps tables.
pub trait Database: Send + Sync {
    /// The keys of a table, `None` where it does not exist.
    fn table_keys(&self, table: &str) -> impl Future<Output = Result<Option<TableKeys>, AwsFailure>> + Send;

    /// Puts items, whatever is there: at most [`MAX_BATCH`], no two with one key. Some may be left out.
    fn put_items(
        &self,
        table: &str,
        items: &[&Item<'_>],
        stamp: &Stamp,
    ) -> impl Future<Output = Result<BatchAnswer, AwsFailure>> + Send;

    /// Puts parts of split items: at most [`MAX_BATCH`]. Some may be left out.
    fn put_parts(
        &self,
        table: &str,
        parts: &[Part<'_>],
        stamp: &Stamp,
    ) -> impl Future<Output = Result<BatchAnswer, AwsFailure>> + Send;

    /// Deletes parts: at most [`MAX_BATCH`]. Some may be left out.
    fn delete_parts(&self, table: &str, parts: &[PartKey<'_>]) -> impl Future<Output = Result<BatchAnswer, AwsFailure>> + Send;

    /// Executes statements, each by itself, and answers them in their order: at most [`MAX_BATCH`], no two of one key.
    fn execute(
        &self,
        table: &str,
        statements: &[Statement<'_>],
        stamp: &Stamp,
    ) -> impl Future<Output = Result<StatementAnswers, AwsFailure>> + Send;

    /// Puts an item where its partition key has none yet or an older one. `over` names a number that is known to be older, where the
    /// database cannot tell that; the item is put if that number is still stored, spelled so.
    fn put_if_newest(
        &self,
        table: &str,
        item: &Item<'_>,
        over: Option<&SequenceNumber>,
        stamp: &Stamp,
    ) -> impl Future<Output = Result<(StatementAnswer, WriteUnits), AwsFailure>> + Send;

    /// What is stored under the item's key in a table with these keys, read consistently.
    fn stored_version(
        &self,
        table: &str,
        keys: &TableKeys,
        item: &Item<'_>,
    ) -> impl Future<Output = Result<Option<StoredVersion>, AwsFailure>> + Send;
}

/// Write capacity units, as DynamoDB counted them; 0 where it does not tell.
pub type WriteUnits = f64;

/// The answer to puts or deletes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchAnswer {
    /// Places of those that DynamoDB left out.
    pub unprocessed: Vec<usize>,
    /// What the others cost.
    pub write_units: WriteUnits,
}

/// A part of an item that is too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'i> {
    /// Which one.
    pub key: PartKey<'i>,
    /// Its text of base64.
    pub text: &'i str,
}

/// The key of a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartKey<'i> {
    /// Of which record.
    pub part_of: &'i str,
    /// Its place, from 0.
    pub part: usize,
}

/// One conditional write of an item under its partition key.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'i> {
    /// On which condition.
    pub verb: Verb,
    /// What to write.
    pub item: &'i Item<'i>,
}

/// The conditions of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// The stored item is older and not split.
    ReplaceWhole,
    /// The stored item is older; the answer says whether it was split.
    ReplaceAny,
    /// There is none.
    Insert,
}

/// The answers to statements.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementAnswers {
    /// One for each, in their order.
    pub answers: Vec<StatementAnswer>,
    /// What they cost.
    pub write_units: WriteUnits,
}

/// The answer to one conditional write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatementAnswer {
    /// The item is written.
    Written {
        /// What it replaced; told only for [`Verb::ReplaceAny`] and conditional puts.
        replaced: Option<StoredVersion>,
    },
    /// The condition does not hold.
    ConditionFailed {
        /// What is stored. `None` where nothing is, or where the database does not tell.
        stored: Option<StoredVersion>,
    },
    /// There is an item already, against [`Verb::Insert`].
    Duplicate,
    /// It failed.
    Failed(AwsFailure),
}

/// What matters of an item that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// Its sequence number; `None` where it is damaged.
    pub sequence_number: Option<SequenceNumber>,
    /// Its place in an aggregated record.
    pub sub_sequence_number: Option<u64>,
    /// How many parts hold its data, at most [`MAX_PARTS`].
    pub parts: usize,
    /// Whether the item says something else than `parts`, which no payload can have.
    pub has_damaged_parts: bool,
}

/// The parts of an item that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OldParts {
    /// Their hash key.
    pub part_of: String,
    /// How many there are.
    pub count: usize,
    /// Whether the item was damaged: there may be fewer.
    pub is_guessed: bool,
}

impl StoredVersion {
    /// From the texts of its attributes, whatever they are.
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

    /// The parts of an item that was replaced, which happens in mode LATEST only; `None` where there are none.
    #[must_use]
    pub fn parts_to_delete(&self) -> Option<OldParts> {
        let number = self.sequence_number.as_ref().filter(|_| self.parts > 0)?;
        let part_of = table::part_of(ArchiveMode::Latest, number, self.sub_sequence_number);
        Some(OldParts { part_of, count: self.parts, is_guessed: self.has_damaged_parts })
    }

    /// The stored number, where it may be older than the item's and DynamoDB could not tell: it compares texts, in which leading
    /// zeros count.
    #[must_use]
    pub fn number_beyond_comparison(&self, item: &Item<'_>) -> Option<&SequenceNumber> {
        let stored = self.sequence_number.as_ref()?;
        (stored.has_leading_zeros() || item.sequence_number.has_leading_zeros()).then_some(stored)
    }

    /// Whether it is the item's own record, or a newer one. A damaged one is older than all.
    #[must_use]
    pub fn supersedes(&self, item: &Item<'_>) -> bool {
        self.sequence_number.as_ref().is_some_and(|number| (number, self.sub_sequence_number) >= item.version())
    }

    /// Whether it is the item's own record, delivered before.
    #[must_use]
    pub fn is(&self, item: &Item<'_>) -> bool {
        let is_spelled_so = |number: &SequenceNumber| number.as_str() == item.sequence_number.as_str();
        self.sequence_number.as_ref().is_some_and(is_spelled_so) && self.sub_sequence_number == item.sub_sequence_number
    }
}
