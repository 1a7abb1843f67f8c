//! Browse, configure and replay Kinesis archives, in the terminal and on the command line.

pub mod app;
pub mod aws;
pub mod domain;
#[cfg(feature = "local")]
pub mod local;
pub mod ui;
