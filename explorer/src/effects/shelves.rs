//! The shelves that the screens' records lie on, by their ids.

use crate::app::message::ShelfId;
use crate::domain::failure::Failure;
use crate::domain::index::{Entry, Place, SoughtRecord};
use crate::domain::marks::{MAX_SINGLE_BYTES, TooMany};
use crate::domain::record::Record;
use crate::shelf::Shelf;
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of archived text that rows asked for bring at a time; more stay on the shelf, the last ones asked for first.
const MAX_ROWS_BYTES: usize = 24 * 1024 * 1024;

/// A shelf that is written and read at the same time.
#[derive(Clone, Debug)]
pub(super) struct SharedShelf(Arc<Mutex<Shelf>>);

/// All shelves.
#[derive(Debug, Default)]
pub(super) struct Shelves(HashMap<ShelfId, SharedShelf>);

impl Shelves {
    /// The shelf of an id, made where there is none.
    pub(super) fn open(&mut self, id: ShelfId) -> Result<SharedShelf, Failure> {
        if let Some(shelf) = self.0.get(&id) {
            return Ok(shelf.clone());
        }
        let shelf = Shelf::new().map_err(|error| of_disk(&error))?;
        let shelf = SharedShelf(Arc::new(Mutex::new(shelf)));
        self.0.insert(id, shelf.clone());
        Ok(shelf)
    }

    /// The shelf of an id, if there is one.
    pub(super) fn get(&self, id: ShelfId) -> Option<SharedShelf> {
        self.0.get(&id).cloned()
    }

    /// Throws a shelf away; whoever still uses it keeps it so long.
    pub(super) fn drop(&mut self, id: ShelfId) {
        self.0.remove(&id);
    }
}

impl SharedShelf {
    /// Puts records, and gives back their entries, the names of all shards so far, and whether no more should come.
    pub(super) fn put(&self, records: &[Record]) -> Result<(Vec<Entry>, usize, bool), Failure> {
        let mut shelf = self.lock();
        let entries = records.iter().map(|record| shelf.put(record)).collect::<io::Result<Vec<_>>>();
        let entries = entries.map_err(|error| of_disk(&error))?;
        Ok((entries, shelf.shards().len(), shelf.is_full()))
    }

    /// The names of all shards so far.
    pub(super) fn shards(&self) -> Arc<[String]> {
        self.lock().shards().into()
    }

    /// Whether no more should be put.
    pub(super) fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    /// The records at these places; at least the first, and others until they hold much, unless all are wanted.
    pub(super) fn rows(&self, places: &[Place], is_whole: bool) -> Result<Vec<(Place, Arc<Record>)>, Failure> {
        let mut rows = Vec::with_capacity(places.len());
        let mut bytes = 0;
        for place in places {
            let record = self.lock().get(*place).map_err(|error| of_disk(&error))?;
            bytes += record.held_bytes();
            rows.push((*place, Arc::new(record)));
            if is_whole && bytes as u64 > MAX_SINGLE_BYTES {
                return Err(Failure::refused("mark the range", TooMany.to_string()));
            }
            if bytes > MAX_ROWS_BYTES && !is_whole {
                break;
            }
        }
        Ok(rows)
    }

    /// The newest record that is looked for.
    pub(super) fn find(&self, wanted: &SoughtRecord) -> Result<Option<Entry>, Failure> {
        self.lock().find(wanted).map_err(|error| of_disk(&error))
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        // Whoever panicked while putting left at the most a record that nobody has an entry of.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_disk(error: &io::Error) -> Failure {
    Failure::refused("keep what was read on disk", error.to_string())
}
