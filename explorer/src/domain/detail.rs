//! A payload laid out in lines for reading: by what it is, as text, or as bytes. What leaves here can go to a terminal.

use super::decode::{Decoded, Layer, hex_lines};
use super::json_text::{self, Line, Token};
use super::payload::{Place, beginning_of_gzip};
use super::text::printable;
use archiver::table::GZIP;
use unicode_width::UnicodeWidthChar as _;

/// How a payload is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// By what it is.
    Pretty,
    /// As text.
    Text,
    /// As bytes.
    Hex,
}

/// More lines are not laid out; who needs them copies the record.
pub const MAX_LINES: usize = 10_000;

/// Lays a payload out in lines of so many columns, at most [`MAX_LINES`].
#[must_use]
pub fn lay_out(decoded: &Decoded, view: View, columns: usize) -> Vec<Line> {
    let plain = |text: &str| vec![(Token::Plain, text.to_owned())];
    let lines: Vec<Line> = match (view, decoded.kind()) {
        (View::Pretty, Layer::Json) => json_text::lay_out(decoded.text().unwrap_or_default(), MAX_LINES),
        (View::Hex, _) | (View::Pretty, Layer::Binary | Layer::Base64 | Layer::StoredGzip | Layer::Gzip | Layer::NotReadable) => {
            let lines = hex_lines(&decoded.content, 0, MAX_LINES);
            return lines.into_iter().map(|line| plain(&line)).collect();
        }
        (View::Text, _) | (View::Pretty, Layer::Text) => {
            String::from_utf8_lossy(&decoded.content).lines().take(MAX_LINES).map(plain).collect()
        }
    };
    lines.into_iter().flat_map(|line| wrapped(line, columns)).take(MAX_LINES).collect()
}

/// A line cut into lines of so many columns, with every control character made visible.
fn wrapped(line: Line, columns: usize) -> Vec<Line> {
    let columns = columns.max(8);
    let mut lines = vec![Vec::new()];
    let mut used = 0;
    // A single line may be as large as a record; what is beyond the last line that is laid out is not looked at.
    let most = columns.saturating_mul(MAX_LINES);
    for (token, text) in line {
        let mut piece = String::new();
        let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
        for character in printable(&text[..end]).chars() {
            let width = character.width().unwrap_or(0);
            if used + width > columns {
                let full = std::mem::take(&mut piece);
                push(&mut lines, token, full);
                lines.push(Vec::new());
                used = 0;
            }
            used += width;
            piece.push(character);
        }
        push(&mut lines, token, piece);
    }
    lines
}

fn push(lines: &mut [Line], token: Token, piece: String) {
    if let Some(line) = lines.last_mut()
        && !piece.is_empty()
    {
        line.push((token, piece));
    }
}

