//! `explorer replay run` and `explorer replay resume`.

use super::passed_over::{LISTED, PassedOverJson};
use super::plan::{make, tell_preflight};
use super::progress_line::{SHOW_INTERVAL, clear_line, show_line};
use super::{OptionArguments, PlanRequest, RunningArguments, of_file};
use crate::aws::connect::Connection;
use crate::commands::interrupt::Signals;
use crate::commands::selection::NamedSource;
use crate::commands::{CommandError, Output, local_times, output};
use crate::domain::failure::Failure;
use crate::domain::replay::pace::Rate;
use crate::domain::replay::plan::{Control, PassedOver, PlanId, PlanState, PlanSummary};
use crate::domain::replay::preflight::Preflight;
use crate::domain::replay::progress::{Progress, RunOutcome, Wait};
use crate::domain::replay::timing::{Timing, long_span};
use crate::domain::replay::{ReplayOptions, preflight::MANY_RECORDS};
use crate::domain::text::{count, counted, size};
use crate::domain::time::span;
use crate::files::is_standard_input;
use crate::plans::{PlanFile, Plans};
use crate::replay;
use crate::terminal;
use archiver::format::stream::StreamName;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::time::Duration;
use tokio::sync::watch;

/// Pauses between two arrivals from this length on are reported if there is no progress line.
const LONG_WAIT: Duration = Duration::from_secs(60);

/// How a run ended, as JSON.
#[derive(Debug, Serialize)]
struct RanJson {
    id: String,
    stream: Option<String>,
    source: String,
    target: String,
    /// `finished`, `paused`, `cancelled` or `failed`.
    state: &'static str,
    /// Records of the plan, including those that cannot be restored.
    total: u64,
    /// Records that the target has acknowledged, over all runs.
    sent: u64,
    /// Records skipped for good; `passed_over` lists them.
    failed: u64,
    /// Records still to be sent.
    left: u64,
    /// Puts of single records in this run that were throttled, and that failed for another reason.
    throttled_puts: u64,
    repeated_puts: u64,
    /// Records that may be in the target twice, over all runs.
    maybe_repeated: u64,
    expired_left_out: u64,
    payload_bytes: u64,
    /// Of this run.
    seconds: f64,
    records_per_second: f64,
    warnings: Vec<String>,
    passed_over: Vec<PassedOverJson>,
}

/// Plans a replay and runs it once that is confirmed.
pub(super) async fn plan_and_run(
    connection: &Connection,
    plans: &Plans,
    request: PlanRequest,
    running: RunningArguments,
    output: Output,
) -> Result<(), CommandError> {
    if let NamedSource::File(path) = &request.source
        && !running.yes
        && is_standard_input(path)
    {
        let sentence = "the records come from standard input, so you cannot confirm there; add --yes, or make a plan first";
        return Err(CommandError::Usage(sentence.to_owned()));
    }
    let (file, preflight) = make(connection, plans, request, output).await?;
    if let Some(refusal) = preflight.refusal() {
        tell_preflight(&preflight)?;
        // The plan was made only for this run.
        file.remove().map_err(of_file)?;
        return Err(Failure::refused("run the replay", refusal).into());
    }
    confirm_and_run(connection, &file, &preflight, running, output).await
}

/// Runs a plan that has not started.
pub(super) async fn run(
    connection: &Connection,
    plans: &Plans,
    id: &PlanId,
    options: &OptionArguments,
    running: RunningArguments,
    output: Output,
) -> Result<(), CommandError> {
    let file = plans.find(id).map_err(of_file)?;
    let plan = file.summary().map_err(of_file)?;
    if plan.state.can_resume() {
        let (id, state) = (&plan.id, plan.state.as_str());
        return Err(CommandError::Usage(format!(
            "replay {id} has already started and is {state}; resume it with: explorer replay resume {id}"
        )));
    }
    replay::check(&plan)?;
    choose(&file, &plan, options.over(plan.options.clone()))?;
    let preflight = replay::preflight(connection, plans, &file).await?;
    confirm_and_run(connection, &file, &preflight, running, output).await
}

