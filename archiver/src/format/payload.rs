//! How an item stores a payload: as the event's base64 text, or compressed, and in parts if even that does not fit. The archiver
//! writes it, readers restore it.

use crate::format::settings::Compression;
use crate::format::table::GZIP;
use base64_simd::STANDARD;
use flate2::{Compress, FlushCompress, Status};
use std::borrow::Cow;
use std::io::Read as _;

/// Largest payload of a record. Source: Kinesis quotas, maximum record size.
pub const MAX_PAYLOAD_BYTES: usize = 10 * 1024 * 1024;
/// Base64 text of one part. It is a multiple of four, so that a part has whole bytes. With the part's other attributes it stays
/// below the 400 KB limit of an item.
pub const PART_TEXT_BYTES: usize = 384 * 1024;
/// Parts of the largest payload: 13,981,016 characters of base64 make 36.
pub const MAX_PARTS: usize = (MAX_PAYLOAD_BYTES.div_ceil(3) * 4).div_ceil(PART_TEXT_BYTES);
/// gzip's window, as a power of two.
const GZIP_WINDOW_BITS: u8 = 15;

/// A record's payload on its way into an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'e> {
    /// The event's own text: standard base64 with padding.
    Text(Cow<'e, str>),
    /// Bytes of a user record in an aggregated record.
    Bytes(Cow<'e, [u8]>),
}

/// A payload as an item stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredData<'e> {
    /// Base64 of the payload, or of the compressed payload.
    pub text: Cow<'e, str>,
    /// Whether the payload is compressed.
    pub is_gzip: bool,
}

/// Why a stored payload cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadablePayload {
    /// The text is not base64.
    #[error("its recordData is not base64")]
    NotBase64,
    /// This version does not know the encoding.
    #[error("its recordEncoding is \"{0}\", which this version cannot read")]
    UnknownEncoding(String),
    /// The compressed data is damaged.
    #[error("its recordData is not the gzip that recordEncoding says: {0}")]
    NotGzip(String),
    /// It is larger than a record can be.
    #[error("its recordData unpacks to more than {MAX_PAYLOAD_BYTES} bytes, the most that a record holds")]
    TooLarge,
}

/// Compresses payloads one after the other, and reuses the compressor's memory.
#[derive(Debug, Default)]
pub struct Packer {
    /// Created when it is first needed, because it takes about 300 KB.
    compress: Option<Compress>,
    payload: Vec<u8>,
    packed: Vec<u8>,
}

impl<'e> Data<'e> {
    /// The same, borrowed.
    #[must_use]
    pub fn borrowed<'b>(&'b self) -> Data<'b>
    where
        'e: 'b,
    {
        match self {
            Self::Text(text) => Data::Text(text.as_ref().into()),
            Self::Bytes(bytes) => Data::Bytes(bytes.as_ref().into()),
        }
    }

    /// Bytes of its base64 text.
    #[must_use]
    pub fn text_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => STANDARD.encoded_length(bytes.len()),
        }
    }

    /// At most this many bytes from the start of the payload.
    ///
    /// # Errors
    /// When the text is not base64.
    pub fn first_bytes(&self, count: usize) -> Result<Vec<u8>, UnreadablePayload> {
        match self {
            Self::Text(text) => {
                let end = text.len().min(count.div_ceil(3) * 4);
                let start = text.as_bytes().get(..end).unwrap_or_default();
                let mut bytes = STANDARD.decode_to_vec(start).map_err(|_| UnreadablePayload::NotBase64)?;
                bytes.truncate(count);
                Ok(bytes)
            }
            Self::Bytes(bytes) => Ok(bytes.iter().take(count).copied().collect()),
        }
    }
}

impl Packer {
    /// The payload as it is stored. It is compressed if the settings say so or the text is longer than `whole_text_bytes`, and only
    /// if that makes it smaller.
    #[must_use]
    pub fn pack<'e>(&mut self, data: Data<'e>, compression: Compression, whole_text_bytes: usize) -> StoredData<'e> {
        let is_too_large = data.text_len() > whole_text_bytes;
        if (is_too_large || compression == Compression::Gzip)
            && let Some(text) = self.gzip(&data)
        {
            return StoredData { text: Cow::Owned(text), is_gzip: true };
        }
        let text = match data {
            Data::Text(text) => text,
            Data::Bytes(bytes) => Cow::Owned(STANDARD.encode_to_string(bytes)),
        };
        StoredData { text, is_gzip: false }
    }

    /// The base64 of the compressed payload; `None` if that is not smaller.
    fn gzip(&mut self, data: &Data<'_>) -> Option<String> {
        let payload = match data {
            Data::Text(text) => {
                self.payload.clear();
                STANDARD.decode_append(text.as_bytes(), &mut self.payload).ok()?;
                self.payload.as_slice()
            }
            Data::Bytes(bytes) => bytes,
        };
        let new = || Compress::new_gzip(flate2::Compression::default(), GZIP_WINDOW_BITS);
        let compress = self.compress.get_or_insert_with(new);
        compress.reset();
        self.packed.clear();
        // The buffer is smaller than the payload: if the result does not fit, it is not smaller.
        self.packed.reserve_exact(payload.len());
        let status = compress.compress_vec(payload, &mut self.packed, FlushCompress::Finish).ok()?;
        let text_len = STANDARD.encoded_length(self.packed.len());
        let is_smaller = status == Status::StreamEnd && text_len < data.text_len();
        is_smaller.then(|| STANDARD.encode_to_string(&self.packed))
    }
}

