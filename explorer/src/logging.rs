//! The program's log: to standard error for commands, to a file while screens own the terminal. `RUST_LOG` chooses what is logged.

use std::fs::File;
use std::sync::Mutex;
use tracing_subscriber::EnvFilter;

/// Starts the log. Without a file to write to there is none, which is no reason not to start.
/// `tells_failures` means that what fails of batches is told as a result.
pub(crate) fn start(to_file: bool, tells_failures: bool) {
    let default = match (to_file, tells_failures) {
        (true, _) => "info,aws=warn,hyper=warn,dynoxide=warn,ferrokinesis=warn",
        (false, true) => "error,archiver::handler=off",
        (false, false) => "error",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    if to_file {
        if let Some(file) = open_file() {
            builder.with_writer(Mutex::new(file)).init();
        }
    } else {
        builder.with_writer(std::io::stderr).init();
    }
}

/// `kinesis-explorer/explorer.log` in the user's state folder, begun anew with each start.
fn open_file() -> Option<File> {
    let folder = crate::memory::state_folder()?;
    std::fs::create_dir_all(&folder).ok()?;
    File::create(folder.join("explorer.log")).ok()
}
