//! JSON that can be printed anywhere: control characters and invisible ones are written as `\u` escapes. The values stay the
//! same.

use crate::domain::text::printable;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// Writes a value as JSON on one line.
///
/// # Errors
/// If the writer fails, or the value cannot be JSON.
pub fn write(writer: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(writer, Plain)).map_err(io::Error::from)
}

/// Compact JSON without characters that are not seen.
struct Plain;

impl Formatter for Plain {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_escaped(writer, fragment)
    }

    /// In JSON such characters stand only inside of texts.
    fn write_raw_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_escaped(writer, fragment)
    }
}

fn write_escaped<W: ?Sized + Write>(writer: &mut W, text: &str) -> io::Result<()> {
    if printable(text) == text {
        return writer.write_all(text.as_bytes());
    }
    let mut written = 0;
    for (place, character) in text.char_indices().filter(|(_, character)| must_be_escaped(*character)) {
        writer.write_all(&text.as_bytes()[written..place])?;
        for unit in character.encode_utf16(&mut [0; 2]) {
            write!(writer, "\\u{unit:04x}")?;
        }
        written = place + character.len_utf8();
    }
    writer.write_all(&text.as_bytes()[written..])
}

/// JSON's own blanks are left, which stand between its parts.
fn must_be_escaped(character: char) -> bool {
    match character {
        '\0'..='\u{7e}' => false,
        other => {
            let mut buffer = [0; 4];
            let text: &str = other.encode_utf8(&mut buffer);
            printable(text) != text
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;
    use serde_json::value::RawValue;

    fn written(value: &impl Serialize) -> String {
        let mut json = Vec::new();
        write(&mut json, value).unwrap();
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(written(&"\u{1b}[2J\u{7f}\u{9b}\u{202e}größer 🎁"), r#""\u001b[2J\u007f\u009b\u202egrößer 🎁""#);
        let raw = RawValue::from_string("{\t\"a\u{7f}\": \"\\\\\u{85}\"}".to_owned()).unwrap();
        assert_eq!(written(&raw), "{\t\"a\\u007f\": \"\\\\\\u0085\"}");
    }

    proptest! {
        #[test]
        fn the_value_is_the_same_and_nothing_in_it_is_hostile(name: String, text: String, number: f64) {
            let value = serde_json::json!({ name: [text, number] });
            let json = written(&value);
            prop_assert_eq!(printable(&json), json.as_str());
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value.clone());
            let raw = RawValue::from_string(value.to_string()).unwrap();
            let json = written(&raw);
            prop_assert_eq!(printable(&json), json.as_str());
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), value);
        }
    }
}
