//! Which records of an archive are asked for: the filter line of the records screen and the options of the command line.

use super::time::TimeContext;
use jiff::Timestamp;

/// What a record must be to be shown or replayed. Empty is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordFilter {
    /// Put under exactly this partition key.
    pub key: Option<String>,
    /// Arrived at this time or later.
    pub after: Option<Timestamp>,
    /// Arrived before this time.
    pub before: Option<Timestamp>,
}

/// A filter line with a mistake in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    /// A word that is no condition.
    #[error("\"{word}\" is not a condition; use key:…, after:… and before:…, such as: key:cust-42 after:1h")]
    UnknownWord {
        /// The word.
        word: String,
    },
    /// A condition without a value.
    #[error("{name}: has no value; use for example {name}:{example}")]
    NoValue {
        /// Which condition.
        name: &'static str,
        /// A value it could have.
        example: &'static str,
    },
    /// A condition given twice.
    #[error("{name}: stands there twice; one is enough")]
    Twice {
        /// Which condition.
        name: &'static str,
    },
    /// A quotation mark without its twin.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// A time that cannot be read.
    #[error(transparent)]
    Time(#[from] super::time::InvalidTime),
    /// A range that nothing can be in.
    #[error("after:{after} is not before before:{before}, so no record can match")]
    EmptyRange {
        /// Its beginning.
        after: Timestamp,
        /// Its end.
        before: Timestamp,
    },
}

impl RecordFilter {
    /// Reads a filter line such as `key:cust-42 after:2026-11-20T10:00Z before:1h`; a value with blanks stands in quotation
    /// marks.
    ///
    /// # Errors
    /// Names the word that is wrong and what could stand there.
    pub fn parse(line: &str, times: &TimeContext) -> Result<Self, InvalidFilter> {
        let mut filter = Self::default();
        for word in words(line)? {
            let (name, value) = word.split_once(':').unwrap_or((word.as_str(), ""));
            match name {
                "key" => set_once(&mut filter.key, "key", "cust-42", value, |value| Ok(value.to_owned()))?,
                "after" => set_once(&mut filter.after, "after", "1h", value, |value| Ok(times.parse(value)?))?,
                "before" => set_once(&mut filter.before, "before", "2026-11-20T10:00Z", value, |value| Ok(times.parse(value)?))?,
                _ => return Err(InvalidFilter::UnknownWord { word }),
            }
        }
        filter.checked()
    }

    /// The filter, if any record can match it.
    ///
    /// # Errors
    /// When the range is empty.
    pub fn checked(self) -> Result<Self, InvalidFilter> {
        match (self.after, self.before) {
            (Some(after), Some(before)) if after >= before => Err(InvalidFilter::EmptyRange { after, before }),
            _ => Ok(self),
        }
    }

    /// The one partition key that all its records have, where it asks for one: they are found without reading the others.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Made ready to be held against many records.
    #[must_use]
    pub fn matcher(&self) -> Matcher {
        Matcher { filter: self.clone() }
    }

    /// Whether every record matches.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// A filter made ready to be held against many records.
#[derive(Clone, Debug)]
pub struct Matcher {
    filter: RecordFilter,
}

impl Matcher {
    /// Whether the filter looks into payloads.
    #[must_use]
    pub fn needs_payload(&self) -> bool {
        false
    }

    /// Whether all the conditions on what the item says of its record are met.
    #[must_use]
    pub fn matches_item(&self, record: &super::record::Record, _now: Timestamp) -> bool {
        let filter = &self.filter;
        filter.key.as_ref().is_none_or(|key| *key == record.id.partition_key)
            && filter.after.is_none_or(|after| record.arrived_at.is_some_and(|at| at >= after))
            && filter.before.is_none_or(|before| record.arrived_at.is_some_and(|at| at < before))
    }

    /// Whether all the conditions on the payload are met.
    #[must_use]
    pub fn matches_payload(&self, _payload: &[u8], _recipe: &super::decode::Recipe) -> bool {
        true
    }
}

impl std::fmt::Display for RecordFilter {
    /// As a filter line that reads as the same filter.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = self.key.as_ref().map(|key| {
            if key.contains([' ', '"', '\\']) {
                format!("key:\"{}\"", key.replace('\\', "\\\\").replace('"', "\\\""))
            } else {
                format!("key:{key}")
            }
        });
        let after = self.after.map(|after| format!("after:{after}"));
        let before = self.before.map(|before| format!("before:{before}"));
        let words: Vec<String> = [quoted, after, before].into_iter().flatten().collect();
        formatter.write_str(&words.join(" "))
    }
}

fn set_once<T>(
    slot: &mut Option<T>,
    name: &'static str,
    example: &'static str,
    value: &str,
    parse: impl Fn(&str) -> Result<T, InvalidFilter>,
) -> Result<(), InvalidFilter> {
    if value.is_empty() {
        return Err(InvalidFilter::NoValue { name, example });
    }
    if slot.is_some() {
        return Err(InvalidFilter::Twice { name });
    }
    *slot = Some(parse(value)?);
    Ok(())
}

/// The words of a line; blanks between quotation marks do not part words, a backslash there keeps the next character.
fn words(line: &str) -> Result<Vec<String>, InvalidFilter> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted = !quoted,
            '\\' if quoted => word.extend(characters.next()),
            blank if blank.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            other => word.push(other),
        }
    }
    if quoted {
        return Err(InvalidFilter::OpenQuote);
    }
    if !word.is_empty() {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    fn times() -> TimeContext {
        TimeContext { now: "2026-11-20T12:00:00Z".parse().unwrap(), zone: TimeZone::UTC }
    }

    #[test]
    fn a_line_names_key_and_range() {
        let filter = RecordFilter::parse("key:cust-42  after:2h before:2026-11-20T11:30Z", &times()).unwrap();
        assert_eq!(filter.key.as_deref(), Some("cust-42"));
        assert_eq!(filter.after, Some("2026-11-20T10:00:00Z".parse().unwrap()));
        assert_eq!(filter.before, Some("2026-11-20T11:30:00Z".parse().unwrap()));
        assert!(RecordFilter::parse("  ", &times()).unwrap().is_everything());
    }

    #[test]
    fn a_mistake_is_named() {
        for (line, message) in [
            ("paid", "\"paid\" is not a condition"),
            ("key:", "key: has no value"),
            ("key:a key:b", "key: stands there twice"),
            ("key:\"a b", "a quotation mark is not closed"),
            ("after:soon", "\"soon\" is not a time"),
            ("after:1h before:2h", "no record can match"),
        ] {
            let error = RecordFilter::parse(line, &times()).unwrap_err().to_string();
            assert!(error.contains(message), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_filter_survives_its_line(
            key in proptest::option::of("\\PC{1,20}"),
            after in proptest::option::of(0..1_700_000_000_i64),
            before in proptest::option::of(1_700_000_001..1_800_000_000_i64),
        ) {
            let at = |second: i64| Timestamp::from_second(second).unwrap();
            let key = key.filter(|key: &String| !key.chars().any(|character| character.is_whitespace() && character != ' '));
            let filter = RecordFilter { key, after: after.map(at), before: before.map(at) };
            prop_assert_eq!(RecordFilter::parse(&filter.to_string(), &times()).unwrap(), filter);
        }
    }
}
