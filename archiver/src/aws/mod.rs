//! How AWS is called: signed requests, what their failures mean, and when to try again.

pub mod backoff;
pub mod failure;
pub mod http;
pub mod post;
pub mod retry;
