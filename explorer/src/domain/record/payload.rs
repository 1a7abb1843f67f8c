//! How a record's payload is stored, in its item or in parts beside it, as it is or compressed, and how it comes back from there.

use crate::domain::failure::Failure;
use archiver::format::item::StoredItem;
use archiver::format::payload::{MAX_PAYLOAD_BYTES, PART_TEXT_BYTES, restore};
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::ArchiveMode;
use archiver::format::table::{GZIP, attribute, part_of};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use std::io::Read as _;

/// Where the text of a payload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the item.
    Item,
    /// In the table of parts.
    Parts(Parts),
    /// This attribute of the item says it, and cannot be read.
    Unclear(&'static str),
}

/// The items of the table of parts that hold a payload's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// The hash keys they may have: each mode has its own, and of one record all hold the same text.
    pub part_of: Vec<String>,
    /// How many there are, at least one.
    pub count: u32,
}

/// Why there is no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPayload {
    /// The archive does not hold it, or not whole; a sentence about the record.
    #[error("{0}")]
    Damaged(String),
    /// It could not be read this time.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl std::fmt::Display for Parts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} part{}", self.count, if self.count == 1 { "" } else { "s" })
    }
}

impl Parts {
    fn of(number: &SequenceNumber, place: Option<u64>, count: u32) -> Self {
        let mut keys = [ArchiveMode::All, ArchiveMode::Latest].map(|mode| part_of(mode, number, place)).to_vec();
        keys.dedup();
        Self { part_of: keys, count }
    }
}

impl Place {
    /// Where an item says that its payload is.
    #[must_use]
    pub fn of(item: &StoredItem) -> Self {
        // What an item leaves out is not damaged; what it has and cannot be read is among its problems, by name.
        let is_damaged = |name: &str| item.problems.iter().any(|problem| problem.starts_with(&format!("{name} ")));
        let read = [
            (attribute::RECORD_ENCODING, item.encoding.is_some()),
            (attribute::RECORD_PARTS, item.parts.is_some()),
            (attribute::SUB_SEQUENCE_NUMBER, item.sub_sequence_number.is_some()),
        ];
        if let Some((name, _)) = read.into_iter().find(|(name, is_read)| !is_read && is_damaged(name)) {
            return Self::Unclear(name);
        }
        match (item.parts, &item.sequence_number) {
            (None, _) => Self::Item,
            (Some(0), _) => Self::Unclear(attribute::RECORD_PARTS),
            (Some(_), None) => Self::Unclear(attribute::SEQUENCE_NUMBER),
            (Some(count), Some(number)) => Self::Parts(Parts::of(number, item.sub_sequence_number, count)),
        }
    }
}

/// Bytes of an item's payload, where they are known without its parts.
#[must_use]
pub fn size_of(item: &StoredItem, place: &Place) -> Option<u64> {
    let text = item.data.as_deref().filter(|_| *place == Place::Item)?;
    match item.encoding.as_deref() {
        None => Some(base64_size(text)),
        Some(GZIP) => gzip_size(text),
        Some(_) => None,
    }
}

/// Bytes that a base64 text decodes to.
fn base64_size(text: &str) -> u64 {
    let padding = text.bytes().rev().take(2).filter(|byte| *byte == b'=').count();
    (text.len() / 4 * 3).saturating_sub(padding) as u64
}

/// What a gzip's last four bytes say it unpacks to, where a record can be so large. Source: RFC 1952, ISIZE.
fn gzip_size(text: &str) -> Option<u64> {
    let end = STANDARD.decode(text.get(text.len().checked_sub(8)?..)?).ok()?;
    let size = u32::from_le_bytes(*end.last_chunk()?);
    usize::try_from(size).is_ok_and(|size| size <= MAX_PAYLOAD_BYTES).then_some(u64::from(size))
}

/// The most bytes a payload can have, as far as its item says.
#[must_use]
pub fn largest_size(item: &StoredItem, place: &Place) -> usize {
    match place {
        Place::Parts(parts) if item.encoding.is_none() => {
            let count = usize::try_from(parts.count).unwrap_or(usize::MAX);
            count.saturating_mul(PART_TEXT_BYTES / 4 * 3).min(MAX_PAYLOAD_BYTES)
        }
        _ => MAX_PAYLOAD_BYTES,
    }
}

/// The payload of an item, from its text: the item's own, or that of its parts.
///
/// # Errors
/// When the text is not what the item says.
pub fn payload_of(item: &StoredItem, text: &str) -> Result<Vec<u8>, NoPayload> {
    restore(text, item.encoding.as_deref()).map_err(|error| NoPayload::Damaged(error.to_string()))
}

