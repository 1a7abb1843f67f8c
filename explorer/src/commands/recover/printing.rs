//! Batches and their results: as rows for people, as JSON for scripts.

use super::reading::{Found, Problem};
use super::{CommandError, Output, output};
use crate::domain::text::{count, counted, printable};
use crate::domain::time::TimeContext;
use crate::recovery::Recovered;
use jiff::Timestamp;
use output::{Columns, Lines};
use serde::Serialize;

/// A batch as JSON.
#[derive(Debug, Default, Serialize)]
pub(super) struct BatchJson {
    object: String,
    size_bytes: u64,
    stream: Option<String>,
    stream_arn: Option<String>,
    shard_id: Option<String>,
    function: Option<String>,
    given_up_at: Option<String>,
    /// In Lambda's word.
    condition: Option<String>,
    invocations: Option<u64>,
    function_error: Option<String>,
    records: Option<usize>,
    first_sequence_number: Option<String>,
    last_sequence_number: Option<String>,
    first_arrival: Option<String>,
    last_arrival: Option<String>,
    /// False if it only has a pointer.
    has_records: Option<bool>,
    /// Why it cannot be read, as a sentence.
    problem: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeJson>,
}

/// The result of a batch, as JSON; the counts are null if it failed as a whole.
#[derive(Debug, Default, Serialize)]
pub(super) struct OutcomeJson {
    archived: Option<usize>,
    present: Option<usize>,
    superseded: Option<usize>,
    skipped: Option<usize>,
    failed: Option<usize>,
    /// Why not all records are archived, or why the batch is not deleted.
    pub(super) reason: Option<String>,
    pub(super) deleted: bool,
}

/// The result of all batches.
#[derive(Clone, Debug, Default)]
pub(super) struct Total {
    pub(super) recovered: Recovered,
    pub(super) done: usize,
    pub(super) deleted: usize,
    /// Batches with records that are not archived.
    pub(super) left: usize,
    /// Objects that are not batches.
    pub(super) others: usize,
    /// Batches that were not reached, or not finished.
    pub(super) unfinished: usize,
}

/// Prints the results of batches. If standard output is closed, the other batches are still archived.
pub(super) struct OutcomePrinter {
    output: Output,
    lines: Lines,
    columns: Columns,
    has_reader: bool,
}

impl OutcomePrinter {
    /// For streams and objects of this width.
    pub(super) fn new(output: Output, [stream, object]: [usize; 2]) -> Self {
        let headings = ["ARCHIVED", "ALREADY THERE", "SUPERSEDED", "SKIPPED", "FAILED", "STREAM", "OBJECT"];
        let columns = Columns::new(headings).at_least(&[0, 0, 0, 0, 0, stream, object]);
        Self { output, lines: Lines::default(), columns, has_reader: true }
    }

    pub(super) fn print(&mut self, found: &Found, outcome: OutcomeJson) -> Result<(), CommandError> {
        let printed = match self.output {
            _ if !self.has_reader => Ok(()),
            Output::Json => {
                let line = self.lines.json(&BatchJson { outcome: Some(outcome), ..BatchJson::from(found) });
                line.and_then(|()| self.lines.flush())
            }
            Output::Table => self.print_row(found, &outcome),
        };
        self.heed(printed)
    }

    fn print_row(&mut self, found: &Found, outcome: &OutcomeJson) -> Result<(), CommandError> {
        self.columns.row(&outcome_row(found, outcome))?;
        self.columns.flush()?;
        // The reason may be too long for a column.
        outcome.reason.as_ref().map_or(Ok(()), |reason| output::print(&format!("  └ {}", printable(reason))))
    }

    fn heed(&mut self, printed: Result<(), CommandError>) -> Result<(), CommandError> {
        match printed {
            Err(error) if error.exit_code().is_none() => {
                self.has_reader = false;
                Ok(())
            }
            printed => printed,
        }
    }

    pub(super) fn finish(mut self) -> Result<(), CommandError> {
        if self.output == Output::Json || !self.has_reader {
            return Ok(());
        }
        let printed = std::mem::replace(&mut self.columns, Columns::new([""; 7])).finish();
        self.heed(printed)
    }
}

