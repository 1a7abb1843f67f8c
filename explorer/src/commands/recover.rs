//! `explorer recover`.

mod archiving;
mod printing;

use super::interrupt::{Prints, interruptible};
use super::progress::Meter;
use super::{CommandError, Output, local_times, output};
use crate::aws::bucket::Object;
use crate::aws::connect::Connection;
use crate::domain::failed_batch::{FailedBatch, InvalidFailedBatch};
use crate::domain::failure::Failure;
use crate::domain::text::{printable, size};
use crate::failures::{FailurePlace, FailureStore};
use crate::recovery::{Recovery, is_of_the_connection};
use archiver::aws_failure::FailureKind;
use archiver::stream::StreamName;
use archiving::Archiving;
use clap::Args;
use futures::StreamExt as _;
use output::{Columns, Lines};
use printing::{BatchJson, OutcomePrinter, grouped, of, row};
use std::path::PathBuf;

/// Batches read at once; each may have 6 MB, and as much again while it is taken apart.
const READ_AHEAD: usize = 2;
/// Beginnings of batches read at once.
const BEGINNINGS_AHEAD: usize = 32;
/// Bytes in which everything stands that Lambda tells of a batch; its names and the function's error have limits far below.
const BEGINNING_BYTES: u64 = 8 * 1024;
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
    /// Only what this function failed at: its name or its ARN
    #[arg(long)]
    function: Option<String>,
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

/// An object, and what it holds.
struct Found {
    object: Object,
    batch: Result<FailedBatch, Problem>,
}

/// The same with the batch's event, where it has one and all was read.
type Read = (Found, Option<String>);

/// How much of an object is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// What tells of the batch, where it stands at the beginning.
    Beginning,
    /// All.
    Whole,
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

    /// The folder to be listed, where no more is asked for: that needs no AWS.
    pub(super) fn only_lists_folder(&self) -> Option<PathBuf> {
        match &self.place {
            FailurePlace::Folder(folder) if !self.archive => Some(folder.clone()),
            FailurePlace::Folder(_) | FailurePlace::Bucket { .. } => None,
        }
    }
}

pub(super) async fn run(connection: Connection, request: Request, output: Output) -> Result<(), CommandError> {
    let store = match request.place.clone() {
        FailurePlace::Bucket { name, prefix } => FailureStore::Bucket(connection.bucket(name, prefix)?),
        FailurePlace::Folder(folder) => FailureStore::Folder(folder),
    };
    if !request.archive {
        return list(store, request, output).await;
    }
    let objects = store.list().await?;
    if objects.is_empty() {
        return print_nothing(&request.place, output);
    }
    output::confirm(&request.question(&objects, &connection.region), request.yes)?;
    let stopped = Err(CommandError::Stopped("stopped; what was archived is archived, run it again for the rest"));
    interruptible(archive(connection, store, objects, request, output), Prints::OnlyASummary, stopped).await
}

/// Lists what is in a folder, as [`run`] does.
pub(super) async fn list_folder(folder: PathBuf, request: Request, output: Output) -> Result<(), CommandError> {
    list(FailureStore::Folder(folder), request, output).await
}

async fn list(store: FailureStore, request: Request, output: Output) -> Result<(), CommandError> {
    let objects = store.list().await?;
    if objects.is_empty() {
        return print_nothing(&request.place, output);
    }
    let stopped = Err(CommandError::Stopped("stopped before all was listed"));
    interruptible(list_objects(store, objects, request, output), Prints::Everything, stopped).await
}

fn print_nothing(place: &FailurePlace, output: Output) -> Result<(), CommandError> {
    match output {
        Output::Table => output::print(&printable(&format!("there is nothing in {place}"))),
        Output::Json => Ok(()),
    }
}

/// Reads the objects, some ahead, in their order. What cannot be read is told of the object; only where nothing can be reached it ends.
fn read(store: FailureStore, objects: Vec<Object>, extent: Extent) -> impl futures::Stream<Item = Result<Read, Failure>> {
    // Tasks of their own, which go on reading while a batch is archived.
    let reads = objects.into_iter().map(move |object| {
        let store = store.clone();
        async move { tokio::spawn(async move { read_one(&store, object, extent).await }).await }
    });
    let ahead = match extent {
        Extent::Beginning => BEGINNINGS_AHEAD,
        Extent::Whole => READ_AHEAD,
    };
    let read = futures::stream::iter(reads).buffered(ahead);
    let crashed = |error: tokio::task::JoinError| Err(Failure::refused("read on", error.to_string()));
    read.filter_map(move |read| std::future::ready(read.unwrap_or_else(crashed).transpose()))
}

