//! Browse, configure and replay Kinesis archives, in the terminal and on the command line.

#[cfg(feature = "local")]
pub mod local;
