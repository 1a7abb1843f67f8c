//! MessagePack, shown as JSON. Nothing is allocated by the lengths that it claims. Source: msgpack's spec.md.

use super::rendition::{Rendition, Unreadable, deeper};
use rmp::Marker;

/// MessagePack that is being read.
struct MessagePackReader<'p> {
    rest: &'p [u8],
    /// Whether oddities are taken as signs that it is something else.
    is_strict: bool,
    is_in_key: bool,
    rendition: Rendition,
}

/// How a map or a list begins.
fn is_container(content: &[u8]) -> bool {
    matches!(content, [0x80..=0x9f | 0xdc..=0xdf, _, ..])
}

/// The type of an extension that holds a time. Source: msgpack's spec.md, timestamp extension type.
const TIMESTAMP: i8 = -1;

/// The JSON of what is a map or a list, or several after one another that hold something, without any oddity.
pub(super) fn detect(content: &[u8], most: usize) -> Result<String, Unreadable> {
    if is_container(content) { render(content, true, most) } else { Err(Unreadable::Invalid("it is neither a map nor a list")) }
}

/// The JSON of MessagePack that a recipe names: one value or several in a row, a line each.
pub(super) fn read(content: &[u8], most: usize) -> Result<String, Unreadable> {
    render(content, false, most)
}

/// What follows the first value, where that is a map or a list that holds something; `None` where it is not whole.
pub(super) fn after_first(content: &[u8], most: usize) -> Option<&[u8]> {
    let mut reader = MessagePackReader { rest: content, is_strict: true, is_in_key: false, rendition: Rendition::within(most) };
    let is_telling = is_container(content) && !matches!(content, [0x80 | 0x90, ..]);
    (is_telling && reader.value(0).is_ok()).then_some(reader.rest)
}

/// Whether a map or a list begins here that continues after the end.
pub(super) fn is_cut(content: &[u8], most: usize) -> bool {
    let is_first = matches!(content, [0x81..=0x8f | 0x91..=0x9f | 0xdc..=0xdf, ..]);
    is_first && render(content, true, most) == Err(Unreadable::Cut)
}

fn render(content: &[u8], is_strict: bool, most: usize) -> Result<String, Unreadable> {
    let mut reader = MessagePackReader { rest: content, is_strict, is_in_key: false, rendition: Rendition::within(most) };
    reader.value(0)?;
    while !reader.rest.is_empty() {
        let is_odd = |value: &[u8]| !is_container(value) || matches!(value, [0x80 | 0x90, ..]);
        if is_strict && (is_odd(reader.rest) || is_odd(content)) {
            return Err(Unreadable::Invalid("more bytes follow its end"));
        }
        reader.rendition.next_value()?;
        reader.value(0)?;
    }
    reader.rendition.finish()
}

impl<'p> MessagePackReader<'p> {
    fn value(&mut self, depth: usize) -> Result<(), Unreadable> {
        match self.marker()? {
            Marker::FixMap(count) => self.map(u32::from(count), depth),
            Marker::Map16 => self.count_16().and_then(|count| self.map(count, depth)),
            Marker::Map32 => self.count_32().and_then(|count| self.map(count, depth)),
            Marker::FixArray(count) => self.list(u32::from(count), depth),
            Marker::Array16 => self.count_16().and_then(|count| self.list(count, depth)),
            Marker::Array32 => self.count_32().and_then(|count| self.list(count, depth)),
            scalar => self.scalar(scalar, false),
        }
    }

    fn map(&mut self, count: u32, depth: usize) -> Result<(), Unreadable> {
        let depth = deeper(depth)?;
        self.rendition.push("{")?;
        for place in 0..count {
            if place > 0 {
                self.rendition.push(",")?;
            }
            let position = self.rendition.position();
            self.key(position, depth)?;
            self.rendition.make_key(position)?;
            self.value(depth)?;
        }
        self.rendition.push("}")
    }

    /// A map or a list as a key is shown as a text, its JSON.
    fn key(&mut self, position: usize, depth: usize) -> Result<(), Unreadable> {
        let is_nested = matches!(self.rest, [0x80..=0x9f | 0xdc..=0xdf, ..]);
        if !is_nested || self.is_in_key {
            let marker = self.marker()?;
            return self.scalar(marker, true);
        }
        self.is_in_key = true;
        self.value(depth)?;
        self.is_in_key = false;
        self.rendition.make_text(position)
    }

    fn list(&mut self, count: u32, depth: usize) -> Result<(), Unreadable> {
        let depth = deeper(depth)?;
        self.rendition.push("[")?;
        for place in 0..count {
            if place > 0 {
                self.rendition.push(",")?;
            }
            self.value(depth)?;
        }
        self.rendition.push("]")
    }