/// `None` for what is gone since it was listed: somebody else has recovered it.
async fn read_one(store: &FailureStore, object: Object, extent: Extent) -> Result<Option<Read>, Failure> {
    if object.size_bytes > MAX_BATCH_BYTES {
        let problem = format!("it has {}, which no batch has", size(object.size_bytes));
        return Ok(Some((Found { object, batch: Err(Problem::Unreadable(problem)) }, None)));
    }
    let (batch, event) = match read_batch(store, &object, extent).await {
        Ok(Ok((batch, event))) => (Ok(batch), event),
        Ok(Err(error @ InvalidFailedBatch::SomethingElse)) => (Err(Problem::NoBatch(error.to_string())), None),
        Ok(Err(error)) => (Err(Problem::Unreadable(error.to_string())), None),
        Err(failure) if is_of_the_connection(failure.kind) => return Err(failure),
        Err(failure) if failure.kind == FailureKind::NotFound && object.size_bytes > 0 => return Ok(None),
        Err(failure) => (Err(Problem::Unreadable(failure.to_string())), None),
    };
    Ok(Some((Found { object, batch }, event)))
}

/// Without the event where a beginning was enough.
async fn read_batch(
    store: &FailureStore,
    object: &Object,
    extent: Extent,
) -> Result<Result<(FailedBatch, Option<String>), InvalidFailedBatch>, Failure> {
    if extent == Extent::Beginning && object.size_bytes > BEGINNING_BYTES {
        let beginning = store.read(&object.name, Some(BEGINNING_BYTES)).await?;
        if let Some(batch) = FailedBatch::parse_beginning(&beginning) {
            return Ok(Ok((batch, None)));
        }
    }
    Ok(FailedBatch::parse(&store.read(&object.name, None).await?))
}

impl Request {
    /// Whether it is asked for. What is no batch is of no stream; what cannot be read may be of any.
    fn wants(&self, found: &Found) -> bool {
        match &found.batch {
            Ok(batch) => {
                let is_of_stream = self.stream.as_ref().is_none_or(|stream| batch.stream.stream_name() == stream);
                is_of_stream && self.function.as_deref().is_none_or(|function| is_named(&batch.function, function))
            }
            Err(Problem::Unreadable(_)) => true,
            Err(Problem::NoBatch(_)) => self.stream.is_none() && self.function.is_none(),
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

/// Whether a function's ARN is this one, or has this name: `arn:aws:lambda:<region>:<account>:function:<name>`, maybe with a version.
fn is_named(arn: &str, function: &str) -> bool {
    arn == function || arn.split(':').nth(6) == Some(function)
}

async fn list_objects(store: FailureStore, objects: Vec<Object>, request: Request, output: Output) -> Result<(), CommandError> {
    let times = local_times();
    let (mut batches, mut records, mut others) = (0, 0, 0);
    let mut lines = Lines::default();
    let mut columns = Columns::new(["GIVEN UP", "STREAM", "SHARD", "RECORDS", "WHY", "OBJECT"]);
    let mut meter = Meter::beside_results();
    let all = objects.len();
    let mut reads = std::pin::pin!(read(store, objects, Extent::Beginning).enumerate());
    while let Some((before, read)) = reads.next().await {
        let (found, _) = read?;
        meter.show(|| read_of(before + 1, all));
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
    meter.clear();
    match output {
        Output::Json => lines.flush(),
        Output::Table if batches + others == 0 => output::print("nothing there is of this stream or function"),
        Output::Table => {
            columns.finish()?;
            let others = if others > 0 { format!(", and {}", of(others, "other object", "other objects")) } else { String::new() };
            let batches = of(batches, "batch", "batches");
            let records = of(records, "record", "records");
            output::tell(&format!("{batches}, {records}{others}; the function's log says what each failed for"))?;
            output::tell("When the cause is mended, archive them: the same with --archive")
        }
    }
}

/// How far it is, in words.
fn read_of(read: usize, all: usize) -> String {
    format!("{} of {}", grouped(read), of(all, "object", "objects"))
}

async fn archive(
    connection: Connection,
    store: FailureStore,
    objects: Vec<Object>,
    request: Request,
    output: Output,
) -> Result<(), CommandError> {
    let mut archiving = Archiving::new(Recovery::new(&connection)?, store.clone(), request.keep);
    let mut printer = OutcomePrinter::new(output);
    let mut meter = Meter::beside_results();
    let all = objects.len();
    let mut reads = std::pin::pin!(read(store, objects, Extent::Whole).enumerate());
    while archiving.ended.is_none()
        && let Some((before, read)) = reads.next().await
    {
        match read {
            Ok((found, event)) if request.wants(&found) => {
                let outcome = archiving.archive(&found, event.as_deref()).await;
                printer.print(&found, outcome)?;
            }
            Ok(_) => {}
            Err(failure) => archiving.ended = Some(failure),
        }
        let archived = || of(archiving.total.recovered.archived, "record", "records");
        meter.show(|| format!("{}, {} archived", read_of(before + 1, all), archived()));
    }
    meter.clear();
    printer.finish(&archiving.total)?;
    Ok(archiving.finish()?)
}