/// The result, in words.
pub(super) fn summary(total: &Total) -> String {
    let Recovered { archived, present, superseded, skipped, failed, .. } = total.recovered;
    let mut summary = format!("{} archived, {} already there", of(archived, "record", "records"), grouped(present));
    for (number, what) in [(superseded, "superseded by newer ones"), (skipped, "skipped as replays"), (failed, "failed")] {
        if number > 0 {
            summary.push_str(&format!(", {} {what}", grouped(number)));
        }
    }
    summary.push_str(&format!("; {} done, {} deleted", of(total.done, "batch", "batches"), grouped(total.deleted)));
    for (number, what) in [(total.left, "not fully archived"), (total.unfinished, "not finished")] {
        if number > 0 {
            summary.push_str(&format!(", {} {what}", grouped(number)));
        }
    }
    if total.others > 0 {
        summary.push_str(&format!("; {} skipped: not a batch", of(total.others, "object", "objects")));
    }
    summary
}

/// A number of things, in words.
pub(super) fn of(number: usize, one: &str, many: &str) -> String {
    counted(u64::try_from(number).unwrap_or(u64::MAX), one, many)
}

/// A number with separators between thousands.
pub(super) fn grouped(number: usize) -> String {
    count(u64::try_from(number).unwrap_or(u64::MAX))
}

pub(super) fn row(found: &Found, times: &TimeContext) -> [String; 6] {
    let object = printable(&found.object.name).into_owned();
    match &found.batch {
        Ok(batch) => {
            let pointer = if !batch.has_event { "; only a pointer into the stream" } else { "" };
            [
                batch.given_up_at.map(|at| times.long(at)).unwrap_or_else(|| "–".to_owned()),
                batch.stream.stream_name().to_string(),
                printable(&batch.shard_id).into_owned(),
                batch.records.map_or_else(|| "–".to_owned(), grouped),
                printable(&format!("{}{pointer}", batch.reason())).into_owned(),
                object,
            ]
        }
        Err(problem) => {
            let dash = || "–".to_owned();
            let what = match problem {
                Problem::NoBatch(_) => "not a batch",
                Problem::Unreadable(_) => "unreadable",
            };
            // Only the last column has room for a long sentence.
            [dash(), dash(), dash(), dash(), what.to_owned(), format!("{object}: {}", printable(problem.sentence()))]
        }
    }
}

fn outcome_row(found: &Found, outcome: &OutcomeJson) -> [String; 7] {
    let dash = || "–".to_owned();
    let stream = found.batch.as_ref().map_or_else(|_| dash(), |batch| batch.stream.stream_name().to_string());
    let number = |number: Option<usize>| number.map_or_else(dash, grouped);
    let failed = if found.batch.is_ok() && outcome.failed.is_none() { "all".to_owned() } else { number(outcome.failed) };
    let object = printable(&found.object.name).into_owned();
    let [archived, present, superseded, skipped] =
        [outcome.archived, outcome.present, outcome.superseded, outcome.skipped].map(number);
    [archived, present, superseded, skipped, failed, stream, object]
}

impl From<&Found> for BatchJson {
    fn from(found: &Found) -> Self {
        let (object, size_bytes) = (found.object.name.clone(), found.object.size_bytes);
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        match &found.batch {
            Ok(batch) => Self {
                object,
                size_bytes,
                stream: Some(batch.stream.stream_name().to_string()),
                stream_arn: Some(batch.stream.stream_arn().to_owned()),
                shard_id: Some(batch.shard_id.clone()),
                function: Some(batch.function.clone()),
                given_up_at: text(batch.given_up_at),
                condition: Some(batch.condition.clone()),
                invocations: batch.invocations,
                function_error: batch.function_error.clone(),
                records: batch.records,
                first_sequence_number: Some(batch.first_sequence_number.clone()),
                last_sequence_number: Some(batch.last_sequence_number.clone()),
                first_arrival: text(batch.first_arrival),
                last_arrival: text(batch.last_arrival),
                has_records: Some(batch.has_event),
                problem: None,
                outcome: None,
            },
            Err(problem) => Self { object, size_bytes, problem: Some(problem.sentence().to_owned()), ..Self::default() },
        }
    }
}

impl OutcomeJson {
    pub(super) fn new(recovered: &Result<Recovered, String>) -> Self {
        match recovered {
            Ok(Recovered { archived, present, superseded, skipped, failed, reason }) => Self {
                archived: Some(*archived),
                present: Some(*present),
                superseded: Some(*superseded),
                skipped: Some(*skipped),
                failed: Some(*failed),
                reason: reason.clone(),
                deleted: false,
            },
            Err(reason) => Self { reason: Some(reason.clone()), ..Self::default() },
        }
    }
}
