//! CBOR, shown as JSON. Nothing is allocated by the lengths that it claims. Source: RFC 8949.

use super::rendition::{Rendition, Unreadable, deeper};
use ciborium_ll::{Decoder, Header, simple};

/// CBOR that is being read.
struct CborReader<'p> {
    rest: &'p [u8],
    /// The first byte of what was read last, which says how wide a number is.
    initial: u8,
    is_in_key: bool,
    rendition: Rendition,
}

/// The tag that says nothing but that this is CBOR. Source: RFC 8949, section 3.4.6.
const SELF_DESCRIBED: [u8; 3] = [0xd9, 0xd9, 0xf7];

/// How numbers of 16 and 32 bits begin. Source: RFC 8949, section 3.3.
const HALF_FLOAT: u8 = 0xf9;
const SINGLE_FLOAT: u8 = 0xfa;

/// The JSON of what is a map or a list, or says of itself that it is CBOR; or several after one another that hold something.
pub(super) fn detect(content: &[u8], most: usize) -> Result<String, Unreadable> {
    let is_container = matches!(content, [0x80..=0xbf, _, ..]);
    if is_container || content.starts_with(&SELF_DESCRIBED) {
        render(content, true, most)
    } else {
        Err(Unreadable::Invalid("it is neither a map nor a list"))
    }
}

/// The JSON of CBOR that a recipe names: one value, or several in a row (RFC 8742), a line each.
pub(super) fn read(content: &[u8], most: usize) -> Result<String, Unreadable> {
    render(content, false, most)
}

/// Why what says of itself that it is CBOR cannot be read.
pub(super) fn why_not(content: &[u8], most: usize) -> Option<Unreadable> {
    if content.starts_with(&SELF_DESCRIBED) { render(content, true, most).err() } else { None }
}

/// What follows the first value, where that is a map or a list that holds something; `None` where it is not whole.
pub(super) fn after_first(content: &[u8], most: usize) -> Option<&[u8]> {
    let mut reader = CborReader { rest: content, initial: 0, is_in_key: false, rendition: Rendition::within(most) };
    let is_telling = matches!(content, [0x81..=0x9f | 0xa1..=0xbf, _, ..]);
    (is_telling && reader.whole_value().is_ok()).then_some(reader.rest)
}

/// Whether a map or a list begins here that continues after the end.
pub(super) fn is_cut(content: &[u8], most: usize) -> bool {
    let is_first = matches!(content, [0x81..=0x9f | 0xa1..=0xbf, ..]);
    is_first && render(content, true, most) == Err(Unreadable::Cut)
}

fn render(content: &[u8], is_strict: bool, most: usize) -> Result<String, Unreadable> {
    let mut reader = CborReader { rest: content, initial: 0, is_in_key: false, rendition: Rendition::within(most) };
    let is_odd = |value: &[u8]| !matches!(value, [0x81..=0x9f | 0xa1..=0xbf, _, ..]) && !value.starts_with(&SELF_DESCRIBED);
    reader.whole_value()?;
    while !reader.rest.is_empty() {
        if is_strict && (is_odd(reader.rest) || is_odd(content)) {
            return Err(Unreadable::Invalid("more bytes follow its end"));
        }
        reader.rendition.next_value()?;
        reader.whole_value()?;
    }
    reader.rendition.finish()
}

impl<'p> CborReader<'p> {
    fn whole_value(&mut self) -> Result<(), Unreadable> {
        self.rest = self.rest.strip_prefix(&SELF_DESCRIBED).unwrap_or(self.rest);
        self.value(0)
    }

    fn value(&mut self, depth: usize) -> Result<(), Unreadable> {
        let header = self.header()?;
        self.value_of(header, depth)
    }

    fn value_of(&mut self, header: Header, depth: usize) -> Result<(), Unreadable> {
        match header {
            Header::Map(count) => self.map(count, deeper(depth)?),
            Header::Array(count) => self.list(count, deeper(depth)?),
            Header::Tag(tag) => {
                self.rendition.push(&format!("{{\"tag\":{tag},\"value\":"))?;
                self.value(deeper(depth)?)?;
                self.rendition.push("}")
            }
            scalar => self.scalar(scalar, false),
        }
    }

    fn map(&mut self, count: Option<usize>, depth: usize) -> Result<(), Unreadable> {
        self.rendition.push("{")?;
        let mut place = 0;
        while let Some(header) = self.next_of(count, place)? {
            if place > 0 {
                self.rendition.push(",")?;
            }
            let position = self.rendition.position();
            self.key(header, position, depth)?;
            self.rendition.make_key(position)?;
            self.value(depth)?;
            place += 1;
        }
        self.rendition.push("}")
    }

