//! `explorer records`, and how records are printed.

use super::output::{self, Columns, Lines};
use super::progress::Meter;
use super::reading::{Sequence, Taker, complete, read};
use super::selection::{Chosen, NamedSource, Payloads, RecordSource, SelectionArguments};
use super::{CommandError, Output, local_times};
use crate::domain::decode::Recipe;
use crate::domain::export::{ExportColumns, PayloadForm};
use crate::domain::record::Record;
use crate::domain::record::preview::{preview, preview_of};
use crate::domain::text::printable;
use crate::domain::time::TimeContext;
use crate::files::columns_json::ColumnsJson;
use crate::files::record_json::RecordJson;
use crate::terminal;
use clap::Args;

/// Width of the payload's beginning in a table, in columns. On a wider terminal it takes what the other columns leave.
const PREVIEW_COLUMNS: usize = 60;

/// How much of a payload's beginning is of use in a table.
pub(super) fn preview_columns() -> usize {
    terminal::stdout_columns().map_or(PREVIEW_COLUMNS, |columns| columns.max(PREVIEW_COLUMNS))
}

/// Which records, and how to print them.
#[derive(Args, Clone, Debug)]
pub(super) struct RecordsArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// Print records as they are found: sooner, but in no order
    #[arg(long)]
    unordered: bool,
    /// Print only these columns: fields of JSON payloads (id,customer.city) or of the record (partition_key,arrived_at)
    #[arg(long, value_name = "NAMES")]
    columns: Option<ExportColumns>,
}

/// The same, interpreted.
#[derive(Clone, Debug)]
pub(super) struct RecordsRequest {
    chosen: Chosen,
    unordered: bool,
    columns: Option<ExportColumns>,
}

impl RecordsRequest {
    /// Whether records are printed before everything is read.
    pub(super) fn prints_at_once(&self) -> bool {
        self.unordered || self.chosen.filter.key().is_some()
    }
}

impl RecordsArguments {
    /// Interprets the arguments.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn understood(&self) -> Result<(NamedSource, RecordsRequest), CommandError> {
        let (source, chosen) = self.selection.understood()?;
        Ok((source, RecordsRequest { chosen, unordered: self.unordered, columns: self.columns.clone() }))
    }
}

/// Prints the selected records.
pub(super) async fn run(source: RecordSource, request: RecordsRequest, output: Output) -> Result<(), CommandError> {
    let RecordsRequest { chosen, unordered, columns } = request;
    let opened = chosen.open(source).await?;
    let mut printer = Printer::new(opened.payloads.clone(), columns, output);
    let meter = if unordered { Meter::beside_results() } else { Meter::before_results() };
    let progress = read(&opened, Sequence { as_found: unordered, limit: chosen.limit }, &mut printer, meter).await?;
    printer.finish()?;
    if output == Output::Table && progress.matched == 0 {
        output::tell("no record matches")?;
    }
    complete(&opened, &progress)
}

/// Prints records, each on a line.
pub(super) struct Printer {
    payloads: Payloads,
    times: TimeContext,
    /// These columns only, if some were chosen.
    columns: Option<ExportColumns>,
    form: Form,
}

enum Form {
    Json(Lines),
    /// With the columns of a payload that are shown.
    Table(Box<Columns>, usize),
}

impl Printer {
    /// For records with these payloads.
    pub(super) fn new(payloads: Payloads, columns: Option<ExportColumns>, output: Output) -> Self {
        let form = match output {
            Output::Json => Form::Json(Lines::default()),
            Output::Table => {
                let table = match &columns {
                    None => Columns::new(["ARRIVED", "KEY", "SEQUENCE NUMBER", "SHARD", "SIZE", "PAYLOAD"]),
                    Some(columns) => Columns::new(columns.iter().map(ToString::to_string)),
                };
                Form::Table(Box::new(table), preview_columns())
            }
        };
        Self { payloads, times: local_times(), columns, form }
    }

    /// Prints the rest.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        match self.form {
            Form::Json(mut lines) => lines.flush(),
            Form::Table(columns, _) => columns.finish(),
        }
    }
}

impl Taker for Printer {
    async fn take(&mut self, record: &Record) -> Result<(), CommandError> {
        let Payloads { stream, recipe, .. } = &self.payloads;
        if let Some(columns) = &self.columns {
            let payload = self.payloads.of(record).await?;
            let json = RecordJson::new(stream.as_ref(), record, payload, (recipe, PayloadForm::Both));
            let chosen = ColumnsJson::new(&json, columns);
            return match &mut self.form {
                Form::Json(lines) => lines.json(&chosen),
                Form::Table(table, _) => table.row(&chosen.texts()),
            };
        }
        match &mut self.form {
            Form::Json(lines) => {
                let payload = self.payloads.of(record).await?;
                lines.json(&RecordJson::new(stream.as_ref(), record, payload, (recipe, PayloadForm::Both)))
            }
            Form::Table(columns, preview_columns) => {
                let payload = match recipe {
                    // Formats are recognised by the beginning.
                    Recipe::Detected => preview(record, *preview_columns),
                    Recipe::Steps(_) => {
                        let payload = self.payloads.of(record).await?;
                        preview_of(&record.decode(payload, recipe, 0), *preview_columns)
                    }
                };
                columns.row(&row(record, payload, &self.times))
            }
        }
    }

    fn flush(&mut self) -> Result<(), CommandError> {
        match &mut self.form {
            Form::Json(lines) => lines.flush(),
            Form::Table(columns, _) => columns.flush(),
        }
    }
}

fn row(record: &Record, payload: String, times: &TimeContext) -> [String; 6] {
    [
        record.arrived_at.map_or_else(|| "–".to_owned(), |at| times.long(at)),
        printable(&record.id.partition_key).into_owned(),
        printable(&record.id.sequence_number).into_owned(),
        record.item.shard_id.as_deref().map_or("–".to_owned(), |shard| printable(shard).into_owned()),
        record.size(),
        payload,
    ]
}
