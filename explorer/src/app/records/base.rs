//! Changes a screen's filter, and undoes that. The earlier rows are set aside, so that undoing costs nothing. If they are all
//! records there are, the new rows are picked from them without a call to AWS.

use super::reading::{READ_AHEAD, Tally};
use super::{Following, Origin, Reading, Records, Rows};
use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::{RequestId, SpoolId};
use crate::domain::filter::RecordFilter;
use crate::domain::listing::entry::Place;
use crate::domain::reading::picking::PickOrder;
use jiff::Timestamp;

/// The view before a filter was typed.
#[derive(Debug)]
pub(super) struct Base {
    filter: RecordFilter,
    fixed: RecordFilter,
    rows: Rows,
    fresh: Option<Rows>,
    cursor: usize,
    reading: Reading,
    tally: Tally,
    wanted: Option<usize>,
    is_spool_full: bool,
    is_stale: bool,
    has_followed: bool,
}

impl Base {
    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Records {
    /// Whether a typed filter can be undone.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        self.filter != self.own_filter
    }

    /// Whether the rows were picked from earlier ones, which costs nothing.
    #[must_use]
    pub fn is_picked(&self) -> bool {
        self.base.as_ref().is_some_and(|base| base.rows.spool == self.rows.spool)
    }

    /// Applies another filter.
    pub(in crate::app) fn filter_by(
        &mut self,
        filter: RecordFilter,
        [request, follow]: [RequestId; 2],
        now: Timestamp,
    ) -> Vec<Effect> {
        if filter == self.own_filter {
            return self.undo_filter([request, follow], now);
        }
        let was_followed = matches!(self.following, Following::On(..));
        let anchor = self.rows.listing.get(self.cursor).filter(|_| self.cursor > 0);
        let mut effects = self.set_aside(request);
        self.fixed = filter.fixed(now);
        self.filter = filter;
        self.anchor = anchor;
        let picking = self.pick(request);
        let picks = picking.is_some();
        match picking {
            Some(effect) => effects.push(effect),
            None => effects.extend(self.begin(request, now)),
        }
        if was_followed && (picks || matches!(self.origin, Origin::Read(_))) {
            effects.extend(self.follow(follow, now));
        }
        effects
    }

    /// Restores the view before the filter, with the cursor on the same record if possible.
    pub(in crate::app) fn undo_filter(&mut self, [request, follow]: [RequestId; 2], now: Timestamp) -> Vec<Effect> {
        if !self.is_narrowed() {
            return Vec::new();
        }
        let was_followed = matches!(self.following, Following::On(..));
        let current = self.rows.listing.get(self.cursor);
        let mut effects = self.abandon_reading();
        effects.extend(self.stop_following());
        match self.base.take() {
            Some(mut base) => {
                self.exchange(&mut base);
                effects.extend(self.dropped(base.rows.spool));
                effects.extend(base.fresh.map(|fresh| Effect::Records(RecordsEffect::DropSpool(fresh.spool))));
                self.forget_questions();
                if let Some(entry) = current {
                    self.cursor = self.rows.rank_near(&entry);
                }
                if was_followed {
                    effects.extend(self.follow(follow, now));
                }
            }
            None => {
                self.filter = self.own_filter.clone();
                effects.extend(self.start_over(request));
                self.anchor = current;
                effects.extend(self.begin(request, now));
                if was_followed && matches!(self.origin, Origin::Read(_)) {
                    effects.extend(self.follow(follow, now));
                }
            }
        }
        effects
    }

    /// Sets the rows aside, or drops them if they are filtered already, and leaves none.
    fn set_aside(&mut self, request: RequestId) -> Vec<Effect> {
        if self.base.is_some() || self.fresh.is_some() {
            // While reading again, the rows are neither old nor new, so they are not kept.
            return self.start_over(request);
        }
        let mut effects: Vec<Effect> = self.stop_following().into_iter().collect();
        if let Reading::Running(running) = self.reading {
            self.reading = Reading::Stopping(running);
            effects.push(Effect::Stop(running));
        }
        self.forget_questions();
        let mut base = Box::new(Base {
            filter: self.filter.clone(),
            fixed: self.fixed.clone(),
            rows: Rows::new(SpoolId(request.0)),
            fresh: None,
            cursor: 0,
            reading: Reading::Complete,
            tally: Tally::default(),
            wanted: Some(READ_AHEAD),
            is_spool_full: false,
            is_stale: false,
            has_followed: false,
        });
        self.exchange(&mut base);
        self.base = Some(base);
        effects
    }

