//! What the innermost content is, and how it is shown: text first, since most payloads are, then the binary formats, each only where
//! all of the content is one value of it.

use super::recipe::Step;
use super::{Layer, cbor, cloud_watch_logs, message_pack, protobuf};
use crate::domain::json_text;
use serde::de::IgnoredAny;

/// What a content is.
#[derive(Debug)]
pub(super) struct Format {
    /// What is shown as the last layer.
    pub(super) kind: Layer,
    /// JSON text that shows the same, of a binary format.
    pub(super) rendition: Option<String>,
}

/// What the content is, as far as can be told.
pub(super) fn detect(content: &[u8]) -> Format {
    match std::str::from_utf8(content) {
        Ok(text) if json_text::is_json(text) => Format::plain(Layer::Json),
        Ok(text) if has_no_controls(text) => Format::plain(Layer::Text),
        _ => detect_binary(content),
    }
}

/// JSON text that shows the same as a content of a binary format; `None` for any other.
pub(super) fn rendition_of(content: &[u8]) -> Option<String> {
    // No value of a binary format begins like JSON does.
    let is_json_rather = matches!(content, [b'{' | b'[', ..]);
    if is_json_rather || as_text(content).is_some() { None } else { detect_binary(content).rendition }
}

fn detect_binary(content: &[u8]) -> Format {
    let detectors = [
        (Layer::MessagePack, message_pack::detect as fn(&[u8]) -> Option<String>),
        (Layer::Cbor, cbor::detect),
        (Layer::Protobuf, protobuf::detect),
    ];
    let found = detectors.into_iter().find_map(|(kind, detect)| detect(content).map(|shown| (kind, shown)));
    match found {
        Some((kind, shown)) => Format { kind, rendition: Some(shown) },
        None => Format::plain(Layer::Binary),
    }
}

/// The content as what somebody says it is.
pub(super) fn named(step: Step, content: &[u8]) -> Result<Format, String> {
    let shown = |kind, shown: Result<String, super::rendition::Unreadable>| match shown {
        Ok(shown) => Ok(Format { kind, rendition: Some(shown) }),
        Err(error) => Err(error.to_string()),
    };
    let text = || std::str::from_utf8(content).map_err(|error| format!("it is not UTF-8: {error}"));
    match step {
        Step::Json => {
            let mut values = serde_json::Deserializer::from_str(text()?).into_iter::<IgnoredAny>().peekable();
            if values.peek().is_none() {
                return Err("there is no value".to_owned());
            }
            values.try_for_each(|value| value.map(|_| ())).map_err(|error| error.to_string())?;
            Ok(Format::plain(Layer::Json))
        }
        Step::Text => text().map(|_| Format::plain(Layer::Text)),
        Step::MessagePack => shown(Layer::MessagePack, message_pack::read(content)),
        Step::Cbor => shown(Layer::Cbor, cbor::read(content)),
        Step::Protobuf => shown(Layer::Protobuf, protobuf::read(content)),
        Step::Hex => Ok(Format::plain(Layer::Binary)),
        Step::Kpl | Step::Envelope | Step::Gzip | Step::Zlib | Step::Zstd | Step::Base64 => Err("it shows nothing".to_owned()),
        Step::CloudWatchLogs if cloud_watch_logs::is_envelope(content) => Ok(Format::plain(Layer::Json)),
        Step::CloudWatchLogs => Err("it is not what CloudWatch Logs sends".to_owned()),
    }
}

/// The bytes as text, where no character of it is a control character but those between words and lines.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| has_no_controls(text))
}

fn has_no_controls(text: &str) -> bool {
    if text.is_ascii() {
        return text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'..=b'\r'));
    }
    text.chars().all(|character| !character.is_control() || character.is_whitespace())
}

impl Format {
    fn plain(kind: Layer) -> Self {
        Self { kind, rendition: None }
    }
}
