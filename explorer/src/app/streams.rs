//! The streams screen: its rows fill in as streams are read.

mod group;
mod queue;
mod sort;

pub use group::StreamGroup;
pub use sort::{Sort, SortBy};

use super::command::StreamsCommand;
use super::effect::{Effect, StreamsEffect};
use super::ids::RequestId;
use super::line::Line;
use super::message::{Reply, StreamsMessage};
use crate::domain::failure::Failure;
use crate::domain::reading::page::StreamPage;
use crate::domain::stream::overview::StreamOverview;
use archiver::format::stream::StreamName;

/// The state of the screen.
#[derive(Debug, Default)]
pub struct Streams {
    /// All known streams, by name.
    pub rows: Vec<StreamRow>,
    /// The stream under the cursor.
    pub selected: Option<StreamName>,
    /// The awaited request.
    pub listing: Option<RequestId>,
    /// Whether a listing has ever completed.
    pub listed: bool,
    /// Why the last listing failed.
    pub failure: Option<Failure>,
    /// Only streams whose names contain this are shown.
    pub filter: Line,
    /// Whether the filter is being typed.
    pub typing: bool,
    /// The name of a file to open, while it is being typed.
    pub opening: Option<Line>,
    /// The time from which to read the stream under the cursor, while it is being typed.
    pub since: Option<Line>,
    /// The last file opened, until something was read from it.
    pub opened: Line,
    /// The sort order.
    pub sort: Sort,
    /// The group that is shown.
    pub group: StreamGroup,
    /// The command that waits until its stream is read.
    waiting: Option<(StreamName, StreamsCommand)>,
    /// Names in the current listing so far.
    seen: Vec<StreamName>,
    /// The awaited request for archives without a stream.
    listing_archives: Option<RequestId>,
}

/// One stream.
#[derive(Clone, Debug)]
pub struct StreamRow {
    /// Its name.
    pub name: StreamName,
    /// What is known about it.
    pub overview: Option<StreamOverview>,
    /// Why the last reading failed.
    pub failure: Option<Failure>,
    /// The request to read it that has not begun.
    wanted: Option<RequestId>,
    /// The awaited request.
    reading: Option<RequestId>,
}

impl StreamRow {
    /// Whether the stream was deleted and only its archive is left.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.overview.as_ref().is_some_and(|overview| overview.is_deleted)
    }
}

impl Streams {
    /// Handles a message about streams.
    pub fn take(&mut self, message: StreamsMessage) -> Vec<Effect> {
        match message {
            StreamsMessage::Listed(reply) => return self.listed(reply),
            StreamsMessage::ArchivesListed(reply) => self.archives_listed(reply),
            // Only its own screen shows it.
            StreamsMessage::Described(_) => return Vec::new(),
            StreamsMessage::Read { stream, reply } => self.read(&stream, reply),
        }
        self.next_reads()
    }

    /// Requests all streams again; the known rows stay meanwhile.
    pub fn refresh(&mut self, request: RequestId) -> Effect {
        self.listing = Some(request);
        self.seen.clear();
        Effect::Streams(StreamsEffect::List { request, from: None })
    }

