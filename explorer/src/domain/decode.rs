//! Decodes a payload: base64 first, then the layers that are recognised or named in a recipe, each limited in size, and the requested
//! user record of an aggregated record. Called to show, search and export records.

mod beginning;
mod budget;
mod cbor;
mod characters;
mod cloud_watch_logs;
mod content;
mod format;
mod hex;
mod message_pack;
mod opened;
mod packed;
mod peeling;
mod protobuf;
mod recipe;
mod registry;
mod rendition;
mod unquoted;
mod utf16;

pub(super) use beginning::PLAIN_BYTES;
pub use beginning::{AggregateSize, Beginning, Beginnings, is_plain};
pub use cloud_watch_logs::{begins_so as begins_like_logs, first_message, log_lines};
pub use content::Content;
pub use hex::hex_lines;
pub use opened::{OBJECT_BEGINNINGS, Opened, may_hold_user_records, open};
pub use recipe::{InvalidRecipe, Recipe, RecipeStep};
pub use registry::Schema;

use archiver::format::aggregate::{Aggregate, UserRecord};
use archiver::format::envelope::Envelope;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use budget::Budget;
use peeling::{Halt, Peeling};
use std::borrow::Cow;
use std::fmt;
use std::ops::{ControlFlow, Range};

/// Bytes that all layers of a record that is shown are unpacked to together, so that a bomb does no harm.
pub const MAX_SHOWN_BYTES: usize = 64 * 1024 * 1024;
/// The same of a record that is searched: fewer, since a page of them is searched at once.
pub const MAX_SEARCHED_BYTES: usize = 16 * 1024 * 1024;

/// One layer that was taken off, or what was found inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Base64: the item's text form of the payload, or a text inside it.
    Base64,
    /// Compressed by the archiver, which is no part of the payload.
    StoredGzip,
    /// A user record in a record of the Kinesis Producer Library.
    Kpl {
        /// Which one, from 0.
        place: u64,
        /// How many there are.
        count: u64,
    },
    /// What a replay writes before a payload.
    Envelope,
    /// Compressed.
    Gzip,
    /// Compressed.
    Zlib,
    /// Compressed.
    Zstd,
    /// Events of a log stream; JSON follows.
    CloudWatchLogs,
    /// The header of a schema registry.
    Registry(Schema),
    /// UTF-16, made UTF-8.
    Utf16,
    /// A JSON string with JSON in it.
    JsonString,
    /// This many bytes, skipped by a recipe.
    Skipped(u32),
    /// JSON, one value or several.
    Json,
    /// UTF-8 text.
    Text,
    /// MessagePack, rendered as JSON.
    MessagePack,
    /// CBOR, rendered as JSON.
    Cbor,
    /// A protobuf message, its fields rendered as JSON by their numbers.
    Protobuf,
    /// Protobuf messages, each after its length, rendered as JSON.
    Delimited,
    /// Anything else.
    Binary,
    /// What could not be restored.
    NotReadable,
}

/// A payload with its layers taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What was recognised, outermost first; the last says what the content is.
    pub layers: Vec<Layer>,
    /// The innermost bytes.
    pub content: Vec<u8>,
    /// The part of it that is text, if it is text or JSON: without a byte order mark before it and zeros after it.
    pub text: Range<usize>,
    /// The text that is shown instead of the content: the JSON form of MessagePack, CBOR or protobuf, or text of another encoding.
    pub rendition: Option<String>,
    /// Which user record of an aggregated record this is.
    pub user_record: Option<UserRecordPlace>,
    /// Where a replayed record came from.
    pub envelope: Option<Envelope>,
    /// Bytes of the payload itself, as it was put into the stream; `None` where it could not be restored.
    pub payload_size: Option<u64>,
    /// Whether nothing of it was left unread.
    pub is_whole: bool,
    /// What is odd about it: why a layer could not be taken off, or was only in part.
    pub note: Option<String>,
}

/// A user record among those that were put as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecordPlace {
    /// Which one, from 0.
    pub place: u64,
    /// How many there are.
    pub count: u64,
    /// Its own partition key.
    pub partition_key: String,
}

