//! The names of conditions, and what is meant by words that are close to one.

use super::word;
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
    pub(super) condition: NamedCondition,
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

/// The name that a term begins with, if it begins as a named one does, and where its value begins.
pub(super) fn name_at(line: &str, at: usize) -> Option<(&str, usize)> {
    let rest = &line[at..];
    let length = rest.find(|character: char| !character.is_ascii_alphabetic()).unwrap_or(rest.len());
    (length > 0 && rest[length..].starts_with(':')).then(|| (&rest[..length], at + length + 1))
}

/// A condition that seems to begin within a value: its bytes.
pub(super) fn further_condition(value: &str) -> Option<Range<usize>> {
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

/// A name that a word is close to, or that is called so elsewhere.
pub(super) fn meant(typed: &str) -> Option<&'static str> {
    let typed = typed.to_ascii_lowercase();
    let synonym = SYNONYMS.into_iter().find(|(word, _)| *word == typed).map(|(_, name)| name);
    synonym.or_else(|| nearest(&typed, NAMES.iter().map(|name| name.name)))
}

/// The word that a typed one is probably a slip of.
pub(super) fn nearest<'w>(typed: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    /// The most letters that count as a slip.
    const SLIPS: usize = 2;
    let by_distance = words.map(|word| (distance(typed, word), word)).min();
    by_distance.filter(|(distance, word)| *distance <= SLIPS && *distance < word.len()).map(|(_, word)| word)
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
