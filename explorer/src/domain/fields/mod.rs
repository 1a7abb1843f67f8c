//! The fields of JSON payloads, as columns of a list: which a payload has, and which of them tell the records of a stream apart.

mod columns;
mod path;
mod raw;
mod telling;
mod tone;
mod value;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::domain::record::Record;
use crate::domain::record::preview::beginning;
use crate::domain::text::json_text::strict;
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;
use std::fmt;

pub use columns::{Columns, InvalidColumns, complete_columns, words};
pub use path::{FieldPath, InvalidField};
pub use raw::raw_value;
pub use telling::{Sample, telling};
pub use tone::Tone;
pub use value::FieldValue;

/// Fields that are looked at of one payload; more are in none that one would read in a list.
const MOST_FIELDS: usize = 256;
/// Objects in objects, and JSON in texts, that are gone into.
const MOST_DEPTH: usize = 5;

/// The fields of a JSON object, in its order. What is inside another object has the names of both, and so has what is inside a text
/// that is a JSON object. Elements of lists are counted only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(FieldPath, FieldValue)>);

impl Fields {
    /// The fields of a text; of one that is not whole, or broken, those before that. None where it is no JSON object.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let mut fields = Self::default();
        let mut collector = Collector { fields: &mut fields, path: &FieldPath::root(), depth: 0 };
        collector.read(&strict(text));
        fields
    }

    /// The fields of a record's payload, as far as they are in its beginning.
    #[must_use]
    pub fn of_record(record: &Record) -> Self {
        beginning(record).and_then(|beginning| beginning.text).as_deref().map_or_else(Self::default, Self::of_text)
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, path: &FieldPath) -> Option<&FieldValue> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, value)| value)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(FieldPath, FieldValue)> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Collects fields while the text is read, so that those before a mistake are kept.
struct Collector<'c> {
    fields: &'c mut Fields,
    path: &'c FieldPath,
    depth: usize,
}

impl Collector<'_> {
    /// Reads an object; whether it was one up to its end.
    fn read(&mut self, text: &str) -> bool {
        let mut deserializer = Deserializer::from_str(text);
        deserializer.deserialize_map(&mut *self).is_ok()
    }

    fn add(&mut self, name: &str, raw: &str) {
        if self.fields.0.len() >= MOST_FIELDS {
            return;
        }
        let path = self.path.with(name);
        let goes_in = self.depth < MOST_DEPTH;
        let value = FieldValue::of_json(raw);
        let inner = match &value {
            FieldValue::Object if goes_in => Some(raw),
            FieldValue::Text(text) if goes_in && text.trim_start().starts_with('{') => Some(text.as_str()),
            FieldValue::Object
            | FieldValue::Text(_)
            | FieldValue::Number(_)
            | FieldValue::Truth(_)
            | FieldValue::Null
            | FieldValue::List(_) => None,
        };
        if let Some(inner) = inner {
            let before = self.fields.0.len();
            let is_object = Collector { fields: &mut *self.fields, path: &path, depth: self.depth + 1 }.read(inner);
            if is_object {
                return;
            }
            // A text that only looks like an object is a text.
            self.fields.0.truncate(before);
        }
        self.fields.0.push((path, value));
    }
}

impl<'de> Visitor<'de> for &mut Collector<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            self.add(&name, value.get());
        }
        Ok(())
    }
}

/// How many elements a list has.
struct Length;

impl<'de> DeserializeSeed<'de> for Length {
    type Value = usize;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Length {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<usize, A::Error> {
        let mut length = 0;
        while elements.next_element::<IgnoredAny>()?.is_some() {
            length += 1;
        }
        Ok(length)
    }
}
