//! What a payload is: its base64 undone, then as many layers as can be recognised, each with a bound on what it may grow to.

use super::json_text;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use std::io::Read as _;

/// One layer that was taken off, or what was found inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The item's text form of the payload.
    Base64,
    /// Compressed by the archiver, which is no part of the payload.
    StoredGzip,
    /// Compressed.
    Gzip,
    /// JSON, one value or several.
    Json,
    /// UTF-8 text.
    Text,
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
    /// Bytes of the payload itself, as it was put into the stream; `None` where it could not be restored.
    pub payload_size: Option<u64>,
    /// Why a layer could not be taken off, or was only in part.
    pub note: Option<String>,
}

/// Which decoders are applied to a payload: those that are detected, or those that somebody has named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recipe {
    /// Whatever is detected.
    #[default]
    Detected,
}

/// A compressed payload is not unpacked beyond this, so that a bomb does no harm.
const MAX_UNPACKED_BYTES: u64 = 64 * 1024 * 1024;

impl Layer {
    /// Its name in the breadcrumb.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::StoredGzip => "stored gzip",
            Self::Gzip => "gzip",
            Self::Json => "JSON",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::NotReadable => "not readable",
        }
    }
}

impl Decoded {
    /// The layers as a breadcrumb: `base64 › gzip › JSON`.
    #[must_use]
    pub fn breadcrumb(&self) -> String {
        self.layers.iter().map(|layer| layer.as_str()).collect::<Vec<_>>().join(" › ")
    }

    /// What the innermost bytes are.
    #[must_use]
    pub fn kind(&self) -> Layer {
        self.layers.last().copied().unwrap_or(Layer::Binary)
    }

    /// The innermost bytes as text, where they are.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.kind() {
            Layer::Json | Layer::Text => std::str::from_utf8(&self.content).ok(),
            Layer::Base64 | Layer::StoredGzip | Layer::Gzip | Layer::Binary | Layer::NotReadable => None,
        }
    }
}

/// Decodes an item's payload. What is not base64 is shown as the text it is, with a note.
#[must_use]
pub fn decode(data: &str) -> Decoded {
    match STANDARD.decode(data) {
        Ok(payload) => decode_payload(payload),
        Err(error) => Decoded {
            layers: vec![Layer::Text],
            payload_size: None,
            content: data.as_bytes().to_vec(),
            note: Some(format!("recordData is not base64: {error}")),
        },
    }
}

/// Whether any of the innermost contents of a payload is what somebody looks for: one, or each user record's of an aggregate.
pub fn any_content(payload: &[u8], _: &Recipe, is_wanted: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    is_wanted(&take_off_layers(payload.to_vec(), Vec::new()).content)
}

/// Decodes a payload that the archive holds as it is.
#[must_use]
pub fn decode_payload(payload: Vec<u8>) -> Decoded {
    take_off_layers(payload, vec![Layer::Base64])
}

/// Decodes a payload that the archive held compressed.
#[must_use]
pub fn decode_stored_gzip(payload: Vec<u8>) -> Decoded {
    take_off_layers(payload, vec![Layer::Base64, Layer::StoredGzip])
}

/// What an item holds in place of a payload that could not be restored, and why.
#[must_use]
pub fn not_restored(data: &str, reason: String) -> Decoded {
    let content = STANDARD.decode(data).unwrap_or_default();
    Decoded { layers: vec![Layer::Base64, Layer::NotReadable], content, payload_size: None, note: Some(reason) }
}

fn take_off_layers(payload: Vec<u8>, layers: Vec<Layer>) -> Decoded {
    let payload_size = Some(payload.len() as u64);
    let mut decoded = Decoded { layers, content: payload, payload_size, note: None };
    if decoded.content.starts_with(&[0x1f, 0x8b]) {
        match unzip(&decoded.content) {
            Ok((content, complete)) => {
                decoded.layers.push(Layer::Gzip);
                decoded.content = content;
                if !complete {
                    decoded.note = Some(format!("only the first {} are unpacked", super::text::size(MAX_UNPACKED_BYTES)));
                }
            }
            Err(error) => decoded.note = Some(format!("looks like gzip, but cannot be unpacked: {error}")),
        }
    }
    decoded.layers.push(kind_of(&decoded.content));
    decoded
}

