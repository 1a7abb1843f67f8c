//! JSON that was written into a JSON string, as a producer does that encodes twice: `"{\"id\":1}"`. Taken out as far as it goes.

use crate::domain::text::json_text::{self, BYTE_ORDER_MARK};

/// What is inside the quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unquoted {
    pub(super) content: Vec<u8>,
    pub(super) end: End,
}

/// Where reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the last quote.
    Whole,
    /// Before one came.
    Cut,
    /// At something that no string can have.
    Damaged,
    /// At the last quote, which this many bytes follow.
    Trailing(usize),
}

/// A string that does not begin like one with JSON in it is read only where it is no longer than this.
const MAX_UNTELLING_BYTES: usize = 16 * 1024;

/// The text of a string, or of several after one another, where that is JSON: it begins like an object or a list that has a quote in
/// it (`"{\"`), or is one whole; or where it is such a string again.
pub(super) fn detect(content: &[u8]) -> Option<Unquoted> {
    let start = start_of(content)?;
    if is_telling(start) {
        return Some(unquote(start));
    }
    let may_be_json = || matches!(start.trim_ascii_start(), [b'{' | b'[', ..] | [b'\\', b'"', ..]);
    let is_short = content.len() <= MAX_UNTELLING_BYTES && may_be_json();
    let unquoted = is_short.then(|| unquote(start)).filter(|unquoted| unquoted.end == End::Whole)?;
    let is_json = std::str::from_utf8(&unquoted.content).is_ok_and(json_text::is_json);
    (is_json || detect(&unquoted.content).is_some()).then_some(unquoted)
}

/// The text of a string that a recipe names.
pub(super) fn read(content: &[u8]) -> Option<Unquoted> {
    start_of(content).map(unquote)
}

/// What follows the first quote.
fn start_of(content: &[u8]) -> Option<&[u8]> {
    content.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(content).trim_ascii_start().strip_prefix(b"\"")
}

fn is_telling(start: &[u8]) -> bool {
    /// Bytes that say what a string in a string begins with.
    const BEGINNING: usize = 256;
    if start.starts_with(b"\\\"") {
        let mut inner = Vec::new();
        take_string(start.get(..BEGINNING).unwrap_or(start), &mut inner);
        return start_of(&inner).is_some_and(is_telling);
    }
    let mut is_open = false;
    let mut rest = start;
    loop {
        rest = match rest {
            [b'{' | b'[', after @ ..] => {
                is_open = true;
                after
            }
            [b' ', after @ ..] | [b'\\', b'n' | b'r' | b't', after @ ..] => after,
            [b'\\', b'"', ..] => return is_open,
            // It is cut off here.
            [] | [b'\\'] => return is_open,
            _ => return false,
        }
    }
}

fn unquote(start: &[u8]) -> Unquoted {
    let mut content = Vec::with_capacity(start.len());
    let mut rest = start;
    loop {
        let (after, is_good) = take_string(rest, &mut content);
        let Some(after) = after else {
            return Unquoted { content, end: if is_good { End::Cut } else { End::Damaged } };
        };
        let next = after.trim_ascii_start();
        match next.strip_prefix(b"\"") {
            Some(another) => {
                content.push(b'\n');
                rest = another;
            }
            None if next.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace()) => {
                return Unquoted { content, end: End::Whole };
            }
            None => return Unquoted { content, end: End::Trailing(next.len()) },
        }
    }
}

