//! A protobuf message without its schema: the fields by their numbers, shown as JSON. Source: protobuf encoding guide.

use super::characters::as_text;
use super::rendition::{Rendition, Unreadable, deeper};

/// A field of any message.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProtobufField<'m> {
    number: u32,
    value: ProtobufValue<'m>,
}

#[derive(Clone, Copy, Debug)]
enum ProtobufValue<'m> {
    Number(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    Bytes(&'m [u8]),
}

/// The highest field number. Source: protobuf language guide, assigning field numbers.
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// A field number that people give: up to here tags have two bytes.
const MAX_USUAL_FIELD_NUMBER: u32 = (1 << 11) - 1;

/// Fields of one payload; more would take far more memory than the payload.
const MAX_FIELDS: usize = 1 << 20;

/// The JSON of what is a message with hardly any doubt: nearly any bytes have a beginning that could be a field, and short ones are
/// often wholly fields by chance. So the numbers must be such as people give, each with one type, and none padded; and there must be
/// a text or a message in it, or else several fields whose numbers are small and ascend, as they are written, in bytes that are not
/// rather letters. What is a message of numbers and nothing else says that it may be one. Measured on random
/// bytes: 1 in 1,000 of 8 bytes, 1 in 5,000 of 16, fewer than 1 in 10,000 of 32 are taken for a message.
pub(super) fn detect(content: &[u8], most: usize) -> Result<String, Unreadable> {
    let fields = fields_of(content, &mut { MAX_FIELDS })?;
    match is_plausible(&fields) {
        true => read(content, most),
        false if is_bare(&fields) => Err(Unreadable::Doubtful),
        false => Err(Unreadable::Invalid("it is unlikely to be one")),
    }
}

/// The JSON of a message, if a recipe names the format.
pub(super) fn read(content: &[u8], most: usize) -> Result<String, Unreadable> {
    let mut rendition = Rendition::within(most);
    let mut left = MAX_FIELDS;
    let fields = fields_of(content, &mut left)?;
    write_message(&mut rendition, fields, 0, &mut left)?;
    rendition.finish()
}

/// The JSON of what is messages with hardly any doubt, each after its length.
pub(super) fn detect_delimited(content: &[u8], most: usize) -> Result<String, Unreadable> {
    let mut is_any_telling = false;
    for message in messages(content) {
        let fields = fields_of(message?, &mut { MAX_FIELDS })?;
        if !is_consistent(&fields) {
            return Err(Unreadable::Invalid("it is unlikely to be messages"));
        }
        is_any_telling |= is_plausible(&fields);
    }
    if is_any_telling { read_delimited(content, most) } else { Err(Unreadable::Invalid("it is unlikely to be messages")) }
}

/// The JSON of messages that each follow their length, if a recipe names the format; a line each.
pub(super) fn read_delimited(content: &[u8], most: usize) -> Result<String, Unreadable> {
    let mut rendition = Rendition::within(most);
    let mut left = MAX_FIELDS;
    for message in messages(content) {
        rendition.next_value()?;
        let fields = fields_of(message?, &mut left)?;
        write_message(&mut rendition, fields, 0, &mut left)?;
    }
    rendition.finish()
}

/// Whether more bytes could make of these a message, or several.
pub(super) fn may_go_on(beginning: &[u8]) -> bool {
    let is_open = |read: Result<(), Unreadable>| matches!(read, Ok(()) | Err(Unreadable::Cut));
    let fields = |bytes: &[u8]| fields_of(bytes, &mut { MAX_FIELDS }).map(|_| ());
    is_open(fields(beginning)) || is_open(messages(beginning).try_for_each(|message| fields(message?)))
}

/// The bytes of each message, after its length.
fn messages(content: &[u8]) -> impl Iterator<Item = Result<&[u8], Unreadable>> {
    let mut rest = content;
    std::iter::from_fn(move || (!rest.is_empty()).then(|| bytes(&mut rest).inspect_err(|_| rest = b"")))
}

fn is_plausible(fields: &[ProtobufField<'_>]) -> bool {
    /// Fields' bytes of a message without a text or a message in it, and its highest number.
    const MIN_BARE_BYTES: usize = 8;
    const MAX_BARE_FIELD_NUMBER: u32 = 15;
    let is_telling = |field: &ProtobufField<'_>| match field.value {
        ProtobufValue::Bytes(bytes) => {
            bytes.len() > 2 && (as_text(bytes).is_some() || nested(bytes, &mut { MAX_FIELDS }).is_some())
        }
        ProtobufValue::Number(_) | ProtobufValue::Fixed64(_) | ProtobufValue::Fixed32(_) => false,
    };
    let is_long = || fields.iter().map(ProtobufField::len).sum::<usize>() >= MIN_BARE_BYTES;
    let is_usual = || fields.iter().all(|field| field.number <= MAX_BARE_FIELD_NUMBER && !field.holds_letters());
    is_consistent(fields) && (fields.iter().any(is_telling) || (is_bare(fields) && is_long() && is_usual()))
}

/// Whether the fields could be those of a message of numbers alone.
fn is_bare(fields: &[ProtobufField<'_>]) -> bool {
    const MAX_NUMBER: u32 = 100;
    let ascend = fields.is_sorted_by(|a, b| a.number <= b.number);
    fields.len() > 1 && ascend && is_consistent(fields) && fields.iter().all(|field| field.number <= MAX_NUMBER)
}

/// Whether the fields could be those of a message at all: usual numbers, each with one type.
fn is_consistent(fields: &[ProtobufField<'_>]) -> bool {
    let mut types: Vec<(u32, u8)> = fields.iter().map(|field| (field.number, field.wire_type())).collect();
    types.sort_unstable();
    types.dedup();
    let is_usual = types.last().is_some_and(|(number, _)| *number <= MAX_USUAL_FIELD_NUMBER);
    is_usual && types.windows(2).all(|pair| pair[0].0 != pair[1].0)
}

/// The fields of a message inside another one, if the bytes look like one.
fn nested<'m>(bytes: &'m [u8], left: &mut usize) -> Option<Vec<ProtobufField<'m>>> {
    let mut still_left = *left;
    let fields = fields_of(bytes, &mut still_left).ok().filter(|fields| is_consistent(fields))?;
    *left = still_left;
    Some(fields)
}

fn write_message(
    rendition: &mut Rendition,
    mut fields: Vec<ProtobufField<'_>>,
    depth: usize,
    left: &mut usize,
) -> Result<(), Unreadable> {
    let depth = deeper(depth)?;
    fields.sort_by_key(|field| field.number);
    rendition.push("{")?;
    for (place, fields) in fields.chunk_by(|a, b| a.number == b.number).enumerate() {
        let number = fields.first().map_or(0, |field| field.number);
        rendition.push(if place > 0 { "," } else { "" })?;
        rendition.push(&format!("\"{number}\":"))?;
        match fields {
            [field] => write_value(rendition, field.value, depth, left)?,
            several => {
                for (place, field) in several.iter().enumerate() {
                    rendition.push(if place > 0 { "," } else { "[" })?;
                    write_value(rendition, field.value, depth, left)?;
                }
                rendition.push("]")?;
            }
        }
    }
    rendition.push("}")
}

/// Fixed numbers may be whole or not, which only the schema knows; both are shown.
fn write_value(rendition: &mut Rendition, value: ProtobufValue<'_>, depth: usize, left: &mut usize) -> Result<(), Unreadable> {
    match value {
        ProtobufValue::Number(number) => rendition.integer(number),
        ProtobufValue::Fixed64(bytes) => {
            rendition.push("{\"double\":")?;
            rendition.float(f64::from_le_bytes(bytes))?;
            rendition.push(&format!(",\"fixed64\":{}}}", u64::from_le_bytes(bytes)))
        }
        ProtobufValue::Fixed32(bytes) => {
            rendition.push("{\"float\":")?;
            rendition.short_float(f32::from_le_bytes(bytes))?;
            rendition.push(&format!(",\"fixed32\":{}}}", u32::from_le_bytes(bytes)))
        }
        ProtobufValue::Bytes(bytes) => {
            // Tab, line feed and carriage return are what messages begin with, too, and texts rarely.
            let is_message_rather = matches!(bytes, [b'\t' | b'\n' | b'\r', ..]);
            match as_text(bytes) {
                Some(text) if !is_message_rather => rendition.string(text),
                text => match (nested(bytes, left), text) {
                    (Some(fields), _) if deeper(depth).is_ok() => write_message(rendition, fields, depth, left),
                    (_, Some(text)) => rendition.string(text),
                    (_, None) => rendition.bytes(bytes),
                },
            }
        }
    }
}

/// All the fields of a message; `left` is counted down by them.
fn fields_of<'m>(message: &'m [u8], left: &mut usize) -> Result<Vec<ProtobufField<'m>>, Unreadable> {
    let mut rest = message;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        *left = left.checked_sub(1).ok_or(Unreadable::TooMany(MAX_FIELDS))?;
        fields.push(next_field(&mut rest)?);
    }
    Ok(fields)
}

