//! `explorer export`.

use super::output;
use super::progress::Meter;
use super::reading::{Sequence, Taker, complete, read};
use super::selection::{Chosen, NamedSource, Opened, Payloads, RecordSource, SelectionArguments};
use super::{CommandError, Output};
use crate::domain::export::{ExportColumns, ExportFormat, Exported, PayloadForm};
use crate::domain::failure::Failure;
use crate::domain::record::Record;
use crate::domain::text::{counted, size};
use crate::files::{ExportError, ExportOptions, ExportSink, is_standard_output};
use crate::terminal;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to check whether a pipe has a reader.
const PIPE_INTERVAL: Duration = Duration::from_millis(50);

/// Which records, and where to write them.
#[derive(Args, Clone, Debug)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// File to write, or - for standard output. Only you can read a new file (mode 600); devices and pipes are written directly
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// File format [default: by the extension .jsonl, .ndjson, .json or .csv]
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,
    /// How to write payloads
    #[arg(long, value_enum, default_value_t = PayloadArgument::Both)]
    payload: PayloadArgument,
    /// Write CSV for Excel: with a byte order mark, and an apostrophe before values that Excel would turn into numbers or dates
    #[arg(long)]
    excel: bool,
    /// Write only these columns: fields of JSON payloads (id,customer.city) or of the record (partition_key,arrived_at)
    #[arg(long, value_name = "NAMES")]
    columns: Option<ExportColumns>,
    /// Replace an existing file. It keeps its mode; a symbolic link stays, and its target is replaced
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArgument {
    /// One JSON object per line, which --file can read
    Jsonl,
    /// For spreadsheets
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PayloadArgument {
    /// The original bytes, in base64
    Base64,
    /// As JSON or text if possible, otherwise in base64
    Decoded,
    /// Both of these
    Both,
}

/// The same, interpreted.
#[derive(Clone, Debug)]
pub(super) struct ExportRequest {
    chosen: Chosen,
    pub(super) to: Destination,
    format: ExportFormat,
    payload: PayloadForm,
    for_excel: bool,
    columns: Option<ExportColumns>,
}

/// Where to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Destination {
    StandardOutput,
    File { path: PathBuf, replaces: bool },
}

/// What was exported, as JSON.
#[derive(Debug, Serialize)]
struct ExportedJson {
    file: String,
    /// `jsonl` or `csv`.
    format: &'static str,
    /// Records written.
    records: u64,
    /// Bytes written.
    bytes: u64,
    /// Items read for them.
    read: u64,
    /// Read units that DynamoDB counted.
    read_units: f64,
    /// Records that the filter could not search.
    unsearchable: u64,
}

impl ExportArguments {
    /// Interprets the arguments.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn understood(&self) -> Result<(NamedSource, ExportRequest), CommandError> {
        let to = if self.to == Path::new("-") || is_standard_output(&self.to) {
            Destination::StandardOutput
        } else {
            Destination::File { path: self.to.clone(), replaces: self.overwrite }
        };
        let format = match self.format {
            Some(FormatArgument::Jsonl) => ExportFormat::JsonLines,
            Some(FormatArgument::Csv) => ExportFormat::Csv,
            None => ExportFormat::of_path(&self.to)
                .map_err(|error| CommandError::Usage(format!("{error}; choose one with --format")))?,
        };
        if self.excel && format != ExportFormat::Csv {
            return Err(CommandError::Usage("--excel is for CSV; add --format csv, or name the file .csv".to_owned()));
        }
        let payload = match self.payload {
            PayloadArgument::Base64 => PayloadForm::Base64,
            PayloadArgument::Decoded => PayloadForm::Decoded,
            PayloadArgument::Both => PayloadForm::Both,
        };
        let (source, chosen) = self.selection.understood()?;
        let request = ExportRequest { chosen, to, format, payload, for_excel: self.excel, columns: self.columns.clone() };
        Ok((source, request))
    }
}

pub(super) async fn run(source: RecordSource, request: ExportRequest, output: Output) -> Result<(), CommandError> {
    let ExportRequest { chosen, to, format, payload, for_excel, columns } = request;
    let opened = chosen.open(source).await?;
    let Payloads { stream, recipe, .. } = opened.payloads.clone();
    let options = ExportOptions { format, payload, recipe, stream, columns, for_excel };
    let (sink, meter) = match &to {
        Destination::StandardOutput => {
            (ExportSink::to_writer(terminal::exported(), output::STANDARD_OUTPUT, options)?, Meter::beside_results())
        }
        Destination::File { path, replaces } => {
            refuse_source(&opened, path)?;
            (sink_to(path, *replaces, options).await?, Meter::before_results())
        }
    };
    let mut exporter = Exporter { payloads: &opened.payloads, sink, is_printed: to == Destination::StandardOutput };
    // Without a limit, the order does not matter: reading the file again sorts the records.
    let sequence = Sequence { as_found: chosen.limit.is_none(), limit: chosen.limit };
    let progress = read(&opened, sequence, &mut exporter, meter).await?;
    let Exported { records, bytes } = exporter.sink.finish()?;
    let Destination::File { path, .. } = to else {
        return complete(&opened, &progress);
    };
    let file = path.display().to_string();
    match output {
        Output::Table => output::print(&format!("exported {}, {}, to {file}", counted(records, "record", "records"), size(bytes)))?,
        Output::Json => output::print_json(&ExportedJson {
            file,
            format: match format {
                ExportFormat::JsonLines => "jsonl",
                ExportFormat::Csv => "csv",
            },
            records,
            bytes,
            read: progress.read,
            read_units: progress.units,
            unsearchable: progress.unsearchable,
        })?,
    }
    complete(&opened, &progress)
}

/// Opens the file. Like a shell, it waits for the reader of a named pipe, until ctrl-c.
async fn sink_to(path: &Path, replaces: bool, options: ExportOptions) -> Result<ExportSink, CommandError> {
    let mut is_told = false;
    loop {
        match ExportSink::to_file(path, replaces, options.clone()) {
            Err(ExportError::NobodyReadsPipe(_)) => {
                if !std::mem::replace(&mut is_told, true) {
                    output::tell(&format!("waiting for a reader of {}; press ctrl-c to stop", path.display()))?;
                }
                tokio::time::sleep(PIPE_INTERVAL).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// Refuses to export a file over itself, under any name, even with `--overwrite`.
fn refuse_source(opened: &Opened, to: &Path) -> Result<(), CommandError> {
    let is_source = opened.source.file().zip(to.metadata().ok()).is_some_and(|(from, to)| {
        let from = from.metadata();
        from.is_file() && (from.dev(), from.ino()) == (to.dev(), to.ino())
    });
    if is_source {
        return Err(Failure::refused("export", format!("{} is the file that is being read", to.display())).into());
    }
    Ok(())
}

struct Exporter<'o> {
    payloads: &'o Payloads,
    sink: ExportSink,
    is_printed: bool,
}

impl Taker for Exporter<'_> {
    async fn take(&mut self, record: &Record) -> Result<(), CommandError> {
        let payload = self.payloads.of(record).await?;
        Ok(self.sink.write(record, payload)?)
    }

    fn flush(&mut self) -> Result<(), CommandError> {
        // A file appears only when it is complete.
        if self.is_printed { Ok(self.sink.flush()?) } else { Ok(()) }
    }
}
