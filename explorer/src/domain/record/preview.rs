//! The beginning of a record's payload on one line, for a list. A large payload is not decoded for it.

use super::payload::{Place, beginning_of_gzip, payload_of};
use crate::domain::decode::{
    AggregateSize, Beginning, Beginnings, Decoded, PLAIN_BYTES, begins_like_logs, first_message, is_plain,
};
use crate::domain::record::Record;
use crate::domain::text::{cut, printable};
use archiver::format::table::GZIP;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The preview of a record whose payload is not in its item.
const NOT_READABLE: &str = "(not readable)";

/// Characters of base64 that are decoded if a payload is not plain text; a multiple of four.
const LOOKED_AT: usize = 64 * 1024;
/// Base64 of the bytes that say whether it is; a multiple of four.
const LOOKED_AT_FIRST: usize = PLAIN_BYTES.div_ceil(3) * 4;
/// A payload that is stored compressed is verified where it is no larger than this.
const MAX_VERIFIED_BYTES: u64 = 256 * 1024;
/// How the base64 of an aggregated record begins, which only all of it can verify.
const AGGREGATED: &str = "84maw";

/// The beginning of a payload on one line, for a list.
#[must_use]
pub fn preview(record: &Record, columns: usize) -> String {
    let data = record.item.data.as_deref().unwrap_or_default();
    match (&record.place, record.item.encoding.as_deref()) {
        (Place::Parts(parts), _) => format!("(in {parts})"),
        (Place::Item, None) => match STANDARD.decode(data.get(..LOOKED_AT_FIRST).unwrap_or(data)) {
            Ok(start) if !begins_like_logs(&start) && is_plain(&start, data.len() <= LOOKED_AT_FIRST) => one_line(&start, columns),
            Ok(_) => beginning(record).map_or_else(|| text_line(data, columns), |start| preview_of_beginning(&start, columns)),
            Err(_) => text_line(data, columns),
        },
        (Place::Item, Some(GZIP)) if record.payload_size == Some(0) => String::new(),
        (Place::Unclear(_), _) | (Place::Item, Some(_)) => {
            beginning(record).map_or_else(|| NOT_READABLE.to_owned(), |start| preview_of_beginning(&start, columns))
        }
    }
}

/// The beginning of a record's payload, its layers taken off; `None` where its item does not hold one that can be read.
#[must_use]
pub fn beginning(record: &Record) -> Option<Beginning> {
    let data = record.item.data.as_deref()?;
    let of = |payload: &[u8], is_whole| Beginnings::default().of(payload, is_whole);
    match (&record.place, record.item.encoding.as_deref()) {
        (Place::Item, None) => {
            let most = if data.starts_with(AGGREGATED) { data.len() } else { LOOKED_AT };
            STANDARD.decode(data.get(..most).unwrap_or(data)).ok().map(|payload| of(&payload, data.len() <= most))
        }
        (Place::Item, Some(GZIP)) => match record.payload_size {
            Some(bytes) if bytes <= MAX_VERIFIED_BYTES && data.len() <= LOOKED_AT => {
                payload_of(&record.item, data).ok().map(|payload| of(&payload, true))
            }
            Some(_) | None => {
                Some(beginning_of_gzip(data, LOOKED_AT)).filter(|bytes| !bytes.is_empty()).map(|bytes| of(&bytes, false))
            }
        },
        (Place::Item, Some(_)) | (Place::Parts(_) | Place::Unclear(_), _) => None,
    }
}

/// The beginning of a payload that is at hand, on one line.
#[must_use]
pub fn preview_of_payload(payload: &[u8], columns: usize) -> String {
    of_bytes(payload.get(..LOOKED_AT).unwrap_or(payload), payload.len() <= LOOKED_AT, columns)
}

/// The beginning of a payload that was decoded, on one line.
#[must_use]
pub fn preview_of(decoded: &Decoded, columns: usize) -> String {
    match decoded.text() {
        Some(text) => line_of(text, columns),
        None => binary_line(&decoded.content, columns),
    }
}

