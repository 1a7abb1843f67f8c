//! Browse, configure and replay Kinesis archives, in the terminal and on the command line.

pub mod app;
pub mod aws;
pub mod commands;
pub mod config;
mod delivery;
pub mod domain;
pub mod effects;
pub mod event_loop;
pub mod files;
#[cfg(feature = "local")]
pub mod local;
mod logging;
mod off_workers;
pub mod plans;
mod private;
pub mod recovery;
pub mod remembered;
pub mod replay;
pub mod sources;
pub mod spool;
mod terminal;
pub mod ui;
mod user_folders;

use std::process::ExitCode;
use std::time::Instant;

/// The whole program: reads the arguments, does what they ask for, and reports in one sentence why it failed.
#[must_use]
pub fn run() -> ExitCode {
    let started = Instant::now();
    terminal::tell_panics();
    let arguments = match commands::Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
            // The exit code reports the failure even if standard error is closed.
            return terminal::say_of_arguments(error).map_or(code, |()| code);
        }
    };
    logging::start(arguments.opens_screens(), arguments.tells_failures());
    // One more worker than needed, even on one processor: an idle worker notices signals.
    let workers = std::thread::available_parallelism().map_or(2, |processors| processors.get().max(2));
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return told(&format!("cannot start: {error}"), ExitCode::FAILURE);
        }
    };
    let result = runtime.block_on(async {
        outlive_file_limits();
        arguments.run(started).await
    });
    // A task that waits for an answer that is no longer needed must not keep the program alive.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.exit_code() {
            None => ExitCode::SUCCESS,
            Some(code) => told(&error.to_string(), ExitCode::from(code)),
        },
    }
}

/// Makes a write beyond `ulimit -f` fail instead of killing the program, which would leave temporary files behind.
fn outlive_file_limits() {
    /// SIGXFSZ. Source: signal(7), Linux on x86 and Arm; sys/signal.h, macOS.
    const FILE_SIZE_EXCEEDED: i32 = 25;
    // The listener stays for the life of the program, even when this value is dropped.
    if let Err(error) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_SIZE_EXCEEDED)) {
        tracing::debug!(%error, "cannot handle SIGXFSZ, so a limit on file sizes will end the program");
    }
}

/// Reports why the program ends with this code. The code still says so if standard error is closed.
fn told(sentence: &str, code: ExitCode) -> ExitCode {
    if terminal::say(&format!("explorer: {sentence}")).is_err() {
        tracing::debug!(sentence, "cannot write to standard error");
    }
    code
}
