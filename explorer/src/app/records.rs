//! The records screen: what has been read of an archive, newest first, and the detail of one record.

use super::keymap::Command;
use super::line;
use super::message::{Effect, RequestId};
use crate::domain::decode::Decoded;
use crate::domain::detail::{self, View};
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::json_text::Line;
use crate::domain::page::{Page, PageCursor, PageQuery};
use crate::domain::payload::NoPayload;
use crate::domain::record::{Record, RecordId};
use archiver::settings::ArchiveMode;
use archiver::stream::StreamName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The archive is read on by itself until so many records are there: DynamoDB gives them in no order, so that the newest are only
/// known when all are read.
const READ_AHEAD: usize = 5_000;
/// Or so many bytes of archived text.
const READ_AHEAD_BYTES: u64 = 64 * 1024 * 1024;
/// Never are more held; a filter narrows the rest.
const MAX_HELD: usize = 50_000;
/// Nor so many bytes of archived text.
const MAX_HELD_BYTES: u64 = 256 * 1024 * 1024;
/// So many rows before the end of what is read, more is read.
const READ_MARGIN: usize = 50;

/// The state of the screen.
#[derive(Debug)]
pub struct Records {
    /// The stream.
    pub stream: StreamName,
    /// Its archive's table.
    pub table: String,
    /// Its archive's mode.
    pub mode: ArchiveMode,
    /// What is asked for.
    pub filter: RecordFilter,
    /// The filter while it is typed.
    pub typing: Option<line::Line>,
    /// What is wrong with what was typed.
    pub filter_error: Option<String>,
    /// What was read, newest first.
    pub rows: Vec<Arc<Record>>,
    /// The row the cursor is on.
    pub cursor: usize,
    /// The marked records.
    pub marked: BTreeMap<RecordId, Arc<Record>>,
    /// How far the archive was read.
    pub reading: Reading,
    /// Items read so far.
    pub read: usize,
    /// Which side the keys move.
    pub pane: Pane,
    /// How the payload is shown.
    pub view: View,
    /// First line of the detail that is shown.
    pub scroll: usize,
    /// The record under the cursor.
    pub detail: Option<Detail>,
    /// The record whose parts are being read; the next one's are read after that, so that a cursor that runs through many costs little.
    reading_parts: Option<(RequestId, RecordId)>,
    /// Columns that the detail is laid out in.
    detail_columns: usize,
    /// Read on until so many are held.
    wanted: usize,
    /// Or so many bytes of archived text.
    wanted_bytes: u64,
    /// While reading again: what was read so far, shown when it is complete.
    fresh: Option<Vec<Arc<Record>>>,
}

/// How far an archive was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// An answer is awaited.
    Waiting(RequestId),
    /// There is more, which is read on demand.
    Partial(PageCursor),
    /// All was read.
    Complete,
    /// The last page could not be read.
    Failed(Failure),
}

/// A side of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The records.
    List,
    /// The record under the cursor.
    Detail,
}

/// The record under the cursor.
#[derive(Debug)]
pub struct Detail {
    /// Which record.
    pub id: RecordId,
    /// Its payload.
    pub payload: Payload,
}

/// The payload of the record under the cursor. No other record's is held beside the items' own texts.
#[derive(Debug)]
pub enum Payload {
    /// Its parts are being read, or will be.
    Reading,
    /// Its parts could not be read.
    Failed(NoPayload),
    /// Decoded and laid out once.
    Shown {
        /// What it is.
        decoded: Decoded,
        /// Its lines in the chosen view.
        lines: Vec<Line>,
    },
}

impl Detail {
    /// The payload, where it was read.
    #[must_use]
    pub fn decoded(&self) -> Option<&Decoded> {
        match &self.payload {
            Payload::Shown { decoded, .. } => Some(decoded),
            Payload::Reading | Payload::Failed(_) => None,
        }
    }

    /// The payload's lines, none before it was read.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        match &self.payload {
            Payload::Shown { lines, .. } => lines,
            Payload::Reading | Payload::Failed(_) => &[],
        }
    }
}

impl Records {
    /// The screen of an archive, its first page asked for.
    #[must_use]
    pub fn open(stream: StreamName, table: String, mode: ArchiveMode, detail_columns: usize, request: RequestId) -> (Self, Effect) {
        let mut records = Self {
            stream,
            table,
            mode,
            filter: RecordFilter::default(),
            typing: None,
            filter_error: None,
            rows: Vec::new(),
            cursor: 0,
            marked: BTreeMap::new(),
            reading: Reading::Complete,
            read: 0,
            pane: Pane::List,
            view: View::Pretty,
            scroll: 0,
            detail: None,
            reading_parts: None,
            detail_columns,
            wanted: READ_AHEAD,
            wanted_bytes: READ_AHEAD_BYTES,
            fresh: None,
        };
        let effect = records.read_page(request, None);
        (records, effect)
    }

