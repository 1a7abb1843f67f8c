//! What has happened, by the part of the program that it happened to.

use super::ids::RequestId;
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
use crate::domain::stream::overview::StreamOverview;
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
    /// A second has passed, and this is the time.
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
    /// The program was asked to end from outside.
    Terminated,
}

/// What comes back for a request.
#[derive(Debug)]
pub struct Reply<T> {
    /// The request.
    pub request: RequestId,
    /// What came of it.
    pub result: T,
}

/// What happened to the terminal.
#[derive(Debug)]
pub enum TerminalMessage {
    /// A key was pressed.
    KeyPressed(KeyEvent),
    /// Text was pasted.
    Pasted(String),
    /// It has this many columns and rows.
    Resized(u16, u16),
}

/// What happened to the list of streams.
#[derive(Debug)]
pub enum StreamsMessage {
    /// A page of names was read.
    Listed(Reply<Result<StreamPage, Failure>>),
    /// The archives whose streams were deleted were listed.
    ArchivesListed(Reply<Vec<StreamOverview>>),
    /// One stream was read.
    Read {
        /// Which stream.
        stream: StreamName,
        /// What is known of it.
        reply: Reply<Result<Box<StreamOverview>, Failure>>,
    },
}

/// What happened to the records of a screen.
#[derive(Debug)]
pub enum RecordsMessage {
    /// Records that match were read and put in their spool.
    Read(Reply<FoundRecords>),
    /// A reading has ended. It sends no more messages.
    ReadEnded(Reply<ReadEnd>),
    /// Records were taken from their spool: not all that were asked for, where they are large.
    RowsRead(Reply<Result<LoadedRows, Failure>>),
    /// A record was looked for in a spool. This is the newest one that fits.
    RowFound(Reply<Result<Option<Entry>, Failure>>),
    /// A payload was read, decoded and laid out.
    PayloadShown(Reply<Result<Box<Shown>, NoPayload>>),
    /// New records came in.
    Followed(Reply<NewRecords>),
    /// Following has ended, and sends no more messages. There is a failure where nobody asked for the end.
    FollowEnded(Reply<Option<Failure>>),
}

/// Records with their places in the spool that they were taken from.
pub type LoadedRows = Vec<(Place, Arc<Record>)>;

/// Records that a reading has found.
#[derive(Debug)]
pub struct FoundRecords {
    /// What is kept of them here.
    pub entries: Vec<Entry>,
    /// The names of all shards seen so far, in the order of their indices.
    pub shards: Arc<[String]>,
    /// How far reading is.
    pub progress: ReadProgress,
    /// How long it has taken.
    pub elapsed: Duration,
}

/// How a reading has ended.
#[derive(Debug)]
pub struct ReadEnd {
    /// How.
    pub ending: ReadEnding,
    /// Whether it ended because no more can be kept.
    pub is_full: bool,
}

/// Records that came in while they were followed.
#[derive(Debug)]
pub struct NewRecords {
    /// What is kept of them here.
    pub entries: Vec<Entry>,
    /// The names of all shards seen so far.
    pub shards: Arc<[String]>,
    /// How following goes.
    pub status: FollowStatus,
}

/// What happened to the export.
#[derive(Debug)]
pub enum ExportMessage {
    /// It got this far.
    Progressed(Reply<Exported>),
    /// It has ended, and sends no more messages. `None` where it was stopped, and nothing is left of it.
    Ended(Reply<Result<Option<Exported>, Failure>>),
}

/// What happened to the configuration of a stream.
#[derive(Debug)]
pub enum ConfigureMessage {
    /// The calls that would configure it are known.
    Planned(Reply<Result<Plan, Failure>>),
    /// One of them was made.
    CallMade(Reply<Result<(), Failure>>),
}

/// What happened to replays and their plans.
#[derive(Debug)]
pub enum ReplaysMessage {
    /// The history was read, newest first. Where a file cannot be read, it has the reason.
    Listed(Reply<Result<Listed<String>, Failure>>),
    /// The reading of a plan's records got this far.
    PlanProgressed(Reply<PlanProgress>),
    /// A plan and its target were checked. `None` where the reading of its records was stopped.
    PlanChecked(Reply<Result<Option<Box<Preflight>>, Failure>>),
    /// A run got this far.
    Progressed {
        /// Which replay.
        replay: PlanId,
        /// How far.
        progress: Box<Progress>,
    },
    /// A run has ended, and sends no more messages.
    Ended {
        /// Which replay.
        replay: PlanId,
        /// How, or why it could not begin.
        result: Result<Box<RunOutcome>, Failure>,
    },
    /// What became of a replay's records was read.
    DetailsRead(Reply<Result<ReplayDetails, Failure>>),
    /// A replay was paused, cancelled or removed, or could not be.
    Controlled(Result<(), Failure>),
}

/// What became of a replay's records.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayDetails {
    /// The latest records that the target has, the newest first.
    Receipts(Vec<RecordTrace>),
    /// The records that were passed over.
    PassedOver(Vec<PassedOver>),
}
