//! The rules of the explorer, with no screen, no network and no clock in them, by subject.

pub mod decode;
pub mod diff;
pub mod document;
pub mod export;
pub mod failure;
pub mod fields;
pub mod filter;
pub mod lambda;
pub mod listing;
pub mod preferences;
pub mod prices;
pub mod reading;
pub mod record;
pub mod remembered;
pub mod replay;
pub mod stream;
pub mod text;
pub mod time;
