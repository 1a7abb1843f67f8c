//! Where a field is in a payload, and how that is typed.

use serde_json::Value;
use std::fmt;

/// The names that lead to a field, the outermost first.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(Vec<String>);

/// A text that names no field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} names no field; use for example status, customer.id or [\"a name\"]")]
pub struct InvalidField(String);

impl FieldPath {
    /// The payload itself.
    pub(super) fn root() -> Self {
        Self(Vec::new())
    }

    /// A field in this one.
    pub(super) fn with(&self, name: &str) -> Self {
        Self(self.0.iter().map(String::as_str).chain([name]).map(str::to_owned).collect())
    }

    /// How many names lead to it.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// The names that lead to it, the outermost first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Its own name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// Reads `status`, `.status`, `$.customer.id` or `customer["a name"]`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let invalid = || InvalidField(text.to_owned());
        let mut rest = text.strip_prefix('$').filter(|rest| rest.starts_with(['.', '['])).unwrap_or(text);
        let mut names = Vec::new();
        while !rest.is_empty() {
            let (name, after) = if rest.starts_with('[') {
                in_brackets(rest).ok_or_else(invalid)?
            } else {
                // The first name needs no point before it.
                let name = match rest.strip_prefix('.') {
                    Some(name) => name,
                    None if names.is_empty() => rest,
                    None => return Err(invalid()),
                };
                let (name, after) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
                if !is_bare(name) {
                    return Err(invalid());
                }
                (name.to_owned(), after)
            };
            names.push(name);
            rest = after;
        }
        if names.is_empty() { Err(invalid()) } else { Ok(Self(names)) }
    }
}

/// The name in `["a name"]` or `['a name']`, and what follows it.
fn in_brackets(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('[')?;
    if let Some(inside) = inside.strip_prefix('\'') {
        let (name, after) = inside.split_once('\'')?;
        return Some((name.to_owned(), after.strip_prefix(']')?));
    }
    let mut values = serde_json::Deserializer::from_str(inside).into_iter::<String>();
    let name = values.next()?.ok()?;
    Some((name, inside.get(values.byte_offset()..)?.strip_prefix(']')?))
}

/// Whether a name is typed as it is.
fn is_bare(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|character| character.is_whitespace() || ".,[]\"'$()=<>!".contains(character))
}

impl fmt::Display for FieldPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in self.0.iter().enumerate() {
            match (is_bare(name), place) {
                (true, 0) => write!(formatter, "{name}")?,
                (true, _) => write!(formatter, ".{name}")?,
                (false, _) => write!(formatter, "[{}]", Value::from(name.as_str()))?,
            }
        }
        Ok(())
    }
}
