//! `explorer recover`.

use super::interrupt::{Prints, interruptible};
use super::{CommandError, Output, local_times, output};
use crate::aws::bucket::Object;
use crate::aws::connect::Connection;
use crate::domain::failed_batch::{FailedBatch, InvalidFailedBatch};
use crate::domain::failure::Failure;
use crate::domain::text::{count, printable, size};
use crate::domain::time::TimeContext;
use crate::failures::{FailurePlace, FailureStore};
use crate::recovery::{Recovered, Recovery, RecoveryError, is_of_the_connection};
use archiver::aws_failure::FailureKind;
use archiver::stream::StreamName;
use clap::Args;
use futures::StreamExt as _;
use jiff::Timestamp;
use output::{Columns, Lines};
use serde::Serialize;

/// Batches read at once; each may have 6 MB, and as much again while it is taken apart.
const READ_AHEAD: usize = 2;
/// Bytes of the largest batch there can be, generously: an event has 6 MB, as a text in JSON twice that at the most. Source: Lambda
/// quotas, invocation payload.
const MAX_BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// What is to be recovered, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct Request {
    /// The failure destination: s3://BUCKET (what Lambda put below aws/lambda/), s3://BUCKET/PREFIX, or a folder or file with copies
    /// of its objects
    #[arg(value_name = "PLACE")]
    place: FailurePlace,
    /// Only what is of this stream
    #[arg(long)]
    stream: Option<StreamName>,
    /// Archive the records, and delete the batches whose records are all archived; without it the batches are only listed
    #[arg(long)]
    archive: bool,
    /// Delete nothing
    #[arg(long, requires = "archive")]
    keep: bool,
    /// Do not ask
    #[arg(long, requires = "archive")]
    yes: bool,
}

/// A batch as JSON.
#[derive(Debug, Default, Serialize)]
struct BatchJson {
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
    records: Option<u64>,
    first_sequence_number: Option<String>,
    last_sequence_number: Option<String>,
    first_arrival: Option<String>,
    last_arrival: Option<String>,
    /// False where only a pointer is in it.
    has_records: Option<bool>,
    /// Why it cannot be read, as a sentence.
    problem: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeJson>,
}

/// What became of a batch, as JSON; the counts are null where it failed as a whole.
#[derive(Debug, Default, Serialize)]
struct OutcomeJson {
    archived: Option<usize>,
    present: Option<usize>,
    superseded: Option<usize>,
    skipped: Option<usize>,
    failed: Option<usize>,
    /// Why not all are archived, or why the batch is not deleted.
    reason: Option<String>,
    deleted: bool,
}

/// An object, and what it holds.
struct Found {
    object: Object,
    batch: Result<FailedBatch, Problem>,
}

/// Why an object is no batch to archive, as a sentence.
enum Problem {
    /// It is something else.
    NoBatch(String),
    /// It may be one.
    Unreadable(String),
}

impl Problem {
    fn sentence(&self) -> &str {
        match self {
            Self::NoBatch(sentence) | Self::Unreadable(sentence) => sentence,
        }
    }
}

impl Request {
    /// Whether it writes or deletes something.
    pub(super) fn changes_something(&self) -> bool {
        self.archive
    }
}

pub(super) async fn run(connection: Connection, request: Request, output: Output) -> Result<(), CommandError> {
    let store = match request.place.clone() {
        FailurePlace::Bucket { name, prefix } => FailureStore::Bucket(connection.bucket(name, prefix)?),
        FailurePlace::Folder(folder) => FailureStore::Folder(folder),
    };
    let objects = store.list().await?;
    if objects.is_empty() {
        return print_nothing(&format!("there is nothing in {}", request.place), output);
    }
    if request.archive {
        output::confirm(&request.question(&objects, &connection.region), request.yes)?;
        let stopped = Err(CommandError::Stopped("stopped; what was archived is archived, run it again for the rest"));
        return interruptible(archive(connection, store, objects, request, output), Prints::OnlyASummary, stopped).await;
    }
    let stopped = Err(CommandError::Stopped("stopped before all was listed"));
    interruptible(list(store, objects, request, output), Prints::Everything, stopped).await
}

/// A number of things, in words.
fn of(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(u64::try_from(number).unwrap_or(u64::MAX)), if number == 1 { one } else { many })
}

fn print_nothing(sentence: &str, output: Output) -> Result<(), CommandError> {
    match output {
        Output::Table => output::print(&printable(sentence)),
        Output::Json => Ok(()),
    }
}

