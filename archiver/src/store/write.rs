//! The options of a write, and its outcome.

use super::database::WriteUnits;
use super::rounds::Ending;
use super::write_error::WriteError;
use crate::aws::backoff::Deadline;
use crate::format::item::{Item, Stamp};
use crate::format::sequence::SequenceNumber;
use crate::format::settings::{ArchiveMode, Compression};

/// Where and how the records of a batch are written.
#[derive(Clone, Copy, Debug)]
pub struct WriteOptions<'o> {
    pub table: &'o str,
    pub parts_table: &'o str,
    pub mode: ArchiveMode,
    /// Attributes that every item gets.
    pub stamp: &'o Stamp,
    pub compression: Compression,
    pub deadline: Deadline,
}

/// The outcome of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Records that are in the archive now.
    pub archived: usize,
    /// Records that were not written because the same or a newer one of their key is stored. Only in mode LATEST.
    pub superseded: usize,
    /// Records whose payload was compressed.
    pub compressed: usize,
    /// Records that were too large for one item.
    pub split: usize,
    /// Write units, including those for parts.
    pub write_units: WriteUnits,
    /// Records that are not in the archive.
    pub failed: Vec<FailedWrite>,
}

/// A record that is not in the archive, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedWrite {
    /// Its sequence number. A user record has the number of its aggregated record.
    pub sequence_number: SequenceNumber,
    pub partition_key: String,
    pub reason: WriteError,
}

/// How a record was settled without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It is in the archive. Its key had no item before.
    Inserted,
    /// It is in the archive.
    Written,
    /// The same or a newer record was there already.
    Superseded,
}

impl Outcome {
    pub(super) fn add(&mut self, ending: Ending<&Item<'_>, Done>) {
        self.write_units += ending.write_units;
        ending.done.into_iter().for_each(|done| self.count(done));
        self.failed.extend(ending.failed.into_iter().map(|(item, reason)| FailedWrite::of(item, reason)));
    }

    pub(super) fn count(&mut self, done: Done) {
        match done {
            Done::Inserted | Done::Written => self.archived += 1,
            Done::Superseded => self.superseded += 1,
        }
    }
}

impl FailedWrite {
    pub(super) fn of(item: &Item<'_>, reason: WriteError) -> Self {
        Self { sequence_number: item.sequence_number.clone(), partition_key: item.partition_key.to_string(), reason }
    }
}
