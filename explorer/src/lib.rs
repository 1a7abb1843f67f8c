//! Browse, configure and replay Kinesis archives, in the terminal and on the command line.

pub mod app;
pub mod aws;
pub mod commands;
pub mod domain;
pub mod effects;
pub mod event_loop;
pub mod failures;
pub mod files;
mod ledger;
#[cfg(feature = "local")]
pub mod local;
mod logging;
pub mod memory;
pub mod plans;
mod private;
pub mod recovery;
pub mod replay;
pub mod shelf;
pub mod sources;
pub mod ui;

use clap::Parser as _;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Instant;

/// The whole program: reads the arguments, does what they ask for, and says in one sentence why it could not.
#[must_use]
pub fn run() -> ExitCode {
    let started = Instant::now();
    let arguments = commands::Arguments::parse();
    logging::start(arguments.opens_screens(), arguments.tells_failures());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("explorer: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        outlive_file_limits();
        arguments.run(started).await
    });
    // A task that waits for an answer nobody needs any more must not keep the program.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.exit_code() {
            None => ExitCode::SUCCESS,
            Some(code) => {
                // Where nobody listens the exit code still tells; the macro for this would panic.
                if writeln!(std::io::stderr(), "explorer: {error}").is_err() {
                    tracing::debug!(%error, "could not be said");
                }
                ExitCode::from(code)
            }
        },
    }
}

/// A file that may not grow any more (`ulimit -f`) fails to be written, instead of ending the program, which would leave things behind.
fn outlive_file_limits() {
    /// SIGXFSZ. Source: signal(7), Linux on x86 and Arm; sys/signal.h, macOS.
    const FILE_SIZE_EXCEEDED: i32 = 25;
    // It is listened for as long as the program lives, whatever becomes of this.
    if let Err(error) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(FILE_SIZE_EXCEEDED)) {
        tracing::debug!(%error, "a limit on the size of files will end the program");
    }
}
