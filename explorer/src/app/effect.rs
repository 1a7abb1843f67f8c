//! Effects: work to be done outside the state, grouped by area.

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
use std::path::PathBuf;

/// Work to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// For the list of streams.
    Streams(StreamsEffect),
    /// For the records of a screen.
    Records(RecordsEffect),
    /// Write records to a file.
    Export {
        /// The id of the export's messages.
        request: RequestId,
        /// Which records, and the target.
        order: Box<ExportOrder>,
    },
    /// For the configuration of a stream.
    Configure(ConfigureEffect),
    /// For replays and their plans.
    Replays(ReplaysEffect),
    /// Stop a reading, a following, an export or a planning early.
    Stop(RequestId),
    /// List the names in a folder, to complete a path.
    ListFolder {
        /// The id of the reply.
        request: RequestId,
        /// The folder.
        folder: PathBuf,
    },
    /// Copy a text to the terminal's clipboard.
    Copy(String),
    /// Draw all of the screen again, whatever another program wrote there.
    Redraw,
    /// Give the terminal back to the shell until the program is continued.
    Suspend,
    /// Save this for the next start.
    Remember(Box<Memory>),
}

/// Effects for the list of streams.
#[derive(Clone, Debug, PartialEq)]
pub enum StreamsEffect {
    /// Read a page of names.
    List {
        /// The id of the reply.
        request: RequestId,
        /// Where the page begins.
        from: Option<StreamCursor>,
    },
    /// List archives of streams other than these.
    ListArchives {
        /// The id of the reply.
        request: RequestId,
        /// The streams.
        streams: Vec<StreamName>,
    },
    /// Read all about a stream and its archive.
    Describe {
        /// The id of the reply.
        request: RequestId,
        /// The stream.
        stream: StreamName,
    },
    /// Read what is known about a stream.
    Read {
        /// The id of the reply.
        request: RequestId,
        /// The stream.
        stream: StreamName,
        /// Whether somebody waits for it.
        is_urgent: bool,
    },
}

/// Effects for the records of a screen.
#[derive(Clone, Debug, PartialEq)]
pub enum RecordsEffect {
    /// Read records, and spool those that match.
    Read {
        /// The id of the replies.
        request: RequestId,
        /// The spool; created if it does not exist.
        spool: SpoolId,
        /// What to read.
        order: Box<ReadOrder>,
    },
    /// Load records from a spool, in this order, up to a size limit.
    ReadRows {
        /// The id of the reply.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// The places of the records in it.
        places: Vec<Place>,
        /// Whether to load all of them, without the size limit.
        is_whole: bool,
    },
    /// Find a record in a spool.
    FindRow {
        /// The id of the reply.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// The wanted record.
        sought: SoughtRecord,
        /// Where it may be; `None` if the whole spool is shown.
        among: Option<HashSet<Place>>,
    },
    /// Pick matching records from a spool. The messages are those of a reading.
    Pick {
        /// The id of the replies.
        request: RequestId,
        /// The spool.
        spool: SpoolId,
        /// What to pick.
        order: Box<PickOrder>,
    },
    /// Drop a spool.
    DropSpool(SpoolId),
    /// Read, decode and lay out a payload.
    ShowPayload {
        /// The id of the reply.
        request: RequestId,
        /// Which payload, and in which view.
        order: Box<ShowOrder>,
    },
    /// Follow new records into a spool.
    Follow {
        /// The id of the messages.
        request: RequestId,
        /// The spool; created if it does not exist.
        spool: SpoolId,
        /// The places of records in the spool that following reads again, so that they are not added twice.
        there: Vec<Place>,
        /// What to follow.
        order: Box<FollowOrder>,
    },
}

/// Effects for the configuration of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigureEffect {
    /// Plan the calls that configure a stream.
    Plan {
        /// The id of the reply.
        request: RequestId,
        /// The stream before the change.
        stream: Box<StreamOverview>,
        /// The wanted configuration.
        wanted: Wanted,
    },
    /// Make the calls in order, until one fails.
    MakeCalls {
        /// The id of the replies.
        request: RequestId,
        /// The calls.
        calls: Vec<Call>,
    },
}

/// Effects for replays and their plans.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplaysEffect {
    /// Read the history.
    List {
        /// The id of the reply.
        request: RequestId,
    },
    /// Read records, plan a replay of them, and check it. Can be stopped.
    Plan {
        /// The id of the messages.
        request: RequestId,
        /// What to plan.
        order: Box<ReplayOrder>,
    },
    /// Check an existing plan, and its target.
    CheckPlan {
        /// The id of the reply.
        request: RequestId,
        /// The plan.
        replay: PlanId,
        /// Changes to apply first, if any.
        choice: Option<Box<(StreamName, ReplayOptions)>>,
    },
    /// Run or resume a plan.
    Run(Box<PlanSummary>),
    /// Pause or cancel a replay, also one in another process.
    Control {
        /// The replay.
        replay: PlanId,
        /// Pause or cancel.
        control: Control,
    },
    /// Delete a replay from the history.
    Remove(PlanId),
    /// Read what became of a replay's records.
    ReadDetails {
        /// The id of the reply.
        request: RequestId,
        /// The replay.
        replay: PlanId,
        /// Which records.
        what: WantedDetails,
    },
}

/// Which records of a replay to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WantedDetails {
    /// The latest records that the target has.
    Receipts,
    /// The skipped records.
    PassedOver,
}
