//! What the end-to-end tests stand on: endpoints that speak Kinesis and DynamoDB, streams with tables beside them, the events
//! that Lambda would make of their records, the function that takes these, in the process or as its real binary, and the explorer
//! as its real binary.

// A test that cannot be set up has failed, and says so best where it happens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_macros, clippy::disallowed_methods, reason = "what a test notes is our own")]

pub mod archive;
pub mod bootstrap;
pub mod bucket;
pub mod capability;
pub mod command_line;
pub mod endpoints;
pub mod event;
pub mod fault_proxy;
pub mod function;
pub mod hostile;
pub mod mapping;
pub mod proxy;
pub mod stream;
mod upstream;
pub mod wait;
