//! `explorer get`.

use super::output::{self, Columns, Lines};
use super::progress::Meter;
use super::reading::{Sequence, Taker, complete, read};
use super::records::preview_columns;
use super::selection::{Chosen, NamedSource, Opened, RecordSource, stream_named};
use super::{CommandError, Output, local_times};
use crate::aws::archive::get as get_record;
use crate::domain::decode::{Beginnings, Decoder, Recipe, is_plain, with_aggregate};
use crate::domain::export::PayloadForm;
use crate::domain::failure::Failure;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::ReadProgress;
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::preview::{preview_of, preview_of_beginning};
use crate::domain::record::show::into_document;
use crate::domain::text::{place_in_aggregate, printable, size};
use crate::domain::time::expiry;
use crate::files::record_json::RecordJson;
use crate::sources::OpenedSource;
use archiver::format::aggregate::Aggregate;
use clap::Args;
use std::path::PathBuf;

/// Which record, and how to print it.
#[derive(Args, Clone, Debug)]
pub(super) struct GetArguments {
    /// Name or ARN of the stream; leave it out with --file
    #[arg(value_name = "STREAM")]
    stream: String,
    /// Partition key
    #[arg(value_name = "KEY", required_unless_present = "file")]
    key: Option<String>,
    /// Sequence number [default: the newest record of the key]
    #[arg(value_name = "SEQUENCE_NUMBER")]
    sequence_number: Option<String>,
    /// Read an exported JSON Lines file instead of an archive, or - for standard input; needs no AWS
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to decode the payload, such as "gzip > msgpack" [default: recognised by content]
    #[arg(long, value_name = "STEPS")]
    decode: Option<Recipe>,
    /// Write only the payload's bytes; with --decode, the decoded bytes
    #[arg(long, conflicts_with = "output")]
    raw: bool,
}

/// The same, interpreted.
#[derive(Clone, Debug)]
pub(super) struct GetRequest {
    chosen: Chosen,
    key: String,
    sequence_number: Option<String>,
    decodes: bool,
    raw: bool,
}

impl GetArguments {
    /// Interprets the arguments.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn understood(&self) -> Result<(NamedSource, GetRequest), CommandError> {
        let (source, key, sequence_number) = match (&self.file, &self.key) {
            (Some(_), Some(_)) if self.sequence_number.is_some() => {
                let sentence = "with --file, name no stream: give the key and, if needed, the sequence number";
                return Err(CommandError::Usage(sentence.to_owned()));
            }
            (Some(file), second) => (NamedSource::File(file.clone()), self.stream.clone(), second.clone()),
            (None, Some(key)) => (NamedSource::Stream(stream_named(&self.stream)?), key.clone(), self.sequence_number.clone()),
            (None, None) => return Err(CommandError::Usage("the partition key is missing".to_owned())),
        };
        if key.is_empty() {
            return Err(CommandError::Usage("the key is empty; a partition key has at least one character".to_owned()));
        }
        let chosen = Chosen {
            filter: RecordFilter::default().with_key(key.clone()),
            recipe: self.decode.clone().unwrap_or_default(),
            limit: None,
        };
        let request = GetRequest { chosen, key, sequence_number, decodes: self.decode.is_some(), raw: self.raw };
        Ok((source, request))
    }
}

pub(super) async fn run(source: RecordSource, request: GetRequest, output: Output) -> Result<(), CommandError> {
    let opened = request.chosen.open(source).await?;
    let (record, progress) = find(&opened, &request).await?;
    let payload = opened.payloads.of(&record).await?;
    let recipe = &opened.payloads.recipe;
    match output {
        _ if request.raw => output::write_payload(&raw(&record, payload, request.decodes.then_some(recipe))?)?,
        Output::Json => {
            output::print_json(&RecordJson::new(opened.payloads.stream.as_ref(), &record, payload, (recipe, PayloadForm::Both)))?;
        }
        Output::Table => print_record(&record, payload, recipe)?,
    }
    complete(&opened, &progress)
}

/// The record, and how far it had to read.
async fn find(opened: &Opened, request: &GetRequest) -> Result<(Record, ReadProgress), CommandError> {
    let GetRequest { key, sequence_number, .. } = request;
    let mut progress = ReadProgress::default();
    let found = match &opened.source {
        OpenedSource::Archive { connection, archive } => {
            get_record(connection, &archive.table, archive.mode, key, sequence_number.as_deref()).await?
        }
        OpenedSource::File(_) => {
            let mut first = First { number: sequence_number.as_deref(), found: None };
            progress = read(opened, Sequence { as_found: false, limit: None }, &mut first, Meter::before_results()).await?;
            if first.found.is_none() {
                complete(opened, &progress)?;
            }
            first.found
        }
    };
    found.map(|record| (record, progress)).ok_or_else(|| {
        let number = sequence_number.as_ref().map(|number| format!(" and sequence number {number}")).unwrap_or_default();
        let place = match &opened.source {
            OpenedSource::Archive { archive, .. } => format!("table {}", archive.table),
            OpenedSource::File(file) => format!("file {}", file.path().display()),
        };
        CommandError::NotFound(format!("{place} has no record with key {key}{number}"))
    })
}

