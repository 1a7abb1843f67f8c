//! A stream and how it is archived: its overview, and how to change it.

pub mod change;
pub mod overview;
