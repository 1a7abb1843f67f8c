//! The records screen: records from an archive, a file or a stream, newest first, and the detail of one record.

mod arrivals;
mod base;
mod columns;
mod commands;
mod detail;
mod following;
mod layout;
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
use crate::domain::fields::Columns;
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
pub use columns::FieldColumns;
pub(super) use commands::CommandOutcome;
pub use detail::{Detail, Payload};
pub use layout::{PayloadPane, Sharing};
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
    /// What was requested, as typed.
    pub filter: RecordFilter,
    /// The same with its relative times fixed when reading began.
    pub fixed: RecordFilter,
    /// The line being typed.
    pub typing: Option<Typing>,
    /// The filter that the screen was opened with.
    own_filter: RecordFilter,
    /// The view before a filter was typed.
    base: Option<Box<base::Base>>,
    /// The record that the cursor stays on while rows arrive.
    anchor: Option<Entry>,
    /// The records read, newest first.
    pub rows: Rows,
    /// The cursor's row.
    pub cursor: usize,
    /// The start of a range being marked.
    pub range_from: Option<Entry>,
    /// The marked records.
    pub marks: Marks,
    /// The state of the reading.
    pub reading: Reading,
    /// What the reading has cost.
    pub tally: Tally,
    /// Which side has the focus.
    pub pane: Pane,
    /// How payloads are shown.
    pub view: View,
    /// How payloads are decoded.
    pub recipe: Recipe,
    /// Which of their fields are columns.
    pub columns: FieldColumns,
    /// Which user record of an aggregated one is shown, from 0.
    pub user_record: usize,
    /// Whether the payload is compared with an older one.
    pub is_compared: bool,
    /// The text searched for in the payload.
    pub search: String,
    /// How the arrivals are shown.
    pub histogram: HistogramView,
    /// Whether new records are followed, and how.
    pub following: Following,
    showing: detail::Showing,
    /// Whether some of the rows came from following.
    has_followed: bool,
    /// The arrivals by shard, and the rows they were counted from.
    by_shard: Option<ByShard>,
    /// How list and payload share the screen.
    pub sharing: Sharing,
    /// Read on until so many are held; `None` is to the end.
    wanted: Option<usize>,
    /// Whether the disk is full.
    is_spool_full: bool,
    /// The rows are from before a reading that failed.
    is_stale: bool,
    /// While reading again: the new rows, shown once there are enough.
    fresh: Option<Rows>,
    /// Rows being loaded to be marked.
    marking: Option<RequestId>,
    /// A row being searched for.
    finding: Option<RequestId>,
    hidden_marks: taken::HiddenMarks,
    /// The archive's item count, as DynamoDB last reported it; 0 if unknown.
    pub(super) about_items: u64,
}

/// What was chosen for the payloads of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PayloadChoices {
    /// How they are decoded.
    pub recipe: Recipe,
    /// Which of their fields the list shows.
    pub columns: Columns,
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
    /// All shards together.
    Together,
    /// By shard.
    ByShard,
    /// Hidden.
    Hidden,
}

/// Whether new records are followed.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Following {
    /// No.
    #[default]
    Off,
    /// Yes.
    On(RequestId, FollowStatus),
    /// It failed.
    Failed(Failure),
}

impl Records {
    /// The screen for a filter, with its reading requested.
    #[must_use]
    pub fn open(
        origin: Origin,
        filter: RecordFilter,
        remembered: PayloadChoices,
        columns: u16,
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
            recipe: remembered.recipe,
            columns: FieldColumns::new(remembered.columns),
            user_record: 0,
            is_compared: false,
            search: String::new(),
            histogram: HistogramView::Together,
            following: Following::Off,
            showing: detail::Showing::default(),
            has_followed: false,
            by_shard: None,
            sharing: Sharing::new(columns),
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

    /// The effects of leaving the screen.
    pub(super) fn close(&mut self) -> Vec<Effect> {
        let mut effects = self.abandon_reading();
        effects.extend(self.stop_following());
        effects.extend(self.close_base());
        effects.push(Effect::Records(RecordsEffect::DropSpool(self.rows.spool)));
        effects.extend(self.fresh.take().map(|fresh| Effect::Records(RecordsEffect::DropSpool(fresh.spool))));
        effects
    }

    /// Whether it is being read again while the old rows are still shown.
    #[must_use]
    pub fn is_refreshing(&self) -> bool {
        self.fresh.is_some()
    }

    /// Whether the old rows are shown because reading again failed.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Whether all matching records are among the rows.
    #[must_use]
    pub fn is_all_read(&self) -> bool {
        self.reading == Reading::Complete
    }

    /// Whether escape stops something before it leaves: a search for a row, or reading to the end.
    #[must_use]
    pub fn is_searching(&self) -> bool {
        matches!(self.reading, Reading::Running(_)) && !self.is_picked() && (!self.filter.is_everything() || self.wanted.is_none())
    }

    /// Whether the list is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.len() >= MAX_ENTRIES || self.is_spool_full
    }

