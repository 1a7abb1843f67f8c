//! Writes records into an archive's tables, until each record is written, has failed for good, or the deadline passes. Items of
//! mode ALL are simply put. `replace` writes the items of mode LATEST, `split` the records that are too large for one item.

pub mod database;
pub mod dynamodb;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_precision_loss)]
pub(crate) mod in_memory;
mod newcomers;
mod replace;
mod rounds;
mod split;
mod write;
mod write_error;

use crate::format::item::Item;
use crate::format::payload::Packer;
use crate::format::record::ArchivedRecord;
use crate::format::settings::{ArchiveMode, Compression};
use database::Database;
use futures::StreamExt as _;
use newcomers::Newcomers;
use rounds::{Ending, in_batches};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use write::Done;
pub use write::{FailedWrite, Outcome, WriteOptions};
pub use write_error::WriteError;

/// Split records that are written at the same time. Each takes megabytes of memory.
const SPLIT_IN_FLIGHT: usize = 2;

#[derive(Debug)]
pub struct Store<D> {
    database: D,
    packer: Mutex<Packer>,
    newcomers: Mutex<HashMap<String, Newcomers>>,
}

impl<D: Database> Store<D> {
    #[must_use]
    pub fn new(database: D) -> Self {
        Self { database, packer: Mutex::default(), newcomers: Mutex::default() }
    }

    #[must_use]
    pub fn database(&self) -> &D {
        &self.database
    }

    /// Writes the records. In mode LATEST, a record is not written if a newer one is stored under its partition key. No two records
    /// may have the same key: partition key and sequence number in mode ALL, the partition key in mode LATEST.
    pub async fn write(&self, options: WriteOptions<'_>, records: Vec<ArchivedRecord<'_>>) -> Outcome {
        let items = self.pack(records, options.compression);
        let (whole, split): (Vec<&Item<'_>>, Vec<&Item<'_>>) = items.iter().partition(|item| item.parts() == 0);
        let compressed = items.iter().filter(|item| item.data.is_gzip).count();
        let mut outcome = Outcome { compressed, split: split.len(), ..Outcome::default() };
        let replaced = match options.mode {
            ArchiveMode::All => {
                outcome.add(self.put(options, whole).await);
                Vec::new()
            }
            ArchiveMode::Latest => {
                let (ending, replaced) = self.replace(options, whole).await;
                outcome.add(ending);
                replaced
            }
        };
        let mut writes = Vec::with_capacity(split.len());
        for item in split {
            writes.push(self.write_split(options, item));
        }
        let mut writes = futures::stream::iter(writes).buffer_unordered(SPLIT_IN_FLIGHT);
        while let Some((item, ended, write_units)) = writes.next().await {
            outcome.write_units += write_units;
            match ended {
                Ok(done) => outcome.count(done),
                Err(reason) => outcome.failed.push(FailedWrite::of(item, reason)),
            }
        }
        outcome.write_units += self.delete_all_parts(options, replaced).await;
        outcome
    }

    fn pack<'e>(&self, records: Vec<ArchivedRecord<'e>>, compression: Compression) -> Vec<Item<'e>> {
        let mut packer = self.packer.lock().unwrap_or_else(PoisonError::into_inner);
        records.into_iter().map(|record| Item::of(record, &mut packer, compression)).collect()
    }

    /// Mode ALL: puts. Repeating one does no harm.
    async fn put<'i>(&self, options: WriteOptions<'_>, items: Vec<&'i Item<'i>>) -> Ending<&'i Item<'i>, Done> {
        let call = |items: Vec<&'i Item<'i>>| async move { self.database.put_items(options.table, &items, options.stamp).await };
        in_batches(options.deadline, items, call).await.map(|()| Done::Written)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
