//! What conditions compare with: keys, shards, ranges of numbers and sizes, and the properties a record can have.

use super::mistake::InvalidFilter;
use super::word::{self, Word};
use archiver::format::sequence::SequenceNumber;
use std::fmt;
use std::ops::Range;

/// Characters of a partition key. Source: Kinesis API reference, PutRecord.
pub(super) const MAX_KEY_CHARACTERS: usize = 256;

/// Partition keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyPattern {
    /// This one.
    Exactly(String),
    /// All that begin so.
    Prefix(String),
}

/// A shard's whole name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShardName(String);

/// Sequence numbers by value, both ends included; an end that is not there is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequenceRange {
    /// The lowest.
    pub from: Option<SequenceNumber>,
    /// The highest.
    pub to: Option<SequenceNumber>,
}

/// Numbers of bytes, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SizeRange {
    least: u64,
    most: Option<u64>,
}

/// What a record can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Property {
    /// Its time to live is over.
    Expired,
    /// Its item lacks something, or its payload cannot be restored.
    Damaged,
    /// Its payload is in parts.
    Parts,
    /// Its payload is stored compressed.
    Gzip,
    /// It is an aggregated record.
    Aggregated,
    /// It carries a replay envelope.
    Replay,
    /// Something that conditions ask for cannot be read: its time, its payload, or some of what is in that.
    Unreadable,
}

impl KeyPattern {
    pub(super) fn parse(word: &Word, span: Range<usize>) -> Result<Self, InvalidFilter> {
        let (key, is_prefix) = match word.is_quoted {
            true => (word.text.clone(), word.star.is_some()),
            false => Self::read_bare(&word.text, span.start)?,
        };
        if key.chars().count() > MAX_KEY_CHARACTERS {
            let sentence = format!("a partition key has at most {MAX_KEY_CHARACTERS} characters");
            return Err(InvalidFilter::new(span, sentence));
        }
        match (key.is_empty(), is_prefix) {
            (true, true) => {
                Err(InvalidFilter::new(span, "* alone matches every key; write what the keys begin with, such as cust-*"))
            }
            (_, true) => Ok(Self::Prefix(key)),
            (_, false) => Ok(Self::Exactly(key)),
        }
    }

    /// The key of a word without quotation marks, and whether a star at its end asks for all that begin so.
    fn read_bare(text: &str, at: usize) -> Result<(String, bool), InvalidFilter> {
        let mut key = String::with_capacity(text.len());
        let mut characters = text.char_indices().peekable();
        while let Some((offset, character)) = characters.next() {
            match (character, characters.peek()) {
                ('\\', Some((_, '*'))) => {
                    key.push('*');
                    characters.next();
                }
                ('*', None) => return Ok((key, true)),
                ('*', Some(_)) => {
                    let sentence = "a star is possible only at the end, for all keys that begin like this; write a star that is part of the key as \\*";
                    return Err(InvalidFilter::new(at + offset..at + offset + 1, sentence));
                }
                (other, _) => key.push(other),
            }
        }
        Ok((key, false))
    }

    /// Whether it is one of these keys.
    pub(crate) fn matches(&self, key: &str) -> bool {
        match self {
            Self::Exactly(wanted) => key == wanted,
            Self::Prefix(prefix) => key.starts_with(prefix.as_str()),
        }
    }
}

impl fmt::Display for KeyPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(key) => formatter.write_str(&word::quoted(key)),
            Self::Prefix(prefix) => write!(formatter, "{}*", word::quoted(prefix)),
        }
    }
}

/// What every shard's name begins with. Source: Kinesis API reference, Shard.
const SHARD_PREFIX: &str = "shardId-";

impl ShardName {
    pub(super) fn parse(text: &str, span: Range<usize>) -> Result<Self, InvalidFilter> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u64>() {
            Ok(number) if is_number => Ok(Self(format!("{SHARD_PREFIX}{number:012}"))),
            _ if text.starts_with(SHARD_PREFIX) => Ok(Self(text.to_owned())),
            _ => {
                Err(InvalidFilter::new(span, "that is not a shard; use its number or its name, such as 3 or shardId-000000000003"))
            }
        }
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.0.strip_prefix(SHARD_PREFIX).and_then(|digits| digits.parse::<u64>().ok());
        match number {
            Some(number) if format!("{SHARD_PREFIX}{number:012}") == self.0 => write!(formatter, "{number}"),
            _ => formatter.write_str(&word::quoted(&self.0)),
        }
    }
}

impl SequenceRange {
    pub(super) fn parse(text: &str, span: Range<usize>) -> Result<Self, InvalidFilter> {
        let number = |digits: &str| {
            SequenceNumber::parse(digits)
                .map_err(|error| InvalidFilter::new(span.clone(), format!("{error}; a range is written 100..200, 100.. or ..200")))
        };
        let end = |digits: &str| if digits.is_empty() { Ok(None) } else { number(digits).map(Some) };
        let range = match text.split_once("..") {
            None => {
                let number = number(text)?;
                Self { from: Some(number.clone()), to: Some(number) }
            }
            Some((from, to)) => Self { from: end(from)?, to: end(to)? },
        };
        match (&range.from, &range.to) {
            (None, None) => Err(InvalidFilter::new(span, "a range needs at least one end, such as 100..200, 100.. or ..200")),
            (Some(from), Some(to)) if from > to => {
                Err(InvalidFilter::new(span, "the first number is larger than the second, so no record can match"))
            }
            _ => Ok(range),
        }
    }

