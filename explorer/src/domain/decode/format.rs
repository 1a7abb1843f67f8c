//! Recognises the innermost content: text first, because most payloads are text; then the binary formats, each only if the whole content
//! fits it and no other format fits, too; then text with oddities.

use super::characters::{self, begins_clean};
use super::recipe::RecipeStep;
use super::rendition::Unreadable;
use super::{Layer, cbor, cloud_watch_logs, message_pack, protobuf};
use crate::domain::text::json_text::{self, BYTE_ORDER_MARK, Kind};
use std::borrow::Cow;
use std::ops::Range;

/// What a content is.
#[derive(Debug)]
pub(super) struct Format {
    /// The last layer.
    pub(super) kind: Layer,
    /// The part of the content that is its text, if it is text: without a byte order mark before it and zeros after it.
    pub(super) text: Range<usize>,
    /// The text that is shown in its place: JSON of a binary format, or text of another encoding.
    pub(super) rendition: Option<String>,
    /// A note about what is odd.
    pub(super) note: Option<String>,
    /// Whether its contents are known.
    pub(super) is_known: bool,
}

/// A content that is only a beginning.
#[derive(Debug)]
pub(super) struct Begun<'c> {
    /// What it is, if the beginning says so.
    pub(super) kind: Option<Layer>,
    /// Its text, as far as it goes.
    pub(super) text: Option<Cow<'c, str>>,
}

/// Fewer characters before zeros are rather a number than a text.
const MIN_PADDED_TEXT: usize = 4;

/// What the content is, if that can be recognised; its JSON form has at most this many bytes.
pub(super) fn detect(content: &[u8], most: usize) -> Format {
    let text = text_range(content);
    let inner = &content[text.clone()];
    if let Some(format) = detect_text(inner) {
        let margins = margins(content, &text);
        return Format { text, note: joined(margins, format.note), ..format };
    }
    let (format, is_sure) = detect_binary(content, most);
    if is_sure {
        return format;
    }
    // A text of nothing but zeros has nothing to read.
    match characters::read(inner, true) {
        Some(reading) => {
            let rendition = match reading.text {
                Cow::Borrowed(_) => None,
                Cow::Owned(text) => Some(text),
            };
            let note = joined(margins(content, &text), reading.note.map(str::to_owned));
            Format { kind: Layer::Text, text, rendition, note, is_known: reading.is_whole }
        }
        None => format,
    }
}

/// What the content is that begins like this. The answer holds for all of it.
pub(super) fn detect_beginning(content: &[u8]) -> Begun<'_> {
    let inner = content.strip_prefix(&BYTE_ORDER_MARK).unwrap_or(content);
    let is_enough = content.len() >= characters::TELLING_BYTES + BYTE_ORDER_MARK.len();
    let is_clean = begins_clean(inner, false);
    if !is_clean && may_be_binary(content) {
        return Begun { kind: None, text: None };
    }
    let text = characters::read(inner, false).map(|reading| reading.text);
    match text {
        // What follows can still be one thing or another, but what there is reads as text.
        Some(text) if !is_enough => Begun { kind: None, text: is_clean.then_some(text) },
        Some(text) => Begun { kind: Some(Layer::Text), text: Some(text) },
        None => Begun { kind: is_enough.then_some(Layer::Binary), text: None },
    }
}

