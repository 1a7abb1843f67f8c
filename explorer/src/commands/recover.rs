//! `explorer recover`.

use super::interrupt::{Prints, interruptible};
use super::{CommandError, Output, local_times, output};
use crate::aws::bucket::Object;
use crate::aws::connect::Connection;
use crate::domain::failed_batch::FailedBatch;
use crate::domain::failure::Failure;
use crate::domain::text::{count, size};
use crate::domain::time::TimeContext;
use crate::failures::{FailurePlace, FailureStore};
use crate::recovery::{Recovered, Recovery};
use archiver::stream::StreamName;
use clap::Args;
use futures::StreamExt as _;
use jiff::Timestamp;
use output::{Columns, Lines};
use serde::Serialize;

/// Batches read at once; each may have 6 MB, and as much again while it is taken apart.
const READ_AHEAD: usize = 4;

/// What is to be recovered, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct Request {
    /// The failure destination: s3://BUCKET, s3://BUCKET/PREFIX, or a folder with copies of its objects
    #[arg(value_name = "PLACE")]
    place: FailurePlace,
    /// Only what is of this stream
    #[arg(long)]
    stream: Option<StreamName>,
    /// Archive the records; without it the batches are only listed
    #[arg(long)]
    archive: bool,
    /// Keep the batches whose records are all archived; without it they are deleted
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
    has_records: bool,
    /// Why it cannot be read, as a sentence.
    problem: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    outcome: Option<OutcomeJson>,
}

/// What became of a batch, as JSON.
#[derive(Debug, Serialize)]
struct OutcomeJson {
    archived: usize,
    present: usize,
    superseded: usize,
    skipped: usize,
    /// Not in the archive; null where the batch failed as a whole.
    failed: Option<usize>,
    /// Why not.
    reason: Option<String>,
    deleted: bool,
}

/// An object, and what it holds.
struct Found {
    object: Object,
    batch: Result<FailedBatch, String>,
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
        return output_nothing(output);
    }
    if request.archive {
        let bytes = objects.iter().map(|object| object.size_bytes).sum();
        let then = if request.keep { "" } else { ", and delete those whose records are all archived" };
        let question = format!("Archive the records of {} objects ({}){then}?", count_of(&objects), size(bytes));
        output::confirm(&question, request.yes)?;
        let stopped = Err(CommandError::Stopped("stopped; what was archived is archived, run it again for the rest"));
        return interruptible(archive(connection, store, objects, request, output), Prints::OnlyASummary, stopped).await;
    }
    let stopped = Err(CommandError::Stopped("stopped before all was listed"));
    interruptible(list(store, objects, request, output), Prints::Everything, stopped).await
}

fn count_of<T>(things: &[T]) -> String {
    count(u64::try_from(things.len()).unwrap_or(u64::MAX))
}

fn output_nothing(output: Output) -> Result<(), CommandError> {
    match output {
        Output::Table => output::print("nothing was given up"),
        Output::Json => Ok(()),
    }
}

/// Reads the objects, some ahead, in their order.
fn read<'s>(store: &'s FailureStore, objects: Vec<Object>) -> impl futures::Stream<Item = Result<Found, Failure>> + 's {
    let reads = objects.into_iter().map(move |object| async move {
        let content = store.read(&object.name).await?;
        let batch = FailedBatch::parse(&content).map_err(|error| error.to_string());
        Ok(Found { object, batch })
    });
    futures::stream::iter(reads).buffered(READ_AHEAD)
}

impl Request {
    /// Whether it is asked for. What cannot be read is of no stream.
    fn wants(&self, found: &Found) -> bool {
        match (&self.stream, &found.batch) {
            (None, _) => true,
            (Some(stream), Ok(batch)) => batch.stream.stream_name() == stream,
            (Some(_), Err(_)) => false,
        }
    }
}

async fn list(store: FailureStore, objects: Vec<Object>, request: Request, output: Output) -> Result<(), CommandError> {
    let times = local_times();
    let (mut batches, mut records, mut unreadable) = (0, 0, 0);
    let mut lines = Lines::default();
    let mut columns = Columns::new(["GIVEN UP", "STREAM", "SHARD", "RECORDS", "WHY", "OBJECT"]);
    let mut found = std::pin::pin!(read(&store, objects));
    while let Some(found) = found.next().await.transpose()? {
        if !request.wants(&found) {
            continue;
        }
        match &found.batch {
            Ok(batch) => (batches, records) = (batches + 1, records + batch.records),
            Err(_) => unreadable += 1,
        }
        match output {
            Output::Json => lines.json(&BatchJson::from(&found))?,
            Output::Table => columns.row(row(&found, &times))?,
        }
    }
    match output {
        Output::Json => lines.flush(),
        Output::Table if batches + unreadable == 0 => output::print("nothing was given up of this stream"),
        Output::Table => {
            columns.finish()?;
            let others = if unreadable > 0 { format!(", and {} other objects", count(unreadable)) } else { String::new() };
            output::tell(&format!(
                "{} batches, {} records{others}; the function's log says what each failed for",
                count(batches),
                count(records)
            ))?;
            output::tell("When the cause is mended, archive them: the same with --archive")
        }
    }
}

