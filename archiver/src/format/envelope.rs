//! The envelope of a replayed record: `SEPARATOR JSON SEPARATOR payload`. Replays write it, consumers recognise it. The payload's
//! bytes stay as they are.

use crate::format::item::StoredItem;
use crate::format::payload::Data;
use crate::format::stream::StreamName;
use serde::{Deserialize, Serialize};

/// The text before and after the envelope's JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Separator(String);

/// Where a replayed record came from. All values are texts, in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Epoch seconds with their fraction.
    pub original_approximate_arrival_timestamp: String,
    /// The shard that held the record.
    pub original_shard_id: String,
    /// Its sequence number there.
    pub original_sequence_number: String,
    /// The stream it came from, if it was replayed into another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original_stream_name: Option<String>,
}

/// A text that cannot separate an envelope from its payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} cannot be the separator: it must not be empty, and must not contain a letter, a digit, a space or one of {FORBIDDEN}, because the envelope itself contains them"
)]
pub struct InvalidSeparator {
    text: String,
}

/// Characters that the JSON may contain besides letters, digits and spaces.
const FORBIDDEN: &str = "\" { } : , - _ . \\";

impl Default for Separator {
    /// The control character 0x1E, "record separator".
    fn default() -> Self {
        Self("\u{1e}".to_owned())
    }
}

