//! Unpacks compressed content: up to a limit, so that a bomb does no harm, and as far as it can be read. If it is cut or damaged,
//! everything before that is kept.

use flate2::{Decompress, FlushDecompress, Status};
use std::io;
use zstd::stream::raw::{DParameter, Decoder, Operation as _};

/// How content is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zlib,
    Zstd,
}

/// What was unpacked.
#[derive(Debug)]
pub(super) struct Unpacked<'p> {
    pub(super) content: Vec<u8>,
    pub(super) end: End<'p>,
}

/// Where unpacking ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End<'p> {
    /// At the end of all of it, which these bytes follow.
    Whole(&'p [u8]),
    /// At the bound.
    Bound,
    /// At the end of what there is, in the middle of it.
    Cut,
    /// At what cannot be read, or at a check sum that says so.
    Damaged(String),
}

/// A frame that asks for more memory to be unpacked is refused; as a power of two, 64 MiB.
const MAX_ZSTD_WINDOW_BITS: u32 = 26;
/// Bytes unpacked at once.
const STEP_BYTES: usize = 32 * 1024;
/// The largest window of deflate, as a power of two. Source: RFC 1951.
const DEFLATE_WINDOW_BITS: u8 = 15;
/// The first bytes of a gzip member and of a Zstandard frame; several may follow each other. Source: RFC 1952 and 8878.
const GZIP_START: [u8; 3] = [0x1f, 0x8b, 8];
const ZSTD_START: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

impl Packing {
    /// How content is compressed, by its first bytes. Those of zlib are but two, and may be anything else.
    pub(super) fn of(content: &[u8]) -> Option<Self> {
        match content {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            frame if is_skippable(frame) => Some(Self::Zstd),
            [method, flags, ..] if is_zlib(*method, *flags) => Some(Self::Zlib),
            _ => None,
        }
    }

    /// The content, up to this many bytes. A smaller limit returns a shorter beginning of the same content.
    pub(super) fn unpack(self, packed: &[u8], most: usize) -> Unpacked<'_> {
        let mut content = Vec::new();
        let mut rest = packed;
        let end = loop {
            let end = match self {
                Self::Gzip => inflate(Decompress::new_gzip(DEFLATE_WINDOW_BITS), rest, &mut content, most),
                Self::Zlib => inflate(Decompress::new(true), rest, &mut content, most),
                Self::Zstd => unpack_zstd(rest, &mut content, most),
            };
            match end {
                End::Whole(after) if self.goes_on(after) => rest = after,
                end => break end,
            }
        };
        Unpacked { content, end }
    }

    /// Whether another part follows.
    fn goes_on(self, after: &[u8]) -> bool {
        match self {
            Self::Gzip => after.starts_with(&GZIP_START),
            Self::Zlib => false,
            Self::Zstd => after.starts_with(&ZSTD_START) || is_skippable(after),
        }
    }
}

/// Whether two bytes may begin a stream: deflate with a window of 32 KiB at most, no dictionary, and the check sum right.
/// Source: RFC 1950.
fn is_zlib(method: u8, flags: u8) -> bool {
    method & 0x0f == 8 && method >> 4 <= 7 && flags & 0x20 == 0 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// Whether these bytes begin a frame that holds nothing. Source: RFC 8878, section 3.1.2.
fn is_skippable(frame: &[u8]) -> bool {
    matches!(frame, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

fn inflate<'p>(mut decompress: Decompress, packed: &'p [u8], content: &mut Vec<u8>, most: usize) -> End<'p> {
    let mut step = vec![0; STEP_BYTES];
    let mut rest = packed;
    loop {
        // One byte more than is kept says whether there is more.
        let room = (most - content.len()).saturating_add(1).min(STEP_BYTES);
        let (taken, given) = (decompress.total_in(), decompress.total_out());
        let result = decompress.decompress(rest, &mut step[..room], FlushDecompress::None);
        // The bytes before the error are valid.
        let since = |now: u64, then: u64| usize::try_from(now - then).unwrap_or_default();
        let (taken, given) = (since(decompress.total_in(), taken), since(decompress.total_out(), given));
        rest = rest.get(taken..).unwrap_or_default();
        if !push(content, &step[..given], most) {
            return End::Bound;
        }
        match result {
            Err(error) => return End::Damaged(error.message().unwrap_or("it is damaged").to_owned()),
            Ok(Status::StreamEnd) => return End::Whole(rest),
            Ok(Status::Ok | Status::BufError) if taken == 0 && given == 0 => return End::Cut,
            Ok(Status::Ok | Status::BufError) => {}
        }
    }
}

/// Appends what was unpacked; says whether it was within the bound.
fn push(content: &mut Vec<u8>, piece: &[u8], most: usize) -> bool {
    let room = most - content.len();
    content.extend_from_slice(piece.get(..room).unwrap_or(piece));
    piece.len() <= room
}

fn unpack_zstd<'p>(packed: &'p [u8], content: &mut Vec<u8>, most: usize) -> End<'p> {
    let start = content.len();
    let mut good = 0;
    match unpack_frame(packed, &mut good, usize::MAX, content, most) {
        Ok(end) => end,
        Err(_) => {
            // The decoder keeps back what it had of the step in which it fails: once more, byte by byte from there.
            content.truncate(start);
            let careful_from = good;
            unpack_frame(packed, &mut good, careful_from, content, most).unwrap_or_else(|error| End::Damaged(error.to_string()))
        }
    }
}

