//! The condition on a value of a JSON content: a JSONPath of RFC 9535, and what its values are compared with.

use super::json_value::{Comparison, Route};
use super::mistake::InvalidFilter;
use super::pattern::{Pattern, end_of_character};
use super::word;
use regex::bytes::Regex;
use serde_json::{Deserializer, Value};
use serde_json_path::JsonPath;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A JSONPath, and what is asked of the values it selects; any of them may be it.
#[derive(Clone, Debug)]
pub(crate) struct JsonTest {
    /// As typed.
    path: String,
    route: Arc<Route>,
    asked: Asked,
}

/// What is asked of a value.
#[derive(Clone, Debug)]
enum Asked {
    /// That it is there.
    Presence,
    /// How it compares; and where a content must hold some bytes for that, these.
    Comparison(Comparison, Value, Option<Regex>),
    /// That the expression finds something in it.
    Match(Pattern),
}

const PATH_EXAMPLE: &str = "use for example json:$.status==\"paid\" or json:$.items[*].sku";

/// A path longer than this, or nested deeper, takes its parser too long, or too deep.
const MAX_PATH_BYTES: usize = 1_000;
const MAX_PATH_DEPTH: usize = 8;

impl PartialEq for JsonTest {
    fn eq(&self, other: &Self) -> bool {
        let is_asked_alike = match (&self.asked, &other.asked) {
            (Asked::Presence, Asked::Presence) => true,
            (Asked::Comparison(how, value, _), Asked::Comparison(other_how, other_value, _)) => {
                (how, value) == (other_how, other_value)
            }
            (Asked::Match(pattern), Asked::Match(other_pattern)) => pattern == other_pattern,
            (Asked::Presence | Asked::Comparison(..) | Asked::Match(_), _) => false,
        };
        is_asked_alike && self.path == other.path
    }
}

impl JsonTest {
    /// Reads `$.path`, `$.path=="paid"` or `$.path=~/regex/`, and where it ends; blanks may stand around the comparison.
    ///
    /// # Errors
    /// Points into the path or at what stands behind it.
    pub(super) fn read(line: &str, at: usize) -> Result<(Self, usize), InvalidFilter> {
        let (path, route) = read_path(line, at)?;
        let operator = skip_blanks(line, path.end);
        let path_text = line[path.clone()].to_owned();
        let test = |asked| Self { path: path_text, route: Arc::new(route), asked };
        if !line[operator..].starts_with(['=', '!', '<', '>', '~']) {
            return Ok((test(Asked::Presence), path.end));
        }
        if line[operator..].starts_with("=~") {
            let start = skip_blanks(line, operator + 2);
            if !line[start..].starts_with('/') {
                let sentence = "behind =~ stands a regular expression between slashes, such as json:$.status=~/^pa/";
                return Err(InvalidFilter::new(operator..word::end_of_run(line, start), sentence));
            }
            let (pattern, end) = Pattern::read(line, start)?;
            return Ok((test(Asked::Match(pattern)), end));
        }
        let Some((comparison, length)) = Comparison::read(&line[operator..]) else {
            let sentence = "that is no comparison; use ==, !=, <, <=, >, >= or =~";
            return Err(InvalidFilter::new(operator..end_of_character(line, operator), sentence));
        };
        let start = skip_blanks(line, operator + length);
        let (value, end) = read_value(line, start)?;
        let needed = if comparison == Comparison::Equal { bytes_needed(&value) } else { None };
        Ok((test(Asked::Comparison(comparison, value, needed)), end))
    }

    /// Whether a content holds such a value. What is no JSON holds none.
    pub(super) fn is_met(&self, content: &[u8]) -> bool {
        match &self.asked {
            Asked::Presence => self.route.any(content, |_| true),
            Asked::Comparison(_, _, Some(needed)) if !needed.is_match(content) && !content.contains(&b'\\') => false,
            Asked::Comparison(comparison, wanted, _) => self.route.any(content, |value| comparison.holds(value, wanted)),
            Asked::Match(pattern) => self.route.any(content, |value| match value {
                Value::String(text) => pattern.is_match(text.as_bytes()),
                Value::Null | Value::Bool(_) | Value::Number(_) => pattern.is_match(value.to_string().as_bytes()),
                Value::Array(_) | Value::Object(_) => false,
            }),
        }
    }
}

