//! Filters for records: the filter line of the records screen and the options of the command line. A filter is a list of conditions that
//! must all hold. `parse` reads a line, and `matcher` applies it to records. There are three answers, because a record that cannot be
//! read neither matches nor fails to match. The caller of DynamoDB works out which conditions DynamoDB can decide.

mod answer;
mod complete;
mod decimal;
mod field;
mod history;
mod json;
mod json_path;
mod json_tree;
mod json_value;
mod matcher;
mod mistake;
mod names;
mod parse;
mod pattern;
mod scalar;
#[cfg(test)]
mod tests;
mod values;
mod word;

pub use answer::Answer;
pub use complete::{Completion, Known, SeenField, complete, json_paths, typed_text};
pub use history::History;
pub use matcher::Matcher;
pub use mistake::{EmptyRange, InvalidArgument, InvalidFilter};
pub use values::SequenceRange;

pub(crate) use values::{KeyPattern, Property};

use super::time::{TimeContext, TypedTime};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use json::JsonTest;
use pattern::{Pattern, TextPattern};
use std::fmt;
use values::{ShardName, SizeRange};

/// What a record must be to be shown or replayed. Empty is everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordFilter {
    key: Option<KeyPattern>,
    after: Option<TypedTime>,
    before: Option<TypedTime>,
    conditions: Vec<Condition>,
}

/// One condition besides key and time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    /// Whether the test must fail.
    pub(crate) is_negated: bool,
    /// What is asked.
    pub(crate) test: Test,
}

/// What a condition asks of a record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    /// Its partition key; only negated, because the one that must hold is a field of its own.
    Key(KeyPattern),
    /// Its partition key, or that of a user record in an aggregated record.
    UserKey(KeyPattern),
    /// The shard it came through.
    Shard(ShardName),
    /// Its sequence number.
    Sequence(SequenceRange),
    /// Bytes of its payload.
    Size(SizeRange),
    Is(Property),
    /// A text in its content.
    Text(TextPattern),
    /// A regular expression that finds something in its content.
    Regex(Pattern),
    /// A value in its content.
    Json(JsonTest),
}

impl RecordFilter {
    /// Reads a filter line such as `key:cust-42 after:1h -is:expired json:$.status=="paid" timeout`.
    ///
    /// # Errors
    /// Says where the mistake is, what is wrong and what could stand there.
    pub fn parse(line: &str, times: &TimeContext) -> Result<Self, InvalidFilter> {
        parse::parse(line, times, &[])
    }

    /// Reads a filter line for records that have these fields, so that a slip in one is found before anything is read.
    ///
    /// # Errors
    /// Says where the mistake is, what is wrong and what could stand there.
    pub fn parse_for(line: &str, times: &TimeContext, fields: &[String]) -> Result<Self, InvalidFilter> {
        parse::parse(line, times, fields)
    }

