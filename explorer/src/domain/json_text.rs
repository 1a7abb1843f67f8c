//! What JSON is, and what it is made of.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
use serde::de::IgnoredAny;

/// What a piece of JSON is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The name of a field.
    Key,
    /// A string value.
    Text,
    /// A number.
    Number,
    /// true, false, null.
    Word,
    /// Brackets, commas, colons and blanks.
    Punctuation,
    /// What is no JSON.
    Plain,
}

/// Whether the text is one JSON value or several after one another, objects or lists (a bare number or word reads better as text).
#[must_use]
pub fn is_json(text: &str) -> bool {
    if !text.trim_start().starts_with(['{', '[']) {
        return false;
    }
    serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|value| value.is_ok())
}

/// A regular expression for a text as it stands, or with its characters beyond ASCII escaped as JSON may have them (`J\u00fcrgen`).
/// That a backslash before an escape may itself be escaped is not looked at.
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
}
