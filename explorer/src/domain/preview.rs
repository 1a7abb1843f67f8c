//! The beginning of a record's payload on one line, for a list. A large payload is not decoded for it.

use super::decode::{AggregateSize, Decoded, beginning, is_plain};
use super::payload::{Place, beginning_of_gzip};
use super::record::Record;
use super::text::printable;
use archiver::table::GZIP;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What is shown of a record whose payload cannot be told from its item.
const NOT_READABLE: &str = "(not readable)";

/// Base64 that is looked at where a payload is not plain text; a multiple of four.
const LOOKED_AT: usize = 64 * 1024;

/// The beginning of a payload on one line, for a list.
#[must_use]
pub fn preview(record: &Record, columns: usize) -> String {
    let data = record.item.data.as_deref().unwrap_or_default();
    // Four characters of base64 are three bytes; a character takes up to four of those, and a little more for the layers' sake.
    let enough = (columns * 8).next_multiple_of(4);
    match (&record.place, record.item.encoding.as_deref()) {
        (Place::Parts(parts), _) => format!("(in {parts})"),
        (Place::Item, None) => match STANDARD.decode(data.get(..enough).unwrap_or(data)) {
            Ok(start) if is_plain(&start) => one_line(&start, columns),
            Ok(_) => {
                let looked_at = STANDARD.decode(data.get(..LOOKED_AT).unwrap_or(data)).unwrap_or_default();
                decoded(&looked_at, data.len() <= LOOKED_AT, columns)
            }
            Err(_) => one_line(data.as_bytes(), columns),
        },
        (Place::Item, Some(GZIP)) => {
            let unpacked = beginning_of_gzip(data, LOOKED_AT);
            match record.payload_size {
                Some(0) => String::new(),
                _ if unpacked.is_empty() => NOT_READABLE.to_owned(),
                size => decoded(&unpacked, size == Some(unpacked.len() as u64), columns),
            }
        }
        (Place::Unclear(_), _) | (Place::Item, Some(_)) => NOT_READABLE.to_owned(),
    }
}

/// The beginning of a payload that is at hand, on one line.
#[must_use]
pub fn preview_of_payload(payload: &[u8], columns: usize) -> String {
    decoded(payload.get(..LOOKED_AT).unwrap_or(payload), payload.len() <= LOOKED_AT, columns)
}

/// The beginning of a payload that was decoded, on one line.
#[must_use]
pub fn preview_of(decoded: &Decoded, columns: usize) -> String {
    one_line(decoded.text().map_or(decoded.content.as_slice(), str::as_bytes), columns)
}

fn decoded(payload: &[u8], is_whole: bool, columns: usize) -> String {
    let beginning = beginning(payload, is_whole);
    let prefix = match beginning.aggregate {
        Some(AggregateSize::Known(count)) => format!("KPL {count}: "),
        Some(AggregateSize::NotCounted) => "KPL: ".to_owned(),
        None => String::new(),
    };
    let left = columns.saturating_sub(prefix.len());
    let content = beginning.rendition.as_deref().map_or(beginning.content.as_slice(), str::as_bytes);
    let line = format!("{prefix}{}", one_line(content, left));
    line.chars().take(columns).collect()
}

