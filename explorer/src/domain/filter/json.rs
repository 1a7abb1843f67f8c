//! The condition on values of a JSON content: a JSONPath of RFC 9535, and what its values are compared with.

use super::answer::Answer;
use super::decimal;
use super::json_path::numbers_of_expressions;
use super::json_tree::{self, Json};
use super::json_value::{Comparison, Route};
use super::mistake::InvalidFilter;
use super::pattern::{Pattern, end_of_character};
use super::scalar;
use super::word::Source;
use crate::domain::decode::Content;
use regex::bytes::Regex;
use serde_json::value::RawValue;
use serde_json::{Deserializer, Value};
use serde_json_path::JsonPath;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// How it compares.
    Comparison(Comparison, Wanted),
    /// That the expression finds something in it.
    Match(Pattern),
}

/// What values are compared with.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// As typed, so that no digit is lost where it is shown.
    typed: String,
    value: Json<'static>,
    /// Where a content must hold some bytes to hold an equal value: these.
    needed: Option<Regex>,
    met: Arc<Met>,
}

/// What a number was compared with.
#[derive(Debug, Default)]
struct Met {
    numbers: AtomicBool,
    /// Texts that hold a number.
    texts: AtomicBool,
}

const PATH_EXAMPLE: &str = "use for example json:$.status==\"paid\" or json:$.items[*].sku";

/// A path longer than this, or nested deeper, takes its parser too long, or too deep.
const MAX_PATH_BYTES: usize = 1_000;
const MAX_PATH_DEPTH: usize = 8;

