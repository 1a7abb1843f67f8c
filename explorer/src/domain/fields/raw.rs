//! The value of a field as its payload has it, with every digit.

use super::FieldPath;
use crate::domain::text::json_text::strict;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Deserializer;
use serde_json::value::RawValue;
use std::fmt;

/// The JSON text of a field's value, found by the rules of [`super::Fields`]; `None` where the payload has no such field.
#[must_use]
pub fn raw_value(payload: &str, path: &FieldPath) -> Option<Box<RawValue>> {
    let mut value: Option<Box<RawValue>> = None;
    for name in path.names() {
        value = Some(match value.take() {
            None => member(&strict(payload), name)?,
            Some(outer) => inside(&outer, name)?,
        });
    }
    value
}

/// The value of a field of an object, or of a text that is one.
fn inside(outer: &RawValue, name: &str) -> Option<Box<RawValue>> {
    if outer.get().starts_with('"') {
        let text: String = serde_json::from_str(outer.get()).ok()?;
        return member(&strict(&text), name);
    }
    member(outer.get(), name)
}

fn member(object: &str, name: &str) -> Option<Box<RawValue>> {
    let mut member = Member { name, value: None };
    match Deserializer::from_str(object).deserialize_map(&mut member) {
        // A mistake after the field does not matter to it.
        Ok(()) | Err(_) => member.value,
    }
}

/// Finds the first field of a name.
struct Member<'n> {
    name: &'n str,
    value: Option<Box<RawValue>>,
}

impl<'de> Visitor<'de> for &mut Member<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if self.value.is_none() && name == self.name {
                self.value = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