    /// Whether the number is among them.
    #[must_use]
    pub fn contains(&self, number: &SequenceNumber) -> bool {
        self.from.as_ref().is_none_or(|from| number >= from) && self.to.as_ref().is_none_or(|to| number <= to)
    }
}

impl fmt::Display for SequenceRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(from), true) = (&self.from, self.from == self.to) {
            return write!(formatter, "{from}");
        }
        let end = |number: &Option<SequenceNumber>| number.as_ref().map(ToString::to_string).unwrap_or_default();
        write!(formatter, "{}..{}", end(&self.from), end(&self.to))
    }
}

const SIZE_FORMS: &str = "use >10k, <=1MiB, 0..100 or 512; k, M and G count by 1024";

impl SizeRange {
    pub(super) fn parse(text: &str, span: Range<usize>) -> Result<Self, InvalidFilter> {
        let bytes = |text: &str| {
            let number = text.trim();
            bytes_of(number).ok_or_else(|| InvalidFilter::new(span.clone(), format!("\"{number}\" is not a size; {SIZE_FORMS}")))
        };
        let nothing = || InvalidFilter::new(span.clone(), format!("no size is in this range; {SIZE_FORMS}"));
        let range = if let Some(least) = text.strip_prefix(">=") {
            Self { least: bytes(least)?, most: None }
        } else if let Some(most) = text.strip_prefix("<=") {
            Self { least: 0, most: Some(bytes(most)?) }
        } else if let Some(below) = text.strip_prefix('>') {
            Self { least: bytes(below)?.checked_add(1).ok_or_else(nothing)?, most: None }
        } else if let Some(above) = text.strip_prefix('<') {
            Self { least: 0, most: Some(bytes(above)?.checked_sub(1).ok_or_else(nothing)?) }
        } else {
            match text.split_once("..") {
                Some(("", "")) => return Err(InvalidFilter::new(span, format!("a range needs at least one end; {SIZE_FORMS}"))),
                Some((least, "")) => Self { least: bytes(least)?, most: None },
                Some(("", most)) => Self { least: 0, most: Some(bytes(most)?) },
                Some((least, most)) => Self { least: bytes(least)?, most: Some(bytes(most)?) },
                None => {
                    let exactly = bytes(text.strip_prefix('=').unwrap_or(text))?;
                    Self { least: exactly, most: Some(exactly) }
                }
            }
        };
        if range.most.is_some_and(|most| most < range.least) { Err(nothing()) } else { Ok(range) }
    }

    /// Whether this many bytes are in the range.
    pub(crate) fn contains(self, bytes: u64) -> bool {
        bytes >= self.least && self.most.is_none_or(|most| bytes <= most)
    }
}

const UNITS: [(&str, u64); 3] = [("G", 1 << 30), ("M", 1 << 20), ("k", 1 << 10)];

/// `512`, `512B`, `10k`, `1MiB`, `2gb`.
fn bytes_of(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let factor = match unit {
        "" => 1,
        unit => UNITS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u64>().ok().filter(|_| is_number)?.checked_mul(factor)
}

fn with_unit(bytes: u64) -> String {
    match UNITS.into_iter().find(|(_, factor)| bytes > 0 && bytes.is_multiple_of(*factor)) {
        Some((name, factor)) => format!("{}{name}", bytes / factor),
        None => bytes.to_string(),
    }
}

impl fmt::Display for SizeRange {
    /// With the ends that are the rounder ones: `>10k` rather than `>=10241`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_round = |bytes: u64| bytes.is_multiple_of(1 << 10);
        match (self.least, self.most) {
            (least @ 1.., None) if is_round(least - 1) => write!(formatter, ">{}", with_unit(least - 1)),
            (least, None) => write!(formatter, ">={}", with_unit(least)),
            (0, Some(most)) if most < u64::MAX && is_round(most + 1) => write!(formatter, "<{}", with_unit(most + 1)),
            (0, Some(most)) => write!(formatter, "<={}", with_unit(most)),
            (least, Some(most)) if least == most => formatter.write_str(&with_unit(least)),
            (least, Some(most)) => write!(formatter, "{}..{}", with_unit(least), with_unit(most)),
        }
    }
}

impl Property {
    /// All of them, and what each means in a few words.
    pub(super) const ALL: [(Self, &'static str); 7] = [
        (Self::Expired, "it has expired, but is not deleted yet"),
        (Self::Damaged, "its item lacks something, or its payload cannot be restored"),
        (Self::Unreadable, "its time or payload cannot be read completely, so filters cannot decide about it"),
        (Self::Parts, "its payload is stored in parts"),
        (Self::Gzip, "its payload is stored compressed"),
        (Self::Aggregated, "it holds user records, packed by the Kinesis Producer Library"),
        (Self::Replay, "it was replayed with an envelope"),
    ];

    pub(super) fn parse(text: &str, span: Range<usize>) -> Result<Self, InvalidFilter> {
        let found = Self::ALL.into_iter().map(|(property, _)| property).find(|property| property.as_str() == text);
        found.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.into_iter().map(|(property, _)| property.as_str()).collect();
            InvalidFilter::new(span, format!("a record cannot be \"{text}\"; it can be {}", words.join(", ")))
        })
    }

    /// Its word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Damaged => "damaged",
            Self::Parts => "parts",
            Self::Gzip => "gzip",
            Self::Aggregated => "aggregated",
            Self::Replay => "replay",
            Self::Unreadable => "unreadable",
        }
    }
}