/// What is shown of a content if only its beginning was unpacked.
pub(super) fn of_beginning(content: &[u8]) -> Format {
    let Begun { kind, text } = detect_beginning(content);
    let start = if content.starts_with(&BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    match text {
        Some(Cow::Borrowed(text)) => Format { text: start..start + text.len(), ..Format::plain(Layer::Text, content) },
        Some(Cow::Owned(text)) => Format { rendition: Some(text), ..Format::plain(Layer::Text, content) },
        None => Format::plain(kind.unwrap_or(Layer::Binary), content),
    }
}

/// The content in the format that the recipe names.
pub(super) fn named(step: RecipeStep, content: &[u8], most: usize) -> Result<Format, String> {
    let shown = |kind, shown: Result<String, Unreadable>| match shown {
        Ok(shown) => Ok(Format { rendition: Some(shown), ..Format::plain(kind, content) }),
        Err(error) => Err(error.to_string()),
    };
    match step {
        RecipeStep::Json => {
            let text = text_range(content);
            let json = std::str::from_utf8(&content[text.clone()]).map_err(|error| format!("it is not UTF-8: {error}"))?;
            if json.trim_ascii().is_empty() {
                return Err("there is no value".to_owned());
            }
            let oddity = match json_text::kind_of(json) {
                Kind::Json => None,
                Kind::Loose(oddity) => Some(oddity.to_owned()),
                Kind::TooDeep => return Err(TOO_DEEP.to_owned()),
                Kind::Other if json_text::are_values(json) => None,
                Kind::Other => return Err(why_not(json)),
            };
            let note = joined(margins(content, &text), oddity);
            Ok(Format { text, note, ..Format::plain(Layer::Json, content) })
        }
        RecipeStep::Text => match characters::read(content, true) {
            Some(reading) => {
                let note = reading.note.map(str::to_owned);
                let rendition = if let Cow::Owned(text) = reading.text { Some(text) } else { None };
                Ok(Format { rendition, note, is_known: reading.is_whole, ..Format::plain(Layer::Text, content) })
            }
            None => match std::str::from_utf8(content) {
                Ok(_) => Ok(Format::plain(Layer::Text, content)),
                Err(error) => Err(format!("it is not UTF-8: {error}")),
            },
        },
        RecipeStep::MessagePack => shown(Layer::MessagePack, message_pack::read(content, most)),
        RecipeStep::Cbor => shown(Layer::Cbor, cbor::read(content, most)),
        RecipeStep::Protobuf => shown(Layer::Protobuf, protobuf::read(content, most)),
        RecipeStep::Delimited => shown(Layer::Delimited, protobuf::read_delimited(content, most)),
        RecipeStep::Hex => Ok(Format::plain(Layer::Binary, content)),
        RecipeStep::Kpl
        | RecipeStep::Envelope
        | RecipeStep::Gzip
        | RecipeStep::Zlib
        | RecipeStep::Zstd
        | RecipeStep::Base64
        | RecipeStep::Glue
        | RecipeStep::Confluent
        | RecipeStep::Utf16
        | RecipeStep::Unquote
        | RecipeStep::Skip(_) => Err("it shows nothing".to_owned()),
        RecipeStep::CloudWatchLogs if cloud_watch_logs::is_envelope(content) => Ok(Format::plain(Layer::Json, content)),
        RecipeStep::CloudWatchLogs => Err("it is not what CloudWatch Logs sends".to_owned()),
    }
}

const TOO_DEEP: &str = "its JSON is nested too deeply for other programs, so it is shown as text";

fn detect_text(inner: &[u8]) -> Option<Format> {
    if !begins_clean(inner, true) {
        // A control character after the examined bytes may be inside JSON.
        let Ok(text) = std::str::from_utf8(inner) else {
            return characters::read_cut(inner).map(|text| Format::of_text(text, inner));
        };
        return json_text::is_json(text).then(|| Format::plain(Layer::Json, inner));
    }
    let Ok(text) = std::str::from_utf8(inner) else {
        // It begins like text, and a list shows no more than that.
        return characters::read(inner, true).map(|text| Format::of_text(text, inner));
    };
    Some(match json_text::kind_of(text) {
        Kind::Json => Format::plain(Layer::Json, inner),
        Kind::Loose(oddity) => Format { note: Some(oddity.to_owned()), ..Format::plain(Layer::Json, inner) },
        Kind::TooDeep => Format { note: Some(TOO_DEEP.to_owned()), ..Format::plain(Layer::Text, inner) },
        Kind::Other => Format::plain(Layer::Text, inner),
    })
}

/// The binary format of the content, and whether that is likelier than a text with oddities.
fn detect_binary(content: &[u8], most: usize) -> (Format, bool) {
    let detectors = [
        (Layer::MessagePack, message_pack::detect as fn(&[u8], usize) -> Result<String, Unreadable>),
        (Layer::Cbor, cbor::detect),
        (Layer::Protobuf, protobuf::detect),
        (Layer::Delimited, protobuf::detect_delimited),
    ];
    let plain = Format::plain(Layer::Binary, content);
    let unknown = |note: String| Format { note: Some(note), is_known: false, ..Format::plain(Layer::Binary, content) };
    let mut found: Vec<(Layer, String)> = Vec::new();
    let mut doubtful = None;
    for (kind, detect) in detectors {
        match detect(content, most) {
            Ok(shown) => found.push((kind, shown)),
            Err(error @ Unreadable::TooLarge(_)) => return (unknown(format!("looks like {kind}, but {error}")), true),
            Err(Unreadable::Doubtful) => doubtful = Some(kind),
            Err(Unreadable::Cut | Unreadable::TooDeep | Unreadable::TooMany(_) | Unreadable::Invalid(_)) => {}
        }
    }
    // Numbers alone may as well be letters.
    let is_text_as_well = |shown: &str| !shown.contains('"') && characters::read(content, true).is_some();
    let several = |names: &[&str]| {
        let names = names.join(" and as ");
        unknown(format!("it can be read as {names}: name the right step to decode it"))
    };
    let maybe = |kind: Layer| unknown(format!("it may be {kind}, or any other bytes: name the right step to decode it"));
    match found.as_mut_slice() {
        [] => match (unread_rest(content, most), doubtful) {
            (Some((note, is_sure)), _) => (unknown(note), is_sure),
            (None, Some(kind)) => (maybe(kind), false),
            (None, None) => (plain, false),
        },
        [(kind, shown)] if is_text_as_well(shown) => (several(&[kind.as_str(), Layer::Text.as_str()]), true),
        [(kind, shown)] => match as_well_but_for_padding(content, *kind, most) {
            Some(other) => (several(&[kind.as_str(), other.as_str()]), true),
            None if matches!(kind, Layer::MessagePack | Layer::Cbor) && is_byte_each(content, shown) => (maybe(*kind), true),
            None => (Format { kind: *kind, rendition: Some(std::mem::take(shown)), ..plain }, true),
        },
        all => (several(&all.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>()), true),
    }
}

/// Formats that may hold several values in a row: what follows the first value, and whether the next one is cut off.
type Values = (Layer, fn(&[u8], usize) -> Option<&[u8]>, fn(&[u8], usize) -> bool);
const VALUES: [Values; 2] =
    [(Layer::MessagePack, message_pack::after_first, message_pack::is_cut), (Layer::Cbor, cbor::after_first, cbor::is_cut)];

/// What is wrong with a content that begins with a value of a format or with its signature, but cannot be read to its end; and whether
/// it is certainly not text.
fn unread_rest(content: &[u8], most: usize) -> Option<(String, bool)> {
    if let Some(error) = cbor::why_not(content, most) {
        return Some((format!("looks like {}, but {error}", Layer::Cbor), true));
    }
    VALUES.into_iter().find_map(|(kind, after_first, is_cut)| {
        let mut rest = after_first(content, most).filter(|rest| !rest.is_empty())?;
        while let Some(after) = after_first(rest, most) {
            rest = after;
        }
        let what = match rest {
            [] => return None,
            rest if is_padding(rest) => "more bytes follow its end",
            rest if is_cut(rest, most) => "what follows its first value is cut off",
            _ => return None,
        };
        Some((format!("looks like {kind}, but {what}"), false))
    })
}

/// Another format that the content fits, with nothing but blanks and zeros after its end.
fn as_well_but_for_padding(content: &[u8], found: Layer, most: usize) -> Option<Layer> {
    let is_padded = |rest: &[u8]| !rest.is_empty() && is_padding(rest);
    let mut others = VALUES.into_iter().filter(|(kind, _, _)| *kind != found);
    others.find(|(_, after_first, _)| after_first(content, most).is_some_and(is_padded)).map(|(kind, _, _)| kind)
}

fn is_padding(rest: &[u8]) -> bool {
    rest.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace())
}

