//! The answer to Lambda: which records to deliver again.

use crate::format::sequence::SequenceNumber;
use crate::function::error::ArchiveError;
use crate::function::event::UnreadableRecord;
use serde::{Deserialize, Serialize};

/// The records to deliver again. Source: Lambda developer guide, reporting batch item failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    /// Lambda delivers the batch again from the lowest of these numbers on.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One record to deliver again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    pub item_identifier: String,
}

/// Collects the records of an event that are not archived.
#[derive(Debug, Default)]
pub(super) struct FailedRecords {
    response: BatchResponse,
    /// Lambda knows records by their sequence number only, so a record without one fails the whole batch.
    without_number: Option<UnreadableRecord>,
}

impl FailedRecords {
    pub(super) fn add(&mut self, numbers: &[SequenceNumber]) {
        numbers.iter().for_each(|number| self.push(number.to_string()));
    }

    /// Logs these records and adds them.
    pub(super) fn add_unreadable(&mut self, records: &[UnreadableRecord]) {
        for record in records {
            tracing::error!(sequence_number = record.sequence_number, reason = record.reason, "record cannot be read");
            match &record.sequence_number {
                Some(number) => self.push(number.clone()),
                None => self.without_number = Some(record.clone()),
            }
        }
    }

    pub(super) fn into_response(self) -> Result<BatchResponse, ArchiveError> {
        match self.without_number {
            Some(record) => Err(ArchiveError::RecordWithoutNumber(record)),
            None => Ok(self.response),
        }
    }

    fn push(&mut self, item_identifier: String) {
        self.response.batch_item_failures.push(BatchItemFailure { item_identifier });
    }
}