/// The beginning of a content, as text where it is.
fn one_line(content: &[u8], columns: usize) -> String {
    // What is beyond the line is not looked at; a character has at most four bytes.
    let content = content.get(..columns.saturating_mul(4)).unwrap_or(content);
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        // The cut may have gone through a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&content[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => "",
    };
    let is_plain = text.chars().all(|character| !character.is_control() || character.is_whitespace());
    let is_text = !text.is_empty() && (is_plain || text.trim_start().starts_with(['{', '[']));
    if is_text || content.is_empty() {
        printable(&text.replace(['\n', '\r'], " ")).chars().take(columns).collect()
    } else {
        let bytes: Vec<String> = content.iter().take(columns / 3).map(|byte| format!("{byte:02x}")).collect();
        format!("(binary) {}", bytes.join(" "))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::aggregate::aggregate;
    use archiver::item::StoredItem;
    use archiver::payload::{Data, Packer};
    use archiver::sequence::SequenceNumber;
    use archiver::settings::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write as _;

    fn record(payload: &[u8]) -> Record {
        Record::new(StoredItem { data: Some(STANDARD.encode(payload)), ..StoredItem::default() })
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn replayed(separator: &str, payload: &[u8]) -> Vec<u8> {
        let envelope = r#"{"originalApproximateArrivalTimestamp":"1","originalShardId":"s","originalSequenceNumber":"2"}"#;
        [separator.as_bytes(), envelope.as_bytes(), separator.as_bytes(), payload].concat()
    }

    /// Text that does not get much smaller.
    fn noise(characters: usize) -> String {
        let mut random = fastrand::Rng::with_seed(7);
        std::iter::repeat_with(|| random.alphanumeric()).take(characters).collect()
    }

    #[test]
    fn a_preview_is_one_line() {
        assert_eq!(preview(&record(b"{\"id\":\n1}"), 40), "{\"id\": 1}");
        assert_eq!(preview(&record(&[0, 1, 2, 255]), 40), "(binary) 00 01 02 ff");
        assert_eq!(preview(&record("äöü".repeat(1_000).as_bytes()), 5), "äöüäö");
        assert_eq!(preview(&record(b""), 5), "");
        let not_base64 = StoredItem { data: Some("héllo!".to_owned()), ..StoredItem::default() };
        assert_eq!(preview(&Record::new(not_base64), 5), "héllo");
    }

    #[test]
    fn a_preview_shows_what_is_inside() {
        let json = b"{\"id\":1}";
        assert_eq!(preview(&record(b"\x81\xa2id\x01"), 40), "{\"id\":1}");
        for packed in [gzip(json), zlib(json), zstd::encode_all(&json[..], 3).unwrap(), gzip(&zlib(json))] {
            assert_eq!(preview(&record(&packed), 40), "{\"id\":1}");
        }
        for separator in ["|", "\u{1e}"] {
            assert_eq!(preview(&record(&replayed(separator, b"hello")), 5), "hello");
        }
    }

    #[test]
    fn a_preview_of_an_aggregated_record_shows_the_first_user_record() {
        let three = aggregate(&[("a", None, b"{\"id\":1}"), ("b", None, b"{}"), ("a", None, &gzip(b"{}"))]);
        assert_eq!(preview(&record(&three), 40), "KPL 3: {\"id\":1}");
        assert_eq!(preview(&record(&aggregate(&[("a", None, &gzip(b"{\"id\":1}"))])), 40), "KPL 1: {\"id\":1}");
        assert_eq!(preview(&record(&aggregate(&[("a", None, &[0, 1])])), 40), "KPL 1: (binary) 00 01");
        let mut damaged = three;
        *damaged.last_mut().unwrap() ^= 1;
        assert!(preview(&record(&damaged), 40).starts_with("(binary) f3 89"));
        let middling = aggregate(&[("a", None, b"{\"id\":1}"), ("b", None, noise(30_000).as_bytes())]);
        assert_eq!(preview(&record(&middling), 40), "KPL 2: {\"id\":1}");
        assert_eq!(preview(&record(&replayed("\u{1e}", &middling)), 40), "KPL 2: {\"id\":1}");
        let large = aggregate(&[("a", None, b"{\"id\":1}"), ("b", None, noise(200_000).as_bytes())]);
        assert_eq!(preview(&record(&large), 40), "KPL: {\"id\":1}");
    }

    #[test]
    fn a_preview_of_a_large_compressed_payload_is_its_beginning() {
        let json = format!("{{\"id\":\"{}\"}}", noise(300_000));
        for packed in [gzip(json.as_bytes()), zlib(json.as_bytes()), zstd::encode_all(json.as_bytes(), 3).unwrap()] {
            let shown = preview(&record(&packed), 20);
            // A block of Zstandard is there whole, or not at all.
            assert!(shown == json[..20] || shown.starts_with("(binary) 28 b5"), "{shown}");
        }
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
        fn no_preview_is_hostile(payload: Vec<u8>, columns in 0..60_usize) {
            for payload in [gzip(&payload), aggregate(&[("a", None, &payload)]), payload] {
                prop_assert!(!preview(&record(&payload), columns).chars().any(char::is_control));
            }
        }
    }
}
