//! A payload as JSON: one pass notes where each line of the laid-out form has its bytes, sixteen bytes a line and no text of its
//! own, so that what is shown is the payload's own tokens. It also knows what belongs together, for folding.

use super::layout::Lines;
use super::source::Source;
use super::wrap::Segment;
use crate::domain::text::count;
use crate::domain::text::json_text::{Token, is_json};
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// Lines of JSON laid out for reading.
pub(crate) struct Json {
    content: Arc<Vec<u8>>,
    lines: Vec<Line>,
}

/// One line: the value `"key": 1,`, a bracket that opens, one that closes.
#[derive(Clone, Copy)]
struct Line {
    /// Its first byte: of the key, or of the value if there is no key.
    start: u32,
    /// Where the value begins; of a bracket, the line of the other one.
    link: u32,
    /// Where the value ends, its comma not included; of a closing bracket, how many values stand between the two.
    end: u32,
    /// What contains it. serde_json takes no more than 128.
    depth: u8,
    kind: Kind,
    flags: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Value,
    Empty,
    Open,
    Folded,
    Close,
}

const KEYED: u8 = 1;
const COMMA: u8 = 2;
/// Key and value are nothing but characters of one byte and column.
const PLAIN: u8 = 4;

/// `{ … 4 294 967 295 fields },` is shorter.
const MAX_FOLDED_COLUMNS: usize = 32;

/// Blanks a level.
const INDENT: usize = 2;

impl Line {
    fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    fn value_start(self) -> usize {
        match self.kind {
            Kind::Value | Kind::Empty => self.link as usize,
            Kind::Open | Kind::Folded => (self.end as usize).saturating_sub(1),
            Kind::Close => self.start as usize,
        }
    }

    fn value_end(self) -> usize {
        if self.kind == Kind::Close { self.start as usize + 1 } else { self.end as usize }
    }

    fn unfolded(self) -> Self {
        Self { kind: if self.kind == Kind::Folded { Kind::Open } else { self.kind }, ..self }
    }
}

impl Json {
    /// The index of valid JSON, one value or several; `None` where it is something else.
    pub(crate) fn new(content: Arc<Vec<u8>>) -> Option<Self> {
        let text = std::str::from_utf8(&content).ok().filter(|text| is_json(text))?;
        let lines = JsonLineReader { bytes: text.as_bytes(), at: 0, lines: Vec::new(), open: Vec::new(), key: None }.read()?;
        Some(Self { content, lines })
    }

    fn slice(&self, range: Range<usize>) -> &[u8] {
        self.content.get(range).unwrap_or_default()
    }

    /// The key unchanged, with its quotes; empty if there is none.
    pub(super) fn key(&self, line: usize) -> &[u8] {
        self.lines.get(line).map_or(&[], |line| self.key_of(*line))
    }

    fn key_of(&self, line: Line) -> &[u8] {
        if !line.has(KEYED) {
            return &[];
        }
        let before = self.slice(line.start as usize..line.value_start()).trim_ascii_end();
        before.strip_suffix(b":").unwrap_or(before).trim_ascii_end()
    }

    /// The string, number or word on this line, unchanged.
    pub(super) fn scalar(&self, line: usize) -> Option<&str> {
        let line = self.lines.get(line).filter(|line| line.kind == Kind::Value)?;
        std::str::from_utf8(self.slice(line.value_start()..line.value_end())).ok()
    }

    /// `{ … 12 fields }`.
    fn folded(&self, line: Line) -> (String, bool) {
        let close = self.lines.get(line.link as usize).copied().unwrap_or(line);
        let (what, [open, closing]) = match self.content.get(line.value_start()) {
            Some(b'{') => ("field", ['{', '}']),
            _ => ("item", ['[', ']']),
        };
        let plural = if close.end == 1 { "" } else { "s" };
        (format!("{open} … {} {what}{plural} {closing}", count(u64::from(close.end))), close.has(COMMA))
    }

    /// Whether something can be folded at this line, and whether it is.
    pub(super) fn fold(&self, line: usize) -> Option<super::Fold> {
        match self.lines.get(line)?.kind {
            Kind::Open => Some(super::Fold::Open),
            Kind::Folded => Some(super::Fold::Folded),
            Kind::Value | Kind::Empty | Kind::Close => None,
        }
    }

