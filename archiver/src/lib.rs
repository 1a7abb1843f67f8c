//! Archives Kinesis streams in DynamoDB.
//!
//! There are four rooms, and each one knows only the rooms before it:
//!
//! - [`format`] says what an archive is: tags, tables and items. Every program that reads or writes an archive uses it.
//! - [`aws`] calls AWS.
//! - [`store`] writes records into tables.
//! - [`function`] is what the Lambda function `bootstrap` does with an event.
//!
//! Archives of the Node.js original stay valid: same tags, tables and items.

pub mod aws;
pub mod format;
pub mod function;
pub mod store;

/// Runs the Rust samples of the document as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/replay.md")]
struct ReplayDocument;