/// Takes the first record with this number, or simply the first.
struct First<'n> {
    number: Option<&'n str>,
    found: Option<Record>,
}

impl Taker for First<'_> {
    async fn take(&mut self, record: &Record) -> Result<(), CommandError> {
        if self.found.is_none() && self.number.is_none_or(|number| record.has_number(number)) {
            self.found = Some(record.clone());
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), CommandError> {
        Ok(())
    }
}

/// The payload's bytes, decoded if there is a recipe.
fn raw(record: &Record, payload: Result<Vec<u8>, NoPayload>, recipe: Option<&Recipe>) -> Result<Vec<u8>, CommandError> {
    let failed = |reason: String| CommandError::from(Failure::refused("write the payload", reason));
    let payload = payload.map_err(|reason| failed(reason.to_string()))?;
    let Some(recipe) = recipe else {
        return Ok(payload);
    };
    let decoded = record.decode(Ok(payload), recipe, 0);
    match decoded.note {
        Some(reason) if !decoded.is_whole => Err(failed(reason)),
        _ => Ok(decoded.content),
    }
}

fn print_record(record: &Record, payload: Result<Vec<u8>, NoPayload>, recipe: &Recipe) -> Result<(), CommandError> {
    let aggregated = payload.as_ref().ok().filter(|payload| !is_plain(payload, true)).cloned();
    let decoded = record.decode(payload, recipe, 0);
    let times = local_times();
    let item = &record.item;
    let mut rows = vec![
        ("key", record.id.partition_key.clone()),
        ("sequence", record.id.sequence_number.clone()),
        ("arrived", record.arrived_at.map_or_else(|| "–".to_owned(), |at| times.long(at))),
        ("shard", item.shard_id.clone().unwrap_or_else(|| "–".to_owned())),
        ("archived", item.last_update.as_ref().map_or_else(|| "–".to_owned(), |at| format!("{at} UTC"))),
        ("size", decoded.payload_size.map_or_else(|| "–".to_owned(), size)),
        ("payload", decoded.breadcrumb()),
    ];
    rows.extend(item.sub_sequence_number.map(|place| ("place", place_in_aggregate(place))));
    rows.extend(record.storage().map(|storage| ("stored", storage)));
    if let Some(expire_after) = item.expire_after {
        rows.push(("expiry", expiry(expire_after, times.now)));
    }
    rows.extend(item.problems.iter().chain(&decoded.note).map(|problem| ("problem", problem.clone())));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), printable(&value).into_owned()]).collect();
    output::print_aligned(&rows)?;
    output::print("")?;
    let print_all = |aggregate: Aggregate<'_>| print_user_records(&aggregate, recipe);
    if let Some(printed) = aggregated.and_then(|payload| with_aggregate(&payload, recipe.to_aggregate(), print_all)) {
        return printed;
    }
    let mut lines = Lines::default();
    into_document(decoded).lines().try_for_each(|line| lines.line(&line))?;
    lines.flush()
}

/// The user records of an aggregated record, as a table.
fn print_user_records(aggregate: &Aggregate<'_>, recipe: &Recipe) -> Result<(), CommandError> {
    let mut columns = Columns::new(["USER RECORD", "KEY", "SIZE", "PAYLOAD"]);
    let recipe = recipe.of_user_record();
    let columns_of_preview = preview_columns();
    let (beginnings, decoder) = (Beginnings::default(), Decoder::default());
    for record in aggregate.user_records() {
        let preview = match recipe {
            // Formats are recognised by the beginning.
            Recipe::Detected => preview_of_beginning(&beginnings.of(record.data, true), columns_of_preview),
            Recipe::Steps(_) => preview_of(&decoder.decode(record.data.to_vec(), false, &recipe, 0), columns_of_preview),
        };
        columns.row(&[
            // People count from 1, as in the breadcrumb.
            record.sub_sequence_number.saturating_add(1).to_string(),
            printable(record.partition_key).into_owned(),
            size(record.data.len() as u64),
            preview,
        ])?;
    }
    columns.finish()
}