/// Reads the objects, some ahead, in their order. What cannot be read is told of the object; only where nothing can be reached it ends.
fn read<'s>(store: &'s FailureStore, objects: Vec<Object>) -> impl futures::Stream<Item = Result<Found, Failure>> + 's {
    let reads = objects.into_iter().map(move |object| async move {
        if object.size_bytes > MAX_BATCH_BYTES {
            let problem = format!("it has {}, which no batch has", size(object.size_bytes));
            return Ok(Found { object, batch: Err(Problem::NoBatch(problem)) });
        }
        let batch = match store.read(&object.name).await {
            Ok(content) => FailedBatch::parse(&content).map_err(|error| match error {
                InvalidFailedBatch::SomethingElse => Problem::NoBatch(error.to_string()),
                InvalidFailedBatch::Damaged(_) | InvalidFailedBatch::Stream(_) => Problem::Unreadable(error.to_string()),
            }),
            Err(failure) if is_of_the_connection(&failure) => return Err(failure),
            Err(failure) => Err(Problem::Unreadable(failure.to_string())),
        };
        Ok(Found { object, batch })
    });
    futures::stream::iter(reads).buffered(READ_AHEAD)
}

impl Request {
    /// Whether it is asked for. What is no batch is of no stream; what cannot be read may be of any.
    fn wants(&self, found: &Found) -> bool {
        match (&self.stream, &found.batch) {
            (None, _) | (Some(_), Err(Problem::Unreadable(_))) => true,
            (Some(stream), Ok(batch)) => batch.stream.stream_name() == stream,
            (Some(_), Err(Problem::NoBatch(_))) => false,
        }
    }

    fn question(&self, objects: &[Object], region: &str) -> String {
        let bytes = objects.iter().map(|object| object.size_bytes).sum();
        let objects = of(objects.len(), "object", "objects");
        let of_stream = self.stream.as_ref().map(|stream| format!(" of stream {stream}")).unwrap_or_default();
        let then = if self.keep { "" } else { ", and delete the batches whose records are all archived" };
        let question =
            format!("Archive the records{of_stream} in {} ({objects}, {}) in region {region}{then}?", self.place, size(bytes));
        printable(&question).into_owned()
    }
}

async fn list(store: FailureStore, objects: Vec<Object>, request: Request, output: Output) -> Result<(), CommandError> {
    let times = local_times();
    let (mut batches, mut records, mut others) = (0, 0, 0);
    let mut lines = Lines::default();
    let mut columns = Columns::new(["GIVEN UP", "STREAM", "SHARD", "RECORDS", "WHY", "OBJECT"]);
    let mut found = std::pin::pin!(read(&store, objects));
    while let Some(found) = found.next().await.transpose()? {
        if !request.wants(&found) {
            continue;
        }
        match &found.batch {
            Ok(batch) => (batches, records) = (batches + 1, records + batch.records.unwrap_or(0)),
            Err(_) => others += 1,
        }
        match output {
            Output::Json => lines.json(&BatchJson::from(&found))?,
            Output::Table => columns.row(row(&found, &times))?,
        }
    }
    match output {
        Output::Json => lines.flush(),
        Output::Table if batches + others == 0 => output::print("nothing there is of this stream"),
        Output::Table => {
            columns.finish()?;
            let others = if others > 0 { format!(", and {}", of(others, "other object", "other objects")) } else { String::new() };
            let batches = of(batches, "batch", "batches");
            let records = of(usize::try_from(records).unwrap_or(usize::MAX), "record", "records");
            output::tell(&format!("{batches}, {records}{others}; the function's log says what each failed for"))?;
            output::tell("When the cause is mended, archive them: the same with --archive")
        }
    }
}

/// What became of all.
#[derive(Debug, Default)]
struct Total {
    recovered: Recovered,
    done: usize,
    deleted: usize,
    /// With records that are not archived.
    left: usize,
    /// No batches.
    others: usize,
}

async fn archive(
    connection: Connection,
    store: FailureStore,
    objects: Vec<Object>,
    request: Request,
    output: Output,
) -> Result<(), CommandError> {
    let mut recovery = Recovery::new(&connection)?;
    let mut total = Total::default();
    let mut printer = OutcomePrinter::new(output);
    let mut undeleted = None;
    let mut found = std::pin::pin!(read(&store, objects));
    while let Some(found) = found.next().await.transpose()? {
        if !request.wants(&found) {
            continue;
        }
        let recovered = match &found.batch {
            Ok(batch) => match recovery.recover(batch).await {
                Err(RecoveryError::Call(failure)) if is_of_the_connection(&failure) => return Err(failure.into()),
                recovered => recovered.map_err(|error| error.to_string()),
            },
            Err(problem) => Err(problem.sentence().to_owned()),
        };
        let mut outcome = OutcomeJson::new(&recovered);
        match (&recovered, &found.batch) {
            (Ok(recovered), _) if recovered.failed == 0 => {
                total.done += 1;
                if !request.keep {
                    match store.delete(&found.object.name).await {
                        Ok(()) => outcome.deleted = true,
                        // Somebody else did it.
                        Err(failure) if failure.kind == FailureKind::NotFound => outcome.deleted = true,
                        Err(failure) => {
                            outcome.reason = Some(failure.to_string());
                            undeleted = undeleted.or(Some(failure));
                        }
                    }
                }
                total.deleted += usize::from(outcome.deleted);
            }
            (_, Err(Problem::NoBatch(_))) => total.others += 1,
            _ => total.left += 1,
        }
        if let Ok(recovered) = recovered {
            total.recovered.add(recovered);
        }
        printer.print(&found, outcome)?;
    }
    printer.finish(&total)?;
    if total.left > 0 {
        let detail = format!("{} with records that are not archived", of(total.left, "batch stays", "batches stay"));
        return Err(Failure::refused("recover everything", detail).into());
    }
    undeleted.map_or(Ok(()), |failure| Err(failure.into()))
}