    /// Whether an answer is awaited.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.listing.is_some() || self.rows.iter().any(StreamRow::is_awaited)
    }

    /// Takes a page of names.
    fn listed(&mut self, Reply { request, result }: Reply<Result<StreamPage, Failure>>) -> Vec<Effect> {
        if self.listing != Some(request) {
            return Vec::new();
        }
        let page = match result {
            Ok(page) => page,
            Err(failure) => {
                self.failure = Some(failure);
                self.listing = None;
                return Vec::new();
            }
        };
        self.failure = None;
        for name in page.names {
            self.seen.push(name.clone());
            match self.rows.binary_search_by(|row| row.name.cmp(&name)) {
                Ok(known) => self.rows[known].wanted = Some(request),
                Err(place) => {
                    let row = StreamRow { name, overview: None, failure: None, wanted: Some(request), reading: None };
                    self.rows.insert(place, row);
                }
            }
        }
        let next = match page.next {
            Some(next) => StreamsEffect::List { request, from: Some(next) },
            None => {
                self.listing = None;
                self.listed = true;
                let seen = std::mem::take(&mut self.seen);
                // Deleted streams stay until it is known which archives are left.
                self.rows.retain(|row| seen.contains(&row.name) || row.is_deleted());
                self.listing_archives = Some(request);
                StreamsEffect::ListArchives { request, streams: seen }
            }
        };
        self.keep_selection();
        let mut effects = self.next_reads();
        effects.push(Effect::Streams(next));
        effects
    }

    /// Takes the archives of deleted streams. Listing them needs its own permission; without it there are none.
    fn archives_listed(&mut self, Reply { request, result: archives }: Reply<Vec<StreamOverview>>) {
        if self.listing_archives != Some(request) {
            return;
        }
        self.listing_archives = None;
        self.rows.retain(|row| !row.is_deleted() || archives.iter().any(|archive| archive.name == row.name));
        for archive in archives {
            let name = archive.name.clone();
            let row = StreamRow { name, overview: Some(archive), failure: None, wanted: None, reading: None };
            match self.rows.binary_search_by(|known| known.name.cmp(&row.name)) {
                // A stream of this name was created meanwhile, or it is known already.
                Ok(known) if !self.rows[known].is_deleted() => {}
                Ok(known) => self.rows[known] = row,
                Err(place) => self.rows.insert(place, row),
            }
        }
        self.keep_selection();
    }

    /// Takes what is known about one stream.
    fn read(&mut self, name: &StreamName, Reply { request, result }: Reply<Result<Box<StreamOverview>, Failure>>) {
        let Some(row) = self.rows.iter_mut().find(|row| row.name == *name && row.reading == Some(request)) else {
            return;
        };
        row.reading = None;
        match result {
            Ok(overview) => {
                row.overview = Some(*overview);
                row.failure = None;
            }
            Err(failure) => row.failure = Some(failure),
        }
    }

    /// Puts the cursor on a stream that is known before all others.
    pub(super) fn begin_with(&mut self, overview: StreamOverview) {
        let name = overview.name.clone();
        self.selected = Some(name.clone());
        self.rows.push(StreamRow { name, overview: Some(overview), failure: None, wanted: None, reading: None });
    }

    /// Lets a command wait until the stream under the cursor is read, which is requested at once.
    pub(super) fn wait_for(&mut self, command: StreamsCommand, request: RequestId) -> Option<Effect> {
        let name = self.selected.clone()?;
        let effect = self.refresh_one(request, &name);
        self.waiting = Some((name, command));
        effect
    }

    /// The command that waited for a stream that is read now, if the cursor is still there.
    pub(super) fn take_waiting(&mut self) -> Option<StreamsCommand> {
        let (name, _) = self.waiting.as_ref()?;
        let is_known = self.current().is_some_and(|row| row.name == *name && !row.is_unknown());
        if is_known { self.stop_waiting() } else { None }
    }

    /// Forgets the command that waits.
    pub(super) fn stop_waiting(&mut self) -> Option<StreamsCommand> {
        self.waiting.take().map(|(_, command)| command)
    }

    /// The rows that match the filter, by name.
    fn matching(&self) -> Vec<&StreamRow> {
        let wanted = self.filter.text().to_lowercase();
        self.rows.iter().filter(|row| row.name.as_str().to_lowercase().contains(&wanted)).collect()
    }

    /// The rows of the group that match the filter, sorted.
    #[must_use]
    pub fn visible(&self) -> Vec<&StreamRow> {
        let mut rows = self.matching();
        rows.retain(|row| self.group.contains(row));
        self.sort.apply(&mut rows);
        rows
    }

    /// The row under the cursor.
    #[must_use]
    pub fn current(&self) -> Option<&StreamRow> {
        let selected = self.selected.as_ref()?;
        self.visible().into_iter().find(|row| row.name == *selected)
    }

    /// What is known about a stream.
    #[must_use]
    pub fn overview(&self, name: &StreamName) -> Option<&StreamOverview> {
        self.rows.iter().find(|row| row.name == *name)?.overview.as_ref()
    }

    /// The place of the cursor among the visible rows.
    #[must_use]
    pub fn cursor(&self) -> usize {
        let selected = self.selected.as_ref();
        self.visible().iter().position(|row| Some(&row.name) == selected).unwrap_or(0)
    }

    /// Whether a line is being typed.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.typing || self.opening.is_some() || self.since.is_some()
    }

    /// The line being typed.
    pub(super) fn typed_line(&mut self) -> Option<&mut Line> {
        let filter = Some(&mut self.filter).filter(|_| self.typing);
        self.opening.as_mut().or(self.since.as_mut()).or(filter)
    }

    /// Whether the back key has something to undo: a group, a filter or a typed line.
    #[must_use]
    pub fn is_narrowed(&self) -> bool {
        self.is_typing() || !self.filter.text().is_empty() || self.group != StreamGroup::All
    }

    /// Whether the command is possible for the stream under the cursor.
    pub(super) fn check(&self, command: StreamsCommand) -> Result<(), String> {
        match command {
            StreamsCommand::Open | StreamsCommand::Replay => {
                let Some(overview) = self.known()? else {
                    return Ok(());
                };
                if overview.table.as_ref().is_some_and(|table| table.mode().is_some()) {
                    return Ok(());
                }
                let missing =
                    || format!("stream {} has no archive yet; c configures one, S reads the stream itself", overview.name);
                Err(overview.problem().unwrap_or_else(missing))
            }
            StreamsCommand::Configure | StreamsCommand::Follow | StreamsCommand::ReadStream => {
                self.known()?.map_or(Ok(()), StreamOverview::check_stream)
            }
            StreamsCommand::Describe => self.current().map(|_| ()).ok_or_else(|| "there is no stream here".to_owned()),
            StreamsCommand::Filter
            | StreamsCommand::NextGroup
            | StreamsCommand::OpenFile
            | StreamsCommand::PreviousGroup
            | StreamsCommand::ReverseSort
            | StreamsCommand::Sort => Ok(()),
        }
    }

    /// What is known about the stream under the cursor; `None` if it is not read yet.
    fn known(&self) -> Result<Option<&StreamOverview>, String> {
        let row = self.current().ok_or("there is no stream here")?;
        match (&row.overview, &row.failure) {
            (None, Some(failure)) => Err(failure.to_string()),
            (overview, _) => Ok(overview.as_ref()),
        }
    }

    /// Moves the cursor.
    pub(super) fn go_to(&mut self, place: usize) {
        let visible = self.visible();
        let name = visible.get(place.min(visible.len().saturating_sub(1))).map(|row| row.name.clone());
        self.selected = name;
    }

    /// Keeps the cursor on an existing row.
    pub(super) fn keep_selection(&mut self) {
        if self.current().is_none() {
            self.go_to(0);
        }
    }
}