impl PartialEq for JsonTest {
    fn eq(&self, other: &Self) -> bool {
        let is_asked_alike = match (&self.asked, &other.asked) {
            (Asked::Presence, Asked::Presence) => true,
            (Asked::Comparison(how, wanted), Asked::Comparison(other_how, other_wanted)) => {
                (how, &wanted.typed) == (other_how, &other_wanted.typed)
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
    /// Points into the path or at what follows it.
    pub(super) fn read(source: Source<'_>, at: usize) -> Result<(Self, usize), InvalidFilter> {
        let line = source.text;
        let (path, route) = read_path(source, at)?;
        let operator = skip_blanks(line, path.end);
        let path_text = line[path.clone()].to_owned();
        let test = |asked| Self { path: path_text, route: Arc::new(route), asked };
        if !line[operator..].starts_with(['=', '!', '<', '>', '~']) {
            let end = source.end_of_condition(path.end);
            if source.is_argument && end < line.len() {
                let sentence = format!("a comparison must follow the path; {PATH_EXAMPLE}");
                return Err(InvalidFilter::new(operator..line.len(), sentence));
            }
            return Ok((test(Asked::Presence), end));
        }
        if line[operator..].starts_with("=~") {
            let start = skip_blanks(line, operator + 2);
            if !line[start..].starts_with('/') {
                let sentence = "=~ needs a regular expression between slashes, such as json:$.status=~/^pa/";
                return Err(InvalidFilter::new(operator..source.end_of_run(start), sentence));
            }
            let (pattern, end) = Pattern::read(source, start)?;
            return Ok((test(Asked::Match(pattern)), end));
        }
        let Some((comparison, length)) = Comparison::read(&line[operator..]) else {
            let sentence = "that is not a comparison; use ==, !=, <, <=, >, >= or =~";
            return Err(InvalidFilter::new(operator..end_of_character(line, operator), sentence));
        };
        let start = skip_blanks(line, operator + length);
        let (wanted, end) = read_value(source, start, comparison)?;
        Ok((test(Asked::Comparison(comparison, wanted)), end))
    }

    /// The values at a path compare so.
    ///
    /// # Errors
    /// When the path is none.
    pub(super) fn comparing(path: String, comparison: Comparison, wanted: Wanted) -> Result<Self, InvalidPath> {
        route_of(&path).map(|route| Self { path, route: Arc::new(route), asked: Asked::Comparison(comparison, wanted) })
    }

    /// The expression finds something in a value at a path.
    ///
    /// # Errors
    /// When the path is none.
    pub(super) fn matching(path: String, pattern: Pattern) -> Result<Self, InvalidPath> {
        route_of(&path).map(|route| Self { path, route: Arc::new(route), asked: Asked::Match(pattern) })
    }

    /// Whether a content has such a value. Content that is not JSON has none. If the content is broken or cut, the answer is unknown,
    /// unless the readable part has one.
    pub(super) fn answer(&self, content: &Content<'_>, is_negated: bool) -> Answer {
        let of_bytes = self.answer_of_bytes(content.bytes(), content.is_whole(), is_negated);
        if of_bytes.is_yes() {
            return Answer::Yes;
        }
        // Content with a rendition is not JSON itself.
        let answer = content.rendition().map_or(of_bytes, |rendition| self.answer_of_bytes(rendition.as_bytes(), true, is_negated));
        if answer == Answer::No && !content.is_whole() { Answer::Unknown } else { answer }
    }

    fn answer_of_bytes(&self, bytes: &[u8], is_whole: bool, is_negated: bool) -> Answer {
        match &self.asked {
            Asked::Presence => self.route.any(bytes, |_| true),
            Asked::Comparison(_, Wanted { needed: Some(needed), .. }) if !needed.is_match(bytes) && !bytes.contains(&b'\\') => {
                match is_whole && is_closed(bytes, is_negated) {
                    true => Answer::No,
                    false => Answer::Unknown,
                }
            }
            Asked::Comparison(comparison, wanted) => self.route.any(bytes, |value| wanted.is_met(*comparison, value)),
            Asked::Match(pattern) => self.route.any(bytes, |value| match value {
                Json::Text(text) => pattern.is_match(text.as_bytes()),
                Json::Number(digits) => pattern.is_match(digits.as_bytes()),
                Json::Bool(true) => pattern.is_match(b"true"),
                Json::Bool(false) => pattern.is_match(b"false"),
                Json::Null => pattern.is_match(b"null"),
                Json::List(_) | Json::Object(_) => false,
            }),
        }
    }

    /// Why nothing was found, if a number was compared only with texts that hold numbers. DynamoDB streams and others write numbers as
    /// texts.
    pub(super) fn hint(&self) -> Option<String> {
        let Asked::Comparison(comparison, wanted) = &self.asked else {
            return None;
        };
        let has_met = |what: &AtomicBool| what.load(Ordering::Relaxed);
        (has_met(&wanted.met.texts) && !has_met(&wanted.met.numbers)).then(|| {
            let (path, how, typed) = (&self.path, comparison.as_str(), &wanted.typed);
            format!(
                "all values at {path} are texts, not numbers; compare with a text: json:{path}{how}\"{typed}\" \
                 (texts compare letter by letter)"
            )
        })
    }
}

impl Wanted {
    /// A JSON value, as typed.
    pub(super) fn new(typed: String, comparison: Comparison) -> Self {
        let value = json_tree::read(typed.as_bytes()).values.pop().map_or(Json::Null, Json::into_owned);
        let needed = if comparison == Comparison::Equal { bytes_needed(&value) } else { None };
        Self { typed, value, needed, met: Arc::default() }
    }

    /// As a field's value is typed: a plain text without quotation marks.
    fn in_short(&self) -> &str {
        let inside = self.typed.strip_prefix('"').and_then(|typed| typed.strip_suffix('"'));
        inside.filter(|inside| scalar::is_plain(inside) && scalar::in_json(inside) == self.typed).unwrap_or(&self.typed)
    }

    fn is_met(&self, comparison: Comparison, value: &Json<'_>) -> bool {
        if let Json::Number(_) = self.value {
            match value {
                Json::Number(_) => self.met.numbers.store(true, Ordering::Relaxed),
                Json::Text(text) if decimal::is_number(text) => self.met.texts.store(true, Ordering::Relaxed),
                Json::Text(_) | Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => {}
            }
        }
        comparison.holds(value, &self.value)
    }
}

/// Whether a content without the value is complete, so that nothing can follow: it is not JSON, or JSON to its end.
/// Where the answer decides that a record is taken, it is read for that; otherwise its brackets are counted, those in texts as well.
fn is_closed(bytes: &[u8], is_exact: bool) -> bool {
    let is_open = |open: u8, close: u8| memchr::memchr_iter(open, bytes).count() > memchr::memchr_iter(close, bytes).count();
    let is_even = !is_open(b'{', b'}') && !is_open(b'[', b']');
    if is_even && !is_exact {
        return true;
    }
    !json_tree::looks_like_json(bytes) || json_tree::is_json(bytes)
}

/// Reads the path that begins here.
fn read_path(source: Source<'_>, at: usize) -> Result<(Range<usize>, Route), InvalidFilter> {
    let line = source.text;
    let path = at..end_of_path(line, at);
    let text = &line[path.clone()];
    if !text.starts_with('$') {
        let run = at..source.end_of_run(at);
        return Err(InvalidFilter::new(run, format!("a JSONPath begins with $; {PATH_EXAMPLE}")));
    }
    route_of(text).map(|route| (path.clone(), route)).map_err(|InvalidPath { wrong, sentence }| {
        let span = match wrong {
            Some(wrong) if at + wrong.start < path.end => at + wrong.start..at + wrong.end,
            Some(_) | None => path,
        };
        InvalidFilter::new(span, sentence)
    })
}

/// What is wrong with a path, and which of its bytes are, where that is known.
pub(super) struct InvalidPath {
    wrong: Option<Range<usize>>,
    pub(super) sentence: String,
}

fn route_of(path: &str) -> Result<Route, InvalidPath> {
    if path.len() > MAX_PATH_BYTES || depth(path) > MAX_PATH_DEPTH {
        let sentence = format!("the JSONPath is too long or nested too deeply; {PATH_EXAMPLE}");
        return Err(InvalidPath { wrong: None, sentence });
    }
    JsonPath::parse(path).map(|parsed| Route::of(path, parsed)).map_err(|error| {
        // The library's numbers are doubles.
        let is_too_large = |number: &Range<usize>| path[number.clone()].parse::<f64>().is_ok_and(f64::is_infinite);
        if let Some(number) = numbers_of_expressions(path).into_iter().find(is_too_large) {
            let sentence = "numbers in brackets go up to 1.8e308; after a path they may be larger, such as json:$.total>1e400";
            return InvalidPath { wrong: Some(number), sentence: sentence.to_owned() };
        }
        let wrong = (0..=error.position().min(path.len())).rev().find(|offset| path.is_char_boundary(*offset)).unwrap_or(0);
        InvalidPath { wrong: Some(wrong..end_of_character(path, wrong)), sentence: path_sentence(error.message()) }
    })
}

/// The library names the grammar rule that failed, which means nothing to users, and often nothing else.
fn path_sentence(message: &str) -> String {
    let reason = message.lines().last().unwrap_or_default();
    let reason = reason.rsplit_once("segment, ").or_else(|| reason.rsplit_once("name, ")).map_or(reason, |(_, reason)| reason);
    if reason == "parser error" {
        return format!(
            "this is not allowed here in a JSONPath; write a name with special characters as ['order-id']; {PATH_EXAMPLE}"
        );
    }
    format!("the JSONPath cannot be read here: {reason}; {PATH_EXAMPLE}")
}

/// Where a path ends: at a blank or a comparison outside brackets.
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

/// A path by its names, as a field is typed: `.status` for `$.status`.
fn short_path(path: &str) -> Option<&str> {
    let field = path.strip_prefix('$')?;
    let is_first = |character: char| character.is_ascii_alphabetic() || character == '_';
    let is_of_name = |character: char| character.is_alphanumeric() || "_.[]".contains(character);
    (field.strip_prefix('.')?.starts_with(is_first) && field.chars().all(is_of_name)).then_some(field)
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

/// Reads a JSON value, and where it ends.
pub(super) fn read_value(source: Source<'_>, at: usize, comparison: Comparison) -> Result<(Wanted, usize), InvalidFilter> {
    let line = source.text;
    let mut values = Deserializer::from_str(&line[at..]).into_iter::<&RawValue>();
    let value = values.next();
    let end = at + values.byte_offset();
    let run = at..source.end_of_run(at.max(end));
    let value = match value {
        Some(Ok(value)) => value.get(),
        Some(Err(_)) => {
            let typed = &line[run.clone()];
            let text = Value::from(typed.trim_matches('\''));
            let sentence = format!("{typed} is not a JSON value; put a text in quotation marks, such as {text}{IN_A_SHELL}");
            return Err(InvalidFilter::new(run, sentence));
        }
        None => return Err(InvalidFilter::new(run, "a JSON value must follow, such as \"paid\", 42, true or null")),
    };
    let end = source.end_of_condition(end);
    if source.end_of_run(end) != end {
        let sentence = match source.is_argument {
            true => "the argument must end after the value, because each condition is an argument of its own",
            false => "a blank must follow the value",
        };
        return Err(InvalidFilter::new(end..run.end, sentence));
    }
    // Blanks that are no spaces would break the line that it is shown in.
    let typed = value.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    Ok((Wanted::new(typed, comparison), end))
}

/// What a shell does to a condition.
const IN_A_SHELL: &str = "; a shell removes quotation marks unless the whole condition is in single quotes";

/// Bytes without which a content cannot hold this value, unless it has escapes: a number can be written in many ways, a text in one.
fn bytes_needed(value: &Json<'_>) -> Option<Regex> {
    let text = match value {
        // The replacement character for invalid bytes is not in the content itself.
        Json::Text(text) if !text.contains(char::REPLACEMENT_CHARACTER) => text.as_ref(),
        Json::Bool(true) => "true",
        Json::Bool(false) => "false",
        Json::Null => "null",
        Json::Text(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => return None,
    };
    Regex::new(&regex::escape(text)).ok()
}

impl fmt::Display for JsonTest {
    /// As the condition that reads as the same: in short where it can be.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let short = short_path(&self.path);
        match (&self.asked, short) {
            (Asked::Comparison(comparison, wanted), Some(field)) => {
                let sign = if *comparison == Comparison::Equal { "=" } else { comparison.as_str() };
                write!(formatter, "{field}{sign}{}", wanted.in_short())
            }
            (Asked::Match(pattern), Some(field)) => write!(formatter, "{field}=~{pattern}"),
            (Asked::Presence, _) => write!(formatter, "json:{}", self.path),
            (Asked::Comparison(comparison, wanted), None) => {
                write!(formatter, "json:{}{}{}", self.path, comparison.as_str(), wanted.typed)
            }
            (Asked::Match(pattern), None) => write!(formatter, "json:{}=~{pattern}", self.path),
        }
    }
}
