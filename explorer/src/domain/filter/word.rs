//! Words of a filter: values that end at a blank, unless they are in quotation marks. In an argument of the shell, which is one
//! condition, a value continues to the argument's end, blanks included.

use super::mistake::InvalidFilter;
use std::fmt::Write as _;

/// The text that conditions are read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'l> {
    /// All of it.
    pub(super) text: &'l str,
    /// Whether it is one argument of the shell, and so one condition.
    pub(super) is_argument: bool,
}

/// A value as it was meant, without its quotation marks.
pub(super) struct Word {
    /// The text.
    pub(super) text: String,
    /// Whether it stood in quotation marks.
    pub(super) is_quoted: bool,
    /// Where a star stands behind the closing quotation mark.
    pub(super) star: Option<usize>,
    /// Where it ends in the line.
    pub(super) end: usize,
}

impl<'l> Source<'l> {
    /// A line of several conditions.
    pub(super) fn line(text: &'l str) -> Self {
        Self { text, is_argument: false }
    }

    /// An argument of the shell.
    pub(super) fn argument(text: &'l str) -> Self {
        Self { text, is_argument: true }
    }

    /// Where the word that begins here would end if nothing in it were quoted.
    pub(super) fn end_of_run(self, at: usize) -> usize {
        if self.is_argument { self.text.len() } else { end_of_run(self.text, at) }
    }

    /// Where a condition that is read up to here ends: blanks at the end of an argument mean nothing.
    pub(super) fn end_of_condition(self, at: usize) -> usize {
        let is_rest_blank = self.is_argument && self.text[at..].trim().is_empty();
        if is_rest_blank { self.text.len() } else { at }
    }

    /// Reads the word that begins here. Quotation marks count only at its beginning, so that `text:{"id":1}` needs none; without them
    /// every character is taken literally.
    ///
    /// # Errors
    /// When they are not closed, or something follows them.
    pub(super) fn read(self, at: usize) -> Result<Word, InvalidFilter> {
        let line = self.text;
        if !line[at..].starts_with('"') {
            let end = self.end_of_run(at);
            return Ok(Word { text: line[at..end].to_owned(), is_quoted: false, star: None, end });
        }
        let mut text = String::new();
        let closed = read_quoted(line, at, &mut text)?;
        let star = line[closed..].starts_with('*').then_some(closed);
        let end = self.end_of_condition(closed + usize::from(star.is_some()));
        let rest = end..self.end_of_run(end);
        if rest.is_empty() {
            return Ok(Word { text, is_quoted: true, star, end });
        }
        let sentence = match self.is_argument {
            true => {
                "after the closing quotation mark the argument must end, for it is one condition; another one is an argument of its own, \
                 and inside, a quotation mark is written \\\""
            }
            false => "a blank must follow the closing quotation mark; inside, write a quotation mark as \\\"",
        };
        Err(InvalidFilter::new(rest, sentence))
    }
}

/// Where the word that begins here would end in a line if nothing in it were quoted.
pub(super) fn end_of_run(line: &str, at: usize) -> usize {
    line[at..].find(char::is_whitespace).map_or(line.len(), |length| at + length)
}

/// Reads up to behind the closing quotation mark.
fn read_quoted(line: &str, at: usize, text: &mut String) -> Result<usize, InvalidFilter> {
    let mut characters = line[at..].char_indices().skip(1).peekable();
    while let Some((offset, character)) = characters.next() {
        match character {
            '"' => return Ok(at + offset + 1),
            '\\' => match characters.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                Some((_, 'u')) => {
                    let start = at + offset;
                    let (character, length) = read_code_point(&line[start..])
                        .ok_or_else(|| InvalidFilter::new(start..start + 2, "\\u needs a character's number, such as \\u{1e}"))?;
                    text.push(character);
                    while characters.next_if(|(next, _)| at + next < start + length).is_some() {}
                }
                Some((_, kept)) => text.push(kept),
                None => {}
            },
            other => text.push(other),
        }
    }
    Err(InvalidFilter::new(at..line.len(), "the quotation mark is not closed"))
}

/// `\u{1e}`, and its length.
fn read_code_point(escape: &str) -> Option<(char, usize)> {
    let (hex, _) = escape.strip_prefix("\\u{")?.split_once('}')?;
    let character = u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?;
    Some((character, "\\u{}".len() + hex.len()))
}

/// The value as it must be typed.
pub(super) fn quoted(text: &str) -> String {
    let is_plain =
        |character: char| !character.is_whitespace() && !character.is_control() && !matches!(character, '"' | '\\' | '*');
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    in_quotes(text)
}

/// The value in quotation marks.
pub(super) fn in_quotes(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => {
                // Writing to a String does not fail.
                write!(quoted, "\\u{{{:x}}}", u32::from(control)).unwrap_or_default();
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
