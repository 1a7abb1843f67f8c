//! Writes records to a file or any other target, one after the other. A file appears under its name only when it is complete.

use super::columns_json::ColumnsJson;
use super::csv_row;
use super::error::ExportError;
use super::record_json::RecordJson;
use super::target::Target;
use super::{BYTE_ORDER_MARK, MAX_LINE_BYTES};
use crate::domain::decode::Recipe;
use crate::domain::export::{ExportColumns, ExportFormat, Exported, PayloadForm, RECORD_FIELDS};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::text::plain_json;
use archiver::format::stream::StreamName;
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Bytes collected before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// How records are exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// The format of the file.
    pub format: ExportFormat,
    /// How payloads are represented.
    pub payload: PayloadForm,
    /// How payloads are decoded.
    pub recipe: Recipe,
    /// The stream that the records were put into, if known.
    pub stream: Option<StreamName>,
    /// These columns and no others, if some were chosen.
    pub columns: Option<ExportColumns>,
    /// Whether the CSV is for Excel; then values that it would turn into numbers or dates get an apostrophe.
    pub for_excel: bool,
}

/// Writes records. If it is dropped before it is finished, it leaves no file.
pub struct ExportSink {
    writer: BufWriter<Box<dyn Write + Send>>,
    target: Target,
    options: ExportOptions,
    exported: Exported,
    line: Vec<u8>,
    /// [`MAX_LINE_BYTES`], except in tests.
    pub(super) max_line_bytes: usize,
}

/// A line with a limit on its bytes.
struct Limited<'l> {
    line: &'l mut Vec<u8>,
    left: usize,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl std::fmt::Debug for ExportSink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ExportSink").field("target", &self.target.name()).field("exported", &self.exported).finish()
    }
}

impl ExportSink {
    /// Exports to a file, which has a temporary name until it is complete. An existing file is replaced only on request, and keeps
    /// its mode and its links. A new file is readable only by the user. Devices and pipes are written directly.
    ///
    /// # Errors
    /// When the file exists or cannot be created.
    pub fn to_file(path: &Path, replaces: bool, options: ExportOptions) -> Result<Self, ExportError> {
        let (writer, target) = Target::open(path, replaces)?;
        Self::begin(writer, target, options)
    }

    /// Exports to any writer, with its name for messages: `standard output`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn to_writer(writer: Box<dyn Write + Send>, name: &str, options: ExportOptions) -> Result<Self, ExportError> {
        Self::begin(writer, Target::Through { name: name.to_owned(), is_terminal: false }, options)
    }

    fn begin(writer: Box<dyn Write + Send>, target: Target, options: ExportOptions) -> Result<Self, ExportError> {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, writer);
        // Reserve room for the line end.
        let max_line_bytes = usize::try_from(MAX_LINE_BYTES - 2).unwrap_or(usize::MAX);
        let mut sink = Self { writer, target, options, exported: Exported::default(), line: Vec::new(), max_line_bytes };
        if sink.options.format == ExportFormat::Csv {
            if sink.options.for_excel {
                sink.line.extend(BYTE_ORDER_MARK.bytes());
            }
            let names: Vec<Cow<'_, str>> = match &sink.options.columns {
                None => RECORD_FIELDS.map(Cow::Borrowed).to_vec(),
                Some(columns) => {
                    columns.iter().map(|column| csv_row::text_cell(column.to_string(), sink.options.for_excel)).collect()
                }
            };
            let written = csv_row::write_line(&mut sink.line, names).and_then(|()| sink.write_out());
            written.map_err(|source| sink.failed(source))?;
        }
        Ok(sink)
    }

    /// Exports a record with its payload, or the reason why there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, record: &Record, payload: Result<Vec<u8>, NoPayload>) -> Result<(), ExportError> {
        let formed = match self.options.format {
            ExportFormat::JsonLines => self.form_line(record, payload),
            ExportFormat::Csv => {
                let (json, for_excel) = (self.json(record, payload, self.options.payload), self.options.for_excel);
                match &self.options.columns {
                    None => csv_row::write_line(&mut self.line, csv_row::cells(&json, for_excel)),
                    Some(columns) => csv_row::write_line(&mut self.line, csv_row::cells_of(&json, columns, for_excel)),
                }
            }
        };
        formed.and_then(|()| self.write_out()).map_err(|source| self.failed(source))?;
        self.exported.records += 1;
        Ok(())
    }

    /// Whether it is written to a terminal.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        matches!(self.target, Target::Through { is_terminal: true, .. })
    }

    /// The counts so far.
    #[must_use]
    pub fn exported(&self) -> Exported {
        self.exported
    }

    /// Writes what is buffered, so that readers see it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<(), ExportError> {
        self.writer.flush().map_err(|source| self.failed(source))
    }

    /// Writes the rest. A file gets its name once it is safely on the disk.
    ///
    /// # Errors
    /// When it cannot be written, or a file with this name has appeared.
    pub fn finish(mut self) -> Result<Exported, ExportError> {
        self.flush()?;
        match self.target {
            Target::Through { .. } => Ok(self.exported),
            Target::File(file) => file.finish().map(|()| self.exported),
        }
    }

    /// Formats a line that can be read back. If the line would be too long, it holds the payload only in base64.
    fn form_line(&mut self, record: &Record, payload: Result<Vec<u8>, NoPayload>) -> io::Result<()> {
        if let Some(columns) = &self.options.columns {
            let json = self.json(record, payload, self.options.payload);
            plain_json::write(&mut self.line, &ColumnsJson::new(&json, columns))?;
            self.line.push(b'\n');
            return Ok(());
        }
        let kept = payload.as_ref().ok().cloned();
        let json = self.json(record, payload, self.options.payload);
        let mut line = Limited { line: &mut self.line, left: self.max_line_bytes };
        let mut formed = plain_json::write(&mut line, &json);
        if let (Err(error), Some(payload)) = (&formed, kept)
            && error.kind() == io::ErrorKind::FileTooLarge
        {
            drop(json);
            self.line = Vec::new();
            let json = RecordJson { user_records: None, ..self.json(record, Ok(payload), PayloadForm::Base64) };
            formed = plain_json::write(&mut self.line, &json);
        }
        self.line.push(b'\n');
        formed
    }

    fn json(&self, record: &Record, payload: Result<Vec<u8>, NoPayload>, form: PayloadForm) -> RecordJson {
        RecordJson::new(self.options.stream.as_ref(), record, payload, (&self.options.recipe, form))
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.line)?;
        self.exported.bytes += self.line.len() as u64;
        self.line.clear();
        // Do not keep the memory of one huge record.
        self.line.shrink_to(BUFFER_BYTES);
        Ok(())
    }

    fn failed(&self, source: io::Error) -> ExportError {
        ExportError::at(self.target.name(), source)
    }
}
