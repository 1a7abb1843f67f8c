//! What has happened (messages) and what is to be done (effects). Every question carries an id, so that an answer that nobody
//! waits for any more can be told from the one that is wanted.

use crate::domain::export::{ExportOrder, Exported};
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, Place, SoughtRecord};
use crate::domain::reading::following::{FollowOrder, FollowStatus};
use crate::domain::reading::page::{StreamCursor, StreamPage};
use crate::domain::reading::picking::PickOrder;
use crate::domain::reading::{ReadEnding, ReadOrder, ReadProgress};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::{ShowOrder, Shown};
use crate::domain::remembered::Memory;
use crate::domain::replay::plan::{Control, Listed, PassedOver, PlanId, PlanSummary, RecordTrace};
use crate::domain::replay::preflight::Preflight;
use crate::domain::replay::progress::{PlanProgress, Progress, RunOutcome};
use crate::domain::replay::{ReplayOptions, ReplayOrder};
use crate::domain::stream::change::{Call, Plan, Wanted};
use crate::domain::stream::overview::StreamOverview;
use archiver::format::stream::StreamName;
use crossterm::event::KeyEvent;
use jiff::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// A question to which an answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// Where the records of one reading are kept while only their entries are in the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpoolId(pub u64);

/// What is to be read of a replay's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedDetails {
    /// The latest records that the target has.
    Receipts,
    /// The records that were passed over.
    PassedOver,
}

/// What was read of it.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplayDetails {
    /// The latest records that the target has, the newest first.
    Receipts(Vec<RecordTrace>),
    /// The records that were passed over.
    PassedOver(Vec<PassedOver>),
}

