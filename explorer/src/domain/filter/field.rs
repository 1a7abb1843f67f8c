//! Conditions on fields of JSON as people type them: `.status=failed`, `total > 100`, `status:paid`. Each means what `json:` with the
//! whole path means.

use super::json::{JsonTest, Wanted, end_of_path, read_value, skip_blanks};
use super::json_value::Comparison;
use super::mistake::InvalidFilter;
use super::names::{NAMES, name_at, nearest};
use super::pattern::Pattern;
use super::scalar;
use super::word::{self, Source};
use std::ops::Range;

/// A field that is compared with something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldComparison {
    /// Its path as typed.
    pub(super) path: Range<usize>,
    /// Where the sign of the comparison begins.
    pub(super) sign: usize,
    /// Where its value begins.
    pub(super) value: usize,
}

/// What a sign asks.
enum Sign {
    Comparison(Comparison),
    Match,
}

/// The field that is compared here. A path with `.` or `$` before it may have blanks behind it; a mere word only where a sign stands
/// between blanks, so that texts to search for remain what they are.
pub(super) fn field_at(line: &str, at: usize) -> Option<FieldComparison> {
    let rest = &line[at..];
    let path = at..end_of_path(line, at);
    if is_path(rest) {
        let sign = colon(line, &path).unwrap_or_else(|| skip_blanks(line, path.end));
        let path = path.start..path.end.min(sign);
        let length = if line[sign..].starts_with(':') { 1 } else { sign_at(&line[sign..])?.1 };
        return Some(FieldComparison { path, sign, value: skip_blanks(line, sign + length) });
    }
    let is_of_name = |character: char| character.is_alphanumeric() || "_.-".contains(character);
    let name = &line[path.clone()];
    let (outside, last) = match (name.split_once('['), name.rsplit_once(']')) {
        (Some((outside, _)), Some((_, last))) => (outside, last),
        (None, None) => (name, ""),
        (Some(_), None) | (None, Some(_)) => return None,
    };
    let is_name = name.starts_with(|character: char| character.is_alphabetic() || character == '_')
        && outside.chars().chain(last.chars()).all(is_of_name)
        && !name.ends_with(['-', '.']);
    let sign = skip_blanks(line, path.end);
    let (_, length) = sign_at(&line[sign..]).filter(|_| is_name)?;
    let stands_alone = || line[sign + length..].starts_with(char::is_whitespace) && !line[sign + length..].trim().is_empty();
    (sign == path.end || stands_alone()).then(|| FieldComparison { path, sign, value: skip_blanks(line, sign + length) })
}

/// Whether this begins as a path does: `.name`, `.[`, `$.` or `$[`.
fn is_path(text: &str) -> bool {
    let is_first = |character: char| character.is_alphabetic() || character == '_' || character == '[';
    text.strip_prefix('.').is_some_and(|name| name.starts_with(is_first)) || text.starts_with("$.") || text.starts_with("$[")
}

/// A colon outside brackets.
fn colon(line: &str, path: &Range<usize>) -> Option<usize> {
    let mut depth = 0_usize;
    line[path.clone()].char_indices().find_map(|(offset, character)| {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        (character == ':' && depth == 0).then_some(path.start + offset)
    })
}

/// The sign that a text begins with, and its length.
fn sign_at(text: &str) -> Option<(Sign, usize)> {
    if text.starts_with("=~") {
        return Some((Sign::Match, 2));
    }
    let comparison = Comparison::read(text).or_else(|| text.starts_with('=').then_some((Comparison::Equal, 1)));
    comparison.map(|(comparison, length)| (Sign::Comparison(comparison), length))
}

/// Reads the comparison, and where it ends. Where fields are known, a mere word must be one of them.
///
/// # Errors
/// Points at what is wrong, and says what could stand there.
pub(super) fn read(source: Source<'_>, field: &FieldComparison, known: &[String]) -> Result<(JsonTest, usize), InvalidFilter> {
    let line = source.text;
    let sign = sign_at(&line[field.sign..]).map_or(Sign::Comparison(Comparison::Equal), |(sign, _)| sign);
    let typed = &line[field.path.clone()];
    let path = json_path(typed);
    let invalid = |sentence: String| InvalidFilter::new(field.path.clone(), sentence);
    let start = field.value;
    check_sign(line, field, start, typed)?;
    check_known(source, field, known)?;
    match sign {
        Sign::Match => {
            if !line[start..].starts_with('/') {
                let sentence = format!("=~ needs a regular expression between slashes, such as {typed}=~/^pa/");
                return Err(InvalidFilter::new(field.sign..source.end_of_run(start), sentence));
            }
            let (pattern, end) = Pattern::read(source, start)?;
            JsonTest::matching(path, pattern).map(|test| (test, end)).map_err(|error| invalid(error.sentence))
        }
        Sign::Comparison(comparison) => {
            let (wanted, end) = read_wanted(source, start, comparison, typed)?;
            JsonTest::comparing(path, comparison, wanted).map(|test| (test, end)).map_err(|error| invalid(error.sentence))
        }
    }
}

