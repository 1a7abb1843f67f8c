//! JSON as it is found in payloads, for conditions: the one place where they read it. Numbers keep their digits. It also reads what some
//! writers produce (`NaN`, `Infinity`, halves of surrogate pairs, a byte order mark, NULs at the end), and the readable part of a text
//! that is broken or cut.
//!
//! `text/json_text` only tells JSON from other texts, for everything that is decoded. It builds no values and does not accept broken JSON.
//! This one builds values, also from broken content. One reader for both would be slower for the first or stricter for the second.

use serde::de::IgnoredAny;
use serde_json::Deserializer;
use std::borrow::Cow;
use std::collections::HashSet;

/// A JSON value as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json<'d> {
    Null,
    Bool(bool),
    /// A number's digits, or `NaN`, `Infinity` or `-Infinity`.
    Number(Cow<'d, str>),
    /// Half a surrogate pair and invalid UTF-8 are U+FFFD.
    Text(Cow<'d, str>),
    List(Vec<Json<'d>>),
    /// Each name once.
    Object(Vec<(Cow<'d, str>, Json<'d>)>),
}

/// The values of a content, one after the other.
#[derive(Debug)]
pub(super) struct Documents<'d> {
    pub(super) values: Vec<Json<'d>>,
    /// Whether the whole content is JSON. Otherwise the last value is what could be read of it.
    pub(super) is_whole: bool,
}

/// Lists and objects inside one another; the reader calls itself as often.
const MAX_DEPTH: usize = 256;
/// Values of one content, which take about 50 bytes each: no more than the content may have.
const MAX_VALUES: usize = 1_000_000;

/// Values without quotation marks and digits.
const WORDS: [&[u8]; 5] = [b"null", b"true", b"false", b"NaN", b"-Infinity"];

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

struct JsonTreeReader<'d> {
    bytes: &'d [u8],
    at: usize,
    values: usize,
    is_broken: bool,
}

/// The content without what may stand around JSON: a byte order mark, blanks, and NULs at the end.
pub(super) fn trimmed(content: &[u8]) -> &[u8] {
    let content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
    let is_nothing = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    let end = content.iter().rposition(|byte| !is_nothing(byte)).map_or(0, |last| last + 1);
    content[..end].trim_ascii_start()
}

/// Whether a content is meant as JSON, whole or broken: it begins with an object, perhaps in quotation marks, or with a list of JSON
/// values. A line of a log that begins with `[INFO]`, and any other text, is not.
pub(super) fn looks_like_json(content: &[u8]) -> bool {
    match trimmed(content) {
        [b'{', ..] | [b'"', b'{', ..] => true,
        [b'[', rest @ ..] => {
            let mut reader = JsonTreeReader::new(rest.trim_ascii_start());
            match reader.bytes {
                [] | [b']' | b'{' | b'[' | b'"', ..] => true,
                _ => {
                    let has_value = reader.value(0).is_some() && !reader.is_broken;
                    reader.skip_blanks();
                    let rest = reader.bytes.get(reader.at..).unwrap_or_default();
                    let is_cut = WORDS.iter().any(|word| word.starts_with(rest) || word[1..].starts_with(rest));
                    is_cut || has_value && matches!(reader.peek(), Some(b',' | b']'))
                }
            }
        }
        _ => false,
    }
}

/// Whether a content begins as JSON and ends before that is complete: inside a text, or with lists or objects still open. JSON that a
/// wrong byte breaks in its middle is all there.
pub(super) fn is_cut(content: &[u8]) -> bool {
    let content = trimmed(content);
    if !matches!(content, [b'{' | b'[' | b'"', ..]) {
        return false;
    }
    let (mut depth, mut at) = (0_i64, 0);
    while let Some(byte) = content.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => match end_of_text(content, at) {
                Some(end) => at = end,
                None => return looks_like_json(content),
            },
            _ => {}
        }
    }
    depth > 0 && looks_like_json(content)
}

