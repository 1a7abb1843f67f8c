//! Completions at the cursor of a filter line: names of conditions, then values, taken from the loaded records.

use super::field::{FieldComparison, field_at};
use super::json::{end_of_path, skip_blanks};
use super::names::{NAMES, name_at};
use super::pattern::end_of_expression;
use super::scalar;
use super::values::Property;
use super::word::{self, Source};
use serde_json::Value;
use std::collections::VecDeque;
use std::ops::Range;

/// What the loaded records show.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'k> {
    /// Partition keys.
    pub keys: &'k [String],
    /// Names of shards.
    pub shards: &'k [String],
    /// Paths in JSON payloads.
    pub json_paths: &'k [String],
    /// Fields of the payloads on the screen.
    pub fields: &'k [SeenField],
}

/// A field that payloads have.
#[derive(Clone, Debug)]
pub struct SeenField {
    /// Its path without the point before it.
    pub path: String,
    /// Its values as they are typed, and how often each is there.
    pub values: Vec<(String, usize)>,
}

/// Something that could stand in the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The bytes that it replaces.
    pub replace: Range<usize>,
    /// What comes in their place.
    pub with: String,
    /// What it means in a few words; empty where it says so itself.
    pub about: String,
}

const TIMES: [(&str, &str); 6] = [
    ("15m", "15 minutes ago"),
    ("1h", "an hour ago"),
    ("24h", "a day ago"),
    ("7d", "a week ago"),
    ("today", "the start of today"),
    ("yesterday", "the start of yesterday"),
];
const SIZES: [(&str, &str); 3] = [(">10k", "more than 10 KiB"), ("<=1MiB", "at most 1 MiB"), ("0..100", "up to 100 bytes")];

