//! Reads a line of an exported file as a record. Missing or invalid fields are listed in the record's problems, as with a damaged
//! item. Only a line that is not a JSON object is not a record.

use archiver::format::item::StoredItem;
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// A line's fields, as unparsed JSON; fields derived from others are left out.
#[derive(Deserialize)]
struct LineJson<'l> {
    #[serde(borrow)]
    stream: Option<&'l RawValue>,
    #[serde(borrow)]
    partition_key: Option<&'l RawValue>,
    #[serde(borrow)]
    sequence_number: Option<&'l RawValue>,
    #[serde(borrow)]
    sub_sequence_number: Option<&'l RawValue>,
    #[serde(borrow)]
    shard_id: Option<&'l RawValue>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<&'l RawValue>,
    #[serde(borrow)]
    last_update: Option<&'l RawValue>,
    #[serde(borrow)]
    expire_after: Option<&'l RawValue>,
    #[serde(borrow)]
    data: Option<&'l RawValue>,
    #[serde(borrow)]
    payload: Option<&'l RawValue>,
    #[serde(borrow)]
    problems: Option<&'l RawValue>,
    #[serde(borrow)]
    payload_problem: Option<&'l RawValue>,
    #[serde(borrow)]
    other_attributes: Option<&'l RawValue>,
    #[serde(borrow)]
    stored: Option<&'l RawValue>,
}

/// How an item stores a payload that could not be restored.
#[derive(Default, Deserialize)]
struct Stored {
    #[serde(rename = "recordData")]
    data: Option<String>,
    #[serde(rename = "recordEncoding")]
    encoding: Option<String>,
    #[serde(rename = "recordParts")]
    parts: Option<u32>,
}

/// Reads fields and collects their problems.
#[derive(Default)]
struct FieldReader {
    problems: Vec<String>,
}

/// A line's item.
///
/// # Errors
/// When the line is not a JSON object.
pub(super) fn item_of(line: &str) -> Result<StoredItem, serde_json::Error> {
    let json: LineJson<'_> = serde_json::from_str(line)?;
    let mut fields = FieldReader::default();
    let partition_key: Option<String> = fields.read("partition_key", json.partition_key, "a text");
    if json.partition_key.is_none() {
        fields.problems.push("partition_key is missing".to_owned());
    }
    let sequence_number = fields.text_or_number("sequence_number", json.sequence_number).and_then(|text| {
        let number = SequenceNumber::parse(text);
        number.map_err(|error| fields.problems.push(error.to_string())).ok()
    });
    let arrival = fields.text_or_number("approximate_arrival_timestamp", json.approximate_arrival_timestamp).and_then(|text| {
        let arrival = ArrivalTime::parse(&text);
        arrival.map_err(|error| fields.problems.push(error.to_string())).ok()
    });
    let others: serde_json::Map<String, serde_json::Value> =
        fields.read("other_attributes", json.other_attributes, "an object").unwrap_or_default();
    let stored: Stored = fields.read("stored", json.stored, "an object").unwrap_or_default();
    let data = fields.read("data", json.data, "a text").or(stored.data).or_else(|| fields.data_of_payload(json.payload));
    let mut problems: Vec<String> = fields.read("problems", json.problems, "a list of texts").unwrap_or_default();
    let payload_problem: Option<String> = fields.read("payload_problem", json.payload_problem, "a text");
    // The payload's problem is found again when the payload is read.
    if payload_problem.is_some() && problems.last() == payload_problem.as_ref() {
        problems.pop();
    }
    let mut item = StoredItem {
        partition_key: partition_key.unwrap_or_default(),
        sequence_number,
        data,
        encoding: stored.encoding,
        parts: stored.parts,
        sub_sequence_number: fields.read("sub_sequence_number", json.sub_sequence_number, "a count"),
        arrival,
        shard_id: fields.read("shard_id", json.shard_id, "a text"),
        last_update: fields.read("last_update", json.last_update, "a text"),
        expire_after: fields.read("expire_after", json.expire_after, "a whole number"),
        others: others.into_iter().map(|(name, value)| (name, text_of(value))).collect(),
        problems,
    };
    item.problems.extend(fields.problems);
    Ok(item)
}

/// The stream that a line names.
pub(super) fn stream_of(line: &str) -> Option<String> {
    let json: LineJson<'_> = serde_json::from_str(line).ok()?;
    serde_json::from_str(json.stream?.get()).ok()
}

impl FieldReader {
    fn read<T: DeserializeOwned>(&mut self, name: &str, json: Option<&RawValue>, wanted: &str) -> Option<T> {
        let json = json?.get();
        match serde_json::from_str(json) {
            Ok(value) => Some(value),
            Err(_) => {
                self.problems.push(format!("{name} is {}, which is not {wanted}", beginning(json)));
                None
            }
        }
    }

    /// Digits, with or without quotation marks; a number keeps all of them.
    fn text_or_number(&mut self, name: &str, json: Option<&RawValue>) -> Option<String> {
        let json = json?;
        match json.get().as_bytes().first() {
            Some(b'0'..=b'9' | b'-') => Some(json.get().to_owned()),
            _ => self.read(name, Some(json), "a text"),
        }
    }

    /// A payload that the line contains only decoded, as base64.
    fn data_of_payload(&mut self, payload: Option<&RawValue>) -> Option<String> {
        let json = payload?.get();
        let text = serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_owned());
        self.problems.push("only its decoded payload was exported; the original bytes may have been different".to_owned());
        Some(STANDARD.encode(text))
    }
}

fn text_of(value: serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}

fn beginning(json: &str) -> String {
    const SHOWN: usize = 40;
    let mut characters = json.chars();
    let shown: String = characters.by_ref().take(SHOWN).collect();
    if characters.next().is_some() { format!("{shown}…") } else { shown }
}