fn check_sign(line: &str, field: &FieldComparison, value: usize, typed: &str) -> Result<(), InvalidFilter> {
    let sign = &line[field.sign..];
    if sign.starts_with("=>") || sign.starts_with("=<") {
        let sentence = "that is not a comparison; use =, ==, !=, <, <=, >, >= or =~";
        return Err(InvalidFilter::new(field.sign..field.sign + 2, sentence));
    }
    let is_far = line[..value].ends_with(char::is_whitespace);
    let is_other = is_far && name_at(line, value).is_some_and(|(name, _)| NAMES.iter().any(|known| known.name == name));
    if value == line.len() || is_other {
        let as_text = word::quoted(line[field.path.start..value].trim_end());
        let sentence = format!(
            "{typed} is compared with nothing; write for example {}=paid, or {}=\"\" for an empty text; text:{as_text} searches for that text",
            dotted(typed),
            dotted(typed)
        );
        return Err(InvalidFilter::new(field.path.start..line[..value].trim_end().len(), sentence));
    }
    Ok(())
}

/// A word that is no field of the records that are seen is likely a slip, which would cost a search.
fn check_known(source: Source<'_>, field: &FieldComparison, known: &[String]) -> Result<(), InvalidFilter> {
    let typed = &source.text[field.path.clone()];
    let is_in =
        |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
    if is_path(typed) || known.is_empty() || known.iter().any(|known| is_in(known, typed) || is_in(typed, known)) {
        return Ok(());
    }
    let term = &source.text[field.path.start..source.end_of_run(field.sign)];
    let meant = nearest(typed, known.iter().map(String::as_str)).map(|name| format!("; did you mean {name}?")).unwrap_or_default();
    let point = if meant.is_empty() { "; " } else { " " };
    let sentence = format!(
        "no record here has the field {typed}{meant}{point}{} asks for it all the same, text:{} searches for that text",
        dotted(typed),
        word::quoted(term)
    );
    Err(InvalidFilter::new(field.path.clone(), sentence))
}

/// A field as it is typed for sure.
fn dotted(typed: &str) -> String {
    if is_path(typed) { typed.to_owned() } else { format!(".{typed}") }
}

/// Reads the value: JSON where it begins like a text, a list or an object, a text between single quotation marks, else up to the end of
/// the word.
fn read_wanted(source: Source<'_>, at: usize, comparison: Comparison, typed: &str) -> Result<(Wanted, usize), InvalidFilter> {
    let line = source.text;
    let wanted = |json: String| Wanted::new(json, comparison);
    if line[at..].starts_with(['"', '[', '{']) {
        return read_value(source, at, comparison);
    }
    if let Some(inside) = line[at..].strip_prefix('\'') {
        let Some((text, _)) = inside.split_once('\'') else {
            return Err(InvalidFilter::new(at..line.len(), "the quotation mark is not closed"));
        };
        let end = source.end_of_condition(at + text.len() + 2);
        let rest = end..source.end_of_run(end);
        return match rest.is_empty() {
            true => Ok((wanted(scalar::in_json(text)), end)),
            false => Err(InvalidFilter::new(rest, "a blank must follow the closing quotation mark")),
        };
    }
    let end = source.end_of_run(at);
    let text = line[at..end].trim_end();
    let span = at..at + text.len();
    let in_json = scalar::in_json(text);
    if let Some(beginning) = text.strip_suffix('*') {
        let field = dotted(typed);
        let sentence = format!(
            "a star has no meaning here; {field}=~/^{}/ finds what begins so, {field}={in_json} the star itself",
            regex::escape(beginning).replace('/', "\\/")
        );
        return Err(InvalidFilter::new(span, sentence));
    }
    if text.starts_with(['=', '<', '>', '!', '~']) || text.ends_with('>') {
        let sentence =
            format!("that reads like another comparison; write {in_json} to compare with it, or text: to search for a text");
        return Err(InvalidFilter::new(span, sentence));
    }
    Ok((wanted(scalar::bare_in_json(text)), end))
}

/// The JSONPath of a field: `$.customer["order-id"]` for `customer.order-id`.
fn json_path(typed: &str) -> String {
    let mut path = "$".to_owned();
    let mut rest = typed.strip_prefix('$').unwrap_or(typed);
    if !rest.starts_with(['.', '[']) {
        rest = push_name(&mut path, rest);
    }
    while !rest.is_empty() {
        match rest.strip_prefix('.') {
            Some(name) if name.starts_with('[') && path == "$" => rest = name,
            Some(name) => rest = push_name(&mut path, name),
            None => {
                // What is between brackets ends where a path behind them would.
                let end = end_of_brackets(rest);
                path.push_str(&rest[..end]);
                rest = &rest[end..];
            }
        }
    }
    path
}

/// Adds the name that a text begins with, and returns what follows it.
fn push_name<'t>(path: &mut String, text: &'t str) -> &'t str {
    let (name, rest) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii();
    let is_plain = name.chars().all(is_of_name) && !name.starts_with(|character: char| character.is_ascii_digit());
    if is_plain || name == "*" {
        path.extend([".", name]);
    } else {
        path.extend(["[", &scalar::in_json(name), "]"]);
    }
    rest
}

fn end_of_brackets(text: &str) -> usize {
    let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
    for (offset, character) in text.char_indices() {
        match (quote, character) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), '\\') => is_escaped = true,
            (Some(open), _) => quote = quote.filter(|_| character != open),
            (None, '"' | '\'') => quote = Some(character),
            (None, '[') => depth += 1,
            (None, ']') if depth <= 1 => return offset + 1,
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    text.len()
}
