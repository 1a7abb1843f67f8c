//! The configure screen: the archive's settings, then the calls that would be made, then the calls being made.

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
    /// The stream as it is.
    pub stream: StreamOverview,
    /// The mode chosen.
    pub mode: Option<ArchiveMode>,
    /// The TTL typed; empty is for ever.
    pub ttl: Line,
    /// What is chosen for replays into the stream itself.
    pub replays: Replays,
    /// How payloads are to be stored.
    pub compression: Compression,
    /// The field that keys go to.
    pub field: Field,
    /// How far it is.
    pub step: ConfigureStep,
}

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Which records are kept.
    Mode,
    /// How long.
    Ttl,
    /// What becomes of replays into the stream itself.
    Replays,
    /// How payloads are stored.
    Compression,
}

const FIELDS: [Field; 4] = [Field::Mode, Field::Ttl, Field::Replays, Field::Compression];

/// How far the configuration is.
#[derive(Debug, PartialEq)]
pub enum ConfigureStep {
    /// The form is filled in; a sentence where something in it is wrong.
    Editing(Option<String>),
    /// What is there is being looked at.
    Planning(RequestId),
    /// The calls are shown.
    Review(Plan),
    /// The calls are being made; so many are done.
    Making {
        /// Whose answers are awaited.
        request: RequestId,
        /// The calls.
        plan: Plan,
        /// How many are done.
        made: usize,
    },
    /// All calls are made.
    Done(Plan),
    /// A call failed after so many were made.
    Failed {
        /// The calls.
        plan: Plan,
        /// How many were made.
        made: usize,
        /// Why the next one failed.
        failure: Failure,
    },
}

impl Configure {
    /// The form, filled in as the stream is; ALL where it is not archived yet.
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
            field: Field::Mode,
            step: ConfigureStep::Editing(None),
        }
    }

    /// Where its keys are looked up.
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

    /// Whether keys go into the TTL.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.field == Field::Ttl && matches!(self.step, ConfigureStep::Editing(_))
    }

    /// Takes a command on the form.
    pub(super) fn command(&mut self, command: FormCommand, request: RequestId) -> Option<Effect> {
        match command {
            FormCommand::NextField => self.move_field(1),
            FormCommand::PreviousField => self.move_field(FIELDS.len() - 1),
            FormCommand::Change => self.change(true),
            FormCommand::ChangeBack => self.change(false),
            FormCommand::Continue => return self.plan(request),
            // The line is emptied where it is typed.
            FormCommand::Clear => {}
        }
        None
    }

    /// Moves from field to field.
    pub(super) fn go(&mut self, to: Move) {
        match to {
            Move::Up => self.move_field(FIELDS.len() - 1),
            Move::Down => self.move_field(1),
            Move::PageUp | Move::PageDown | Move::First | Move::Last => {}
        }
    }

    fn move_field(&mut self, by: usize) {
        let place = FIELDS.iter().position(|field| *field == self.field).unwrap_or(0);
        self.field = FIELDS[(place + by) % FIELDS.len()];
    }

    fn change(&mut self, forward: bool) {
        match self.field {
            Field::Mode => {
                self.mode = match (self.mode, forward) {
                    (Some(ArchiveMode::All), true) | (None, false) => Some(ArchiveMode::Latest),
                    (Some(ArchiveMode::Latest), true) | (Some(ArchiveMode::All), false) => None,
                    (None, true) | (Some(ArchiveMode::Latest), false) => Some(ArchiveMode::All),
                };
            }
            Field::Replays => {
                self.replays = match self.replays {
                    Replays::Keep => Replays::Skip,
                    Replays::Skip => Replays::Keep,
                };
            }
            Field::Compression => {
                self.compression = match self.compression {
                    Compression::None => Compression::Gzip,
                    Compression::Gzip => Compression::None,
                };
            }
            Field::Ttl => {}
        }
    }

    fn plan(&mut self, request: RequestId) -> Option<Effect> {
        let ttl = match self.ttl.text().trim() {
            "" => None,
            text => match text.parse::<Ttl>() {
                Ok(ttl) => Some(ttl),
                Err(error) => {
                    self.step = ConfigureStep::Editing(Some(error.to_string()));
                    self.field = Field::Ttl;
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

    /// Takes what one call came to; true when all are made.
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

    /// Goes one step back; false where that leaves the screen.
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
