//! Records that a replay skipped, as JSON.

use crate::domain::replay::plan::PassedOver;
use serde::Serialize;

/// Skipped records that are listed at the end of a run; `explorer replay show --receipts` lists all.
pub(super) const LISTED: usize = 1_000;

#[derive(Debug, Serialize)]
pub(super) struct PassedOverJson {
    partition_key: String,
    sequence_number: String,
    sub_sequence_number: Option<u64>,
    reason: String,
}

impl From<PassedOver> for PassedOverJson {
    fn from(PassedOver { partition_key, sequence_number, sub_sequence_number, reason }: PassedOver) -> Self {
        Self { partition_key, sequence_number, sub_sequence_number, reason }
    }
}
