//! Which fields tell the records of a list apart.

use super::{FieldPath, FieldValue, Fields};
use std::collections::{HashMap, HashSet};
use unicode_width::UnicodeWidthStr as _;

/// A record that is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'s> {
    /// Its partition key, which the list shows anyway.
    pub key: &'s str,
    /// Its fields.
    pub fields: &'s Fields,
}

/// Values wider than this are for the payload's pane.
const WIDEST: usize = 28;
/// So few values are a state or a kind.
const FEW_VALUES: usize = 12;
/// Records that must be looked at before a field that has one value in all of them is taken for one that says nothing.
const ENOUGH: usize = 6;

/// What names of fields that people look for end with, and what that is worth beside the points for their values.
const NAMES: [(&str, i32); 18] = [
    ("status", 4),
    ("state", 4),
    ("type", 3),
    ("event", 3),
    ("level", 3),
    ("action", 3),
    ("id", 3),
    ("name", 2),
    ("total", 3),
    ("amount", 3),
    ("price", 2),
    ("currency", 2),
    ("value", 2),
    ("code", 2),
    ("message", 1),
    ("count", 2),
    ("version", 1),
    ("country", 2),
];

/// Fields of what CloudWatch Logs sends. They say where the messages come from; a list has room for the messages.
const LOG: [&str; 3] = ["messageType", "logGroup", "logStream"];

/// What is known of a field.
#[derive(Default)]
struct Seen<'s> {
    records: usize,
    values: HashSet<&'s FieldValue>,
    columns: usize,
    widest: usize,
    are_keys: usize,
    are_times: usize,
    /// Where it first stood.
    place: usize,
}

/// The fields that tell records apart, up to so many, in the order in which the payloads have them: those that most records have, with
/// short values that are not all the same.
#[must_use]
pub fn telling<'s>(samples: impl IntoIterator<Item = Sample<'s>>, most: usize) -> Vec<FieldPath> {
    let mut seen: HashMap<&FieldPath, Seen<'s>> = HashMap::new();
    let mut records = 0;
    let log: Vec<FieldPath> = LOG.iter().filter_map(|name| FieldPath::parse(name).ok()).collect();
    let is_log = |fields: &Fields| log.iter().all(|path| fields.get(path).is_some());
    for sample in samples.into_iter().filter(|sample| !sample.fields.is_empty() && !is_log(sample.fields)) {
        records += 1;
        for (place, (path, value)) in sample.fields.iter().enumerate().filter(|(_, (_, value))| value.is_scalar()) {
            let field = seen.entry(path).or_default();
            let columns = value.shown().width();
            field.records += 1;
            field.values.insert(value);
            field.columns += columns;
            field.widest = field.widest.max(columns);
            field.are_keys += usize::from(value.plain() == sample.key);
            field.are_times += usize::from(is_time(value));
            field.place = field.place.max(place);
        }
    }
    let worth = |path: &FieldPath, field: &Seen<'_>| worth(path, field, records);
    let mut found: Vec<(i32, usize, &FieldPath)> =
        seen.iter().filter_map(|(path, field)| Some((worth(path, field)?, field.place, *path))).collect();
    // The path decides last, so that the same records always give the same fields.
    found.sort_by(|left, right| (right.0, left.1, left.2).cmp(&(left.0, right.1, right.2)));
    found.truncate(most);
    found.sort_by(|left, right| (left.1, left.2).cmp(&(right.1, right.2)));
    found.into_iter().map(|(_, _, path)| path.clone()).collect()
}

/// How much a field tells; `None` where a list is better without it.
fn worth(path: &FieldPath, field: &Seen<'_>, records: usize) -> Option<i32> {
    let is_in_most = field.records * 2 > records;
    let says_the_key_again = field.are_keys * 2 > field.records;
    let is_the_same = field.values.len() == 1 && records >= ENOUGH;
    let average = field.columns / field.records.max(1);
    if !is_in_most
        || says_the_key_again
        || is_the_same
        || average > WIDEST
        || field.values.iter().all(|value| **value == FieldValue::Null)
    {
        return None;
    }
    let mut worth = 0;
    if (2..=FEW_VALUES).contains(&field.values.len()) && field.values.len() * 2 <= field.records {
        worth += 4;
    }
    worth += match average {
        0..=8 => 3,
        9..=14 => 2,
        _ => 1,
    };
    let name = path.name().to_lowercase();
    worth += NAMES.iter().filter(|(end, _)| name.ends_with(end)).map(|(_, worth)| *worth).max().unwrap_or(0);
    // The list shows when a record arrived; another time says nearly the same.
    if field.are_times * 2 > field.records {
        worth -= 5;
    }
    worth -= i32::try_from(path.depth()).unwrap_or(i32::MAX).min(10);
    (worth > 0).then_some(worth)
}

/// Whether a value looks like a time: `2026-11-20T…`, or the seconds or milliseconds of this century's first decades.
fn is_time(value: &FieldValue) -> bool {
    match value {
        FieldValue::Text(text) => {
            let date = text.as_bytes();
            date.len() >= 10
                && date.iter().take(10).enumerate().all(|(place, byte)| match place {
                    4 | 7 => *byte == b'-',
                    _ => byte.is_ascii_digit(),
                })
        }
        FieldValue::Number(digits) => {
            let whole = digits.split('.').next().and_then(|digits| digits.parse::<i64>().ok());
            whole.is_some_and(|number| [1, 1_000].iter().any(|unit| (1_000_000_000..3_000_000_000).contains(&(number / unit))))
        }
        FieldValue::Truth(_) | FieldValue::Null | FieldValue::List(_) | FieldValue::Object => false,
    }
}
