//! A record as JSON: a line of an exported file, and what the command line prints for scripts.

use crate::domain::decode::{Decoded, Decoder, Layer, MAX_SHOWN_BYTES, Recipe, is_plain, with_aggregate};
use crate::domain::export::PayloadForm;
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::text::size;
use archiver::format::aggregate::UserRecord;
use archiver::format::stream::StreamName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A record as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct RecordJson {
    /// The stream it was put into, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream: Option<String>,
    pub(super) partition_key: String,
    pub(super) sequence_number: Option<String>,
    /// Its place in its aggregated record.
    pub(super) sub_sequence_number: Option<u64>,
    pub(super) shard_id: Option<String>,
    /// Epoch seconds with their fraction.
    pub(super) approximate_arrival_timestamp: Option<Box<RawValue>>,
    /// The same time as RFC 3339, UTC.
    pub(super) arrived_at: Option<String>,
    pub(super) last_update: Option<String>,
    /// Epoch seconds.
    pub(super) expire_after: Option<i64>,
    /// `whole`, `gzip`, `parts` or `gzip parts`.
    pub(super) stored_as: Option<&'static str>,
    /// Bytes of the payload.
    pub(super) size_bytes: Option<u64>,
    /// The payload in base64, however it is stored; if the item's text is not base64, that text.
    pub(super) data: Option<String>,
    /// The recognised formats, outermost first.
    pub(super) encoding: Vec<&'static str>,
    /// The schema id in a registry's header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) schema_id: Option<String>,
    /// The payload: a JSON value if it is one, a text if it is text, otherwise null.
    pub(super) payload: Option<Payload>,
    /// What is wrong with the item, and last with its payload.
    pub(super) problems: Vec<String>,
    /// The last problem, if it is the payload's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload_problem: Option<String>,
    /// Attributes of the item that have no field here.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_object")]
    pub(super) other_attributes: Vec<(String, String)>,
    /// The item's fields for a payload that could not be restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stored: Option<Stored>,
    /// The user records of an aggregated record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_records: Option<Vec<UserRecordJson>>,
}

/// A payload for people and scripts.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Payload {
    Json(Box<RawValue>),
    Text(String),
}

/// The attributes of an item that say how its payload is stored, unchanged.
#[derive(Debug, Serialize)]
pub(super) struct Stored {
    #[serde(rename = "recordData", skip_serializing_if = "Option::is_none")]
    data: Option<String>,
    #[serde(rename = "recordEncoding", skip_serializing_if = "Option::is_none")]
    encoding: Option<String>,
    #[serde(rename = "recordParts", skip_serializing_if = "Option::is_none")]
    parts: Option<u32>,
}

/// A user record of an aggregated record as JSON.
#[derive(Debug, Serialize)]
pub(super) struct UserRecordJson {
    partition_key: String,
    explicit_hash_key: Option<String>,
    sub_sequence_number: u64,
    data: Option<String>,
    encoding: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_id: Option<String>,
    payload: Option<Payload>,
    /// What is unusual about its payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_problem: Option<String>,
}

/// Decodes a record's content, and limits the JSON that comes from it.
struct Showing {
    decoder: Decoder,
    /// Bytes of JSON that its payloads may still take.
    room: usize,
}

/// A payload as it is printed.
struct Told {
    encoding: Vec<&'static str>,
    schema_id: Option<String>,
    size_bytes: Option<u64>,
    payload: Option<Payload>,
    problem: Option<String>,
    /// Whether to print its bytes as well, because the payload is incomplete.
    needs_data: bool,
}

impl RecordJson {
    /// A record with its payload or the reason why there is none, how it is decoded, and which forms are printed.
    pub(crate) fn new(
        stream: Option<&StreamName>,
        record: &Record,
        payload: Result<Vec<u8>, NoPayload>,
        (recipe, form): (&Recipe, PayloadForm),
    ) -> Self {
        let item = &record.item;
        let is_restored = payload.is_ok();
        let data = match (&payload, record.stored_as()) {
            // Exactly as the item stores it.
            (_, Some("whole")) => item.data.clone(),
            (Ok(payload), _) => Some(STANDARD.encode(payload)),
            (Err(_), _) => None,
        };
        let stored = Stored { data: item.data.clone(), encoding: item.encoding.clone(), parts: item.parts };
        let is_lost = data.is_none() && (stored.data.is_some() || stored.encoding.is_some() || stored.parts.is_some());
        let aggregated = payload.as_ref().ok().filter(|payload| !is_plain(payload, true)).cloned();
        let mut showing = Showing { decoder: Decoder::default(), room: MAX_SHOWN_BYTES };
        let told = showing.tell(record.decode_by(&showing.decoder, payload, recipe, 0));
        let user_records = aggregated.and_then(|payload| user_records(&payload, recipe, form, &mut showing));
        let mut problems = item.problems.clone();
        problems.extend(told.problem.clone());
        Self {
            stream: stream.map(ToString::to_string),
            partition_key: record.id.partition_key.clone(),
            sequence_number: item.sequence_number.as_ref().map(ToString::to_string),
            sub_sequence_number: item.sub_sequence_number,
            shard_id: item.shard_id.clone(),
            approximate_arrival_timestamp: item.arrival.as_ref().and_then(|at| number(at.as_str())),
            arrived_at: record.arrived_at.map(|at| at.to_string()),
            last_update: item.last_update.clone(),
            expire_after: item.expire_after,
            stored_as: record.stored_as(),
            size_bytes: told.size_bytes,
            data: data.filter(|_| !is_restored || form.has_data(&told)),
            encoding: told.encoding,
            schema_id: told.schema_id,
            payload: told.payload.filter(|_| form.has_payload()),
            problems,
            payload_problem: told.problem,
            other_attributes: item.others.clone(),
            stored: is_lost.then_some(stored),
            user_records,
        }
    }
}

