//! The screens of replays.

pub(super) mod list;
pub(super) mod review;
pub(super) mod setup;