/// Where the text ends that began before this.
fn end_of_text(content: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr2(b'"', b'\\', content.get(at..)?)?;
        if content[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Whether a content is JSON to its end, that of other writers included.
pub(super) fn is_json(content: &[u8]) -> bool {
    let content = trimmed(content);
    let is_strict = || Deserializer::from_slice(content).into_iter::<IgnoredAny>().all(|value| value.is_ok());
    is_strict() || read(content).is_whole
}

/// Reads a content.
pub(super) fn read(content: &[u8]) -> Documents<'_> {
    let mut reader = JsonTreeReader::new(trimmed(content));
    let mut values = Vec::new();
    loop {
        reader.skip_blanks();
        if reader.is_broken || reader.at == reader.bytes.len() {
            return Documents { values, is_whole: !reader.is_broken };
        }
        values.extend(reader.value(0));
    }
}

impl Json<'_> {
    /// The same, apart from the content.
    pub(super) fn into_owned(self) -> Json<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(digits) => Json::Number(owned(digits)),
            Self::Text(text) => Json::Text(owned(text)),
            Self::List(elements) => Json::List(elements.into_iter().map(Json::into_owned).collect()),
            Self::Object(members) => {
                Json::Object(members.into_iter().map(|(name, value)| (owned(name), value.into_owned())).collect())
            }
        }
    }
}

impl<'d> Json<'d> {
    /// The member of this name.
    pub(super) fn member(&self, name: &str) -> Option<&Json<'d>> {
        match self {
            Self::Object(members) => members.iter().find(|(other, _)| other == name).map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// The elements of a list; none of anything else.
    pub(super) fn elements(&self) -> &[Json<'d>] {
        match self {
            Self::List(elements) => elements,
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => &[],
        }
    }
}

impl<'d> JsonTreeReader<'d> {
    fn new(bytes: &'d [u8]) -> Self {
        Self { bytes, at: 0, values: 0, is_broken: false }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes these bytes, if they come next.
    fn takes(&mut self, bytes: &[u8]) -> bool {
        let is_next = self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(bytes));
        if is_next {
            self.at += bytes.len();
        }
        is_next
    }

    fn broken<T>(&mut self) -> Option<T> {
        self.is_broken = true;
        None
    }