/// Appends the text of one string. Returns what follows its last quote; without one, whether that is because nothing follows.
fn take_string<'s>(string: &'s [u8], content: &mut Vec<u8>) -> (Option<&'s [u8]>, bool) {
    let mut rest = string;
    loop {
        let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(rest.len());
        content.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        match rest {
            [b'"', after @ ..] => return (Some(after), true),
            [b'\\', b'u', escaped @ ..] => match unit(escaped) {
                Some((high @ 0xd800..=0xdbff, after)) => {
                    let low = after.strip_prefix(b"\\u").and_then(unit).filter(|(low, _)| matches!(low, 0xdc00..=0xdfff));
                    match low.and_then(|(low, end)| Some((char::decode_utf16([high, low]).next()?.ok()?, end))) {
                        Some((character, end)) => {
                            push(content, character);
                            rest = end;
                        }
                        None => rest = as_it_stands(rest, content),
                    }
                }
                // Half a character: there is no other way to write it.
                Some((0xdc00..=0xdfff, _)) => rest = as_it_stands(rest, content),
                Some((unit, after)) => {
                    push(content, char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER));
                    rest = after;
                }
                None => return (None, escaped.len() < 4 && escaped.iter().all(u8::is_ascii_hexdigit)),
            },
            [b'\\', escaped, after @ ..] => {
                content.push(match escaped {
                    b'"' | b'\\' | b'/' => *escaped,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    _ => return (None, false),
                });
                rest = after;
            }
            _ => return (None, true),
        }
    }
}

fn as_it_stands<'s>(escape: &'s [u8], content: &mut Vec<u8>) -> &'s [u8] {
    let (escape, after) = escape.split_at_checked(6).unwrap_or((escape, b""));
    content.extend_from_slice(escape);
    after
}

fn push(content: &mut Vec<u8>, character: char) {
    content.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn unit(digits: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, after) = digits.split_at_checked(4)?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_hex)?;
    u16::from_str_radix(digits, 16).ok().map(|unit| (unit, after))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn detected(content: &str) -> Option<(String, End)> {
        detect(content.as_bytes()).map(|unquoted| (String::from_utf8(unquoted.content).unwrap(), unquoted.end))
    }

    #[test]
    fn json_in_a_string_is_taken_out() {
        for (content, expected, end) in [
            (r#""{\"id\":1}""#, r#"{"id":1}"#, End::Whole),
            (r#" "[{ \"id\":1}]" "#, r#"[{ "id":1}]"#, End::Whole),
            (r#""[1,2]""#, "[1,2]", End::Whole),
            (r#""{}""#, "{}", End::Whole),
            (r#""{\n \"a\":\"\u00fc\ud83d\ude00\ud83d\"}""#, "{\n \"a\":\"ü😀\\ud83d\"}", End::Whole),
            ("\"{\\\"id\\\":1}\"\n\"{\\\"id\\\":2}\"\n", "{\"id\":1}\n{\"id\":2}", End::Whole),
            (r#""{\"id\":1"#, r#"{"id":1"#, End::Cut),
            (r#""{\"id\":\u00"#, r#"{"id":"#, End::Cut),
            (r#""{\"id\":\x"#, r#"{"id":"#, End::Damaged),
            (r#""{\"id\":1}",17"#, r#"{"id":1}"#, End::Trailing(3)),
            (r#""\"{\\\"id\\\":1}\"""#, r#""{\"id\":1}""#, End::Whole),
            (r#""\"[1,2]\"""#, r#""[1,2]""#, End::Whole),
            (r#""\"{\\\"id"#, r#""{\"id"#, End::Cut),
            (r#""{"#, "{", End::Cut),
        ] {
            assert_eq!(detected(content), Some((expected.to_owned(), end)), "{content}");
        }
        for content in [r#""text""#, r#""17""#, r#""{""#, r#""{ no json }""#, r#""{""id"":1}",2"#, r#""\"quoted\"""#, "\"", ""] {
            assert_eq!(detected(content), None, "{content}");
        }
    }

    proptest! {
        #[test]
        fn what_was_put_into_a_string_comes_out(text: String) {
            let content = serde_json::to_vec(&text).unwrap();
            let unquoted = read(&content).unwrap();
            prop_assert_eq!((unquoted.content, unquoted.end), (text.into_bytes(), End::Whole));
        }

        #[test]
        fn any_bytes_are_read_or_not(bytes: Vec<u8>) {
            let quoted = [b"\"{\\\"".to_vec(), bytes].concat();
            prop_assert!(detect(&quoted).unwrap().content.len() <= quoted.len());
        }
    }
}
