//! The whole state of the explorer's screens.

use super::configure::Configure;
use super::ids::RequestId;
use super::keymap::Context;
use super::records::{Pane, Records, Room};
use super::streams::Streams;
use crate::app::replay::list::{Live, Replays, ReplaysScreen};
use crate::app::replay::review::ReplayReview;
use crate::app::replay::setup::ReplaySetup;
use crate::domain::export::Exported;
use crate::domain::remembered::Memory;
use crate::domain::replay::plan::PlanId;
use crate::domain::time::{TimeContext, ago};
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// Whom and what the explorer is connected to, for the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The region.
    pub region: String,
    /// The profile, where one was named.
    pub profile: Option<String>,
    /// What the user should know about the connection, as a sentence.
    pub warning: Option<String>,
    /// Whether nothing may be changed.
    pub read_only: bool,
    /// The emulators' addresses, where it runs on those.
    pub local: Option<LocalAddresses>,
}

/// Where the emulators listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddresses {
    /// URL of Kinesis.
    pub kinesis: String,
    /// URL of DynamoDB.
    pub dynamodb: String,
}

/// The state.
#[derive(Debug)]
pub struct Model {
    /// What it is connected to.
    pub session: Session,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The present, and the zone that times are shown in.
    pub times: TimeContext,
    /// Whether lists say how long ago something was, instead of when.
    pub says_ago: bool,
    /// The zone of the machine, to come back to from UTC.
    pub local_zone: jiff::tz::TimeZone,
    /// The screen that is always at the bottom.
    pub streams: Streams,
    /// The screens opened above it, the one on top last.
    pub screens: Vec<Screen>,
    /// The replays, those of other programs too.
    pub replays: Replays,
    /// The export that is running.
    pub export: Option<Export>,
    /// What is kept for the next start.
    pub memory: Memory,
    /// The user's home folder, for paths that are typed.
    pub home: Option<PathBuf>,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// A sentence for the bottom line, until the next key.
    pub notice: Option<Notice>,
    /// When the streams were last asked for.
    pub refreshed_at: Option<jiff::Timestamp>,
    /// Whether the program is to end.
    pub quit: bool,
    last_id: u64,
}

/// A screen above the streams.
#[derive(Debug)]
pub enum Screen {
    /// The records of an archive.
    Records(Box<Records>),
    /// How a stream is archived.
    Configure(Box<Configure>),
    /// A replay before it is planned.
    ReplaySetup(Box<ReplaySetup>),
    /// A replay before it runs.
    ReplayReview(Box<ReplayReview>),
    /// The replays.
    Replays(ReplaysScreen),
}

/// Records that are being written to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its id.
    pub request: RequestId,
    /// The file.
    pub path: PathBuf,
    /// How far it is.
    pub exported: Exported,
}

/// What lies over the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The keys, scrolled so many lines.
    Help(usize),
    /// What of the record is to be copied.
    Copy,
    /// Whether to quit although a replay is running.
    ConfirmQuit,
    /// Whether to end the replay under the cursor for good.
    ConfirmCancel,
    /// Whether to remove the replay under the cursor.
    ConfirmRemove,
}

/// A sentence for the bottom line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something worth knowing.
    Info(String),
    /// Something went wrong.
    Error(String),
}

impl Model {
    /// The state at the start: the streams, not read yet.
    #[must_use]
    pub fn new(session: Session, size: (u16, u16), times: TimeContext) -> Self {
        Self {
            notice: session.warning.clone().map(Notice::Error),
            session,
            size,
            says_ago: false,
            local_zone: times.zone.clone(),
            times,
            streams: Streams::default(),
            screens: Vec::new(),
            replays: Replays::default(),
            export: None,
            memory: Memory::default(),
            home: None,
            overlay: None,
            refreshed_at: None,
            quit: false,
            last_id: 0,
        }
    }

    /// An id that no question had before.
    pub fn next_request(&mut self) -> RequestId {
        self.last_id += 1;
        RequestId(self.last_id)
    }

    /// A time as lists show it.
    #[must_use]
    pub fn when(&self, at: jiff::Timestamp) -> String {
        if self.says_ago { ago(at, self.times.now) } else { self.times.short(at) }
    }

    /// Shows times in the local zone, then in UTC, then as how long ago they were.
    pub(super) fn show_times_otherwise(&mut self) {
        let is_utc = self.times.zone == TimeZone::UTC;
        (self.says_ago, self.times.zone) = match (self.says_ago, is_utc) {
            (false, false) => (false, TimeZone::UTC),
            (false, true) => (true, self.local_zone.clone()),
            (true, _) => (false, self.local_zone.clone()),
        };
    }

    /// The replays that run in this program.
    pub fn running_replays(&self) -> impl Iterator<Item = (&PlanId, &Live)> {
        self.replays.running_here()
    }

    /// Rows of the terminal that a list may fill.
    #[must_use]
    pub fn list_rows(&self) -> usize {
        usize::from(self.size.1.saturating_sub(6)).max(1)
    }

    /// Columns of the record's detail: beside the list where the terminal is wide, otherwise below it.
    #[must_use]
    pub fn detail_columns(&self) -> usize {
        let columns = usize::from(self.size.0);
        if self.is_wide() { columns * 42 / 100 - 2 } else { columns.saturating_sub(2) }.max(8)
    }

    /// Columns of the list of records.
    #[must_use]
    pub fn list_columns(&self) -> usize {
        let beside = if self.is_wide() { self.detail_columns() + 2 } else { 0 };
        usize::from(self.size.0).saturating_sub(beside + 2)
    }

    /// The room that a records screen has.
    #[must_use]
    pub fn room(&self) -> Room {
        Room { list_columns: self.list_columns(), detail_columns: self.detail_columns() }
    }

    /// Whether list and detail fit beside each other.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.size.0 >= 100
    }

    /// Where the keys are looked up, in this order.
    #[must_use]
    pub fn contexts(&self) -> Vec<Context> {
        if matches!(self.overlay, Some(Overlay::ConfirmQuit | Overlay::ConfirmCancel | Overlay::ConfirmRemove)) {
            return vec![Context::Review, Context::Everywhere];
        }
        if self.overlay == Some(Overlay::Copy) {
            return vec![Context::Copy, Context::Everywhere];
        }
        self.screen_contexts()
    }

    /// The same for the screen on top, whatever lies over it.
    #[must_use]
    pub(super) fn screen_contexts(&self) -> Vec<Context> {
        let own = match self.screens.last() {
            None if self.streams.typing || self.streams.opening.is_some() => return vec![Context::Typing],
            None => Context::Streams,
            Some(Screen::Records(records)) if records.typing.is_some() => return vec![Context::Typing],
            Some(Screen::Records(records)) if records.pane == Pane::Detail => {
                return vec![Context::Detail, Context::Records, Context::Everywhere];
            }
            Some(Screen::Records(_)) => Context::Records,
            Some(Screen::Configure(configure)) => configure.context(),
            Some(Screen::ReplaySetup(setup)) => setup.context(),
            Some(Screen::ReplayReview(review)) => review.context(),
            Some(Screen::Replays(_)) => Context::Replays,
        };
        if own == Context::Everywhere { vec![own] } else { vec![own, Context::Everywhere] }
    }

    /// Whether the key that quits closes something first: what lies over the screen, or over its own content.
    #[must_use]
    pub fn closes_first(&self) -> bool {
        let lies_over = match self.screens.last() {
            Some(Screen::Records(records)) => records.is_compared,
            Some(Screen::Replays(screen)) => screen.details.is_some(),
            None | Some(Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_)) => false,
        };
        lies_over || self.overlay.is_some()
    }
}
