//! A record's chosen columns as JSON.

use super::record_json::RecordJson;
use crate::domain::export::{ExportColumn, ExportColumns};
use crate::domain::fields::raw_value;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use std::collections::HashMap;

/// A JSON object with one member for each column, in their order; null if the record or its payload lacks the field.
#[derive(Debug)]
pub(crate) struct ColumnsJson<'r> {
    record: &'r RecordJson,
    columns: &'r ExportColumns,
}

impl<'r> ColumnsJson<'r> {
    pub(crate) fn new(record: &'r RecordJson, columns: &'r ExportColumns) -> Self {
        Self { record, columns }
    }

    /// The values, in the order of the columns.
    fn values(&self) -> serde_json::Result<Vec<Option<Box<RawValue>>>> {
        let has_own = self.columns.iter().any(|column| matches!(column, ExportColumn::Record(_)));
        let text = if has_own { serde_json::to_string(self.record)? } else { "{}".to_owned() };
        let mut own: HashMap<String, Box<RawValue>> = serde_json::from_str(&text)?;
        let payload = self.record.payload.as_ref().map(|payload| payload.text());
        let value = |column: &ExportColumn| match column {
            ExportColumn::Record(_) => own.remove(&column.to_string()),
            ExportColumn::Payload(field) => payload.and_then(|payload| raw_value(payload, field)),
        };
        Ok(self.columns.iter().map(value).collect())
    }

    /// The values for people: texts without quotation marks, and nothing for null.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |value: Option<Box<RawValue>>| match value.as_deref().map(RawValue::get) {
            None | Some("null") => String::new(),
            Some(text) if text.starts_with('"') => serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()),
            Some(other) => other.to_owned(),
        };
        self.values().unwrap_or_default().into_iter().map(text).collect()
    }
}

impl Serialize for ColumnsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.columns.iter().map(ToString::to_string).zip(self.values().map_err(S::Error::custom)?))
    }
}
