//! `explorer export`.

use super::output;
use super::progress::Meter;
use super::reading::{Sequence, Taker, complete, read};
use super::selection::{Chosen, NamedSource, Opened, Payloads, RecordSource, SelectionArguments};
use super::{CommandError, Output};
use crate::domain::export::{ExportFormat, Exported, PayloadForm};
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

/// Between two looks whether somebody reads a pipe.
const PIPE_INTERVAL: Duration = Duration::from_millis(50);

/// Which records, and where to.
#[derive(Args, Clone, Debug)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// The file to write, or - for standard output. A new file is for you alone (mode 600); devices and pipes are written as they are
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// How it is written; without it the name says so: .jsonl, .ndjson, .json or .csv
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,
    /// How payloads are written
    #[arg(long, value_enum, default_value_t = PayloadArgument::Both)]
    payload: PayloadArgument,
    /// Write CSV for Excel: with a byte order mark, and an apostrophe before what it would take for a number or a date
    #[arg(long)]
    excel: bool,
    /// Replace a file that is there. It keeps its mode; a link stays, and what it leads to is replaced
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatArgument {
    /// One JSON object a line, which can be read again
    Jsonl,
    /// For spreadsheets
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PayloadArgument {
    /// Every byte as it was put into the stream
    Base64,
    /// As JSON or text where it is that, otherwise in base64
    Decoded,
    /// Both
    Both,
}

/// The same, understood.
#[derive(Clone, Debug)]
pub(super) struct ExportRequest {
    chosen: Chosen,
    pub(super) to: Destination,
    format: ExportFormat,
    payload: PayloadForm,
    for_excel: bool,
}

/// Where to.
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
    /// Records that the filter could not look into.
    unsearchable: u64,
}

impl ExportArguments {
    /// Understands them.
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
        let request = ExportRequest { chosen, to, format, payload, for_excel: self.excel };
        Ok((source, request))
    }
}

pub(super) async fn run(source: RecordSource, request: ExportRequest, output: Output) -> Result<(), CommandError> {
    let ExportRequest { chosen, to, format, payload, for_excel } = request;
    let opened = chosen.open(source).await?;
    let Payloads { stream, recipe, .. } = opened.payloads.clone();
    let options = ExportOptions { format, payload, recipe, stream, for_excel };
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
    // Without a limit it does not matter in which order they are: whoever reads them again orders them.
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

/// Opens the place. A named pipe that nobody reads yet is waited for, as the shell does; ctrl-c ends that.
async fn sink_to(path: &Path, replaces: bool, options: ExportOptions) -> Result<ExportSink, CommandError> {
    let mut is_told = false;
    loop {
        match ExportSink::to_file(path, replaces, options.clone()) {
            Err(ExportError::NobodyReadsPipe(_)) => {
                if !std::mem::replace(&mut is_told, true) {
                    output::tell(&format!("waiting for somebody to read {}; ctrl-c stops", path.display()))?;
                }
                tokio::time::sleep(PIPE_INTERVAL).await;
            }
            opened => return Ok(opened?),
        }
    }
}

/// A file is not exported over itself, whatever was said of replacing and by whatever name.
fn refuse_source(opened: &Opened, to: &Path) -> Result<(), CommandError> {
    let is_source = opened.source.file().zip(to.metadata().ok()).is_some_and(|(from, to)| {
        let from = from.metadata();
        from.is_file() && (from.dev(), from.ino()) == (to.dev(), to.ino())
    });
    if is_source {
        return Err(Failure::refused("export", format!("{} is the file that is read", to.display())).into());
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
        // Nobody waits for a file before it is whole.
        if self.is_printed { Ok(self.sink.flush()?) } else { Ok(()) }
    }
}
