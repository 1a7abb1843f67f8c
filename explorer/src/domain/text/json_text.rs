//! What JSON is, and what it is made of.
//!
//! It says whether a text is JSON and builds no values. `filter/json_tree` reads values for conditions, also from broken content, and says
//! why there are two.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// What a piece of JSON is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The name of a field.
    Key,
    /// A string value.
    Text,
    Number,
    /// true, false, null.
    Word,
    /// Brackets, commas, colons and blanks.
    Punctuation,
    /// Not JSON.
    Plain,
}

/// What some producers write before UTF-8, which belongs to no value.
pub(crate) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Objects and lists inside one another; a text with more is no JSON here. serde_json reads 128, other readers as many or more, and a
/// record of ours puts three round its payload.
pub const MAX_DEPTH: usize = 120;

/// The escape of each control character.
const ESCAPES: [&str; 32] = [
    "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\u0008", "\\u0009", "\\u000a",
    "\\u000b", "\\u000c", "\\u000d", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015",
    "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f",
];

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// JSON: one value or several after one another, objects or lists (a bare number or word reads better as text).
    Json,
    /// The same, with what RFC 8259 does not have.
    Loose(&'static str),
    /// The same, nested deeper than [`MAX_DEPTH`].
    TooDeep,
    Other,
}

/// Whether the text is one JSON value or several after one another, objects or lists, as RFC 8259 has it or as Python writes it: with
/// `NaN`, `Infinity` and `-Infinity` for numbers. Escapes of half a character (`\ud83d`) are taken as they are.
#[must_use]
pub fn is_json(text: &str) -> bool {
    matches!(kind_of(text), Kind::Json | Kind::Loose(_))
}

/// The same, with why not.
pub(crate) fn kind_of(text: &str) -> Kind {
    if !text.trim_start().starts_with(['{', '[']) {
        return Kind::Other;
    }
    let is_strict = is_strict(text);
    if !is_strict && !are_values(text) {
        Kind::Other
    } else if text.len() > MAX_DEPTH && depth(text) > MAX_DEPTH {
        Kind::TooDeep
    } else if !is_strict && has_control_in_text(text) {
        Kind::Loose("a text in it has a control character that is not escaped, which some readers refuse")
    } else if !is_strict {
        Kind::Loose("it has NaN or Infinity for a number, as Python writes them")
    } else if (text.contains("\\ud") || text.contains("\\uD")) && matches!(strict(text), Cow::Owned(_)) {
        Kind::Loose("a text in it has half a character, which some readers refuse")
    } else {
        Kind::Json
    }
}

/// Whether the text is JSON values after one another, of any kind; or none.
pub(crate) fn are_values(text: &str) -> bool {
    is_strict(text) || matches!(strict(text), Cow::Owned(strict) if is_strict(&strict))
}

/// The same JSON for strict readers: invalid numbers become texts (`"NaN"`), half characters `\ufffd`, and control characters in texts
/// are escaped.
#[must_use]
pub fn strict(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut strict = String::new();
    let (mut copied, mut at) = (0, 0);
    let mut in_string = false;
    while let Some(byte) = bytes.get(at) {
        let (replacement, length) = match byte {
            b'"' => {
                in_string = !in_string;
                (None, 1)
            }
            b'\\' if in_string => half_character(&bytes[at..]),
            control @ 0..0x20 if in_string => (ESCAPES.get(usize::from(*control)).copied(), 1),
            b'N' | b'I' | b'-' if !in_string => no_number(bytes, at),
            _ => (None, 1),
        };
        if let Some(replacement) = replacement {
            strict.push_str(text.get(copied..at).unwrap_or_default());
            strict.push_str(replacement);
            copied = at + length;
        }
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    strict.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(strict)
}

fn is_strict(text: &str) -> bool {
    serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|value| value.is_ok())
}

/// Whether a text in JSON has a control character that is not escaped.
fn has_control_in_text(json: &str) -> bool {
    let (mut in_string, mut is_escaped) = (false, false);
    json.bytes().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            _ => {}
        }
        in_string && byte < b' '
    })
}

/// The replacement for an escape that is half a character, and the escape's length.
fn half_character(escape: &[u8]) -> (Option<&'static str>, usize) {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match unit(0) {
        Some(0xd800..=0xdbff) if matches!(unit(6), Some(0xdc00..=0xdfff)) => (None, 12),
        Some(0xd800..=0xdfff) => (Some("\\ufffd"), 6),
        Some(_) | None => (None, 2),
    }
}

/// The replacement for a word that Python writes for a number, and the word's length.
fn no_number(bytes: &[u8], at: usize) -> (Option<&'static str>, usize) {
    const WORDS: [(&[u8], &str); 3] = [(b"NaN", "\"NaN\""), (b"Infinity", "\"Infinity\""), (b"-Infinity", "\"-Infinity\"")];
    let rest = &bytes[at..];
    let Some((word, text)) = WORDS.into_iter().find(|(word, _)| rest.starts_with(word)) else {
        return (None, 1);
    };
    let is_value = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b',' | b':');
    let after = rest[word.len()..].trim_ascii_start().first();
    let stands_alone = at.checked_sub(1).is_some_and(|before| is_value(bytes[before])) && matches!(after, Some(b',' | b']' | b'}'));
    (stands_alone.then_some(text), word.len())
}

