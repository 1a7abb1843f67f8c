//! The JSONPath of the value on a line (RFC 9535), in the form that the filter takes.

use super::json::Json;

impl Json {
    /// `$.items[2].sku`; of several values after one another, within that value.
    pub(super) fn path(&self, line: usize) -> String {
        let mut steps = Vec::new();
        let mut at = self.begin(line);
        while let Some((container, before)) = self.container(at) {
            let key = self.key(at);
            steps.push(if key.is_empty() { format!("[{before}]") } else { step(key) });
            at = container;
        }
        steps.push("$".to_owned());
        steps.reverse();
        steps.concat()
    }
}

/// `.name` where the name allows it, else `['a name']`.
fn step(key: &[u8]) -> String {
    let name: String = serde_json::from_slice(key).unwrap_or_else(|_| String::from_utf8_lossy(key).into_owned());
    let is_first = |character: char| character.is_ascii_alphabetic() || character == '_';
    if name.starts_with(is_first) && name.chars().all(|character| is_first(character) || character.is_ascii_digit()) {
        return format!(".{name}");
    }
    let mut step = "['".to_owned();
    for character in name.chars() {
        match character {
            '\'' | '\\' => step.extend(['\\', character]),
            control if control.is_control() => step.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => step.push(other),
        }
    }
    step.push_str("']");
    step
}
