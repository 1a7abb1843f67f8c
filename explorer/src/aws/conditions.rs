//! The part of a filter that DynamoDB can check. It may return more than matches, because the filter checks every item anyway. It
//! must not hold back a match, even an item in an old archive whose attributes are missing or have another type.

use super::archive::REAL_NUMBER_DIGITS;
use crate::domain::decode::OBJECT_BEGINNINGS;
use crate::domain::filter::{Condition, KeyPattern, Property, RecordFilter, SequenceRange, Test};
use archiver::format::settings::ArchiveMode;
use archiver::format::table::{GZIP, attribute};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// A filter in DynamoDB's terms.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// The condition on the key.
    pub(crate) key: Option<&'static str>,
    /// The conditions on other attributes.
    pub(crate) others: Option<String>,
    /// Attribute names by placeholder; DynamoDB refuses an empty map.
    pub(crate) names: Option<HashMap<String, String>>,
    /// Values by placeholder; DynamoDB refuses an empty map.
    pub(crate) values: Option<HashMap<String, AttributeValue>>,
}

/// Further clauses are left to the filter itself. Source: DynamoDB quotas, an expression has 4 KB and 300 operators.
const MAX_CLAUSES: usize = 20;
/// The same limit as a length; one more clause, and what joins them, fits into the rest.
const MAX_CLAUSE_BYTES: usize = 3_400;
/// Time passes between building the conditions and checking an item.
const EXPIRY_SLACK: SignedDuration = SignedDuration::from_hours(1);
/// Arrival times are compared in whole milliseconds, so fractions below that are dropped.
const ARRIVAL_SLACK: SignedDuration = SignedDuration::from_millis(1);

/// Nothing arrives after the year 2100; a later time probably has another unit.
const LAST_TIME: Timestamp = Timestamp::constant(4_102_444_800, 0);

/// Builds the conditions, with a placeholder for each name and value.
struct ConditionWriter {
    mode: ArchiveMode,
    /// A Query takes no conditions on keys besides the key condition.
    is_query: bool,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Conditions {
    /// The conditions for an archive of this mode: for a Query if the filter asks for one key, otherwise for a Scan.
    pub(crate) fn of(filter: &RecordFilter, mode: ArchiveMode, now: Timestamp) -> Self {
        let mut writer = ConditionWriter { mode, is_query: filter.key().is_some(), names: HashMap::new(), values: HashMap::new() };
        let key = filter.key().map(|key| writer.key_condition(key, filter.sequence()));
        let mut clauses = writer.arrival_clauses(filter, now);
        clauses.extend(filter.key_prefix().map(|prefix| writer.key_prefix_clause(prefix)));
        for condition in filter.conditions() {
            if clauses.len() >= MAX_CLAUSES || clauses.iter().map(String::len).sum::<usize>() > MAX_CLAUSE_BYTES {
                break;
            }
            clauses.extend(writer.clause(condition, now));
        }
        Self {
            key,
            others: Some(clauses.join(" AND ")).filter(|others| !others.is_empty()),
            names: Some(writer.names).filter(|names| !names.is_empty()),
            values: Some(writer.values).filter(|values| !values.is_empty()),
        }
    }
}

impl ConditionWriter {
    fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    fn text(&mut self, text: &str) -> String {
        self.value(AttributeValue::S(text.to_owned()))
    }

    /// Numbers of the same length sort like their texts. DynamoDB cannot compare an open end, or ends of different lengths. Numbers
    /// shorter than Kinesis' may have leading zeros.
    fn key_condition(&mut self, key: &str, sequence: Option<&SequenceRange>) -> &'static str {
        self.names.insert("#key".to_owned(), attribute::PARTITION_KEY.to_owned());
        self.values.insert(":key".to_owned(), AttributeValue::S(key.to_owned()));
        let are_real = |(from, _): &(&str, &str)| self.mode == ArchiveMode::All && from.len() == REAL_NUMBER_DIGITS;
        let Some((from, to)) = sequence.and_then(ends_of_one_length).filter(are_real) else {
            return "#key = :key";
        };
        self.names.insert("#number".to_owned(), attribute::SEQUENCE_NUMBER.to_owned());
        for (placeholder, number) in [(":from", from), (":to", to)] {
            self.values.insert(placeholder.to_owned(), AttributeValue::S(number.to_owned()));
        }
        "#key = :key AND #number BETWEEN :from AND :to"
    }

