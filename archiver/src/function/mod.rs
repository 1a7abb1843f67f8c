//! What the Lambda function does with an event: it reads the records, finds the settings of their stream, writes the records
//! through the store, and reports the records that are not archived.

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
