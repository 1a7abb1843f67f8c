//! The program's log: to standard error for commands, to a file while the screens own the terminal. `RUST_LOG` selects what this
//! program logs. Libraries log only warnings, because below that level they log requests with keys, payloads and credentials.

use crate::terminal::{Log, Stderr};
use crate::{private, user_folders};
use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Targets with these prefixes are this program's own.
const OWN: [&str; 2] = ["explorer", "archiver"];

/// Starts the log. If there is no file to write to, the program starts without a log.
/// `tells_failures` means that the result of the command reports failed batches.
pub(crate) fn start(to_file: bool, tells_failures: bool) {
    let default = match (to_file, tells_failures) {
        (true, _) => "info,aws=warn,hyper=warn,dynoxide=warn,ferrokinesis=warn",
        (false, true) => "error,archiver::function::handler=off",
        (false, false) => "error",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    if to_file {
        if let Some(file) = open_file() {
            log(filter, Mutex::new(file)).init();
        }
    } else {
        log(filter, Stderr).init();
    }
}

fn log<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w, Writer: Write> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Log(writer));
    let harmless = tracing_subscriber::filter::filter_fn(is_harmless);
    tracing_subscriber::registry().with(lines.with_filter(harmless).with_filter(filter))
}

fn is_harmless(metadata: &Metadata<'_>) -> bool {
    let is_own = OWN.iter().any(|own| {
        let below = metadata.target().strip_prefix(own);
        below.is_some_and(|below| below.is_empty() || below.starts_with("::"))
    });
    is_own || *metadata.level() <= Level::WARN
}

/// `kinesis-explorer/explorer.log` in the user's state folder, readable only by the user and new with each start.
fn open_file() -> Option<File> {
    let folder = user_folders::state()?;
    private::own_folder(&folder).ok()?;
    private::replace(&folder.join("explorer.log"), b"").ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whatever_is_asked_for_libraries_log_no_more_than_warnings() {
        for asked in ["trace", "aws_smithy_runtime=trace,aws_sigv4=trace,hyper=debug,explorer=trace", "trace,hyper=trace"] {
            let written = Written::default();
            let writer = written.clone();
            tracing::subscriber::with_default(log(EnvFilter::new(asked), move || writer.clone()), || {
                let _span = tracing::trace_span!(target: "aws_sigv4", "sign", key = "AKIDSECRET").entered();
                tracing::trace!(target: "aws_sigv4::http_request", "AKIDSECRET");
                tracing::info!(target: "hyper", payload = "SECRET");
                tracing::debug!(target: "explorers_friend", "SECRET");
                tracing::warn!(target: "aws_config", "a warning");
                tracing::trace!(target: "explorer::delivery", "own");
            });
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert!(!text.contains("SECRET") && text.contains("own"), "{asked}: {text}");
        }
    }
}
