//! Records in files: exported as JSON Lines or CSV, and read back from JSON Lines as if the file were an archive. One line is one
//! record, and contains everything in its item, even if that is damaged. CSV is for spreadsheets and cannot be read back.

pub(crate) mod columns_json;
mod csv_row;
mod error;
mod export;
mod line;
mod opened;
mod reader;
pub(crate) mod record_json;
mod target;
#[cfg(test)]
mod tests;

pub use error::ExportError;
pub use export::{ExportOptions, ExportSink};
pub use opened::{OpenFile, is_standard_input, open, open_file};
pub use reader::read;
pub use target::is_standard_output;

/// Most bytes in a line. A record has up to 10 MiB, which may appear in base64, decoded, and in its user records. A record whose
/// line would be longer is exported in base64 only.
const MAX_LINE_BYTES: u64 = 128 * 1024 * 1024;
/// The byte order mark that some editors put before a text. Source: Unicode standard, section 23.8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
