//! Reads a filter term by term, from a line or from arguments of the shell. Each argument is one term.

use super::json::JsonTest;
use super::mistake::{InvalidArgument, InvalidFilter};
use super::pattern::{Pattern, TextPattern};
use super::values::{KeyPattern, Property, SequenceRange, ShardName, SizeRange};
use super::word::{self, Source, Word};
use super::{Condition, RecordFilter, Test};
use crate::domain::time::{TimeContext, TypedTime};
use std::ops::Range;

/// The conditions that have a name.
#[derive(Clone, Copy)]
pub(super) enum NamedCondition {
    Key,
    After,
    Before,
    Json,
    Text,
    Shard,
    Sequence,
    Size,
    Is,
    UserKey,
}

/// The name of a condition, an example of its value, and what it asks in a few words.
pub(super) struct Name {
    condition: NamedCondition,
    pub(super) name: &'static str,
    pub(super) example: &'static str,
    pub(super) about: &'static str,
    pub(super) is_negatable: bool,
}

const fn name(condition: NamedCondition, name: &'static str, example: &'static str, about: &'static str) -> Name {
    Name { condition, name, example, about, is_negatable: true }
}

/// Every condition that has a name.
pub(super) const NAMES: [Name; 10] = [
    name(NamedCondition::Key, "key", "cust-42", "this partition key; cust-* matches all that begin like this"),
    Name { is_negatable: false, ..name(NamedCondition::After, "after", "1h", "arrived at this time or later") },
    Name { is_negatable: false, ..name(NamedCondition::Before, "before", "2026-11-20T10:00Z", "arrived before this time") },
    name(NamedCondition::Json, "json", "$.status==\"paid\"", "a value of its JSON, by JSONPath"),
    name(NamedCondition::Text, "text", "timeout", "a text in its payload, in upper or lower case"),
    name(NamedCondition::Shard, "shard", "3", "came through this shard"),
    name(NamedCondition::Sequence, "seq", "4963", "this sequence number, or a range such as 4963..4970"),
    name(NamedCondition::Size, "size", ">10k", "bytes of its payload"),
    name(NamedCondition::Is, "is", "expired", "a property, such as expired or damaged"),
    name(NamedCondition::UserKey, "userkey", "cust-42", "this partition key, also within aggregated records"),
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

/// A condition as it is written in the line.
struct Term<'l> {
    source: Source<'l>,
    name: &'static Name,
    /// The minus before it, if there is one, and all up to the value.
    head: Range<usize>,
    value: usize,
    is_negated: bool,
}

impl Term<'_> {
    /// The place of its value, which must not be empty.
    fn span_of(&self, word: &Word) -> Result<Range<usize>, InvalidFilter> {
        let span = self.value..word.end;
        if word.text.is_empty() || word.text.trim().is_empty() && !word.is_quoted {
            return Err(InvalidFilter::new(span, format!("the value is empty; use for example {}", self.name.example)));
        }
        Ok(span)
    }
}

struct Reader<'t> {
    filter: RecordFilter,
    times: &'t TimeContext,
}

pub(super) fn parse(line: &str, times: &TimeContext) -> Result<RecordFilter, InvalidFilter> {
    let mut reader = Reader { filter: RecordFilter::default(), times };
    let mut at = 0;
    while let Some(length) = line[at..].find(|character: char| !character.is_whitespace()) {
        at = reader.read_term(Source::line(line), at + length)?;
    }
    Ok(reader.filter)
}

pub(super) fn parse_arguments<'a>(
    arguments: impl IntoIterator<Item = &'a str>,
    times: &TimeContext,
) -> Result<RecordFilter, InvalidArgument> {
    let mut reader = Reader { filter: RecordFilter::default(), times };
    for (place, argument) in arguments.into_iter().enumerate() {
        reader.read_argument(argument).map_err(|mistake| InvalidArgument { place, mistake })?;
    }
    Ok(reader.filter)
}

/// The name that a term begins with, if it begins as a named one does, and where its value begins.
pub(super) fn name_at(line: &str, at: usize) -> Option<(&str, usize)> {
    let rest = &line[at..];
    let length = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
    (length > 0 && rest[length..].starts_with(':')).then(|| (&rest[..length], at + length + 1))
}

