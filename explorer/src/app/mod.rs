//! The explorer's state and how it changes. Pure: no terminal, no network, no clock. Time and size arrive as messages; work leaves
//! as effects.

#![deny(clippy::wildcard_enum_match_arm)]

pub mod command;
pub mod configure;
pub mod description;
pub mod effect;
pub mod help;
pub mod ids;
pub mod keymap;
mod keys;
pub mod line;
pub mod message;
pub mod model;
pub mod mouse;
pub mod possible;
pub mod records;
pub mod replay;
pub mod streams;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]
pub(crate) mod tests;
mod update;

pub use update::{open_stream, update};