/// How deep a JSON text is nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut is_escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A regular expression for a text, unchanged or with its characters beyond ASCII escaped as in JSON (`J\u00fcrgen`).
/// It ignores that a backslash before an escape may itself be escaped.
#[must_use]
pub(crate) fn pattern_of(text: &str, ignores_case: bool) -> String {
    let mut pattern = String::new();
    for character in text.chars() {
        let written = regex::escape(character.encode_utf8(&mut [0; 4]));
        if character.is_ascii() {
            pattern.push_str(&written);
            continue;
        }
        let mut same = ClassUnicode::new([ClassUnicodeRange::new(character, character)]);
        if ignores_case {
            // All that the regular expression takes for the same character.
            same.case_fold_simple();
        }
        let characters = same.iter().flat_map(|range| range.start()..=range.end());
        let spellings: Vec<String> = characters.filter(|other| !other.is_ascii()).map(escaped).collect();
        pattern.push_str(&format!("(?:{written}|{})", spellings.join("|")));
    }
    pattern
}

/// What matches a character as JSON escapes it.
fn escaped(character: char) -> String {
    character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!(r"\\u(?i:{unit:04x})")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    #[test]
    fn a_text_is_found_as_it_stands_and_escaped() {
        for (text, found, ignores_case) in [
            ("Jürgen", vec!["Jürgen", r"J\u00fcrgen", r"J\u00FCrgen", r"j\u00dcRGEN", "JÜRGEN"], true),
            ("Jürgen", vec!["Jürgen", r"J\u00fcrgen", r"J\u00FCrgen"], false),
            ("漢字😀", vec!["漢字😀", r"\u6f22\u5b57\ud83d\ude00", r"漢\u5b57😀"], false),
            ("straße.", vec!["straße.", r"stra\u00dfe.", r"STRA\u1E9EE."], true),
            ("σ", vec!["σ", "ς", "Σ", r"\u03c2", r"\u03a3"], true),
            (r"\u00fc", vec![r"\u00fc"], false),
        ] {
            let pattern = RegexBuilder::new(&pattern_of(text, ignores_case)).case_insensitive(ignores_case).build().unwrap();
            for content in &found {
                let range = pattern.find(content.as_bytes()).map(|found| found.range());
                assert_eq!(range, Some(0..content.len()), "{text} in {content}");
            }
            for content in ["Jurgen", r"J\u00fdrgen", "strase.", "JxÜRGEN", r"J\\fcrgen"] {
                assert!(!pattern.is_match(content.as_bytes()), "{text} in {content}");
            }
            let other_case = pattern.is_match(r"J\u00dcRGEN".as_bytes());
            assert_eq!(other_case, ignores_case && text == "Jürgen");
        }
    }

    #[test]
    fn objects_and_lists_are_json_and_nothing_else() {
        for text in ["{\"a\":1}", "[1]", " {\"a\":1}\n{\"b\":2}\n"] {
            assert!(is_json(text), "{text:?}");
        }
        for text in ["", "17", "plain", "{\"a\":1} tail", "{"] {
            assert!(!is_json(text), "{text:?}");
        }
    }

    #[test]
    fn json_as_python_writes_it_is_json() {
        for (text, expected) in [
            (r#"{"a":NaN,"b":[-Infinity, Infinity ]}"#, r#"{"a":"NaN","b":["-Infinity", "Infinity" ]}"#),
            (r#"{"NaN":"NaN \" NaN,"}"#, r#"{"NaN":"NaN \" NaN,"}"#),
            ("{\n\"a\tb\":\"\u{1b}[32m\nc\"}", "{\n\"a\\u0009b\":\"\\u001b[32m\\u000ac\"}"),
            (r#"{"a":"\ud83d","b":"\ud83d\ude00\udc00\\ud83d"}"#, r#"{"a":"\ufffd","b":"\ud83d\ude00\ufffd\\ud83d"}"#),
        ] {
            assert!(is_json(text), "{text}");
            assert_eq!(strict(text), expected);
            serde_json::from_str::<serde_json::Value>(expected).unwrap();
        }
        for text in [r#"{NaN:1}"#, "{\"a\":nan}", "{\"a\":NaNa}", "{\"a\":+Infinity}", "{\"a\":--Infinity}", "{\"a\":1NaN}", "NaN"]
        {
            assert!(!is_json(text), "{text}");
        }
    }

    #[test]
    fn what_other_readers_would_refuse_for_its_depth_is_no_json() {
        let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(is_json(&nested(MAX_DEPTH)));
        assert_eq!(kind_of(&nested(MAX_DEPTH + 1)), Kind::TooDeep);
        assert_eq!(kind_of(&nested(100_000)), Kind::TooDeep);
        assert!(is_json(&format!("{{\"a\":\"{}\\\"{}\"}}", "[".repeat(500), "{".repeat(500))), "brackets in a text do not nest");
        assert!(is_json(&"[[1]]".repeat(500)));
    }

    proptest! {
        #[test]
        fn what_is_json_can_be_read_to_the_letter(text in r#"([\[{]"?|"(\\\\u[d][89c]3d|a|\n|\x1b|\\\\")*"|NaN|-?Infinity|[:,\]} 1-]){0,12}"#) {
            if is_json(&text) {
                let mut values = serde_json::Deserializer::from_str(&strict(&text)).into_iter::<serde_json::Value>().map(|value| value.is_ok()).collect::<Vec<_>>();
                values.retain(|is_ok| !is_ok);
                prop_assert!(values.is_empty(), "{text}");
            }
        }

        #[test]
        fn any_text_is_read(text: String) {
            prop_assert!(strict(&text).len() <= 6 * text.len());
            kind_of(&text);
        }
    }
}
