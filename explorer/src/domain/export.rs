//! Writing records to a file: which, where to, and in which form.

use super::decode::Recipe;
use super::reading::ReadOrder;
use super::record::{Record, RecordId};
use archiver::stream::StreamName;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportOrder {
    /// Which records.
    pub what: Exports,
    /// The stream they were put into, where that is known.
    pub stream: Option<StreamName>,
    /// The file; it must not be there yet.
    pub path: PathBuf,
    /// Its format.
    pub format: ExportFormat,
    /// How payloads are written.
    pub form: PayloadForm,
}

/// Which records are exported.
#[derive(Clone, Debug, PartialEq)]
pub enum Exports {
    /// These.
    These {
        /// How their payloads are decoded.
        recipe: Recipe,
        /// The records.
        records: Vec<Arc<Record>>,
    },
    /// All that are found, read anew.
    Matching {
        /// What is read.
        order: Box<ReadOrder>,
        /// What is left out all the same.
        except: BTreeSet<RecordId>,
    },
}

/// How an exported file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON object a line; it can be opened again.
    #[default]
    JsonLines,
    /// A table with a heading.
    Csv,
}

/// How payloads are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadForm {
    /// As base64, every byte as it was put into the stream.
    Base64,
    /// As what they decode to where that is JSON or text, otherwise as base64.
    Decoded,
    /// Both.
    #[default]
    Both,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records written.
    pub records: u64,
    /// Bytes written for them, the heading included.
    pub bytes: u64,
}

impl ExportFormat {
    /// The format that a file's name asks for: CSV for `.csv`, otherwise JSON Lines.
    #[must_use]
    pub fn of_path(path: &Path) -> Self {
        let is_csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        if is_csv { Self::Csv } else { Self::JsonLines }
    }
}
