//! The commands that read records of an archive or a file. Ctrl-c stops them at once.

use super::interrupt::{Prints, interruptible};
use super::selection::RecordSource;
use super::{CommandError, Output, export, get, records};

/// What to do with the records.
#[derive(Clone, Debug)]
pub(super) enum ReadCommand {
    /// Print them.
    Records(records::RecordsRequest),
    /// Print one of them.
    Get(get::GetRequest),
    /// Write them to a file.
    Export(export::ExportRequest),
}

impl ReadCommand {
    /// Runs it.
    ///
    /// # Errors
    /// A sentence for the user, also if it was stopped before everything was read.
    pub(super) async fn run(self, source: RecordSource, output: Output) -> Result<(), CommandError> {
        let partial = Err(CommandError::Stopped("stopped; the printed results are incomplete"));
        let nothing = Err(CommandError::Stopped("stopped before everything was read; nothing was printed"));
        match self {
            Self::Records(request) => {
                let stopped = if request.prints_at_once() { partial } else { nothing };
                interruptible(records::run(source, request, output), Prints::Everything, stopped).await
            }
            Self::Get(request) => interruptible(get::run(source, request, output), Prints::Everything, nothing).await,
            Self::Export(request) => {
                let (prints, stopped) = match &request.to {
                    export::Destination::StandardOutput => (Prints::Everything, partial),
                    export::Destination::File { .. } => {
                        (Prints::OnlyASummary, Err(CommandError::Stopped("stopped; the incomplete export was deleted")))
                    }
                };
                interruptible(export::run(source, request, output), prints, stopped).await
            }
        }
    }
}
