//! The replay screens: the form, the review and the list.

pub mod list;
pub mod review;
pub mod setup;
