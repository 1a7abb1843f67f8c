//! The headers that schema registries put before a payload, with the id of its schema. What follows is JSON, or bytes that cannot be
//! read without the schema.

use super::packed::Packing;
use std::fmt;

/// A header, and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) schema: Schema,
    /// Bytes of the header.
    pub(super) length: usize,
    /// Whether zlib follows.
    pub(super) is_packed: bool,
}

/// The schema that a payload was written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// A version of a schema in the AWS Glue Schema Registry, by its UUID.
    Glue([u8; 16]),
    /// A schema in Confluent's registry or a compatible one, by its number.
    Confluent(u32),
}

/// Bytes of Glue's header: its version, how the rest is compressed, and the UUID. Source: awslabs/aws-glue-schema-registry,
/// AWSSchemaRegistryConstants.
const GLUE_HEADER_BYTES: usize = 18;
/// Bytes of Confluent's: a zero, and the number. Source: Confluent documentation, wire format.
const CONFLUENT_HEADER_BYTES: usize = 5;
/// Numbers of schemas that a registry has by now: they are counted from 1.
const MAX_USUAL_NUMBER: u32 = 1 << 20;

/// The header of a content, where there is no doubt: Glue's before JSON or zlib, or with a UUID of a usual kind, whatever follows; Confluent's, which is
/// short, only before JSON.
pub(super) fn detect(content: &[u8]) -> Option<Header> {
    match content {
        [3, ..] => glue(content).filter(|header| {
            let rest = &content[header.length..];
            let is_telling = if header.is_packed { Packing::of(rest) == Some(Packing::Zlib) } else { begins_json(rest) };
            !rest.is_empty() && (is_telling || header.has_usual_uuid())
        }),
        [0, ..] => confluent(content).filter(|header| begins_json(&content[header.length..])),
        _ => None,
    }
}

/// A header that these bytes may begin with, or not: what follows is not JSON.
pub(super) fn suspect(content: &[u8]) -> Option<Schema> {
    let header = confluent(content)?;
    let is_usual = matches!(header.schema, Schema::Confluent(1..MAX_USUAL_NUMBER));
    (is_usual && content.len() > header.length).then_some(header.schema)
}

/// Glue's header, if a recipe names it.
pub(super) fn glue(content: &[u8]) -> Option<Header> {
    let (header, _) = content.split_first_chunk::<GLUE_HEADER_BYTES>()?;
    let [3, compression @ (0 | 5), uuid @ ..] = header else {
        return None;
    };
    Some(Header { schema: Schema::Glue(*uuid), length: GLUE_HEADER_BYTES, is_packed: *compression == 5 })
}

/// Confluent's header, if a recipe names it.
pub(super) fn confluent(content: &[u8]) -> Option<Header> {
    let [0, a, b, c, d, ..] = *content else {
        return None;
    };
    Some(Header { schema: Schema::Confluent(u32::from_be_bytes([a, b, c, d])), length: CONFLUENT_HEADER_BYTES, is_packed: false })
}

/// Whether the bytes begin as an object or a list does.
fn begins_json(bytes: &[u8]) -> bool {
    let inside = |after: &[u8]| after.trim_ascii_start().first().copied();
    match bytes.trim_ascii_start() {
        [b'{', after @ ..] => matches!(inside(after), Some(b'"' | b'}')),
        [b'[', after @ ..] => {
            matches!(inside(after), Some(b'"' | b'{' | b'[' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I'))
        }
        _ => false,
    }
}

impl Header {
    /// Whether the UUID has a version and a variant of RFC 9562, as Glue's have.
    fn has_usual_uuid(self) -> bool {
        match self.schema {
            Schema::Glue(uuid) => matches!(uuid[6] >> 4, 1..=8) && uuid[8] >> 6 == 0b10,
            Schema::Confluent(_) => false,
        }
    }
}

impl Schema {
    #[must_use]
    pub fn registry(self) -> &'static str {
        match self {
            Self::Glue(_) => "Glue schema registry",
            Self::Confluent(_) => "Confluent schema registry",
        }
    }

    /// Glue's version id, or Confluent's number.
    #[must_use]
    pub fn id(self) -> String {
        match self {
            Self::Glue(uuid) => {
                let hex = |range: std::ops::Range<usize>| uuid[range].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                [hex(0..4), hex(4..6), hex(6..8), hex(8..10), hex(10..16)].join("-")
            }
            Self::Confluent(number) => number.to_string(),
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Glue(_) => "version",
            Self::Confluent(_) => "schema",
        };
        write!(formatter, "{}, {what} {}", self.registry(), self.id())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const UUID: &[u8; 16] = b"\x12\x34\x56\x78\x12\x34\x43\x21\x87\x65\x01\x23\x45\x67\x89\xab";

    fn after(header: &[u8], rest: &[u8]) -> Option<String> {
        detect(&[header, rest].concat()).map(|header| header.schema.to_string())
    }

    #[test]
    fn a_header_is_told_by_what_follows() {
        let glue = [b"\x03\0", UUID.as_slice()].concat();
        let packed = [b"\x03\x05", UUID.as_slice()].concat();
        let named = Some("Glue schema registry, version 12345678-1234-4321-8765-0123456789ab".to_owned());
        assert_eq!(after(&glue, b"{\"id\":1}"), named);
        assert_eq!(after(&glue, b"\x02\x08paid"), named, "Avro, by the UUID");
        assert_eq!(after(&packed, b"\x78\x9c"), named);
        assert_eq!(after(&packed, b"\x02\x08paid"), named, "it says that it is packed");
        assert_eq!(after(&glue, b""), None);
        assert_eq!(after(&[3, 0], &[7; 40]), None, "no UUID of a usual kind");
        assert_eq!(after(b"\0\0\0\0\x07", b" {\"id\":1}"), Some("Confluent schema registry, schema 7".to_owned()));
        assert_eq!(after(b"\0\0\0\0\x07", b"\x02\x08paid"), None);
    }

    #[test]
    fn a_short_header_before_bytes_is_only_suspected() {
        assert_eq!(suspect(b"\0\0\0\0\x07\x02\x08paid"), Some(Schema::Confluent(7)));
        for bytes in [&b"\0\0\0\0\x07"[..], b"\0\0\0\0\0\x02", b"\0\xff\0\0\x07\x02", b"\x01\0\0\0\x07\x02"] {
            assert_eq!(suspect(bytes), None);
        }
    }
}
