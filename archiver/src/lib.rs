//! Archives Kinesis streams in DynamoDB.
//!
//! The library holds what an archive is (tags, tables, items) for every program that reads or writes one, and the handler that
//! the Lambda function `bootstrap` runs. The archives of the Node.js original are read and continued as they are.

pub mod aggregate;
pub mod aws_failure;
pub mod backoff;
pub mod database;
pub mod dynamodb;
pub mod envelope;
pub mod environment;
pub mod error;
pub mod event;
pub mod handler;
pub mod http;
pub mod invocation;
pub mod item;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::cast_precision_loss)]
mod memory;
mod newest;
pub mod payload;
pub mod post;
pub mod record;
pub mod report;
mod rounds;
pub mod sequence;
pub mod settings;
pub mod settings_cache;
pub mod store;
pub mod stream;
pub mod table;
pub mod tags;

/// The README's samples in Rust are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
