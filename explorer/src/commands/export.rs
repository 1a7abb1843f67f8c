//! `explorer export`.

use super::output::{self, Stdout};
use super::progress::Meter;
use super::reading::{Sequence, Taker, read};
use super::selection::{Chosen, Opened, Payloads, Selection};
use super::{CommandError, Output};
use crate::aws::connect::Connection;
use crate::domain::export::{ExportFormat, Exported, PayloadForm};
use crate::domain::failure::Failure;
use crate::domain::record::Record;
use crate::domain::text::{count, size};
use crate::files::{ExportOptions, ExportSink};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Which records, and where to.
#[derive(Args, Clone, Debug)]
pub(super) struct Request {
    #[command(flatten)]
    pub(super) selection: Selection,
    /// The file to write, or - for standard output
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// How it is written; by its name when not given
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// How payloads are written
    #[arg(long, value_enum, default_value_t = Payload::Both)]
    payload: Payload,
    /// Replace a file that is there
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
        let to = if self.to == Path::new("-") {
            To::StandardOutput
        } else {
            To::File { path: self.to.clone(), replaces: self.overwrite }
        };
        let format = match self.format {
            Some(Format::Jsonl) => ExportFormat::JsonLines,
            Some(Format::Csv) => ExportFormat::Csv,
            None => ExportFormat::of_path(&self.to),
        };
        let payload = match self.payload {
            Payload::Base64 => PayloadForm::Base64,
            Payload::Decoded => PayloadForm::Decoded,
            Payload::Both => PayloadForm::Both,
        };
        Ok(Wanted { chosen: self.selection.understood()?, to, format, payload })
    }
}

pub(super) async fn run(connection: Option<Connection>, wanted: Wanted, output: Output) -> Result<(), CommandError> {
    let Wanted { chosen, to, format, payload } = wanted;
    let opened = chosen.open(connection.as_ref()).await?;
    let Payloads { stream, recipe, .. } = opened.payloads.clone();
    let options = ExportOptions { format, payload, recipe, stream };
    let (sink, meter) = match &to {
        To::StandardOutput => (ExportSink::to_writer(Box::new(Stdout), output::STANDARD_OUTPUT, options)?, Meter::beside_results()),
        To::File { path, replaces } => {
            refuse_source(&opened, path)?;
            (ExportSink::to_file(path, *replaces, options)?, Meter::before_results())
        }
    };
    let mut exporter = Exporter { payloads: &opened.payloads, sink, is_printed: to == To::StandardOutput };
    // Without a limit it does not matter in which order they are: whoever reads them again orders them.
    let sequence = Sequence { as_found: chosen.limit.is_none(), limit: chosen.limit };
    let progress = read(&opened, sequence, &mut exporter, meter).await?;
    let Exported { records, bytes } = exporter.sink.finish()?;
    let To::File { path, .. } = to else {
        return Ok(());
    };
    let file = path.display().to_string();
    match output {
        Output::Table => output::print(&format!("{} records, {}, are in {file}", count(records), size(bytes))),
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
        }),
    }
}

/// A file is not exported over itself, whatever was said of replacing.
fn refuse_source(opened: &Opened, to: &Path) -> Result<(), CommandError> {
    let is_source = opened.file().is_some_and(|from| match (from.canonicalize(), to.canonicalize()) {
        (Ok(from), Ok(to)) => from == to,
        _ => false,
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