/// Splits a text that is too large for one item.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    // Base64 is ASCII, so it can be cut anywhere.
    text.as_bytes().chunks(PART_TEXT_BYTES).filter_map(|part| std::str::from_utf8(part).ok())
}

/// Restores the payload of an item. `data` is `recordData`, or the parts joined; `encoding` is `recordEncoding`.
///
/// # Errors
/// When the text is not base64, does not have this encoding, or is larger than a record can be.
pub fn restore(data: &str, encoding: Option<&str>) -> Result<Vec<u8>, UnreadablePayload> {
    let stored = STANDARD.decode_to_vec(data).map_err(|_| UnreadablePayload::NotBase64)?;
    match encoding {
        None => Ok(stored),
        Some(GZIP) => unzip(&stored),
        Some(other) => Err(UnreadablePayload::UnknownEncoding(other.to_owned())),
    }
}

fn unzip(packed: &[u8]) -> Result<Vec<u8>, UnreadablePayload> {
    let mut payload = Vec::new();
    let limit = MAX_PAYLOAD_BYTES as u64 + 1;
    let read = flate2::read::GzDecoder::new(packed).take(limit).read_to_end(&mut payload);
    read.map_err(|error| UnreadablePayload::NotGzip(error.to_string()))?;
    if payload.len() > MAX_PAYLOAD_BYTES { Err(UnreadablePayload::TooLarge) } else { Ok(payload) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(payload: &[u8]) -> Data<'static> {
        Data::Text(STANDARD.encode_to_string(payload).into())
    }

    fn pack(data: Data<'_>, compression: Compression, whole: usize) -> StoredData<'_> {
        Packer::default().pack(data, compression, whole)
    }

    #[test]
    fn the_events_text_is_stored_verbatim_unless_compression_is_asked_for() {
        let data = text(&[b'x'; 1_000]);
        let Data::Text(original) = data.clone() else { unreachable!() };
        assert_eq!(pack(data.clone(), Compression::None, 2_000), StoredData { text: original, is_gzip: false });
        let compressed = pack(data, Compression::Gzip, 2_000);
        assert!(compressed.is_gzip && compressed.text.len() < 100, "{compressed:?}");
    }

    #[test]
    fn what_does_not_get_smaller_is_stored_as_it_is() {
        let noise: Vec<u8> = (0..2_000).map(|_| fastrand::u8(..)).collect();
        for payload in [noise.as_slice(), b"", b"short"] {
            assert!(!pack(text(payload), Compression::Gzip, 10_000).is_gzip);
            assert!(!pack(text(payload), Compression::None, 0).is_gzip);
        }
    }

    #[test]
    fn what_is_too_large_is_compressed_unasked() {
        assert!(pack(text(&[b'x'; 1_000]), Compression::None, 500).is_gzip);
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &vec![0; MAX_PAYLOAD_BYTES + 1]).unwrap();
        let bomb = STANDARD.encode_to_string(encoder.finish().unwrap());
        assert_eq!(restore(&bomb, Some(GZIP)), Err(UnreadablePayload::TooLarge));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(restore("no base64!", None), Err(UnreadablePayload::NotBase64));
        assert_eq!(restore("", Some("zstd")), Err(UnreadablePayload::UnknownEncoding("zstd".to_owned())));
        assert!(matches!(restore("SGVsbG8=", Some(GZIP)), Err(UnreadablePayload::NotGzip(_))));
    }

    proptest! {
        #[test]
        fn a_payload_comes_back_byte_for_byte(
            pieces in proptest::collection::vec((any::<u8>(), 0..40_usize), 0..60),
            asked: bool,
            from_bytes: bool,
            whole in 0..2_000_usize,
        ) {
            let payload: Vec<u8> = pieces.iter().flat_map(|(byte, times)| std::iter::repeat_n(*byte, *times)).collect();
            let data = if from_bytes { Data::Bytes(payload.as_slice().into()) } else { text(&payload) };
            prop_assert_eq!(data.text_len(), STANDARD.encoded_length(payload.len()));
            prop_assert_eq!(data.first_bytes(50).unwrap(), &payload[..payload.len().min(50)]);
            let compression = if asked { Compression::Gzip } else { Compression::None };
            let mut packer = Packer::default();
            // The second one finds the compressor as the first one left it.
            for _ in 0..2 {
                let stored = packer.pack(data.clone(), compression, whole);
                prop_assert!(stored.text.len() <= data.text_len());
                let restored = restore(&stored.text, stored.is_gzip.then_some(GZIP));
                prop_assert_eq!(restored.as_deref(), Ok(payload.as_slice()));
            }
        }

        #[test]
        fn parts_make_the_text_again(length in 0..3 * PART_TEXT_BYTES) {
            let text = "A".repeat(length);
            prop_assert_eq!(parts(&text).map(str::len).sum::<usize>(), length);
            prop_assert!(parts(&text).all(|part| part.len() <= PART_TEXT_BYTES));
        }
    }
}
