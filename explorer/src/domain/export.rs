//! Exporting records to a file: which records, which file, and in which form.

use super::decode::Recipe;
use super::fields::{FieldPath, InvalidColumns, words};
use super::reading::ReadOrder;
use super::record::{Record, RecordId};
use archiver::format::stream::StreamName;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
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
    /// These columns and no others, if some were chosen.
    pub columns: Option<ExportColumns>,
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

/// The fields of a record, by their names in JSON Lines and CSV.
pub const RECORD_FIELDS: [&str; 20] = [
    "stream",
    "partition_key",
    "sequence_number",
    "sub_sequence_number",
    "shard_id",
    "approximate_arrival_timestamp",
    "arrived_at",
    "last_update",
    "expire_after",
    "stored_as",
    "size_bytes",
    "data",
    "encoding",
    "schema_id",
    "payload",
    "problems",
    "payload_problem",
    "other_attributes",
    "stored",
    "user_records",
];

/// A column that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportColumn {
    /// A field of the record: one of [`RECORD_FIELDS`], by its place there.
    Record(usize),
    /// A field of its payload, where that is a JSON object.
    Payload(FieldPath),
}

/// Columns that were chosen, at least one, each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportColumns(Vec<ExportColumn>);

impl FromStr for ExportColumns {
    type Err = InvalidColumns;

    /// Reads names with blanks or commas between them. One that a field of records has is that field; with a point before it, it is
    /// always a field of payloads.
    fn from_str(line: &str) -> Result<Self, InvalidColumns> {
        let mut columns = Vec::new();
        for word in words(line) {
            let column = match RECORD_FIELDS.iter().position(|name| *name == word) {
                Some(place) => ExportColumn::Record(place),
                None => ExportColumn::Payload(FieldPath::parse(word)?),
            };
            if columns.contains(&column) {
                return Err(InvalidColumns::Twice(column.to_string()));
            }
            columns.push(column);
        }
        if columns.is_empty() { Err(InvalidColumns::None) } else { Ok(Self(columns)) }
    }
}

impl ExportColumns {
    /// The fields of payloads that a list shows; `None` where it shows none.
    #[must_use]
    pub fn of_fields(fields: &[FieldPath]) -> Option<Self> {
        (!fields.is_empty()).then(|| Self(fields.iter().cloned().map(ExportColumn::Payload).collect()))
    }

    /// The columns, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &ExportColumn> {
        self.0.iter()
    }
}

impl fmt::Display for ExportColumns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, column) in self.0.iter().enumerate() {
            write!(formatter, "{}{column}", if place == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Display for ExportColumn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(place) => formatter.write_str(RECORD_FIELDS.get(*place).unwrap_or(&"")),
            Self::Payload(field) => {
                let name = field.to_string();
                let point = if RECORD_FIELDS.contains(&name.as_str()) { "." } else { "" };
                write!(formatter, "{point}{name}")
            }
        }
    }
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
    fn columns_are_fields_of_records_or_of_payloads() {
        let read =
            |line: &str| line.parse::<ExportColumns>().map(|columns| columns.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(read("id,partition_key .stream customer.id").unwrap(), ["id", "partition_key", ".stream", "customer.id"]);
        let columns: ExportColumns = "arrived_at status".parse().unwrap();
        assert_eq!(columns.0, [ExportColumn::Record(6), ExportColumn::Payload(FieldPath::parse("status").unwrap())]);
        for (line, error) in [(" , ", "name at least one column"), ("id .id", "id is named twice"), ("a..b", "a..b names no field")]
        {
            let found = read(line).unwrap_err().to_string();
            assert!(found.starts_with(error), "{found}");
        }
    }

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