/// The bytes of the first field of this number, from a message that may be cut off behind it.
pub(super) fn first_bytes_of(number: u32, message: &[u8]) -> Option<&[u8]> {
    let mut rest = message;
    loop {
        let start = rest;
        match next_field(&mut rest) {
            Ok(ProtobufField { number: found, value: ProtobufValue::Bytes(bytes) }) if found == number => return Some(bytes),
            Ok(_) => {}
            // Of a field that is cut off, what there is.
            Err(_) => {
                let mut rest = start;
                let tag = varint(&mut rest).ok()?;
                varint(&mut rest).ok()?;
                return (tag == u64::from(number) << 3 | 2).then_some(rest);
            }
        }
    }
}

fn next_field<'m>(rest: &mut &'m [u8]) -> Result<ProtobufField<'m>, Unreadable> {
    let tag = varint(rest)?;
    let number = tag >> 3;
    if number == 0 || number > MAX_FIELD_NUMBER {
        return Err(Unreadable::Invalid("it has an invalid field number"));
    }
    let value = match tag & 7 {
        0 => ProtobufValue::Number(varint(rest)?),
        1 => ProtobufValue::Fixed64(take(rest)?),
        2 => ProtobufValue::Bytes(bytes(rest)?),
        5 => ProtobufValue::Fixed32(take(rest)?),
        3 | 4 => return Err(Unreadable::Invalid("it has a group, which is not supported")),
        _ => return Err(Unreadable::Invalid("it has a field of an unknown type")),
    };
    let number = u32::try_from(number).map_err(|_| Unreadable::Invalid("it has an invalid field number"))?;
    Ok(ProtobufField { number, value })
}