fn of_bytes(payload: &[u8], is_whole: bool, columns: usize) -> String {
    preview_of_beginning(&Beginnings::default().of(payload, is_whole), columns)
}

/// The beginning of a payload on one line.
#[must_use]
pub fn preview_of_beginning(beginning: &Beginning, columns: usize) -> String {
    let prefix = match beginning.aggregate {
        Some(AggregateSize::Known(count)) => format!("KPL {count}: "),
        Some(AggregateSize::NotCounted) => "KPL: ".to_owned(),
        None => String::new(),
    };
    let left = columns.saturating_sub(prefix.len());
    let line = match &beginning.text {
        Some(text) => line_of(text, left),
        None => binary_line(&beginning.content, left),
    };
    format!("{prefix}{line}").chars().take(columns).collect()
}

/// The beginning of bytes that begin with text.
fn one_line(content: &[u8], columns: usize) -> String {
    // Text beyond the line is not read; a character has at most four bytes.
    let content = content.get(..columns.saturating_mul(4)).unwrap_or(content);
    let text = match std::str::from_utf8(content) {
        Ok(text) => text,
        // The cut may have gone through a character.
        Err(error) => std::str::from_utf8(&content[..error.valid_up_to()]).unwrap_or_default(),
    };
    text_line(text, columns)
}

/// The beginning of a text; of a text from CloudWatch Logs its first message, and how many follow.
fn line_of(text: &str, columns: usize) -> String {
    /// A message of which less is seen says nothing.
    const NARROWEST: usize = 8;
    let Some((message, more)) = first_message(text) else {
        return text_line(text, columns);
    };
    let more = if more == 0 { String::new() } else { format!("  +{more}") };
    match columns.checked_sub(more.len() + 1).filter(|room| *room >= NARROWEST && !more.is_empty()) {
        Some(room) => format!("{}{more}", cut(&text_line(message.trim_end(), columns), room)),
        None => text_line(message.trim_end(), columns),
    }
}

fn text_line(text: &str, columns: usize) -> String {
    let end = text.char_indices().nth(columns).map_or(text.len(), |(end, _)| end);
    printable(&text[..end].replace(['\n', '\r'], " ")).chars().take(columns).collect()
}

