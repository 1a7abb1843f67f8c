//! Commands that work on plans' files: `explorer replay list`, `show`, `pause`, `cancel` and `remove`.

use super::of_file;
use super::passed_over::{LISTED, PassedOverJson};
use crate::commands::output::{self, Columns, Lines};
use crate::commands::{CommandError, Output, local_times};
use crate::domain::failure::Failure;
use crate::domain::replay::plan::{Control, PlanId, PlanState, PlanSummary, RecordTrace, RunRecord, TraceEnd};
use crate::domain::text::{count, counted, printable, size};
use crate::domain::time::TimeContext;
use crate::plans::{PlanFile, Plans};
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;

/// How long a process may take to pause or cancel.
const WISH_TIME: Duration = Duration::from_secs(60);
/// How often to check whether it has.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// A replay, as JSON.
#[derive(Debug, Serialize)]
struct ReplayJson {
    id: String,
    state: &'static str,
    created_at: String,
    created_by: String,
    stream: Option<String>,
    source: String,
    selection: String,
    target: String,
    target_arn: String,
    envelope: bool,
    separator: Option<String>,
    rate: String,
    timing: String,
    /// `key` or `none`.
    order: &'static str,
    total: u64,
    sent: u64,
    failed: u64,
    left: u64,
    payload_bytes: u64,
    sent_bytes: u64,
    throttled_puts: u64,
    repeated_puts: u64,
    maybe_repeated: u64,
    file_bytes: u64,
    runs: Vec<RunJson>,
}

#[derive(Debug, Serialize)]
struct RunJson {
    started_at: String,
    by: String,
    ended_at: Option<String>,
    ending: Option<&'static str>,
    reason: Option<String>,
    sent: u64,
    maybe_repeated: u64,
}

/// A replay and its skipped records, as JSON.
#[derive(Debug, Serialize)]
struct ShownJson {
    #[serde(flatten)]
    replay: ReplayJson,
    passed_over: Vec<PassedOverJson>,
}

/// A file that cannot be read, as JSON.
#[derive(Debug, Serialize)]
struct UnreadableJson {
    id: String,
    state: &'static str,
    problem: String,
}

#[derive(Debug, Serialize)]
struct JourneyJson {
    partition_key: String,
    sequence_number: String,
    sub_sequence_number: Option<u64>,
    shard_id: String,
    approximate_arrival_timestamp: String,
    /// `waiting`, `acknowledged` or `passed_over`.
    state: &'static str,
    new_shard_id: Option<String>,
    new_sequence_number: Option<String>,
    reason: Option<String>,
}

