//! Writes records into an archive's tables until each is there, can never be, or the time is over. Whole items of mode ALL are
//! put; `replace` writes those of mode LATEST, `split` the records that are too large for one item.

mod replace;
mod split;
mod write_error;

use crate::backoff::Deadline;
use crate::database::{Database, WriteUnits};
use crate::item::{Item, Stamp};
use crate::payload::Packer;
use crate::record::ArchivedRecord;
use crate::rounds::{Ending, in_batches};
use crate::sequence::SequenceNumber;
use crate::settings::{ArchiveMode, Compression};
use futures::StreamExt as _;
use replace::Newcomers;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
pub use write_error::WriteError;

/// Split records written at once; each holds megabytes.
const SPLIT_IN_FLIGHT: usize = 2;

/// Where and how the records of a batch are written.
#[derive(Clone, Copy, Debug)]
pub struct Order<'o> {
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
enum Done {
    /// It is in the archive; its key had none before.
    Inserted,
    /// It is in the archive.
    Written,
    /// The same or something newer was there already.
    Superseded,
}

/// Writes through a database.
#[derive(Debug)]
pub struct Store<D> {
    database: D,
    packer: Mutex<Packer>,
    newcomers: Mutex<HashMap<String, Newcomers>>,
}

impl<D: Database> Store<D> {
    /// Writes through this database.
    #[must_use]
    pub fn new(database: D) -> Self {
        Self { database, packer: Mutex::default(), newcomers: Mutex::default() }
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Writes the records, in mode LATEST each where nothing newer is stored under its partition key. No two may have the same
    /// key: in mode ALL partition key and number, in mode LATEST the partition key.
    pub async fn write(&self, order: Order<'_>, records: Vec<ArchivedRecord<'_>>) -> Outcome {
        let items = self.pack(records, order.compression);
        let (whole, split): (Vec<&Item<'_>>, Vec<&Item<'_>>) = items.iter().partition(|item| item.parts() == 0);
        let compressed = items.iter().filter(|item| item.data.is_gzip).count();
        let mut outcome = Outcome { compressed, split: split.len(), ..Outcome::default() };
        let replaced = match order.mode {
            ArchiveMode::All => {
                outcome.add(self.put(order, whole).await);
                Vec::new()
            }
            ArchiveMode::Latest => {
                let (ending, replaced) = self.replace(order, whole).await;
                outcome.add(ending);
                replaced
            }
        };
        let mut writes = Vec::with_capacity(split.len());
        for item in split {
            writes.push(self.write_split(order, item));
        }
        let mut writes = futures::stream::iter(writes).buffer_unordered(SPLIT_IN_FLIGHT);
        while let Some((item, ended, write_units)) = writes.next().await {
            outcome.write_units += write_units;
            match ended {
                Ok(done) => outcome.count(done),
                Err(reason) => outcome.failed.push(FailedWrite::of(item, reason)),
            }
        }
        outcome.write_units += self.delete_all_parts(order, replaced).await;
        outcome
    }

    fn pack<'e>(&self, records: Vec<ArchivedRecord<'e>>, compression: Compression) -> Vec<Item<'e>> {
        let mut packer = self.packer.lock().unwrap_or_else(PoisonError::into_inner);
        records.into_iter().map(|record| Item::of(record, &mut packer, compression)).collect()
    }

    /// Mode ALL: puts, which may be repeated.
    async fn put<'i>(&self, order: Order<'_>, items: Vec<&'i Item<'i>>) -> Ending<&'i Item<'i>, Done> {
        let call = |items: Vec<&'i Item<'i>>| async move { self.database.put_items(order.table, &items, order.stamp).await };
        in_batches(order.deadline, items, call).await.map(|()| Done::Written)
    }
}

impl Outcome {
    fn add(&mut self, ending: Ending<&Item<'_>, Done>) {
        self.write_units += ending.write_units;
        ending.done.into_iter().for_each(|done| self.count(done));
        self.failed.extend(ending.failed.into_iter().map(|(item, reason)| FailedWrite::of(item, reason)));
    }

    fn count(&mut self, done: Done) {
        match done {
            Done::Inserted | Done::Written => self.archived += 1,
            Done::Superseded => self.superseded += 1,
        }
    }
}

impl FailedWrite {
    fn of(item: &Item<'_>, reason: WriteError) -> Self {
        Self { sequence_number: item.sequence_number.clone(), partition_key: item.partition_key.to_string(), reason }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
