//! The order in which streams are read: first what is looked at.

use super::{StreamRow, Streams};
use crate::app::effect::{Effect, StreamsEffect};
use crate::app::ids::RequestId;
use archiver::format::stream::StreamName;
use std::collections::HashMap;

/// Most streams read at once. Tag reads have a pace, so with more of them a stream selected now would come later.
const READS_AT_ONCE: usize = 4;

impl StreamRow {
    /// Whether it is being read, or waits for that.
    pub(super) fn is_awaited(&self) -> bool {
        self.wanted.is_some() || self.reading.is_some()
    }

    /// Whether nothing is known about it yet, not even why it cannot be read.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.overview.is_none() && self.failure.is_none()
    }
}

impl Streams {
    /// Starts as many readings as are allowed: the row under the cursor first, then the rows nearest to it, then hidden ones.
    pub(super) fn next_reads(&mut self) -> Vec<Effect> {
        let underway = self.rows.iter().filter(|row| row.reading.is_some()).count();
        let free = READS_AT_ONCE.saturating_sub(underway);
        if free == 0 || self.rows.iter().all(|row| row.wanted.is_none()) {
            return Vec::new();
        }
        let cursor = self.cursor();
        let places: HashMap<&StreamName, usize> =
            self.visible().into_iter().enumerate().map(|(place, row)| (&row.name, place)).collect();
        let distance = |row: &StreamRow| places.get(&row.name).map_or(usize::MAX, |place| place.abs_diff(cursor));
        let waits = |row: &StreamRow| row.wanted.is_some() && row.reading.is_none();
        let rows = self.rows.iter().enumerate().filter(|(_, row)| waits(row));
        let mut queue: Vec<(usize, usize)> = rows.map(|(index, row)| (distance(row), index)).collect();
        queue.sort_unstable();
        let next: Vec<usize> = queue.into_iter().take(free).map(|(_, index)| index).collect();
        next.into_iter().filter_map(|index| self.rows.get_mut(index)?.begin(false)).collect()
    }

    /// Requests one stream again, before all others.
    pub fn refresh_one(&mut self, request: RequestId, name: &StreamName) -> Option<Effect> {
        let row = self.rows.iter_mut().find(|row| row.name == *name)?;
        row.wanted = Some(request);
        row.begin(true)
    }

    /// How many streams were read since they were listed, of how many, while that goes on.
    #[must_use]
    pub fn progress(&self) -> Option<(usize, usize)> {
        let awaited = self.rows.iter().filter(|row| row.is_awaited()).count();
        (awaited > 0).then_some((self.rows.len() - awaited, self.rows.len()))
    }

    /// Whether some streams have never been read.
    #[must_use]
    pub fn has_unknown(&self) -> bool {
        self.rows.iter().any(StreamRow::is_unknown)
    }
}

impl StreamRow {
    fn begin(&mut self, is_urgent: bool) -> Option<Effect> {
        let request = self.wanted.take()?;
        self.reading = Some(request);
        Some(Effect::Streams(StreamsEffect::Read { request, stream: self.name.clone(), is_urgent }))
    }
}