impl From<PlanSummary> for ReplayJson {
    fn from(plan: PlanSummary) -> Self {
        let left = plan.left();
        let options = plan.options;
        Self {
            id: plan.id.to_string(),
            state: plan.state.as_str(),
            created_at: plan.created_at.to_string(),
            created_by: plan.created_by,
            stream: plan.stream,
            source: plan.source,
            selection: plan.selection,
            target: plan.target,
            target_arn: plan.target_arn,
            envelope: options.envelope.is_some(),
            separator: options.envelope.map(|separator| separator.as_str().to_owned()),
            rate: options.rate.to_string(),
            timing: options.timing.to_string(),
            order: options.sequence.as_str(),
            total: plan.counts.records + plan.counts.damaged,
            sent: plan.acknowledged,
            failed: plan.passed_over + plan.counts.damaged,
            left,
            payload_bytes: plan.counts.bytes,
            sent_bytes: plan.acknowledged_bytes,
            throttled_puts: plan.throttled_puts,
            repeated_puts: plan.failed_puts,
            maybe_repeated: plan.maybe_repeated,
            file_bytes: plan.file_bytes,
            runs: plan.runs.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<RunRecord> for RunJson {
    fn from(run: RunRecord) -> Self {
        Self {
            started_at: run.started_at.to_string(),
            by: run.by,
            ended_at: run.ended_at.map(|at| at.to_string()),
            ending: run.ending.map(PlanState::as_str),
            reason: run.reason,
            sent: run.acknowledged,
            maybe_repeated: run.maybe_repeated,
        }
    }
}

impl From<RecordTrace> for JourneyJson {
    fn from(trace: RecordTrace) -> Self {
        let (state, new_shard_id, new_sequence_number, reason) = match trace.end {
            TraceEnd::Waiting => ("waiting", None, None, None),
            TraceEnd::Acknowledged { shard_id, sequence_number } => ("acknowledged", Some(shard_id), Some(sequence_number), None),
            TraceEnd::PassedOver(reason) => ("passed_over", None, None, Some(reason)),
        };
        Self {
            partition_key: trace.partition_key,
            sequence_number: trace.sequence_number,
            sub_sequence_number: trace.sub_sequence_number,
            shard_id: trace.shard_id,
            approximate_arrival_timestamp: trace.arrival,
            state,
            new_shard_id,
            new_sequence_number,
            reason,
        }
    }
}

/// Prints the replays, in JSON one object per line.
pub(super) fn list(plans: &Plans, output: Output) -> Result<(), CommandError> {
    let all = plans.list().map_err(of_file)?;
    match output {
        Output::Json => {
            let mut lines = Lines::default();
            for (id, summary) in all {
                match summary {
                    Ok(plan) => lines.json(&ReplayJson::from(plan))?,
                    Err(error) => {
                        lines.json(&UnreadableJson { id: id.to_string(), state: "unreadable", problem: error.to_string() })?;
                    }
                }
            }
            lines.flush()
        }
        Output::Table => {
            let times = local_times();
            let mut columns = Columns::new(["ID", "PLANNED", "STATE", "SENT", "OF", "FROM", "INTO", "FILE", "RECORDS"]);
            for (id, summary) in all {
                columns.row(&match summary {
                    Ok(plan) => row(plan, &times),
                    Err(error) => {
                        let none = String::new;
                        [id.to_string(), none(), "unreadable".to_owned(), none(), none(), none(), none(), none(), error.to_string()]
                    }
                })?;
            }
            columns.finish()
        }
    }
}

fn row(plan: PlanSummary, times: &TimeContext) -> [String; 9] {
    [
        plan.id.to_string(),
        times.short(plan.created_at),
        plan.state.as_str().to_owned(),
        count(plan.acknowledged),
        count(plan.counts.records),
        printable(&plan.source).into_owned(),
        plan.target,
        size(plan.file_bytes),
        printable(&plan.selection).into_owned(),
    ]
}

/// Prints a replay, or what became of its records.
pub(super) async fn show(
    plans: &Plans,
    id: &PlanId,
    record: Option<&str>,
    receipts: bool,
    output: Output,
) -> Result<(), CommandError> {
    let file = plans.find(id).map_err(of_file)?;
    if record.is_some() || receipts {
        return tokio::task::block_in_place(|| print_journeys(&file, record, output));
    }
    let plan = file.summary().map_err(of_file)?;
    let passed_over = file.passed_over(LISTED).map_err(of_file)?;
    match output {
        Output::Json => {
            let passed_over = passed_over.into_iter().map(Into::into).collect();
            output::print_json(&ShownJson { replay: plan.into(), passed_over })
        }
        Output::Table => {
            lines_of(&plan).iter().try_for_each(|line| output::print(&printable(line)))?;
            for record in passed_over {
                let sentence = format!("skipped       {} {}: {}", record.partition_key, record.sequence_number, record.reason);
                output::print(&printable(&sentence))?;
            }
            Ok(())
        }
    }
}

fn lines_of(plan: &PlanSummary) -> Vec<String> {
    let times = local_times();
    let row = |name: &str, value: String| format!("{name:<13} {value}");
    let mut lines = vec![
        row("replay", format!("{}, {}", plan.id, plan.state.as_str())),
        row("planned", format!("{} by {}", times.long(plan.created_at), plan.created_by)),
        row("from", format!("{}, {}", plan.source, plan.selection)),
        row("into", format!("{} ({})", plan.target, plan.target_arn)),
        row("how", plan.options.to_string()),
        row("sent", format!("{} of {}, {}", count(plan.acknowledged), count(plan.counts.records), size(plan.acknowledged_bytes))),
        row("left", count(plan.left())),
        row("skipped", count(plan.passed_over + plan.counts.damaged)),
        row(
            "repeated",
            format!(
                "{}, {}",
                counted(plan.throttled_puts, "throttled put", "throttled puts"),
                counted(plan.failed_puts, "failed put", "failed puts")
            ),
        ),
        row("maybe twice", count(plan.maybe_repeated)),
    ];
    for run in &plan.runs {
        let ended = match (run.ended_at, run.ending) {
            (Some(at), Some(ending)) => format!("{} at {}", ending.as_str(), times.long(at)),
            _ if plan.state == PlanState::Running => "running".to_owned(),
            _ => "interrupted".to_owned(),
        };
        let reason = run.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let sent = count(run.acknowledged);
        lines.push(row("run", format!("{} by {}, {sent} sent, {ended}{reason}", times.long(run.started_at), run.by)));
    }
    lines
}

fn print_journeys(file: &PlanFile, record: Option<&str>, output: Output) -> Result<(), CommandError> {
    let mut lines = Lines::default();
    let (mut printed, mut found) = (Ok(()), false);
    file.traces(record, |trace| {
        found = true;
        printed = match output {
            Output::Json => lines.json(&JourneyJson::from(trace)),
            Output::Table => lines.line(&printable(&sentence_of(&trace))),
        };
        printed.is_ok()
    })
    .map_err(of_file)?;
    printed.and_then(|()| lines.flush())?;
    match record {
        Some(number) if !found => {
            Err(CommandError::NotFound(format!("replay {} has no record with the sequence number {number}", file.id())))
        }
        _ => Ok(()),
    }
}

fn sentence_of(trace: &RecordTrace) -> String {
    let place = trace.sub_sequence_number.map(|place| format!(".{place}")).unwrap_or_default();
    let end = match &trace.end {
        TraceEnd::Waiting => "not sent".to_owned(),
        TraceEnd::Acknowledged { shard_id, sequence_number } => format!("→ {shard_id} {sequence_number}"),
        TraceEnd::PassedOver(reason) => format!("skipped: {reason}"),
    };
    format!("{} {} {}{place} {end}", trace.partition_key, trace.shard_id, trace.sequence_number)
}

/// Asks the process that runs a replay to pause it, and waits until it has.
pub(super) async fn pause(plans: &Plans, id: &PlanId, output: Output) -> Result<(), CommandError> {
    let file = plans.find(id).map_err(of_file)?;
    let state = file.control(Control::Pause).map_err(of_file)?;
    if !state.is_at_work() {
        let sentence = format!("replay {} is not running: it is {}", file.id(), state.as_str());
        return Err(CommandError::Usage(sentence));
    }
    tell_state(&until_at_rest(&file).await?, output)
}

/// Cancels a replay. If a process runs it, asks that process and waits.
pub(super) async fn cancel(plans: &Plans, id: &PlanId, yes: bool, output: Output) -> Result<(), CommandError> {
    let file = plans.find(id).map_err(of_file)?;
    let plan = file.summary().map_err(of_file)?;
    if !can_be_cancelled(plan.state) {
        let sentence = format!("replay {} cannot be cancelled: it is {}", plan.id, plan.state.as_str());
        return Err(CommandError::Usage(sentence));
    }
    let left = counted(plan.left(), "record", "records");
    output::confirm(&format!("Cancel replay {} for good? {left} will not be sent.", plan.id), yes)?;
    // The process that ran it may have ended before it read the request.
    let state = loop {
        file.control(Control::Cancel).map_err(of_file)?;
        let state = until_at_rest(&file).await?;
        if !can_be_cancelled(state) {
            break state;
        }
    };
    tell_state(&state, output)
}

fn can_be_cancelled(state: PlanState) -> bool {
    state.is_at_work() || state.can_resume() || state == PlanState::Planned
}

/// Waits until no process works on a replay. A cancelled plan without a run is deleted by then.
async fn until_at_rest(file: &PlanFile) -> Result<PlanState, CommandError> {
    let deadline = Instant::now() + WISH_TIME;
    while file.path().exists() {
        let state = file.summary().map_err(of_file)?.state;
        if !state.is_at_work() {
            return Ok(state);
        }
        if Instant::now() >= deadline {
            let sentence = format!("its process did not stop within {} s", WISH_TIME.as_secs());
            return Err(Failure::refused(format!("stop replay {}", file.id()), sentence).into());
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    Ok(PlanState::Unplanned)
}

fn tell_state(state: &PlanState, output: Output) -> Result<(), CommandError> {
    match output {
        Output::Json => output::print_json(&serde_json::json!({ "state": state.as_str() })),
        Output::Table => output::print(state.as_str()),
    }
}

/// Removes a replay from the history.
pub(super) fn remove(plans: &Plans, id: &PlanId, yes: bool) -> Result<(), CommandError> {
    let file = plans.find(id).map_err(of_file)?;
    let question = format!("Remove replay {} and delete its file? You can then no longer look up its records.", file.id());
    output::confirm(&question, yes)?;
    file.remove().map_err(of_file)?;
    output::print("removed")
}
