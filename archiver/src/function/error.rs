//! Why a whole batch is not archived, in sentences that say what to do.

use crate::aws::failure::{AwsFailure, FailureKind};
use crate::format::settings::{ArchiveMode, InvalidTag};
use crate::format::stream::StreamName;
use crate::format::table::TableKeys;
use crate::function::event::{InvalidEvent, UnreadableRecord};
use crate::function::settings_cache::MayPass;

/// Why a whole batch is not archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The event cannot be read.
    #[error(transparent)]
    InvalidEvent(#[from] InvalidEvent),
    /// A record without even a sequence number, which cannot be reported alone.
    #[error("{0}; Lambda delivers the whole batch again")]
    RecordWithoutNumber(UnreadableRecord),
    /// The tags cannot be read from Kinesis.
    #[error("cannot read the tags of stream {stream}: {failure}{}", hint_of(failure, "kinesis:ListTagsForStream"))]
    TagsUnreadable {
        /// Whose tags.
        stream: StreamName,
        /// What Kinesis said.
        failure: AwsFailure,
    },
    /// A tag's value cannot be read.
    #[error("{0}")]
    InvalidTag(#[from] InvalidTag),
    /// The table cannot be looked at.
    #[error("cannot describe table {table} for stream {stream}: {failure}{}", hint_of(failure, "dynamodb:DescribeTable"))]
    TableUnreadable {
        /// Whose archive.
        stream: StreamName,
        /// Which table.
        table: String,
        /// What DynamoDB said.
        failure: AwsFailure,
    },
    /// There is no table to write to.
    #[error(
        "stream {stream} has archive mode {mode}, but table {table} does not exist; create it with: explorer configure {stream} --mode {mode}"
    )]
    TableMissing {
        /// Whose archive.
        stream: StreamName,
        /// Its mode.
        mode: ArchiveMode,
        /// Which table.
        table: String,
    },
    /// The table is of another mode.
    #[error(
        "table {table} has {found}, but mode {mode} of stream {stream} needs {}; change the mode, or delete the table if nobody needs it",
        TableKeys::of_mode(*mode)
    )]
    WrongKeys {
        /// Whose archive.
        stream: StreamName,
        /// Its mode.
        mode: ArchiveMode,
        /// Which table.
        table: String,
        /// The keys it has instead of the mode's.
        found: TableKeys,
    },
    /// The table takes no writes.
    #[error(
        "cannot write to table {table} for stream {stream}: {failure}{}",
        hint_of(failure, write_permissions(*mode))
    )]
    WritesRefused {
        /// Whose archive.
        stream: StreamName,
        /// Its mode.
        mode: ArchiveMode,
        /// Which table.
        table: String,
        /// What DynamoDB said.
        failure: AwsFailure,
    },
}

/// What a person can do about a failure. A key of one's own, for which DynamoDB calls KMS, shows in the message only.
fn hint_of(failure: &AwsFailure, permission: &str) -> String {
    let concerns_key = failure.message.contains("KMS") || failure.message.contains("kms:");
    match failure.kind {
        FailureKind::AccessDenied if concerns_key => {
            "; the function's role needs kms:Decrypt and kms:GenerateDataKey on the table's key".to_owned()
        }
        FailureKind::AccessDenied => format!("; the function's role needs {permission}"),
        FailureKind::Unusable if concerns_key => "; enable the table's key again".to_owned(),
        FailureKind::Credentials => "; the function's credentials are not valid, or its clock is wrong".to_owned(),
        FailureKind::Unusable
        | FailureKind::ClockSkew
        | FailureKind::NotFound
        | FailureKind::Throttled
        | FailureKind::Network
        | FailureKind::TimedOut
        | FailureKind::ConditionFailed
        | FailureKind::Service
        | FailureKind::Refused => String::new(),
    }
}

fn write_permissions(mode: ArchiveMode) -> &'static str {
    match mode {
        ArchiveMode::All => "dynamodb:BatchWriteItem",
        ArchiveMode::Latest => "dynamodb:PartiQLUpdate, dynamodb:PartiQLInsert and dynamodb:PutItem",
    }
}

impl ArchiveError {
    /// A short name of the error, for Lambda's `errorType`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::InvalidEvent(_) => "InvalidEvent",
            Self::RecordWithoutNumber(_) => "RecordWithoutNumber",
            Self::TagsUnreadable { .. } => "TagsUnreadable",
            Self::InvalidTag(_) => "InvalidTag",
            Self::TableUnreadable { .. } => "TableUnreadable",
            Self::TableMissing { .. } => "TableMissing",
            Self::WrongKeys { .. } => "WrongKeys",
            Self::WritesRefused { .. } => "WritesRefused",
        }
    }
}

impl MayPass for ArchiveError {
    fn may_pass(&self) -> bool {
        match self {
            // Also for want of a permission: a role under repair must not stop what was running.
            Self::TagsUnreadable { .. } | Self::TableUnreadable { .. } => true,
            Self::InvalidEvent(_)
            | Self::RecordWithoutNumber(_)
            | Self::InvalidTag(_)
            | Self::TableMissing { .. }
            | Self::WrongKeys { .. }
            | Self::WritesRefused { .. } => false,
        }
    }
}
