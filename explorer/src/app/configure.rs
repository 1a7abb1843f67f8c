//! The configure screen: first the archive's settings, then the planned calls, then their progress.

use super::command::{FormCommand, Move};
use super::effect::{ConfigureEffect, Effect};
use super::ids::RequestId;
use super::keymap::Context;
use super::line::Line;
use super::message::Reply;
use crate::domain::failure::Failure;
use crate::domain::stream::change::{Plan, Wanted, WantedArchive};
use crate::domain::stream::overview::StreamOverview;
use archiver::format::settings::{ArchiveMode, Compression, Replays, Ttl};

/// The state of the screen.
#[derive(Debug)]
pub struct Configure {
    /// The stream before the change.
    pub stream: StreamOverview,
    /// The chosen mode.
    pub mode: Option<ArchiveMode>,
    /// The TTL as typed; empty keeps records for ever.
    pub ttl: Line,
    /// The choice for replays into the stream itself.
    pub replays: Replays,
    /// The compression of payloads.
    pub compression: Compression,
    /// The field with the focus.
    pub field: SettingsField,
    /// The current step.
    pub step: ConfigureStep,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsField {
    /// The mode.
    Mode,
    /// The TTL.
    Ttl,
    /// The handling of replays into the stream itself.
    Replays,
    /// The compression.
    Compression,
}

const FIELDS: [SettingsField; 4] = [SettingsField::Mode, SettingsField::Ttl, SettingsField::Replays, SettingsField::Compression];

/// The steps of the screen.
#[derive(Debug, PartialEq)]
pub enum ConfigureStep {
    /// The form is being filled in; a sentence if something in it is wrong.
    Editing(Option<String>),
    /// The present state is being read.
    Planning(RequestId),
    /// The calls are shown for review.
    Review(Plan),
    /// The calls are being made.
    Making {
        /// The request that is awaited.
        request: RequestId,
        /// The calls.
        plan: Plan,
        /// How many are done.
        made: usize,
    },
    /// All calls were made.
    Done(Plan),
    /// A call failed.
    Failed {
        /// The calls.
        plan: Plan,
        /// How many were made before it.
        made: usize,
        /// Why it failed.
        failure: Failure,
    },
}

impl Configure {
    /// The form with the stream's settings; mode ALL for a stream without an archive.
    #[must_use]
    pub fn open(stream: StreamOverview) -> Self {
        let settings = stream.settings().cloned();
        let mode = settings.as_ref().map_or(ArchiveMode::All, |settings| settings.mode);
        let (replays, compression) = settings.as_ref().map(|settings| (settings.replays, settings.compression)).unwrap_or_default();
        let ttl = settings.and_then(|settings| settings.ttl).map(|ttl| ttl.to_string().replace(' ', "")).unwrap_or_default();
        Self {
            stream,
            mode: Some(mode),
            ttl: Line::with(ttl),
            replays,
            compression,
            field: SettingsField::Mode,
            step: ConfigureStep::Editing(None),
        }
    }

    /// The context for its keys.
    #[must_use]
    pub fn context(&self) -> Context {
        match self.step {
            ConfigureStep::Editing(_) => Context::Form,
            ConfigureStep::Review(_) => Context::Review,
            ConfigureStep::Planning(_) | ConfigureStep::Making { .. } | ConfigureStep::Done(_) | ConfigureStep::Failed { .. } => {
                Context::Everywhere
            }
        }
    }

    /// Whether keys go to the TTL.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.field == SettingsField::Ttl && matches!(self.step, ConfigureStep::Editing(_))
    }

    /// Handles a command in the form.
    pub(super) fn command(&mut self, command: FormCommand, request: RequestId) -> Option<Effect> {
        match command {
            FormCommand::NextField => self.move_field(1),
            FormCommand::PreviousField => self.move_field(FIELDS.len() - 1),
            FormCommand::Change => self.change(true),
            FormCommand::ChangeBack => self.change(false),
            FormCommand::Continue => return self.plan(request),
            // Typing clears the line elsewhere.
            FormCommand::Clear => {}
        }
        None
    }

