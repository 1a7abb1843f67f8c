//! The screens around replays: the form, what the replay would do, and the list.

pub mod list;
pub mod review;
pub mod setup;
