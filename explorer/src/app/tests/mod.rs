//! Stories of the whole app, told in keys and answers.

pub(crate) mod fixtures;
mod payload;
mod records;
mod replay;
mod streams;
