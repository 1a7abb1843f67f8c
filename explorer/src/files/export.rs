//! Writing records to a file or to any other place, one after the other. A file appears under its name only when it is whole.

use super::csv_row::{self, COLUMNS};
use super::record_json::RecordJson;
use crate::domain::decode::Recipe;
use crate::domain::export::{ExportFormat, Exported, PayloadForm};
use crate::domain::payload::NoPayload;
use crate::domain::record::Record;
use archiver::stream::StreamName;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// Bytes gathered before they are written.
const BUFFER_BYTES: usize = 256 * 1024;

/// How records are exported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExportOptions {
    /// What the file looks like.
    pub format: ExportFormat,
    /// How payloads are in it.
    pub payload: PayloadForm,
    /// How payloads are decoded.
    pub recipe: Recipe,
    /// The stream that the records were put into, where that is known.
    pub stream: Option<StreamName>,
}

/// Why records could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of this name is there.
    #[error("cannot write {}: it exists already; choose another name, or ask for it to be replaced", .0.display())]
    Exists(PathBuf),
    /// Whoever read what is written has gone.
    #[error("nobody reads what is exported any more")]
    NobodyReads,
    /// The disk is full or fails, or the folder cannot be written to.
    #[error("cannot write {target}: {source}")]
    Io {
        /// Where to.
        target: String,
        /// What came of it.
        source: io::Error,
    },
}

/// Takes records and writes them. Dropped before it is finished, it leaves no file.
pub struct ExportSink {
    writer: BufWriter<Box<dyn Write + Send>>,
    target: Target,
    options: ExportOptions,
    exported: Exported,
    line: Vec<u8>,
}

enum Target {
    /// A name for messages.
    Anywhere(String),
    File {
        path: PathBuf,
        /// What is written to until it is whole.
        partial: TempPath,
        file: File,
        replaces: bool,
    },
}

impl std::fmt::Debug for ExportSink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ExportSink").field("target", &self.target.name()).field("exported", &self.exported).finish()
    }
}

impl ExportSink {
    /// Exports to a file, which is written under another name until it is whole. One that is there is replaced only where that is
    /// asked for.
    ///
    /// # Errors
    /// When the file exists, or none can be made there.
    pub fn to_file(path: &Path, replaces: bool, options: ExportOptions) -> Result<Self, ExportError> {
        if !replaces && path.symlink_metadata().is_ok() {
            return Err(ExportError::Exists(path.to_owned()));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let failed = |source| ExportError::Io { target: partial.display().to_string(), source };
        let file = File::options().write(true).create(true).truncate(false).open(&partial).map_err(failed)?;
        // What an export that was killed has left is taken over; one that still runs holds the lock.
        file.try_lock().map_err(|error| {
            failed(match error {
                TryLockError::WouldBlock => io::Error::new(io::ErrorKind::ResourceBusy, "another export is writing it"),
                TryLockError::Error(error) => error,
            })
        })?;
        file.set_len(0).map_err(failed)?;
        let partial_path = TempPath::try_from_path(&partial).map_err(failed)?;
        let writer: Box<dyn Write + Send> = Box::new(file.try_clone().map_err(failed)?);
        let target = Target::File { path: path.to_owned(), partial: partial_path, file, replaces };
        Self::begin(writer, target, options)
    }

    /// Exports to anything that takes bytes, with its name for messages: `standard output`.
    ///
    /// # Errors
    /// When it takes none.
    pub fn to_writer(writer: Box<dyn Write + Send>, name: &str, options: ExportOptions) -> Result<Self, ExportError> {
        Self::begin(writer, Target::Anywhere(name.to_owned()), options)
    }

    fn begin(writer: Box<dyn Write + Send>, target: Target, options: ExportOptions) -> Result<Self, ExportError> {
        let writer = BufWriter::with_capacity(BUFFER_BYTES, writer);
        let mut sink = Self { writer, target, options, exported: Exported::default(), line: Vec::new() };
        if sink.options.format == ExportFormat::Csv {
            let written = csv_row::write_line(&mut sink.line, COLUMNS.map(Into::into)).and_then(|()| sink.write_out());
            written.map_err(|source| sink.failed(source))?;
        }
        Ok(sink)
    }

    /// Exports a record with its payload, or why there is none.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, record: &Record, payload: Result<Vec<u8>, NoPayload>) -> Result<(), ExportError> {
        let json = RecordJson::new(self.options.stream.as_ref(), record, payload, (&self.options.recipe, self.options.payload));
        let formed = match self.options.format {
            ExportFormat::JsonLines => {
                let formed = serde_json::to_writer(&mut self.line, &json).map_err(io::Error::from);
                self.line.push(b'\n');
                formed
            }
            ExportFormat::Csv => csv_row::write_line(&mut self.line, csv_row::cells(&json)),
        };
        formed.and_then(|()| self.write_out()).map_err(|source| self.failed(source))?;
        self.exported.records += 1;
        Ok(())
    }

    /// What was exported so far.
    #[must_use]
    pub fn exported(&self) -> Exported {
        self.exported
    }

    /// Hands on what is still gathered, so that whoever reads along sees it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&mut self) -> Result<(), ExportError> {
        self.writer.flush().map_err(|source| self.failed(source))
    }

    /// Writes what is left, and gives a file its name when it is safely on the disk.
    ///
    /// # Errors
    /// When it cannot be written, or a file of this name has appeared.
    pub fn finish(mut self) -> Result<Exported, ExportError> {
        self.flush()?;
        let Target::File { path, partial, file, replaces } = self.target else {
            return Ok(self.exported);
        };
        let failed = |source| ExportError::Io { target: path.display().to_string(), source };
        file.sync_all().map_err(failed)?;
        let named = if replaces { partial.persist(&path) } else { partial.persist_noclobber(&path) };
        match named {
            Ok(()) => Ok(self.exported),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Err(ExportError::Exists(path)),
            Err(error) => Err(failed(error.error)),
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.line)?;
        self.exported.bytes += self.line.len() as u64;
        self.line.clear();
        Ok(())
    }

    fn failed(&self, source: io::Error) -> ExportError {
        match source.kind() {
            io::ErrorKind::BrokenPipe => ExportError::NobodyReads,
            _ => ExportError::Io { target: self.target.name(), source },
        }
    }
}

impl Target {
    fn name(&self) -> String {
        match self {
            Self::Anywhere(name) => name.clone(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }
}