    /// Besides matching times, everything that is not a valid time passes: such items cannot be decided, and are counted.
    fn arrival_clauses(&mut self, filter: &RecordFilter, now: Timestamp) -> Vec<String> {
        let after = filter.after(now).map(|after| (">=", after.checked_sub(ARRIVAL_SLACK).unwrap_or(Timestamp::MIN)));
        let before = filter.before(now).map(|before| ("<", before.checked_add(ARRIVAL_SLACK).unwrap_or(Timestamp::MAX)));
        let ends: Vec<(&str, Timestamp)> = [after, before].into_iter().flatten().collect();
        ends.into_iter()
            .map(|(comparison, at)| {
                let (end, number) = (self.value(epoch_seconds(at)), self.text("N"));
                let name = self.name(attribute::ARRIVAL);
                // Beyond the other end are only numbers that cannot be seconds since 1970.
                let (other, no_time) = match comparison {
                    "<" => (">", epoch_seconds(LAST_TIME)),
                    _ => ("<", AttributeValue::N("0".to_owned())),
                };
                let no_time = self.value(no_time);
                format!(
                    "({name} {comparison} {end} OR {name} {other} {no_time} OR attribute_not_exists({name}) OR \
                     NOT attribute_type({name}, {number}))"
                )
            })
            .collect()
    }

    /// The comparison, or that the attribute has the other type that is read.
    fn comparison(&mut self, attribute: &str, comparison: &str, value: &str, other_type: &str) -> String {
        let (name, other_type) = (self.name(attribute), self.text(other_type));
        format!("({name} {comparison} {value} OR attribute_type({name}, {other_type}))")
    }

    fn key_prefix_clause(&mut self, prefix: &str) -> String {
        let (name, prefix, number) = (self.name(attribute::PARTITION_KEY), self.text(prefix), self.text("N"));
        format!("(begins_with({name}, {prefix}) OR attribute_type({name}, {number}))")
    }

    fn clause(&mut self, Condition { is_negated, test }: &Condition, now: Timestamp) -> Option<String> {
        match (test, *is_negated) {
            // A negated prefix excludes so little that a clause is not worth it.
            (Test::Key(KeyPattern::Exactly(key)), true) if !self.is_query => Some(self.difference(attribute::PARTITION_KEY, key)),
            (Test::Shard(shard), true) => Some(self.difference(attribute::SHARD_ID, shard.as_str())),
            (Test::Shard(shard), false) => {
                let (equality, unread) =
                    (self.equality(attribute::SHARD_ID, shard.as_str()), self.unread_text(attribute::SHARD_ID));
                Some(format!("({equality} OR {unread})"))
            }
            (Test::Sequence(range), false) => self.sequence_clause(range),
            (Test::UserKey(key), false) if !self.is_query => {
                let key = match key {
                    KeyPattern::Exactly(key) => self.key_clause(key),
                    KeyPattern::Prefix(prefix) => self.key_prefix_clause(prefix),
                };
                Some(format!("({key} OR {})", self.may_be_aggregated()))
            }
            (Test::Is(property), _) => self.property_clause(*property, *is_negated, now),
            (Test::Key(_) | Test::UserKey(_) | Test::Sequence(_), _) => None,
            (Test::Size(_) | Test::Text(_) | Test::Regex(_) | Test::Json(_), _) => None,
        }
    }

    fn key_clause(&mut self, key: &str) -> String {
        let key = self.text(key);
        self.comparison(attribute::PARTITION_KEY, "=", &key, "N")
    }

    fn equality(&mut self, attribute: &str, text: &str) -> String {
        let (name, text) = (self.name(attribute), self.text(text));
        format!("{name} = {text}")
    }

    fn difference(&mut self, attribute: &str, text: &str) -> String {
        let (name, text) = (self.name(attribute), self.text(text));
        format!("(attribute_not_exists({name}) OR {name} <> {text})")
    }

