//! `explorer records` and `explorer get`.

use super::{CommandError, Output, Range, archive_of, local_times, output};
use crate::aws::archive::{get as get_record, read_page};
use crate::aws::connect::Connection;
use crate::aws::payload::read_payload;
use crate::domain::decode::Layer;
use crate::domain::detail::preview;
use crate::domain::page::PageQuery;
use crate::domain::payload::NoPayload;
use crate::domain::record::Record;
use crate::domain::replay::NewestOf;
use crate::domain::text::{printable, size};
use crate::domain::time::expiry;
use archiver::stream::StreamName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Columns of a payload's beginning in a table.
const PREVIEW_COLUMNS: usize = 60;

/// A record as JSON.
#[derive(Debug, Serialize)]
struct RecordJson {
    partition_key: String,
    sequence_number: Option<String>,
    /// Its place in the aggregated record it comes from.
    sub_sequence_number: Option<u64>,
    shard_id: Option<String>,
    /// Epoch seconds with their fraction.
    approximate_arrival_timestamp: Option<Box<RawValue>>,
    /// The same as RFC 3339, UTC.
    arrived_at: Option<String>,
    last_update: Option<String>,
    /// Epoch seconds.
    expire_after: Option<i64>,
    /// `whole`, `gzip`, `parts` or `gzip parts`.
    stored_as: Option<&'static str>,
    /// Bytes of the payload.
    size_bytes: Option<u64>,
    /// The payload in base64, however it is stored.
    data: Option<String>,
    /// What was recognised, outermost first.
    encoding: Vec<&'static str>,
    /// The payload: a JSON value where it is one, a text where it is text, otherwise null.
    payload: Option<Payload>,
    /// What is wrong with the item.
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Payload {
    Json(Box<RawValue>),
    Text(String),
}

impl RecordJson {
    fn new(record: &Record, payload: Result<Vec<u8>, NoPayload>) -> Self {
        let item = &record.item;
        let data = match (&payload, record.stored_as()) {
            // As it stands there, whatever it is.
            (_, Some("whole")) => item.data.clone(),
            (Ok(payload), _) => Some(STANDARD.encode(payload)),
            (Err(_), _) => None,
        };
        let decoded = record.decode(payload);
        let text = || decoded.text().map(str::to_owned);
        let payload = match decoded.kind() {
            // Several JSON values after one another are no JSON value, but a text.
            Layer::Json => text().map(|text| RawValue::from_string(on_one_line(&text)).map_or(Payload::Text(text), Payload::Json)),
            Layer::Text => text().map(Payload::Text),
            Layer::Base64 | Layer::StoredGzip | Layer::Gzip | Layer::Binary | Layer::NotReadable => None,
        };
        let mut problems = item.problems.clone();
        problems.extend(decoded.note.clone());
        Self {
            partition_key: record.id.partition_key.clone(),
            sequence_number: item.sequence_number.as_ref().map(ToString::to_string),
            sub_sequence_number: item.sub_sequence_number,
            shard_id: item.shard_id.clone(),
            approximate_arrival_timestamp: item.arrival.as_ref().and_then(|at| RawValue::from_string(at.to_string()).ok()),
            arrived_at: record.arrived_at.map(|at| at.to_string()),
            last_update: item.last_update.clone(),
            expire_after: item.expire_after,
            stored_as: record.stored_as(),
            size_bytes: decoded.payload_size,
            data,
            encoding: decoded.layers.iter().filter(|layer| **layer != Layer::StoredGzip).map(|layer| layer.as_str()).collect(),
            payload,
            problems,
        }
    }
}

/// JSON as it was written, but for the ends of lines, which stand only between its parts: inside a text they would be escaped.
fn on_one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

pub(super) async fn list(connection: &Connection, stream: &StreamName, range: Range, output: Output) -> Result<(), CommandError> {
    let filter = range.filter()?;
    let (_, table, mode) = archive_of(connection, stream).await?;
    let mut query = PageQuery { table: table.name, mode, filter, from: None };
    let mut newest = NewestOf::new(range.limit.map(NonZeroUsize::get));
    loop {
        let page = read_page(connection, &query).await?;
        page.records.into_iter().for_each(|record| newest.push(Arc::new(record)));
        query.from = page.next;
        if query.from.is_none() {
            break;
        }
    }
    let records = newest.into_newest_first();
    match output {
        Output::Json => {
            for record in &records {
                let payload = payload_of(connection, stream, record).await?;
                output::print_json(&RecordJson::new(record, payload))?;
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
        Output::Json => output::print_json(&RecordJson::new(&record, payload)),
        Output::Table => print_record(&record, payload),
    }
}

fn print_record(record: &Record, payload: Result<Vec<u8>, NoPayload>) -> Result<(), CommandError> {
    let decoded = record.decode(payload);
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
    let lines = crate::domain::detail::lay_out(&decoded, crate::domain::detail::View::Pretty, usize::MAX);
    lines.iter().try_for_each(|line| output::print(&line.iter().map(|(_, text)| text.as_str()).collect::<String>()))
}