impl PayloadForm {
    fn has_payload(self) -> bool {
        self != Self::Base64
    }

    /// If a decoded payload cannot be fully shown as text, it is also printed in base64; otherwise it would be lost.
    fn has_data(self, told: &Told) -> bool {
        self != Self::Decoded || told.needs_data || told.payload.as_ref().is_none_or(Payload::is_null)
    }
}

impl Payload {
    /// Whether it is JSON's null, which looks like no payload.
    fn is_null(&self) -> bool {
        matches!(self, Self::Json(json) if json.get() == "null")
    }

    /// As it was.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Json(json) => json.get(),
            Self::Text(text) => text,
        }
    }
}

fn user_records(payload: &[u8], recipe: &Recipe, form: PayloadForm, showing: &mut Showing) -> Option<Vec<UserRecordJson>> {
    let inner = recipe.of_user_record();
    let told = |record: UserRecord<'_>| {
        let told = showing.tell(showing.decoder.decode(record.data.to_vec(), false, &inner, 0));
        UserRecordJson {
            partition_key: record.partition_key.to_owned(),
            explicit_hash_key: record.explicit_hash_key.map(str::to_owned),
            sub_sequence_number: record.sub_sequence_number,
            data: form.has_data(&told).then(|| STANDARD.encode(record.data)),
            encoding: told.encoding,
            schema_id: told.schema_id,
            payload: told.payload.filter(|_| form.has_payload()),
            payload_problem: told.problem,
        }
    };
    with_aggregate(payload, recipe.to_aggregate(), |aggregate| aggregate.user_records().map(told).collect())
}

impl Showing {
    fn tell(&mut self, decoded: Decoded) -> Told {
        let layers = decoded.layers.iter().filter(|layer| **layer != Layer::StoredGzip);
        let encoding = layers.map(|layer| layer.as_str()).collect();
        let schema_id = decoded.schema().map(|schema| schema.id());
        let (size_bytes, is_whole, note, kind) = (decoded.payload_size, decoded.is_whole, decoded.note.clone(), decoded.kind());
        let (payload, too_large) = match decoded.into_text() {
            None => (None, None),
            Some(text) if kind == Layer::Json => match serde_json::from_str::<&RawValue>(&text).map(ToOwned::to_owned) {
                Ok(json) => self.json(json),
                // Several values in a row, or JSON as only Python writes it, are printed as text.
                Err(_) => self.text(text),
            },
            Some(text) => self.text(text),
        };
        let needs_data = !is_whole || too_large.is_some();
        let problem = match (note, too_large) {
            (Some(note), Some(too_large)) => Some(format!("{note}; {too_large}")),
            (note, too_large) => note.or(too_large),
        };
        Told { encoding, schema_id, size_bytes, payload, problem, needs_data }
    }

    fn json(&mut self, json: Box<RawValue>) -> (Option<Payload>, Option<String>) {
        match self.room.checked_sub(json.get().len()) {
            Some(room) => {
                self.room = room;
                let is_on_one_line = !json.get().contains(['\n', '\r']);
                let json = if is_on_one_line { Ok(json) } else { RawValue::from_string(on_one_line(json.get())) };
                (json.ok().map(Payload::Json), None)
            }
            None => (None, Some(format!("its JSON of {} is left out: {}", size(json.get().len() as u64), too_large()))),
        }
    }

    fn text(&mut self, mut text: String) -> (Option<Payload>, Option<String>) {
        let (end, room) = fitting(&text, self.room);
        self.room = room;
        if end == text.len() {
            return (Some(Payload::Text(text)), None);
        }
        let left_out = size((text.len() - end) as u64);
        text.truncate(end);
        text.shrink_to_fit();
        (Some(Payload::Text(text)), Some(format!("the last {left_out} of its text are left out: {}", too_large())))
    }
}

fn too_large() -> String {
    format!("no more than {} are written of what one record holds", size(MAX_SHOWN_BYTES as u64))
}

/// How much of a text fits into this many bytes of JSON, and how many bytes are left then.
fn fitting(text: &str, room: usize) -> (usize, usize) {
    let mut left = room;
    for (at, character) in text.char_indices() {
        let written = match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            _ => character.len_utf8(),
        };
        match left.checked_sub(written) {
            Some(after) => left = after,
            None => return (at, left),
        }
    }
    (text.len(), left)
}

/// JSON as it was written, without line ends. They can only stand between its parts, since texts escape them.
fn on_one_line(json: &str) -> String {
    json.replace(['\n', '\r'], " ")
}

/// Digits as a JSON number with all of them, or as text if JSON has no such number, such as one with a leading zero.
fn number(digits: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(digits.to_owned()).or_else(|_| serde_json::value::to_raw_value(digits)).ok()
}

fn as_object<S: Serializer>(attributes: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut object = serializer.serialize_map(Some(attributes.len()))?;
    for (name, value) in attributes {
        object.serialize_entry(name, value)?;
    }
    object.end()
}