    /// Picks matching records from the earlier rows, if those are complete.
    fn pick(&mut self, request: RequestId) -> Option<Effect> {
        let base = self.base.as_mut()?;
        let is_whole = base.reading == Reading::Complete && !base.is_stale && !base.is_spool_full && base.filter.is_everything();
        if !is_whole || base.rows.is_full() {
            return None;
        }
        self.rows = base.rows.none_of_them();
        self.reading = Reading::Running(request);
        self.wanted = None;
        self.tally.go_on();
        let order = PickOrder {
            stream: self.origin.stream().cloned(),
            filter: self.fixed.clone(),
            recipe: self.recipe.clone(),
            entries: base.rows.listing.from(0).collect(),
        };
        Some(Effect::Records(RecordsEffect::Pick { request, spool: self.rows.spool, order: Box::new(order) }))
    }

    /// Swaps the current view with the one set aside.
    fn exchange(&mut self, base: &mut Base) {
        use std::mem::swap;
        swap(&mut self.filter, &mut base.filter);
        swap(&mut self.fixed, &mut base.fixed);
        swap(&mut self.rows, &mut base.rows);
        swap(&mut self.fresh, &mut base.fresh);
        swap(&mut self.cursor, &mut base.cursor);
        swap(&mut self.reading, &mut base.reading);
        swap(&mut self.tally, &mut base.tally);
        swap(&mut self.wanted, &mut base.wanted);
        swap(&mut self.is_spool_full, &mut base.is_spool_full);
        swap(&mut self.is_stale, &mut base.is_stale);
        swap(&mut self.has_followed, &mut base.has_followed);
    }

    /// Applies a message to the view set aside, if it belongs there.
    pub(super) fn in_base<T>(&mut self, request: RequestId, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let mut base = self.base.take_if(|base| base.reading.request() == Some(request))?;
        self.exchange(&mut base);
        let done = work(self);
        self.exchange(&mut base);
        self.base = Some(base);
        Some(done)
    }

    /// Whether this request is awaited, by the current view or the one set aside.
    pub(in crate::app) fn awaits(&self, request: RequestId) -> bool {
        self.reading.request() == Some(request) || self.base.as_ref().is_some_and(|base| base.reading.request() == Some(request))
    }

    /// Ignores answers about rows from now on.
    fn forget_questions(&mut self) {
        self.rows.forget_asked();
        self.range_from = None;
        self.marking = None;
        self.finding = None;
        self.anchor = None;
    }

    /// Drops a spool, unless the view set aside uses it.
    pub(super) fn dropped(&self, spool: SpoolId) -> Option<Effect> {
        let is_used = self.rows.spool == spool || self.base.as_ref().is_some_and(|base| base.rows.spool == spool);
        (!is_used).then_some(Effect::Records(RecordsEffect::DropSpool(spool)))
    }

    /// What to drop with the screen of the view set aside.
    pub(super) fn close_base(&mut self) -> Vec<Effect> {
        let spool = self.base.take().map(|base| base.rows.spool).filter(|spool| *spool != self.rows.spool);
        spool.map(|spool| Effect::Records(RecordsEffect::DropSpool(spool))).into_iter().collect()
    }

    /// The places of all rows set aside, if they are in the current spool.
    pub(super) fn places_in_base(&self, from_ms: i64) -> Vec<Place> {
        let base = self.base.as_ref().filter(|base| base.rows.spool == self.rows.spool);
        let entries = base.into_iter().flat_map(|base| base.rows.listing.from(0));
        entries.take_while(|entry| entry.arrived_ms >= from_ms).map(|entry| entry.place()).collect()
    }
}