    /// Reads the value that begins here, as much as there is of it.
    fn value(&mut self, depth: usize) -> Option<Json<'d>> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return self.broken();
        }
        match self.peek() {
            Some(b'{') => Some(self.object(depth)),
            Some(b'[') => Some(self.list(depth)),
            Some(b'"') => self.text().map(Json::Text),
            Some(b'-' | b'0'..=b'9' | b'N' | b'I') => self.number(depth),
            _ if self.takes(b"null") => Some(Json::Null),
            _ if self.takes(b"true") => Some(Json::Bool(true)),
            _ if self.takes(b"false") => Some(Json::Bool(false)),
            _ => self.broken(),
        }
    }

    fn list(&mut self, depth: usize) -> Json<'d> {
        let mut elements = Vec::new();
        self.members(b']', |reader| {
            elements.extend(reader.value(depth + 1));
        });
        Json::List(elements)
    }

    fn object(&mut self, depth: usize) -> Json<'d> {
        let mut members = Vec::new();
        self.members(b'}', |reader| {
            let name = if reader.peek() == Some(b'"') { reader.text() } else { reader.broken() };
            let Some(name) = name else {
                return;
            };
            reader.skip_blanks();
            if !reader.takes(b":") {
                reader.is_broken = true;
                return;
            }
            reader.skip_blanks();
            members.extend(reader.value(depth + 1).map(|value| (name, value)));
        });
        Json::Object(without_repeated(members))
    }

    /// Reads what a list or an object holds, up to behind its end, or to where it breaks.
    fn members(&mut self, end: u8, mut read: impl FnMut(&mut Self)) {
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(end) {
            self.at += 1;
            return;
        }
        while !self.is_broken {
            self.skip_blanks();
            read(self);
            self.skip_blanks();
            match self.peek() {
                _ if self.is_broken => return,
                Some(b',') => self.at += 1,
                Some(byte) if byte == end => {
                    self.at += 1;
                    return;
                }
                _ => self.is_broken = true,
            }
        }
    }

    fn number(&mut self, depth: usize) -> Option<Json<'d>> {
        let start = self.at;
        self.takes(b"-");
        if !(self.takes(b"Infinity") || self.at == start && self.takes(b"NaN")) {
            while let Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            // A number at the end of a cut text may lack digits.
            let is_cut = depth > 0 && self.at == self.bytes.len();
            let text = std::str::from_utf8(&self.bytes[start..self.at]).ok();
            return match text.filter(|text| !is_cut && super::decimal::is_number(text)) {
                Some(text) => Some(Json::Number(Cow::Borrowed(text))),
                None => self.broken(),
            };
        }
        std::str::from_utf8(&self.bytes[start..self.at]).ok().map(|text| Json::Number(Cow::Borrowed(text)))
    }

    /// Reads the text whose quotation mark is here.
    fn text(&mut self) -> Option<Cow<'d, str>> {
        self.at += 1;
        let start = self.at;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let text = String::from_utf8_lossy(&self.bytes[start..self.at]);
                    self.at += 1;
                    return Some(text);
                }
                b'\\' => return self.text_with_escapes(start),
                _ => self.at += 1,
            }
        }
        self.broken()
    }

    fn text_with_escapes(&mut self, start: usize) -> Option<Cow<'d, str>> {
        let mut text = self.bytes[start..self.at].to_vec();
        loop {
            let Some(byte) = self.peek() else {
                return self.broken();
            };
            self.at += 1;
            match byte {
                b'"' => return Some(Cow::Owned(String::from_utf8_lossy(&text).into_owned())),
                b'\\' => {
                    let Some(character) = self.escaped() else {
                        return self.broken();
                    };
                    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                other => text.push(other),
            }
        }
    }

    /// The character whose escape continues here.
    fn escaped(&mut self) -> Option<char> {
        let byte = self.peek()?;
        self.at += 1;
        Some(match byte {
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'"' | b'\\' | b'/' => char::from(byte),
            b'u' => {
                let first = self.code_unit()?;
                let rest = self.at;
                let second = if self.takes(b"\\u") { self.code_unit() } else { None };
                match char::decode_utf16([first].into_iter().chain(second)).next() {
                    Some(Ok(character)) if character.len_utf16() == 2 => character,
                    decoded => {
                        // What follows is a character of its own.
                        self.at = rest;
                        decoded.and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER)
                    }
                }
            }
            _ => return None,
        })
    }

    fn code_unit(&mut self) -> Option<u16> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        self.at += 4;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