/// Resumes a replay that has started.
pub(super) async fn resume(
    connection: &Connection,
    plans: &Plans,
    id: &PlanId,
    (rate, timing): (Option<Rate>, Option<Timing>),
    running: RunningArguments,
    output: Output,
) -> Result<(), CommandError> {
    let file = plans.find(id).map_err(of_file)?;
    let plan = file.summary().map_err(of_file)?;
    if plan.state == PlanState::Planned {
        let id = &plan.id;
        return Err(CommandError::Usage(format!("replay {id} has not started; start it with: explorer replay run {id}")));
    }
    replay::check(&plan)?;
    let options = ReplayOptions {
        rate: rate.unwrap_or(plan.options.rate),
        timing: timing.unwrap_or(plan.options.timing),
        ..plan.options.clone()
    };
    choose(&file, &plan, options)?;
    let preflight = replay::preflight(connection, plans, &file).await?;
    let left = counted(preflight.plan.left(), "record is", "records are");
    output::tell(&format!("Replay {} into stream {}: {left} left", plan.id, plan.target))?;
    preflight.warnings.iter().try_for_each(|warning| output::tell(&format!("Warning: {warning}")))?;
    output::confirm("Resume?", running.yes)?;
    run_visibly(connection, &file, &preflight, running, output).await
}

fn choose(file: &PlanFile, plan: &PlanSummary, options: ReplayOptions) -> Result<(), CommandError> {
    if options == plan.options {
        return Ok(());
    }
    let target = plan.target.parse::<StreamName>().map_err(|error| Failure::refused("run a replay", error.to_string()))?;
    file.choose(&target, &plan.target_arn, &options).map_err(of_file)
}

async fn confirm_and_run(
    connection: &Connection,
    file: &PlanFile,
    preflight: &Preflight,
    running: RunningArguments,
    output: Output,
) -> Result<(), CommandError> {
    tell_preflight(preflight)?;
    let target = &preflight.plan.target;
    let confirmed = match preflight.needs_name {
        true => {
            let why = format!(
                "This replay goes into its own source, takes everything, or has more than {} records. Type the target's name to start",
                count(MANY_RECORDS)
            );
            output::confirm_name(&why, target, running.yes)
        }
        false => output::confirm("Start?", running.yes),
    };
    if let Err(error) = confirmed {
        output::tell(&format!("The plan is kept; run it with: explorer replay run {}", preflight.plan.id))?;
        return Err(error);
    }
    run_visibly(connection, file, preflight, running, output).await
}

/// Runs the replay with its progress on a terminal's standard error. Ctrl-c or another polite signal pauses it and waits for the calls in
/// flight; a second one does not wait.
async fn run_visibly(
    connection: &Connection,
    file: &PlanFile,
    preflight: &Preflight,
    running: RunningArguments,
    output: Output,
) -> Result<(), CommandError> {
    let (updates, mut told) = watch::channel(Progress::default());
    let (control, asked) = watch::channel(None);
    let show = async move {
        let is_terminal = terminal::stderr_is_terminal();
        let mut told_of = None;
        while told.changed().await.is_ok() {
            let progress = told.borrow_and_update().clone();
            if is_terminal {
                show_line(&progress_line(&progress));
            } else {
                tell_long_wait(&progress, &mut told_of);
            }
            tokio::time::sleep(SHOW_INTERVAL).await;
        }
        if is_terminal {
            clear_line();
        }
    };
    let mut signals = Signals::listen()?;
    let plan = preflight.plan.clone();
    let work = async { tokio::join!(replay::run(connection, file, plan, running.patience, updates, asked), show) };
    tokio::pin!(work);
    let mut is_stopped = false;
    let outcome = loop {
        tokio::select! {
            (outcome, ()) = &mut work => break outcome?,
            () = signals.next() => {}
        }
        if is_stopped {
            let sentence = "stopped without waiting; explorer replay resume continues it";
            return Err(CommandError::Stopped(sentence));
        }
        is_stopped = true;
        control.send_replace(Some(Control::Pause));
        // The terminal itself may be gone.
        let said = output::tell("")
            .and_then(|()| output::tell("pausing: waiting for the calls in flight; press ctrl-c again to stop at once"));
        if said.is_err() {
            tracing::debug!("standard error is closed: nobody sees that the replay is being paused");
        }
    };
    report(file, preflight, outcome, is_stopped, output)
}

/// Which record the replay waits for, and until when.
fn waiting(wait: Wait) -> String {
    let times = local_times();
    let arrived = Timestamp::from_millisecond(wait.arrived).map_or_else(|_| wait.arrived.to_string(), |at| times.long(at));
    let until = SignedDuration::try_from(wait.takes).ok().and_then(|takes| times.now.checked_add(takes).ok());
    let until = until.map_or_else(|| "for ever".to_owned(), |at| format!("until {}", times.long(at)));
    format!("waiting {until} ({}) for the record that arrived {arrived}", long_span(wait.takes))
}