    /// A map, a list or a tag as a key is shown as a text, its JSON.
    fn key(&mut self, header: Header, position: usize, depth: usize) -> Result<(), Unreadable> {
        let is_nested = matches!(header, Header::Map(_) | Header::Array(_) | Header::Tag(_));
        if !is_nested || self.is_in_key {
            return self.scalar(header, true);
        }
        self.is_in_key = true;
        self.value_of(header, depth)?;
        self.is_in_key = false;
        self.rendition.make_text(position)
    }

    fn list(&mut self, count: Option<usize>, depth: usize) -> Result<(), Unreadable> {
        self.rendition.push("[")?;
        let mut place = 0;
        while let Some(header) = self.next_of(count, place)? {
            if place > 0 {
                self.rendition.push(",")?;
            }
            self.value_of(header, depth)?;
            place += 1;
        }
        self.rendition.push("]")
    }

    /// The header at this place of a map or a list; `None` at its end, which is a count or a break.
    fn next_of(&mut self, count: Option<usize>, place: usize) -> Result<Option<Header>, Unreadable> {
        if count == Some(place) {
            return Ok(None);
        }
        let header = self.header()?;
        Ok(if count.is_none() && header == Header::Break { None } else { Some(header) })
    }

    fn scalar(&mut self, header: Header, is_key: bool) -> Result<(), Unreadable> {
        match header {
            Header::Positive(number) => self.rendition.integer(number),
            Header::Negative(number) => self.rendition.integer(-1 - i128::from(number)),
            Header::Float(number) => match self.initial {
                HALF_FLOAT => self.rendition.half_float(number),
                #[allow(clippy::cast_possible_truncation)]
                SINGLE_FLOAT => self.rendition.short_float(number as f32),
                _ => self.rendition.float(number),
            },
            Header::Simple(simple::FALSE) => self.rendition.push("false"),
            Header::Simple(simple::TRUE) => self.rendition.push("true"),
            Header::Simple(simple::NULL) => self.rendition.push("null"),
            Header::Simple(simple::UNDEFINED) => self.rendition.push("\"undefined\""),
            Header::Simple(number) if is_key => self.rendition.integer(number),
            Header::Simple(number) => self.rendition.push(&format!("{{\"simple\":{number}}}")),
            Header::Text(Some(length)) => {
                let text = text(self.bytes(length)?)?;
                self.rendition.string(text)
            }
            Header::Text(None) => {
                let joined = self.segments(|header| if let Header::Text(length) = header { length } else { None })?;
                self.rendition.string(text(&joined)?)
            }
            Header::Bytes(length) => {
                let bytes = match length {
                    Some(length) => self.bytes(length)?.into(),
                    None => self.segments(|header| if let Header::Bytes(length) = header { length } else { None })?,
                };
                if is_key { self.rendition.hex(&bytes) } else { self.rendition.bytes(&bytes) }
            }
            Header::Break => Err(Unreadable::Invalid("it has a break where nothing is open")),
            Header::Tag(_) | Header::Map(_) | Header::Array(_) => {
                Err(Unreadable::Invalid("it has a map, a list or a tag as a key in a key"))
            }
        }
    }

    /// Pieces of a text or of bytes put together, up to a break. `length` is that of a piece of the right kind.
    fn segments(&mut self, length: impl Fn(Header) -> Option<usize>) -> Result<Vec<u8>, Unreadable> {
        let mut joined = Vec::new();
        loop {
            let header = self.header()?;
            match length(header) {
                Some(length) => joined.extend_from_slice(self.bytes(length)?),
                None if header == Header::Break => return Ok(joined),
                None => return Err(Unreadable::Invalid("it has a text or bytes in pieces of another kind")),
            }
        }
    }

