//! A filter line, read term by term.

use super::json::JsonTest;
use super::mistake::InvalidFilter;
use super::pattern::{Pattern, TextPattern};
use super::values::{KeyPattern, Property, SequenceRange, ShardName, SizeRange};
use super::{Condition, RecordFilter, Test, word};
use crate::domain::time::TimeContext;
use jiff::Timestamp;
use std::ops::Range;

/// The name of a condition, an example of its value, and what it asks in a few words.
pub(super) struct Name {
    pub(super) name: &'static str,
    pub(super) example: &'static str,
    pub(super) about: &'static str,
    pub(super) is_negatable: bool,
}

const fn name(name: &'static str, example: &'static str, about: &'static str) -> Name {
    Name { name, example, about, is_negatable: true }
}

/// Every condition that has a name.
pub(super) const NAMES: [Name; 10] = [
    name("key", "cust-42", "this partition key, or with cust-* those that begin so"),
    Name { is_negatable: false, ..name("after", "1h", "arrived at this time or later") },
    Name { is_negatable: false, ..name("before", "2026-11-20T10:00Z", "arrived before this time") },
    name("json", "$.status==\"paid\"", "a value of its JSON, by JSONPath"),
    name("text", "timeout", "a text in its payload, in any case"),
    name("shard", "3", "came through this shard"),
    name("seq", "4963", "this sequence number, or a range such as 4963..4970"),
    name("size", ">10k", "bytes of its payload"),
    name("is", "expired", "a property, such as expired or damaged"),
    name("userkey", "cust-42", "this partition key, also within aggregated records"),
];

/// What people type for these names elsewhere.
const SYNONYMS: [(&str, &str); 8] = [
    ("partitionkey", "key"),
    ("since", "after"),
    ("from", "after"),
    ("until", "before"),
    ("to", "before"),
    ("sequence", "seq"),
    ("contains", "text"),
    ("user", "userkey"),
];

/// A condition as it stands in the line.
struct Term<'l> {
    line: &'l str,
    name: &'static Name,
    /// The minus before it, if there is one, and all up to the value.
    head: Range<usize>,
    value: usize,
    is_negated: bool,
}

#[derive(Default)]
struct Reader {
    filter: RecordFilter,
}

pub(super) fn parse(line: &str, times: &TimeContext) -> Result<RecordFilter, InvalidFilter> {
    let mut reader = Reader::default();
    let mut at = 0;
    while let Some(length) = line[at..].find(|character: char| !character.is_whitespace()) {
        at = reader.read_term(line, at + length, times)?;
    }
    Ok(reader.filter)
}

/// The name that a term begins with, if it begins as a named one does, and where its value begins.
pub(super) fn name_at(line: &str, at: usize) -> Option<(&str, usize)> {
    let rest = &line[at..];
    let length = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
    (length > 0 && rest[length..].starts_with(':')).then(|| (&rest[..length], at + length + 1))
}

impl Reader {
    /// Reads the term that begins here, and says where it ends.
    fn read_term(&mut self, line: &str, start: usize, times: &TimeContext) -> Result<usize, InvalidFilter> {
        let is_negated = line[start..].starts_with('-');
        let at = start + usize::from(is_negated);
        if word::end_of_run(line, at) == at {
            let sentence = "a minus turns the condition right behind it round, such as -is:expired; there is none";
            return Err(InvalidFilter::new(start..at, sentence));
        }
        if line[at..].starts_with('/') {
            let (pattern, end) = Pattern::read(line, at)?;
            self.push(is_negated, Test::Regex(pattern));
            return Ok(end);
        }
        let Some((typed, value)) = name_at(line, at) else {
            let (text, end) = read_text(line, at)?;
            self.push(is_negated, Test::Text(text));
            return Ok(end);
        };
        let Some(name) = NAMES.iter().find(|name| name.name == typed) else {
            let span = at..value;
            return Err(InvalidFilter::new(span, unknown(typed, &line[at..word::end_of_run(line, at)])));
        };
        if word::end_of_run(line, value) == value {
            let sentence = format!("{typed}: has no value; use for example {typed}:{}", name.example);
            return Err(InvalidFilter::new(at..value, sentence));
        }
        self.read_named(&Term { line, name, head: start..value, value, is_negated }, times)
    }

