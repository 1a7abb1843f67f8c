//! The records screen: what was read of an archive, a file or a stream, newest first, and the detail of one record.

mod arrivals;
mod base;
mod commands;
mod detail;
mod following;
mod marking;
mod origin;
mod payload;
mod possible;
mod reading;
mod rows;
mod taken;
mod typed_line;
mod typing;

use super::effect::{Effect, RecordsEffect};
use super::ids::{RequestId, SpoolId};
use super::message::Reply;
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::listing::entry::{Entry, MAX_ENTRIES};
use crate::domain::listing::marks::Marks;
use crate::domain::reading::following::FollowStatus;
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::{ShowOptions, Shown, View};
use jiff::Timestamp;
use reading::READ_AHEAD;
use std::sync::Arc;

pub use arrivals::{ByShard, SHARD_COLUMNS};
pub(super) use commands::CommandOutcome;
pub use detail::{Detail, Payload};
pub use origin::Origin;
pub use reading::{Reading, Tally};
pub use rows::Rows;
pub(super) use typed_line::LineOutcome;
pub use typing::{Question, Typing};

/// The state of the screen.
#[derive(Debug)]
pub struct Records {
    /// Where the records come from.
    pub origin: Origin,
    /// What is asked for.
    pub filter: RecordFilter,
    /// The same with the times that its times were when reading began.
    pub fixed: RecordFilter,
    /// The line that is typed.
    pub typing: Option<Typing>,
    /// The filter that the screen was opened with.
    own_filter: RecordFilter,
    /// What was shown before another was typed.
    base: Option<Box<base::Base>>,
    /// The record that the cursor is to stay on while rows come.
    anchor: Option<Entry>,
    /// What was read, newest first.
    pub rows: Rows,
    /// The row the cursor is on.
    pub cursor: usize,
    /// The other end of a range that is being marked.
    pub range_from: Option<Entry>,
    /// The marked records.
    pub marks: Marks,
    /// How far reading is.
    pub reading: Reading,
    /// What reading has cost.
    pub tally: Tally,
    /// Which side the keys move.
    pub pane: Pane,
    /// How payloads are shown.
    pub view: View,
    /// How they are decoded.
    pub recipe: Recipe,
    /// Which user record of an aggregated one is shown, from 0.
    pub user_record: usize,
    /// Whether the payload is held against an older one.
    pub is_compared: bool,
    /// What is looked for in the payload.
    pub search: String,
    /// How the arrivals are shown.
    pub histogram: HistogramView,
    /// Whether and how new records come in by themselves.
    pub following: Following,
    showing: detail::Showing,
    /// Whether new records have come in by themselves among those that are read.
    has_followed: bool,
    /// The arrivals by shard, and of which rows they are.
    by_shard: Option<ByShard>,
    room: Room,
    /// Read on until so many are held; `None` is to the end.
    wanted: Option<usize>,
    /// Whether the disk takes no more of them.
    is_spool_full: bool,
    /// What is shown was there before a reading that failed.
    is_stale: bool,
    /// While reading again: what was read so far, shown when it is enough.
    fresh: Option<Rows>,
    /// Rows that are read to be marked.
    marking: Option<RequestId>,
    /// A row that is being looked for.
    finding: Option<RequestId>,
    hidden_marks: taken::HiddenMarks,
    /// Items of the archive as DynamoDB last counted them; 0 where that is not known.
    pub(super) about_items: u64,
}

/// The room that the screen has, in columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Of the list.
    pub list_columns: usize,
    /// Of the detail.
    pub detail_columns: usize,
}

/// A side of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The records.
    List,
    /// The record under the cursor.
    Detail,
}

/// How the arrivals of the records are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistogramView {
    /// All together.
    Together,
    /// By shard.
    ByShard,
    /// Not at all.
    Hidden,
}

/// Whether new records come in by themselves.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Following {
    /// They do not.
    #[default]
    Off,
    /// They do.
    On(RequestId, FollowStatus),
    /// It failed.
    Failed(Failure),
}

impl Records {
    /// The screen of what matches, its reading asked for.
    #[must_use]
    pub fn open(
        origin: Origin,
        filter: RecordFilter,
        recipe: Recipe,
        room: Room,
        (request, now): (RequestId, Timestamp),
    ) -> (Self, Vec<Effect>) {
        let mut records = Self {
            origin,
            fixed: filter.fixed(now),
            own_filter: filter.clone(),
            filter,
            base: None,
            anchor: None,
            typing: None,
            rows: Rows::new(SpoolId(request.0)),
            cursor: 0,
            range_from: None,
            marks: Marks::default(),
            reading: Reading::Complete,
            tally: Tally::default(),
            pane: Pane::List,
            view: View::Pretty,
            recipe,
            user_record: 0,
            is_compared: false,
            search: String::new(),
            histogram: HistogramView::Together,
            following: Following::Off,
            showing: detail::Showing::default(),
            has_followed: false,
            by_shard: None,
            room,
            wanted: Some(READ_AHEAD),
            is_spool_full: false,
            is_stale: false,
            fresh: None,
            marking: None,
            finding: None,
            hidden_marks: taken::HiddenMarks::default(),
            about_items: 0,
        };
        let effects = records.begin(request, now);
        (records, effects)
    }

