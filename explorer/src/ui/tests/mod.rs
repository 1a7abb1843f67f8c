//! Every screen, drawn and read.

mod colours;
mod hostile;
mod mouse;
mod snapshots;
