//! The rules of the explorer, with no screen, no network and no clock in them.

pub mod archive;
pub mod configuration;
pub mod decode;
pub mod diff;
pub mod document;
pub mod export;
pub mod failed_batch;
pub mod failure;
pub mod filter;
pub mod following;
pub mod histogram;
pub mod index;
pub mod item_json;
pub mod json_text;
pub mod listing;
pub mod marks;
pub mod memory;
pub mod page;
pub mod payload;
pub mod preview;
pub mod reading;
pub mod record;
pub mod replay;
pub mod show;
pub mod text;
pub mod time;