    /// What is to be done when the screen is left.
    pub(super) fn close(&mut self) -> Vec<Effect> {
        let mut effects = self.abandon_reading();
        effects.extend(self.stop_following());
        effects.extend(self.close_base());
        effects.push(Effect::Records(RecordsEffect::DropSpool(self.rows.spool)));
        effects.extend(self.fresh.take().map(|fresh| Effect::Records(RecordsEffect::DropSpool(fresh.spool))));
        effects
    }

    /// Whether it is being read again while what was there before is shown.
    #[must_use]
    pub fn is_refreshing(&self) -> bool {
        self.fresh.is_some()
    }

    /// Whether what is shown was there before it was read again, which failed.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Whether all that match are among the rows.
    #[must_use]
    pub fn is_all_read(&self) -> bool {
        self.reading == Reading::Complete
    }

    /// Whether something is looked for that takes a while, or all is read: what escape stops before it leaves.
    #[must_use]
    pub fn is_searching(&self) -> bool {
        matches!(self.reading, Reading::Running(_)) && !self.is_picked() && (!self.filter.is_everything() || self.wanted.is_none())
    }

    /// Whether so many are held that no more are read.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.len() >= MAX_ENTRIES || self.is_spool_full
    }

    /// The record under the cursor, where it is loaded.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Record>> {
        self.rows.get(self.cursor)
    }

    /// The detail of the record under the cursor.
    #[must_use]
    pub fn detail(&self) -> Option<&Detail> {
        self.showing.detail.as_ref()
    }

    /// The record that the current one is held against: the marked one where just one is, otherwise the key's next older one.
    #[must_use]
    pub fn compared_with(&self) -> Option<&Arc<Record>> {
        let current = self.current()?;
        if let Marks::Some(marked) = &self.marks
            && let [only] = marked.values().collect::<Vec<_>>().as_slice()
            && only.id != current.id
        {
            return Some(only);
        }
        let below = (self.cursor + 1..self.rows.len()).map_while(|rank| self.rows.get(rank));
        below.into_iter().find(|record| record.id.partition_key == current.id.partition_key)
    }

    /// Asks for the rows around the cursor, and for the payload under it, where they are not there.
    pub(super) fn ask(&mut self, screen: usize, requests: [RequestId; 2], now: Timestamp) -> Vec<Effect> {
        let [rows, detail] = requests;
        let mut effects: Vec<Effect> = self.rows.ask(self.cursor, screen, rows).into_iter().collect();
        let options = ShowOptions {
            recipe: self.recipe.clone(),
            user_record: self.user_record,
            view: self.view,
            columns: self.room.detail_columns,
        };
        let against = if self.is_compared { self.compared_with().cloned() } else { None };
        let current = self.current().cloned();
        if let (Some(detail), Some(current)) = (&self.showing.detail, &current)
            && detail.id != current.id
        {
            // Another record begins with its first user record.
            self.user_record = 0;
        }
        let options = ShowOptions { user_record: self.user_record, ..options };
        // A row that is not loaded yet keeps the detail of the one before, which is gone with the next frame.
        if current.is_some() || self.rows.is_empty() {
            let stream = self.origin.stream().cloned();
            effects.extend(self.showing.bring(current.as_ref(), against.as_ref(), &options, stream.as_ref(), detail));
            self.showing.search(&self.search);
        }
        self.count_by_shard();
        self.count_hidden_marks(now);
        effects
    }

    /// The terminal's size has changed.
    pub(super) fn resize(&mut self, room: Room) {
        self.room = room;
        self.showing.resize(room.detail_columns);
    }

    /// The line that is typed has changed.
    pub(super) fn typed(&mut self) {
        if let Some(mut typing) = self.typing.take() {
            typing.mistake = None;
            self.find_completions(&mut typing);
            self.typing = Some(typing);
        }
    }

    /// Finds what could complete a line, from the rows that are loaded and the payload of one of them that is JSON.
    fn find_completions(&self, typing: &mut Typing) {
        /// Rows whose payloads are looked into.
        const ROWS_TRIED: usize = 8;
        let near = || (self.cursor..self.cursor + ROWS_TRIED).filter_map(|rank| self.rows.get(rank));
        let small = near().filter(|record| detail::is_small(record));
        let decoded = small.filter_map(|record| Some(record.decode(record.payload()?, &self.recipe, 0)));
        let text = decoded.filter_map(|decoded| Some(decoded.text()?.to_owned())).find(|text| text.starts_with(['{', '[']));
        typing.find_completions(self.rows.loaded(), text.as_deref());
    }

    /// Whether the screen waits for this payload.
    pub(super) fn is_shown_by(&self, request: RequestId) -> bool {
        self.showing.waits_for(request)
    }

    /// Takes a payload.
    pub(super) fn shown(&mut self, Reply { request, result }: Reply<Result<Box<Shown>, NoPayload>>) {
        self.showing.shown(request, result);
    }
}
