//! Requests to a replay from outside: pause, cancel, or change the target or the options.

use super::error::PlanError;
use super::file::{LOOKING_TIME, PlanFile};
use super::{schema, summary};
use crate::domain::replay::ReplayOptions;
use crate::domain::replay::plan::{Control, PlanState};
use archiver::format::stream::StreamName;
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};
use std::time::{Duration, Instant};

/// How long a request is retried while the file changes hands.
const WISHING_TIME: Duration = Duration::from_secs(10);

impl PlanFile {
    /// Changes target and options; the target only before the first run.
    ///
    /// # Errors
    /// When the file cannot be written, another process works on it, or the replay can no longer run.
    pub fn choose(&self, target: &StreamName, target_arn: &str, options: &ReplayOptions) -> Result<(), PlanError> {
        let _hold = self.hold()?;
        let mut connection = self.open()?;
        let mut choose = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let plan = summary::read(&transaction, self.id.clone(), false)?;
            let is_other_target = plan.target != target.written() || plan.target_arn != target_arn;
            let refusal = match plan.refusal() {
                Some(refusal) => Some(refusal),
                None if is_other_target && !plan.runs.is_empty() => {
                    Some("it has already begun, so its target cannot change".to_owned())
                }
                None => None,
            };
            if let Some(refusal) = refusal {
                return Ok(Err(PlanError::Refused(refusal)));
            }
            write_options(&transaction, target, target_arn, options)?;
            transaction.commit()?;
            schema::release_log(&connection)?;
            Ok(Ok(()))
        };
        let chosen: rusqlite::Result<Result<(), PlanError>> = choose();
        chosen.map_err(|error| self.failed(&error))?
    }

    /// Sends a request to the process that runs the replay. If there is none, a cancelled replay is cancelled here. Returns the
    /// state that the replay was in.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn control(&self, control: Control) -> Result<PlanState, PlanError> {
        let deadline = Instant::now() + WISHING_TIME;
        loop {
            let state = self.summary()?.state;
            let is_done = match (state.is_at_work(), control) {
                (true, _) => self.leave_request(control)?,
                (false, Control::Cancel) if state.can_resume() || state == PlanState::Planned => match self.hold() {
                    Ok(_hold) => self.cancel_at_rest()?,
                    // A run is just starting and will read the request.
                    Err(PlanError::Busy(..)) if Instant::now() < deadline => false,
                    Err(error) => return Err(error),
                },
                (false, Control::Cancel | Control::Pause) => true,
            };
            if is_done {
                return Ok(state);
            }
            if Instant::now() >= deadline {
                return Err(self.busy());
            }
            std::thread::sleep(LOOKING_TIME / 20);
        }
    }

    /// Leaves a request for the process that works on the file; false if there is no longer one.
    fn leave_request(&self, control: Control) -> Result<bool, PlanError> {
        let connection = self.open()?;
        let sql = "UPDATE replay SET wish = ?1 WHERE state IN (?2, ?3)";
        let at_work = [PlanState::Planning.as_str(), PlanState::Running.as_str()];
        let left = connection.execute(sql, [control.as_str(), at_work[0], at_work[1]]);
        left.map(|rows| rows > 0).map_err(|error| self.failed(&error))
    }

    /// Cancels a replay that this process holds; false if it can no longer be cancelled.
    fn cancel_at_rest(&self) -> Result<bool, PlanError> {
        let mut connection = self.open()?;
        let mut cancel = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let state = summary::read(&transaction, self.id.clone(), false)?.state;
            if !state.can_resume() && state != PlanState::Planned {
                return Ok(false);
            }
            write_cancelled(&transaction)?;
            transaction.commit()?;
            schema::release_log(&connection)?;
            Ok(true)
        };
        let cancelled: rusqlite::Result<bool> = cancel();
        cancelled.map_err(|error| self.failed(&error))
    }
}

fn write_options(connection: &Connection, target: &StreamName, target_arn: &str, options: &ReplayOptions) -> rusqlite::Result<()> {
    let ReplayOptions { envelope, rate, timing, sequence } = options;
    connection.execute(
        "UPDATE replay SET log_needed = 0, target = ?1, target_arn = ?2, separator = ?3, rate = ?4, timing = ?5, sequence = ?6",
        params![
            target.written(),
            target_arn,
            envelope.as_ref().map(|separator| separator.as_str()),
            rate.to_string(),
            timing.to_string(),
            sequence.as_str()
        ],
    )?;
    schema::seal(connection)
}

/// Cancels a replay that no process works on.
pub(super) fn write_cancelled(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE replay SET state = ?1, wish = NULL, log_needed = 0", [PlanState::Cancelled.as_str()])?;
    Ok(())
}

/// The pending request for this replay, if any.
pub(super) fn requested(connection: &Connection) -> rusqlite::Result<Option<Control>> {
    let control: Option<Option<String>> =
        connection.query_row("SELECT wish FROM replay LIMIT 1", [], |row| row.get(0)).optional()?;
    Ok(control.flatten().and_then(|name| [Control::Pause, Control::Cancel].into_iter().find(|control| control.as_str() == name)))
}
