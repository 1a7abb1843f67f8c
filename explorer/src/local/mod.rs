//! The whole system in one process, on embedded emulators.

pub mod event_source;
