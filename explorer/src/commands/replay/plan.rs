//! `explorer replay plan`.

use super::passed_over::PassedOverJson;
use super::progress_line::{SHOW_INTERVAL, clear_line, show_line};
use super::{PlanRequest, of_file};
use crate::aws::connect::Connection;
use crate::aws::streams::settled;
use crate::commands::interrupt::Signals;
use crate::commands::output::tell;
use crate::commands::{CommandError, Output, local_times, output};
use crate::domain::replay::nothing::Nothing;
use crate::domain::replay::plan::{PassedOver, PlanId};
use crate::domain::replay::preflight::{Glimpse, Preflight};
use crate::domain::replay::progress::PlanProgress;
use crate::domain::replay::{ReplayOrder, Selection};
use crate::domain::text::{count, counted, printable, size};
use crate::plans::{PlanFile, Plans};
use crate::replay::{self, Planned};
use crate::sources::OpenedSource;
use crate::terminal;
use archiver::format::record::ArrivalTime;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;

/// A plan, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct PlannedJson {
    /// Null if there is nothing to replay, because then no plan is kept.
    id: Option<String>,
    file: Option<String>,
    /// The stream that the records come from, if that is known.
    stream: Option<String>,
    /// The table or file that they were read from.
    source: String,
    target: String,
    selection: String,
    /// Items read, and the read units for them.
    read: u64,
    read_units: f64,
    records: u64,
    payload_bytes: u64,
    expired_left_out: u64,
    /// Aggregated records that were taken apart, and the user records from them.
    aggregated: u64,
    user_records: u64,
    /// Left out for a later record of the key, or because of the limit.
    superseded: u64,
    damaged: u64,
    unsearchable: u64,
    without_time: u64,
    odd_hash_keys: u64,
    too_large: u64,
    first_arrival: Option<String>,
    last_arrival: Option<String>,
    shards: Vec<ShardJson>,
    /// Minimum duration at the chosen rate.
    seconds: f64,
    calls: u64,
    payload_units: u64,
    /// In us-east-1.
    dollars: Option<f64>,
    envelope: bool,
    separator: Option<String>,
    rate: String,
    timing: String,
    /// `key` or `none`.
    order: &'static str,
    warnings: Vec<String>,
    /// The first records to be sent.
    first: Vec<GlimpseJson>,
}

/// The result if there is nothing to replay, as JSON.
#[derive(Debug, Serialize)]
pub(super) struct NothingJson {
    /// Null, because no plan was kept.
    id: Option<String>,
    state: &'static str,
    stream: Option<String>,
    source: String,
    target: String,
    selection: String,
    read: u64,
    read_units: f64,
    records: u64,
    total: u64,
    sent: u64,
    failed: u64,
    left: u64,
    expired_left_out: u64,
    superseded: u64,
    damaged: u64,
    unsearchable: u64,
    /// Why there is nothing to replay.
    reason: String,
    passed_over: Vec<PassedOverJson>,
}

#[derive(Debug, Serialize)]
struct GlimpseJson {
    partition_key: String,
    sequence_number: String,
    approximate_arrival_timestamp: String,
    preview: String,
}

#[derive(Debug, Serialize)]
struct ShardJson {
    shard_id: String,
    records: u64,
    bytes: u64,
}

