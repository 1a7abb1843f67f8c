//! The files of replays: one SQLite database each. It holds a plan's records in order, the journal of what the target has
//! acknowledged, and the runs. Only this code knows SQLite. A batch is written down before it is sent. An acknowledgement is
//! written down before anything that follows it is sent. Each batch is one transaction. So even after a crash the file says what is
//! left, and which records may have arrived unnoticed.

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
