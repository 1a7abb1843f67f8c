//! The screen that describes one stream and its archive.

use super::effect::{Effect, StreamsEffect};
use super::ids::RequestId;
use super::message::Reply;
use crate::domain::failure::Failure;
use crate::domain::stream::description::{Description, FactRow, Weight};
use crate::domain::stream::overview::{ArchiveTable, StreamOverview};
use crate::domain::text::{printable, wrapped};
use crate::domain::time::TimeContext;
use archiver::format::stream::StreamName;

/// Columns before a value.
pub const LABEL_COLUMNS: usize = 14;

/// What the screen shows, laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescriptionLayout {
    /// All its rows.
    pub rows: Vec<DescriptionRow>,
    /// How many of them fit.
    pub height: usize,
}

/// A row of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DescriptionRow {
    /// A section's title; empty between two sections.
    Heading(&'static str),
    /// A fact, or what continues the one above.
    Fact { label: &'static str, text: String, weight: Weight },
}

/// The state of the screen.
#[derive(Debug)]
pub struct DescriptionScreen {
    /// The stream.
    pub name: StreamName,
    /// What is known; it stays while it is read again.
    pub description: Option<Box<Description>>,
    /// Why the last reading failed.
    pub failure: Option<Failure>,
    /// The first row that is visible, as far as there are so many.
    pub scroll: usize,
    /// The awaited request.
    reading: Option<RequestId>,
}

impl DescriptionScreen {
    /// The screen, and the effect that reads what it shows.
    #[must_use]
    pub(super) fn open(name: StreamName, request: RequestId) -> (Self, Effect) {
        let mut screen = Self { name, description: None, failure: None, scroll: 0, reading: None };
        let effect = screen.read(request);
        (screen, effect)
    }

    /// Reads all again.
    pub(super) fn read(&mut self, request: RequestId) -> Effect {
        self.reading = Some(request);
        Effect::Streams(StreamsEffect::Describe { request, stream: self.name.clone() })
    }

    /// Whether an answer is awaited.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// Takes the answer.
    pub(super) fn take(&mut self, Reply { request, result }: Reply<Result<Box<Description>, Failure>>) {
        if self.reading != Some(request) {
            return;
        }
        self.reading = None;
        match result {
            Ok(description) => (self.description, self.failure) = (Some(description), None),
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// What the list of streams knows, too, if enough could be read.
    #[must_use]
    pub fn overview(&self) -> Option<StreamOverview> {
        self.description.as_ref()?.overview()
    }

    /// Whether the archive can be configured, as far as is known.
    pub(super) fn check_configuring(&self) -> Result<(), String> {
        self.known()?.check_stream()
    }

    /// Whether there is an archive to open.
    pub(super) fn check_opening(&self) -> Result<(), String> {
        let overview = self.known()?;
        match overview.table.as_ref().and_then(ArchiveTable::mode) {
            Some(_) => Ok(()),
            None => Err(overview.problem().unwrap_or_else(|| format!("stream {} has no archive", self.name))),
        }
    }

    fn known(&self) -> Result<StreamOverview, String> {
        let is_read = self.description.is_some();
        let why = if is_read { "too little could be read of the stream; F5 reads it again" } else { "the stream is not read yet" };
        self.overview().ok_or_else(|| why.to_owned())
    }

    /// Its rows for a terminal of this size.
    #[must_use]
    pub fn layout(&self, (columns, rows): (u16, u16), times: &TimeContext) -> DescriptionLayout {
        // The header, the keys, and a frame.
        let height = usize::from(rows.saturating_sub(4)).max(1);
        let room = usize::from(columns.saturating_sub(2)).saturating_sub(LABEL_COLUMNS);
        let sections = self.description.as_ref().map_or_else(Vec::new, |description| description.sections(times));
        let mut rows: Vec<DescriptionRow> = Vec::new();
        for section in sections {
            if !rows.is_empty() {
                rows.push(DescriptionRow::Heading(""));
            }
            rows.push(DescriptionRow::Heading(section.title));
            rows.extend(section.rows.iter().flat_map(|fact| rows_of(fact, room)));
        }
        DescriptionLayout { rows, height }
    }
}

fn rows_of(fact: &FactRow, room: usize) -> Vec<DescriptionRow> {
    let labels = std::iter::once(fact.label).chain(std::iter::repeat(""));
    let text_rows = wrapped(&printable(&fact.value), room);
    labels.zip(text_rows).map(|(label, text)| DescriptionRow::Fact { label, text, weight: fact.weight }).collect()
}

impl DescriptionLayout {
    /// The first visible row at this scroll position.
    #[must_use]
    pub fn first(&self, scroll: usize) -> usize {
        scroll.min(self.last_first())
    }

    /// The first visible row when the last one is visible.
    #[must_use]
    pub fn last_first(&self) -> usize {
        self.rows.len().saturating_sub(self.height)
    }
}
