//! The files of replays: one SQLite database each, with the records of a plan in their order, the journal of what the target has
//! acknowledged, and who ran it. The only code that knows SQLite. What is in flight is written down before it is sent, and what was
//! acknowledged before anything that follows it is sent, each batch in one transaction: so whatever ends the program, the file says
//! what is left, and which records may have arrived without anybody knowing.

mod bits;
mod blocks;
mod checksum;
mod choice;
mod control;
mod draft;
mod error;
mod file;
mod folder;
mod journal;
mod queue;
mod reads;
mod schema;
mod sorter;
mod summary;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod traces;

pub use draft::{Draft, DraftOrder, PlannedRecord};
pub use error::PlanError;
pub use file::PlanFile;
pub use folder::Plans;
pub use journal::{Journal, Pen, Receipt, Refusal, RunEnd, Settled};
pub use queue::{Loaded, Origin, QueueReader};
