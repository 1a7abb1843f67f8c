//! A stream and how it is archived: what is known of it, and how to change it.

pub mod capacity;
pub mod change;
pub mod description;
pub mod overview;
