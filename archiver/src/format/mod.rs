//! What an archive is: streams and their tags, records, tables and items. Every program that reads an archive shares this. Nothing
//! here makes calls.

pub mod aggregate;
pub mod envelope;
pub mod item;
pub mod payload;
pub mod record;
pub mod sequence;
pub mod settings;
pub mod stream;
pub mod table;
