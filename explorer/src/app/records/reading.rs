//! The reading of a screen's records: its state, its cost, and how far it should go.

use super::{Origin, Records, Rows};
use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::{RequestId, SpoolId};
use crate::app::message::{FoundRecords, ReadEnd, Reply};
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, MAX_ENTRIES};
use crate::domain::reading::{Position, ReadEnding, ReadOrder, ReadProgress, Source};
use jiff::Timestamp;
use std::time::Duration;

/// Reading pauses after this many matching records: enough to look around, and cheap.
pub(super) const READ_AHEAD: usize = 5_000;

/// The state of a reading.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// It runs.
    Running(RequestId),
    /// It was asked to stop, and its last message is awaited.
    Stopping(RequestId),
    /// It paused; there is more from here.
    Partial(Position),
    /// Everything was read.
    Complete,
    /// It failed; it can resume from here.
    Failed(Failure, Position),
}

/// The totals so far, including earlier readings that were resumed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    before: ReadProgress,
    time_before: Duration,
    latest: ReadProgress,
    latest_time: Duration,
}

impl Reading {
    /// The awaited request.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Running(request) | Self::Stopping(request) => Some(*request),
            Self::Partial(_) | Self::Complete | Self::Failed(..) => None,
        }
    }

    /// The state after an ending.
    #[must_use]
    pub(super) fn after(ending: ReadEnding) -> Self {
        match ending {
            ReadEnding::Complete => Self::Complete,
            ReadEnding::Stopped(position) => Self::Partial(position),
            ReadEnding::Failed(failure, position) => Self::Failed(failure, position),
        }
    }
}

impl Tally {
    /// A reading starts or resumes; earlier totals stay.
    pub(super) fn go_on(&mut self) {
        let total = self.total();
        *self = Self { before: total, time_before: self.time(), latest: ReadProgress::default(), latest_time: Duration::ZERO };
    }

    /// Updates the running reading's totals.
    pub(super) fn reached(&mut self, progress: ReadProgress, elapsed: Duration) {
        self.latest = progress;
        self.latest_time = elapsed;
    }

    /// The totals.
    #[must_use]
    pub fn total(&self) -> ReadProgress {
        let (before, latest) = (&self.before, &self.latest);
        ReadProgress {
            read: before.read + latest.read,
            matched: before.matched + latest.matched,
            matched_bytes: before.matched_bytes + latest.matched_bytes,
            unsearchable: before.unsearchable + latest.unsearchable,
            bad_lines: before.bad_lines.and(latest.bad_lines),
            units: before.units + latest.units,
            segments_done: latest.segments_done.max(before.segments_done),
            segments: latest.segments.max(before.segments),
        }
    }

    /// Its duration, without pauses.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.time_before + self.latest_time
    }

    /// Items read each second.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn rate(&self) -> f64 {
        let seconds = self.time().as_secs_f64();
        if seconds > 0.0 { self.total().read as f64 / seconds } else { 0.0 }
    }
}

impl Records {
    /// Reads from the start into a new spool, with the times of now; follows if there is nothing to read.
    pub(super) fn begin(&mut self, request: RequestId, now: Timestamp) -> Vec<Effect> {
        self.fixed = self.filter.fixed(now);
        if let Some(effect) = self.read_from(Position::Beginning, request) {
            let rows = self.fresh.as_mut().unwrap_or(&mut self.rows);
            rows.covered = Some(now);
            return vec![effect];
        }
        self.reading = Reading::Complete;
        self.follow(request, now).into_iter().collect()
    }

    /// Reads again from the start; the old rows stay until there are as many new ones.
    pub(in crate::app) fn refresh(&mut self, request: RequestId, now: Timestamp) -> Vec<Effect> {
        let was_complete = self.reading == Reading::Complete;
        let mut effects = self.abandon_reading();
        self.showing.try_again();
        if matches!(self.origin, Origin::Stream(_)) {
            effects.extend(self.follow(request, now));
            return effects;
        }
        let fresh = Rows::new(SpoolId(request.0));
        if let Some(unfinished) = self.fresh.replace(fresh) {
            effects.push(Effect::Records(RecordsEffect::DropSpool(unfinished.spool)));
        }
        self.tally = Tally::default();
        // If everything was read before, everything is read again, even if it has grown.
        self.wanted = (!was_complete).then(|| READ_AHEAD.max(self.rows.len()));
        effects.extend(self.begin(request, now));
        effects
    }