impl UserRecordPlace {
    fn of(record: &UserRecord<'_>, count: u64) -> Self {
        Self { place: record.sub_sequence_number, count, partition_key: record.partition_key.to_owned() }
    }
}

impl Layer {
    /// Its name, without a place.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::StoredGzip => "stored gzip",
            Self::Kpl { .. } => "KPL",
            Self::Envelope => "replay envelope",
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::CloudWatchLogs => "CloudWatch Logs",
            Self::Registry(schema) => schema.registry(),
            Self::Utf16 => "UTF-16",
            Self::JsonString => "JSON string",
            Self::Skipped(_) => "skip",
            Self::Json => "JSON",
            Self::Text => "text",
            Self::MessagePack => "MessagePack",
            Self::Cbor => "CBOR",
            Self::Protobuf => "protobuf",
            Self::Delimited => "protobuf messages",
            Self::Binary => "binary",
            Self::NotReadable => "not readable",
        }
    }
}

impl fmt::Display for Layer {
    /// Its name in the breadcrumb, with what tells it from others of its kind. People count from 1: `KPL 3/17`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kpl { place, count } => write!(formatter, "KPL {}/{count}", place.saturating_add(1)),
            Self::Registry(schema) => schema.fmt(formatter),
            Self::Skipped(bytes) => write!(formatter, "skip {bytes}"),
            layer => formatter.write_str(layer.as_str()),
        }
    }
}

impl Decoded {
    /// The layers as a breadcrumb: `gzip › JSON`. The base64 in which an item holds any payload is none of the payload's layers.
    #[must_use]
    pub fn breadcrumb(&self) -> String {
        let of_payload = self.layers.strip_prefix(&[Layer::Base64]).unwrap_or(&self.layers);
        of_payload.iter().map(ToString::to_string).collect::<Vec<_>>().join(" › ")
    }

    /// What the innermost bytes are.
    #[must_use]
    pub fn kind(&self) -> Layer {
        self.layers.last().copied().unwrap_or(Layer::Binary)
    }

    /// The content as text, where it is one, or the JSON text that shows the same.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match (&self.rendition, self.kind()) {
            (Some(rendition), _) => Some(rendition),
            (None, Layer::Json | Layer::Text) => {
                self.content.get(self.text.clone()).and_then(|text| std::str::from_utf8(text).ok())
            }
            (None, _) => None,
        }
    }

    /// The same, without a copy.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match (self.rendition, self.layers.last()) {
            (Some(rendition), _) => Some(rendition),
            (None, Some(Layer::Json | Layer::Text)) => {
                let mut content = self.content;
                content.truncate(self.text.end);
                content.drain(..self.text.start.min(content.len()));
                String::from_utf8(content).ok()
            }
            (None, _) => None,
        }
    }

    /// The schema by which it was written, where a registry's header says so.
    #[must_use]
    pub fn schema(&self) -> Option<Schema> {
        self.layers.iter().find_map(|layer| if let Layer::Registry(schema) = layer { Some(*schema) } else { None })
    }
}

/// Decodes what one record holds: all its user records and layers together are unpacked to no more than [`MAX_SHOWN_BYTES`].
#[derive(Debug)]
pub struct Decoder {
    budget: Budget,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { budget: Budget::of(MAX_SHOWN_BYTES) }
    }
}

impl Decoder {
    /// Decodes a payload by a recipe. Of an aggregated record, `user_record` is the place, from 0, of the user record to show, or the
    /// last if there are fewer.
    #[must_use]
    pub fn decode(&self, payload: Vec<u8>, is_stored_gzip: bool, recipe: &Recipe, user_record: usize) -> Decoded {
        let payload_size = payload.len() as u64;
        let layers = if is_stored_gzip { vec![Layer::Base64, Layer::StoredGzip] } else { vec![Layer::Base64] };
        let mut outer = Peeling::new(Cow::Owned(payload), layers, recipe, &self.budget);
        if outer.peel() == Halt::Aggregate {
            if let Some(aggregate) = Aggregate::parse(outer.content()) {
                let count = aggregate.user_records().count();
                if let Some(record) = aggregate.user_records().nth(user_record.min(count.saturating_sub(1))) {
                    let mut inner = outer.inside(&record, count as u64);
                    inner.peel();
                    return inner.into_decoded(payload_size);
                }
            }
            outer.pass_by_aggregate();
        }
        outer.into_decoded(payload_size)
    }
}

