//! The state of all screens.

use super::configure::Configure;
use super::description::DescriptionScreen;
use super::ids::RequestId;
use super::keymap::Context;
use super::records::{Pane, Records};
use super::streams::Streams;
use crate::app::replay::list::{Live, Replays, ReplaysScreen};
use crate::app::replay::review::ReplayReview;
use crate::app::replay::setup::ReplaySetup;
use crate::domain::export::Exported;
use crate::domain::preferences::Preferences;
use crate::domain::remembered::Memory;
use crate::domain::replay::plan::PlanId;
use crate::domain::time::{TimeContext, ago};
use jiff::tz::TimeZone;
use std::path::PathBuf;

/// How long information is shown, in seconds; a sentence is read in less.
const NOTICE_SECONDS: i64 = 8;

/// What the explorer is connected to, for the header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// The region.
    pub region: String,
    /// The profile, if one was named.
    pub profile: Option<String>,
    /// A warning about the connection, as a sentence.
    pub warning: Option<String>,
    /// Whether the explorer is read-only.
    pub read_only: bool,
    /// The emulators' addresses, if it runs on those.
    pub local: Option<LocalAddresses>,
}

/// The emulators' addresses.
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
    /// The current time, and the time zone for display.
    pub times: TimeContext,
    /// Whether lists show ages instead of times.
    pub says_ago: bool,
    /// The machine's time zone, to switch back from UTC.
    pub local_zone: jiff::tz::TimeZone,
    /// The bottom screen.
    pub streams: Streams,
    /// The screens opened above it, top last.
    pub screens: Vec<Screen>,
    /// The replays, including those of other processes.
    pub replays: Replays,
    /// The export that is running.
    pub export: Option<Export>,
    /// What the user has set up for every start.
    pub preferences: Preferences,
    /// What is saved for the next start.
    pub memory: Memory,
    /// The user's home folder, for typed paths.
    pub home: Option<PathBuf>,
    /// What covers the screen.
    pub overlay: Option<Overlay>,
    /// A sentence for the bottom line, until the next key.
    pub notice: Option<Notice>,
    /// The information that was shown at the last tick, and the first tick that it was shown at.
    shown_since: Option<(String, jiff::Timestamp)>,
    /// Whether tmux stands between the program and the terminal.
    pub is_in_tmux: bool,
    /// The awaited names of a folder, for the path being typed.
    pub(super) completing: Option<RequestId>,
    /// Whether the mouse holds the border between list and payload.
    pub drags_border: bool,
    /// When the streams were last requested.
    pub refreshed_at: Option<jiff::Timestamp>,
    /// Whether the program should end.
    pub quit: bool,
    last_id: u64,
}

/// A screen above the streams.
#[derive(Debug)]
pub enum Screen {
    /// A list of records.
    Records(Box<Records>),
    /// All about a stream and its archive.
    Description(DescriptionScreen),
    /// The configuration of a stream.
    Configure(Box<Configure>),
    /// A replay before it is planned.
    ReplaySetup(Box<ReplaySetup>),
    /// A replay before it runs.
    ReplayReview(Box<ReplayReview>),
    /// The replays.
    Replays(ReplaysScreen),
}

/// A running export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its id.
    pub request: RequestId,
    /// The file.
    pub path: PathBuf,
    /// Its progress.
    pub exported: Exported,
}

/// What covers a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The help, scrolled by this many lines.
    Help(usize),
    /// The choice of what to copy.
    Copy,
    /// The question whether to quit while something runs.
    ConfirmQuit,
    /// The question whether to cancel the replay under the cursor.
    ConfirmCancel,
    /// The question whether to delete the replay under the cursor.
    ConfirmRemove,
}

/// A sentence for the bottom line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Information.
    Info(String),
    /// An error.
    Error(String),
}

