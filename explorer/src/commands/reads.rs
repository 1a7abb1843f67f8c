//! The commands that read records of an archive or a file, which are ended at once when they are to end.

use super::interrupt::{Prints, interruptible};
use super::selection::RecordSource;
use super::{CommandError, Output, export, get, records};

/// What is done with the records.
#[derive(Clone, Debug)]
pub(super) enum ReadCommand {
    /// They are printed.
    Records(records::RecordsRequest),
    /// One of them is printed.
    Get(get::GetRequest),
    /// They are written to a file.
    Export(export::ExportRequest),
}

impl ReadCommand {
    /// Does it.
    ///
    /// # Errors
    /// A sentence for the user, also where it was ended before all was read.
    pub(super) async fn run(self, source: RecordSource, output: Output) -> Result<(), CommandError> {
        let partial = Err(CommandError::Stopped("stopped; what was printed is not all"));
        let nothing = Err(CommandError::Stopped("stopped before all was read; nothing was printed"));
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
                        (Prints::OnlyASummary, Err(CommandError::Stopped("stopped; nothing is left of the export")))
                    }
                };
                interruptible(export::run(source, request, output), prints, stopped).await
            }
        }
    }
}
