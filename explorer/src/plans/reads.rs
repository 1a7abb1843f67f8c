//! Reads what people ask about a replay: its state, and what became of its records.

use super::error::PlanError;
use super::file::PlanFile;
use super::{summary, traces};
use crate::domain::replay::plan::{PassedOver, PlanSummary, RecordTrace};
use std::path::Path;

impl PlanFile {
    /// The replay as the history shows it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn summary(&self) -> Result<PlanSummary, PlanError> {
        let connection = self.open()?;
        let is_held = self.is_held()?;
        let summary = summary::read(&connection, self.id.clone(), is_held).map_err(|error| self.failed(&error))?;
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Ok(PlanSummary { file_bytes: bytes(&self.path) + bytes(&self.beside("-wal")), ..summary })
    }

    /// Skipped records, up to the limit.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn passed_over(&self, limit: usize) -> Result<Vec<PassedOver>, PlanError> {
        let connection = self.open()?;
        traces::passed_over(&connection, limit).map_err(|error| self.failed(&error))
    }

    /// Hands over what became of the records with this sequence number, or of all records in the plan's order, until `take` returns
    /// false.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn traces(&self, number: Option<&str>, take: impl FnMut(RecordTrace) -> bool) -> Result<(), PlanError> {
        let connection = self.open()?;
        traces::traces(&connection, number, take).map_err(|error| self.failed(&error))
    }

    /// The latest acknowledged records, newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn latest_receipts(&self, limit: usize) -> Result<Vec<RecordTrace>, PlanError> {
        let connection = self.open()?;
        traces::latest(&connection, limit).map_err(|error| self.failed(&error))
    }
}
