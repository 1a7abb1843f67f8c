//! Compressed content, unpacked as far as a bound allows, so that a bomb does no harm.

use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, Read};

/// How content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zlib,
    Zstd,
}

/// What was unpacked.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) content: Vec<u8>,
    /// Whether that is all.
    pub(super) is_whole: bool,
}

/// A frame that asks for more memory to be unpacked is refused; as a power of two, 64 MiB.
const MAX_ZSTD_WINDOW_BITS: u32 = 26;

impl Packing {
    /// How content is compressed, by its first bytes. Those of zlib are but two, and may be anything else.
    pub(super) fn of(content: &[u8]) -> Option<Self> {
        match content {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            [method, flags, ..] if is_zlib(*method, *flags) => Some(Self::Zlib),
            _ => None,
        }
    }

    /// The content, up to so many bytes.
    ///
    /// # Errors
    /// When it is damaged within them, or ends too early.
    pub(super) fn unpack(self, packed: &[u8], most: usize) -> io::Result<Unpacked> {
        let mut content = Vec::new();
        match self {
            Self::Gzip => read_most(MultiGzDecoder::new(packed), &mut content, most)?,
            Self::Zlib => unpack_zlib(packed, &mut content, most)?,
            Self::Zstd => read_most(zstd_decoder(packed)?, &mut content, most)?,
        }
        let is_whole = content.len() <= most;
        if !is_whole {
            content.truncate(most);
            // The cut may have gone through a character.
            if let Err(error) = std::str::from_utf8(&content)
                && error.error_len().is_none()
            {
                content.truncate(error.valid_up_to());
            }
        }
        Ok(Unpacked { content, is_whole })
    }

    /// The beginning of the content, as much as can be had of so many bytes, whatever comes behind it.
    pub(super) fn beginning(self, packed: &[u8], most: usize) -> Unpacked {
        let mut content = Vec::new();
        let read = match self {
            Self::Gzip => read_most(MultiGzDecoder::new(packed), &mut content, most),
            Self::Zlib => read_most(ZlibDecoder::new(packed), &mut content, most),
            Self::Zstd => zstd_decoder(packed).and_then(|decoder| read_most(decoder, &mut content, most)),
        };
        let is_whole = read.is_ok() && content.len() <= most;
        content.truncate(most);
        Unpacked { content, is_whole }
    }
}

/// Whether two bytes may begin a stream: deflate with a window of 32 KiB at most, no dictionary, and the check sum right.
/// Source: RFC 1950.
fn is_zlib(method: u8, flags: u8) -> bool {
    method & 0x0f == 8 && method >> 4 <= 7 && flags & 0x20 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// The reader of zlib takes the end of its input for the end of the stream; this does not.
fn unpack_zlib(packed: &[u8], content: &mut Vec<u8>, most: usize) -> io::Result<()> {
    const STEP: usize = 32 * 1024;
    let mut decompress = Decompress::new(true);
    let mut rest = packed;
    while content.len() <= most {
        content.reserve(STEP);
        let before = (decompress.total_in(), content.len());
        let status = decompress.decompress_vec(rest, content, FlushDecompress::None).map_err(io::Error::other)?;
        let taken = usize::try_from(decompress.total_in()).ok().and_then(|taken| packed.get(taken..));
        rest = taken.unwrap_or_default();
        match status {
            Status::StreamEnd if rest.is_empty() => return Ok(()),
            Status::StreamEnd => return Err(io::Error::new(io::ErrorKind::InvalidData, "something follows its end")),
            Status::Ok | Status::BufError if before == (decompress.total_in(), content.len()) => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Status::Ok | Status::BufError => {}
        }
    }
    Ok(())
}

fn zstd_decoder(packed: &[u8]) -> io::Result<impl Read> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
    decoder.window_log_max(MAX_ZSTD_WINDOW_BITS)?;
    Ok(decoder)
}

/// Reads to the end, or one byte more than so many. What was read before an error stays.
fn read_most(reader: impl Read, content: &mut Vec<u8>, most: usize) -> io::Result<()> {
    reader.take(most as u64 + 1).read_to_end(content).map(|_| ())
}