impl PlannedJson {
    fn of(file: &PlanFile, preflight: &Preflight) -> Self {
        let Preflight { plan, load, time, dollars, warnings, needs_name: _ } = preflight;
        let counts = plan.counts;
        let at = |milliseconds: Option<i64>| Some(Timestamp::from_millisecond(milliseconds?).ok()?.to_string());
        Self {
            id: Some(plan.id.to_string()),
            file: Some(file.path().display().to_string()),
            stream: plan.stream.clone(),
            source: plan.source.clone(),
            target: plan.target.clone(),
            selection: plan.selection.clone(),
            read: counts.read,
            read_units: counts.read_units,
            records: counts.records,
            payload_bytes: counts.bytes,
            expired_left_out: counts.expired_left_out,
            aggregated: counts.aggregated,
            user_records: counts.user_records,
            superseded: counts.superseded,
            damaged: counts.damaged,
            unsearchable: counts.unsearchable,
            without_time: counts.without_time,
            odd_hash_keys: counts.odd_hash_keys,
            too_large: load.too_large,
            first_arrival: at(counts.first_arrival),
            last_arrival: at(counts.last_arrival),
            shards: load
                .shards
                .iter()
                .map(|shard| ShardJson { shard_id: shard.shard.clone(), records: shard.records, bytes: shard.bytes })
                .collect(),
            seconds: time.as_secs_f64(),
            calls: load.calls,
            payload_units: load.units,
            dollars: *dollars,
            rate: plan.options.rate.to_string(),
            timing: plan.options.timing.to_string(),
            envelope: plan.options.envelope.is_some(),
            separator: plan.options.envelope.as_ref().map(|separator| separator.as_str().to_owned()),
            order: plan.options.sequence.as_str(),
            warnings: warnings.clone(),
            first: load.first.iter().cloned().map(Into::into).collect(),
        }
    }
}

impl From<Glimpse> for GlimpseJson {
    fn from(Glimpse { partition_key, sequence_number, arrival, preview }: Glimpse) -> Self {
        Self { partition_key, sequence_number, approximate_arrival_timestamp: arrival, preview }
    }
}

impl From<Nothing> for NothingJson {
    fn from(nothing: Nothing) -> Self {
        let reason = nothing.why();
        let Nothing { source, stream, selection, target, counts, passed_over } = nothing;
        Self {
            id: None,
            state: "nothing_to_replay",
            stream,
            source,
            target,
            selection,
            read: counts.read,
            read_units: counts.read_units,
            records: 0,
            total: counts.damaged,
            sent: 0,
            failed: counts.damaged,
            left: 0,
            expired_left_out: counts.expired_left_out,
            superseded: counts.superseded,
            damaged: counts.damaged,
            unsearchable: counts.unsearchable,
            reason,
            passed_over: passed_over.into_iter().map(Into::into).collect(),
        }
    }
}

/// Says that there is nothing to replay, and why.
fn tell_nothing(nothing: Nothing, output: Output) -> Result<(), CommandError> {
    let why = nothing.why();
    match output {
        Output::Json => output::print_json(&NothingJson::from(nothing))?,
        Output::Table => {
            output::print(&format!("Nothing to replay: {}", printable(&why)))?;
            for PassedOver { partition_key, sequence_number, reason, .. } in nothing.passed_over {
                tell(&printable(&format!("{partition_key} {sequence_number}: {reason}")))?;
            }
        }
    }
    Ok(())
}

/// Makes a plan and shows it.
pub(super) async fn run(connection: &Connection, plans: &Plans, request: PlanRequest, output: Output) -> Result<(), CommandError> {
    let (file, preflight) = make(connection, plans, request, output).await?;
    match output {
        Output::Json => output::print_json(&PlannedJson::of(&file, &preflight)),
        Output::Table => {
            lines_of(&preflight).iter().try_for_each(|line| output::print(line))?;
            output::print("")?;
            output::print(&format!("Nothing has been sent yet. Run the plan with: explorer replay run {}", preflight.plan.id))
        }
    }
}

