//! Text that would take over a terminal, wherever it comes from, and the check that none of it reached one.

use serde_json::Value;

/// Sequences of ECMA-48 in both spellings, a title, single controls, a line of its own, and characters that reorder or are not seen.
pub const HOSTILE: &str = "evil\u{1b}[31m\u{1b}]0;title\u{7}\u{9b}2J\u{9d}0;title\u{9c}\u{85}\u{8}\u{b}\u{7f}\r\nINJECTED\u{202e}\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}";
/// The same for where zero bytes cannot be, nor ends of lines: file names, arguments, XML.
pub const HOSTILE_NAME: &str = "evil\u{9b}2J\u{9d}0;title\u{9c}\u{85}\u{7f}\u{202e}\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}";

/// Names in answers whose values a caller sends back or decodes, so that spoiling them would only end the command early.
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

/// What of an output does harm to a terminal: what [`obeyed_in`] finds, or a line that the data began; `None` where it only shows.
#[must_use]
pub fn harm_in(output: &[u8]) -> Option<String> {
    let injected = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("INJECTED"))?;
        Some(format!("a line came with the data: {line:?}"))
    };
    obeyed_in(output).or_else(|| std::str::from_utf8(output).ok().and_then(injected))
}

/// What of an output a terminal would obey, or show in another order or not at all.
#[must_use]
pub fn obeyed_in(output: &[u8]) -> Option<String> {
    let Ok(text) = std::str::from_utf8(output) else {
        return Some("it is no UTF-8".to_owned());
    };
    let is_harmful = |character: &char| {
        let is_end_of_line = matches!(character, '\n' | '\t');
        !is_end_of_line && (character.is_control() || (!character.is_ascii() && HOSTILE.contains(*character)))
    };
    let line = text.lines().find(|line| line.chars().any(|character| is_harmful(&character)))?;
    Some(format!("{line:?}"))
}
