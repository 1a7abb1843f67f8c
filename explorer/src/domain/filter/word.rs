//! Words of a filter line: values that end at a blank, unless they stand in quotation marks.

use super::mistake::InvalidFilter;
use std::fmt::Write as _;

/// A value as it was meant, without its quotation marks and backslashes.
pub(super) struct Word {
    /// The text, stars included.
    pub(super) text: String,
    /// The stars that were typed bare: where in the text, and where in the line.
    pub(super) stars: Vec<(usize, usize)>,
    /// Where it ends in the line.
    pub(super) end: usize,
}

/// Where the word that begins here would end if nothing in it were quoted.
pub(super) fn end_of_run(line: &str, at: usize) -> usize {
    line[at..].find(char::is_whitespace).map_or(line.len(), |length| at + length)
}

/// Reads the word that begins here. Quotation marks count only at its beginning, so that `text:{"id":1}` needs none.
///
/// # Errors
/// When they are not closed, or something follows them.
pub(super) fn read(line: &str, at: usize) -> Result<Word, InvalidFilter> {
    let mut word = Word { text: String::new(), stars: Vec::new(), end: at };
    if line[at..].starts_with('"') {
        word.end = read_quoted(line, at, &mut word.text)?;
        if line[word.end..].starts_with('*') {
            word.stars.push((word.text.len(), word.end));
            word.text.push('*');
            word.end += 1;
        }
        let rest = word.end..end_of_run(line, word.end);
        if !rest.is_empty() {
            return Err(InvalidFilter::new(
                rest,
                "after the closing quotation mark a blank must follow; inside, a quotation mark is written \\\"",
            ));
        }
        return Ok(word);
    }
    let mut characters = line[at..].char_indices().peekable();
    while let Some((offset, character)) = characters.next() {
        match character {
            blank if blank.is_whitespace() => return Ok(word),
            '\\' => match characters.next_if(|(_, next)| matches!(next, '"' | '\\' | '*')) {
                Some((_, escaped)) => word.text.push(escaped),
                None => word.text.push('\\'),
            },
            '*' => {
                word.stars.push((word.text.len(), at + offset));
                word.text.push('*');
            }
            other => word.text.push(other),
        }
        word.end = characters.peek().map_or(line.len(), |(next, _)| at + next);
    }
    Ok(word)
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
                    let (character, length) = read_code_point(&line[start..]).ok_or_else(|| {
                        InvalidFilter::new(start..start + 2, "after \\u a character's number must follow, such as \\u{1e}")
                    })?;
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

fn in_quotes(text: &str) -> String {
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
