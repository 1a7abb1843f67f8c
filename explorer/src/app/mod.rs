//! The explorer's state and how it changes. Pure: no terminal, no network, no clock; time and size come in as messages, and what is
//! to be done goes out as effects.

pub mod configure;
pub mod keymap;
pub mod line;
pub mod message;
pub mod model;
pub mod records;
pub mod replay_setup;
pub mod replays;
pub mod streams;
mod update;

pub use update::update;
