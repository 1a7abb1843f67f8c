//! Why a record could not be written, and what to do about it.

use crate::aws::backoff::DeadlinePassed;
use crate::aws::failure::{AwsFailure, FailureKind};
use crate::aws::retry::CallError;
use crate::format::settings::ArchiveMode;
use crate::format::stream::StreamName;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error(transparent)]
    Aws(#[from] AwsFailure),
    #[error(transparent)]
    Deadline(#[from] DeadlinePassed),
    /// The record is too large for one item and cannot be split. Other records of the batch are not affected.
    #[error("it is too large for one item, and splitting it needs table {table}: {reason}")]
    Parts {
        /// The parts table, or the archive's table if the lookup of the stored item failed.
        table: String,
        reason: Box<WriteError>,
    },
}

impl From<CallError> for WriteError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Aws(failure) => Self::Aws(failure),
            CallError::Deadline(passed) => Self::Deadline(passed),
        }
    }
}

impl WriteError {
    /// DynamoDB's answer, if the archive's table refuses every record of the batch.
    #[must_use]
    pub fn of_the_table(&self) -> Option<&AwsFailure> {
        match self {
            Self::Aws(failure) => match failure.kind {
                FailureKind::NotFound | FailureKind::AccessDenied | FailureKind::Credentials | FailureKind::Unusable => {
                    Some(failure)
                }
                FailureKind::Throttled
                | FailureKind::Network
                | FailureKind::TimedOut
                | FailureKind::ConditionFailed
                | FailureKind::Service
                | FailureKind::ClockSkew
                | FailureKind::Refused => None,
            },
            Self::Deadline(_) | Self::Parts { .. } => None,
        }
    }

    /// Whether the record is too large for one item, and the parts table is missing or refuses it.
    #[must_use]
    pub fn is_of_the_parts_table(&self) -> bool {
        match self {
            Self::Parts { reason, .. } => reason.of_the_table().is_some(),
            Self::Aws(_) | Self::Deadline(_) => false,
        }
    }

    /// What to do about it, if there is something to do.
    #[must_use]
    pub fn remedy(&self, stream: &StreamName, mode: ArchiveMode) -> Option<String> {
        match self {
            Self::Aws(failure) => match failure.kind {
                FailureKind::Throttled => Some("raise the table's capacity, or wait until it has adapted".to_owned()),
                FailureKind::Refused => Some("after the last retry Lambda sends the record to the failure destination".to_owned()),
                FailureKind::AccessDenied
                | FailureKind::Credentials
                | FailureKind::ClockSkew
                | FailureKind::NotFound
                | FailureKind::Network
                | FailureKind::TimedOut
                | FailureKind::ConditionFailed
                | FailureKind::Service
                | FailureKind::Unusable => None,
            },
            Self::Deadline(_) => Some("raise the function's timeout, or lower the batch size".to_owned()),
            Self::Parts { reason, .. } => Some(if reason.of_the_table()?.kind == FailureKind::NotFound {
                format!("create it with: explorer configure {stream} --mode {mode}")
            } else {
                "the function's role needs dynamodb:BatchWriteItem and dynamodb:GetItem on it".to_owned()
            }),
        }
    }

    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Aws(failure) => failure.is_transient(),
            Self::Deadline(_) | Self::Parts { .. } => false,
        }
    }
}
