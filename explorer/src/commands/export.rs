//! `explorer export`.

use super::output;
use super::progress::Meter;
use super::reading::{Sequence, Taker, complete, read};
use super::selection::{Chosen, Opened, Payloads, Selection};
use super::{CommandError, Output};
use crate::aws::connect::Connection;
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
pub(super) struct Request {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// The file to write, or - for standard output. A new file is for you alone (mode 600); devices and pipes are written as they are
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// How it is written; without it the name says so: .jsonl, .ndjson, .json or .csv
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How payloads are written
    #[arg(long, value_enum, default_value_t = Payload::Both)]
    payload: Payload,
    /// Write CSV for Excel: with a byte order mark, and an apostrophe before what it would take for a number or a date
    #[arg(long)]
    excel: bool,
    /// Replace a file that is there. It keeps its mode; a link stays, and what it leads to is replaced
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line, which can be read again
    Jsonl,
    /// For spreadsheets
    Csv,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Payload {
    /// Every byte as it was put into the stream
    Base64,
    /// As JSON or text where it is that, otherwise in base64
    Decoded,
    /// Both
    Both,
}

/// The same, understood.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) chosen: Chosen,
    pub(super) to: To,
    format: ExportFormat,
    payload: PayloadForm,
    for_excel: bool,
}

/// Where to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum To {
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

impl Request {
    /// Understands it.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(super) fn understood(&self) -> Result<Wanted, CommandError> {
        let to = if self.to == Path::new("-") || is_standard_output(&self.to) {
            To::StandardOutput
        } else {
            To::File { path: self.to.clone(), replaces: self.overwrite }
        };
        let format = match self.format {
            Some(Format::Jsonl) => ExportFormat::JsonLines,
            Some(Format::Csv) => ExportFormat::Csv,
            None => ExportFormat::of_path(&self.to)
                .map_err(|error| CommandError::Usage(format!("{error}; choose one with --format")))?,
        };
        if self.excel && format != ExportFormat::Csv {
            return Err(CommandError::Usage("--excel is for CSV; add --format csv, or name the file .csv".to_owned()));
        }
        let payload = match self.payload {
            Payload::Base64 => PayloadForm::Base64,
            Payload::Decoded => PayloadForm::Decoded,
            Payload::Both => PayloadForm::Both,
        };
        Ok(Wanted { chosen: self.selection.understood()?, to, format, payload, for_excel: self.excel })
    }
}

pub(super) async fn run(connection: Option<Connection>, wanted: Wanted, output: Output) -> Result<(), CommandError> {
    let Wanted { chosen, to, format, payload, for_excel } = wanted;
    let opened = chosen.open(connection.as_ref()).await?;
    let Payloads { stream, recipe, .. } = opened.payloads.clone();
    let options = ExportOptions { format, payload, recipe, stream, for_excel };
    let (sink, meter) = match &to {
        To::StandardOutput => {
            (ExportSink::to_writer(terminal::exported(), output::STANDARD_OUTPUT, options)?, Meter::beside_results())
        }
        To::File { path, replaces } => {
            refuse_source(&opened, path)?;
            (sink_to(path, *replaces, options).await?, Meter::before_results())
        }
    };
    let mut exporter = Exporter { payloads: &opened.payloads, sink, is_printed: to == To::StandardOutput };
    // Without a limit it does not matter in which order they are: whoever reads them again orders them.
    let sequence = Sequence { as_found: chosen.limit.is_none(), limit: chosen.limit };
    let progress = read(&opened, sequence, &mut exporter, meter).await?;
    let Exported { records, bytes } = exporter.sink.finish()?;
    let To::File { path, .. } = to else {
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
    let is_source = opened.file.as_ref().zip(to.metadata().ok()).is_some_and(|(from, to)| {
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
