//! The explorer's state and how it changes. Pure: no terminal, no network, no clock; time and size come in as messages, and what is
//! to be done goes out as effects.

mod browse;
pub mod configure;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
pub(crate) mod fixtures;
#[cfg_attr(test, allow(clippy::unwrap_used, clippy::panic))]
pub mod help;
pub mod keymap;
mod keys;
pub mod line;
pub mod message;
pub mod model;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod payload_stories;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod record_stories;
pub mod records;
pub mod replay_review;
pub mod replay_setup;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod replay_stories;
mod replaying;
pub mod replays;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod stories;
pub mod streams;
mod update;

pub use update::update;