/// A condition that seems to begin within a value: its bytes.
fn further_condition(value: &str) -> Option<Range<usize>> {
    let is_of_line = |typed: &str| {
        let names = NAMES.iter().map(|name| name.name).chain(SYNONYMS.into_iter().map(|(synonym, _)| synonym));
        names.into_iter().any(|name| name == typed)
    };
    let mut at = 0;
    while let Some(length) = value[at..].find(char::is_whitespace) {
        at += length;
        at += value[at..].find(|character: char| !character.is_whitespace())?;
        let name = at + usize::from(value[at..].starts_with('-'));
        let end = word::end_of_run(value, at);
        if name_at(value, name).is_some_and(|(typed, begin)| begin < end && is_of_line(typed)) {
            return Some(at..end);
        }
    }
    None
}

impl Reader<'_> {
    /// Reads one argument, which is one condition.
    fn read_argument(&mut self, argument: &str) -> Result<(), InvalidFilter> {
        let source = Source::argument(argument);
        let Some(start) = argument.find(|character: char| !character.is_whitespace()) else {
            return Err(InvalidFilter::new(0..argument.len(), "this condition is empty; leave it out"));
        };
        let at = start + usize::from(argument[start..].starts_with('-'));
        let named = name_at(argument, at);
        // All of a bare text is meant, also the blanks before it.
        let is_bare = named.is_none() && at == start && !argument[at..].starts_with(['/', '"']);
        let start = if is_bare { 0 } else { start };
        let (is_json, value) = named.map_or((false, at), |(name, value)| (name == "json", value));
        let is_quoted = argument[value..].starts_with('"');
        // A regular expression and a JSON condition have an end of their own, and nothing may follow it.
        let has_end = is_quoted || is_json || argument[value..].starts_with('/');
        if !has_end && let Some(further) = further_condition(&argument[value..]) {
            let (further_text, head) = (&argument[value..][further.clone()], &argument[..value]);
            let sentence = format!(
                "an argument is one condition, but \"{further_text}\" looks like another: make it an argument of its own; if it is part of \
                 the value, write '{head}{}'",
                word::in_quotes(&argument[value..])
            );
            return Err(InvalidFilter::new(value + further.start..value + further.end, sentence));
        }
        // A reader of one condition stops at nothing but the argument's end.
        self.read_term(source, start).map(|_| ())
    }

    /// Reads the term that begins here, and says where it ends.
    fn read_term(&mut self, source: Source<'_>, start: usize) -> Result<usize, InvalidFilter> {
        let line = source.text;
        let is_negated = line[start..].starts_with('-');
        let at = start + usize::from(is_negated);
        if line[at..].trim_start().len() < line[at..].len() && is_negated || line.len() == at {
            let sentence = "a minus negates the condition right after it, such as -is:expired; there is none";
            return Err(InvalidFilter::new(start..at, sentence));
        }
        if line[at..].starts_with('/') {
            let (pattern, end) = Pattern::read(source, at)?;
            self.push(is_negated, Test::Regex(pattern));
            return Ok(end);
        }
        let Some((typed, value)) = name_at(line, at) else {
            let (text, end) = read_text(source, at)?;
            self.push(is_negated, Test::Text(text));
            return Ok(end);
        };
        let Some(name) = NAMES.iter().find(|name| name.name == typed) else {
            let span = at..value;
            return Err(InvalidFilter::new(span, unknown(typed, &line[at..source.end_of_run(at)])));
        };
        if source.end_of_run(value) == value {
            let sentence = format!("{typed}: has no value; use for example {typed}:{}", name.example);
            return Err(InvalidFilter::new(at..value, sentence));
        }
        self.read_named(&Term { source, name, head: start..value, value, is_negated })
    }

    fn read_named(&mut self, term: &Term<'_>) -> Result<usize, InvalidFilter> {
        let word = |read: fn(&Word, Range<usize>) -> Result<Test, InvalidFilter>| {
            let word = term.source.read(term.value)?;
            let span = term.span_of(&word)?;
            Ok((read(&word, span)?, word.end))
        };
        let (test, end) = match term.name.condition {
            NamedCondition::After | NamedCondition::Before => return self.read_range(term),
            NamedCondition::Key if !term.is_negated => return self.read_key(term),
            NamedCondition::Json => {
                let (json, end) = JsonTest::read(term.source, term.value)?;
                (Test::Json(json), end)
            }
            NamedCondition::Text => {
                let (text, end) = read_text(term.source, term.value)?;
                (Test::Text(text), end)
            }
            NamedCondition::Key => word(|word, span| KeyPattern::parse(word, span).map(Test::Key))?,
            NamedCondition::UserKey => word(|word, span| KeyPattern::parse(word, span).map(Test::UserKey))?,
            NamedCondition::Shard => word(|word, span| ShardName::parse(word.text.trim(), span).map(Test::Shard))?,
            NamedCondition::Sequence => word(|word, span| SequenceRange::parse(word.text.trim(), span).map(Test::Sequence))?,
            NamedCondition::Size => word(|word, span| SizeRange::parse(word.text.trim(), span).map(Test::Size))?,
            NamedCondition::Is => word(|word, span| Property::parse(word.text.trim(), span).map(Test::Is))?,
        };
        self.push(term.is_negated, test);
        Ok(end)
    }

    /// The partition key that must hold, of which there is one.
    fn read_key(&mut self, term: &Term<'_>) -> Result<usize, InvalidFilter> {
        let word = term.source.read(term.value)?;
        let span = term.span_of(&word)?;
        self.once(self.filter.key.is_some(), term, word.end)?;
        self.filter.key = Some(KeyPattern::parse(&word, span)?);
        Ok(word.end)
    }

    /// One of the two times between which records arrived.
    fn read_range(&mut self, term: &Term<'_>) -> Result<usize, InvalidFilter> {
        let word = self.read_time_word(term)?;
        let (span, end) = (term.span_of(&word)?, word.end);
        let value = word.text.trim();
        if matches!(term.name.condition, NamedCondition::After) {
            self.filter.after = Some(self.time(self.filter.after.is_some(), term, value, span)?);
        } else {
            self.filter.before = Some(self.time(self.filter.before.is_some(), term, value, span)?);
        }
        // Whichever of the two times comes last is the one that leaves no room.
        let range = self.filter.check_range(self.times.now);
        range.map_err(|error| InvalidFilter::new(term.head.start..end, error.to_string()))?;
        Ok(end)
    }

    /// The word of a time, and in a line the words behind it that belong to it: `2026-11-20 10:00`, `2 hours ago`.
    fn read_time_word(&self, term: &Term<'_>) -> Result<Word, InvalidFilter> {
        /// Words of a time besides its first.
        const MOST: usize = 2;
        let word = term.source.read(term.value)?;
        if word.is_quoted || term.source.is_argument {
            return Ok(word);
        }
        let line = term.source.text;
        let ends = std::iter::successors(Some(word.end), |end| {
            let next = line[*end..].find(|character: char| !character.is_whitespace()).map(|length| end + length)?;
            Some(word::end_of_run(line, next))
        });
        let ends: Vec<usize> = ends.skip(1).take(MOST).collect();
        let is_time = |end: &&usize| self.times.parse_typed(&line[term.value..**end]).is_ok();
        match ends.iter().rev().find(is_time) {
            Some(end) => Ok(Word { text: line[term.value..*end].to_owned(), end: *end, ..word }),
            None => Ok(word),
        }
    }

    fn time(&self, is_known: bool, term: &Term<'_>, text: &str, span: Range<usize>) -> Result<TypedTime, InvalidFilter> {
        if term.is_negated {
            let (name, other) = if term.name.name == "after" { ("after", "before") } else { ("before", "after") };
            let value = &term.source.text[span.clone()];
            let sentence = format!("{name}: cannot be negated; write {other}:{value}");
            return Err(InvalidFilter::new(term.head.start..span.end, sentence));
        }
        self.once(is_known, term, span.end)?;
        self.times.parse_typed(text).map_err(|error| InvalidFilter::new(span, error.to_string()))
    }

    fn once(&self, is_there: bool, term: &Term<'_>, end: usize) -> Result<(), InvalidFilter> {
        if is_there {
            let sentence = format!("{}: is given twice; one is enough", term.name.name);
            return Err(InvalidFilter::new(term.head.start..end, sentence));
        }
        Ok(())
    }

    fn push(&mut self, is_negated: bool, test: Test) {
        self.filter.conditions.push(Condition { is_negated, test });
    }
}

fn read_text(source: Source<'_>, at: usize) -> Result<(TextPattern, usize), InvalidFilter> {
    let word = source.read(at)?;
    let span = at..word.end;
    // A star means nothing in a text.
    let text = if word.star.is_some() { format!("{}*", word.text) } else { word.text };
    if text.is_empty() {
        return Err(InvalidFilter::new(span, "the text is empty; use for example text:timeout"));
    }
    let text = TextPattern::new(text).map_err(|_| InvalidFilter::new(span, "the text is too long to search for"))?;
    Ok((text, word.end))
}

/// The sentence about an unknown name.
fn unknown(typed: &str, term: &str) -> String {
    /// The most letters that count as a typo.
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
            format!("\"{typed}:\" is not a condition; use {}, or text:{as_text} to search for that text", names.join(" "))
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