/// Reads the path that begins here.
fn read_path(line: &str, at: usize) -> Result<(Range<usize>, Route), InvalidFilter> {
    let path = at..end_of_path(line, at);
    let text = &line[path.clone()];
    if !text.starts_with('$') {
        let run = at..word::end_of_run(line, at);
        return Err(InvalidFilter::new(run, format!("a JSONPath begins with $; {PATH_EXAMPLE}")));
    }
    if text.len() > MAX_PATH_BYTES || depth(text) > MAX_PATH_DEPTH {
        return Err(InvalidFilter::new(path, format!("the JSONPath is too long or nested too deep; {PATH_EXAMPLE}")));
    }
    match JsonPath::parse(text) {
        Ok(parsed) => Ok((path, Route::of(text, parsed))),
        Err(error) => {
            let wrong =
                (0..=error.position().min(text.len())).rev().find(|offset| text.is_char_boundary(*offset)).unwrap_or(0) + at;
            let span = if wrong < path.end { wrong..end_of_character(line, wrong) } else { path };
            Err(InvalidFilter::new(span, path_sentence(error.message())))
        }
    }
}

/// The library says which of its rules it was in, which nobody has typed, and often no more.
fn path_sentence(message: &str) -> String {
    let reason = message.lines().last().unwrap_or_default();
    let reason = reason.rsplit_once("segment, ").or_else(|| reason.rsplit_once("name, ")).map_or(reason, |(_, reason)| reason);
    if reason == "parser error" {
        return format!("this cannot stand here in a JSONPath; a name with signs in it is written ['order-id']; {PATH_EXAMPLE}");
    }
    format!("the JSONPath cannot be read here: {reason}; {PATH_EXAMPLE}")
}

/// Where a path ends: at a blank or a comparison that stands in no brackets.
pub(super) fn end_of_path(line: &str, at: usize) -> usize {
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for (offset, character) in line[at..].char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) => quote = quote.filter(|_| character != open),
            (None, '"' | '\'') if depth > 0 => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.saturating_sub(1),
            (None, '=' | '!' | '<' | '>' | '~') if depth == 0 => return at + offset,
            (None, blank) if depth == 0 && blank.is_whitespace() => return at + offset,
            (None, _) => {}
        }
    }
    line.len()
}

/// How many brackets of any kind a path opens within each other, at most, quotation marks not heeded.
fn depth(path: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in path.bytes() {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

pub(super) fn skip_blanks(line: &str, at: usize) -> usize {
    line[at..].find(|character: char| !character.is_whitespace()).map_or(line.len(), |length| at + length)
}

fn read_value(line: &str, at: usize) -> Result<(Value, usize), InvalidFilter> {
    let mut values = Deserializer::from_str(&line[at..]).into_iter::<Value>();
    let value = values.next();
    let end = at + values.byte_offset();
    let run = at..word::end_of_run(line, at.max(end));
    match value {
        Some(Ok(value)) if word::end_of_run(line, end) == end => Ok((value, end)),
        Some(Ok(_)) => Err(InvalidFilter::new(end..run.end, "behind the value a blank must follow")),
        Some(Err(_)) => {
            let typed = &line[run.clone()];
            let text = Value::from(typed.trim_matches('\''));
            let sentence = format!("{typed} is no JSON value; a text stands in quotation marks, such as {text}");
            Err(InvalidFilter::new(run, sentence))
        }
        None => Err(InvalidFilter::new(run, "a JSON value must follow, such as \"paid\", 42, true or null")),
    }
}

/// Bytes without which a content cannot hold this value, unless it has escapes: a number can be written in many ways, a text in one.
fn bytes_needed(value: &Value) -> Option<Regex> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        Value::Null => "null",
        Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    Regex::new(&regex::escape(text)).ok()
}

impl fmt::Display for JsonTest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path)?;
        match &self.asked {
            Asked::Presence => Ok(()),
            Asked::Comparison(comparison, value, _) => write!(formatter, "{}{value}", comparison.as_str()),
            Asked::Match(pattern) => write!(formatter, "=~{pattern}"),
        }
    }
}