fn binary_line(content: &[u8], columns: usize) -> String {
    let bytes: Vec<String> = content.iter().take(columns / 3).map(|byte| format!("{byte:02x}")).collect();
    format!("(binary) {}", bytes.join(" "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::decode::tests::any_damaged_payload;
    use crate::domain::decode::{Layer, decode_payload};
    use archiver::format::aggregate::aggregate;
    use archiver::format::item::StoredItem;
    use archiver::format::payload::{Data, Packer};
    use archiver::format::sequence::SequenceNumber;
    use archiver::format::settings::Compression;
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
    fn a_preview_of_a_log_is_its_first_message() {
        let logs = |messages: &[&str]| {
            let events: Vec<_> =
                messages.iter().map(|message| serde_json::json!({"id": "1", "timestamp": 1, "message": message})).collect();
            let events = serde_json::to_string(&events).unwrap();
            let start = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/aws/lambda/orders","logStream":"1","subscriptionFilters":[]"#;
            format!("{start},\"logEvents\":{events}}}").into_bytes()
        };
        let shown = |messages: &[&str], columns| preview(&record(&gzip(&logs(messages))), columns);
        assert_eq!(shown(&["GET /orders 200\n"], 40), "GET /orders 200");
        assert_eq!(shown(&["GET /orders 200", "b", "c"], 40), "GET /orders 200  +2");
        assert_eq!(shown(&["GET /orders 200", "b", "c"], 18), "GET /orders …  +2");
        assert_eq!(shown(&["GET /orders 200", "b", "c"], 10), "GET /order");
        assert_eq!(preview(&record(&logs(&["a\u{1b}[2J", "b"])), 40), "a␛[2J  +1", "not compressed");
        assert!(shown(&[], 40).starts_with("{\"messageType\""));
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
        assert_eq!(preview(&record(&large), 40), "KPL 2: {\"id\":1}");
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

    /// The line that all of a payload gives.
    fn line_of_all(payload: &[u8], columns: usize) -> String {
        let decoded = decode_payload(payload.to_vec());
        let prefix = match decoded.layers.iter().position(|layer| matches!(layer, Layer::Kpl { .. })) {
            Some(at) => match decoded.layers[at] {
                Layer::Kpl { count, .. } => format!("KPL {count}: "),
                _ => String::new(),
            },
            None => String::new(),
        };
        let line = preview_of(&decoded, columns.saturating_sub(prefix.len()));
        format!("{prefix}{line}").chars().take(columns).collect()
    }

    #[test]
    fn a_preview_of_a_large_payload_is_a_beginning_of_what_is_shown() {
        let text = noise(60_000);
        let json = format!("{{\"note\":\"{text}\"}}");
        let mut message_pack = vec![0x81, 0xa4, b'n', b'o', b't', b'e', 0xda];
        message_pack.extend(60_000_u16.to_be_bytes());
        message_pack.extend(text.as_bytes());
        let twice = serde_json::to_vec(&json).unwrap();
        let coloured = format!("\u{1b}[32m{json}");
        let windows = [b"M\xfcller ".to_vec(), text.clone().into_bytes()].concat();
        for payload in [json.into_bytes(), twice, coloured.into_bytes(), windows, text.into_bytes()] {
            for payload in [
                payload.clone(),
                gzip(&payload),
                zlib(&payload),
                [gzip(&payload), b"\n".to_vec()].concat(),
                aggregate(&[("a", None, &payload)]),
            ] {
                assert_eq!(preview(&record(&payload), 40), line_of_all(&payload, 40));
                let cut = &payload[..payload.len() - 100];
                assert_eq!(preview(&record(cut), 40), line_of_all(cut, 40));
            }
        }
        assert!(
            preview(&record(&message_pack), 40).starts_with("(binary) 81 a4"),
            "only the end of it says that it is MessagePack"
        );
    }

    proptest! {
        #[test]
        fn a_preview_never_disagrees_with_the_detail(payload in any_damaged_payload(), columns in 0..60_usize) {
            prop_assert_eq!(preview(&record(&payload), columns), line_of_all(&payload, columns));
            let decoded = decode_payload(payload.clone());
            let begun = Beginnings::default().of(&payload, true);
            prop_assert_eq!(begun.kind, Some(decoded.kind()));
            let inner = decoded.layers.iter().skip(1).take(begun.layers.len()).copied().collect::<Vec<_>>();
            prop_assert_eq!(begun.layers, inner);
            // More than a preview unpacks of a damaged payload may come out of a few bytes.
            match (begun.text.as_deref(), decoded.text()) {
                (Some(text), Some(whole)) if text.len() >= LOOKED_AT => prop_assert!(whole.starts_with(text)),
                (text, whole) => prop_assert_eq!(text, whole),
            }
        }

        #[test]
        fn a_beginning_never_disagrees_with_all_of_it(payload in any_damaged_payload(), times in 1..30_usize, cut: proptest::sample::Index) {
            let payload = [payload.clone(), payload.repeat(times)].concat();
            let decoded = decode_payload(payload.clone());
            let begun = Beginnings::default().of(&payload[..cut.index(payload.len() + 1)], false);
            if let Some(kind) = begun.kind {
                let is_text = |kind| matches!(kind, Layer::Text | Layer::Json);
                prop_assert!(kind == decoded.kind() || (is_text(kind) && is_text(decoded.kind())), "{:?} {:?}", kind, decoded.layers);
                let text = begun.text.unwrap_or_default();
                let text = text.trim_end_matches('\u{fffd}');
                prop_assert!(decoded.text().unwrap_or_default().starts_with(text), "{} {:?}", text, decoded.text());
            }
        }

        #[test]
        fn no_preview_is_hostile(payload: Vec<u8>, columns in 0..60_usize) {
            for payload in [gzip(&payload), aggregate(&[("a", None, &payload)]), payload] {
                prop_assert!(!preview(&record(&payload), columns).chars().any(char::is_control));
            }
        }
    }
}