/// Whether every value in the content is one byte, as in lists of small numbers. Any bytes can look like that.
fn is_byte_each(content: &[u8], shown: &str) -> bool {
    let opened = shown.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
    let values = shown.split(['[', ']', '{', '}', ',', ':', '\n']).filter(|value| !value.is_empty()).count();
    content.len() == opened + values
}

/// Whether bytes that begin so may be a binary format.
fn may_be_binary(beginning: &[u8]) -> bool {
    let beginning = beginning.get(..characters::TELLING_BYTES).unwrap_or(beginning);
    matches!(beginning, [0x80..=0xbf | 0xdc..=0xdf, ..] | [0xd9, 0xd9, 0xf7, ..]) || protobuf::may_go_on(beginning)
}

/// Where the text is in a content that may have a byte order mark before it and zeros after it.
fn text_range(content: &[u8]) -> Range<usize> {
    let start = if content.starts_with(&BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    if content.last().is_none_or(|last| *last != 0 && !last.is_ascii_whitespace()) {
        return start..content.len();
    }
    let is_padding = |byte: &u8| *byte == 0 || byte.is_ascii_whitespace();
    let end = content.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
    let Some(zeros) = content[end..].iter().position(|byte| *byte == 0) else {
        return start..content.len();
    };
    let text = content.get(start..end).unwrap_or_default();
    let is_rather_text = text.len() >= MIN_PADDED_TEXT || matches!(text, [b'{' | b'[', ..]);
    if is_rather_text { start..end + zeros } else { start..content.len() }
}

/// What comes before and after the text.
fn margins(content: &[u8], text: &Range<usize>) -> Option<String> {
    let mark = (text.start > 0).then(|| "a byte order mark precedes it".to_owned());
    let zeros = content[text.end..].iter().filter(|byte| **byte == 0).count();
    let behind = match zeros {
        0 => None,
        1 => Some("a zero byte follows it".to_owned()),
        several => Some(format!("{several} zero bytes follow it")),
    };
    joined(mark, behind)
}

fn joined(note: Option<String>, another: Option<String>) -> Option<String> {
    match (note, another) {
        (Some(note), Some(another)) => Some(format!("{note}; {another}")),
        (note, another) => note.or(another),
    }
}

/// Why a text is not JSON, in the parser's words.
fn why_not(text: &str) -> String {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    values.find_map(Result::err).map_or_else(|| "it is not JSON".to_owned(), |error| error.to_string())
}

impl Format {
    /// Text with some bytes that are not UTF-8.
    fn of_text(decoded: characters::DecodedText<'_>, content: &[u8]) -> Self {
        Self {
            note: decoded.note.map(str::to_owned),
            is_known: decoded.is_whole,
            rendition: Some(decoded.text.into_owned()),
            ..Self::plain(Layer::Text, content)
        }
    }

    fn plain(kind: Layer, content: &[u8]) -> Self {
        Self { kind, text: 0..content.len(), rendition: None, note: None, is_known: true }
    }

    /// The text of the content, or the text that is shown instead, if there is one.
    pub(super) fn shown<'f>(&'f self, content: &'f [u8]) -> Option<&'f str> {
        match (&self.rendition, self.kind) {
            (Some(rendition), _) => Some(rendition),
            (None, Layer::Json | Layer::Text) => content.get(self.text.clone()).and_then(|text| std::str::from_utf8(text).ok()),
            (None, _) => None,
        }
    }
}
