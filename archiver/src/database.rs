//! The calls on DynamoDB that archiving is made of, one call each and nothing tried twice: what may fail and be tried again is the
//! store's business. A trait, so that the store's rules can be proved against tables in memory too.

use crate::aws_failure::AwsFailure;
use crate::item::{Item, Stamp};
use crate::sequence::SequenceNumber;
use crate::settings::ArchiveMode;
use crate::table::{self, TableKeys};
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

    /// Puts an item where its partition key has none yet or an older one.
    fn put_if_newest(
        &self,
        table: &str,
        item: &Item<'_>,
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
    /// How many parts hold its data.
    pub parts: usize,
}

impl StoredVersion {
    /// From the texts of its attributes, whatever they are.
    #[must_use]
    pub fn new(sequence_number: Option<&str>, sub_sequence_number: Option<&str>, parts: Option<&str>) -> Self {
        Self {
            sequence_number: sequence_number.and_then(|digits| SequenceNumber::parse(digits).ok()),
            sub_sequence_number: sub_sequence_number.and_then(|place| place.parse().ok()),
            parts: parts.and_then(|parts| parts.parse().ok()).unwrap_or_default(),
        }
    }

    /// The parts of an item that was replaced, which happens in mode LATEST only: the hash key and the number of them, where there
    /// are any.
    #[must_use]
    pub fn parts_to_delete(&self) -> Option<(String, usize)> {
        let number = self.sequence_number.as_ref().filter(|_| self.parts > 0)?;
        Some((table::part_of(ArchiveMode::Latest, number, self.sub_sequence_number), self.parts))
    }

    /// Whether it is the item's own record, or a newer one. A damaged one is older than all.
    #[must_use]
    pub fn supersedes(&self, item: &Item<'_>) -> bool {
        self.sequence_number.as_ref().is_some_and(|number| (number, self.sub_sequence_number) >= item.version())
    }

    /// Whether it is the item's own record.
    #[must_use]
    pub fn is(&self, item: &Item<'_>) -> bool {
        self.sequence_number.as_ref().is_some_and(|number| (number, self.sub_sequence_number) == item.version())
    }
}
