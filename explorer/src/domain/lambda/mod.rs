//! What Lambda leaves behind when it gives a batch of records up, and the event that brings the batch once more.

pub(crate) mod event;
pub mod failed_batch;
pub mod failed_event;
