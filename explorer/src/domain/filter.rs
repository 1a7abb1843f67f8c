//! Which records of an archive are asked for: the filter line of the records screen and the options of the command line. A filter
//! is a list of conditions that all must hold. Reading a line is `parse`, holding records against it is `matcher`; what of it
//! DynamoDB can decide is worked out by whoever calls DynamoDB.

mod complete;
mod history;
mod json;
mod json_value;
mod matcher;
mod mistake;
mod parse;
mod pattern;
#[cfg(test)]
mod tests;
mod values;
mod word;

pub use complete::{Completion, Known, complete, json_paths};
pub use history::History;
pub use matcher::Matcher;
pub use mistake::{EmptyRange, InvalidFilter};
pub use values::SequenceRange;

pub(crate) use values::{KeyPattern, Property};

use super::time::TimeContext;
use jiff::Timestamp;
use json::JsonTest;
use pattern::{Pattern, TextPattern};
use std::fmt;
use values::{ShardName, SizeRange};

/// What a record must be to be shown or replayed. Empty is everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordFilter {
    key: Option<KeyPattern>,
    after: Option<Timestamp>,
    before: Option<Timestamp>,
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
    /// Its partition key; only negated, the one that must hold stands apart.
    Key(KeyPattern),
    /// Its partition key, or that of a user record in an aggregated record.
    UserKey(KeyPattern),
    /// The shard it came through.
    Shard(ShardName),
    /// Its sequence number.
    Sequence(SequenceRange),
    /// Bytes of its payload.
    Size(SizeRange),
    /// A property.
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
        parse::parse(line, times)
    }

    /// The filter, if its times leave room for a record.
    ///
    /// # Errors
    /// When the range is empty.
    pub fn checked(self) -> Result<Self, EmptyRange> {
        self.check_range().map(|()| self)
    }

    fn check_range(&self) -> Result<(), EmptyRange> {
        match (self.after, self.before) {
            (Some(after), Some(before)) if after >= before => Err(EmptyRange { after, before }),
            _ => Ok(()),
        }
    }

    /// The same with exactly this partition key, in place of any it asked for.
    #[must_use]
    pub fn with_key(self, key: impl Into<String>) -> Self {
        Self { key: Some(KeyPattern::Exactly(key.into())), ..self }
    }

    /// The same for records that arrived at this time or later.
    #[must_use]
    pub fn with_after(self, after: Timestamp) -> Self {
        Self { after: Some(after), ..self }
    }

    /// The same for records that arrived before this time.
    #[must_use]
    pub fn with_before(self, before: Timestamp) -> Self {
        Self { before: Some(before), ..self }
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

    /// The time at which its records arrived at the earliest.
    #[must_use]
    pub fn after(&self) -> Option<Timestamp> {
        self.after
    }

    /// The time before which its records arrived.
    #[must_use]
    pub fn before(&self) -> Option<Timestamp> {
        self.before
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

    /// Made ready to be held against many records.
    #[must_use]
    pub fn matcher(&self) -> Matcher {
        Matcher::new(self)
    }

    /// Whether every record matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for RecordFilter {
    /// As a filter line that reads as the same filter.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|key| format!("key:{key}"));
        let after = self.after.map(|after| format!("after:{after}"));
        let before = self.before.map(|before| format!("before:{before}"));
        let conditions = self.conditions.iter().map(Condition::to_string);
        let terms: Vec<String> = [key, after, before].into_iter().flatten().chain(conditions).collect();
        formatter.write_str(&terms.join(" "))
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
            Test::Text(text) => write!(formatter, "{text}"),
            Test::Regex(pattern) => write!(formatter, "{pattern}"),
            Test::Json(json) => write!(formatter, "json:{json}"),
        }
    }
}
