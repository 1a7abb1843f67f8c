//! Errors that fail a whole batch. Each says what to do.

use crate::aws::failure::{AwsFailure, FailureKind};
use crate::format::settings::{ArchiveMode, InvalidTag};
use crate::format::stream::StreamName;
use crate::format::table::TableKeys;
use crate::function::event::{InvalidEvent, UnreadableRecord};
use crate::function::settings_cache::MayPass;

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    InvalidEvent(#[from] InvalidEvent),
    /// A record without a sequence number cannot be reported alone.
    #[error("{0}; Lambda delivers the whole batch again")]
    RecordWithoutNumber(UnreadableRecord),
    #[error("cannot read the tags of stream {stream}: {failure}{}", hint_of(failure, "kinesis:ListTagsForStream"))]
    TagsUnreadable { stream: StreamName, failure: AwsFailure },
    #[error("{0}")]
    InvalidTag(#[from] InvalidTag),
    /// DescribeTable failed.
    #[error("cannot describe table {table} for stream {stream}: {failure}{}", hint_of(failure, "dynamodb:DescribeTable"))]
    TableUnreadable { stream: StreamName, table: String, failure: AwsFailure },
    #[error(
        "stream {stream} has archive mode {mode}, but table {table} does not exist; create it with: explorer configure {stream} --mode {mode}"
    )]
    TableMissing { stream: StreamName, mode: ArchiveMode, table: String },
    /// The table has the keys of another mode.
    #[error(
        "table {table} has {found}, but mode {mode} of stream {stream} needs {}; change the mode, or delete the table if nobody needs it",
        TableKeys::of_mode(*mode)
    )]
    WrongKeys {
        stream: StreamName,
        mode: ArchiveMode,
        table: String,
        /// The keys that it has.
        found: TableKeys,
    },
    #[error(
        "cannot write to table {table} for stream {stream}: {failure}{}",
        hint_of(failure, write_permissions(*mode))
    )]
    WritesRefused { stream: StreamName, mode: ArchiveMode, table: String, failure: AwsFailure },
}

/// What to do about a failure. Only the message shows whether the table's KMS key caused it.
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
    /// Lambda's `errorType`.
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
            // Also when a permission is missing: a change of the role must not stop an archive that works.
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