async fn archive(
    connection: Connection,
    store: FailureStore,
    objects: Vec<Object>,
    request: Request,
    output: Output,
) -> Result<(), CommandError> {
    let mut recovery = Recovery::new(&connection)?;
    let mut total = Recovered::default();
    let mut left = 0;
    let mut columns = Columns::new(["ARCHIVED", "THERE BEFORE", "SUPERSEDED", "FAILED", "STREAM", "OBJECT", "WHY NOT"]);
    let mut lines = Lines::default();
    let mut found = std::pin::pin!(read(&store, objects));
    while let Some(found) = found.next().await.transpose()? {
        if !request.wants(&found) {
            continue;
        }
        let recovered = match &found.batch {
            Ok(batch) => recovery.recover(batch).await.map_err(|error| error.to_string()),
            Err(problem) => Err(problem.clone()),
        };
        let is_done = recovered.as_ref().is_ok_and(|recovered| recovered.failed == 0);
        let deleted = is_done && !request.keep;
        if deleted {
            store.delete(&found.object.name).await?;
        }
        if let Ok(recovered) = &recovered {
            total.add(recovered.clone());
        }
        left += u64::from(!is_done);
        match output {
            Output::Json => {
                lines.json(&BatchJson { outcome: Some(OutcomeJson::new(&recovered, deleted)), ..BatchJson::from(&found) })?;
                lines.flush()?;
            }
            Output::Table => {
                columns.row(outcome_row(&found, &recovered))?;
                columns.flush()?;
            }
        }
    }
    if output == Output::Table {
        columns.finish()?;
        output::tell(&summary(&total))?;
    }
    if left > 0 {
        let detail = format!("{} of the objects stay where they are, with records that are not archived", count(left));
        return Err(Failure::refused("recover everything", detail).into());
    }
    Ok(())
}

fn summary(total: &Recovered) -> String {
    let number = |number: usize| count(u64::try_from(number).unwrap_or(u64::MAX));
    let mut summary = format!("{} records archived, {} were there before", number(total.archived), number(total.present));
    for (count, what) in
        [(total.superseded, "superseded by newer ones"), (total.skipped, "replays left out"), (total.failed, "failed")]
    {
        if count > 0 {
            summary.push_str(&format!(", {} {what}", number(count)));
        }
    }
    summary
}

fn row(found: &Found, times: &TimeContext) -> [String; 6] {
    let object = found.object.name.clone();
    match &found.batch {
        Ok(batch) => {
            let pointer = if batch.event.is_none() { "; only a pointer into the stream" } else { "" };
            [
                batch.given_up_at.map(|at| times.long(at)).unwrap_or_else(|| "–".to_owned()),
                batch.stream.stream_name().to_string(),
                batch.shard_id.clone(),
                count(batch.records),
                format!("{}{pointer}", batch.reason()),
                object,
            ]
        }
        Err(problem) => ["–".to_owned(), "–".to_owned(), "–".to_owned(), "–".to_owned(), problem.clone(), object],
    }
}

fn outcome_row(found: &Found, recovered: &Result<Recovered, String>) -> [String; 7] {
    let stream = found.batch.as_ref().map_or_else(|_| "–".to_owned(), |batch| batch.stream.stream_name().to_string());
    let object = found.object.name.clone();
    match recovered {
        Ok(recovered) => {
            let [archived, present, superseded, failed] =
                [recovered.archived, recovered.present, recovered.superseded, recovered.failed].map(|number| number.to_string());
            [archived, present, superseded, failed, stream, object, recovered.reason.clone().unwrap_or_default()]
        }
        Err(reason) => {
            let dash = || "–".to_owned();
            let failed = if found.batch.is_ok() { "all".to_owned() } else { dash() };
            [dash(), dash(), dash(), failed, stream, object, reason.clone()]
        }
    }
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
                records: Some(batch.records),
                first_sequence_number: Some(batch.first_sequence_number.clone()),
                last_sequence_number: Some(batch.last_sequence_number.clone()),
                first_arrival: text(batch.first_arrival),
                last_arrival: text(batch.last_arrival),
                has_records: batch.event.is_some(),
                problem: None,
                outcome: None,
            },
            Err(problem) => Self { object, size_bytes, problem: Some(problem.clone()), ..Self::default() },
        }
    }
}

impl OutcomeJson {
    fn new(recovered: &Result<Recovered, String>, deleted: bool) -> Self {
        match recovered {
            Ok(Recovered { archived, present, superseded, skipped, failed, reason }) => Self {
                archived: *archived,
                present: *present,
                superseded: *superseded,
                skipped: *skipped,
                failed: Some(*failed),
                reason: reason.clone(),
                deleted,
            },
            Err(reason) => {
                Self { archived: 0, present: 0, superseded: 0, skipped: 0, failed: None, reason: Some(reason.clone()), deleted }
            }
        }
    }
}
