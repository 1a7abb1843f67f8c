//! Records in files: exported as JSON Lines or CSV, and read again from JSON Lines as if the file were an archive. One line is one
//! record, and holds all that its item does, also where it is damaged; CSV is for spreadsheets and is not read again.

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

/// Bytes of a line. A record has up to 10 MiB, which may stand there in base64, decoded, and as the user records in it; one that would
/// take more is exported in base64 alone.
const MAX_LINE_BYTES: u64 = 128 * 1024 * 1024;
/// What some editors put before a text. Source: Unicode standard, section 23.8.
const BYTE_ORDER_MARK: &str = "\u{feff}";