    /// Reads arguments of the shell; each is one condition with its whole value: `key:order 42`.
    ///
    /// # Errors
    /// Says in which argument the mistake is, and where, what is wrong and what could stand there.
    pub fn parse_arguments<'a>(arguments: impl IntoIterator<Item = &'a str>, times: &TimeContext) -> Result<Self, InvalidArgument> {
        parse::parse_arguments(arguments, times)
    }

    /// The filter, if its times leave room for a record, seen from now.
    ///
    /// # Errors
    /// When the range is empty.
    pub fn checked(self, now: Timestamp) -> Result<Self, EmptyRange> {
        self.check_range(now).map(|()| self)
    }

    fn check_range(&self, now: Timestamp) -> Result<(), EmptyRange> {
        match (self.after(now), self.before(now)) {
            (Some(after), Some(before)) if after >= before => Err(EmptyRange { after, before }),
            _ => Ok(()),
        }
    }

    /// The same filter with relative times fixed, so that it no longer moves with the present. One reading uses one present to its
    /// end.
    #[must_use]
    pub fn fixed(&self, now: Timestamp) -> Self {
        let fixed = |time: Option<Timestamp>| time.map(TypedTime::At);
        Self { after: fixed(self.after(now)), before: fixed(self.before(now)), ..self.clone() }
    }

    /// The same with exactly this partition key, in place of any it asked for.
    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Self {
        Self { key: Some(KeyPattern::Exactly(key.into())), ..self }
    }

    /// The same for records that arrived at this time or later.
    #[must_use]
    pub fn with_after(self, after: Timestamp) -> Self {
        Self { after: Some(TypedTime::At(after)), ..self }
    }

    /// The same for records that arrived before this time.
    #[must_use]
    pub fn with_before(self, before: Timestamp) -> Self {
        Self { before: Some(TypedTime::At(before)), ..self }
    }

    /// The one partition key that all its records have, where it asks for one: they are found without reading the others.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        match &self.key {
            Some(KeyPattern::Exactly(key)) => Some(key),
            Some(KeyPattern::Prefix(_)) | None => None,
        }
    }

    /// What its partition keys begin with, where it asks for that.
    #[must_use]
    pub fn key_prefix(&self) -> Option<&str> {
        match &self.key {
            Some(KeyPattern::Prefix(prefix)) => Some(prefix),
            Some(KeyPattern::Exactly(_)) | None => None,
        }
    }

    /// The earliest time at which its records can have arrived, seen from now.
    #[must_use]
    pub fn after(&self, now: Timestamp) -> Option<Timestamp> {
        self.after.as_ref().map(|after| after.at(now))
    }

    /// The time before which its records arrived, seen from now.
    #[must_use]
    pub fn before(&self, now: Timestamp) -> Option<Timestamp> {
        self.before.as_ref().map(|before| before.at(now))
    }

    /// A word about why nothing was found, where a condition asked for a number and has met nothing but texts.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        self.conditions.iter().find_map(|condition| match &condition.test {
            Test::Json(json) => json.hint(),
            _ => None,
        })
    }

    /// The sequence numbers that its records have, where it asks for some; the first range where there are several.
    #[must_use]
    pub fn sequence(&self) -> Option<&SequenceRange> {
        self.conditions.iter().find_map(|condition| match &condition.test {
            Test::Sequence(range) if !condition.is_negated => Some(range),
            _ => None,
        })
    }

    /// Its conditions besides key and time, in the order of the line.
    pub(crate) fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Made ready to be held against many records, with the times that its times are now.
    #[must_use]
    pub fn matcher(&self, now: Timestamp) -> Matcher {
        Matcher::new(self, now)
    }

    /// Its conditions one by one, each as it may be typed, also as an argument of the shell.
    #[must_use]
    pub fn terms(&self) -> Vec<String> {
        let key = self.key.as_ref().map(|key| format!("key:{key}"));
        let time = |name: &str, time: &TypedTime| format!("{name}:{}", word::quoted(&time.to_string()));
        let after = self.after.as_ref().map(|after| time("after", after));
        let before = self.before.as_ref().map(|before| time("before", before));
        [key, after, before].into_iter().flatten().chain(self.conditions.iter().map(Condition::to_string)).collect()
    }

    /// The filter for people: as the line, but that what is counted back from the present says so.
    #[must_use]
    pub fn title(&self) -> String {
        let mut terms = self.terms();
        if let (Some(after), None) = (self.after.as_ref().filter(|after| after.is_relative()), &self.before)
            && let Some(term) = terms.get_mut(usize::from(self.key.is_some()))
        {
            *term = after.as_beginning();
        }
        terms.join(" ")
    }

    /// Whether every record matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// A condition without times, in the shortest form that reads as the same.
#[must_use]
pub fn shortest(condition: &str) -> String {
    let times = TimeContext { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC };
    RecordFilter::parse(condition, &times).map_or_else(|_| condition.to_owned(), |filter| filter.to_string())
}

impl fmt::Display for RecordFilter {
    /// As a filter line that reads as the same filter.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.terms().join(" "))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.is_negated { "-" } else { "" })?;
        match &self.test {
            Test::Key(key) => write!(formatter, "key:{key}"),
            Test::UserKey(key) => write!(formatter, "userkey:{key}"),
            Test::Shard(shard) => write!(formatter, "shard:{shard}"),
            Test::Sequence(range) => write!(formatter, "seq:{range}"),
            Test::Size(range) => write!(formatter, "size:{range}"),
            Test::Is(property) => write!(formatter, "is:{}", property.as_str()),
            // Without its name a shell's command would take it for an option.
            Test::Text(text) if self.is_negated => write!(formatter, "text:{}", word::quoted(text.as_str())),
            Test::Text(text) => write!(formatter, "{text}"),
            Test::Regex(pattern) => write!(formatter, "{pattern}"),
            Test::Json(json) => write!(formatter, "{json}"),
        }
    }
}