fn kind_of(content: &[u8]) -> Layer {
    match std::str::from_utf8(content) {
        Ok(text) if json_text::is_json(text) => Layer::Json,
        Ok(text) if text.chars().all(|character| !character.is_control() || character.is_whitespace()) => Layer::Text,
        _ => Layer::Binary,
    }
}

/// The unpacked bytes, and whether they are all.
fn unzip(packed: &[u8]) -> std::io::Result<(Vec<u8>, bool)> {
    let mut content = Vec::new();
    let mut reader = MultiGzDecoder::new(packed).take(MAX_UNPACKED_BYTES + 1);
    reader.read_to_end(&mut content)?;
    let complete = content.len() as u64 <= MAX_UNPACKED_BYTES;
    if !complete {
        content.pop();
    }
    Ok((content, complete))
}

/// Bytes as `offset  hex  characters`, sixteen a line, the lines from `first` on.
#[must_use]
pub fn hex_lines(bytes: &[u8], first: usize, lines: usize) -> Vec<String> {
    const WIDTH: usize = 16;
    bytes
        .chunks(WIDTH)
        .enumerate()
        .skip(first)
        .take(lines)
        .map(|(line, chunk)| {
            let mut hex = String::with_capacity(3 * WIDTH + 1);
            for (at, byte) in chunk.iter().enumerate() {
                hex.push_str(if at == WIDTH / 2 { "  " } else { " " });
                hex.push_str(&format!("{byte:02x}"));
            }
            let characters: String =
                chunk.iter().map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '·' }).collect();
            format!("{:08x} {hex:<49}  {characters}", line * WIDTH)
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn layers_are_recognised_and_named() {
        for (payload, breadcrumb) in [
            (b"{\"id\":1}".to_vec(), "base64 › JSON"),
            (b"plain text\n".to_vec(), "base64 › text"),
            (vec![0, 159, 146, 150], "base64 › binary"),
            (gzip(b"{\"id\":1}"), "base64 › gzip › JSON"),
            (vec![0x1f, 0x8b, 1, 2], "base64 › binary"),
            (vec![], "base64 › text"),
        ] {
            assert_eq!(decode(&STANDARD.encode(&payload)).breadcrumb(), breadcrumb);
        }
        let not_base64 = decode("héllo!");
        assert_eq!(not_base64.text(), Some("héllo!"));
        assert!(not_base64.note.unwrap().contains("not base64"));
    }

    #[test]
    fn a_bomb_is_unpacked_only_so_far() {
        let zeros = vec![0; usize::try_from(MAX_UNPACKED_BYTES).unwrap() + 10];
        let decoded = decode(&STANDARD.encode(gzip(&zeros)));
        assert_eq!(decoded.content.len() as u64, MAX_UNPACKED_BYTES);
        assert!(decoded.note.unwrap().contains("64 MiB"));
    }

    #[test]
    fn hex_shows_offset_bytes_and_characters() {
        let lines = hex_lines(b"\x89PNG\r\n\x1a\n0123456789", 0, 10);
        assert_eq!(lines[0], "00000000  89 50 4e 47 0d 0a 1a 0a  30 31 32 33 34 35 36 37  ·PNG····01234567");
        assert_eq!(lines[1], "00000010  38 39                                             89");
        assert_eq!(hex_lines(&[0; 100], 2, 3).len(), 3);
    }

    proptest! {
        #[test]
        fn any_payload_is_decoded(payload: Vec<u8>) {
            let mut decoded = decode(&STANDARD.encode(&payload));
            prop_assert_eq!(decoded.payload_size, Some(payload.len() as u64));
            let layers = decoded.layers.split_off(1);
            let stored = decode_stored_gzip(payload);
            prop_assert_eq!(&stored.layers[..2], [Layer::Base64, Layer::StoredGzip]);
            prop_assert_eq!((&stored.layers[2..], stored.content), (layers.as_slice(), decoded.content));
        }
    }
}