/// The beginning of a payload that an item holds compressed: up to this many bytes, without unpacking the rest.
#[must_use]
pub fn beginning_of_gzip(text: &str, bytes: usize) -> Vec<u8> {
    /// Of the text, in characters: more than the tables at a gzip's beginning, and enough after them for a line.
    const LOOKED_AT: usize = 4096;
    let packed = STANDARD.decode(text.get(..LOOKED_AT).unwrap_or(text)).unwrap_or_default();
    let mut reader = GzDecoder::new(packed.as_slice());
    let mut beginning = vec![0; bytes];
    let mut filled = 0;
    // Cut and damaged payloads end in an error; the bytes before it are still the beginning.
    while let Ok(read @ 1..) = reader.read(&mut beginning[filled..]) {
        filled += read;
    }
    beginning.truncate(filled);
    beginning
}

/// The text of a payload while its parts come in, one after the other.
#[derive(Debug)]
pub struct Gathering<'p> {
    parts: &'p Parts,
    table: &'p str,
    gathered: u32,
    text: String,
}

impl<'p> Gathering<'p> {
    /// Nothing yet, from this table.
    #[must_use]
    pub fn new(parts: &'p Parts, table: &'p str) -> Self {
        Self { parts, table, gathered: 0, text: String::new() }
    }

    /// Takes the part of this place; parts beyond the payload's end are left over from an earlier payload and ignored.
    ///
    /// # Errors
    /// When one before it is missing, or there is more than a record can hold.
    pub fn push(&mut self, place: u32, text: &str) -> Result<(), NoPayload> {
        /// Base64 of the largest payload.
        const MAX_TEXT_BYTES: usize = MAX_PAYLOAD_BYTES.div_ceil(3) * 4;
        if place >= self.parts.count {
            return Ok(());
        }
        if place != self.gathered {
            return Err(self.missing());
        }
        if self.text.len() + text.len() > MAX_TEXT_BYTES {
            return Err(NoPayload::Damaged(format!("its parts in table {} hold more than a record can", self.table)));
        }
        self.gathered += 1;
        self.text.push_str(text);
        Ok(())
    }

    /// The whole text.
    ///
    /// # Errors
    /// When a part is missing.
    pub fn finish(self) -> Result<String, NoPayload> {
        if self.gathered == self.parts.count { Ok(self.text) } else { Err(self.missing()) }
    }

