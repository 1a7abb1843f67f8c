//! Exporting records to a file: which records, which file, and in which form.

use super::decode::Recipe;
use super::reading::ReadOrder;
use super::record::{Record, RecordId};
use archiver::format::stream::StreamName;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The order for an export.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportOrder {
    /// Which records.
    pub what: Exports,
    /// The stream they come from, if that is known.
    pub stream: Option<StreamName>,
    /// The file; it must not exist yet.
    pub path: PathBuf,
    pub format: ExportFormat,
    /// How payloads are written.
    pub form: PayloadForm,
}

/// Which records are exported.
#[derive(Clone, Debug, PartialEq)]
pub enum Exports {
    These {
        /// How their payloads are decoded.
        recipe: Recipe,
        records: Vec<Arc<Record>>,
    },
    /// All that match, read from the source again.
    Matching {
        /// What to read.
        order: Box<ReadOrder>,
        /// Records that are left out although they match.
        except: BTreeSet<RecordId>,
    },
}

/// How an exported file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON object per line; it can be opened again.
    #[default]
    JsonLines,
    /// A table with a heading.
    Csv,
}

/// How payloads are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PayloadForm {
    /// The original bytes, in base64.
    Base64,
    /// Decoded, if that is JSON or text, otherwise in base64.
    Decoded,
    /// Both.
    #[default]
    Both,
}

/// The progress of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    /// Records written.
    pub records: u64,
    /// Bytes written, including the heading.
    pub bytes: u64,
}

/// The extension of a file name does not say which format to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("exports end in .jsonl, .ndjson or .json for JSON Lines, or in .csv; .{0} is none of these")]
pub struct UnknownFormat(String);

impl ExportFormat {
    /// The format of a file name: CSV for `.csv`, JSON Lines for `.jsonl`, `.ndjson`, `.json` and names without an extension.
    ///
    /// # Errors
    /// If it has another extension.
    pub fn of_path(path: &Path) -> Result<Self, UnknownFormat> {
        let Some(ending) = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()) else {
            return Ok(Self::JsonLines);
        };
        match ending.as_str() {
            "jsonl" | "ndjson" | "json" => Ok(Self::JsonLines),
            "csv" => Ok(Self::Csv),
            _ => Err(UnknownFormat(ending)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_that_no_export_has_is_refused() {
        for (name, format) in [
            ("orders.jsonl", ExportFormat::JsonLines),
            ("orders.2026.NDJSON", ExportFormat::JsonLines),
            ("orders.json", ExportFormat::JsonLines),
            ("orders", ExportFormat::JsonLines),
            ("/dev/null", ExportFormat::JsonLines),
            ("orders.CSV", ExportFormat::Csv),
        ] {
            assert_eq!(ExportFormat::of_path(Path::new(name)).unwrap(), format, "{name}");
        }
        for name in ["orders.xlsx", "orders.parquet", "orders.jsonl.gz", "orders.", "orders.2026-11-20"] {
            let error = ExportFormat::of_path(Path::new(name)).unwrap_err().to_string();
            assert!(error.starts_with("exports end in .jsonl, .ndjson or .json for JSON Lines, or in .csv; ."), "{error}");
        }
    }
}