/// Prints what became of batches. That nobody reads it any more is no reason to leave the others where they are.
struct OutcomePrinter {
    output: Output,
    lines: Lines,
    columns: Columns<7>,
    has_reader: bool,
}

impl OutcomePrinter {
    fn new(output: Output) -> Self {
        let columns = Columns::new(["ARCHIVED", "THERE BEFORE", "SUPERSEDED", "FAILED", "STREAM", "OBJECT", "WHY NOT"]);
        Self { output, lines: Lines::default(), columns, has_reader: true }
    }

    fn print(&mut self, found: &Found, outcome: OutcomeJson) -> Result<(), CommandError> {
        let printed = match self.output {
            _ if !self.has_reader => Ok(()),
            Output::Json => {
                let line = self.lines.json(&BatchJson { outcome: Some(outcome), ..BatchJson::from(found) });
                line.and_then(|()| self.lines.flush())
            }
            Output::Table => self.columns.row(outcome_row(found, &outcome)).and_then(|()| self.columns.flush()),
        };
        self.heed(printed)
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

    fn finish(mut self, total: &Total) -> Result<(), CommandError> {
        if self.output == Output::Json {
            return Ok(());
        }
        if self.has_reader {
            let printed = std::mem::replace(&mut self.columns, Columns::new([""; 7])).finish();
            self.heed(printed)?;
        }
        output::tell(&summary(total))
    }
}

fn summary(total: &Total) -> String {
    let Recovered { archived, present, superseded, skipped, failed, .. } = total.recovered;
    let mut summary = format!("{} archived, {} there before", of(archived, "record", "records"), of(present, "was", "were"));
    for (number, what) in [(superseded, "superseded by newer ones"), (skipped, "replays left out"), (failed, "failed")] {
        if number > 0 {
            summary.push_str(&format!(", {} {what}", count(u64::try_from(number).unwrap_or(u64::MAX))));
        }
    }
    summary.push_str(&format!("; {} done, {} deleted", of(total.done, "batch", "batches"), total.deleted));
    for (number, what) in [(total.left, "left"), (total.others, "passed over that are no batches")] {
        if number > 0 {
            summary.push_str(&format!(", {number} {what}"));
        }
    }
    summary
}

fn row(found: &Found, times: &TimeContext) -> [String; 6] {
    let object = printable(&found.object.name).into_owned();
    match &found.batch {
        Ok(batch) => {
            let pointer = if batch.event.is_none() { "; only a pointer into the stream" } else { "" };
            [
                batch.given_up_at.map(|at| times.long(at)).unwrap_or_else(|| "–".to_owned()),
                batch.stream.stream_name().to_string(),
                printable(&batch.shard_id).into_owned(),
                batch.records.map_or_else(|| "–".to_owned(), count),
                printable(&format!("{}{pointer}", batch.reason())).into_owned(),
                object,
            ]
        }
        Err(problem) => {
            let dash = || "–".to_owned();
            [dash(), dash(), dash(), dash(), printable(problem.sentence()).into_owned(), object]
        }
    }
}

fn outcome_row(found: &Found, outcome: &OutcomeJson) -> [String; 7] {
    let dash = || "–".to_owned();
    let stream = found.batch.as_ref().map_or_else(|_| dash(), |batch| batch.stream.stream_name().to_string());
    let number = |number: Option<usize>| number.map_or_else(dash, |number| number.to_string());
    let failed = if found.batch.is_ok() && outcome.failed.is_none() { "all".to_owned() } else { number(outcome.failed) };
    let [object, reason] = [found.object.name.as_str(), outcome.reason.as_deref().unwrap_or_default()];
    let [object, reason] = [object, reason].map(|text| printable(text).into_owned());
    [number(outcome.archived), number(outcome.present), number(outcome.superseded), failed, stream, object, reason]
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
                has_records: Some(batch.event.is_some()),
                problem: None,
                outcome: None,
            },
            Err(problem) => Self { object, size_bytes, problem: Some(problem.sentence().to_owned()), ..Self::default() },
        }
    }
}

impl OutcomeJson {
    fn new(recovered: &Result<Recovered, String>) -> Self {
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