    /// Folds what begins or ends at this line, or what contains it; unfolds what is folded. Returns the line that stays.
    pub(super) fn toggle(&mut self, line: usize) -> Option<usize> {
        let opening = match self.lines.get(line)?.kind {
            Kind::Open | Kind::Folded => line,
            Kind::Close => self.lines[line].link as usize,
            Kind::Value | Kind::Empty => self.container(line)?.0,
        };
        let kind = &mut self.lines.get_mut(opening)?.kind;
        *kind = if *kind == Kind::Folded { Kind::Open } else { Kind::Folded };
        Some(opening)
    }

    /// Folds all that is so deep or deeper, and unfolds the rest. Returns the lines that have changed.
    pub(super) fn fold_from(&mut self, depth: usize) -> Vec<usize> {
        let mut changed = Vec::new();
        for (at, line) in self.lines.iter_mut().enumerate() {
            let kind = match line.kind {
                Kind::Open | Kind::Folded if usize::from(line.depth) >= depth => Kind::Folded,
                Kind::Open | Kind::Folded => Kind::Open,
                kind => kind,
            };
            if kind != line.kind {
                line.kind = kind;
                changed.push(at);
            }
        }
        changed
    }

    /// The line that opens what contains this line's value, and how many values stand before it there.
    pub(super) fn container(&self, line: usize) -> Option<(usize, usize)> {
        let mut at = self.begin(line);
        if self.lines.get(at)?.depth == 0 {
            return None;
        }
        let mut before = 0;
        loop {
            at = at.checked_sub(1)?;
            match self.lines[at].kind {
                Kind::Open | Kind::Folded => return Some((at, before)),
                Kind::Close => at = self.lines[at].link as usize,
                Kind::Value | Kind::Empty => {}
            }
            before += 1;
        }
    }

    /// The line at which this line's value begins.
    pub(super) fn begin(&self, line: usize) -> usize {
        self.lines.get(line).filter(|line| line.kind == Kind::Close).map_or(line, |line| line.link as usize)
    }

    /// What is shown of the value where it is not folded; of one that has others in it, its bracket.
    fn unfolded_value(&self, line: Line) -> &[u8] {
        let value = self.slice(line.value_start()..line.value_end());
        match line.kind {
            Kind::Empty if value.starts_with(b"{") => b"{}",
            Kind::Empty => b"[]",
            Kind::Value | Kind::Open | Kind::Folded | Kind::Close => value,
        }
    }

    fn segments_of(&self, line: Line) -> impl Iterator<Item = Segment<'_>> {
        let punctuation = |bytes: &'static [u8]| (Token::Punctuation, Cow::Borrowed(bytes));
        let key = line.has(KEYED).then(|| [(Token::Key, Cow::Borrowed(self.key_of(line))), punctuation(b": ")]);
        let mut comma = line.has(COMMA);
        let value = self.unfolded_value(line);
        let value = match line.kind {
            Kind::Folded => {
                let (text, closing_comma) = self.folded(line);
                comma = closing_comma;
                (Token::Punctuation, Cow::Owned(text.into_bytes()))
            }
            Kind::Empty | Kind::Open | Kind::Close => (Token::Punctuation, Cow::Borrowed(value)),
            Kind::Value => (token_of(value), Cow::Borrowed(value)),
        };
        key.into_iter().flatten().chain([value]).chain(comma.then(|| punctuation(b",")))
    }
}

impl Lines for Json {
    fn count(&self) -> usize {
        self.lines.len()
    }

    fn next(&self, line: usize) -> usize {
        self.lines.get(line).filter(|line| line.kind == Kind::Folded).map_or(line, |folded| folded.link as usize) + 1
    }

    fn indent(&self, line: usize, columns: usize) -> usize {
        self.lines.get(line).map_or(0, |line| (INDENT * usize::from(line.depth)).min(columns / 2))
    }

    fn segments(&self, line: usize) -> Vec<Segment<'_>> {
        self.lines.get(line).map_or_else(Vec::new, |line| self.segments_of(*line).collect())
    }

    fn plain_width(&self, line: usize) -> Option<usize> {
        let line = *self.lines.get(line).filter(|line| line.has(PLAIN) && line.kind != Kind::Folded)?;
        let key = if line.has(KEYED) { self.key_of(line).len() + 2 } else { 0 };
        let value = if line.kind == Kind::Empty { 2 } else { line.value_end() - line.value_start() };
        Some(key + value + usize::from(line.has(COMMA)))
    }

    fn most_columns(&self, line: usize) -> Option<usize> {
        let line = *self.lines.get(line).filter(|line| line.has(PLAIN) && line.kind == Kind::Folded)?;
        Some(self.key_of(line).len() + 2 + MAX_FOLDED_COLUMNS)
    }
}

