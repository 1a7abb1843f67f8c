//! Values of fields as people type them: `paid`, `100`, `true`.

use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt::Write as _;

/// The JSON of a value that was typed without quotation marks: a number, `true`, `false` or `null` where it is one, else a text.
pub(super) fn bare_in_json(typed: &str) -> String {
    if is_literal(typed) { typed.to_owned() } else { in_json(typed) }
}

/// A text in JSON, without characters that would break the line that it is shown in.
pub(super) fn in_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    for character in Value::from(text).to_string().chars() {
        if character.is_control() {
            // Writing to a String does not fail.
            write!(json, "\\u{:04x}", u32::from(character)).unwrap_or_default();
        } else {
            json.push(character);
        }
    }
    json
}

/// Whether a text is typed without quotation marks.
pub(super) fn is_plain(text: &str) -> bool {
    let is_blank = |character: char| character.is_whitespace() || character.is_control();
    let is_odd = text.is_empty() || text.starts_with(['"', '\'', '[', '{', '=', '~', '<', '>', '!']) || text.ends_with(['*', '>']);
    !is_odd && !text.contains(is_blank) && !is_literal(text)
}

fn is_literal(text: &str) -> bool {
    !text.starts_with(['"', '[', '{']) && !text.contains(char::is_whitespace) && serde_json::from_str::<&RawValue>(text).is_ok()
}