/// Makes a plan, with its progress on a terminal's standard error. Nothing of the plan remains after ctrl-c, if the target cannot be
/// inspected, or if there is nothing to replay.
pub(super) async fn make(
    connection: &Connection,
    plans: &Plans,
    request: PlanRequest,
    output: Output,
) -> Result<(PlanFile, Preflight), CommandError> {
    let order = order_of(connection, request).await?;
    let (progress, mut told) = watch::channel((None::<PlanId>, PlanProgress::default()));
    let (stop, stopped) = watch::channel(false);
    let show = async move {
        let is_terminal = terminal::stderr_is_terminal();
        while told.changed().await.is_ok() {
            if is_terminal {
                show_progress(&told.borrow_and_update().1);
            }
            tokio::time::sleep(SHOW_INTERVAL).await;
        }
        if is_terminal {
            clear_line();
        }
    };
    let mut signals = Signals::listen()?;
    let interrupt = async {
        signals.next().await;
        stop.send_replace(true);
        std::future::pending::<()>().await;
    };
    let work = async { tokio::join!(replay::plan_from(connection, plans, order, progress, stopped), show) };
    tokio::pin!(work);
    let (planned, ()) = tokio::select! {
        done = &mut work => done,
        () = interrupt => work.await,
    };
    let file = match planned? {
        Planned::Ready(file) => file,
        Planned::Nothing(nothing) => {
            tell_nothing(*nothing, output)?;
            return Err(CommandError::NotFound("nothing to replay".to_owned()));
        }
        Planned::Stopped => return Err(CommandError::Stopped("stopped before everything was read; the plan was discarded")),
    };
    match replay::preflight(connection, plans, &file).await {
        Ok(preflight) => Ok((file, preflight)),
        Err(failure) => {
            file.remove().map_err(of_file)?;
            Err(failure.into())
        }
    }
}

/// The order for the planner, and the open source that it reads.
async fn order_of(connection: &Connection, request: PlanRequest) -> Result<(ReplayOrder, OpenedSource), CommandError> {
    let PlanRequest { source, matching, target, include_expired, keep_aggregated, options } = request;
    let (opened, stream) = source.with(connection).open().await?;
    let (source, selection) = (opened.source(), Selection::Matching(matching));
    let target = settled(connection, &target).await?;
    Ok((ReplayOrder { source, stream, selection, include_expired, keep_aggregated, target, options }, opened))
}

fn show_progress(progress: &PlanProgress) {
    let line = if progress.is_sorting {
        format!("read {}; sorting", counted(progress.planned, "record", "records"))
    } else {
        format!(
            "read {}, chosen {}, {}, {:.0} % of the source, {:.1} read units; press ctrl-c to stop",
            count(progress.read),
            count(progress.planned),
            size(progress.bytes),
            progress.share * 100.0,
            progress.units
        )
    };
    show_line(&line);
}

/// A plan, for people.
pub(super) fn lines_of(preflight: &Preflight) -> Vec<String> {
    let Preflight { plan, load, warnings, .. } = preflight;
    let counts = plan.counts;
    let row = |name: &str, value: String| format!("{name:<12} {value}");
    let mut lines = vec![
        format!("Replay {} of {} from {} into stream {}", plan.id, plan.selection, plan.source, plan.target),
        row("records", format!("{} ({} of payload)", count(counts.records), size(counts.bytes))),
    ];
    lines.extend(preflight.rows(&local_times()).into_iter().map(|(name, value)| row(name, value)));
    lines.extend(glimpses(&load.first).into_iter().map(|(name, value)| row(name, value)));
    lines.push(row("costs", format!("{}, {}", counted(load.units, "payload unit", "payload units"), preflight.cost())));
    for shard in &load.shards {
        lines.push(row("", format!("{}  {}, {}", shard.shard, counted(shard.records, "record", "records"), size(shard.bytes))));
    }
    lines.extend(warnings.iter().map(|warning| format!("Warning: {warning}")));
    lines
}

/// The first records to be sent, a row each.
fn glimpses(first: &[Glimpse]) -> Vec<(&'static str, String)> {
    let times = local_times();
    let row = |(place, record): (usize, &Glimpse)| {
        let Glimpse { partition_key, sequence_number: _, arrival, preview } = record;
        let arrived = ArrivalTime::parse(arrival).ok().and_then(|arrival| arrival.milliseconds());
        let arrived =
            arrived.and_then(|at| Timestamp::from_millisecond(at).ok()).map_or_else(|| "no time".to_owned(), |at| times.long(at));
        (if place == 0 { "first" } else { "" }, printable(&format!("{partition_key}  {arrived}  {preview}")).into_owned())
    };
    first.iter().enumerate().map(row).collect()
}

/// Shows a plan on standard error.
pub(super) fn tell_preflight(preflight: &Preflight) -> Result<(), CommandError> {
    lines_of(preflight).iter().try_for_each(|line| tell(line))
}
