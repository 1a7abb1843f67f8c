//! Support for the end-to-end tests: Kinesis and DynamoDB endpoints, streams with their tables, the events that Lambda would
//! create, the function, in the process or as its real binary, and the explorer as its real binary.

// If a test's setup fails, the test fails, and a panic on the spot shows it best.
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