/// Decodes an item's payload. What is not base64 is shown as the text it is, with a note.
#[must_use]
pub fn decode(data: &str) -> Decoded {
    match STANDARD.decode(data) {
        Ok(payload) => decode_payload(payload),
        Err(error) => {
            let note = Some(format!("recordData is not base64: {error}"));
            plain(vec![Layer::Text], data.as_bytes().to_vec(), note)
        }
    }
}

/// Decodes a payload that the archive holds as it is.
#[must_use]
pub fn decode_payload(payload: Vec<u8>) -> Decoded {
    decode_with(payload, false, &Recipe::Detected, 0)
}

/// Decodes a payload by a recipe. Of an aggregated record, `user_record` is the place, from 0, of the user record to show, or the last
/// if there are fewer.
#[must_use]
pub fn decode_with(payload: Vec<u8>, is_stored_gzip: bool, recipe: &Recipe, user_record: usize) -> Decoded {
    Decoder::default().decode(payload, is_stored_gzip, recipe, user_record)
}

/// Goes through the innermost contents of a payload: one, or each user record's of an aggregate, until the visitor breaks off. All of
/// them together are unpacked to no more than [`MAX_SEARCHED_BYTES`]; what is beyond is not whole.
pub fn visit_contents(payload: &[u8], recipe: &Recipe, visit: &mut dyn FnMut(&Content<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
    open(payload, recipe, |opened| opened.visit(&mut |_, content| visit(content)))
}

/// The user records of an aggregated record in their order, this many from the place `first` on; empty for any other payload. All of
/// them may take far more memory than the payload, because many may share one key.
#[must_use]
pub fn user_records(payload: &[u8], recipe: &Recipe, first: usize, most: usize) -> Vec<UserRecordPlace> {
    let in_aggregate = |aggregate: Aggregate<'_>| {
        let count = aggregate.user_records().count() as u64;
        let records = aggregate.user_records().skip(first).take(most);
        records.map(|record| UserRecordPlace::of(&record, count)).collect()
    };
    with_aggregate(payload, recipe, in_aggregate).unwrap_or_default()
}

/// How many user records a payload holds; `None` where it is no aggregated record.
#[must_use]
pub fn user_record_count(payload: &[u8], recipe: &Recipe) -> Option<u64> {
    with_aggregate(payload, recipe, |aggregate| aggregate.user_records().count() as u64)
}

/// What an aggregated record comes to, wherever the layers lead to one.
pub fn with_aggregate<T>(payload: &[u8], recipe: &Recipe, then: impl FnOnce(Aggregate<'_>) -> T) -> Option<T> {
    let budget = Budget::of(MAX_SHOWN_BYTES);
    let mut outer = Peeling::new(Cow::Borrowed(payload), Vec::new(), recipe, &budget);
    if outer.peel() == Halt::Aggregate { Aggregate::parse(outer.content()).map(then) } else { None }
}

/// What an item holds in place of a payload that could not be restored, and why.
#[must_use]
pub fn not_restored(data: &str, reason: String) -> Decoded {
    plain(vec![Layer::Base64, Layer::NotReadable], STANDARD.decode(data).unwrap_or_default(), Some(reason))
}

fn plain(layers: Vec<Layer>, content: Vec<u8>, note: Option<String>) -> Decoded {
    Decoded {
        text: 0..content.len(),
        layers,
        content,
        rendition: None,
        user_record: None,
        envelope: None,
        payload_size: None,
        is_whole: note.is_none(),
        note,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests;
