//! `explorer replay`.

use super::{CommandError, Output, Range, archive_of, output};
use crate::aws::connect::Connection;
use crate::aws::replay::{Outcome, run as run_replay};
use crate::aws::streams::overview;
use crate::domain::failure::Failure;
use crate::domain::reading::ArchiveSource;
use crate::domain::replay::{Ending, Impossible, Progress, ReplayOrder, Selection, warnings};
use crate::domain::text::{count, size};
use crate::domain::time::span;
use archiver::envelope::Separator;
use archiver::stream::StreamName;
use serde::Serialize;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::num::NonZeroUsize;
use tokio::sync::{mpsc, watch};

/// What is asked for.
#[derive(Debug)]
pub(super) struct Request {
    /// The stream whose archive is read.
    pub(super) source: StreamName,
    /// The stream to put into.
    pub(super) target: StreamName,
    /// Which records.
    pub(super) range: Range,
    /// The envelope's separator, where there is one.
    pub(super) envelope: Option<Separator>,
    /// Expired items too.
    pub(super) include_expired: bool,
    /// Not to be asked.
    pub(super) yes: bool,
}

/// How a replay ended, as JSON.
#[derive(Debug, Serialize)]
struct ReplayedJson {
    source: String,
    target: String,
    /// `finished`, `cancelled` or `failed`.
    ending: &'static str,
    /// Records chosen.
    total: usize,
    /// Records that the target has acknowledged.
    sent: usize,
    /// Records that can never be put; they are listed in `impossible`.
    failed: usize,
    /// Puts that failed and were repeated.
    repeated_puts: usize,
    expired_left_out: usize,
    payload_bytes: u64,
    seconds: f64,
    records_per_second: f64,
    warnings: Vec<String>,
    impossible: Vec<ImpossibleJson>,
}

#[derive(Debug, Serialize)]
struct ImpossibleJson {
    partition_key: String,
    sequence_number: String,
    reason: String,
}

impl From<Impossible> for ImpossibleJson {
    fn from(Impossible { partition_key, sequence_number, reason }: Impossible) -> Self {
        Self { partition_key, sequence_number, reason }
    }
}

pub(super) async fn run(connection: &Connection, request: Request, output: Output) -> Result<(), CommandError> {
    let filter = request.range.filter()?;
    let (_, table, mode) = archive_of(connection, &request.source).await?;
    let target = overview(connection, &request.target).await?;
    let warnings = warnings(&request.source, &target, request.envelope.is_some());
    let which = if filter.is_everything() { "every record".to_owned() } else { format!("records with {filter}") };
    let limit = request.range.limit.map(|limit| format!(", the newest {limit}")).unwrap_or_default();
    output::tell(&format!("Replay {which}{limit} of {} into stream {}", table.name, request.target))?;
    warnings.iter().try_for_each(|warning| output::tell(&format!("Warning: {warning}")))?;
    output::confirm("Start?", request.yes)?;
    let order = ReplayOrder {
        archive: ArchiveSource { stream: request.source, about_bytes: table.size_bytes, table: table.name, mode },
        selection: Selection::Matching {
            filter,
            except: BTreeSet::new(),
            limit: request.range.limit.map(NonZeroUsize::get),
            include_expired: request.include_expired,
        },
        target: request.target,
        envelope: request.envelope,
    };
    let outcome = run_visibly(connection, &order).await?;
    report(order, outcome, warnings, output)
}

/// Runs the replay with its progress on a terminal's standard error. Ctrl-c cancels it and waits for the calls in flight; a second
/// one does not wait.
async fn run_visibly(connection: &Connection, order: &ReplayOrder) -> Result<Outcome, CommandError> {
    let (updates, mut waiting) = mpsc::channel(16);
    let (cancel, cancelled) = watch::channel(false);
    let reached = Cell::new(Progress::default());
    let show = async {
        let is_terminal = io::stderr().is_terminal();
        while let Some(progress) = waiting.recv().await {
            reached.set(progress);
            if is_terminal {
                show_progress(&progress);
            }
        }
        if is_terminal { output::tell("") } else { Ok(()) }
    };
    let interrupt = async {
        let failed = |source| CommandError::Io { operation: "listen for ctrl-c", source };
        tokio::signal::ctrl_c().await.map_err(failed)?;
        cancel.send_replace(true);
        output::tell("")?;
        output::tell("cancelling; the calls in flight are waited for, ctrl-c again does not wait")?;
        tokio::signal::ctrl_c().await.map_err(failed)
    };
    let work = async { tokio::join!(run_replay(connection, order, updates, cancelled), show) };
    tokio::select! {
        (outcome, shown) = work => shown.map(|()| outcome),
        interrupted = interrupt => {
            interrupted.map(|()| Outcome { ending: Ending::Cancelled, progress: reached.get(), impossible: Vec::new() })
        }
    }
}

fn show_progress(progress: &Progress) {
    let left = progress.time_left().map(|left| format!(", left {}", span(left.as_secs()))).unwrap_or_default();
    let line = format!(
        "\r\x1b[Ksent {} of {}, {}, {:.0}/s{left}",
        count(progress.counts.acknowledged as u64),
        count(progress.total as u64),
        size(progress.bytes),
        progress.rate()
    );
    let mut stderr = io::stderr().lock();
    if stderr.write_all(line.as_bytes()).and_then(|()| stderr.flush()).is_err() {
        tracing::debug!("progress could not be shown");
    }
}

fn report(order: ReplayOrder, outcome: Outcome, warnings: Vec<String>, output: Output) -> Result<(), CommandError> {
    let Outcome { ending, progress, impossible } = outcome;
    let ending_name = match &ending {
        Ending::Finished => "finished",
        Ending::Cancelled => "cancelled",
        Ending::Failed(_) => "failed",
    };
    let failed = impossible.len();
    let target = order.target.to_string();
    match output {
        Output::Json => output::print_json(&ReplayedJson {
            source: order.archive.stream.to_string(),
            target: target.clone(),
            ending: ending_name,
            total: progress.total,
            sent: progress.counts.acknowledged,
            failed,
            repeated_puts: progress.counts.failed_puts,
            expired_left_out: progress.expired,
            payload_bytes: progress.bytes,
            seconds: progress.sending.as_secs_f64(),
            records_per_second: progress.rate(),
            warnings,
            impossible: impossible.into_iter().map(Into::into).collect(),
        })?,
        Output::Table => {
            output::print(&format!(
                "{ending_name}: {} of {} records sent to {target}, {} in {:.1} s; {failed} failed for good, {} expired and left out",
                count(progress.counts.acknowledged as u64),
                count(progress.total as u64),
                size(progress.bytes),
                progress.sending.as_secs_f64(),
                count(progress.expired as u64)
            ))?;
            for record in impossible {
                output::tell(&format!("{} {}: {}", record.partition_key, record.sequence_number, record.reason))?;
            }
        }
    }
    match ending {
        Ending::Finished if failed == 0 => Ok(()),
        Ending::Finished => {
            Err(Failure::refused(format!("replay {failed} of the records"), "they are listed with their reasons").into())
        }
        Ending::Cancelled => Err(Failure::refused("finish the replay", "it was cancelled").into()),
        Ending::Failed(failure) => Err(failure.into()),
    }
}