    /// Reads again from the beginning; what is shown stays until the new rows are complete.
    pub fn refresh(&mut self, request: RequestId) -> Effect {
        self.fresh = Some(Vec::new());
        self.read = 0;
        self.wanted = READ_AHEAD.max(self.rows.len().min(MAX_HELD));
        self.wanted_bytes = READ_AHEAD_BYTES.max(bytes_of(&self.rows));
        if matches!(&self.detail, Some(Detail { payload: Payload::Failed(_), .. })) {
            self.detail = None;
            self.show_current();
        }
        self.read_page(request, None)
    }

    /// Asks for what another filter lets through.
    pub fn filter_by(&mut self, filter: RecordFilter, request: RequestId) -> Effect {
        self.filter = filter;
        self.rows.clear();
        self.fresh = None;
        self.cursor = 0;
        self.read = 0;
        self.wanted = READ_AHEAD;
        self.wanted_bytes = READ_AHEAD_BYTES;
        self.show_current();
        self.read_page(request, None)
    }

    fn read_page(&mut self, request: RequestId, from: Option<PageCursor>) -> Effect {
        self.reading = Reading::Waiting(request);
        let query = PageQuery { table: self.table.clone(), mode: self.mode, filter: self.filter.clone(), from };
        Effect::ReadPage { request, query }
    }

    /// Takes a page, and reads on where more is wanted.
    pub fn page_read(&mut self, request: RequestId, result: Result<Page, Failure>, next: RequestId) -> Option<Effect> {
        if self.reading != Reading::Waiting(request) {
            return None;
        }
        let page = match result {
            Ok(page) => page,
            Err(failure) => {
                self.fresh = None;
                self.reading = Reading::Failed(failure);
                return None;
            }
        };
        self.read += page.read;
        let records = page.records.into_iter().map(Arc::new);
        let held = match &mut self.fresh {
            Some(fresh) => {
                fresh.extend(records);
                fresh.as_slice()
            }
            None => {
                self.add(records.collect());
                self.rows.as_slice()
            }
        };
        let goes_on = held.len() < self.wanted && bytes_of(held) < self.wanted_bytes;
        match page.next {
            Some(cursor) if goes_on => return Some(self.read_page(next, Some(cursor))),
            Some(cursor) => self.reading = Reading::Partial(cursor),
            None => self.reading = Reading::Complete,
        }
        if let Some(fresh) = self.fresh.take() {
            let current = self.current().map(|record| record.id.clone());
            self.rows.clear();
            self.add(fresh);
            if let Some(place) = current.and_then(|id| self.rows.iter().position(|record| record.id == id)) {
                self.cursor = place;
            }
            self.show_current();
        }
        None
    }

    /// Adds rows in their places; the cursor stays on its record, or at the top where it never left it.
    fn add(&mut self, records: Vec<Arc<Record>>) {
        let current = if self.cursor == 0 { None } else { self.current().map(|record| record.id.clone()) };
        self.rows.extend(records);
        self.rows.sort_by(|left, right| left.newest_first(right));
        if let Some(id) = current {
            self.cursor = self.rows.iter().position(|record| record.id == id).unwrap_or(self.cursor);
        }
        self.show_current();
    }

    /// Reads on from where reading ended, as far as memory allows.
    pub fn read_more(&mut self, request: RequestId) -> Option<Effect> {
        let from = match &self.reading {
            Reading::Partial(from) if !self.is_full() => from.clone(),
            Reading::Waiting(_) | Reading::Partial(_) | Reading::Complete | Reading::Failed(_) => return None,
        };
        self.wanted = (self.rows.len() + READ_AHEAD).min(MAX_HELD);
        self.wanted_bytes = (bytes_of(&self.rows) + READ_AHEAD_BYTES).min(MAX_HELD_BYTES);
        Some(self.read_page(request, Some(from)))
    }

