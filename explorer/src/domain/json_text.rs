//! JSON laid out for reading, token by token as it stands: no number is rounded, no key is moved.

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

/// One line of laid-out JSON.
pub type Line = Vec<(Token, String)>;

/// Whether the text is one JSON value or several after one another, objects or lists (a bare number or word reads better as text).
#[must_use]
pub fn is_json(text: &str) -> bool {
    if !text.trim_start().starts_with(['{', '[']) {
        return false;
    }
    serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|value| value.is_ok())
}

/// Lays out valid JSON, two blanks a level, up to so many lines.
#[must_use]
pub fn lay_out(json: &str, max_lines: usize) -> Vec<Line> {
    let mut writer = Writer { lines: vec![Vec::new()], depth: 0 };
    let mut rest = json.trim();
    while let Some(first) = rest.chars().next() {
        if writer.lines.len() > max_lines {
            writer.lines.truncate(max_lines);
            break;
        }
        let length = token_length(rest, first);
        let (token, after) = rest.split_at(length);
        let after = after.trim_start();
        match first {
            '{' | '[' if after.starts_with(['}', ']']) => {
                writer.push(Token::Punctuation, &format!("{token}{}", &after[..1]));
                rest = after[1..].trim_start();
                writer.end_value(rest);
                continue;
            }
            '{' | '[' => {
                writer.push(Token::Punctuation, token);
                writer.depth += 1;
                writer.new_line();
            }
            '}' | ']' => {
                writer.depth = writer.depth.saturating_sub(1);
                writer.new_line();
                writer.push(Token::Punctuation, token);
                writer.end_value(after);
            }
            ',' => {
                writer.push(Token::Punctuation, token);
                writer.new_line();
            }
            ':' => writer.push(Token::Punctuation, ": "),
            '"' if after.starts_with(':') => writer.push(Token::Key, token),
            '"' => writer.push(Token::Text, token),
            '-' | '0'..='9' => writer.push(Token::Number, token),
            _ => writer.push(Token::Word, token),
        }
        rest = after;
    }
    writer.lines
}

struct Writer {
    lines: Vec<Line>,
    depth: usize,
}

impl Writer {
    fn push(&mut self, token: Token, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            line.push((token, text.to_owned()));
        }
    }

    fn new_line(&mut self) {
        self.lines.push(vec![(Token::Punctuation, "  ".repeat(self.depth))]);
    }

    /// Values after one another, as in JSON Lines, begin a line each.
    fn end_value(&mut self, rest: &str) {
        if self.depth == 0 && !rest.is_empty() {
            self.new_line();
        }
    }
}

fn token_length(rest: &str, first: char) -> usize {
    match first {
        '"' => {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, character)| {
                let ends = *character == '"' && !escaped;
                escaped = *character == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |(at, _)| at + 1)
        }
        '{' | '}' | '[' | ']' | ',' | ':' => 1,
        _ => rest
            .find(|character: char| character.is_whitespace() || matches!(character, '{' | '}' | '[' | ']' | ',' | ':'))
            .unwrap_or(rest.len())
            .max(first.len_utf8()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text_of(json: &str) -> String {
        let lines = lay_out(json, usize::MAX);
        lines.iter().map(|line| line.iter().map(|(_, text)| text.as_str()).collect::<String>()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn tokens_stay_as_they_are() {
        assert_eq!(
            text_of(r#"{"id":12345678901234567890.10,"a\":":[1,{}],"e":[]}"#),
            "{\n  \"id\": 12345678901234567890.10,\n  \"a\\\":\": [\n    1,\n    {}\n  ],\n  \"e\": []\n}"
        );
    }

    #[test]
    fn json_lines_begin_a_line_each() {
        assert!(is_json("{\"a\":1}\n{\"b\":2}\n"));
        assert_eq!(text_of("{\"a\":1}\n{\"b\":2}\n"), "{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}");
        for text in ["", "17", "plain", "{\"a\":1} tail", "{"] {
            assert!(!is_json(text), "{text:?}");
        }
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            ".{0,12}".prop_map(Into::into)
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                proptest::collection::btree_map(".{0,6}", inner, 0..5).prop_map(|map| map.into_iter().collect())
            ]
        })
    }

    proptest! {
        #[test]
        fn layout_changes_nothing_but_blanks(value in any_json()) {
            let laid_out = text_of(&value.to_string());
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&laid_out).unwrap(), value);
        }

        #[test]
        fn no_text_makes_the_layout_panic(text: String) {
            prop_assert!(lay_out(&text, 100).len() <= 101);
        }
    }
}
