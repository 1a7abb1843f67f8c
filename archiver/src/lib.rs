//! Archives Kinesis streams in DynamoDB.
//!
//! Four rooms, each of which knows only those before it: [`format`], what an archive is (tags, tables, items), for every program
//! that reads or writes one; [`aws`], how AWS is called; [`store`], how records get into tables; [`function`], what the Lambda
//! function `bootstrap` does with an event. The archives of the Node.js original are read and continued as they are.

#![warn(missing_docs)]

pub mod aws;
pub mod format;
pub mod function;
pub mod store;

/// Samples in Rust are run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/replay.md")]
struct ReplayDocument;