/// Reports each long pause between two arrivals once, if there is no progress line.
fn tell_long_wait(progress: &Progress, told: &mut Option<i64>) {
    let is_new = |wait: &Wait| wait.takes >= LONG_WAIT && *told != Some(wait.arrived);
    if let Some(wait) = progress.waits_for.filter(is_new) {
        *told = Some(wait.arrived);
        if output::tell(&waiting(wait)).is_err() {
            tracing::debug!("standard error is closed: nobody sees what the replay waits for");
        }
    }
}

fn progress_line(progress: &Progress) -> String {
    let number = |number: f64| {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, in whole records")]
        let whole = number.max(0.0).round() as u64;
        count(whole)
    };
    let rate: f64 = progress.lanes.iter().map(|lane| lane.rate).sum();
    let left = progress.time_left().map(|left| format!(", left {}", span(left.as_secs()))).unwrap_or_default();
    let times = local_times();
    let reached = progress.reached.and_then(|at| Timestamp::from_millisecond(at).ok());
    let reached = reached.map(|at| format!(", reached {}", times.short(at))).unwrap_or_default();
    let throttled = progress.lanes.iter().filter(|lane| !lane.status.paused_for.is_zero()).count() as u64;
    let throttled = if throttled > 0 { format!(", {} throttled", counted(throttled, "shard", "shards")) } else { String::new() };
    let pause = progress.waits_for.map(|wait| format!(", {}", waiting(wait))).unwrap_or_default();
    let trouble = progress.trouble.as_ref().map(|trouble| format!(", retrying: {trouble}")).unwrap_or_default();
    format!(
        "sent {} of {}, {:.0} %, {}/s{left}{reached}{throttled}{pause}{trouble}",
        count(progress.acknowledged),
        count(progress.total),
        (progress.ratio() * 100.0).floor(),
        number(rate)
    )
}

fn report(
    file: &PlanFile,
    preflight: &Preflight,
    outcome: RunOutcome,
    is_stopped: bool,
    output: Output,
) -> Result<(), CommandError> {
    let RunOutcome { state, failure, progress } = outcome;
    let plan = &preflight.plan;
    let passed_over = file.passed_over(LISTED).map_err(of_file)?;
    let failed = progress.passed_over + plan.counts.damaged;
    match output {
        Output::Json => output::print_json(&RanJson {
            id: plan.id.to_string(),
            stream: plan.stream.clone(),
            source: plan.source.clone(),
            target: plan.target.clone(),
            state: state.as_str(),
            total: progress.total + plan.counts.damaged,
            sent: progress.acknowledged,
            failed,
            left: progress.left(),
            throttled_puts: progress.throttled_puts,
            repeated_puts: progress.failed_puts,
            maybe_repeated: progress.maybe_repeated,
            expired_left_out: plan.counts.expired_left_out,
            payload_bytes: progress.bytes,
            seconds: progress.running.as_secs_f64(),
            records_per_second: progress.rate(),
            warnings: preflight.warnings.clone(),
            passed_over: passed_over.into_iter().map(Into::into).collect(),
        })?,
        Output::Table => {
            output::print(&format!(
                "{}: {} of {} records sent to {}, {} in {:.1} s; {} skipped, {} expired and left out",
                state.as_str(),
                count(progress.acknowledged),
                count(progress.total + plan.counts.damaged),
                plan.target,
                size(progress.bytes),
                progress.running.as_secs_f64(),
                count(failed),
                count(plan.counts.expired_left_out)
            ))?;
            if progress.maybe_repeated > 0 {
                let records = counted(progress.maybe_repeated, "record", "records");
                output::tell(&format!("{records} may be in the target twice, because calls with them got no answer"))?;
            }
            for PassedOver { partition_key, sequence_number, reason, .. } in passed_over {
                output::tell(&format!("{partition_key} {sequence_number}: {reason}"))?;
            }
        }
    }
    let again = format!("resume it with: explorer replay resume {}", plan.id);
    match (state, failure) {
        (_, Some(failure)) if progress.is_target_gone => Err(failure.into()),
        (_, Some(failure)) => {
            let left = counted(progress.left(), "record is", "records are");
            output::tell(&format!("{left} left; {again}"))?;
            Err(failure.into())
        }
        (PlanState::Finished, None) if failed == 0 => Ok(()),
        (PlanState::Finished, None) => {
            Err(Failure::refused(format!("replay {} of the records", count(failed)), "each is listed with its reason").into())
        }
        _ if is_stopped => {
            output::tell(&again)?;
            Err(CommandError::Stopped("the replay is paused"))
        }
        (PlanState::Paused, None) => Err(Failure::refused("finish the replay", format!("it was paused; {again}")).into()),
        _ => Err(Failure::refused("finish the replay", "it was cancelled").into()),
    }
}
