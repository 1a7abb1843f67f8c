//! Replays at work: a plan is made by reading, shown with what it comes to, and run. Here calls, files and rules meet; whoever
//! orders a replay, on the screen or on the command line, comes through here.

mod planner;
mod preflight;
mod runner;
mod send;
mod worker;

pub use planner::{Planned, plan, plan_from};
pub use preflight::preflight;
pub use runner::{BATCHES_IN_FLIGHT, check, run};

use crate::domain::failure::Failure;
use crate::plans::PlanError;

/// A file's error as what failed, for people.
fn of_file(operation: impl Into<String>, error: &PlanError) -> Failure {
    Failure::refused(operation, error.to_string())
}

/// Does what takes the disk a while.
pub(crate) async fn on_disk<T: Send + 'static>(
    operation: &str,
    work: impl FnOnce() -> Result<T, PlanError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| of_file(operation, &error)),
        Err(error) => Err(Failure::refused(operation, error.to_string())),
    }
}

/// How long a run goes on although the target takes nothing, unless it is told otherwise.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10 * 60);
