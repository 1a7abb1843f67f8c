//! A payload as lines of text. Four bytes a line say where it begins and whether it is plain.

use super::layout::Lines;
use super::source::Source;
use super::wrap::{Segment, is_plain};
use crate::domain::text::json_text::Token;
use std::borrow::Cow;
use std::sync::Arc;

/// Lines of a text, ended by `\n` or `\r\n`.
pub(crate) struct Text {
    content: Arc<Vec<u8>>,
    /// Where each line begins, with [`PLAIN`]; and where the next one would.
    starts: Vec<u32>,
}

/// Set where each byte of the line is a character of one column.
const PLAIN: u32 = 1 << 31;

impl Text {
    pub(crate) fn new(content: Arc<Vec<u8>>) -> Self {
        let mut starts = Vec::new();
        let mut start = 0;
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            let plain = if is_plain(without_end(line)) { PLAIN } else { 0 };
            starts.push(start | plain);
            start = start.saturating_add(u32::try_from(line.len()).unwrap_or(PLAIN - 1)).min(PLAIN - 1);
        }
        starts.push(start);
        Self { content, starts }
    }

    fn start(&self, line: usize) -> usize {
        self.starts.get(line).map_or(self.content.len(), |start| (start & !PLAIN) as usize)
    }

    /// The line's bytes without what ends it.
    pub(crate) fn line(&self, line: usize) -> &[u8] {
        without_end(self.content.get(self.start(line)..self.start(line + 1)).unwrap_or_default())
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line)
}

impl Lines for Text {
    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    fn next(&self, line: usize) -> usize {
        line + 1
    }

    fn indent(&self, _: usize, _: usize) -> usize {
        0
    }

    fn segments(&self, line: usize) -> Vec<Segment<'_>> {
        vec![(Token::Plain, Cow::Borrowed(self.line(line)))]
    }

    fn plain_width(&self, line: usize) -> Option<usize> {
        self.starts.get(line).filter(|start| *start & PLAIN != 0).map(|_| self.line(line).len())
    }
}

impl Source for Text {
    fn whole(&self, line: usize) -> Vec<Segment<'_>> {
        self.segments(line)
    }

    fn append(&self, line: usize, text: &mut Vec<u8>) {
        text.extend_from_slice(self.line(line));
    }
}
