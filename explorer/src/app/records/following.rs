//! Follows new records into the rows of a records screen.

use super::{Following, Origin, Records};
use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::RequestId;
use crate::app::message::NewRecords;
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, Place};
use crate::domain::reading::Source;
use crate::domain::reading::following::{
    ARCHIVE_OVERLAP, FollowFrom, FollowOrder, FollowStatus, Followed, LONGEST_GAP, STREAM_OVERLAP, follow_after,
};
use archiver::format::settings::ArchiveMode;
use jiff::Timestamp;
use std::sync::Arc;

impl Records {
    /// Starts following, from where reading or following ended.
    pub(in crate::app) fn follow(&mut self, request: RequestId, now: Timestamp) -> Option<Effect> {
        let (stream, followed) = match &self.origin {
            Origin::Stream(stream) => (stream.clone(), Followed::Stream),
            Origin::Read(Source::Archive(archive)) => {
                (archive.stream.clone(), Followed::Archive { table: archive.table.clone(), mode: archive.mode })
            }
            Origin::Read(Source::File(_)) => return None,
        };
        let (filter, recipe) = (self.fixed.clone(), self.recipe.clone());
        self.following = Following::On(request, FollowStatus::default());
        let overlap = if followed == Followed::Stream { STREAM_OVERLAP } else { ARCHIVE_OVERLAP };
        let (from, there) = match (self.rows.covered, self.fixed.after(now)) {
            // Nothing of the stream was shown before.
            (None, None) => {
                self.rows.covered = Some(now);
                (FollowFrom::Now, Vec::new())
            }
            (None, Some(after)) => {
                self.rows.covered = Some(after);
                (FollowFrom::At(after), Vec::new())
            }
            (Some(covered), _) => {
                let (from, gap) = follow_after(covered, now, overlap);
                self.rows.gaps.extend(gap);
                if now.duration_since(covered).unsigned_abs() > LONGEST_GAP {
                    self.rows.covered = Some(now);
                }
                (FollowFrom::At(from), self.arrived_since(from))
            }
        };
        let order = FollowOrder { stream, followed, filter, recipe, from };
        Some(Effect::Records(RecordsEffect::Follow { request, spool: self.rows.spool, there, order: Box::new(order) }))
    }

    /// The places of rows that arrived since then.
    fn arrived_since(&self, from: Timestamp) -> Vec<Place> {
        let from = from.as_millisecond();
        let shown = self.rows.listing.from(0).take_while(|entry| entry.arrived_ms >= from).map(|entry| entry.place());
        shown.chain(self.places_in_base(from)).collect()
    }

    /// Stops following.
    pub(in crate::app) fn stop_following(&mut self) -> Option<Effect> {
        match std::mem::take(&mut self.following) {
            Following::On(request, _) => Some(Effect::Stop(request)),
            Following::Off | Following::Failed(_) => None,
        }
    }

    /// Takes new records.
    pub(in crate::app) fn followed(&mut self, request: RequestId, NewRecords { entries, shards, status }: &NewRecords) {
        match &mut self.following {
            Following::On(following, known) if *following == request => *known = *status,
            Following::Off | Following::On(..) | Following::Failed(_) => return,
        }
        // The archive may have been read at the same moment, so some may be there.
        let entries = self.new_among(entries);
        self.has_followed = true;
        self.rows.covered = self.rows.covered.max(status.reached);
        self.rows.shards = Arc::clone(shards);
        self.add(entries);
    }

    /// New records that are not among the rows. Only in mode ALL does a number identify a record; in LATEST, user records of an
    /// aggregated record share it.
    pub(super) fn new_among(&self, entries: &[Entry]) -> Vec<Entry> {
        if self.origin.archive().is_some_and(|archive| archive.mode == ArchiveMode::Latest) {
            return entries.to_vec();
        }
        let is_new = |entry: &&Entry| {
            let same = |other: Entry| (other.arrived_ms, other.tie, other.shard) == (entry.arrived_ms, entry.tie, entry.shard);
            let since = self.rows.listing.count_since(entry.arrived_ms.saturating_add(1));
            entry.tie == 0 || !self.rows.listing.from(since).take_while(|other| other.arrived_ms == entry.arrived_ms).any(same)
        };
        entries.iter().filter(is_new).copied().collect()
    }

    /// Following has ended.
    pub(in crate::app) fn follow_ended(&mut self, request: RequestId, failure: Option<Failure>) -> bool {
        match &self.following {
            Following::On(following, _) if *following == request => {}
            Following::Off | Following::On(..) | Following::Failed(_) => return false,
        }
        self.following = failure.map_or(Following::Off, Following::Failed);
        true
    }
}