    /// That the attribute is missing or has another type: then it may be read differently, or not decided.
    fn unread_text(&mut self, attribute: &str) -> String {
        let (name, text) = (self.name(attribute), self.text("S"));
        format!("attribute_not_exists({name}) OR NOT attribute_type({name}, {text})")
    }

    fn sequence_clause(&mut self, range: &SequenceRange) -> Option<String> {
        if self.is_query && self.mode == ArchiveMode::All {
            return None;
        }
        let (from, to) = ends_of_one_length(range)?;
        let (from, to, zero) = (self.text(from), self.text(to), self.text("0"));
        let name = self.name(attribute::SEQUENCE_NUMBER);
        let (least, beyond) = (self.text("0"), self.text(":"));
        let unread = self.unread_text(attribute::SEQUENCE_NUMBER);
        // An emulator's numbers may have leading zeros, which do not count. Without a digit at the start it is not a number.
        let unlike = format!("begins_with({name}, {zero}) OR {name} < {least} OR {name} >= {beyond}");
        Some(format!("({name} BETWEEN {from} AND {to} OR {unlike} OR {unread})"))
    }

    fn property_clause(&mut self, property: Property, is_negated: bool, now: Timestamp) -> Option<String> {
        match (property, is_negated) {
            (Property::Expired, false) => {
                let now = self.value(epoch_seconds(now.checked_add(EXPIRY_SLACK).unwrap_or(now)));
                let (name, number) = (self.name(attribute::EXPIRE_AFTER), self.text("N"));
                let most = self.value(AttributeValue::N(i64::MAX.to_string()));
                // Beyond that it is not a valid time. An item without a valid expiry never expires.
                Some(format!(
                    "({name} <= {now} OR {name} > {most} OR attribute_exists({name}) AND NOT attribute_type({name}, {number}))"
                ))
            }
            (Property::Expired, true) => {
                let now = self.value(epoch_seconds(now.checked_sub(EXPIRY_SLACK).unwrap_or(now)));
                let (name, number) = (self.name(attribute::EXPIRE_AFTER), self.text("N"));
                Some(format!("(attribute_not_exists({name}) OR NOT attribute_type({name}, {number}) OR {name} > {now})"))
            }
            (Property::Gzip, false) => {
                let (name, text) = (self.name(attribute::RECORD_ENCODING), self.text("S"));
                let equality = self.equality(attribute::RECORD_ENCODING, GZIP);
                Some(format!("({equality} OR attribute_exists({name}) AND NOT attribute_type({name}, {text}))"))
            }
            (Property::Gzip, true) => Some(self.difference(attribute::RECORD_ENCODING, GZIP)),
            (Property::Parts, false) => Some(format!("attribute_exists({})", self.name(attribute::RECORD_PARTS))),
            (Property::Aggregated, false) => Some(self.may_be_aggregated()),
            // Nearly every item passes these, or only the explorer can check them.
            (Property::Parts | Property::Aggregated, true) | (Property::Damaged | Property::Unreadable | Property::Replay, _) => {
                None
            }
        }
    }

    fn may_be_aggregated(&mut self) -> String {
        let beginnings = OBJECT_BEGINNINGS.map(|beginning| self.text(beginning));
        let text = self.text("S");
        let [data, encoding, parts] =
            [attribute::RECORD_DATA, attribute::RECORD_ENCODING, attribute::RECORD_PARTS].map(|attribute| self.name(attribute));
        let is_object = beginnings.map(|beginning| format!("begins_with({data}, {beginning})")).join(" OR ");
        format!(
            "(NOT ({is_object}) OR NOT attribute_type({data}, {text}) OR attribute_exists({encoding}) OR attribute_exists({parts}))"
        )
    }
}

fn ends_of_one_length(range: &SequenceRange) -> Option<(&str, &str)> {
    let (from, to) = (range.from.as_ref()?, range.to.as_ref()?);
    let (from, to) = (from.significant(), to.significant());
    (from.len() == to.len()).then_some((from, to))
}

/// In milliseconds; nothing arrived before 1970.
fn epoch_seconds(at: Timestamp) -> AttributeValue {
    let milliseconds = at.as_millisecond().max(0);
    AttributeValue::N(format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000))
}

#[cfg(test)]
mod tests;
