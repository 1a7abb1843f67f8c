//! A stream and how it is archived: what is known of it, and how that is changed.

pub mod change;
pub mod overview;