    /// The record under the cursor.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Record>> {
        self.rows.get(self.cursor)
    }

    /// Whether so many are held that no more are read.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.rows.len() >= MAX_HELD || bytes_of(&self.rows) >= MAX_HELD_BYTES
    }

    pub(super) fn check(&self, command: Command) -> Result<(), String> {
        match command {
            Command::Mark if self.current().is_none() => Err("there is no record here".to_owned()),
            Command::ClearMarks if self.marked.is_empty() => Err("no record is marked".to_owned()),
            Command::ReadMore => match &self.reading {
                Reading::Partial(_) if self.is_full() => {
                    Err("so many records are held that no more are read; narrow them by key or time".to_owned())
                }
                Reading::Partial(_) => Ok(()),
                Reading::Waiting(_) => Err("the archive is still being read".to_owned()),
                Reading::Complete => Err("the whole archive is read".to_owned()),
                Reading::Failed(failure) => Err(failure.to_string()),
            },
            _ => Ok(()),
        }
    }

    /// Moves the cursor or the detail; true when the end of what is read comes near.
    pub(super) fn go(&mut self, command: Command, page: usize) -> bool {
        if self.pane == Pane::Detail {
            self.scroll = moved(self.scroll, command, page, self.detail.as_ref().map_or(0, |detail| detail.lines().len()));
            return false;
        }
        self.cursor = moved(self.cursor, command, page, self.rows.len());
        self.show_current();
        self.cursor + READ_MARGIN >= self.rows.len()
    }

    pub(super) fn toggle_mark(&mut self) {
        let Some(record) = self.current().cloned() else {
            return;
        };
        if self.marked.remove(&record.id).is_none() {
            self.marked.insert(record.id.clone(), record);
        }
        self.cursor = moved(self.cursor, Command::Down, 1, self.rows.len());
        self.show_current();
    }

    pub(super) fn view_as(&mut self, view: View) {
        self.view = view;
        self.lay_out_again();
    }

    pub(super) fn resize(&mut self, detail_columns: usize) {
        self.detail_columns = detail_columns;
        self.lay_out_again();
    }

    fn lay_out_again(&mut self) {
        if let Some(Detail { payload: Payload::Shown { decoded, lines }, .. }) = &mut self.detail {
            *lines = detail::lay_out(decoded, self.view, self.detail_columns);
            self.scroll = 0;
        }
    }

    /// Decodes and lays out the record under the cursor, unless that is done. Parts are asked for by [`Self::ask_for_parts`].
    fn show_current(&mut self) {
        let Some(record) = self.rows.get(self.cursor) else {
            self.detail = None;
            return;
        };
        if self.detail.as_ref().is_none_or(|detail| detail.id != record.id) {
            let payload = match record.payload() {
                Some(payload) => self.shown(record.decode(payload)),
                None => Payload::Reading,
            };
            self.detail = Some(Detail { id: record.id.clone(), payload });
            self.scroll = 0;
        }
    }

    fn shown(&self, decoded: Decoded) -> Payload {
        Payload::Shown { lines: detail::lay_out(&decoded, self.view, self.detail_columns), decoded }
    }

    /// Asks for the parts of the record under the cursor, where it has some that are not there, and no others are being read.
    pub(super) fn ask_for_parts(&mut self, request: RequestId) -> Option<Effect> {
        let is_wanted = self.reading_parts.is_none() && matches!(self.detail.as_ref()?.payload, Payload::Reading);
        let record = self.current().filter(|_| is_wanted)?.clone();
        self.reading_parts = Some((request, record.id.clone()));
        Some(Effect::ReadPayload { request, stream: self.stream.clone(), record })
    }

    /// Takes a payload that was in parts; one of a record that the cursor has left is dropped.
    pub(super) fn payload_read(&mut self, request: RequestId, result: Result<Vec<u8>, NoPayload>) {
        let Some((_, asked)) = self.reading_parts.take_if(|(asked, _)| *asked == request) else {
            return;
        };
        let Some(record) = self.current().filter(|record| record.id == asked).cloned() else {
            return;
        };
        let payload = match result {
            Err(reason) => Payload::Failed(reason),
            payload => self.shown(record.decode(payload)),
        };
        self.detail = Some(Detail { id: record.id.clone(), payload });
        self.scroll = 0;
    }
}

/// Bytes of archived text that the records hold.
fn bytes_of<'r>(records: impl IntoIterator<Item = &'r Arc<Record>>) -> u64 {
    records.into_iter().map(|record| record.held_bytes() as u64).sum()
}

/// Where a cursor is after a move among so many rows.
#[must_use]
pub fn moved(place: usize, command: Command, page: usize, rows: usize) -> usize {
    let last = rows.saturating_sub(1);
    let wanted = match command {
        Command::Up => place.saturating_sub(1),
        Command::Down => place.saturating_add(1),
        Command::PageUp => place.saturating_sub(page),
        Command::PageDown => place.saturating_add(page),
        Command::First => 0,
        Command::Last => last,
        _ => place,
    };
    wanted.min(last)
}
