//! Reads a filter term by term, from a line or from arguments of the shell. Each argument is one term.

use super::field::{self, FieldComparison, field_at};
use super::json::JsonTest;
use super::mistake::{InvalidArgument, InvalidFilter};
use super::names::{NAMES, Name, NamedCondition, further_condition, meant, name_at};
use super::pattern::{Pattern, TextPattern};
use super::values::{KeyPattern, Property, SequenceRange, ShardName, SizeRange};
use super::word::{self, Source, Word};
use super::{Condition, RecordFilter, Test};
use crate::domain::time::{TimeContext, TypedTime};
use std::ops::Range;

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

struct FilterReader<'t> {
    filter: RecordFilter,
    times: &'t TimeContext,
    /// Fields of the records that are seen; empty where that is not known.
    fields: &'t [String],
}

pub(super) fn parse(line: &str, times: &TimeContext, fields: &[String]) -> Result<RecordFilter, InvalidFilter> {
    let mut reader = FilterReader { filter: RecordFilter::default(), times, fields };
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
    let mut reader = FilterReader { filter: RecordFilter::default(), times, fields: &[] };
    for (place, argument) in arguments.into_iter().enumerate() {
        reader.read_argument(argument).map_err(|mistake| InvalidArgument { place, mistake })?;
    }
    Ok(reader.filter)
}

impl FilterReader<'_> {
    /// Reads one argument, which is one condition.
    fn read_argument(&mut self, argument: &str) -> Result<(), InvalidFilter> {
        let source = Source::argument(argument);
        let Some(start) = argument.find(|character: char| !character.is_whitespace()) else {
            return Err(InvalidFilter::new(0..argument.len(), "this condition is empty; leave it out"));
        };
        let at = start + usize::from(argument[start..].starts_with('-'));
        let named = name_at(argument, at);
        // All of a bare text is meant, also the blanks before it.
        let compared = field_at(argument, at);
        let is_bare = named.is_none() && compared.is_none() && at == start && !argument[at..].starts_with(['/', '"']);
        let start = if is_bare { 0 } else { start };
        let (is_json, value) = named.map_or((false, at), |(name, value)| (name == "json", value));
        let is_quoted = match &compared {
            Some(field) => argument[field.value..].starts_with(['"', '\'', '[', '{']),
            None => argument[value..].starts_with('"'),
        };
        let value = compared.map_or(value, |field| field.value);
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
        if let Some(field) = field_at(line, at) {
            return self.read_field(source, &field, is_negated);
        }
        let Some((typed, value)) = name_at(line, at) else {
            check_has_field(source, at)?;
            let (text, end) = read_text(source, at)?;
            self.push(is_negated, Test::Text(text));
            return Ok(end);
        };
        let Some(name) = NAMES.iter().find(|name| name.name == typed) else {
            let term = &line[at..source.end_of_run(at)];
            if let Some(sentence) = mistaken(typed, term) {
                return Err(InvalidFilter::new(at..value, sentence));
            }
            return self.read_field(source, &FieldComparison { path: at..value - 1, sign: value - 1, value }, is_negated);
        };
        if source.end_of_run(value) == value {
            let sentence = format!("{typed}: has no value; use for example {typed}:{}", name.example);
            return Err(InvalidFilter::new(at..value, sentence));
        }
        self.read_named(&Term { source, name, head: start..value, value, is_negated })
    }

    fn read_field(&mut self, source: Source<'_>, field: &FieldComparison, is_negated: bool) -> Result<usize, InvalidFilter> {
        let (json, end) = field::read(source, field, self.fields)?;
        self.push(is_negated, Test::Json(json));
        Ok(end)
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

/// A comparison needs a field.
fn check_has_field(source: Source<'_>, at: usize) -> Result<(), InvalidFilter> {
    let term = &source.text[at..source.end_of_run(at)];
    if !term.starts_with('=') {
        return Ok(());
    }
    let value = Some(term.trim_start_matches(['=', '~'])).filter(|value| !value.is_empty()).unwrap_or("paid");
    let sentence =
        format!("a field must stand before =, such as .status={value}; text:{} searches for that text", word::quoted(term));
    Err(InvalidFilter::new(at..at + term.len(), sentence))
}

/// The sentence about a name before a colon that is no condition, unless it is a field and a value.
fn mistaken(typed: &str, term: &str) -> Option<String> {
    let value = &term[typed.len() + 1..];
    if let Some(name) = meant(typed) {
        let field = if value.is_empty() { String::new() } else { format!(" The field is .{typed}={value}") };
        return Some(format!("\"{typed}:\" is not a condition; did you mean {name}:?{field}"));
    }
    if !value.is_empty() && !value.starts_with("//") {
        return None;
    }
    let names: Vec<String> = NAMES.iter().map(|name| format!("{}:", name.name)).collect();
    let as_text = word::quoted(term);
    Some(format!(
        "\"{typed}:\" is not a condition; use {}, .{typed}=… for a field, or text:{as_text} to search for that text",
        names.join(" ")
    ))
}