/// Something that has happened.
#[derive(Debug)]
pub enum Message {
    /// A key was pressed.
    KeyPressed(KeyEvent),
    /// Text was pasted.
    Pasted(String),
    /// The terminal has so many columns and rows.
    Resized(u16, u16),
    /// It is this time; told about once a second.
    Ticked(Timestamp),
    /// A page of stream names.
    StreamsListed {
        /// Which question this answers.
        request: RequestId,
        /// The page.
        result: Result<StreamPage, Failure>,
    },
    /// The archives whose streams were deleted.
    ArchivesListed {
        /// Which question this answers.
        request: RequestId,
        /// The archives.
        archives: Vec<StreamOverview>,
    },
    /// What is known of one stream.
    StreamRead {
        /// Which question this answers.
        request: RequestId,
        /// Which stream.
        stream: StreamName,
        /// What is known.
        result: Result<Box<StreamOverview>, Failure>,
    },
    /// Records that match were read and put in their spool.
    RecordsRead {
        /// Which question this answers.
        request: RequestId,
        /// What is kept of them here.
        entries: Vec<Entry>,
        /// The names of all shards seen so far, in the order of their indices.
        shards: Arc<[String]>,
        /// How far reading is.
        progress: ReadProgress,
        /// How long it has taken.
        elapsed: Duration,
    },
    /// Reading has ended; its last message.
    ReadEnded {
        /// Which question this answers.
        request: RequestId,
        /// How.
        ending: ReadEnding,
        /// Whether it ended because no more can be kept.
        is_full: bool,
    },
    /// Records were taken from their spool; not all that were asked for, where they are large.
    RowsRead {
        /// Which question this answers.
        request: RequestId,
        /// The records, by their places.
        result: Result<Vec<(Place, Arc<Record>)>, Failure>,
    },
    /// A record was looked for in a spool.
    RowFound {
        /// Which question this answers.
        request: RequestId,
        /// The newest that is it.
        result: Result<Option<Entry>, Failure>,
    },
    /// A payload was read, decoded and laid out.
    RecordShown {
        /// Which question this answers.
        request: RequestId,
        /// What is shown of it.
        result: Result<Box<Shown>, NoPayload>,
    },
    /// New records came in.
    Followed {
        /// Which following.
        request: RequestId,
        /// What is kept of them here.
        entries: Vec<Entry>,
        /// The names of all shards seen so far.
        shards: Arc<[String]>,
        /// How it goes.
        status: FollowStatus,
    },
    /// Following has ended; its last message.
    FollowEnded {
        /// Which following.
        request: RequestId,
        /// Why, where nobody asked for it.
        failure: Option<Failure>,
    },
    /// An export got so far.
    ExportProgressed {
        /// Which export.
        request: RequestId,
        /// How far.
        exported: Exported,
    },
    /// An export has ended; its last message.
    ExportEnded {
        /// Which export.
        request: RequestId,
        /// How far it came, or why it failed; `None` where it was stopped, and nothing is left of it.
        result: Result<Option<Exported>, Failure>,
    },
    /// The calls that would configure a stream.
    ConfigurationPlanned {
        /// Which question this answers.
        request: RequestId,
        /// The plan.
        result: Result<Plan, Failure>,
    },
    /// One call of a plan was made.
    CallMade {
        /// Which plan.
        request: RequestId,
        /// What it came to.
        result: Result<(), Failure>,
    },
    /// The replays that there are files of.
    ReplaysListed {
        /// Which question this answers.
        request: RequestId,
        /// The newest first; in place of one whose file cannot be read, why not.
        result: Result<Listed<String>, Failure>,
    },
    /// The reading of a plan got so far.
    PlanProgressed {
        /// Which plan.
        request: RequestId,
        /// How far.
        progress: PlanProgress,
    },
    /// A plan was made, or looked at anew.
    ReplayLookedOver {
        /// Which question this answers.
        request: RequestId,
        /// What one should know of it; `None` where its reading was stopped.
        result: Result<Option<Box<Preflight>>, Failure>,
    },
    /// A replay got so far.
    ReplayProgressed {
        /// Which replay.
        replay: PlanId,
        /// How far.
        progress: Box<Progress>,
    },
    /// A run of a replay has ended; its last message.
    ReplayEnded {
        /// Which replay.
        replay: PlanId,
        /// How, or why it could not begin.
        result: Result<Box<RunOutcome>, Failure>,
    },
    /// What a replay's file tells of its records.
    ReplayDetailsRead {
        /// Which question this answers.
        request: RequestId,
        /// What.
        result: Result<ReplayDetails, Failure>,
    },
    /// A replay was told something, or removed.
    ReplayTold {
        /// What came of it.
        result: Result<(), Failure>,
    },
    /// The program was asked to end from outside.
    Terminated,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Read a page of stream names.
    ListStreams {
        /// The question's id.
        request: RequestId,
        /// Where the page begins.
        from: Option<StreamCursor>,
    },
    /// Look for archives whose streams are not among these.
    ListArchives {
        /// The question's id.
        request: RequestId,
        /// The streams.
        streams: Vec<StreamName>,
    },
    /// Read what is known of a stream.
    ReadStream {
        /// The question's id.
        request: RequestId,
        /// Which stream.
        stream: StreamName,
    },
    /// Read records, and put those that match in a spool.
    Read {
        /// The question's id.
        request: RequestId,
        /// The spool; made where there is none of this id.
        spool: SpoolId,
        /// What is to be read.
        order: Box<ReadOrder>,
    },
    /// Take records from a spool, the first ones first, until they hold so much that the rest is left.
    ReadRows {
        /// The question's id.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// Where they lie.
        places: Vec<Place>,
        /// Whether all are wanted, however large they are.
        is_whole: bool,
    },
    /// Look for a record in a spool.
    FindRow {
        /// The question's id.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// What is looked for.
        sought: SoughtRecord,
        /// Where it may lie, unless all of the spool is shown.
        among: Option<HashSet<Place>>,
    },
    /// Pick what matches from records that are in a spool; told as if they were read.
    Pick {
        /// The question's id.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// What is to be picked.
        order: Box<PickOrder>,
    },
    /// Throw a spool away.
    DropSpool(SpoolId),
    /// Read, decode and lay out a payload.
    ShowRecord {
        /// The question's id.
        request: RequestId,
        /// Which, and how.
        order: Box<ShowOrder>,
    },
    /// Put new records in a spool as they come in.
    Follow {
        /// The question's id.
        request: RequestId,
        /// The spool; made where there is none of this id.
        spool: SpoolId,
        /// Where what is there lies of the time that is read again; it does not come a second time.
        there: Vec<Place>,
        /// What is followed.
        order: Box<FollowOrder>,
    },
    /// Write records to a file.
    Export {
        /// The question's id.
        request: RequestId,
        /// Which, and where to.
        order: Box<ExportOrder>,
    },
    /// End a reading, a following or an export before its end.
    Stop(RequestId),
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Give the terminal back to the shell until that lets the program go on.
    Suspend,
    /// Keep this for the next start.
    Remember(Box<Memory>),
    /// Find out which calls would configure a stream.
    PlanConfiguration {
        /// The question's id.
        request: RequestId,
        /// The stream as it is.
        stream: Box<StreamOverview>,
        /// What it should be.
        wanted: Wanted,
    },
    /// Make the calls, one after the other, until one fails.
    MakeCalls {
        /// The plan's id.
        request: RequestId,
        /// The calls.
        calls: Vec<Call>,
    },
    /// Find out which replays there are.
    ListReplays {
        /// The question's id.
        request: RequestId,
    },
    /// Read records and make a plan of them. It can be stopped.
    PlanReplay {
        /// The question's id.
        request: RequestId,
        /// What is to be planned.
        order: Box<ReplayOrder>,
    },
    /// Look at a plan that is there, and at its target.
    LookOverReplay {
        /// The question's id.
        request: RequestId,
        /// Which.
        replay: PlanId,
        /// What is chosen anew before that, where anything is.
        choice: Option<Box<(StreamName, ReplayOptions)>>,
    },
    /// Run a plan, or go on with it.
    RunReplay(Box<PlanSummary>),
    /// Tell a replay something, whichever program runs it.
    TellReplay {
        /// Which.
        replay: PlanId,
        /// What.
        control: Control,
    },
    /// Remove a replay from the history.
    RemoveReplay(PlanId),
    /// Read what became of a replay's records.
    ReadReplayDetails {
        /// The question's id.
        request: RequestId,
        /// Which replay.
        replay: PlanId,
        /// What of it.
        what: WantedDetails,
    },
}
