//! Searches a payload: in its lines as they are laid out, folded or not, or in its bytes.

use super::Form;
use super::source::Source;
use crate::domain::text::json_text::pattern_of;
use regex::bytes::{Regex, RegexBuilder};
use std::ops::Range;

/// Bytes of lines that are searched at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Where a needle is found, in order.
#[derive(Default)]
pub(super) struct Matches(Vec<Match>);

/// Bytes of a line, as if nothing were folded; of a payload without lines, bytes of it all.
#[derive(Clone, Copy)]
pub(super) struct Match {
    line: u32,
    start: u32,
    end: u32,
}

impl Match {
    pub(super) fn line(self) -> usize {
        self.line as usize
    }

    pub(super) fn bytes(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

impl Matches {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<Match> {
        self.0.get(at).copied()
    }

    /// How many matches at the beginning this holds for.
    pub(super) fn count_while(&self, holds: impl Fn(Match) -> bool) -> usize {
        self.0.partition_point(|found| holds(*found))
    }

    /// The bytes of the matches that show in these bytes of a line.
    pub(super) fn within(&self, line: usize, bytes: Range<usize>) -> Vec<Range<usize>> {
        let first = self.count_while(|found| (found.line(), found.bytes().end) <= (line, bytes.start));
        let rest = self.0[first..].iter().take_while(|found| (found.line(), found.bytes().start) < (line, bytes.end));
        rest.map(|found| found.bytes()).collect()
    }

    /// Looks for the needle line by line: what spans two is no match.
    pub(super) fn in_lines(source: &dyn Source, needle: &str, form: Form) -> Self {
        let mut found = Self::default();
        // No line holds the end of one.
        let Some(pattern) = pattern(needle, form).filter(|_| !needle.contains('\n')) else {
            return found;
        };
        let mut text = Vec::new();
        let mut begins = Vec::new();
        for line in 0..source.count() {
            begins.push(text.len());
            source.append(line, &mut text);
            text.push(b'\n');
            if text.len() >= CHUNK_BYTES || line + 1 == source.count() {
                found.add(&pattern, &text, line + 1 - begins.len(), &begins);
                text.clear();
                begins.clear();
            }
        }
        found
    }

    /// Looks for the needle in a payload's bytes.
    pub(super) fn in_bytes(content: &[u8], needle: &str) -> Self {
        let mut found = Self::default();
        if let Some(pattern) = pattern(needle, Form::Hex) {
            found.add(&pattern, content, 0, &[0]);
        }
        found
    }

    /// Adds the matches in the text of some lines; the places say where each line begins.
    fn add(&mut self, pattern: &Regex, text: &[u8], first: usize, begins: &[usize]) {
        let mut at = 0;
        for range in pattern.find_iter(text).map(|found| found.range()) {
            at += begins[at..].partition_point(|begin| *begin <= range.start) - 1;
            let [line, start, end] = [first + at, range.start - begins[at], range.end - begins[at]].map(u32::try_from);
            if let (Ok(line), Ok(start), Ok(end)) = (line, start, end) {
                self.0.push(Match { line, start, end });
            }
        }
    }
}

/// Whether a text is only found in the case in which it is typed: it has an upper-case letter.
#[must_use]
pub fn case_matters(needle: &str) -> bool {
    needle.chars().any(char::is_uppercase)
}

/// The needle as a pattern.
fn pattern(needle: &str, form: Form) -> Option<Regex> {
    if needle.is_empty() {
        return None;
    }
    let ignores_case = !case_matters(needle);
    let text = |text: &str| pattern_of(text, ignores_case);
    let pattern = match form {
        Form::Text => text(needle),
        Form::Json => {
            // After a key's colon one blank is shown; pasted text may have more, or none. In a string it stands as
            // it is typed.
            let colon = regex::Regex::new(r#""[ \t]*:[ \t]*"#).ok()?;
            let (mut pattern, mut rest) = (String::new(), 0);
            for found in colon.find_iter(needle) {
                let typed = regex::escape(found.as_str());
                pattern.push_str(&format!("{}(?:{typed}|\": )", text(&needle[rest..found.start()])));
                rest = found.end();
            }
            pattern + &text(&needle[rest..])
        }
        Form::Hex => match bytes_of(needle) {
            Some(bytes) => {
                let bytes: String = bytes.iter().map(|byte| format!(r"\x{byte:02x}")).collect();
                format!("(?-iu:{bytes})|{}", text(needle))
            }
            None => text(needle),
        },
    };
    // Without Unicode, `s` is not also the long s, nor `k` the Kelvin sign, and fewer beginnings have to be searched.
    let is_unicode = !needle.is_ascii();
    RegexBuilder::new(&pattern).unicode(is_unicode).case_insensitive(ignores_case).build().ok()
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
