//! The rows of a records screen: an entry for each record, and the records themselves only around the cursor.

use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::{RequestId, SpoolId};
use crate::domain::failure::Failure;
use crate::domain::listing::Listing;
use crate::domain::listing::entry::{Entry, MAX_ENTRIES, Place};
use crate::domain::reading::following::Gap;
use crate::domain::record::Record;
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Screens of rows that are kept loaded before and after the cursor.
const SCREENS_AROUND: usize = 3;

/// The rows.
#[derive(Debug)]
pub struct Rows {
    /// The spool that holds the records.
    pub spool: SpoolId,
    /// An entry for each.
    pub listing: Listing,
    /// The names of the shards that the entries refer to.
    pub shards: Arc<[String]>,
    /// Everything that arrived before this is among them, as far as it was read and archived in time.
    pub covered: Option<Timestamp>,
    /// Periods that were not read.
    pub gaps: Vec<Gap>,
    /// Whether the spool also holds records that are not rows.
    pub(super) are_some: bool,
    loaded: HashMap<Place, Arc<Record>>,
    asked: Option<RequestId>,
    asked_for: Vec<Place>,
    /// Requested but not loaded, because others were large. Requested again only when visible.
    left: HashSet<Place>,
    /// The spool cannot be read; another request would fail too.
    is_broken: bool,
}

impl Rows {
    /// No rows.
    #[must_use]
    pub fn new(spool: SpoolId) -> Self {
        Self {
            spool,
            listing: Listing::default(),
            shards: Arc::from([]),
            covered: None,
            gaps: Vec::new(),
            are_some: false,
            loaded: HashMap::new(),
            asked: None,
            asked_for: Vec::new(),
            left: HashSet::new(),
            is_broken: false,
        }
    }

    /// No rows yet from this spool.
    pub(super) fn none_of_them(&mut self) -> Self {
        self.are_some = true;
        Self {
            shards: Arc::clone(&self.shards),
            covered: self.covered,
            gaps: self.gaps.clone(),
            are_some: true,
            ..Self::new(self.spool)
        }
    }

    /// Whether the list is full.
    pub(super) fn is_full(&self) -> bool {
        self.len() >= MAX_ENTRIES
    }

    /// Ignores all answers from now on.
    pub(super) fn forget_asked(&mut self) {
        self.asked = None;
        self.asked_for.clear();
    }

    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.listing.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listing.is_empty()
    }

    /// The record in a row, if it is loaded.
    #[must_use]
    pub fn get(&self, rank: usize) -> Option<&Arc<Record>> {
        self.loaded.get(&self.listing.get(rank)?.place())
    }

    /// The row of an entry's record, which has another place in another spool, or the row where it would be.
    pub(super) fn rank_near(&self, entry: &Entry) -> usize {
        let listing = &self.listing;
        let rank = match listing.rank_of(entry) {
            Ok(rank) => rank,
            Err(rank) => {
                let same = |other: Entry| (other.arrived_ms, other.tie) == (entry.arrived_ms, entry.tie);
                let is_it = |rank: &usize| listing.get(*rank).is_some_and(same);
                [rank, rank.saturating_sub(1)].into_iter().find(is_it).unwrap_or(rank)
            }
        };
        rank.min(listing.len().saturating_sub(1))
    }

    /// The records that are loaded.
    pub fn loaded(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.loaded.values()
    }

    /// Requests the rows visible around the cursor, and some more, if they are not loaded.
    pub(super) fn ask(&mut self, cursor: usize, screen: usize, request: RequestId) -> Option<Effect> {
        if self.asked.is_some() || self.is_broken {
            return None;
        }
        // The cursor may be anywhere on the screen, so visible rows may be on either side.
        let seen = self.places(cursor, screen);
        let near = self.places(cursor, screen * SCREENS_AROUND);
        let is_missing = |place: &Place| !self.loaded.contains_key(place);
        let is_needed = seen.iter().any(is_missing)
            || self.places(cursor, screen * 2).iter().any(|place| is_missing(place) && !self.left.contains(place));
        if !is_needed {
            return None;
        }
        let kept: HashSet<Place> = near.iter().copied().collect();
        self.loaded.retain(|place, _| kept.contains(place));
        self.left.retain(|place| kept.contains(place));
        let places: Vec<Place> = near.into_iter().filter(|place| !self.loaded.contains_key(place)).collect();
        self.asked = Some(request);
        self.asked_for.clone_from(&places);
        Some(Effect::Records(RecordsEffect::ReadRows { request, spool: self.spool, places, is_whole: false }))
    }

    /// Whether these rows are awaited.
    pub(super) fn waits_for(&self, request: RequestId) -> bool {
        self.asked == Some(request)
    }

    /// Takes requested rows, if they are awaited.
    ///
    /// # Errors
    /// What is wrong with the spool.
    pub(super) fn read(&mut self, request: RequestId, result: Result<Vec<(Place, Arc<Record>)>, Failure>) -> Result<(), Failure> {
        if self.asked != Some(request) {
            return Ok(());
        }
        self.asked = None;
        let asked_for = std::mem::take(&mut self.asked_for);
        self.is_broken = result.is_err();
        self.loaded.extend(result?);
        self.left.extend(asked_for.into_iter().filter(|place| !self.loaded.contains_key(place)));
        Ok(())
    }

    /// The places of the rows around the cursor, nearest first.
    fn places(&self, cursor: usize, distance: usize) -> Vec<Place> {
        let first = cursor.saturating_sub(distance);
        let mut places: Vec<(usize, Place)> = self
            .listing
            .from(first)
            .take(cursor - first + distance + 1)
            .zip(first..)
            .map(|(entry, rank): (Entry, usize)| (rank.abs_diff(cursor), entry.place()))
            .collect();
        places.sort_by_key(|(distance, _)| *distance);
        places.into_iter().map(|(_, place)| place).collect()
    }
}
