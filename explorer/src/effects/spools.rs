//! The spools that hold the screens' records, by their ids.

use crate::app::ids::SpoolId;
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, Place, SoughtRecord};
use crate::domain::listing::marks::{MAX_SINGLE_BYTES, TooMany};
use crate::domain::record::Record;
use crate::spool::Spool;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most bytes of archived text that requested rows load at a time. The others stay in the spool; the latest requests win.
const MAX_ROWS_BYTES: usize = 24 * 1024 * 1024;

/// A spool that is written and read at the same time.
#[derive(Clone, Debug)]
pub(super) struct SharedSpool(Arc<Mutex<Kept>>);

#[derive(Debug)]
struct Kept {
    spool: Spool,
    /// While new records are followed: which are there already, so that none is added twice.
    seen: Option<Seen>,
}

/// The records that arrived lately and are there.
#[derive(Debug)]
struct Seen {
    since: Timestamp,
    ids: HashSet<u128>,
    hashers: [RandomState; 2],
}

/// All spools.
#[derive(Debug, Default)]
pub(super) struct Spools(HashMap<SpoolId, SharedSpool>);

impl Spools {
    /// The spool with this id, created if there is none.
    pub(super) fn open(&mut self, id: SpoolId) -> Result<SharedSpool, Failure> {
        if let Some(spool) = self.0.get(&id) {
            return Ok(spool.clone());
        }
        let spool = Spool::new().map_err(|error| of_disk(&error))?;
        let spool = SharedSpool(Arc::new(Mutex::new(Kept { spool, seen: None })));
        self.0.insert(id, spool.clone());
        Ok(spool)
    }

    /// The spool with this id, if there is one.
    pub(super) fn get(&self, id: SpoolId) -> Option<SharedSpool> {
        self.0.get(&id).cloned()
    }

    /// Drops a spool; tasks that still use it keep it until they are done.
    pub(super) fn drop(&mut self, id: SpoolId) {
        self.0.remove(&id);
    }
}

impl SharedSpool {
    /// Adds records that are not there yet. Returns their entries, the names of all shards so far, and whether the spool is full.
    pub(super) fn put(&self, records: &[Record]) -> Result<(Vec<Entry>, usize, bool), Failure> {
        let mut kept = self.lock();
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            if kept.seen.as_mut().is_none_or(|seen| seen.is_new(record)) {
                entries.push(kept.spool.put(record).map_err(|error| of_disk(&error))?);
            }
        }
        Ok((entries, kept.spool.shards().len(), kept.spool.is_full()))
    }

    /// From now on, no record is added twice if it arrived since this time and is at one of these places or is added later.
    pub(super) fn remember(&self, places: &[Place], since: Timestamp) -> Result<(), Failure> {
        let mut seen = Seen { since, ids: HashSet::new(), hashers: [RandomState::new(), RandomState::new()] };
        for place in places {
            let record = self.lock().spool.get(*place).map_err(|error| of_disk(&error))?;
            seen.is_new(&record);
        }
        self.lock().seen = Some(seen);
        Ok(())
    }

    /// Whether a record is already there.
    pub(super) fn has(&self, record: &Record) -> bool {
        self.lock().seen.as_ref().is_some_and(|seen| seen.has(record))
    }

    /// The names of all shards so far.
    pub(super) fn shards(&self) -> Arc<[String]> {
        self.lock().spool.shards().into()
    }

    /// Whether the spool is full.
    pub(super) fn is_full(&self) -> bool {
        self.lock().spool.is_full()
    }

    /// The records at these places. Without `all`, stops once they hold much, but returns at least the first.
    pub(super) fn rows(&self, places: &[Place], is_whole: bool) -> Result<Vec<(Place, Arc<Record>)>, Failure> {
        let mut rows = Vec::with_capacity(places.len());
        let mut bytes = 0;
        for place in places {
            let record = self.lock().spool.get(*place).map_err(|error| of_disk(&error))?;
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

    /// The record at a place.
    pub(super) fn get(&self, place: Place) -> Result<Record, Failure> {
        self.lock().spool.get(place).map_err(|error| of_disk(&error))
    }

    /// The newest wanted record; if places are given, only there.
    pub(super) fn find(&self, wanted: &SoughtRecord, among: Option<&HashSet<Place>>) -> Result<Option<Entry>, Failure> {
        self.lock().spool.find(wanted, |place| among.is_none_or(|places| places.contains(&place))).map_err(|error| of_disk(&error))
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // A panic while adding leaves at most one record without an entry.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Notes a record; returns whether it is new.
    fn is_new(&mut self, record: &Record) -> bool {
        let is_lately = record.arrived_at.is_some_and(|at| at >= self.since);
        !is_lately || self.ids.insert(self.hash(record))
    }

    fn has(&self, record: &Record) -> bool {
        self.ids.contains(&self.hash(record))
    }

    /// A 128-bit number for a record; two records are not expected to share one.
    fn hash(&self, record: &Record) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(&record.id)) << 64 | u128::from(low.hash_one(&record.id))
    }
}

fn of_disk(error: &io::Error) -> Failure {
    Failure::refused("save records on disk", error.to_string())
}