    fn missing(&self) -> NoPayload {
        let place = u64::from(self.gathered) + 1;
        NoPayload::Damaged(format!("part {place} of {} is missing from table {}", self.parts.count, self.table))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::item::Attributes;
    use archiver::format::payload::{Data, Packer};
    use archiver::format::settings::Compression;
    use aws_sdk_dynamodb::types::AttributeValue;
    use proptest::prelude::*;

    fn gzip(payload: &[u8]) -> StoredItem {
        let stored = Packer::default().pack(Data::Bytes(payload.into()), Compression::Gzip, usize::MAX);
        assert!(stored.is_gzip);
        StoredItem { data: Some(stored.text.into_owned()), encoding: Some(GZIP.to_owned()), ..StoredItem::default() }
    }

    fn in_parts(count: u32, place: Option<u64>) -> StoredItem {
        StoredItem {
            sequence_number: SequenceNumber::parse("4959").ok(),
            data: Some(String::new()),
            parts: Some(count),
            sub_sequence_number: place,
            ..StoredItem::default()
        }
    }

    fn three_parts() -> Parts {
        Parts { part_of: vec!["4959".to_owned(), "4959.LATEST".to_owned()], count: 3 }
    }

    #[test]
    fn an_item_says_where_its_payload_is() {
        assert_eq!(Place::of(&StoredItem::default()), Place::Item);
        assert_eq!(Place::of(&in_parts(3, None)), Place::Parts(three_parts()));
        assert_eq!(Place::of(&in_parts(3, Some(7))), Place::Parts(Parts { part_of: vec!["4959.7".to_owned()], count: 3 }));
        assert_eq!(Place::of(&in_parts(0, None)), Place::Unclear("recordParts"));
        let without_number = StoredItem { sequence_number: None, ..in_parts(3, None) };
        assert_eq!(Place::of(&without_number), Place::Unclear("sequenceNumber"));
    }

    #[test]
    fn an_attribute_that_cannot_be_read_is_not_taken_for_one_that_is_not_there() {
        for (name, value) in [
            ("recordParts", AttributeValue::N("2.5".to_owned())),
            ("recordParts", AttributeValue::Bool(true)),
            ("recordEncoding", AttributeValue::Bool(true)),
            ("subSequenceNumber", AttributeValue::S("third".to_owned())),
        ] {
            let attributes = [
                ("recordData".to_owned(), AttributeValue::S(String::new())),
                ("sequenceNumber".to_owned(), AttributeValue::S("4959".to_owned())),
                (name.to_owned(), value),
            ];
            let item = StoredItem::from_attributes(Attributes::from(attributes));
            assert_eq!(Place::of(&item), Place::Unclear(name));
        }
        let without_any = Attributes::from([("recordData".to_owned(), AttributeValue::S(String::new()))]);
        assert_eq!(Place::of(&StoredItem::from_attributes(without_any)), Place::Item);
    }

    #[test]
    fn the_size_is_the_payloads_own() {
        let size = |item: &StoredItem| size_of(item, &Place::of(item));
        let whole = |text: &str| StoredItem { data: Some(text.to_owned()), ..StoredItem::default() };
        assert_eq!(size(&whole("SGVsbG8=")), Some(5));
        assert_eq!(size(&whole("")), Some(0));
        assert_eq!(size(&gzip(&[b'x'; 70_000])), Some(70_000));
        assert_eq!(size(&StoredItem { data: Some("////////".to_owned()), ..gzip(&[b'x'; 700]) }), None, "no record is so large");
        assert_eq!(size(&in_parts(3, None)), None);
        assert_eq!(size(&StoredItem { encoding: Some("zstd".to_owned()), ..whole("SGVsbG8=") }), None);
    }

    #[test]
    fn the_largest_size_is_never_below_the_real_one() {
        let of = |item: &StoredItem| largest_size(item, &Place::of(item));
        assert_eq!(of(&in_parts(2, None)), 2 * PART_TEXT_BYTES / 4 * 3);
        assert_eq!(of(&in_parts(u32::MAX, None)), MAX_PAYLOAD_BYTES);
        assert_eq!(of(&StoredItem { encoding: Some(GZIP.to_owned()), ..in_parts(2, None) }), MAX_PAYLOAD_BYTES);
    }

    #[test]
    fn what_cannot_be_restored_says_why() {
        let reason = |item: &StoredItem| payload_of(item, item.data.as_deref().unwrap()).unwrap_err().to_string();
        let zstd = StoredItem { encoding: Some("zstd".to_owned()), ..gzip(&[b'x'; 700]) };
        assert_eq!(reason(&zstd), "its recordEncoding is \"zstd\", which this version cannot read");
        let damaged = StoredItem { data: Some("SGVsbG8=".to_owned()), ..gzip(&[b'x'; 700]) };
        assert!(reason(&damaged).starts_with("its recordData is not the gzip that recordEncoding says"), "{}", reason(&damaged));
    }

    #[test]
    fn parts_are_put_together_in_their_order() {
        let parts = three_parts();
        let mut gathering = Gathering::new(&parts, "orders-archive-parts");
        for (place, text) in [(0, "SGVs"), (1, "bG8s"), (2, "IDE="), (3, "of an earlier one")] {
            gathering.push(place, text).unwrap();
        }
        assert_eq!(gathering.finish().unwrap(), "SGVsbG8sIDE=");
    }

    #[test]
    fn a_missing_part_is_named() {
        let parts = three_parts();
        for (there, missing) in [(&[][..], 1), (&[1, 2], 1), (&[0, 2], 2), (&[0, 1], 3), (&[0, 1, 3], 3)] {
            let mut gathering = Gathering::new(&parts, "orders-archive-parts");
            let pushed = there.iter().try_for_each(|place| gathering.push(*place, "SGVs"));
            let error = pushed.and_then(|()| gathering.finish()).unwrap_err().to_string();
            assert_eq!(error, format!("part {missing} of 3 is missing from table orders-archive-parts"));
        }
    }

    #[test]
    fn parts_of_more_than_a_record_are_not_gathered() {
        let parts = Parts { part_of: vec!["4959".to_owned()], count: u32::MAX };
        let mut gathering = Gathering::new(&parts, "orders-archive-parts");
        let text = "A".repeat(PART_TEXT_BYTES);
        let refused = (0..40).find_map(|place| gathering.push(place, &text).err()).unwrap();
        assert_eq!(refused.to_string(), "its parts in table orders-archive-parts hold more than a record can");
    }

    proptest! {
        #[test]
        fn a_gzips_beginning_is_the_payloads(times in 1..3_000_usize, bytes in 0..200_usize) {
            let payload = format!("{{\"customer\":{times}}} ").repeat(times.max(20));
            let item = gzip(payload.as_bytes());
            let beginning = beginning_of_gzip(item.data.as_deref().unwrap(), bytes);
            prop_assert_eq!(beginning, &payload.as_bytes()[..bytes.min(payload.len())]);
        }
    }
}
