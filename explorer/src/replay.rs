//! Replays: creating a plan, summing it up, and running it. Here calls, files and rules meet. The screen and the command line both
//! come through here.

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

/// Turns an error of a file into a failure that people can read.
fn of_file(operation: impl Into<String>, error: &PlanError) -> Failure {
    Failure::refused(operation, error.to_string())
}

/// Runs work that takes the disk a while.
pub(crate) async fn on_disk<T: Send + 'static>(
    operation: &str,
    work: impl FnOnce() -> Result<T, PlanError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(|error| of_file(operation, &error)),
        Err(error) => Err(Failure::refused(operation, error.to_string())),
    }
}

/// How long a run continues while the target takes nothing, unless an option says otherwise.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10 * 60);
