//! Whether bytes are text, and which: UTF-8 without oddities, UTF-8 with control characters or a few broken ones, or Windows-1252. The
//! beginning decides, so a caller that has only the beginning gets the same answer.

use std::borrow::Cow;

/// Bytes that are examined to tell text from other bytes. The answer is the same for a longer content.
pub(super) const TELLING_BYTES: usize = 8 * 1024;

/// Bytes read as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecodedText<'b> {
    pub(super) text: Cow<'b, str>,
    /// What is odd about it.
    pub(super) note: Option<&'static str>,
    /// Whether every byte of it could be read.
    pub(super) is_whole: bool,
}

/// Characters for the bytes 0x80 to 0x9f; those without one are control characters. Source: Unicode, CP1252.TXT.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“', '”',
    '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The bytes as text, where they are UTF-8 and no character of it is a control character but those between words and lines.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| has_no_controls(text))
}

/// Whether they are such a text as far as the telling bytes go. `is_all` says whether nothing follows these bytes.
pub(super) fn begins_clean(bytes: &[u8], is_all: bool) -> bool {
    let (window, is_cut) = window(bytes, is_all);
    valid(window, is_cut).is_some_and(has_no_controls)
}

/// The bytes as text, oddities and all; `None` where they are rather something else.
pub(super) fn read(bytes: &[u8], is_all: bool) -> Option<DecodedText<'_>> {
    let (beginning, is_cut) = window(bytes, is_all);
    if let Some(text) = valid(beginning, is_cut) {
        return is_mostly_printable(text).then(|| read_utf8(bytes, is_all));
    }
    let is_cut_text = || valid(beginning, true).is_some_and(|text| !text.is_empty() && is_mostly_printable(text));
    if is_cut_text() || is_broken_utf8(beginning, is_cut) {
        return Some(read_utf8(bytes, is_all));
    }
    if is_windows_1252(beginning) {
        let text = Cow::Owned(bytes.iter().map(|byte| of_windows_1252(*byte)).collect());
        return Some(DecodedText { text, note: Some("it is not UTF-8, but shown as Windows-1252"), is_whole: true });
    }
    is_broken_json(beginning).then(|| read_utf8(bytes, is_all))
}

/// A text without control characters whose last character is cut off.
pub(super) fn read_cut(bytes: &[u8]) -> Option<DecodedText<'_>> {
    let is_cut = std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none());
    let is_text = || valid(bytes, true).is_some_and(|text| !text.is_empty() && has_no_controls(text));
    (is_cut && is_text()).then(|| read_utf8(bytes, true))
}

fn window(bytes: &[u8], is_all: bool) -> (&[u8], bool) {
    match bytes.get(..TELLING_BYTES) {
        Some(window) => (window, !is_all || bytes.len() > TELLING_BYTES),
        None => (bytes, !is_all),
    }
}

/// The bytes as UTF-8. Where more follow, the last character may be cut.
fn valid(bytes: &[u8], is_cut: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

fn read_utf8(bytes: &[u8], is_all: bool) -> DecodedText<'_> {
    let broken = "it is not all UTF-8: \u{fffd} marks invalid bytes";
    let cut = "its last character is cut off, or it is not UTF-8";
    match std::str::from_utf8(bytes) {
        Ok(text) => DecodedText {
            text: Cow::Borrowed(text),
            note: (!has_no_controls(text)).then_some("symbols stand for its control characters"),
            is_whole: true,
        },
        Err(error) if !is_all && error.error_len().is_none() => {
            let text = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            DecodedText { text: Cow::Borrowed(text), note: None, is_whole: true }
        }
        Err(error) => {
            let note = if error.error_len().is_none() { cut } else { broken };
            DecodedText { text: String::from_utf8_lossy(bytes), note: Some(note), is_whole: false }
        }
    }
}

fn has_no_controls(text: &str) -> bool {
    if text.is_ascii() {
        return text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'..=b'\r'));
    }
    text.chars().all(|character| !is_control(character))
}

fn is_control(character: char) -> bool {
    character.is_control() && !character.is_whitespace()
}

/// Whether no more than one in five characters is a control character. One that begins a terminal's sequence is not counted, since
/// nothing but text has those.
fn is_mostly_printable(text: &str) -> bool {
    let (mut all, mut controls) = (0_usize, 0_usize);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        all += 1;
        let begins_sequence = character == '\u{1b}' && characters.peek().is_some_and(|next| matches!(next, '[' | ']' | '(' | ')'));
        controls += usize::from(is_control(character) && !begins_sequence);
    }
    controls * 5 <= all
}

/// Whether it is UTF-8 that was damaged: it has whole characters beyond ASCII, and more of them than broken ones.
fn is_broken_utf8(bytes: &[u8], is_cut: bool) -> bool {
    let (mut whole, mut broken, mut text) = (0, 0, String::new());
    for chunk in bytes.utf8_chunks() {
        whole += chunk.valid().chars().filter(|character| !character.is_ascii()).count();
        broken += usize::from(!chunk.invalid().is_empty());
        text.push_str(chunk.valid());
    }
    // A character that is cut at the end is broken once more than it is.
    broken -= usize::from(is_cut && broken > 0);
    whole > broken && is_mostly_printable(&text)
}

