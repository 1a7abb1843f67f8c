//! Marks records on the records screen, one by one or as a range.

use super::Records;
use crate::app::command::Move;
use crate::app::effect::{Effect, RecordsEffect};
use crate::app::ids::RequestId;
use crate::app::message::{LoadedRows, Reply};
use crate::domain::failure::Failure;
use crate::domain::listing::entry::Place;
use crate::domain::listing::marks::{MAX_SINGLE, TooMany};

impl Records {
    pub(super) fn toggle_mark(&mut self) -> Result<(), String> {
        let Some(record) = self.current().cloned() else {
            return Ok(());
        };
        self.marks.toggle(&record).map_err(|error| error.to_string())?;
        self.anchor = None;
        self.cursor = Move::Down.apply(self.cursor, 1, self.rows.len());
        Ok(())
    }

    /// The rows of the range being marked.
    #[must_use]
    pub fn range(&self) -> Option<std::ops::RangeInclusive<usize>> {
        let from = self.rows.listing.rank_of(&self.range_from?).ok()?;
        Some(from.min(self.cursor)..=from.max(self.cursor))
    }

    /// Starts a range at the cursor, or marks the range that ends there.
    pub(super) fn mark_range(&mut self, request: RequestId) -> Result<Vec<Effect>, String> {
        let Some(range) = self.range() else {
            self.range_from = self.rows.listing.get(self.cursor);
            return Ok(Vec::new());
        };
        let length = range.end() - range.start() + 1;
        if length > MAX_SINGLE {
            return Err(TooMany.to_string());
        }
        self.range_from = None;
        let places: Vec<Place> = self.rows.listing.from(*range.start()).take(length).map(|entry| entry.place()).collect();
        self.marking = Some(request);
        Ok(vec![Effect::Records(RecordsEffect::ReadRows { request, spool: self.rows.spool, places, is_whole: true })])
    }

    /// Whether these rows are awaited.
    pub(in crate::app) fn waits_for_rows(&self, request: RequestId) -> bool {
        self.marking == Some(request) || self.rows.waits_for(request)
    }

    /// Takes loaded rows, to show or to mark them.
    pub(in crate::app) fn rows_read(
        &mut self,
        Reply { request, result }: Reply<Result<LoadedRows, Failure>>,
    ) -> Result<(), String> {
        if self.marking.take_if(|marking| *marking == request).is_some() {
            let rows = result.map_err(|failure| failure.to_string())?;
            return self.marks.mark(rows.iter().map(|(_, record)| record)).map_err(|error| error.to_string());
        }
        self.rows.read(request, result).map_err(|failure| failure.to_string())
    }
}
