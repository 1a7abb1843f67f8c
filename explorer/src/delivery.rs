//! Counts what a reading delivers. A page counts once its batch was accepted, so progress and position always match what the
//! receiver has. Readers of archives and of files both use it.

use crate::domain::failure::Failure;
use crate::domain::reading::page::PageCursor;
use crate::domain::reading::{BadLines, FILE_SEGMENT_BYTES, Position, ReadBatch, ReadProgress, SegmentPosition};
use crate::domain::record::Record;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Between two batches that carry only progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(33);
/// How long the end waits for the receiver to take the last progress.
const LAST_PROGRESS_TIME: Duration = Duration::from_millis(100);

/// The counts of one order.
pub(crate) struct Delivery {
    batches: mpsc::Sender<ReadBatch>,
    state: Mutex<State>,
}

struct State {
    progress: ReadProgress,
    position: Position,
    /// When a batch was last sent or is about to be.
    told_at: Option<Instant>,
    is_told: bool,
    is_closed: bool,
}

/// The result of a page.
#[derive(Debug, Default)]
pub(crate) struct Yield {
    /// The records that match.
    pub(crate) records: Vec<Record>,
    /// Items or lines read for it.
    pub(crate) read: u64,
    /// Those that the filter could not read.
    pub(crate) unsearchable: u64,
    /// Lines that are not records.
    pub(crate) bad_lines: BadLines,
    /// Read units it took.
    pub(crate) units: f64,
}

/// Where reading continues after a page.
#[derive(Debug)]
pub(crate) enum ReadStep {
    /// One key's items, after this one; `None` after the last.
    Query(Option<PageCursor>),
    /// This segment, from here.
    Segment(usize, SegmentPosition),
    /// A file, after this many bytes.
    File(u64),
    /// A file, at its end.
    EndOfFile,
}

/// The receiver is gone.
#[derive(Debug)]
pub(crate) struct NobodyListens;

/// Why reading or following ended by itself.
#[derive(Debug)]
pub(crate) enum Broken {
    NobodyListens,
    Failed(Failure),
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<NobodyListens> for Broken {
    fn from(_: NobodyListens) -> Self {
        Self::NobodyListens
    }
}

impl Delivery {
    /// The counts of an order that starts here, in one segment unless the position has more.
    pub(crate) fn new(batches: mpsc::Sender<ReadBatch>, from: Position) -> Self {
        let (segments, segments_done) = match &from {
            Position::Scan(segments) => {
                (segments.len(), segments.iter().filter(|position| **position == SegmentPosition::Done).count())
            }
            Position::Beginning | Position::Query(_) | Position::File(_) => (1, 0),
        };
        let progress = ReadProgress { segments, segments_done, ..ReadProgress::default() };
        Self { batches, state: Mutex::new(State { progress, position: from, told_at: None, is_told: false, is_closed: false }) }
    }

    /// The counts of an order that reads a file of this size.
    pub(crate) fn of_file(batches: mpsc::Sender<ReadBatch>, from: u64, size_bytes: u64) -> Self {
        let delivery = Self::new(batches, Position::File(from));
        let segments = usize::try_from(size_bytes.div_ceil(FILE_SEGMENT_BYTES)).unwrap_or(usize::MAX);
        delivery.state().progress.segments = segments.max(1);
        delivery
    }

    /// Delivers a page. Waits while the receiver is busy; if that wait is cancelled, the page was not delivered.
    pub(crate) async fn hand_over(&self, page: Yield, step: ReadStep) -> Result<(), NobodyListens> {
        let is_due = !page.records.is_empty() || self.is_due();
        let permit = match is_due {
            true => Some(self.batches.reserve().await.map_err(|_| NobodyListens)?),
            false => None,
        };
        let mut state = self.state();
        if state.is_closed {
            return Err(NobodyListens);
        }
        state.count(&page);
        state.advance(step);
        state.is_told = permit.is_some();
        if let Some(permit) = permit {
            // Under the lock, so that progress never goes backwards.
            permit.send(ReadBatch { records: page.records, progress: state.progress });
        }
        Ok(())
    }

    /// Delivers the last progress and nothing more. Returns how far reading came and whether that is the end.
    pub(crate) async fn close(&self) -> (Position, bool) {
        let (position, progress, is_told) = {
            let mut state = self.state();
            state.is_closed = true;
            (state.position.clone(), state.progress, state.is_told)
        };
        if !is_told {
            let told = self.batches.send_timeout(ReadBatch { records: Vec::new(), progress }, LAST_PROGRESS_TIME).await;
            if told.is_err() {
                tracing::debug!("the receiver did not take the last progress");
            }
        }
        (position, progress.segments_done == progress.segments)
    }

    /// Whether progress is due; if so, schedules the next.
    fn is_due(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state();
        let is_due = state.told_at.is_none_or(|told_at| now - told_at >= PROGRESS_INTERVAL);
        if is_due {
            state.told_at = Some(now);
        }
        is_due
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, page: &Yield) {
        self.progress.read += page.read;
        self.progress.matched += page.records.len() as u64;
        self.progress.matched_bytes += page.records.iter().filter_map(|record| record.payload_size).sum::<u64>();
        self.progress.unsearchable += page.unsearchable;
        self.progress.bad_lines = self.progress.bad_lines.and(page.bad_lines);
        self.progress.units += page.units;
    }

    fn advance(&mut self, step: ReadStep) {
        match (step, &mut self.position) {
            (ReadStep::Query(Some(cursor)), position) => *position = Position::Query(cursor),
            (ReadStep::File(reached), position) => {
                *position = Position::File(reached);
                let done = usize::try_from(reached / FILE_SEGMENT_BYTES).unwrap_or(usize::MAX);
                self.progress.segments_done = done.min(self.progress.segments - 1);
            }
            (ReadStep::Query(None) | ReadStep::EndOfFile, _) => self.progress.segments_done = self.progress.segments,
            (ReadStep::Segment(segment, reached), Position::Scan(segments)) => {
                if reached == SegmentPosition::Done {
                    self.progress.segments_done += 1;
                }
                if let Some(position) = segments.get_mut(segment) {
                    *position = reached;
                }
            }
            // A segment is read only if the position has segments.
            (ReadStep::Segment(..), Position::Beginning | Position::Query(_) | Position::File(_)) => {}
        }
    }
}
