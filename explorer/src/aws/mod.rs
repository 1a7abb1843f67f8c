//! The only code that knows the AWS SDKs: plain functions, the explorer's own types in and out.

pub mod archive;
pub mod configure;
pub mod connect;
pub mod payload;
pub mod replay;
pub mod streams;
