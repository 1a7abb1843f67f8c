//! Events of partners, each of which sends the same kind of event in a format of its own.

use super::{Generator, gzip};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

const CARRIERS: [&str; 3] = ["DHL", "GLS", "UPS"];
const EVENTS: [&str; 4] = ["picked_up", "in_transit", "delivered", "returned"];

/// Partition keys, and the format of each.
const PARTNERS: [(&str, Format); 5] = [
    ("acme", Format::Json),
    ("bolt", Format::GzippedJson),
    ("dalia", Format::Cbor),
    ("elbe", Format::Protobuf),
    ("nord", Format::MessagePack),
];

#[derive(Clone, Copy, Debug)]
enum Format {
    Json,
    GzippedJson,
    MessagePack,
    Cbor,
    Protobuf,
}

/// Types of a CBOR value, in the three highest bits of its first byte. Source: RFC 8949, section 3.1.
const CBOR_NUMBER: u8 = 0 << 5;
const CBOR_TEXT: u8 = 3 << 5;
const CBOR_MAP: u8 = 5 << 5;
/// What a protobuf field holds, in the three lowest bits of its tag. Source: protobuf encoding guide, message structure.
const PROTOBUF_NUMBER: u8 = 0;
const PROTOBUF_BYTES: u8 = 2;

impl Generator {
    pub(super) fn partner_event(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let (partner, format) = PARTNERS[self.random.usize(..PARTNERS.len())];
        let event = json!({
            "parcel": format!("P-{:06}", self.random.u32(100_000..1_000_000)),
            "carrier": CARRIERS[self.random.usize(..CARRIERS.len())],
            "event": EVENTS[self.random.usize(..EVENTS.len())],
            "grams": self.random.u32(120..9_000),
            "at": now.as_second(),
        });
        let json = event.to_string().into_bytes();
        let fields = event.as_object().cloned().unwrap_or_default();
        let payload = match format {
            Format::Json => json,
            Format::GzippedJson => gzip(&json),
            Format::MessagePack => message_pack(&fields).unwrap_or(json),
            Format::Cbor => cbor(&fields),
            Format::Protobuf => protobuf(&fields),
        };
        (format!("partner-{partner}"), payload)
    }
}

fn number_of(value: &Value) -> Option<u64> {
    value.as_u64()
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `None` should memory not take what is written.
fn message_pack(fields: &Map<String, Value>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    rmp::encode::write_map_len(&mut bytes, u32::try_from(fields.len()).ok()?).ok()?;
    for (name, value) in fields {
        rmp::encode::write_str(&mut bytes, name).ok()?;
        match number_of(value) {
            Some(number) => rmp::encode::write_uint(&mut bytes, number).map(|_| ()).ok()?,
            None => rmp::encode::write_str(&mut bytes, text_of(value)).ok()?,
        }
    }
    Some(bytes)
}

fn cbor(fields: &Map<String, Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let text = |bytes: &mut Vec<u8>, text: &str| {
        cbor_head(bytes, CBOR_TEXT, text.len() as u64);
        bytes.extend_from_slice(text.as_bytes());
    };
    cbor_head(&mut bytes, CBOR_MAP, fields.len() as u64);
    for (name, value) in fields {
        text(&mut bytes, name);
        match number_of(value) {
            Some(number) => cbor_head(&mut bytes, CBOR_NUMBER, number),
            None => text(&mut bytes, text_of(value)),
        }
    }
    bytes
}

/// A type with a number: in its own byte, or in the 1, 4 or 8 bytes after it.
fn cbor_head(bytes: &mut Vec<u8>, kind: u8, number: u64) {
    match (u8::try_from(number), u32::try_from(number)) {
        (Ok(small @ ..24), _) => bytes.push(kind | small),
        (Ok(byte), _) => bytes.extend([kind | 24, byte]),
        (_, Ok(word)) => {
            bytes.push(kind | 26);
            bytes.extend(word.to_be_bytes());
        }
        _ => {
            bytes.push(kind | 27);
            bytes.extend(number.to_be_bytes());
        }
    }
}

/// Fields are numbered from 1, in their order.
fn protobuf(fields: &Map<String, Value>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, value) in (1..).zip(fields.values()) {
        match number_of(value) {
            Some(value) => {
                bytes.push(number << 3 | PROTOBUF_NUMBER);
                varint(&mut bytes, value);
            }
            None => {
                bytes.push(number << 3 | PROTOBUF_BYTES);
                varint(&mut bytes, text_of(value).len() as u64);
                bytes.extend_from_slice(text_of(value).as_bytes());
            }
        }
    }
    bytes
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow.
fn varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7F);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Generator, Kind};
    use crate::domain::decode::{Layer, Recipe, decode_with};
    use jiff::Timestamp;
    use std::collections::BTreeSet;

    #[test]
    fn every_format_is_recognised_but_protobuf_which_is_read_when_it_is_named() {
        let mut generator = Generator::new(7, 0);
        let mut layers: BTreeSet<(String, String)> = BTreeSet::new();
        for second in 1_790_000_000..1_790_000_060 {
            let (key, payload) = generator.record(Kind::Partner, Timestamp::from_second(second).unwrap());
            let recipe = if key == "partner-elbe" { Recipe::parse("protobuf").unwrap() } else { Recipe::Detected };
            layers.insert((key, format!("{:?}", decode_with(payload, false, &recipe, 0).kind())));
        }
        let expected = [
            ("partner-acme", Layer::Json),
            ("partner-bolt", Layer::Json),
            ("partner-dalia", Layer::Cbor),
            ("partner-elbe", Layer::Protobuf),
            ("partner-nord", Layer::MessagePack),
        ];
        assert_eq!(layers, expected.map(|(key, layer)| (key.to_owned(), format!("{layer:?}"))).into());
    }
}
