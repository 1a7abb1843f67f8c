//! Texts and regular expressions to search for in bytes. Both are compiled when they are read, so a parsed one is always valid.

use super::mistake::InvalidFilter;
use super::word::{self, Source};
use crate::domain::text::json_text::pattern_of;
use regex::bytes::{Regex, RegexBuilder};
use std::fmt;

/// A regular expression.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    /// As typed between the slashes.
    source: String,
    ignores_case: bool,
    regex: Regex,
}

/// A text to be found, whatever its letters' case.
#[derive(Clone, Debug)]
pub(crate) struct TextPattern {
    text: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.ignores_case) == (&other.source, other.ignores_case)
    }
}

impl PartialEq for TextPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// Reads `/expression/` or `/expression/i`, and where it ends.
    ///
    /// # Errors
    /// Points into the expression.
    pub(super) fn read(source: Source<'_>, at: usize) -> Result<(Self, usize), InvalidFilter> {
        let (line, start) = (source.text, at + 1);
        let Some(end) = end_of_expression(&line[start..]).map(|length| start + length) else {
            let sentence = "the expression has no closing /; to search for text with a slash, use text:, such as text:/var/log";
            return Err(InvalidFilter::new(at..line.len(), sentence));
        };
        let after = end + 1;
        let term_end = source.end_of_run(after);
        let ignores_case = match line[after..term_end].trim_end() {
            "" => false,
            "i" => true,
            _ => {
                let sentence = "only i may follow the closing /, to ignore case; write a slash inside as \\/, and search for text with \
                                slashes by text:, such as text:/var/log";
                return Err(InvalidFilter::new(after..term_end, sentence));
            }
        };
        let source = &line[start..end];
        if source.is_empty() {
            return Err(InvalidFilter::new(
                at..after,
                "there is no expression between the slashes; use for example /time(d )?out/",
            ));
        }
        let regex = RegexBuilder::new(source).case_insensitive(ignores_case).build().map_err(|_| {
            let (offset, sentence) = what_is_wrong(source, ignores_case);
            let (from, to) = offset.map_or((start, end), |offset| (start + offset, end_of_character(line, start + offset)));
            InvalidFilter::new(from..to, sentence)
        })?;
        Ok((Self { source: source.to_owned(), ignores_case, regex }, term_end))
    }

    /// Whether it finds something.
    pub(super) fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }
}

impl TextPattern {
    /// Takes a text to be found.
    ///
    /// # Errors
    /// If it is too long to search for.
    pub(super) fn new(text: String) -> Result<Self, regex::Error> {
        let regex = RegexBuilder::new(&pattern_of(&text, true)).case_insensitive(true).build()?;
        Ok(Self { text, regex })
    }

    /// The text.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it occurs.
    pub(super) fn is_match(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "/{}/{}", self.source, if self.ignores_case { "i" } else { "" })
    }
}

impl fmt::Display for TextPattern {
    /// Bare where nothing in it could be read as something else.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_simple = self.text.starts_with(char::is_alphanumeric)
            && self.text.chars().all(|character| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '@'));
        if is_simple { formatter.write_str(&self.text) } else { write!(formatter, "text:{}", word::quoted(&self.text)) }
    }
}

/// The length up to the slash that closes the expression.
pub(super) fn end_of_expression(rest: &str) -> Option<usize> {
    let mut escaped = false;
    rest.bytes().position(|byte| {
        let closes = byte == b'/' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })
}

/// The end of the character that begins at, or runs over, this byte.
pub(super) fn end_of_character(line: &str, at: usize) -> usize {
    (at + 1..line.len()).find(|end| line.is_char_boundary(*end)).unwrap_or(line.len())
}

/// Where an expression that does not compile is wrong, where that is in one place, and a sentence that says why.
fn what_is_wrong(source: &str, ignores_case: bool) -> (Option<usize>, String) {
    // As the library reads patterns for bytes.
    let parsed = regex_syntax::ParserBuilder::new().utf8(false).case_insensitive(ignores_case).build().parse(source);
    let (span, reason) = match &parsed {
        Err(regex_syntax::Error::Parse(error)) => (error.span(), error.kind().to_string()),
        Err(regex_syntax::Error::Translate(error)) => (error.span(), error.kind().to_string()),
        // What can be read is too large.
        Ok(_) | Err(_) => {
            return (None, "the expression is too large; repeat less, such as \\w{100} instead of \\w{1000}".to_owned());
        }
    };
    let offset = Some(span.start.offset).filter(|offset| *offset < source.len());
    (offset, format!("the regular expression cannot be read: {reason}"))
}