/// Bytes after their length.
fn bytes<'m>(rest: &mut &'m [u8]) -> Result<&'m [u8], Unreadable> {
    let length = usize::try_from(varint(rest)?).map_err(|_| Unreadable::Cut)?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(Unreadable::Cut)?;
    *rest = after;
    Ok(bytes)
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> Result<[u8; LENGTH], Unreadable> {
    let (bytes, after) = rest.split_first_chunk().ok_or(Unreadable::Cut)?;
    *rest = after;
    Ok(*bytes)
}

/// Seven bits a byte, the lowest first. One that is padded is no writer's.
fn varint(rest: &mut &[u8]) -> Result<u64, Unreadable> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let [byte] = take(rest)?;
        let bits = u64::from(byte & 0x7F);
        if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
            break;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Unreadable::Invalid("it has a number that is padded or has more than 64 bits"))
}

impl ProtobufField<'_> {
    /// The minimum number of bytes that it takes.
    fn len(&self) -> usize {
        let number_bytes =
            |number: u64| usize::try_from((u64::BITS - number.leading_zeros()).div_ceil(7).max(1)).unwrap_or_default();
        let of_value = match self.value {
            ProtobufValue::Number(number) => number_bytes(number),
            ProtobufValue::Fixed64(_) => 8,
            ProtobufValue::Fixed32(_) => 4,
            ProtobufValue::Bytes(bytes) => bytes.len() + 1,
        };
        number_bytes(u64::from(self.number) << 3) + of_value
    }

    /// Whether its number may as well be text.
    fn holds_letters(&self) -> bool {
        let are_letters = |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t'));
        match self.value {
            ProtobufValue::Fixed64(bytes) => are_letters(&bytes),
            ProtobufValue::Fixed32(bytes) => are_letters(&bytes),
            ProtobufValue::Number(_) | ProtobufValue::Bytes(_) => false,
        }
    }

    fn wire_type(&self) -> u8 {
        match self.value {
            ProtobufValue::Number(_) => 0,
            ProtobufValue::Fixed64(_) => 1,
            ProtobufValue::Bytes(_) => 2,
            ProtobufValue::Fixed32(_) => 5,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MOST: usize = 64 * 1024 * 1024;

    /// {1: 150, 2: "testing", 3: {1: 150}, 4: 2.5, 5: 0.5, 6: ff, 7: "a", 7: "b"}
    const MESSAGE: &[u8] =
        b"\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01\x21\0\0\0\0\0\0\x04\x40\x2d\0\0\0\x3f\x32\x01\xff\x3a\x01a\x3a\x01b";

    #[test]
    fn fields_are_shown_by_their_numbers() {
        let expected = r#"{"1":150,"2":"testing","3":{"1":150},"4":{"double":2.5,"fixed64":4612811918334230528},"5":{"float":0.5,"fixed32":1056964608},"6":{"hex":"ff"},"7":["a","b"]}"#;
        assert_eq!(detect(MESSAGE, MOST).as_deref(), Ok(expected));
        assert_eq!(
            detect(b"\x08\x96\x01\x15\0\0\x80\x3f", MOST).as_deref(),
            Ok(r#"{"1":150,"2":{"float":1.0,"fixed32":1065353216}}"#)
        );
        assert_eq!(
            read(b"\x0a\x04\x0a\x02ab", MOST).unwrap(),
            r#"{"1":{"1":"ab"}}"#,
            "a message may look like a text with a line feed"
        );
        assert_eq!(read(b"", MOST).unwrap(), "{}");
    }

    #[test]
    fn messages_after_their_lengths_are_a_line_each() {
        let two = b"\x08\x08\x01\x12\x04paid\x08\x08\x02\x12\x04open";
        assert_eq!(detect_delimited(two, MOST).as_deref(), Ok("{\"1\":1,\"2\":\"paid\"}\n{\"1\":2,\"2\":\"open\"}"));
        assert!(detect(two, MOST).is_err());
        assert_eq!(detect_delimited(&two[..9], MOST).as_deref(), Ok("{\"1\":1,\"2\":\"paid\"}"));
        assert!(detect_delimited(&two[1..9], MOST).is_err(), "a message without its length");
        assert!(detect_delimited(b"", MOST).is_err() && detect_delimited(b"\0\0", MOST).is_err());
        assert_eq!(read_delimited(b"\0\x02\x08\x01", MOST).as_deref(), Ok("{}\n{\"1\":1}"));
        for bytes in [&two[..3], &two[1..6], MESSAGE, &MESSAGE[..7]] {
            assert!(may_go_on(bytes));
        }
        assert!(!may_go_on(b"\x0b\x0f\x0b\x0f\x0b\x0f\x0b\x0f\x0b\x0f\x0b\x0f\x0b\x0f"));
    }

    #[test]
    fn what_is_no_message_says_why() {
        for (bytes, reason) in [
            (&b"\x08"[..], "ends too early"),
            (b"\x12\xff\xff\xff\xff\x0f1234", "ends too early"),
            (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ends too early"),
            (b"\x00\x01", "field number"),
            (b"\x0b\x0c", "group"),
            (b"\x0e\x01", "a field of an unknown type"),
            (b"\x08\x80\x00", "padded"),
        ] {
            let error = read(bytes, MOST).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn more_fields_than_are_shown_take_no_memory() {
        assert_eq!(read(&b"\x08\x01".repeat(MAX_FIELDS + 1), MOST), Err(Unreadable::TooMany(MAX_FIELDS)));
        let mut deep = b"\x08\x01".to_vec();
        for _ in 0..1_000 {
            let mut outer = b"\x0a".to_vec();
            let mut length = deep.len();
            while length >= 0x80 {
                outer.push(length as u8 | 0x80);
                length >>= 7;
            }
            outer.push(length as u8);
            outer.extend(deep);
            deep = outer;
        }
        let shown = read(&deep, MOST).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "beneath a hundred levels come bytes");
    }

    #[test]
    fn the_first_field_is_found_before_a_cut() {
        assert_eq!(first_bytes_of(2, MESSAGE), Some(&b"testing"[..]));
        assert_eq!(first_bytes_of(2, &MESSAGE[..8]), Some(&b"tes"[..]));
        assert_eq!(first_bytes_of(2, &MESSAGE[..3]), None);
        assert_eq!(first_bytes_of(9, MESSAGE), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_json_or_nothing(bytes: Vec<u8>) {
            first_bytes_of(3, &bytes);
            if let Ok(shown) = read(&bytes, MOST) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
            }
        }

        #[test]
        fn a_changed_message_is_json_or_nothing(at in 0..MESSAGE.len(), byte: u8, cut in 0..MESSAGE.len()) {
            let mut bytes = MESSAGE.to_vec();
            bytes[at] = byte;
            for bytes in [&bytes, &bytes[..cut]] {
                if let Ok(shown) = read(bytes, MOST) {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&shown).is_ok(), "{shown}");
                }
            }
        }
    }
}
