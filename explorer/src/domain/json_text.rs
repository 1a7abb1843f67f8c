//! What JSON is, and what it is made of.

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

#[cfg(test)]
mod tests {
    use super::*;

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
