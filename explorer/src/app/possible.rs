//! Whether a command is possible now, for pressed keys and for the bottom line.

use super::command::{
    Command, DescriptionCommand, FormCommand, GlobalCommand, RecordsCommand, ReplaysCommand, StreamsCommand, TypingCommand,
};
use super::keymap::{BINDINGS, Binding, Context, Key};
use super::model::{Model, Notice, Screen};
use crate::domain::stream::overview::StreamOverview;

/// Why a command is not possible now: what to tell the user, if anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(pub Option<Notice>);

/// A key that is possible now.
#[derive(Clone, Copy, Debug)]
pub struct PossibleKey {
    /// The key.
    pub key: Key,
    /// A word or two about it.
    pub label: &'static str,
    /// Whether it goes back, quits or opens the help, and so is always shown.
    pub is_exit: bool,
}

impl From<String> for Refusal {
    fn from(sentence: String) -> Self {
        Self(Some(Notice::Error(sentence)))
    }
}

/// The command means nothing here, and needs no explanation.
const MEANS_NOTHING: Refusal = Refusal(None);

impl Model {
    /// Whether a command is possible now.
    ///
    /// # Errors
    /// Why it is not.
    pub fn check(&self, command: Command) -> Result<(), Refusal> {
        if self.overlay.is_some() {
            return match command {
                Command::Confirm | Command::Copy(_) | Command::Global(GlobalCommand::Back | GlobalCommand::Suspend) => Ok(()),
                // Any other key only closes what covers the screen.
                Command::Move(_)
                | Command::Global(_)
                | Command::Streams(_)
                | Command::Description(_)
                | Command::Records(_)
                | Command::Payload(_)
                | Command::Form(_)
                | Command::Typing(_)
                | Command::Replays(_) => Err(MEANS_NOTHING),
            };
        }
        match command {
            Command::Move(_) | Command::Copy(_) => Ok(()),
            Command::Global(command) => self.check_global(command),
            Command::Streams(command) => self.check_streams(command),
            Command::Description(command) => self.check_description(command),
            Command::Records(command) => self.check_records(command),
            Command::Payload(command) => {
                if let Some(Screen::Records(records)) = self.screens.last() {
                    records.check_payload(command)?;
                }
                Ok(())
            }
            Command::Form(command) => self.check_form(command),
            Command::Typing(command) => self.check_typing(command),
            Command::Confirm => Ok(self.check_changes()?),
            Command::Replays(command) => self.check_replays(command),
        }
    }

    /// The keys that are possible now, by context, nearest first.
    #[must_use]
    pub fn possible_keys(&self) -> Vec<PossibleKey> {
        let contexts = self.contexts();
        // Keys that are not typed into a line.
        let key_of = |binding: &Binding| binding.keys.iter().copied().find(|key| !self.types(key.event()));
        // A nearer meaning hides a key's meaning further away.
        let is_shadowed = |binding: &Binding, key: Key| {
            let nearer = contexts.iter().take_while(|context| **context != binding.context);
            let mut others = nearer.flat_map(|context| BINDINGS.iter().filter(move |other| other.context == *context));
            others.any(|other| other.keys.contains(&key))
        };
        let possible = |binding: &Binding| {
            let key = key_of(binding)?;
            let is_shown = !binding.label.is_empty() && !is_shadowed(binding, key) && self.check(binding.command).is_ok();
            let label = if binding.command == Command::Global(GlobalCommand::Quit) && self.closes_first() {
                "close"
            } else {
                binding.label
            };
            let is_exit =
                matches!(binding.command, Command::Global(GlobalCommand::Back | GlobalCommand::Help | GlobalCommand::Quit));
            is_shown.then_some(PossibleKey { key, label, is_exit })
        };
        let of_context = |context: &Context| {
            let context = *context;
            BINDINGS.iter().filter(move |binding| binding.context == context)
        };
        contexts.iter().flat_map(of_context).filter_map(possible).collect()
    }

    /// Whether changes are allowed. Plans are allowed in any case.
    fn check_changes(&self) -> Result<(), String> {
        if self.session.read_only {
            return Err("read-only, by --read-only or the configuration: nothing can be changed".to_owned());
        }
        Ok(())
    }

    fn check_global(&self, command: GlobalCommand) -> Result<(), Refusal> {
        match (command, self.screens.last()) {
            (GlobalCommand::Refresh, Some(Screen::Records(records))) => Ok(records.check_refresh()?),
            (GlobalCommand::Refresh, Some(Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::ReplayReview(_)))
            | (GlobalCommand::Replays, Some(Screen::Replays(_))) => Err(MEANS_NOTHING),
            (GlobalCommand::Back, None) if !self.streams.is_narrowed() && !self.shows_hints() => {
                Err(Refusal(Some(Notice::Info("this is the first screen; q quits".to_owned()))))
            }
            (
                GlobalCommand::Back
                | GlobalCommand::Help
                | GlobalCommand::Quit
                | GlobalCommand::Redraw
                | GlobalCommand::Refresh
                | GlobalCommand::Replays
                | GlobalCommand::Suspend
                | GlobalCommand::Times,
                _,
            ) => Ok(()),
        }
    }

    fn check_streams(&self, command: StreamsCommand) -> Result<(), Refusal> {
        if command == StreamsCommand::Configure {
            self.check_changes()?;
        }
        Ok(self.streams.check(command)?)
    }

    fn check_description(&self, command: DescriptionCommand) -> Result<(), Refusal> {
        let Some(Screen::Description(screen)) = self.screens.last() else {
            return Ok(());
        };
        match command {
            DescriptionCommand::Configure => {
                self.check_changes()?;
                Ok(screen.check_configuring()?)
            }
            DescriptionCommand::Open => Ok(screen.check_opening()?),
        }
    }

    fn check_records(&self, command: RecordsCommand) -> Result<(), Refusal> {
        let Some(Screen::Records(records)) = self.screens.last() else {
            return Ok(());
        };
        if matches!(command, RecordsCommand::Follow | RecordsCommand::FollowStream) {
            let stream = records.origin.stream().and_then(|stream| self.streams.overview(stream));
            stream.map_or(Ok(()), StreamOverview::check_stream)?;
        }
        Ok(records.check(command)?)
    }

    fn check_form(&self, command: FormCommand) -> Result<(), Refusal> {
        match command {
            // The name is the only field there.
            FormCommand::NextField | FormCommand::PreviousField if matches!(self.screens.last(), Some(Screen::ReplayReview(_))) => {
                Err(MEANS_NOTHING)
            }
            FormCommand::Change
            | FormCommand::ChangeBack
            | FormCommand::Clear
            | FormCommand::Continue
            | FormCommand::NextField
            | FormCommand::PreviousField => Ok(()),
        }
    }

    fn check_typing(&self, command: TypingCommand) -> Result<(), Refusal> {
        match (command, self.screens.last()) {
            (TypingCommand::Complete, Some(Screen::Records(records))) => Ok(records.check_completing()?),
            (TypingCommand::Apply | TypingCommand::Complete | TypingCommand::NewerLine | TypingCommand::OlderLine, _) => Ok(()),
        }
    }

    fn check_replays(&self, command: ReplaysCommand) -> Result<(), Refusal> {
        match command {
            ReplaysCommand::Pause | ReplaysCommand::Cancel | ReplaysCommand::Remove => self.check_changes()?,
            ReplaysCommand::Open | ReplaysCommand::Receipts => {}
        }
        if let Some(Screen::Replays(screen)) = self.screens.last() {
            screen.check(command, &self.replays)?;
        }
        Ok(())
    }
}