/// Of members with one name the last counts, in the place of the first.
fn without_repeated<'d>(members: Vec<(Cow<'d, str>, Json<'d>)>) -> Vec<(Cow<'d, str>, Json<'d>)> {
    /// So few are compared one by one.
    const FEW: usize = 8;
    let has_repeated = if members.len() <= FEW {
        (1..members.len()).any(|place| members[..place].iter().any(|(name, _)| *name == members[place].0))
    } else {
        let names: HashSet<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        names.len() < members.len()
    };
    if !has_repeated {
        return members;
    }
    let mut places = std::collections::HashMap::new();
    let mut kept: Vec<(Cow<'d, str>, Json<'d>)> = Vec::new();
    for (name, value) in members {
        match places.get(&name) {
            Some(place) => {
                let place: usize = *place;
                kept[place].1 = value;
            }
            None => {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
    }
    kept
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    /// The same value, its numbers as the library has them.
    pub(in super::super) fn to_value(json: &Json<'_>) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(digits) => serde_json::from_str(digits).unwrap_or_else(|_| Value::from(digits.as_ref())),
            Json::Text(text) => Value::String(text.clone().into_owned()),
            Json::List(elements) => elements.iter().map(to_value).collect(),
            Json::Object(members) => members.iter().map(|(name, value)| (name.clone().into_owned(), to_value(value))).collect(),
        }
    }

    #[test]
    fn what_other_writers_let_through_is_read() {
        for (content, expected) in [
            (&b"\xef\xbb\xbf {\"a\":1}\n\0\0 "[..], vec![Json::Object(vec![("a".into(), Json::Number("1".into()))])]),
            (b"[NaN,-Infinity]", vec![Json::List(vec![Json::Number("NaN".into()), Json::Number("-Infinity".into())])]),
            (
                br#"["\ud83d","\ud83d\ude00","\ude00x","\u00e9"]"#,
                vec![Json::List(["\u{fffd}", "😀", "\u{fffd}x", "é"].map(|text| Json::Text(text.into())).to_vec())],
            ),
            (
                br#"{"a":1,"b":2,"a":3}"#,
                vec![Json::Object(vec![("a".into(), Json::Number("3".into())), ("b".into(), Json::Number("2".into()))])],
            ),
            (
                b"\"\xff\" 12345678901234567890123 null",
                vec![Json::Text("\u{fffd}".into()), Json::Number("12345678901234567890123".into()), Json::Null],
            ),
        ] {
            let documents = read(content);
            assert!(documents.is_whole, "{}", String::from_utf8_lossy(content));
            assert_eq!(documents.values, expected);
        }
    }

    #[test]
    fn of_a_broken_text_what_came_before_is_read() {
        for (content, expected) in [
            (&br#"{"a":1,"b":[2,3"#[..], r#"{"a":1,"b":[2]}"#),
            (br#"{"a":"x","b":"y"#, r#"{"a":"x"}"#),
            (br#"{"a":"x","b"#, r#"{"a":"x"}"#),
            (br#"{"a":"x" "b":1}"#, r#"{"a":"x"}"#),
            (br#"{"a":"x",}"#, r#"{"a":"x"}"#),
            (br#"[1,01]"#, "[1]"),
            (br#"["\x"]"#, "[]"),
        ] {
            let documents = read(content);
            assert!(!documents.is_whole && looks_like_json(content));
            assert_eq!(to_value(&documents.values[0]).to_string(), expected);
        }
        let deep = "[".repeat(100_000);
        assert!(!read(deep.as_bytes()).is_whole);
    }

    #[test]
    fn a_text_that_is_no_json_does_not_look_like_it() {
        for text in ["", "[INFO] started", "[2026-11-20 10:00] paid", "plain", "17", "\"text\"", "[a, b]", "[x"] {
            assert!(!looks_like_json(text.as_bytes()), "{text}");
        }
        for text in [
            "[tru", "[Na", "[-Inf", "[Infin", "[-", "[n", "[1,nul", "{", "{'a': 1}", "{\"a\":", "[", "[]", "[1", "[1,", "[\"a",
            "[null, x", " [{\"a\"", "[[x",
        ] {
            assert!(looks_like_json(text.as_bytes()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_the_library_reads_is_read_alike(document in crate::domain::filter::tests::any_json(), is_pretty: bool) {
            let text = if is_pretty { format!("{document:#}") } else { document.to_string() };
            let documents = read(text.as_bytes());
            prop_assert!(documents.is_whole);
            prop_assert_eq!(documents.values.iter().map(to_value).collect::<Vec<_>>(), vec![document]);
        }

        #[test]
        fn a_cut_text_holds_nothing_that_the_whole_does_not(document in crate::domain::filter::tests::any_json(), cut in 0..200_usize) {
            let text = document.to_string();
            let cut = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            for value in &read(&text.as_bytes()[..cut]).values {
                prop_assert!(is_part(&to_value(value), &document), "{} of {}", to_value(value), document);
            }
        }

        #[test]
        fn no_content_makes_the_reader_panic(content: Vec<u8>, text in "[\\[\\]{}\",:0-9eE.a\\\\u+-]{0,40}") {
            for content in [content.as_slice(), text.as_bytes()] {
                let documents = read(content);
                let is_json = serde_json::Deserializer::from_slice(content).into_iter::<Value>().all(|value| value.is_ok());
                prop_assert!(!is_json || documents.is_whole, "{}", text);
                looks_like_json(content);
            }
        }
    }

    fn is_part(part: &Value, whole: &Value) -> bool {
        match (part, whole) {
            (Value::Array(part), Value::Array(whole)) => {
                part.len() <= whole.len() && part.iter().zip(whole).all(|(part, whole)| is_part(part, whole))
            }
            (Value::Object(part), Value::Object(whole)) => {
                part.iter().all(|(name, value)| whole.get(name).is_some_and(|whole| is_part(value, whole)))
            }
            (part, whole) => part == whole,
        }
    }
}
