//! The value of a field.

use super::Length;
use crate::domain::text::printable;
use serde::de::DeserializeSeed as _;
use serde_json::Deserializer;
use std::borrow::Cow;

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FieldValue {
    Text(String),
    /// As it is written, so that no digit is lost.
    Number(String),
    Truth(bool),
    Null,
    /// A list of so many elements.
    List(usize),
    /// An object whose fields are not looked at.
    Object,
}

impl FieldValue {
    /// The value that a valid JSON text stands for.
    #[must_use]
    pub fn of_json(text: &str) -> Self {
        match text.as_bytes().first() {
            Some(b'"') => Self::Text(serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())),
            Some(b'{') => Self::Object,
            Some(b'[') => Self::List(Length.deserialize(&mut Deserializer::from_str(text)).unwrap_or_default()),
            Some(b't') => Self::Truth(true),
            Some(b'f') => Self::Truth(false),
            Some(b'n') => Self::Null,
            Some(_) | None => Self::Number(text.to_owned()),
        }
    }

    /// The value as it may go to a terminal.
    #[must_use]
    pub fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) => printable(text),
            Self::Number(_) | Self::Truth(_) | Self::Null | Self::List(_) | Self::Object => self.plain(),
        }
    }

    /// The value as it goes into a file.
    #[must_use]
    pub fn plain(&self) -> Cow<'_, str> {
        match self {
            Self::Text(text) | Self::Number(text) => text.as_str().into(),
            Self::Truth(truth) => if *truth { "true" } else { "false" }.into(),
            Self::Null => "null".into(),
            Self::List(length) => format!("[{length}]").into(),
            Self::Object => "{…}".into(),
        }
    }

    /// Whether it stands for itself, as a list and an object do not.
    #[must_use]
    pub fn is_scalar(&self) -> bool {
        match self {
            Self::Text(_) | Self::Number(_) | Self::Truth(_) | Self::Null => true,
            Self::List(_) | Self::Object => false,
        }
    }
}