/// Whether it is JSON in which a few bytes are broken.
fn is_broken_json(bytes: &[u8]) -> bool {
    let (mut broken, mut text) = (0, String::new());
    for chunk in bytes.utf8_chunks() {
        broken += usize::from(!chunk.invalid().is_empty());
        text.push_str(chunk.valid());
    }
    let start = text.trim_start().strip_prefix(['{', '[']).map(str::trim_start);
    let begins_json = start.is_some_and(|inside| inside.starts_with(['"', '{', '[']));
    begins_json && broken * 8 <= text.len() && has_no_controls(&text)
}

/// Whether it is text in the most usual of the older encodings: mostly letters, digits and blanks of ASCII, no control characters,
/// and no byte that has no meaning there.
fn is_windows_1252(bytes: &[u8]) -> bool {
    let (mut words, mut beyond) = (0, 0);
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b' ' | b'\n' | b'\r' | b'\t' => words += 1,
            b'!'..=b'~' | 0x1b => {}
            0x80.. if !of_windows_1252(*byte).is_control() => beyond += 1,
            _ => return false,
        }
    }
    words * 2 >= bytes.len() && beyond * 4 <= bytes.len()
}

fn of_windows_1252(byte: u8) -> char {
    byte.checked_sub(0x80).and_then(|place| WINDOWS_1252.get(usize::from(place)).copied()).unwrap_or(char::from(byte))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: &[u8]) -> Option<String> {
        read(bytes, true).map(|reading| reading.text.into_owned())
    }

    #[test]
    fn texts_of_several_kinds_are_read() {
        for (bytes, expected) in [
            (&b"\x1b[32mINFO\x1b[0m paid"[..], "\u{1b}[32mINFO\u{1b}[0m paid"),
            (b"\x1b[0m", "\u{1b}[0m"),
            (b"done\x07", "done\u{7}"),
            (b"8=FIX.4.2\x019=65\x0135=A\x01", "8=FIX.4.2\u{1}9=65\u{1}35=A\u{1}"),
            (b"it\xc2\x92s paid", "it\u{92}s paid"),
            (b"it\x92s paid \x96 \x80 5", "it’s paid – € 5"),
            (b"M\xfcller", "Müller"),
            ("Zürich, Köln, \u{fffd}".as_bytes(), "Zürich, Köln, \u{fffd}"),
            (b"Z\xc3\xbcrich, K\xc3\xb6ln, B\xfcrn", "Zürich, Köln, B\u{fffd}rn"),
            (b"a text that is cut in Z\xc3", "a text that is cut in Z\u{fffd}"),
            (b"5 \xe2\x82", "5 \u{fffd}"),
            (b"{\"a\":\"\xff\",\"status\":\"paid\"}", "{\"a\":\"\u{fffd}\",\"status\":\"paid\"}"),
        ] {
            assert_eq!(text(bytes).as_deref(), Some(expected));
        }
    }

    #[test]
    fn other_bytes_are_no_text() {
        for bytes in
            [&b"\x01\x02"[..], b"a\0b\0c\0", b"\0\x9f\x92\x96", b"\x02\x08paid", b"\xff\xd8\xff\xe0\0\x10JFIF", b"\xe9\xe9\xe9\xe9"]
        {
            assert_eq!(text(bytes), None, "{bytes:x?}");
        }
    }

    #[test]
    fn each_character_of_windows_1252_has_its_own() {
        let mut characters: Vec<char> = (0..=u8::MAX).map(of_windows_1252).collect();
        assert_eq!((characters[0x80], characters[0x9f], characters[0xa0], characters[0xff]), ('€', 'Ÿ', '\u{a0}', 'ÿ'));
        characters.sort_unstable();
        characters.dedup();
        assert_eq!(characters.len(), 256);
    }

    proptest! {
        #[test]
        fn who_has_the_telling_bytes_knows_as_much_as_who_has_all(
            beginning in prop_oneof![".{0,300}".prop_map(String::into_bytes), "[ -~ü€]{0,300}".prop_map(String::into_bytes), any::<Vec<u8>>()],
            rest: Vec<u8>,
            more in 0..10_usize,
        ) {
            let mut all = beginning.repeat(TELLING_BYTES / beginning.len().max(1) + 1);
            all.extend([rest, vec![b' '; TELLING_BYTES]].concat());
            let part = &all[..all.len().min(TELLING_BYTES + more)];
            prop_assert_eq!(begins_clean(part, false), begins_clean(&all, true));
            prop_assert_eq!(read(part, false).is_some(), read(&all, true).is_some());
            if let (Some(part), Some(all)) = (read(part, false), read(&all, true)) {
                let known = part.text.trim_end_matches('\u{fffd}');
                prop_assert!(all.text.starts_with(known));
            }
        }
    }
}
