//! What the store is asked to write, and what became of it.

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
    /// The archive's table.
    pub table: &'o str,
    /// The table of parts.
    pub parts_table: &'o str,
    /// What the table keeps.
    pub mode: ArchiveMode,
    /// What every item gets.
    pub stamp: &'o Stamp,
    /// How payloads are stored.
    pub compression: Compression,
    /// When to stop.
    pub deadline: Deadline,
}

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Records that are in the archive now.
    pub archived: usize,
    /// Records for whose key the same or something newer was there already; only in mode LATEST.
    pub superseded: usize,
    /// Records whose payload was compressed.
    pub compressed: usize,
    /// Records that were too large for one item.
    pub split: usize,
    /// What it cost, parts included.
    pub write_units: WriteUnits,
    /// Records that are not in the archive.
    pub failed: Vec<FailedWrite>,
}

/// A record that is not in the archive, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedWrite {
    /// Its number; that of its aggregated record where it is a user record.
    pub sequence_number: SequenceNumber,
    /// Its partition key.
    pub partition_key: String,
    /// Why it could not be written.
    pub reason: WriteError,
}

/// How one record ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It is in the archive; its key had none before.
    Inserted,
    /// It is in the archive.
    Written,
    /// The same or something newer was there already.
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