    fn header(&mut self) -> Result<Header, Unreadable> {
        self.initial = *self.rest.first().ok_or(Unreadable::Cut)?;
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|error| match error {
            ciborium_ll::Error::Io(_) => Unreadable::Cut,
            ciborium_ll::Error::Syntax(_) => Unreadable::Invalid("it has a byte that begins nothing"),
        })?;
        self.rest = self.rest.get(decoder.offset()..).ok_or(Unreadable::Cut)?;
        Ok(header)
    }

    fn bytes(&mut self, length: usize) -> Result<&'p [u8], Unreadable> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(Unreadable::Cut)?;
        self.rest = rest;
        Ok(bytes)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(bytes).map_err(|_| Unreadable::Invalid("it has a text that is not UTF-8"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::domain::decode::tests::any_value;
    use ciborium::Value;
    use proptest::prelude::*;

    const MOST: usize = 64 * 1024 * 1024;

    fn written(value: &Value) -> Vec<u8> {
        let mut bytes = Vec::new();
        ciborium::into_writer(value, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn everything_it_can_hold_is_shown() {
        let value = Value::Map(vec![
            ("id".into(), 7.into()),
            ((-1).into(), Value::Array(vec![Value::Null, true.into(), (-5).into(), u64::MAX.into()])),
            (Value::Bytes(vec![0, 255]), Value::Bytes(vec![1])),
            ("f".into(), Value::Array(vec![1.5.into(), f64::NAN.into(), f64::INFINITY.into()])),
            ("at".into(), Value::Tag(1, Box::new(1_545_084_650.into()))),
        ]);
        let expected = r#"{"id":7,"-1":[null,true,-5,18446744073709551615],"00ff":{"hex":"01"},"f":[1.5,"NaN","Infinity"],"at":{"tag":1,"value":1545084650}}"#;
        assert_eq!(detect(&written(&value), MOST).as_deref(), Ok(expected));
        let described = [&SELF_DESCRIBED, written(&value).as_slice()].concat();
        assert_eq!(detect(&described, MOST).as_deref(), Ok(expected));
        // {_ "a": (_ "b" "c"), "d": [_ (_ h'00' h'01'), undefined, simple(99)]}
        let open = b"\xbf\x61a\x7f\x61b\x61c\xff\x61d\x9f\x5f\x41\x00\x41\x01\xff\xf7\xf8\x63\xff\xff";
        assert_eq!(detect(open, MOST).as_deref(), Ok(r#"{"a":"bc","d":[{"hex":"0001"},"undefined",{"simple":99}]}"#));
    }

    #[test]
    fn what_is_claimed_costs_nothing() {
        for major in [0x40, 0x60, 0x80, 0xa0] {
            let claim = [0x81, major | 0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 2];
            assert!(read(&claim, MOST).is_err());
            let more = [0x81, major | 0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2];
            assert!(read(&more, MOST).is_err());
        }
        for deep in [0x81, 0x9f, 0xc1] {
            assert_eq!(read(&vec![deep; 1_000_000], MOST), Err(Unreadable::TooDeep));
        }
        assert_eq!(
            read(&vec![0x7f; 1_000_000], MOST),
            Err(Unreadable::Invalid("it has a text or bytes in pieces of another kind"))
        );
        assert_eq!(read(&[], MOST), Err(Unreadable::Cut));
        assert_eq!(read(&[0xff], MOST), Err(Unreadable::Invalid("it has a break where nothing is open")));
        assert_eq!(read(&[0x82, 0xff], MOST), Err(Unreadable::Invalid("it has a break where nothing is open")));
    }

    #[test]
    fn numbers_are_as_short_as_they_are_wide() {
        for (bytes, shown) in [
            (&b"\xfa\x3d\xcc\xcc\xcd"[..], "0.1"),
            (b"\xfb\x3f\xb9\x99\x99\xa0\0\0\0", "0.10000000149011612"),
            (b"\xf9\x2e\x66", "0.1"),
            (b"\xf9\x3e\x66", "1.6"),
            (b"\xf9\x7b\xff", "65504.0"),
            (b"\xf9\x00\x01", "6e-8"),
            (b"\xf9\x80\x00", "-0.0"),
            (b"\xf9\x7c\x00", "\"Infinity\""),
            (b"\xf9\x7e\x00", "\"NaN\""),
        ] {
            assert_eq!(read(bytes, MOST).as_deref(), Ok(shown), "{bytes:x?}");
        }
        for bits in 0..=u16::MAX {
            let number = half::f16::from_bits(bits);
            let shown = read(&[&[HALF_FLOAT], bits.to_be_bytes().as_slice()].concat(), MOST).unwrap();
            let again = shown.parse::<f64>().map(half::f16::from_f64);
            assert!(!number.is_finite() || again == Ok(number), "{shown}");
        }
    }

    #[test]
    fn a_list_as_a_key_is_shown_as_its_json() {
        assert_eq!(read(b"\xa1\x82\x01\x61a\x02", MOST).unwrap(), r#"{"[1,\"a\"]":2}"#);
        assert!(read(b"\xa1\xa1\x80\x01\x02", MOST).unwrap_err().to_string().contains("as a key in a key"));
    }

    #[test]
    fn several_values_are_a_line_each() {
        assert_eq!(detect(b"\xa1\x62id\x01\xa1\x62id\x02", MOST).as_deref(), Ok("{\"id\":1}\n{\"id\":2}"));
        let described = [SELF_DESCRIBED.as_slice(), b"\x01", &SELF_DESCRIBED, b"\x02"].concat();
        assert_eq!(detect(&described, MOST).as_deref(), Ok("1\n2"));
        assert_eq!(read(b"\x01\x02", MOST).as_deref(), Ok("1\n2"));
        for odd in [&b"\xa1\x62id\x01\x02"[..], b"\x80\x80", b"\xa1\x62id\x01\xa0"] {
            assert!(detect(odd, MOST).is_err(), "{odd:x?}");
        }
    }

    proptest! {
        #[test]
        fn the_json_is_what_was_written((value, json) in any_value(Value::Null, Value::Array, Value::Map)) {
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