    /// Drops the rows, and starts with an empty spool.
    pub(super) fn start_over(&mut self, request: RequestId) -> Vec<Effect> {
        let mut effects = self.abandon_reading();
        effects.extend(self.stop_following());
        let rows = std::mem::replace(&mut self.rows, Rows::new(SpoolId(request.0)));
        effects.extend(self.dropped(rows.spool));
        effects.extend(self.fresh.take().map(|fresh| Effect::Records(RecordsEffect::DropSpool(fresh.spool))));
        self.cursor = 0;
        self.anchor = None;
        self.is_stale = false;
        self.has_followed = false;
        self.range_from = None;
        self.is_spool_full = false;
        self.tally = Tally::default();
        self.wanted = Some(READ_AHEAD);
        effects
    }

    pub(super) fn abandon_reading(&mut self) -> Vec<Effect> {
        let request = self.reading.request();
        self.reading = Reading::Complete;
        request.map(Effect::Stop).into_iter().collect()
    }

    /// Reads from a position, if there is something to read.
    fn read_from(&mut self, from: Position, request: RequestId) -> Option<Effect> {
        let order = self.order(from)?;
        self.reading = Reading::Running(request);
        self.tally.go_on();
        let spool = self.fresh.as_ref().unwrap_or(&self.rows).spool;
        Some(Effect::Records(RecordsEffect::Read { request, spool, order: Box::new(order) }))
    }

    /// The order for all matching records from a position on; `None` if records are only followed.
    #[must_use]
    pub(in crate::app) fn order(&self, from: Position) -> Option<ReadOrder> {
        match &self.origin {
            Origin::Read(source) => {
                let (source, filter, recipe) = (source.clone(), self.fixed.clone(), self.recipe.clone());
                Some(ReadOrder { source, filter, recipe, includes_unreadable: false, from })
            }
            Origin::Stream(_) => None,
        }
    }

    /// Takes records that were read; pauses when there are enough.
    pub(in crate::app) fn records_read(&mut self, reply: Reply<FoundRecords>) -> Option<Effect> {
        let request = reply.request;
        if self.reading.request() != Some(request) {
            return self.in_base(request, |records| records.records_read(reply)).flatten();
        }
        let FoundRecords { entries, shards, progress, elapsed } = reply.result;
        self.tally.reached(progress, elapsed);
        let held = match &mut self.fresh {
            Some(fresh) => {
                fresh.listing.add(entries);
                fresh.shards = shards;
                fresh.len()
            }
            None => {
                self.rows.shards = shards;
                // Followed records are read again.
                let entries = if self.has_followed { self.new_among(&entries) } else { entries };
                self.add(entries);
                self.rows.len()
            }
        };
        let is_enough = self.wanted.is_some_and(|wanted| held >= wanted) || held >= MAX_ENTRIES;
        if is_enough && matches!(self.reading, Reading::Running(_)) {
            self.reading = Reading::Stopping(request);
            return Some(Effect::Stop(request));
        }
        None
    }

    /// Takes the end of a reading. Returns a failure if rows are shown, since the screen then shows it nowhere else.
    pub(in crate::app) fn read_ended(&mut self, reply: Reply<ReadEnd>) -> (Vec<Effect>, Option<Failure>) {
        let request = reply.request;
        if self.reading.request() != Some(request) {
            let ended = self.in_base(request, |records| records.read_ended(reply));
            return (ended.map(|(effects, _)| effects).unwrap_or_default(), None);
        }
        let ReadEnd { ending, is_full } = reply.result;
        self.anchor = None;
        self.is_spool_full = is_full;
        self.is_stale = false;
        self.reading = Reading::after(ending);
        let failure = match &self.reading {
            Reading::Failed(failure, _) => Some(failure.clone()),
            Reading::Running(_) | Reading::Stopping(_) | Reading::Partial(_) | Reading::Complete => None,
        };
        let dropped = self.fresh.take().map(|fresh| {
            if failure.is_some() && fresh.is_empty() {
                // The old rows are still better.
                self.is_stale = !self.rows.is_empty();
                fresh.spool
            } else {
                self.show(fresh)
            }
        });
        let effects = dropped.and_then(|spool| self.dropped(spool)).into_iter().collect();
        (effects, failure.filter(|_| !self.rows.is_empty()))
    }

