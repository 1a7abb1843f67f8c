//! Work that stops at once on ctrl-c, or when the pipe that it prints to is closed.

use super::CommandError;
use crate::domain::failure::Failure;
use crate::terminal;
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinError;

/// How long stopped work may take to clean up. Work that is blocked on a full pipe never does.
const GRACE: Duration = Duration::from_millis(500);

/// How long work that was asked to stop may take to finish its current step.
const TIME_TO_STOP: Duration = Duration::from_secs(5);

/// Whether a closed standard output ends the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prints {
    /// Its whole result is printed, so it ends.
    Everything,
    /// It has another result, so it continues.
    OnlyASummary,
}

/// Runs the work, and drops it when it is stopped from outside; `stopped` is then the result.
pub(super) async fn interruptible(
    work: impl Future<Output = Result<(), CommandError>> + Send + 'static,
    prints: Prints,
    stopped: Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut task = tokio::spawn(work);
    let ended = tokio::select! {
        done = &mut task => {
            return done.unwrap_or_else(crashed);
        }
        signalled = signalled() => signalled.and(stopped),
        () = reader_gone(), if prints == Prints::Everything => Ok(()),
    };
    task.abort();
    match tokio::time::timeout(GRACE, task).await {
        // It finished at the last moment.
        Ok(Ok(done)) => done,
        Ok(Err(_)) | Err(_) => ended,
    }
}

/// Runs work that can be stopped only between two steps. When it is asked to stop, it returns its own result. If it does not stop in
/// time, it is dropped; `dropped` is then the result.
pub(super) async fn stoppable<W>(work: impl FnOnce(Stop) -> W, dropped: CommandError) -> Result<(), CommandError>
where
    W: Future<Output = Result<(), CommandError>> + Send + 'static,
{
    let (stop, told) = watch::channel(false);
    let mut task = tokio::spawn(work(Stop(told)));
    tokio::select! {
        done = &mut task => return done.unwrap_or_else(crashed),
        signalled = signalled() => signalled?,
    }
    stop.send_replace(true);
    match tokio::time::timeout(TIME_TO_STOP, &mut task).await {
        Ok(done) => done.unwrap_or_else(crashed),
        Err(_) => {
            task.abort();
            Err(dropped)
        }
    }
}

fn crashed(error: JoinError) -> Result<(), CommandError> {
    Err(Failure::refused("continue", error.to_string()).into())
}

/// Tells work to stop.
#[derive(Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Runs one step; `None` if a stop was requested before or meanwhile.
    pub(super) async fn unless_stopped<T>(&mut self, step: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            // If the sender is gone, the work continues.
            Ok(_) = self.0.wait_for(|stops| *stops) => None,
            done = step => Some(done),
        }
    }
}

/// Waits for ctrl-c or another signal that ends a command politely.
async fn signalled() -> Result<(), CommandError> {
    Signals::listen()?.next().await;
    Ok(())
}

/// The signals that end a command politely: ctrl-c, SIGTERM, and SIGHUP when the terminal or the connection to it is gone.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if the parent process had it ignored, as `nohup` does.
    hang_up: Option<Signal>,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, CommandError> {
        let listen = |kind| signal(kind).map_err(|source| CommandError::Io { operation: "listen for ctrl-c", source });
        let hang_up = if ignores(SignalKind::hangup()) { None } else { Some(listen(SignalKind::hangup())?) };
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())?, hang_up })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        let Self { interrupt, terminate, hang_up } = self;
        let hung_up = async {
            match hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hung_up => {}
        }
    }
}

/// Whether this process ignores a signal. Known on Linux. Source: proc_pid_status(5), SigIgn.
fn ignores(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    let bit = u32::try_from(kind.as_raw_value() - 1).unwrap_or(u32::MAX);
    1_u64.checked_shl(bit).is_some_and(|bit| ignored & bit != 0)
}

/// Waits until standard output has no reader any more. For a file, this never happens.
async fn reader_gone() {
    // Only watched, never written to, so its kind and whether it blocks do not matter.
    let watched = terminal::stdout_descriptor().and_then(Sender::from_owned_fd_unchecked);
    if let Ok(stdout) = watched
        && stdout.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