    fn scalar(&mut self, marker: Marker, is_key: bool) -> Result<(), Unreadable> {
        match marker {
            Marker::Null => self.rendition.push("null"),
            Marker::True => self.rendition.push("true"),
            Marker::False => self.rendition.push("false"),
            Marker::FixPos(number) => self.rendition.integer(number),
            Marker::FixNeg(number) => self.rendition.integer(number),
            Marker::U8 => self.take().map(u8::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::U16 => self.take().map(u16::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::U32 => self.take().map(u32::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::U64 => self.take().map(u64::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::I8 => self.take().map(i8::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::I16 => self.take().map(i16::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::I32 => self.take().map(i32::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::I64 => self.take().map(i64::from_be_bytes).and_then(|number| self.rendition.integer(number)),
            Marker::F32 => self.take().map(f32::from_be_bytes).and_then(|number| self.rendition.short_float(number)),
            Marker::F64 => self.take().map(f64::from_be_bytes).and_then(|number| self.rendition.float(number)),
            Marker::FixStr(length) => self.text(u32::from(length)),
            Marker::Str8 => self.count_8().and_then(|length| self.text(length)),
            Marker::Str16 => self.count_16().and_then(|length| self.text(length)),
            Marker::Str32 => self.count_32().and_then(|length| self.text(length)),
            Marker::Bin8 => self.count_8().and_then(|length| self.binary(length, is_key)),
            Marker::Bin16 => self.count_16().and_then(|length| self.binary(length, is_key)),
            Marker::Bin32 => self.count_32().and_then(|length| self.binary(length, is_key)),
            Marker::FixExt1 => self.extension(1, is_key),
            Marker::FixExt2 => self.extension(2, is_key),
            Marker::FixExt4 => self.extension(4, is_key),
            Marker::FixExt8 => self.extension(8, is_key),
            Marker::FixExt16 => self.extension(16, is_key),
            Marker::Ext8 => self.count_8().and_then(|length| self.extension(length, is_key)),
            Marker::Ext16 => self.count_16().and_then(|length| self.extension(length, is_key)),
            Marker::Ext32 => self.count_32().and_then(|length| self.extension(length, is_key)),
            Marker::Reserved => Err(Unreadable::Invalid("it has the byte c1, which has no meaning")),
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 | Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => {
                Err(Unreadable::Invalid("it has a map or a list as a key in a key"))
            }
        }
    }

    fn text(&mut self, length: u32) -> Result<(), Unreadable> {
        let bytes = self.bytes(length)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => self.rendition.string(text),
            Err(_) if self.is_strict => Err(Unreadable::Invalid("it has a text that is not UTF-8")),
            // Before there was a type for bytes, they were written as texts.
            Err(_) => self.rendition.hex(bytes),
        }
    }

    fn binary(&mut self, length: u32, is_key: bool) -> Result<(), Unreadable> {
        let bytes = self.bytes(length)?;
        if is_key { self.rendition.hex(bytes) } else { self.rendition.bytes(bytes) }
    }

    fn extension(&mut self, length: u32, is_key: bool) -> Result<(), Unreadable> {
        let kind = self.take().map(i8::from_be_bytes)?;
        let bytes = self.bytes(length)?;
        let time = if kind == TIMESTAMP { timestamp(bytes) } else { None };
        match time {
            _ if is_key => self.rendition.hex(bytes),
            Some(time) => self.rendition.push(&format!("{{\"timestamp\":\"{time}\"}}")),
            None => {
                self.rendition.push(&format!("{{\"ext\":{kind},\"hex\":"))?;
                self.rendition.hex(bytes)?;
                self.rendition.push("}")
            }
        }
    }

    fn marker(&mut self) -> Result<Marker, Unreadable> {
        self.take().map(u8::from_be_bytes).map(Marker::from_u8)
    }

    fn count_8(&mut self) -> Result<u32, Unreadable> {
        self.take().map(u8::from_be_bytes).map(u32::from)
    }

    fn count_16(&mut self) -> Result<u32, Unreadable> {
        self.take().map(u16::from_be_bytes).map(u32::from)
    }

    fn count_32(&mut self) -> Result<u32, Unreadable> {
        self.take().map(u32::from_be_bytes)
    }

    fn take<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Unreadable> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(Unreadable::Cut)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn bytes(&mut self, length: u32) -> Result<&'p [u8], Unreadable> {
        let length = usize::try_from(length).map_err(|_| Unreadable::Cut)?;
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Unreadable::Cut)?;
        self.rest = rest;
        Ok(bytes)
    }
}

/// A time in one of its three forms: seconds; nanoseconds and seconds in 30 and 34 bits; both in full.
fn timestamp(bytes: &[u8]) -> Option<jiff::Timestamp> {
    let (seconds, nanoseconds) = match *bytes {
        [a, b, c, d] => (i64::from(u32::from_be_bytes([a, b, c, d])), 0),
        [a, b, c, d, e, f, g, h] => {
            let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            (i64::try_from(both & ((1 << 34) - 1)).ok()?, i32::try_from(both >> 34).ok()?)
        }
        [a, b, c, d, ref seconds @ ..] => (i64::from_be_bytes(seconds.try_into().ok()?), i32::from_be_bytes([a, b, c, d])),
        _ => return None,
    };
    jiff::Timestamp::new(seconds, nanoseconds).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::decode::tests::any_value;
    use proptest::prelude::*;
    use rmpv::Value;

    const MOST: usize = 64 * 1024 * 1024;

    fn written(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        rmpv::encode::write_value(&mut bytes, value).unwrap();
        bytes
    }

    #[test]
    fn everything_it_can_hold_is_shown() {
        let value = Value::Map(vec![
            ("id".into(), 7.into()),
            (1.into(), Value::Array(vec![Value::Nil, true.into(), (-5).into(), u64::MAX.into()])),
            (Value::Binary(vec![0, 255]), Value::Binary(vec![1])),
            ("f".into(), Value::Array(vec![Value::F32(0.1), Value::F64(0.1), Value::F64(f64::NAN), Value::F32(f32::NEG_INFINITY)])),
            ("at".into(), Value::Ext(-1, vec![0x5c, 0x17, 0x7c, 0xaa])),
            ("x".into(), Value::Ext(5, vec![9])),
        ]);
        let expected = r#"{"id":7,"1":[null,true,-5,18446744073709551615],"00ff":{"hex":"01"},"f":[0.1,0.1,"NaN","-Infinity"],"at":{"timestamp":"2018-12-17T10:38:34Z"},"x":{"ext":5,"hex":"09"}}"#;
        assert_eq!(detect(&written(&value), MOST).as_deref(), Ok(expected));
        serde_json::from_str::<serde_json::Value>(expected).unwrap();
    }

    #[test]
    fn what_is_claimed_costs_nothing() {
        for claim in [
            [0xdf, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5],
            [0xdd, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5],
            [0x91, 0xdb, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
            [0x91, 0xc6, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
            [0x91, 0xc9, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
        ] {
            assert_eq!(read(&claim, MOST), Err(Unreadable::Cut));
        }
        assert_eq!(read(&[0x91; 1_000_000], MOST), Err(Unreadable::TooDeep));
        let mut long = vec![0xdb, 0x04, 0, 0, 0];
        long.extend(vec![b'x'; 0x0400_0000]);
        assert_eq!(read(&long, MOST), Err(Unreadable::TooLarge(MOST)));
    }

    #[test]
    fn what_is_odd_is_read_only_on_request() {
        assert_eq!(read(&[0xa2, 0xff, 0xfe], MOST).unwrap(), "\"fffe\"");
        assert!(detect(&[0x91, 0xa2, 0xff, 0xfe], MOST).is_err());
        assert!(detect(&[0x2a], MOST).is_err());
        assert_eq!(read(&[0x2a, 0x2a], MOST).unwrap(), "42\n42");
        assert_eq!(read(&[0x2a, 0xa2], MOST), Err(Unreadable::Cut));
        assert_eq!(read(&[0x81, 0x92, 1, 2, 1], MOST).unwrap(), r#"{"[1,2]":1}"#);
        assert_eq!(detect(b"\x81\x81\xa1a\x01\x02", MOST).unwrap(), r#"{"{\"a\":1}":2}"#);
        assert!(read(&[0x81, 0x81, 0x90, 1, 2], MOST).unwrap_err().to_string().contains("as a key in a key"));
    }

    #[test]
    fn several_values_are_a_line_each() {
        assert_eq!(detect(b"\x81\xa2id\x01\x81\xa2id\x02", MOST).as_deref(), Ok("{\"id\":1}\n{\"id\":2}"));
        for odd in [&b"\x81\xa2id\x01\x00"[..], b"\x90\x90", b"\x81\xa2id\x01\x80", b"\x81\xa2id\x01\x81\xa2id"] {
            assert!(detect(odd, MOST).is_err(), "{odd:x?}");
        }
    }

    proptest! {
        #[test]
        fn the_json_is_what_was_written((value, json) in any_value(Value::Nil, Value::Array, Value::Map)) {
            let shown = read(&written(&value), MOST).unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), json);
        }

        #[test]
        fn any_bytes_are_json_or_nothing(bytes: Vec<u8>) {
            if let Ok(shown) = read(&bytes, MOST) {
                prop_assert!(crate::domain::text::json_text::are_values(&shown), "{shown}");
            }
        }
    }
}