/// Unpacks one frame. `good` becomes the bytes that were taken without an error; from `careful_from` on they are handed over one by one.
fn unpack_frame<'p>(
    packed: &'p [u8],
    good: &mut usize,
    careful_from: usize,
    content: &mut Vec<u8>,
    most: usize,
) -> io::Result<End<'p>> {
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(MAX_ZSTD_WINDOW_BITS))?;
    let mut step = vec![0; STEP_BYTES];
    let mut taken = 0;
    let mut is_asked_again = false;
    loop {
        let room = (most - content.len()).saturating_add(1).min(STEP_BYTES);
        let end = if taken < careful_from { careful_from.min(packed.len()) } else { taken + 1 };
        let input = packed.get(taken..end).unwrap_or_default();
        let status = decoder.run_on_buffers(input, &mut step[..room])?;
        taken += status.bytes_read;
        *good = taken;
        if !push(content, &step[..status.bytes_written], most) {
            return Ok(End::Bound);
        }
        if status.remaining == 0 {
            return Ok(End::Whole(packed.get(taken..).unwrap_or_default()));
        }
        let is_idle = status.bytes_read == 0 && status.bytes_written == 0;
        if is_idle && (taken == packed.len() || is_asked_again) {
            return Ok(End::Cut);
        }
        is_asked_again = is_idle;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write as _;

    fn packed(packing: Packing, content: &[u8]) -> Vec<u8> {
        match packing {
            Packing::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            Packing::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
                encoder.include_checksum(true).unwrap();
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
        }
    }

    const ALL: [Packing; 3] = [Packing::Gzip, Packing::Zlib, Packing::Zstd];

    #[test]
    fn what_follows_the_end_is_told_apart() {
        for packing in ALL {
            for tail in [&b""[..], b"\n", b"\0\0", b"tail", b"\x1f\x8b", b"\x28\xb5\x2f"] {
                let bytes = [&packed(packing, b"{\"id\":1}"), tail].concat();
                let unpacked = packing.unpack(&bytes, 100);
                assert_eq!((unpacked.content.as_slice(), unpacked.end), (&b"{\"id\":1}"[..], End::Whole(tail)), "{packing:?}");
            }
        }
    }

    #[test]
    fn parts_after_one_another_are_one_content() {
        for packing in [Packing::Gzip, Packing::Zstd] {
            let bytes = [packed(packing, b"{\"id\":1}"), packed(packing, b""), packed(packing, b"{\"id\":2}")].concat();
            let unpacked = packing.unpack(&bytes, 100);
            assert_eq!((unpacked.content.as_slice(), unpacked.end), (&b"{\"id\":1}{\"id\":2}"[..], End::Whole(b"")));
        }
        let skipped = [b"\x50\x2a\x4d\x18\x02\0\0\0ab".to_vec(), packed(Packing::Zstd, b"text")].concat();
        assert_eq!(Packing::Zstd.unpack(&skipped, 100).content, b"text");
    }

    #[test]
    fn a_wrong_check_sum_loses_nothing() {
        for packing in ALL {
            let mut bytes = packed(packing, b"{\"id\":1}");
            *bytes.last_mut().unwrap() ^= 1;
            let unpacked = packing.unpack(&bytes, 100);
            assert_eq!(unpacked.content, b"{\"id\":1}", "{packing:?}");
            assert!(matches!(unpacked.end, End::Damaged(_)), "{packing:?} {:?}", unpacked.end);
        }
    }

    proptest! {
        #[test]
        fn what_is_cut_gives_a_beginning(content in "[a-z{}\"]{0,300}", times in 1..300_usize, cut: proptest::sample::Index, most in 0..4_000_usize) {
            let content = content.repeat(times).into_bytes();
            for packing in ALL {
                let whole = packed(packing, &content);
                let cut = &whole[..cut.index(whole.len())];
                let unpacked = packing.unpack(cut, usize::MAX >> 1);
                prop_assert_eq!(&unpacked.end, &End::Cut);
                prop_assert!(content.starts_with(&unpacked.content));
                let less = packing.unpack(cut, most);
                prop_assert_eq!(&less.content, &unpacked.content[..most.min(unpacked.content.len())]);
                let bound = packing.unpack(&whole, most);
                prop_assert_eq!(&bound.content, &content[..most.min(content.len())]);
                prop_assert_eq!(bound.end == End::Bound, content.len() > most);
            }
        }

        #[test]
        fn what_is_damaged_gives_as_much_for_any_bound(content in "[a-z{}\"]{0,300}", at: proptest::sample::Index, flip in 1..=u8::MAX, most in 0..2_000_usize) {
            for packing in ALL {
                let mut bytes = packed(packing, content.repeat(30).as_bytes());
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
                let all = packing.unpack(&bytes, 1 << 20);
                let less = packing.unpack(&bytes, most);
                prop_assert_eq!(&less.content, &all.content[..most.min(all.content.len())], "{:?}", packing);
            }
        }

        #[test]
        fn any_bytes_are_unpacked_within_the_bound(bytes: Vec<u8>, most in 0..100_usize) {
            for packing in ALL {
                prop_assert!(packing.unpack(&bytes, most).content.len() <= most);
            }
        }
    }
}