/// A document larger than this is not searched for paths; it would take longer than a key may.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// Completions at the cursor, the likeliest first. The cursor is a byte of the line.
#[must_use]
pub fn complete(line: &str, cursor: usize, known: &Known<'_>) -> Vec<Completion> {
    let cursor = (0..=cursor.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let (start, end) = term_at(line, cursor);
    let is_negated = line[start..].starts_with('-') && start < cursor;
    let at = start + usize::from(is_negated);
    if let Some(field) = field_at(line, at) {
        return of_field(line, cursor, end, &field, known);
    }
    match name_at(line, at) {
        Some((name, value)) if value <= cursor => {
            let replace = value..if name == "json" { end_of_path(line, value).max(cursor) } else { end };
            let typed = &line[value..cursor];
            let current = &line[replace.clone()];
            let offered = values(name, typed, known).into_iter().filter(|(with, _)| with != current);
            offered.map(|(with, about)| Completion { replace: replace.clone(), with, about }).collect()
        }
        Some(_) => Vec::new(),
        None => {
            let typed = &line[at..cursor];
            let fitting = NAMES.iter().filter(|name| name.name.starts_with(typed) && (name.is_negatable || !is_negated));
            let named =
                fitting.map(|name| Completion { replace: at..end, with: format!("{}:", name.name), about: name.about.to_owned() });
            named.chain(fields(typed, "=", &(at..end), known)).collect()
        }
    }
}

/// What could stand in a comparison of a field: another field, or another value.
fn of_field(line: &str, cursor: usize, end: usize, field: &FieldComparison, known: &Known<'_>) -> Vec<Completion> {
    if cursor <= field.path.end {
        let path = &line[field.path.clone()];
        let others = fields(&line[field.path.start..cursor], "", &field.path, known);
        return others.into_iter().filter(|other| other.with != path).collect();
    }
    let replace = field.value..end.max(field.value);
    let Some(typed) = line.get(field.value..cursor) else {
        return Vec::new();
    };
    let current = &line[replace.clone()];
    let offered = seen_values(&line[field.path.clone()], typed, known).into_iter().filter(|(with, _)| with != current);
    offered.map(|(with, about)| Completion { replace: replace.clone(), with, about }).collect()
}

/// Fields that begin so; an empty text is the beginning of a condition of any kind.
fn fields(typed: &str, sign: &str, replace: &Range<usize>, known: &Known<'_>) -> Vec<Completion> {
    let name = typed.strip_prefix('$').unwrap_or(typed);
    let name = name.strip_prefix('.').unwrap_or(name);
    let fitting = known.fields.iter().filter(|field| !typed.is_empty() && field.path.starts_with(name));
    let offered = fitting.map(|field| {
        let values = field.values.iter().take(3).map(|(value, count)| format!("{value} {}", times(*count)));
        let about = values.collect::<Vec<_>>().join(", ");
        Completion { replace: replace.clone(), with: format!(".{}{sign}", field.path), about }
    });
    offered.collect()
}

/// Values of a field on the screen that begin so, and how often each is there.
fn seen_values(path: &str, typed: &str, known: &Known<'_>) -> Vec<(String, String)> {
    let path = path.strip_prefix('$').unwrap_or(path);
    let path = path.strip_prefix('.').unwrap_or(path);
    let values = known.fields.iter().filter(|field| field.path == path).flat_map(|field| &field.values);
    let fitting = values.filter(|(value, _)| value.trim_start_matches('"').starts_with(typed.trim_start_matches('"')));
    fitting.map(|(value, count)| (value.clone(), times(*count))).collect()
}

fn times(count: usize) -> String {
    format!("×{count}")
}

/// A text as the value of a field is typed.
#[must_use]
pub fn typed_text(text: &str) -> String {
    if scalar::is_plain(text) { text.to_owned() } else { scalar::in_json(text) }
}

/// Values that a condition could have, and what they mean.
fn values(name: &str, typed: &str, known: &Known<'_>) -> Vec<(String, String)> {
    let told = |values: &[(&str, &str)]| {
        let fitting = values.iter().filter(|(value, _)| value.starts_with(typed));
        fitting.map(|(value, about)| ((*value).to_owned(), (*about).to_owned())).collect()
    };
    match name {
        "key" | "userkey" => {
            let typed = typed.trim_start_matches('"');
            let fitting = known.keys.iter().filter(|key| !key.is_empty() && key.starts_with(typed));
            fitting.map(|key| (word::quoted(key), String::new())).collect()
        }
        "shard" => known.shards.iter().filter_map(|shard| shard_value(shard, typed)).collect(),
        "json" => {
            let fitting = known.json_paths.iter().filter(|path| path.starts_with(typed));
            fitting.map(|path| (path.clone(), String::new())).collect()
        }
        "after" | "before" => told(&TIMES),
        "size" => told(&SIZES),
        "is" => told(&Property::ALL.map(|(property, about)| (property.as_str(), about))),
        _ => seen_values(name, typed, known),
    }
}

/// A shard by its number, and by its name where that is being typed.
fn shard_value(shard: &str, typed: &str) -> Option<(String, String)> {
    let number = shard.strip_prefix("shardId-").and_then(|digits| digits.parse::<u64>().ok()).map(|number| number.to_string());
    match number {
        Some(number) if number.starts_with(typed) => Some((number, shard.to_owned())),
        _ => shard.starts_with(typed).then(|| (word::quoted(shard), String::new())),
    }
}

/// The term that the cursor is in or right after; empty between blanks.
fn term_at(line: &str, cursor: usize) -> (usize, usize) {
    let mut start = skip_blanks(line, 0);
    while start < line.len() {
        let end = end_of_term(line, start);
        if cursor < start {
            break;
        }
        if cursor <= end {
            return (start, end);
        }
        start = skip_blanks(line, end);
    }
    (cursor, cursor)
}

/// Where the term that begins here ends, mistakes or not.
fn end_of_term(line: &str, start: usize) -> usize {
    let at = start + usize::from(line[start..].starts_with('-'));
    if let Some(field) = field_at(line, at) {
        return end_of_json(line, field.path.start);
    }
    let value = match name_at(line, at) {
        Some(("json", value)) => return end_of_json(line, value),
        Some((_, value)) => value,
        None if line[at..].starts_with('/') => return end_of_regex(line, at),
        None => at,
    };
    // An open quotation mark is being typed, and all behind it with it.
    Source::line(line).read(value).map_or_else(|error| error.span().end, |word| word.end)
}

fn end_of_regex(line: &str, at: usize) -> usize {
    let end = end_of_expression(&line[at + 1..]).map_or(line.len(), |length| at + 1 + length + 1);
    word::end_of_run(line, end)
}

fn end_of_json(line: &str, value: usize) -> usize {
    let path_end = end_of_path(line, value);
    let operator = skip_blanks(line, path_end);
    let signs: usize = line[operator..].bytes().take_while(|byte| matches!(byte, b'=' | b'!' | b'<' | b'>' | b'~')).count();
    if signs == 0 {
        return path_end;
    }
    let compared = skip_blanks(line, operator + signs);
    match line.as_bytes().get(compared) {
        Some(b'/') => end_of_regex(line, compared),
        Some(b'"') => Source::line(line).read(compared).map_or_else(|error| error.span().end, |word| word.end),
        _ => word::end_of_run(line, compared),
    }
}

/// The paths of a JSON document, those nearest to the root first; the first element of a list represents all.
#[must_use]
pub fn json_paths(text: &str, max: usize) -> Vec<String> {
    if text.len() > MAX_DOCUMENT_BYTES {
        return Vec::new();
    }
    let Some(Ok(document)) = serde_json::Deserializer::from_str(text).into_iter::<Value>().next() else {
        return Vec::new();
    };
    let mut paths = Vec::new();
    let mut waiting = VecDeque::from([("$".to_owned(), &document)]);
    while let Some((path, value)) = waiting.pop_front() {
        match value {
            Value::Object(members) => {
                waiting.extend(members.iter().map(|(name, value)| (format!("{path}{}", member(name)), value)));
            }
            Value::Array(elements) => waiting.extend(elements.first().map(|element| (format!("{path}[0]"), element))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        if path != "$" {
            paths.push(path);
        }
        if paths.len() >= max {
            break;
        }
    }
    paths.truncate(max);
    paths
}

/// A step to a member: `.name` where the name is a plain one. Source: RFC 9535, 2.5.1.1.
fn member(name: &str) -> String {
    let is_first = |character: char| character.is_ascii_alphabetic() || character == '_';
    let is_plain = name.starts_with(is_first) && name.chars().all(|character| is_first(character) || character.is_ascii_digit());
    if is_plain { format!(".{name}") } else { format!("[{}]", Value::from(name)) }
}
