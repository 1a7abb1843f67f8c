//! Which fields a list shows.

use super::{FieldPath, InvalidField};
use crate::domain::filter::Completion;
use std::cmp::Reverse;
use std::collections::BTreeMap;
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
    #[error("name at least one column, such as id or customer.city")]
    None,
    #[error("{0} is named twice")]
    Twice(String),
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
                return Err(InvalidColumns::Twice(field.to_string()));
            }
            fields.push(field);
        }
        Ok(Self::Chosen(fields))
    }
}

/// Fields that could stand in the place of the word at the cursor, which is a byte of the line: those that begin so, then those that
/// have it anywhere, and the ones that more payloads have first. What stands in the line already is not offered again.
#[must_use]
pub fn complete_columns<'f>(line: &str, cursor: usize, known: impl Iterator<Item = &'f FieldPath>) -> Vec<Completion> {
    let place = |word: &str| word.as_ptr() as usize - line.as_ptr() as usize;
    let at = words(line).find(|word| (place(word)..=place(word) + word.len()).contains(&cursor));
    let replace = at.map_or(cursor..cursor, |word| place(word)..place(word) + word.len());
    let typed = line.get(replace.start..cursor).unwrap_or_default().trim_start_matches(['$', '.']).to_lowercase();
    let others: Vec<FieldPath> =
        words(line).filter(|word| Some(*word) != at).filter_map(|word| FieldPath::parse(word).ok()).collect();
    let mut counts: BTreeMap<&FieldPath, usize> = BTreeMap::new();
    known.for_each(|field| *counts.entry(field).or_default() += 1);
    let mut fitting = Vec::new();
    for (field, count) in counts.into_iter().filter(|(field, _)| !others.contains(field)) {
        let with = field.to_string();
        if let Some(found) = with.to_lowercase().find(&typed)
            && Some(with.as_str()) != at
        {
            fitting.push((found > 0, Reverse(count), with));
        }
    }
    fitting.sort();
    fitting.into_iter().map(|(_, _, with)| Completion { replace: replace.clone(), with, about: String::new() }).collect()
}

/// The words between blanks and commas; in quotation marks both belong to a name.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
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
