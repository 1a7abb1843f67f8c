//! The commands that read records: understood before anything is connected to, and ended at once when they are to end.

use super::interrupt::{Prints, interruptible};
use super::selection::{Chosen, Origin};
use super::{Command, CommandError, Output, export, get, records, tail};
use crate::aws::connect::Connection;
use crate::domain::failure::Failure;

/// A command that reads records.
#[derive(Clone, Debug)]
pub(super) enum Reads {
    Records { chosen: Chosen, unordered: bool },
    Get(get::Wanted),
    Tail(Box<tail::Wanted>),
    Export(export::Wanted),
}

impl Reads {
    /// What a command asks for, where it is one of these.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn of(command: &Command) -> Result<Option<Self>, CommandError> {
        Ok(Some(match command {
            Command::Records { selection, unordered } => Self::Records { chosen: selection.understood()?, unordered: *unordered },
            Command::Get(request) => Self::Get(request.understood()?),
            Command::Tail(request) => Self::Tail(Box::new(request.understood()?)),
            Command::Export(request) => Self::Export(request.understood()?),
            Command::Streams { .. }
            | Command::Configure { .. }
            | Command::Recover(_)
            | Command::Replay(_)
            | Command::Local { .. }
            | Command::Keys => {
                return Ok(None);
            }
        }))
    }

    /// Whether it reads something else than a file.
    pub(super) fn needs_aws(&self) -> bool {
        match self {
            Self::Records { chosen, .. } => !matches!(chosen.origin, Origin::File(_)),
            Self::Get(wanted) => !matches!(wanted.chosen.origin, Origin::File(_)),
            Self::Tail(_) => true,
            Self::Export(wanted) => !matches!(wanted.chosen.origin, Origin::File(_)),
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// A sentence for the user, also where it was ended before all was read.
    pub(super) async fn run(self, connection: Option<Connection>, output: Output) -> Result<(), CommandError> {
        let partial = Err(CommandError::Stopped("stopped; what was printed is not all"));
        let nothing = Err(CommandError::Stopped("stopped before all was read; nothing was printed"));
        match self {
            Self::Records { chosen, unordered } => {
                let stopped = if unordered || chosen.filter.key().is_some() { partial } else { nothing };
                interruptible(records::run(connection, chosen, unordered, output), Prints::Everything, stopped).await
            }
            Self::Get(wanted) => interruptible(get::run(connection, wanted, output), Prints::Everything, nothing).await,
            Self::Tail(wanted) => {
                let connection = connection.ok_or_else(|| Failure::refused("follow a stream", "there is no connection to AWS"))?;
                // There is no other end than this.
                interruptible(tail::run(connection, *wanted, output), Prints::Everything, Ok(())).await
            }
            Self::Export(wanted) => {
                let (prints, stopped) = match &wanted.to {
                    export::To::StandardOutput => (Prints::Everything, partial),
                    export::To::File { .. } => {
                        (Prints::OnlyASummary, Err(CommandError::Stopped("stopped; nothing is left of the export")))
                    }
                };
                interruptible(export::run(connection, wanted, output), prints, stopped).await
            }
        }
    }
}