    /// Replaces the rows and returns their spool; the cursor stays on its record if possible.
    pub(super) fn show(&mut self, rows: Rows) -> SpoolId {
        let current = self.rows.listing.get(self.cursor).filter(|_| self.cursor > 0);
        let before = std::mem::replace(&mut self.rows, rows);
        self.cursor = current.map_or(0, |entry| self.rows.rank_near(&entry));
        self.range_from = None;
        before.spool
    }

    /// Adds rows in order; the cursor stays on its record, or at the top if it never moved.
    pub(super) fn add(&mut self, entries: Vec<Entry>) {
        let current = self.anchor.or_else(|| self.rows.listing.get(self.cursor).filter(|_| self.cursor > 0));
        self.rows.listing.add(entries);
        if let Some(entry) = current {
            self.cursor = self.rows.rank_near(&entry);
        }
    }

    /// The share that was read, if known: for an archive by DynamoDB's count, which may be six hours old, for a file by its size.
    /// Never 100% before the end.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "an approximate share is enough")]
    pub fn share_read(&self) -> Option<f64> {
        let total = self.tally.total();
        if let Some(base) = self.base.as_ref().filter(|_| self.is_picked()) {
            let (read, of) = (total.read as f64, base.len() as f64);
            return (read > 0.0 && read < of).then_some(read / of);
        }
        let (read, of) = match (&self.origin, self.filter.key()) {
            (Origin::Read(Source::File(_)), _) => (total.segments_done as f64, total.segments as f64),
            (Origin::Read(Source::Archive(_)), None) => (total.read as f64, self.about_items as f64),
            // The number of items of one key is unknown, and so is the number of new records.
            (Origin::Read(Source::Archive(_)), Some(_)) | (Origin::Stream(_), _) => return None,
        };
        // If there are more than DynamoDB counted, the count is useless.
        (read > 0.0 && read <= of && self.reading != Reading::Complete).then_some((read / of).min(0.99))
    }

    /// How long reading to the end will take, if it reads to the end.
    #[must_use]
    #[allow(clippy::cast_precision_loss, reason = "an estimate is enough")]
    pub fn time_left(&self) -> Option<Duration> {
        /// The speed is meaningless before this.
        const SOONEST: Duration = Duration::from_secs(3);
        let goes_on = matches!(self.reading, Reading::Running(_)) && self.wanted.is_none();
        let share = self.share_read().filter(|_| goes_on && self.tally.time() >= SOONEST)?;
        Duration::try_from_secs_f64(self.tally.time().as_secs_f64() * (1.0 - share) / share).ok()
    }

    /// Resumes reading, for another batch or to the end.
    pub(in crate::app) fn read_more(&mut self, to_the_end: bool, request: RequestId, now: Timestamp) -> Vec<Effect> {
        if self.is_stale || (self.is_picked() && matches!(self.reading, Reading::Failed(..))) {
            // The old rows belong to another reading than the one that failed.
            return self.refresh(request, now);
        }
        let from = match &self.reading {
            Reading::Partial(from) | Reading::Failed(_, from) if !self.is_full() => from.clone(),
            Reading::Running(_) if to_the_end => {
                self.wanted = None;
                return Vec::new();
            }
            Reading::Running(_) | Reading::Stopping(_) | Reading::Partial(_) | Reading::Complete | Reading::Failed(..) => {
                return Vec::new();
            }
        };
        self.wanted = (!to_the_end).then(|| self.rows.len() + READ_AHEAD);
        self.read_from(from, request).into_iter().collect()
    }

    /// Stops reading; the rows stay.
    pub(in crate::app) fn stop_reading(&mut self) -> Option<Effect> {
        let Reading::Running(request) = self.reading else {
            return None;
        };
        self.reading = Reading::Stopping(request);
        Some(Effect::Stop(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_pause_stays_counted() {
        let mut tally = Tally::default();
        for _ in 0..2 {
            tally.go_on();
            tally.reached(
                ReadProgress { read: 10, units: 0.5, segments_done: 3, segments: 8, ..ReadProgress::default() },
                Duration::from_secs(1),
            );
            tally.reached(
                ReadProgress { read: 20, units: 1.0, segments_done: 4, segments: 8, ..ReadProgress::default() },
                Duration::from_secs(2),
            );
        }
        let total = tally.total();
        assert_eq!((total.read, total.segments_done, total.segments, tally.time()), (40, 4, 8, Duration::from_secs(4)));
        assert!((total.units - 2.0).abs() < f64::EPSILON && (tally.rate() - 10.0).abs() < f64::EPSILON);
    }
}
