//! `explorer records` and `explorer get`.

use super::{CommandError, Output, Range, archive_of, local_times, output};
use crate::aws::archive::get as get_record;
use crate::aws::connect::Connection;
use crate::aws::payload::read_payload;
use crate::domain::decode::Recipe;
use crate::domain::document::{Document, Form};
use crate::domain::export::PayloadForm;
use crate::domain::payload::NoPayload;
use crate::domain::preview::preview;
use crate::domain::reading::{ArchiveSource, Position, ReadBatch, ReadEnding, ReadOrder, Source};
use crate::domain::record::Record;
use crate::domain::replay::NewestOf;
use crate::domain::text::{printable, size};
use crate::domain::time::expiry;
use crate::files::record_json::RecordJson;
use crate::sources;
use archiver::stream::StreamName;
use std::num::NonZeroUsize;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Columns of a payload's beginning in a table.
const PREVIEW_COLUMNS: usize = 60;

pub(super) async fn list(connection: &Connection, stream: &StreamName, range: Range, output: Output) -> Result<(), CommandError> {
    let filter = range.filter()?;
    let (_, table, mode) = archive_of(connection, stream).await?;
    let source = Source::Archive(ArchiveSource { stream: stream.clone(), about_bytes: table.size_bytes, table: table.name, mode });
    let order = ReadOrder { source, filter, recipe: Recipe::default(), from: Position::Beginning };
    let mut newest = NewestOf::new(range.limit.map(NonZeroUsize::get));
    let (batches, mut waiting) = mpsc::channel::<ReadBatch>(4);
    let (_stop, stopped) = watch::channel(false);
    let gathering = async {
        while let Some(batch) = waiting.recv().await {
            batch.records.into_iter().for_each(|record| newest.push(Arc::new(record)));
        }
    };
    match tokio::join!(sources::read(Some(connection), &order, batches, stopped), gathering) {
        (ReadEnding::Failed(failure, _), ()) => return Err(failure.into()),
        (ReadEnding::Complete | ReadEnding::Stopped(_), ()) => {}
    }
    let records = newest.into_newest_first();
    match output {
        Output::Json => {
            for record in &records {
                let payload = payload_of(connection, stream, record).await?;
                output::print_json(&RecordJson::new(Some(stream), record, payload, PayloadForm::Both))?;
            }
            Ok(())
        }
        Output::Table => {
            let heading = ["ARRIVED", "KEY", "SEQUENCE NUMBER", "SHARD", "SIZE", "PAYLOAD"];
            let mut rows = vec![heading.map(str::to_owned).to_vec()];
            rows.extend(records.iter().map(|record| row(record)));
            output::print_table(&rows)
        }
    }
}

/// The payload, or why the archive does not hold it; what cannot be read for now is no property of the record and ends the command.
async fn payload_of(
    connection: &Connection,
    stream: &StreamName,
    record: &Record,
) -> Result<Result<Vec<u8>, NoPayload>, CommandError> {
    match read_payload(connection, stream, record).await {
        Err(NoPayload::Failed(failure)) => Err(failure.into()),
        payload => Ok(payload),
    }
}

fn row(record: &Record) -> Vec<String> {
    let arrived = record.arrived_at.map_or_else(|| "–".to_owned(), |at| local_times().long(at));
    vec![
        arrived,
        printable(&record.id.partition_key).into_owned(),
        printable(&record.id.sequence_number).into_owned(),
        record.item.shard_id.as_deref().map_or("–".to_owned(), |shard| printable(shard).into_owned()),
        record.size(),
        preview(record, PREVIEW_COLUMNS),
    ]
}

pub(super) async fn get(
    connection: &Connection,
    stream: &StreamName,
    key: &str,
    sequence_number: Option<&str>,
    output: Output,
) -> Result<(), CommandError> {
    if key.is_empty() {
        return Err(CommandError::Usage("the key is empty; a partition key has at least one character".to_owned()));
    }
    let (_, table, mode) = archive_of(connection, stream).await?;
    let record = get_record(connection, &table.name, mode, key, sequence_number).await?;
    let Some(record) = record else {
        let number = sequence_number.map(|number| format!(" and sequence number {number}")).unwrap_or_default();
        return Err(CommandError::NotFound(format!("table {} holds no record of key {key}{number}", table.name)));
    };
    let payload = payload_of(connection, stream, &record).await?;
    match output {
        Output::Json => output::print_json(&RecordJson::new(Some(stream), &record, payload, PayloadForm::Both)),
        Output::Table => print_record(&record, payload),
    }
}

fn print_record(record: &Record, payload: Result<Vec<u8>, NoPayload>) -> Result<(), CommandError> {
    let decoded = record.decode(payload, &Recipe::default(), 0);
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
    rows.extend(item.sub_sequence_number.map(|place| ("place", crate::domain::text::place_in_aggregate(place))));
    rows.extend(record.storage().map(|storage| ("stored", storage)));
    if let Some(expire_after) = item.expire_after {
        rows.push(("expiry", expiry(expire_after, times.now)));
    }
    rows.extend(item.problems.iter().chain(&decoded.note).map(|problem| ("problem", problem.clone())));
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(name, value)| vec![name.to_owned(), printable(&value).into_owned()]).collect();
    output::print_table(&rows)?;
    output::print("")?;
    let form = Form::of(&decoded);
    Document::new(decoded.content, form).lines().try_for_each(|line| output::print(&line))
}