impl Source for Json {
    fn whole(&self, line: usize) -> Vec<Segment<'_>> {
        self.lines.get(line).map_or_else(Vec::new, |line| self.segments_of(line.unfolded()).collect())
    }

    fn append(&self, line: usize, text: &mut Vec<u8>) {
        let Some(line) = self.lines.get(line) else {
            return;
        };
        if line.has(KEYED) {
            text.extend_from_slice(self.key_of(*line));
            text.extend_from_slice(b": ");
        }
        text.extend_from_slice(self.unfolded_value(*line));
        if line.has(COMMA) {
            text.push(b',');
        }
    }
}

fn token_of(value: &[u8]) -> Token {
    match value.first() {
        Some(b'"') => Token::Text,
        Some(b'-' | b'0'..=b'9') => Token::Number,
        _ => Token::Word,
    }
}

/// The pass over the bytes. It trusts that they are JSON, and gives up where they turn out not to be.
struct JsonLineReader<'b> {
    bytes: &'b [u8],
    at: usize,
    lines: Vec<Line>,
    /// The lines of open objects and lists, with the number of values in each.
    open: Vec<(u32, u32)>,
    /// Where the key begins whose value comes, and whether it is plain.
    key: Option<(usize, bool)>,
}

impl JsonLineReader<'_> {
    fn read(mut self) -> Option<Vec<Line>> {
        while let Some(byte) = self.skip_blanks() {
            let start = self.at;
            match byte {
                b'{' | b'[' => {
                    self.at += 1;
                    let is_empty = matches!(self.skip_blanks()?, b'}' | b']');
                    if is_empty {
                        self.at += 1;
                        self.value(Kind::Empty, start, self.at, true)?;
                    } else {
                        self.value(Kind::Open, start, start + 1, true)?;
                        self.open.push((u32::try_from(self.lines.len() - 1).ok()?, 0));
                    }
                }
                b'}' | b']' => {
                    let (opening, values) = self.open.pop()?;
                    self.lines.get_mut(opening as usize)?.link = u32::try_from(self.lines.len()).ok()?;
                    let depth = u8::try_from(self.open.len()).ok()?;
                    let start = u32::try_from(start).ok()?;
                    self.lines.push(Line { start, link: opening, end: values, depth, kind: Kind::Close, flags: PLAIN });
                    self.at += 1;
                }
                b',' => {
                    self.lines.last_mut()?.flags |= COMMA;
                    self.at += 1;
                }
                b'"' => {
                    let is_plain = self.skip_string();
                    let end = self.at;
                    if self.skip_blanks() == Some(b':') {
                        self.at += 1;
                        self.key = Some((start, is_plain));
                    } else {
                        self.value(Kind::Value, start, end, is_plain)?;
                    }
                }
                _ => {
                    let rest = &self.bytes[start..];
                    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b'}' | b']' | b'{' | b'[' | b'"');
                    self.at += rest.iter().position(is_end).unwrap_or(rest.len()).max(1);
                    self.value(Kind::Value, start, self.at, true)?;
                }
            }
        }
        self.open.is_empty().then_some(self.lines)
    }

    fn skip_blanks(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if !byte.is_ascii_whitespace() {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Passes over a string; says whether it is plain.
    fn skip_string(&mut self) -> bool {
        let mut is_plain = true;
        self.at += 1;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.at += 1,
                b' '..=b'~' => {}
                _ => is_plain = false,
            }
        }
        self.at = self.at.min(self.bytes.len());
        is_plain
    }

    fn value(&mut self, kind: Kind, start: usize, end: usize, is_plain: bool) -> Option<()> {
        if let Some((_, values)) = self.open.last_mut() {
            *values += 1;
        }
        let key = self.key.take();
        let keyed = if key.is_some() { KEYED } else { 0 };
        let plain = if is_plain && key.is_none_or(|(_, is_plain)| is_plain) { PLAIN } else { 0 };
        self.lines.push(Line {
            start: u32::try_from(key.map_or(start, |(start, _)| start)).ok()?,
            link: u32::try_from(start).ok()?,
            end: u32::try_from(end).ok()?,
            depth: u8::try_from(self.open.len()).ok()?,
            kind,
            flags: keyed | plain,
        });
        Some(())
    }
}
