//! Converts UTF-16 with a byte order mark to UTF-8.

use super::characters::{TELLING_BYTES, begins_clean};

/// What was made of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Converted {
    pub(super) content: Vec<u8>,
    /// Whether it ended before the bound.
    pub(super) is_within: bool,
    /// Whether every character was there whole.
    pub(super) is_good: bool,
}

/// Whether the bytes begin with a mark, and with text after it.
pub(super) fn detect(content: &[u8], is_all: bool) -> bool {
    let Some(units) = units(content) else {
        return false;
    };
    let is_cut = !is_all || content.len() > TELLING_BYTES;
    let mut start = convert(units.take(TELLING_BYTES / 2), usize::MAX);
    if is_cut && !start.is_good && start.content.ends_with(REPLACEMENT) {
        start.content.truncate(start.content.len() - REPLACEMENT.len());
    }
    !start.content.is_empty()
        && !start.content.windows(3).any(|bytes| bytes == REPLACEMENT)
        && begins_clean(&start.content, !is_cut)
}

/// The text, up to this many bytes; `None` without a mark.
pub(super) fn read(content: &[u8], most: usize) -> Option<Converted> {
    let converted = convert(units(content)?, most);
    let is_good = converted.is_good && content.len().is_multiple_of(2);
    Some(Converted { is_good, ..converted })
}

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

fn units(content: &[u8]) -> Option<impl Iterator<Item = u16>> {
    let (mark, text) = content.split_first_chunk()?;
    let read: fn([u8; 2]) -> u16 = match mark {
        [0xff, 0xfe] => u16::from_le_bytes,
        [0xfe, 0xff] => u16::from_be_bytes,
        _ => return None,
    };
    Some(text.as_chunks::<2>().0.iter().map(move |unit| read(*unit)))
}

fn convert(units: impl Iterator<Item = u16>, most: usize) -> Converted {
    let mut converted = Converted { content: Vec::new(), is_within: true, is_good: true };
    for character in char::decode_utf16(units) {
        converted.is_good &= character.is_ok();
        let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
        if converted.content.len() + character.len_utf8() > most {
            converted.is_within = false;
            break;
        }
        converted.content.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    }
    converted
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str, is_big: bool) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(|unit| if is_big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn text_with_a_mark_is_recognised_and_nothing_else() {
        assert!(detect(&written("{\"id\":1}", false), true));
        assert!(detect(&written(&"ä😀".repeat(5_000), true), true));
        for bytes in [&b"\xff\xfe"[..], b"\xff\xfe\0\0a\0\0\0", b"\xff\xfe\x00\xd8", b"\xfe\xff\0\x01\0\x02", b"{}"] {
            assert!(!detect(bytes, true), "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn utf16_is_read_as_it_was_written(text: String, is_big: bool, most in 0..40_usize) {
            let bytes = written(&text, is_big);
            let all = read(&bytes, usize::MAX).unwrap();
            prop_assert_eq!(&all, &Converted { content: text.clone().into_bytes(), is_within: true, is_good: true });
            prop_assert!(text.as_bytes().starts_with(&read(&bytes, most).unwrap().content));
        }
    }
}
