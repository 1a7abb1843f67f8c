//! Writes records that are too large for one item: first the parts, then the item, so that every visible item is complete. Also
//! deletes parts that no item needs any more.

use super::Store;
use super::database::{Database, OldParts, Part, PartKey, StoredVersion, WriteUnits};
use super::replace::{NewestWrite, Step};
use super::rounds::in_batches;
use super::write::{Done, WriteOptions};
use super::write_error::WriteError;
use crate::aws::failure::FailureKind;
use crate::aws::retry::{CallError, until_done};
use crate::format::item::Item;
use crate::format::payload;
use crate::format::settings::ArchiveMode;
use crate::format::table::TableKeys;
use std::collections::BTreeSet;
use std::time::Duration;

/// Time limit for the deletion of parts.
const DELETE_TIME: Duration = Duration::from_secs(5);

impl<D: Database> Store<D> {
    /// Writes the parts, then the item. It reads the stored version first: for a record that is delivered again, writing megabytes
    /// would cost thousands of times as much as this read.
    pub(super) async fn write_split<'i>(
        &self,
        options: WriteOptions<'_>,
        item: &'i Item<'i>,
    ) -> (&'i Item<'i>, Result<Done, WriteError>, WriteUnits) {
        let mut write_units = 0.0;
        let ended = self.write_parts_and_item(options, item, &mut write_units).await;
        (item, ended, write_units)
    }

    async fn write_parts_and_item(
        &self,
        options: WriteOptions<'_>,
        item: &Item<'_>,
        write_units: &mut WriteUnits,
    ) -> Result<Done, WriteError> {
        let before = self.stored_version(options, item).await?;
        match (options.mode, &before) {
            (ArchiveMode::All, Some(_)) => return Ok(Done::Written),
            (ArchiveMode::Latest, Some(stored)) if stored.supersedes(item) => return Ok(Done::Superseded),
            (ArchiveMode::All | ArchiveMode::Latest, _) => {}
        }
        let part_of = item.part_of(options.mode);
        let parts = payload::parts(&item.data.text).enumerate();
        let parts: Vec<Part<'_>> = parts.map(|(part, text)| Part { key: PartKey { part_of: &part_of, part }, text }).collect();
        let call = |parts: Vec<_>| async move { self.database.put_parts(options.parts_table, &parts, options.stamp).await };
        let written = in_batches(options.deadline, parts, call).await;
        *write_units += written.write_units;
        if let Some((_, reason)) = written.failed.into_iter().next() {
            return Err(WriteError::Parts { table: options.parts_table.to_owned(), reason: Box::new(reason) });
        }
        match options.mode {
            ArchiveMode::All => {
                let ending = self.put(options, vec![item]).await;
                *write_units += ending.write_units;
                ending.failed.into_iter().next().map_or(Ok(Done::Written), |(_, reason)| Err(reason))
            }
            ArchiveMode::Latest => {
                let ending = self.until_written(options, vec![NewestWrite { item, step: Step::Put }]).await;
                *write_units += ending.write_units;
                if let Some((_, reason)) = ending.failed.into_iter().next() {
                    return Err(reason);
                }
                let (done, replaced) = ending.done.into_iter().next().unwrap_or((Done::Written, None));
                // A newer record was written in the meantime, and no item needs these parts. Unless the stored one is the same
                // record, delivered twice at the same time.
                let left_behind =
                    done == Done::Superseded && !self.stored_version(options, item).await?.is_some_and(|stored| stored.is(item));
                let own = left_behind.then(|| OldParts { part_of: part_of.clone(), count: item.parts(), is_guessed: false });
                // The item that was there before is replaced by now, even if the answer that says so was lost.
                let before = before.and_then(|stored| stored.parts_to_delete());
                let unneeded: BTreeSet<OldParts> = [before, replaced, own].into_iter().flatten().collect();
                *write_units += self.delete_all_parts(options, unneeded.into_iter().collect()).await;
                Ok(done)
            }
        }
    }

    async fn stored_version(&self, options: WriteOptions<'_>, item: &Item<'_>) -> Result<Option<StoredVersion>, WriteError> {
        let keys = TableKeys::of_mode(options.mode);
        until_done(options.deadline, || self.database.stored_version(options.table, &keys, item)).await.map_err(|reason| {
            match reason {
                // Only split records need this read. The role may lack the permission and still write all others.
                CallError::Aws(ref failure) if failure.kind == FailureKind::AccessDenied => {
                    WriteError::Parts { table: options.table.to_owned(), reason: Box::new(reason.into()) }
                }
                other => other.into(),
            }
        })
    }

    /// Deletes the parts of records that are no longer in the archive. If that fails, the parts only cost storage: nobody reads
    /// them.
    pub(super) async fn delete_all_parts(&self, options: WriteOptions<'_>, records: Vec<OldParts>) -> WriteUnits {
        for OldParts { part_of, count, .. } in records.iter().filter(|record| record.is_guessed) {
            let table = options.table;
            tracing::warn!(
                table,
                part_of,
                deleted = count,
                "a replaced item has an impossible recordParts; the parts it may have had are deleted"
            );
        }
        let parts =
            records.iter().flat_map(|OldParts { part_of, count, .. }| (0..*count).map(move |part| PartKey { part_of, part }));
        let call = |parts: Vec<_>| async move { self.database.delete_parts(options.parts_table, &parts).await };
        // A short limit: records that wait need the time more.
        let deleted = in_batches(options.deadline.at_most(DELETE_TIME), parts.collect(), call).await;
        if let Some((first, reason)) = deleted.failed.first() {
            let (table, left, part_of) = (options.parts_table, deleted.failed.len(), first.part_of);
            tracing::warn!(table, left, part_of, %reason, "parts of replaced records could not be deleted");
        }
        deleted.write_units
    }
}
