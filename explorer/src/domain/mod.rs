//! The rules of the explorer, with no screen, no network and no clock in them.

pub mod archive;
pub mod configuration;
pub mod decode;
pub mod detail;
pub mod failure;
pub mod filter;
pub mod histogram;
pub mod index;
pub mod json_text;
pub mod lanes;
pub mod listing;
pub mod marks;
pub mod page;
pub mod payload;
pub mod reading;
pub mod record;
pub mod replay;
pub mod text;
pub mod time;
