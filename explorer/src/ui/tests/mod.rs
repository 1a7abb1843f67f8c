//! Every screen, drawn and read.

mod hostile;
mod snapshots;