/// The beginning of a payload on one line, for a list. A large payload is not decoded for it.
#[must_use]
pub fn preview(record: &super::record::Record, columns: usize) -> String {
    const NOT_READABLE: &str = "(not readable)";
    /// Larger compressed payloads are not unpacked only to show their first words.
    const MAX_UNPACKED_FOR_PREVIEW: u64 = 64 * 1024;
    let data = record.item.data.as_deref().unwrap_or_default();
    // Four characters of base64 are three bytes; a character takes up to four of those, and a little more for the layers' sake.
    let enough = (columns * 8).next_multiple_of(4);
    let is_small = record.payload_size.is_some_and(|size| size <= MAX_UNPACKED_FOR_PREVIEW);
    let decoded = match (&record.place, record.item.encoding.as_deref()) {
        (Place::Parts(parts), _) => return format!("(in {parts})"),
        (Place::Item, None) => match data.get(..enough) {
            Some(beginning) if !is_small || !data.starts_with("H4s") => super::decode::decode(beginning),
            _ => super::decode::decode(data),
        },
        (Place::Item, Some(GZIP)) => match beginning_of_gzip(data, enough) {
            beginning if beginning.is_empty() && record.payload_size != Some(0) => return NOT_READABLE.to_owned(),
            beginning => super::decode::decode_stored_gzip(beginning),
        },
        (Place::Unclear(_), _) | (Place::Item, Some(_)) => return NOT_READABLE.to_owned(),
    };
    let text = match std::str::from_utf8(&decoded.content) {
        Ok(text) => text,
        // The cut may have gone through a character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&decoded.content[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => "",
    };
    let is_plain = text.chars().all(|character| !character.is_control() || character.is_whitespace());
    let is_text = !text.is_empty() && (is_plain || text.trim_start().starts_with(['{', '[']));
    if is_text || decoded.content.is_empty() {
        printable(&text.replace(['\n', '\r'], " ")).chars().take(columns).collect()
    } else {
        let bytes: Vec<String> = decoded.content.iter().take(columns / 3).map(|byte| format!("{byte:02x}")).collect();
        format!("(binary) {}", bytes.join(" "))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::decode::decode;
    use crate::domain::record::Record;
    use archiver::item::StoredItem;
    use archiver::payload::{Data, Packer};
    use archiver::sequence::SequenceNumber;
    use archiver::settings::Compression;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    fn text_of(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.iter().map(|(_, text)| text.as_str()).collect()).collect()
    }

    fn record(payload: &[u8]) -> Record {
        Record::new(StoredItem { data: Some(STANDARD.encode(payload)), ..StoredItem::default() })
    }

    #[test]
    fn the_view_decides_how_a_payload_is_laid_out() {
        let decoded = decode(&STANDARD.encode("{\"id\":1}"));
        assert_eq!(text_of(&lay_out(&decoded, View::Pretty, 80)), ["{", "  \"id\": 1", "}"]);
        assert_eq!(text_of(&lay_out(&decoded, View::Text, 80)), ["{\"id\":1}"]);
        assert!(text_of(&lay_out(&decoded, View::Hex, 80))[0].starts_with("00000000  7b 22"));
    }

    #[test]
    fn a_preview_is_one_line() {
        assert_eq!(preview(&record(b"{\"id\":\n1}"), 40), "{\"id\": 1}");
        assert_eq!(preview(&record(&[0, 1, 2, 255]), 40), "(binary) 00 01 02 ff");
        assert_eq!(preview(&record("äöü".repeat(1_000).as_bytes()), 5), "äöüäö");
        assert_eq!(preview(&record(b""), 5), "");
    }

    #[test]
    fn a_preview_shows_what_is_stored_compressed_and_says_what_it_cannot_show() {
        let large = format!("{{\"note\":\"{}\"}}", "naïve ".repeat(50_000));
        let packed = Packer::default().pack(Data::Bytes(large.as_bytes().into()), Compression::Gzip, usize::MAX);
        let item = StoredItem { data: Some(packed.text.into_owned()), encoding: Some("gzip".to_owned()), ..StoredItem::default() };
        assert_eq!(preview(&Record::new(item.clone()), 20), "{\"note\":\"naïve naïve");
        let damaged = StoredItem { data: Some("SGVsbG8=".to_owned()), ..item.clone() };
        assert_eq!(preview(&Record::new(damaged), 20), "(not readable)");
        assert_eq!(preview(&Record::new(StoredItem { encoding: Some("zstd".to_owned()), ..item.clone() }), 20), "(not readable)");
        let sequence_number = SequenceNumber::parse("4959").ok();
        assert_eq!(preview(&Record::new(StoredItem { parts: Some(36), sequence_number, ..item }), 20), "(in 36 parts)");
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_or_hostile(payload: Vec<u8>, columns in 8..60_usize) {
            let decoded = decode(&STANDARD.encode(&payload));
            for line in text_of(&lay_out(&decoded, View::Text, columns)) {
                prop_assert!(line.width() <= columns);
                prop_assert!(!line.chars().any(char::is_control));
            }
            prop_assert!(!preview(&record(&payload), columns).chars().any(char::is_control));
        }
    }
}
