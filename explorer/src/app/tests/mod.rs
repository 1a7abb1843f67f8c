//! Stories of the whole app, as keys and answers.

mod columns;
mod description;
mod first_screen;
pub(crate) mod fixtures;
mod hands;
mod payload;
mod records;
mod replay;
mod streams;