    fn read_named(&mut self, term: &Term<'_>, times: &TimeContext) -> Result<usize, InvalidFilter> {
        if term.name.name == "json" {
            let (json, end) = JsonTest::read(term.line, term.value)?;
            self.push(term.is_negated, Test::Json(json));
            return Ok(end);
        }
        if term.name.name == "text" {
            let (text, end) = read_text(term.line, term.value)?;
            self.push(term.is_negated, Test::Text(text));
            return Ok(end);
        }
        let word = word::read(term.line, term.value)?;
        let (span, end) = (term.value..word.end, word.end);
        if word.text.is_empty() {
            return Err(InvalidFilter::new(span, format!("the value is empty; use for example {}", term.name.example)));
        }
        match term.name.name {
            "key" if !term.is_negated => {
                self.once(self.filter.key.is_some(), term, end)?;
                self.filter.key = Some(KeyPattern::parse(word, span)?);
            }
            "after" => self.filter.after = Some(self.time(self.filter.after, term, &word.text, span, times)?),
            "before" => self.filter.before = Some(self.time(self.filter.before, term, &word.text, span, times)?),
            name => {
                let test = match name {
                    "key" => Test::Key(KeyPattern::parse(word, span)?),
                    "userkey" => Test::UserKey(KeyPattern::parse(word, span)?),
                    "shard" => Test::Shard(ShardName::parse(&word.text, span)?),
                    "seq" => Test::Sequence(SequenceRange::parse(&word.text, span)?),
                    "size" => Test::Size(SizeRange::parse(&word.text, span)?),
                    _ => Test::Is(Property::parse(&word.text, span)?),
                };
                self.push(term.is_negated, test);
            }
        }
        // Whichever of the two times comes last is the one that leaves no room.
        self.filter.check_range().map_err(|error| InvalidFilter::new(term.head.start..end, error.to_string()))?;
        Ok(end)
    }

    fn time(
        &self,
        known: Option<Timestamp>,
        term: &Term<'_>,
        text: &str,
        span: Range<usize>,
        times: &TimeContext,
    ) -> Result<Timestamp, InvalidFilter> {
        if term.is_negated {
            let (name, other) = if term.name.name == "after" { ("after", "before") } else { ("before", "after") };
            let value = &term.line[span.clone()];
            let sentence = format!("{name}: cannot be turned round by a minus; write {other}:{value}");
            return Err(InvalidFilter::new(term.head.start..span.end, sentence));
        }
        self.once(known.is_some(), term, span.end)?;
        times.parse(text).map_err(|error| InvalidFilter::new(span, error.to_string()))
    }

    fn once(&self, is_there: bool, term: &Term<'_>, end: usize) -> Result<(), InvalidFilter> {
        if is_there {
            let sentence = format!("{}: stands there twice; one is enough", term.name.name);
            return Err(InvalidFilter::new(term.head.start..end, sentence));
        }
        Ok(())
    }

    fn push(&mut self, is_negated: bool, test: Test) {
        self.filter.conditions.push(Condition { is_negated, test });
    }
}

fn read_text(line: &str, at: usize) -> Result<(TextPattern, usize), InvalidFilter> {
    let word = word::read(line, at)?;
    let span = at..word.end;
    if word.text.is_empty() {
        return Err(InvalidFilter::new(span, "the text is empty; use for example text:timeout"));
    }
    let text = TextPattern::new(word.text).map_err(|_| InvalidFilter::new(span, "the text is too long to be looked for"))?;
    Ok((text, word.end))
}

/// The sentence about a name that is none.
fn unknown(typed: &str, term: &str) -> String {
    /// Letters that a slip of the fingers gets wrong.
    const SLIPS: usize = 2;
    let typed = typed.to_ascii_lowercase();
    let synonym = SYNONYMS.into_iter().find(|(word, _)| *word == typed).map(|(_, name)| name);
    let nearest = || {
        let by_distance = NAMES.iter().map(|name| (distance(&typed, name.name), name.name)).min();
        by_distance.filter(|(distance, name)| *distance <= SLIPS && *distance < name.len()).map(|(_, name)| name)
    };
    match synonym.or_else(nearest) {
        Some(name) => format!("\"{typed}:\" is not a condition; did you mean {name}:?"),
        None => {
            let names: Vec<String> = NAMES.iter().map(|name| format!("{}:", name.name)).collect();
            let as_text = word::quoted(term);
            format!("\"{typed}:\" is not a condition; use {}, or text:{as_text} to look for that text", names.join(" "))
        }
    }
}

/// Letters to change, add or take away, to make one word of the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.bytes().enumerate() {
        let mut diagonal = row.first().copied().unwrap_or(0);
        let mut left = line + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(to.bytes()) {
            let changed = diagonal + usize::from(letter != other);
            diagonal = *cell;
            left = changed.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}
