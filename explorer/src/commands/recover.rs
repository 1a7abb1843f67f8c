//! `explorer recover`.

mod archiving;
mod choice;
mod printing;
mod reading;

use super::interrupt::{Prints, Stop, interruptible, stoppable};
use super::progress::Meter;
use super::{CommandError, Output, local_times, output};
use crate::aws::bucket::Bucket;
use crate::aws::bucket::Object;
use crate::aws::connect::Connection;
use crate::domain::text::printable;
use crate::recovery::Recovery;
use crate::recovery::failures::{FailurePlace, FailureStore};
use archiver::format::stream::StreamName;
use archiving::Archiving;
use choice::Choice;
use clap::Args;
use futures::StreamExt as _;
use output::{Columns, Lines};
use printing::{BatchJson, OutcomePrinter, Total, grouped, of, row, summary};
use reading::{Extent, Found, Problem, read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// What to recover, and how.
#[derive(Args, Clone, Debug)]
pub(super) struct RecoverArguments {
    /// Failure destination: s3://BUCKET (everything below aws/lambda/, where Lambda writes), s3://BUCKET/PREFIX, or a folder or file
    /// with copies of its objects
    #[arg(value_name = "PLACE")]
    place: FailurePlace,
    /// Only batches of this stream, by name or ARN
    #[arg(long)]
    stream: Option<StreamName>,
    /// Only batches of this function, by name or ARN; with a version or alias, only batches of that one
    #[arg(long)]
    function: Option<String>,
    /// Archive the records, and delete batches whose records are all archived [default: only list the batches]
    #[arg(long)]
    archive: bool,
    /// Keep archived batches instead of deleting them
    #[arg(long, requires = "archive")]
    keep: bool,
    /// Do not ask for confirmation
    #[arg(long, requires = "archive")]
    yes: bool,
}

impl RecoverArguments {
    /// Whether it writes or deletes something.
    pub(super) fn changes_something(&self) -> bool {
        self.archive
    }

    /// Whether it deletes archived batches.
    pub(super) fn deletes(&self) -> bool {
        self.archive && !self.keep
    }

    /// The folder, if it only has to be listed: that needs no AWS.
    pub(super) fn only_lists_folder(&self) -> Option<PathBuf> {
        match &self.place {
            FailurePlace::Folder(folder) if !self.archive => Some(folder.clone()),
            FailurePlace::Folder(_) | FailurePlace::Bucket { .. } => None,
        }
    }

    /// Whether the object is wanted. What is not a batch has no stream or function; what cannot be read may belong to any.
    fn wants(&self, found: &Found) -> bool {
        match &found.batch {
            Ok(batch) => {
                let is_of_stream = self.stream.as_ref().is_none_or(|stream| match stream.arn() {
                    Some(arn) => batch.stream.stream_arn() == arn.stream_arn(),
                    None => batch.stream.stream_name() == stream,
                });
                is_of_stream && self.function.as_deref().is_none_or(|function| batch.is_of_function(function))
            }
            Err(Problem::NoBatch(_)) => self.stream.is_none() && self.function.is_none(),
            Err(Problem::Unreadable(_)) => true,
        }
    }

    fn nothing_there(&self) -> String {
        format!("nothing found in {}", self.place)
    }

    fn nothing_of_these(&self) -> String {
        let stream = self.stream.as_ref().map(|stream| format!(" of stream {stream}"));
        let function = self.function.as_ref().map(|function| format!(" of function {function}"));
        let whose = [stream, function].into_iter().flatten().collect::<Vec<_>>().join(" and");
        format!("no batches{whose} in {}", self.place)
    }

    fn question(&self, choice: &Choice, region: &str) -> String {
        let then = if self.keep { "" } else { ", and delete the batches whose records are all archived" };
        let (what, place) = (choice.sentence(), &self.place);
        printable(&format!("Archive {what} in {place}, in region {region}{then}?")).into_owned()
    }
}

pub(super) async fn run(connection: Connection, arguments: RecoverArguments, output: Output) -> Result<(), CommandError> {
    let store = match arguments.place.clone() {
        FailurePlace::Bucket { name, prefix } => FailureStore::Bucket(Bucket::open(&connection, &name, prefix)?),
        FailurePlace::Folder(folder) => FailureStore::Folder(folder),
    };
    if !arguments.archive {
        return list(store, arguments, output).await;
    }
    let objects = store.list().await?;
    if objects.is_empty() {
        return print_nothing(&arguments.nothing_there(), output);
    }
    let choice = choose(&store, objects, &arguments, Meter::before_results(), |_| Ok(())).await?;
    if choice.is_empty() {
        return print_nothing(&arguments.nothing_of_these(), output);
    }
    // Batches of another function were not the archiver's to archive, even if it archives the same stream.
    if let Some(functions) = choice.several_functions() {
        let sentence = format!("there are batches of several functions: {functions}; choose one by its ARN with --function");
        return Err(CommandError::Usage(sentence));
    }
    if !choice.batches.is_empty() {
        output::confirm(&arguments.question(&choice, &connection.region), arguments.yes)?;
    }
    let total = Arc::new(Mutex::new(Total { unfinished: choice.batches.len(), ..Total::default() }));
    let work = Work { connection, store, choice, keeps: arguments.keep, output, total: Arc::clone(&total) };
    let ended = stoppable(|stop| work.archive(stop), stopped()).await;
    if output == Output::Table {
        output::tell(&summary(&total.lock().unwrap_or_else(PoisonError::into_inner)))?;
    }
    ended
}

fn stopped() -> CommandError {
    CommandError::Stopped("stopped; archived records stay archived, run it again for the rest")
}

/// Finds the wanted objects, and hands each on as it is found.
async fn choose(
    store: &FailureStore,
    objects: Vec<Object>,
    arguments: &RecoverArguments,
    mut meter: Meter,
    mut take: impl FnMut(&Found) -> Result<(), CommandError>,
) -> Result<Choice, CommandError> {
    let mut choice = Choice::default();
    let all = objects.len();
    let mut reads = std::pin::pin!(read(store.clone(), objects, Extent::Beginning));
    while let Some((place, read)) = reads.next().await {
        let (found, _) = read?;
        meter.show(|| format!("{} of {}", grouped(place + 1), of(all, "object", "objects")));
        if arguments.wants(&found) {
            take(&found)?;
            choice.add(found);
        }
    }
    Ok(choice)
}

/// Lists the batches in a folder, as [`run`] does.
pub(super) async fn list_folder(folder: PathBuf, arguments: RecoverArguments, output: Output) -> Result<(), CommandError> {
    list(FailureStore::Folder(folder), arguments, output).await
}

async fn list(store: FailureStore, arguments: RecoverArguments, output: Output) -> Result<(), CommandError> {
    let stopped = Err(CommandError::Stopped("stopped; the list is incomplete"));
    interruptible(list_objects(store, arguments, output), Prints::Everything, stopped).await
}

fn print_nothing(sentence: &str, output: Output) -> Result<(), CommandError> {
    match output {
        Output::Table => output::print(&printable(sentence)),
        Output::Json => Ok(()),
    }
}

async fn list_objects(store: FailureStore, arguments: RecoverArguments, output: Output) -> Result<(), CommandError> {
    let objects = store.list().await?;
    if objects.is_empty() {
        return print_nothing(&arguments.nothing_there(), output);
    }
    let times = local_times();
    let mut lines = Lines::default();
    let mut columns = Columns::new(["GIVEN UP", "STREAM", "SHARD", "RECORDS", "WHY", "OBJECT"]);
    let print = |found: &Found| match output {
        Output::Json => lines.json(&BatchJson::from(found)),
        Output::Table => columns.row(&row(found, &times)),
    };
    let choice = choose(&store, objects, &arguments, Meter::beside_results(), print).await?;
    match output {
        Output::Json => lines.flush(),
        Output::Table if choice.is_empty() => print_nothing(&arguments.nothing_of_these(), output),
        Output::Table => {
            columns.finish()?;
            choice.groups().iter().try_for_each(|group| output::tell(group))?;
            output::tell(&format!("{}{}", choice.sentence(), choice.others_sentence()))?;
            if choice.batches.is_empty() {
                return Ok(());
            }
            let which = if choice.several_functions().is_some() { " --function ARN" } else { "" };
            let archive = format!("Fix the cause, then archive them: run the same command with --archive{which}");
            output::tell(&format!("The function's log says why each batch failed. {archive}"))
        }
    }
}

/// The batches to archive, and how.
struct Work {
    connection: Connection,
    store: FailureStore,
    choice: Choice,
    keeps: bool,
    output: Output,
    /// The result so far, in case the work is stopped.
    total: Arc<Mutex<Total>>,
}

impl Work {
    async fn archive(mut self, mut stop: Stop) -> Result<(), CommandError> {
        let share = |told: &Total| *self.total.lock().unwrap_or_else(PoisonError::into_inner) = told.clone();
        let mut printer = OutcomePrinter::new(self.output, self.choice.widths);
        let mut archiving = Archiving::new(Recovery::new(&self.connection)?, self.store.clone(), self.keeps);
        for (object, problem) in std::mem::take(&mut self.choice.others) {
            let outcome = archiving.pass_over(&problem);
            printer.print(&Found { object, batch: Err(problem) }, outcome)?;
        }
        let batches = std::mem::take(&mut self.choice.batches);
        let all = batches.len();
        archiving.total.unfinished = all;
        share(&archiving.total);
        let mut meter = Meter::before_results();
        let mut reads = std::pin::pin!(read(self.store, batches, Extent::Whole));
        let ending = loop {
            let sentence = archiving.sentence(all);
            let Some(next) = stop.unless_stopped(meter.waiting(&sentence, reads.next())).await else {
                break Err(stopped());
            };
            let Some((place, read)) = next else {
                archiving.total.unfinished = 0;
                break Ok(());
            };
            let (found, event) = match read {
                Ok(read) => read,
                Err(failure) => break Err(failure.into()),
            };
            let outcome = match &found.batch {
                Ok(batch) if self.choice.includes(batch) => {
                    let recovering = meter.waiting(&sentence, archiving.recover(batch, event.as_deref()));
                    let Some(recovered) = stop.unless_stopped(recovering).await else {
                        break Err(stopped());
                    };
                    // Not stoppable, so that deleted batches are always reported.
                    archiving.settle(&found.object, batch, recovered).await
                }
                Ok(_) => archiving.leave("it has changed since it was listed, and is now of another stream or function"),
                Err(problem) => archiving.pass_over(problem),
            };
            archiving.total.unfinished = all - place - 1;
            share(&archiving.total);
            // The row goes to the same terminal.
            meter.clear();
            printer.print(&found, outcome)?;
            meter.show(|| archiving.sentence(all));
            if let Some(failure) = archiving.ended.take() {
                break Err(failure.into());
            }
        };
        share(&archiving.total);
        meter.clear();
        printer.finish()?;
        ending.and_then(|()| archiving.finish().map_err(CommandError::from))
    }
}
