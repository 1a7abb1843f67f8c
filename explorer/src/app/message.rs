//! Messages: what has happened outside the state, grouped by area.

use super::ids::RequestId;
use super::mouse::Mouse;
use crate::domain::export::Exported;
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, Place};
use crate::domain::reading::following::FollowStatus;
use crate::domain::reading::page::StreamPage;
use crate::domain::reading::{ReadEnding, ReadProgress};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::Shown;
use crate::domain::replay::plan::{Listed, PassedOver, PlanId, RecordTrace};
use crate::domain::replay::preflight::Preflight;
use crate::domain::replay::progress::{PlanProgress, Progress, RunOutcome};
use crate::domain::stream::change::Plan;
use crate::domain::stream::description::Description;
use crate::domain::stream::overview::StreamOverview;
use crate::domain::text::typed_path::FoundName;
use archiver::format::stream::StreamName;
use crossterm::event::KeyEvent;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Something that has happened.
#[derive(Debug)]
pub enum Message {
    /// To the terminal.
    Terminal(TerminalMessage),
    /// A second has passed; the current time.
    Ticked(Timestamp),
    /// To the list of streams.
    Streams(StreamsMessage),
    /// To the records of a screen.
    Records(RecordsMessage),
    /// To the export.
    Export(ExportMessage),
    /// To the configuration of a stream.
    Configure(ConfigureMessage),
    /// To replays and their plans.
    Replays(ReplaysMessage),
    /// The names in a folder, or why they cannot be read.
    FolderListed(Reply<Result<Vec<FoundName>, Failure>>),
    /// A signal asked the program to end.
    Terminated,
}

/// The reply to a request.
#[derive(Debug)]
pub struct Reply<T> {
    /// The request.
    pub request: RequestId,
    /// The result.
    pub result: T,
}

/// What happened to the terminal.
#[derive(Debug)]
pub enum TerminalMessage {
    /// A key was pressed.
    KeyPressed(KeyEvent),
    /// The mouse was used.
    MouseUsed(Mouse),
    /// Text was pasted.
    Pasted(String),
    /// The new size, in columns and rows.
    Resized(u16, u16),
}

/// What happened to the list of streams.
#[derive(Debug)]
pub enum StreamsMessage {
    /// A page of names was read.
    Listed(Reply<Result<StreamPage, Failure>>),
    /// A stream and its archive were described.
    Described(Reply<Result<Box<Description>, Failure>>),
    /// The archives of deleted streams were listed.
    ArchivesListed(Reply<Vec<StreamOverview>>),
    /// A stream was read.
    Read {
        /// Which stream.
        stream: StreamName,
        /// What is known about it.
        reply: Reply<Result<Box<StreamOverview>, Failure>>,
    },
}

/// What happened to the records of a screen.
#[derive(Debug)]
pub enum RecordsMessage {
    /// Matching records were read and spooled.
    Read(Reply<FoundRecords>),
    /// A reading has ended; no more messages follow.
    ReadEnded(Reply<ReadEnd>),
    /// Records were loaded from their spool, not always all that were requested.
    RowsRead(Reply<Result<LoadedRows, Failure>>),
    /// The newest matching record in a spool was found, or none was.
    RowFound(Reply<Result<Option<Entry>, Failure>>),
    /// A payload was read, decoded and laid out.
    PayloadShown(Reply<Result<Box<Shown>, NoPayload>>),
    /// New records came in.
    Followed(Reply<NewRecords>),
    /// Following has ended; no more messages follow. A failure if nobody stopped it.
    FollowEnded(Reply<Option<Failure>>),
}

/// Records with their places in their spool.
pub type LoadedRows = Vec<(Place, Arc<Record>)>;

/// Records found by a reading.
#[derive(Debug)]
pub struct FoundRecords {
    /// Their entries.
    pub entries: Vec<Entry>,
    /// The names of all shards so far, by index.
    pub shards: Arc<[String]>,
    /// The progress.
    pub progress: ReadProgress,
    /// The time it has taken.
    pub elapsed: Duration,
}

/// The end of a reading.
#[derive(Debug)]
pub struct ReadEnd {
    /// The result.
    pub ending: ReadEnding,
    /// Whether it ended because the list is full.
    pub is_full: bool,
}

/// New records from following.
#[derive(Debug)]
pub struct NewRecords {
    /// Their entries.
    pub entries: Vec<Entry>,
    /// The names of all shards so far, by index.
    pub shards: Arc<[String]>,
    /// The status of following.
    pub status: FollowStatus,
}

/// What happened to the export.
#[derive(Debug)]
pub enum ExportMessage {
    /// Its progress.
    Progressed(Reply<Exported>),
    /// It has ended; no more messages follow. `None` if it was stopped and left no file.
    Ended(Reply<Result<Option<Exported>, Failure>>),
}

/// What happened to the configuration of a stream.
#[derive(Debug)]
pub enum ConfigureMessage {
    /// The calls were planned.
    Planned(Reply<Result<Plan, Failure>>),
    /// One call was made.
    CallMade(Reply<Result<(), Failure>>),
}

/// What happened to replays and their plans.
#[derive(Debug)]
pub enum ReplaysMessage {
    /// The history was read, newest first. For a file that cannot be read, the reason.
    Listed(Reply<Result<Listed<String>, Failure>>),
    /// The progress of planning.
    PlanProgressed(Reply<PlanProgress>),
    /// A plan and its target were checked. `None` if planning was stopped.
    PlanChecked(Reply<Result<Option<Box<Preflight>>, Failure>>),
    /// The progress of a run.
    Progressed {
        /// The replay.
        replay: PlanId,
        /// The progress.
        progress: Box<Progress>,
    },
    /// A run has ended; no more messages follow.
    Ended {
        /// The replay.
        replay: PlanId,
        /// Its result, or why it could not begin.
        result: Result<Box<RunOutcome>, Failure>,
    },
    /// The records of a replay were read.
    DetailsRead(Reply<Result<ReplayDetails, Failure>>),
    /// A replay was paused, cancelled or deleted, or that failed.
    Controlled(Result<(), Failure>),
}

/// The records of a replay.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayDetails {
    /// The latest records that the target has, newest first.
    Receipts(Vec<RecordTrace>),
    /// The skipped records.
    PassedOver(Vec<PassedOver>),
}