    /// The record under the cursor, if it is loaded.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Record>> {
        self.rows.get(self.cursor)
    }

    /// The detail of the record under the cursor.
    #[must_use]
    pub fn detail(&self) -> Option<&Detail> {
        self.showing.detail.as_ref()
    }

    /// The record to compare with: the marked one if exactly one is marked, otherwise the next older one of the key.
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

    /// Requests the rows around the cursor, and the payload under it, if they are missing.
    pub(super) fn ask(&mut self, screen: usize, requests: [RequestId; 2], now: Timestamp) -> Vec<Effect> {
        let [rows, detail] = requests;
        let mut effects: Vec<Effect> = self.rows.ask(self.cursor, screen, rows).into_iter().collect();
        let options = ShowOptions {
            recipe: self.recipe.clone(),
            user_record: self.user_record,
            view: self.view,
            columns: self.sharing.payload_columns(),
        };
        let against = if self.is_compared { self.compared_with().cloned() } else { None };
        let current = self.current().cloned();
        if let (Some(detail), Some(current)) = (&self.showing.detail, &current)
            && detail.id != current.id
        {
            // Start with the first user record of a new record.
            self.user_record = 0;
        }
        let options = ShowOptions { user_record: self.user_record, ..options };
        // While a row loads, the previous detail stays; it is gone with the next frame.
        if current.is_some() || self.rows.is_empty() {
            let stream = self.origin.stream().cloned();
            effects.extend(self.showing.bring(current.as_ref(), against.as_ref(), &options, stream.as_ref(), detail));
            self.showing.search(&self.search);
        }
        self.columns.look_at(&self.rows, self.cursor, screen, &self.recipe);
        self.count_by_shard();
        self.count_hidden_marks(now);
        effects
    }

    /// The terminal's size has changed.
    pub(super) fn resize(&mut self, columns: u16) {
        self.share(self.sharing.with_columns(columns));
    }

    /// Shares the screen otherwise.
    pub(super) fn share(&mut self, sharing: Sharing) {
        self.sharing = sharing;
        self.showing.resize(sharing.payload_columns());
    }

    /// A typed line has changed.
    pub(super) fn typed(&mut self) {
        if let Some(mut typing) = self.typing.take() {
            typing.mistake = None;
            self.find_completions(&mut typing);
            self.typing = Some(typing);
        }
    }

    /// Finds completions from the loaded rows and from one JSON payload among them.
    fn find_completions(&self, typing: &mut Typing) {
        if typing.question == Question::Columns {
            typing.find_columns(self.columns.known());
            return;
        }
        /// Rows whose payloads are looked into.
        const ROWS_TRIED: usize = 8;
        let near = || (self.cursor..self.cursor + ROWS_TRIED).filter_map(|rank| self.rows.get(rank));
        let small = near().filter(|record| detail::is_small(record));
        let decoded = small.filter_map(|record| Some(record.decode(record.payload()?, &self.recipe, 0)));
        let text = decoded.filter_map(|decoded| Some(decoded.text()?.to_owned())).find(|text| text.starts_with(['{', '[']));
        typing.find_completions(self.rows.loaded(), text.as_deref(), self.columns.values());
    }

    /// Whether the screen awaits this payload.
    pub(super) fn is_shown_by(&self, request: RequestId) -> bool {
        self.showing.waits_for(request)
    }

    /// Takes a payload.
    pub(super) fn shown(&mut self, Reply { request, result }: Reply<Result<Box<Shown>, NoPayload>>) {
        self.showing.shown(request, result);
    }
}
