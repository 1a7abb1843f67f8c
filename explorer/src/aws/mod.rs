//! The only code that knows the AWS SDKs: plain functions that take and return the explorer's own types.

pub mod archive;
pub mod bucket;
mod conditions;
pub mod configure;
pub mod connect;
pub mod description;
pub mod follow;
pub mod payload;
pub mod put;
pub mod range;
pub mod reader;
mod retry;
pub(crate) mod shard_reader;
pub mod shards;
pub mod streams;
pub mod traffic;

use archiver::format::stream::StreamName;

/// The ARN to send with a call, for a stream that may belong to another account.
fn arn_of(stream: &StreamName) -> Option<String> {
    stream.arn().map(|arn| arn.stream_arn().to_owned())
}
