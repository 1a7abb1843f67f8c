//! What is to be done, by the part of the program that it is done for.

use super::ids::{RequestId, SpoolId};
use crate::domain::export::ExportOrder;
use crate::domain::listing::entry::{Place, SoughtRecord};
use crate::domain::reading::ReadOrder;
use crate::domain::reading::following::FollowOrder;
use crate::domain::reading::page::StreamCursor;
use crate::domain::reading::picking::PickOrder;
use crate::domain::record::show::ShowOrder;
use crate::domain::remembered::Memory;
use crate::domain::replay::plan::{Control, PlanId, PlanSummary};
use crate::domain::replay::{ReplayOptions, ReplayOrder};
use crate::domain::stream::change::{Call, Wanted};
use crate::domain::stream::overview::StreamOverview;
use archiver::format::stream::StreamName;
use std::collections::HashSet;

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// For the list of streams.
    Streams(StreamsEffect),
    /// For the records of a screen.
    Records(RecordsEffect),
    /// Write records to a file.
    Export {
        /// What the export's messages refer to.
        request: RequestId,
        /// Which records, and where to.
        order: Box<ExportOrder>,
    },
    /// For the configuration of a stream.
    Configure(ConfigureEffect),
    /// For replays and their plans.
    Replays(ReplaysEffect),
    /// End a reading, a following, an export or the making of a plan early.
    Stop(RequestId),
    /// Put a text into the terminal's clipboard.
    Copy(String),
    /// Give the terminal back to the shell until the shell continues the program.
    Suspend,
    /// Keep this for the next start.
    Remember(Box<Memory>),
}

/// What is to be done for the list of streams.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamsEffect {
    /// Read a page of names.
    List {
        /// What the reply refers to.
        request: RequestId,
        /// Where the page begins.
        from: Option<StreamCursor>,
    },
    /// Look for archives whose streams are not among these.
    ListArchives {
        /// What the reply refers to.
        request: RequestId,
        /// The streams.
        streams: Vec<StreamName>,
    },
    /// Read what is known of a stream.
    Read {
        /// What the reply refers to.
        request: RequestId,
        /// Which stream.
        stream: StreamName,
    },
}

/// What is to be done for the records of a screen.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordsEffect {
    /// Read records, and put those that match in a spool.
    Read {
        /// What the replies refer to.
        request: RequestId,
        /// The spool, which is created where there is none of this id.
        spool: SpoolId,
        /// What is to be read.
        order: Box<ReadOrder>,
    },
    /// Take records from a spool, the first ones first, until they hold so much that the rest is left.
    ReadRows {
        /// What the reply refers to.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// Where the records are in it.
        places: Vec<Place>,
        /// Whether all are wanted, however large they are.
        is_whole: bool,
    },
    /// Look for a record in a spool.
    FindRow {
        /// What the reply refers to.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// What is looked for.
        sought: SoughtRecord,
        /// Where it may be, unless all of the spool is shown.
        among: Option<HashSet<Place>>,
    },
    /// Pick what matches from records that are in a spool. The messages are those of a reading.
    Pick {
        /// What the replies refer to.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// What is to be picked.
        order: Box<PickOrder>,
    },
    /// Throw a spool away.
    DropSpool(SpoolId),
    /// Read, decode and lay out a payload.
    ShowPayload {
        /// What the reply refers to.
        request: RequestId,
        /// Which, and how.
        order: Box<ShowOrder>,
    },
    /// Put new records in a spool as they come in.
    Follow {
        /// What the messages refer to.
        request: RequestId,
        /// The spool, which is created where there is none of this id.
        spool: SpoolId,
        /// Where the spool has records of the time that is read again, so that they do not come twice.
        there: Vec<Place>,
        /// What is followed.
        order: Box<FollowOrder>,
    },
}

/// What is to be done for the configuration of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigureEffect {
    /// Find out which calls would configure a stream.
    Plan {
        /// What the reply refers to.
        request: RequestId,
        /// The stream as it is.
        stream: Box<StreamOverview>,
        /// What it should be.
        wanted: Wanted,
    },
    /// Make the calls, one after the other, until one fails.
    MakeCalls {
        /// What the replies refer to.
        request: RequestId,
        /// The calls.
        calls: Vec<Call>,
    },
}

/// What is to be done for replays and their plans.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplaysEffect {
    /// Read the history.
    List {
        /// What the reply refers to.
        request: RequestId,
    },
    /// Read records, make a plan of them, and check it. It can be stopped.
    Plan {
        /// What the messages refer to.
        request: RequestId,
        /// What is to be planned.
        order: Box<ReplayOrder>,
    },
    /// Check a plan that exists, and its target.
    CheckPlan {
        /// What the reply refers to.
        request: RequestId,
        /// Which plan.
        replay: PlanId,
        /// What the plan is changed to before, where anything is.
        choice: Option<Box<(StreamName, ReplayOptions)>>,
    },
    /// Run a plan, or resume it.
    Run(Box<PlanSummary>),
    /// Pause or cancel a replay, whichever program runs it.
    Control {
        /// Which replay.
        replay: PlanId,
        /// What it is to do.
        control: Control,
    },
    /// Remove a replay from the history.
    Remove(PlanId),
    /// Read what became of a replay's records.
    ReadDetails {
        /// What the reply refers to.
        request: RequestId,
        /// Which replay.
        replay: PlanId,
        /// What of it.
        what: WantedDetails,
    },
}

/// What is to be read of a replay's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedDetails {
    /// The latest records that the target has.
    Receipts,
    /// The records that were passed over.
    PassedOver,
}
