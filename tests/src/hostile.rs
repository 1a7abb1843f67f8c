//! Text with control sequences for a terminal, and the check that none of them reach one.

use serde_json::Value;

/// Sequences of ECMA-48 in both spellings, a title, single controls, a line break, and characters that reorder text or are
/// invisible.
pub const HOSTILE: &str = "evil\u{1b}[31m\u{1b}]0;title\u{7}\u{9b}2J\u{9d}0;title\u{9c}\u{85}\u{8}\u{b}\u{7f}\r\nINJECTED\u{202e}\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}";
/// The same without zero bytes and line breaks, for file names, arguments and XML.
pub const HOSTILE_NAME: &str = "evil\u{9b}2J\u{9d}0;title\u{9c}\u{85}\u{7f}\u{202e}\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}";

/// Names in answers whose values a caller sends back or decodes; spoiling them would only end the command early.
const KEPT: [&str; 6] = ["NextToken", "NextShardIterator", "ShardIterator", "Data", "recordData", "LastEvaluatedKey"];

/// JSON whose texts all end in [`HOSTILE`].
#[must_use]
pub fn spoiled(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text + HOSTILE),
        Value::Array(values) => Value::Array(values.into_iter().map(spoiled).collect()),
        Value::Object(fields) => {
            let spoil = |(name, value): (String, Value)| {
                let value = if KEPT.contains(&name.as_str()) { value } else { spoiled(value) };
                (name, value)
            };
            Value::Object(fields.into_iter().map(spoil).collect())
        }
        other => other,
    }
}

/// The harmful part of an output: what [`obeyed_in`] finds, or a line that the data started; `None` if it is harmless.
#[must_use]
pub fn harm_in(output: &[u8]) -> Option<String> {
    let injected = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("INJECTED"))?;
        Some(format!("a line came with the data: {line:?}"))
    };
    obeyed_in(output).or_else(|| std::str::from_utf8(output).ok().and_then(injected))
}

/// The part of an output that a terminal would obey, reorder or hide.
#[must_use]
pub fn obeyed_in(output: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(output) else {
        return Some("it is not UTF-8".to_owned());
    };
    let is_harmful = |character: &char| {
        let is_end_of_line = matches!(character, '\n' | '\t');
        !is_end_of_line && (character.is_control() || (!character.is_ascii() && HOSTILE.contains(*character)))
    };
    let line = text.lines().find(|line| line.chars().any(|character| is_harmful(&character)))?;
    Some(format!("{line:?}"))
}
