//! What Lambda writes when it gives up on a batch of records, and the event that delivers the batch again.

pub(crate) mod event;
pub mod failed_batch;
pub mod failed_event;
