//! Calls AWS: signs requests, reads failures, decides when to retry.

pub mod backoff;
pub mod failure;
pub mod http;
pub mod post;
pub mod retry;
