//! Which fields a list shows.

use super::{FieldPath, InvalidField};
use std::fmt;

/// The fields that a list shows as columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Columns {
    /// Those that tell the records apart.
    #[default]
    Automatic,
    /// These, in this order; it may be none.
    Chosen(Vec<FieldPath>),
}

/// A line that is no choice of columns.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidColumns {
    #[error(transparent)]
    Field(#[from] InvalidField),
    #[error("{0} stands there twice")]
    Twice(FieldPath),
}

/// Stands for no column at all.
const NONE: &str = "none";

impl Columns {
    /// Reads names of fields, with blanks or commas between them; nothing is [`Columns::Automatic`], `none` no column.
    ///
    /// # Errors
    /// Names the field that is none, or is there twice.
    pub fn parse(line: &str) -> Result<Self, InvalidColumns> {
        let line = line.trim();
        match line {
            "" => return Ok(Self::Automatic),
            NONE => return Ok(Self::Chosen(Vec::new())),
            _ => {}
        }
        let mut fields = Vec::new();
        for word in words(line) {
            let field = FieldPath::parse(word)?;
            if fields.contains(&field) {
                return Err(InvalidColumns::Twice(field));
            }
            fields.push(field);
        }
        Ok(Self::Chosen(fields))
    }
}

/// The words between blanks and commas; in brackets both belong to a name.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    let mut is_escaped = false;
    let is_between = move |character: char| {
        let is_of_name = is_escaped;
        is_escaped = quote == Some('"') && character == '\\' && !is_of_name;
        match quote {
            Some(mark) => {
                if character == mark && !is_of_name {
                    quote = None;
                }
                false
            }
            None => {
                quote = ['"', '\''].into_iter().find(|mark| *mark == character);
                character == ',' || character.is_whitespace()
            }
        }
    };
    line.split(is_between).filter(|word| !word.is_empty())
}

impl fmt::Display for Columns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Automatic => Ok(()),
            Self::Chosen(fields) if fields.is_empty() => formatter.write_str(NONE),
            Self::Chosen(fields) => {
                for (place, field) in fields.iter().enumerate() {
                    // A field of that name alone would be read as no field.
                    let point = if fields.len() == 1 && field.to_string() == NONE { "." } else { "" };
                    write!(formatter, "{}{point}{field}", if place == 0 { "" } else { " " })?;
                }
                Ok(())
            }
        }
    }
}
