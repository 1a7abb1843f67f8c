//! What an archive is: streams and their tags, records, tables and items. Everything here is shared with whoever reads an archive, and
//! nothing here calls anybody.

pub mod aggregate;
pub mod envelope;
pub mod item;
pub mod payload;
pub mod record;
pub mod sequence;
pub mod settings;
pub mod stream;
pub mod table;