    /// Moves between fields.
    pub(super) fn go(&mut self, to: Move) {
        match to {
            Move::Up => self.move_field(FIELDS.len() - 1),
            Move::Down => self.move_field(1),
            Move::PageUp | Move::HalfPageUp | Move::First => self.field = FIELDS[0],
            Move::PageDown | Move::HalfPageDown | Move::Last => self.field = FIELDS[FIELDS.len() - 1],
        }
    }

    fn move_field(&mut self, by: usize) {
        let place = FIELDS.iter().position(|field| *field == self.field).unwrap_or(0);
        self.field = FIELDS[(place + by) % FIELDS.len()];
    }

    fn change(&mut self, forward: bool) {
        match self.field {
            SettingsField::Mode => {
                self.mode = match (self.mode, forward) {
                    (Some(ArchiveMode::All), true) | (None, false) => Some(ArchiveMode::Latest),
                    (Some(ArchiveMode::Latest), true) | (Some(ArchiveMode::All), false) => None,
                    (None, true) | (Some(ArchiveMode::Latest), false) => Some(ArchiveMode::All),
                };
            }
            SettingsField::Replays => {
                self.replays = match self.replays {
                    Replays::Keep => Replays::Skip,
                    Replays::Skip => Replays::Keep,
                };
            }
            SettingsField::Compression => {
                self.compression = match self.compression {
                    Compression::None => Compression::Gzip,
                    Compression::Gzip => Compression::None,
                };
            }
            SettingsField::Ttl => {}
        }
    }

    fn plan(&mut self, request: RequestId) -> Option<Effect> {
        let ttl = match self.ttl.text().trim() {
            "" => None,
            text => match text.parse::<Ttl>() {
                Ok(ttl) => Some(ttl),
                Err(error) => {
                    self.step = ConfigureStep::Editing(Some(error.to_string()));
                    self.field = SettingsField::Ttl;
                    return None;
                }
            },
        };
        let (replays, compression) = (self.replays, self.compression);
        let archive = |mode| Wanted::Archived(WantedArchive { mode, ttl, replays, compression });
        let wanted = self.mode.map_or(Wanted::NotArchived, archive);
        self.step = ConfigureStep::Planning(request);
        Some(Effect::Configure(ConfigureEffect::Plan { request, stream: Box::new(self.stream.clone()), wanted }))
    }

    /// Takes the plan.
    pub fn planned(&mut self, Reply { request, result }: Reply<Result<Plan, Failure>>) {
        if self.step != ConfigureStep::Planning(request) {
            return;
        }
        self.step = match result {
            Ok(plan) if plan.calls.is_empty() => {
                ConfigureStep::Editing(Some("nothing to change: the stream is already configured like this".to_owned()))
            }
            Ok(plan) => ConfigureStep::Review(plan),
            Err(failure) => ConfigureStep::Editing(Some(failure.to_string())),
        };
    }

    /// Makes the calls that are shown.
    pub(super) fn make(&mut self, request: RequestId) -> Option<Effect> {
        let ConfigureStep::Review(plan) = &self.step else {
            return None;
        };
        let plan = plan.clone();
        let calls = plan.calls.clone();
        self.step = ConfigureStep::Making { request, plan, made: 0 };
        Some(Effect::Configure(ConfigureEffect::MakeCalls { request, calls }))
    }

    /// Takes the result of one call; true once all are made.
    pub fn call_made(&mut self, answered: RequestId, result: Result<(), Failure>) -> bool {
        let ConfigureStep::Making { request, plan, made } = &mut self.step else {
            return false;
        };
        if *request != answered {
            return false;
        }
        match result {
            Ok(()) => {
                *made += 1;
                let is_done = *made == plan.calls.len();
                if is_done {
                    self.step = ConfigureStep::Done(std::mem::take(plan));
                }
                is_done
            }
            Err(failure) => {
                self.step = ConfigureStep::Failed { made: *made, plan: std::mem::take(plan), failure };
                false
            }
        }
    }

    /// Goes one step back; false if that leaves the screen.
    pub(super) fn back(&mut self) -> bool {
        match &self.step {
            ConfigureStep::Review(_) | ConfigureStep::Planning(_) => {
                self.step = ConfigureStep::Editing(None);
                true
            }
            ConfigureStep::Editing(_) | ConfigureStep::Making { .. } | ConfigureStep::Done(_) | ConfigureStep::Failed { .. } => {
                false
            }
        }
    }
}
