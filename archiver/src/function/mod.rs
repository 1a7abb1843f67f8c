//! What the Lambda function does with an event: it reads the records, finds each stream's settings, has the store write the records,
//! and reports which of them are not archived.

mod archive;
pub mod environment;
pub mod error;
pub mod event;
pub mod handler;
mod newest;
pub mod report;
pub mod response;
pub mod settings_cache;
pub mod tags;
