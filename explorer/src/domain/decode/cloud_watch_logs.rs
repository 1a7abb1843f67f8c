//! What CloudWatch Logs sends to a stream: gzipped JSON with the events of one log stream, or several of these if Firehose has joined
//! them. Source: CloudWatch Logs user guide, subscription filters.

use super::{Decoded, Layer};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The fields that tell it from other JSON.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<Event> {
    #[serde(rename = "messageType")]
    _message_type: MessageType,
    #[serde(rename = "logGroup")]
    _log_group: String,
    log_events: Vec<Event>,
}

#[derive(Deserialize)]
enum MessageType {
    #[serde(rename = "DATA_MESSAGE")]
    Data,
    #[serde(rename = "CONTROL_MESSAGE")]
    Control,
}

#[derive(Deserialize)]
struct Event {
    timestamp: i64,
    message: String,
}

/// Whether it is one, or several after one another.
pub(super) fn is_envelope(content: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(content) else {
        return false;
    };
    if !text.contains("\"logEvents\"") || !text.contains("\"messageType\"") {
        return false;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Envelope<IgnoredAny>>();
    values.all(|envelope| envelope.is_ok())
}

/// How a payload from CloudWatch Logs begins.
const START: &str = "{\"messageType\"";

/// Whether a text may be from CloudWatch Logs, by how it begins.
#[must_use]
pub fn begins_so(text: &[u8]) -> bool {
    text.trim_ascii_start().starts_with(START.as_bytes())
}

/// The first message of a text from CloudWatch Logs, and how many follow it; `None` of any other text, and where it has none.
#[must_use]
pub fn first_message(text: &str) -> Option<(String, usize)> {
    if !begins_so(text.as_bytes()) {
        return None;
    }
    let mut first = None;
    let mut count = 0;
    for envelope in serde_json::Deserializer::from_str(text).into_iter::<Envelope<Event>>() {
        let events = envelope.ok()?.log_events;
        count += events.len();
        first = first.or_else(|| events.into_iter().next().map(|event| event.message));
    }
    first.map(|message| (message, count - 1))
}

/// The log lines of a payload from CloudWatch Logs, each with its time in epoch milliseconds; `None` of any other payload.
#[must_use]
pub fn log_lines(decoded: &Decoded) -> Option<Vec<(i64, String)>> {
    let text = decoded.text().filter(|_| decoded.layers.contains(&Layer::CloudWatchLogs))?;
    let envelopes = serde_json::Deserializer::from_str(text).into_iter::<Envelope<Event>>();
    let mut lines = Vec::new();
    for envelope in envelopes {
        lines.extend(envelope.ok()?.log_events.into_iter().map(|event| (event.timestamp, event.message)));
    }
    Some(lines)
}