impl Model {
    /// The initial state: the list of streams, not read yet.
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
            preferences: Preferences::default(),
            memory: Memory::default(),
            home: None,
            overlay: None,
            shown_since: None,
            is_in_tmux: false,
            completing: None,
            drags_border: false,
            refreshed_at: None,
            quit: false,
            last_id: 0,
        }
    }

    /// The same, as the user has set it up.
    #[must_use]
    pub fn with_preferences(mut self, preferences: Preferences) -> Self {
        if preferences.shows_utc {
            self.times.zone = TimeZone::UTC;
        }
        Self { preferences, ..self }
    }

    /// Whether the first screen says what to try.
    #[must_use]
    pub fn shows_hints(&self) -> bool {
        self.session.local.is_some() && !self.memory.hides_hints
    }

    /// Takes information away that was shown for a while. An error stays until the next key.
    pub(super) fn fade_notice(&mut self) {
        let Some(Notice::Info(sentence)) = &self.notice else {
            self.shown_since = None;
            return;
        };
        match &self.shown_since {
            Some((shown, since)) if shown == sentence => {
                if self.times.now.as_second().saturating_sub(since.as_second()) >= NOTICE_SECONDS {
                    self.notice = None;
                    self.shown_since = None;
                }
            }
            Some(_) | None => self.shown_since = Some((sentence.clone(), self.times.now)),
        }
    }

    /// A new request id.
    pub fn next_request(&mut self) -> RequestId {
        self.last_id += 1;
        RequestId(self.last_id)
    }

    /// A time as lists show it.
    #[must_use]
    pub fn when(&self, at: jiff::Timestamp) -> String {
        if self.says_ago { ago(at, self.times.now) } else { self.times.short(at) }
    }

    /// Switches times from the local zone to UTC, then to ages.
    pub(super) fn show_times_otherwise(&mut self) {
        let is_utc = self.times.zone == TimeZone::UTC;
        (self.says_ago, self.times.zone) = match (self.says_ago, is_utc) {
            (false, false) => (false, TimeZone::UTC),
            (false, true) => (true, self.local_zone.clone()),
            (true, _) => (false, self.local_zone.clone()),
        };
    }

    /// The replays that run in this process.
    pub fn running_replays(&self) -> impl Iterator<Item = (&PlanId, &Live)> {
        self.replays.running_here()
    }

    /// Rows of the terminal available for a list.
    #[must_use]
    pub fn list_rows(&self) -> usize {
        usize::from(self.size.1.saturating_sub(6)).max(1)
    }

    /// The contexts to look keys up in, in order.
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

    /// The same for the top screen, ignoring what covers it.
    #[must_use]
    pub(super) fn screen_contexts(&self) -> Vec<Context> {
        let own = match self.screens.last() {
            None if self.streams.is_typing() => return vec![Context::Typing],
            None => Context::Streams,
            Some(Screen::Records(records)) if records.typing.is_some() => return vec![Context::Typing],
            Some(Screen::Records(records)) if records.pane == Pane::Detail => {
                return vec![Context::Detail, Context::Records, Context::Everywhere];
            }
            Some(Screen::Records(_)) => Context::Records,
            Some(Screen::Description(_)) => Context::Description,
            Some(Screen::Configure(configure)) => configure.context(),
            Some(Screen::ReplaySetup(setup)) => setup.context(),
            Some(Screen::ReplayReview(review)) => review.context(),
            Some(Screen::Replays(_)) => Context::Replays,
        };
        if own == Context::Everywhere { vec![own] } else { vec![own, Context::Everywhere] }
    }

    /// Whether the quit key first closes something: what covers the screen, or a diff.
    #[must_use]
    pub fn closes_first(&self) -> bool {
        let lies_over = match self.screens.last() {
            Some(Screen::Records(records)) => records.is_compared,
            Some(Screen::Replays(screen)) => screen.details.is_some(),
            None | Some(Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_)) => false,
        };
        lies_over || self.overlay.is_some()
    }
}
