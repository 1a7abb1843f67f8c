//! Records in files: exported as JSON Lines or CSV, and read again from JSON Lines as if the file were an archive. One line is one
//! record, and holds all that its item does, also where it is damaged; CSV is for spreadsheets and is not read again.

mod csv_row;
mod export;
mod line;
mod reader;
pub(crate) mod record_json;
mod target;
#[cfg(test)]
mod tests;

pub use export::{ExportError, ExportOptions, ExportSink};
pub use reader::{origin, read};
pub use target::is_standard_output;