impl Separator {
    /// Accepts a text that cannot occur in the envelope's JSON.
    ///
    /// # Errors
    /// When it is empty or has a character that can occur there.
    pub fn parse(text: &str) -> Result<Self, InvalidSeparator> {
        let occurs = |character: char| character.is_alphanumeric() || FORBIDDEN.contains(character);
        if text.is_empty() || text.chars().any(occurs) {
            return Err(InvalidSeparator { text: text.to_owned() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Separator {
    type Err = InvalidSeparator;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Envelope {
    /// The envelope of an archived record that is replayed into another stream or its own. Fields that a damaged item lacks are
    /// empty.
    #[must_use]
    pub fn of(item: &StoredItem, source: &StreamName, target: &StreamName) -> Self {
        let text = |part: Option<String>| part.unwrap_or_default();
        Self {
            original_approximate_arrival_timestamp: text(item.arrival.as_ref().map(ToString::to_string)),
            original_shard_id: text(item.shard_id.clone()),
            original_sequence_number: text(item.sequence_number.as_ref().map(ToString::to_string)),
            original_stream_name: (source != target).then(|| source.to_string()),
        }
    }

    /// The payload with the envelope before it.
    ///
    /// # Errors
    /// Only what the JSON library may return; texts can always be written.
    pub fn wrap(&self, separator: &Separator, payload: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
        let separator = separator.as_str().as_bytes();
        let json = serde_json::to_vec(self)?;
        let mut wrapped = Vec::with_capacity(2 * separator.len() + json.len() + payload.len());
        for part in [separator, &json, separator, payload] {
            wrapped.extend_from_slice(part);
        }
        Ok(wrapped)
    }

    /// The envelope and the payload of a record; `None` if it has no envelope. Only the first two separators count.
    #[must_use]
    pub fn unwrap<'p>(separator: &Separator, data: &'p [u8]) -> Option<(Self, &'p [u8])> {
        let separator = separator.as_str().as_bytes();
        let rest = data.strip_prefix(separator)?;
        let end = rest.windows(separator.len()).position(|window| window == separator)?;
        let envelope = serde_json::from_slice(&rest[..end]).ok()?;
        Some((envelope, &rest[end + separator.len()..]))
    }

    /// The same for an unknown separator: any single byte or character.
    #[must_use]
    pub fn detect(data: &[u8]) -> Option<(Self, &[u8])> {
        let (separator, rest) = data.split_at_checked(separator_length(data)?)?;
        let start = rest.get(..MAX_ENVELOPE_BYTES).unwrap_or(rest);
        let mut values = serde_json::Deserializer::from_slice(start).into_iter::<Self>();
        let envelope = values.next()?.ok()?;
        let payload = rest.get(values.byte_offset()..)?.strip_prefix(separator)?;
        Some((envelope, payload))
    }
}

/// How the envelope's JSON begins.
const JSON_START: &[u8] = b"{\"originalApproximateArrivalTimestamp\":";
/// Bytes of the longest character, because an unknown separator may be any character.
const MAX_SEPARATOR_BYTES: usize = 4;
/// Longer than any envelope, which has four short texts and the name of a stream.
const MAX_ENVELOPE_BYTES: usize = 2 * 1024;

/// Whether a payload is a replay into its own stream: one byte or character, an envelope that names no other stream, and the same
/// byte or character again.
#[must_use]
pub fn is_replay_into(stream: &StreamName, data: &Data<'_>) -> bool {
    let begins_alike = |start: Vec<u8>| separator_length(&start).is_some();
    if !data.first_bytes(MAX_SEPARATOR_BYTES + JSON_START.len()).is_ok_and(begins_alike) {
        return false;
    }
    let Ok(start) = data.first_bytes(MAX_ENVELOPE_BYTES) else {
        return false;
    };
    let is_own = |envelope: Envelope| envelope.original_stream_name.is_none_or(|origin| origin == stream.as_str());
    Envelope::detect(&start).is_some_and(|(envelope, _)| is_own(envelope))
}

/// Length of the separator at the start of the data, if the JSON of an envelope follows it.
fn separator_length(data: &[u8]) -> Option<usize> {
    (1..=MAX_SEPARATOR_BYTES).find(|length| {
        data.get(*length..).is_some_and(|rest| rest.starts_with(JSON_START))
            && (*length == 1 || std::str::from_utf8(&data[..*length]).is_ok_and(|text| text.chars().count() == 1))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::format::record::ArrivalTime;
    use crate::format::sequence::SequenceNumber;
    use proptest::prelude::*;

    fn envelope(target: &str) -> Envelope {
        let item = StoredItem {
            sequence_number: SequenceNumber::parse("4959").ok(),
            arrival: ArrivalTime::parse("1545084650.987").ok(),
            shard_id: Some("shardId-000000000006".to_owned()),
            ..StoredItem::default()
        };
        Envelope::of(&item, &StreamName::parse("orders").unwrap(), &StreamName::parse(target).unwrap())
    }

    #[test]
    fn the_json_is_compact_and_names_the_stream_only_where_it_is_another() {
        let wrapped = envelope("audit").wrap(&Separator::default(), b"hello").unwrap();
        assert_eq!(
            String::from_utf8(wrapped).unwrap(),
            "\u{1e}{\"originalApproximateArrivalTimestamp\":\"1545084650.987\",\"originalShardId\":\"shardId-000000000006\",\
             \"originalSequenceNumber\":\"4959\",\"originalStreamName\":\"orders\"}\u{1e}hello"
        );
        assert_eq!(envelope("orders").original_stream_name, None);
    }

    #[test]
    fn what_can_occur_in_the_json_is_no_separator() {
        for text in ["", "a", "7", "\"", "{", "::", "-", "_", ".", "|x", " ", "é"] {
            assert!(Separator::parse(text).is_err(), "{text:?} was accepted");
        }
        for text in ["|", "\u{1e}", "~~", "\n"] {
            assert!(Separator::parse(text).is_ok(), "{text:?} was refused");
        }
    }

    fn is_replay(payload: &[u8]) -> bool {
        let text = base64_simd::STANDARD.encode_to_string(payload);
        let orders = StreamName::parse("orders").unwrap();
        let found = is_replay_into(&orders, &Data::Text(text.into()));
        assert_eq!(is_replay_into(&orders, &Data::Bytes(payload.into())), found);
        found
    }

    #[test]
    fn a_replay_into_its_own_stream_is_recognised_and_nothing_else() {
        for separator in ["\u{1e}", "|", "§", "→", "🦀"] {
            let separator = Separator::parse(separator).unwrap();
            for payload in [&b""[..], b"hello", &[0; 5_000]] {
                let own = envelope("orders").wrap(&separator, payload).unwrap();
                assert!(is_replay(&own), "{separator:?}");
                let foreign = envelope("audit").wrap(&separator, payload).unwrap();
                let from_orders = String::from_utf8_lossy(&foreign).contains(r#""originalStreamName":"orders""#);
                assert!(from_orders && is_replay(&foreign), "it came from the stream it is in now");
                let other = String::from_utf8_lossy(&foreign).replace("\"orders\"", "\"clicks\"");
                assert!(!is_replay(other.as_bytes()));
            }
        }
        let own = envelope("orders").wrap(&Separator::default(), b"hello").unwrap();
        assert!(!is_replay(&own[1..]), "no separator before");
        assert!(!is_replay(&own[..own.len() - 6]), "no separator after");
        assert!(!is_replay(&own[..60]));
        assert!(!is_replay(&[b"||", &own[1..]].concat()), "two characters");
        assert!(!is_replay(b""));
        let invalid_byte = [&[0xff], &own[1..own.len() - 6], &[0xff], b"hello"].concat();
        assert!(is_replay(&invalid_byte));
    }

    proptest! {
        #[test]
        fn any_payload_is_looked_at(payload: Vec<u8>, cut in 0..300_usize) {
            let own = envelope("orders").wrap(&Separator::default(), &payload).unwrap();
            prop_assert!(!is_replay(&payload) || payload.len() > 100);
            is_replay(&own[..cut.min(own.len())]);
        }

        #[test]
        fn the_payload_comes_back_byte_for_byte(payload: Vec<u8>, pipe: bool) {
            let separator = if pipe { Separator::parse("|").unwrap() } else { Separator::default() };
            let wrapped = envelope("audit").wrap(&separator, &payload).unwrap();
            let (read, rest) = Envelope::unwrap(&separator, &wrapped).unwrap();
            prop_assert_eq!(Envelope::detect(&wrapped), Some((read.clone(), rest)));
            prop_assert_eq!(read, envelope("audit"));
            prop_assert_eq!(rest, payload.as_slice());
        }
    }
}
