//! What somebody looks for in a payload, and where it is found. The payload's own bytes are searched, whatever is folded.

use super::Form;
use super::source::Source;
use regex::bytes::{Regex, RegexBuilder};
use std::ops::Range;

/// Where a needle is found, in order.
#[derive(Default)]
pub(super) struct Matches(Vec<(u32, u32)>);

impl Matches {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes of a match.
    pub(super) fn get(&self, at: usize) -> Option<Range<usize>> {
        self.0.get(at).map(|(start, end)| *start as usize..*end as usize)
    }

    /// How many matches at the beginning this holds for.
    pub(super) fn count_while(&self, holds: impl Fn(Range<usize>) -> bool) -> usize {
        self.0.partition_point(|(start, end)| holds(*start as usize..*end as usize))
    }

    /// Looks for the needle. Lines are searched one by one in effect: what spans two is no match.
    pub(super) fn find(content: &[u8], needle: &str, form: Form, source: Option<&dyn Source>) -> Self {
        let Some(pattern) = pattern(needle, form) else {
            return Self::default();
        };
        let mut found = Vec::new();
        let mut line = 0..0;
        for range in pattern.find_iter(content).map(|found| found.range()) {
            if let Some(source) = source {
                if range.start >= line.end {
                    line = source.range(source.line_with(range.start));
                }
                if range.start < line.start || range.end > line.end {
                    continue;
                }
            }
            if let (Ok(start), Ok(end)) = (u32::try_from(range.start), u32::try_from(range.end)) {
                found.push((start, end));
            }
        }
        Self(found)
    }
}

/// The needle as a pattern; without an upper-case letter its case does not matter.
fn pattern(needle: &str, form: Form) -> Option<Regex> {
    if needle.is_empty() {
        return None;
    }
    let literal = match form {
        Form::Text => regex::escape(needle),
        // What is seen is `"status": "paid"`; the payload may have other blanks there, or none.
        Form::Json => {
            needle.replace("\": ", "\":").split("\":").map(regex::escape).collect::<Vec<_>>().join(r#""[ \t\r\n]*:[ \t\r\n]*"#)
        }
        Form::Hex => match bytes_of(needle) {
            Some(bytes) => {
                let bytes: String = bytes.iter().map(|byte| format!(r"\x{byte:02x}")).collect();
                format!("(?-iu:{bytes})|{}", regex::escape(needle))
            }
            None => regex::escape(needle),
        },
    };
    // Without Unicode, `s` is not also the long s, nor `k` the Kelvin sign, and fewer beginnings have to be looked for.
    let is_unicode = !needle.is_ascii();
    RegexBuilder::new(&literal).unicode(is_unicode).case_insensitive(!needle.chars().any(char::is_uppercase)).build().ok()
}

/// The bytes that `0d 0a` or `0d0a` names.
fn bytes_of(needle: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> =
        needle.chars().filter(|character| *character != ' ').map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect()
}
