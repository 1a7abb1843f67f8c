//! An archive as its readers see it: records with their payloads, from one item or from its parts. Reading checks what the format
//! says about parts, so every test that reads an archive checks it too.

use crate::stream::{Item, TestStream, number, text};
use archiver::format::payload::{PART_TEXT_BYTES, restore};
use std::collections::{BTreeMap, BTreeSet};

/// The attributes of an item with a TTL that is not compressed, not in parts and not part of an aggregated record.
pub const ATTRIBUTES: [&str; 7] =
    ["approximateArrivalTimestamp", "expireAfter", "lastUpdate", "partitionKey", "recordData", "sequenceNumber", "shardId"];

/// The records of an archive, and leftover parts.
#[derive(Debug)]
pub struct Archive {
    /// By partition key and version: the sequence number, or `number.place` for a user record.
    pub records: BTreeMap<(String, String), StoredRecord>,
    /// Parts that belong to no item: hash key and place.
    pub orphans: BTreeSet<(String, usize)>,
}

/// A stored record.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// Its item.
    pub item: Item,
    /// The number of parts that hold its data; 0 if the item does.
    pub parts: usize,
    /// Its data, with parts joined.
    pub text: String,
    /// The payload that was put.
    pub payload: Vec<u8>,
}

impl Archive {
    /// Reads the table with this suffix and the table of parts.
    ///
    /// # Panics
    /// When the content does not match the archive's format, or a part is missing.
    pub async fn of(stream: &TestStream, suffix: &str) -> Self {
        // Items first: the parts that they name must exist already.
        let items = stream.items(suffix).await;
        let mut parts: BTreeMap<String, BTreeMap<usize, Item>> = BTreeMap::new();
        for part in stream.items("parts").await {
            let place = number(&part, "part").parse().expect("a place");
            parts.entry(text(&part, "partOf").to_owned()).or_default().insert(place, part);
        }
        let mut records = BTreeMap::new();
        for item in items {
            let version = version_of(&item);
            let part_of = match item.contains_key("subSequenceNumber") || suffix.eq_ignore_ascii_case("ALL") {
                true => version.clone(),
                false => format!("{version}.LATEST"),
            };
            let record = StoredRecord::of(item, parts.remove(&part_of));
            let key = text(&record.item, "partitionKey").to_owned();
            let known = records.insert((key, version), record);
            assert!(known.is_none(), "a record is archived twice: {known:?}");
        }
        let left = parts.into_iter().flat_map(|(part_of, parts)| parts.into_keys().map(move |place| (part_of.clone(), place)));
        Self { records, orphans: left.collect() }
    }

    /// The payloads by partition key and version.
    #[must_use]
    pub fn payloads(self) -> BTreeMap<(String, String), Vec<u8>> {
        self.records.into_iter().map(|(key, record)| (key, record.payload)).collect()
    }
}

/// The number of an item's record, with its place if it was aggregated.
fn version_of(item: &Item) -> String {
    let sequence_number = text(item, "sequenceNumber");
    match item.get("subSequenceNumber") {
        Some(_) => format!("{sequence_number}.{}", number(item, "subSequenceNumber")),
        None => sequence_number.to_owned(),
    }
}

impl StoredRecord {
    fn of(item: Item, parts: Option<BTreeMap<usize, Item>>) -> Self {
        let whole = text(&item, "recordData");
        let (count, text) = match item.get("recordParts") {
            None => {
                assert!(parts.is_none(), "an item that is whole has parts: {item:?}");
                (0, whole.to_owned())
            }
            Some(_) => {
                assert_eq!(whole, "", "an item in parts holds data, too");
                let count: usize = number(&item, "recordParts").parse().expect("a count");
                (count, joined(&item, count, &parts.unwrap_or_default()))
            }
        };
        let encoding = item.get("recordEncoding").map(|encoding| encoding.as_s().expect("a text").as_str());
        let payload = restore(&text, encoding).unwrap_or_else(|error| panic!("{error}: {item:?}"));
        Self { item, parts: count, text, payload }
    }

    /// The names of the item's attributes.
    #[must_use]
    pub fn attributes(&self) -> BTreeSet<&str> {
        self.item.keys().map(String::as_str).collect()
    }
}

/// The text of an item's parts. They must be as the format says, and there must be no others.
fn joined(item: &Item, count: usize, parts: &BTreeMap<usize, Item>) -> String {
    assert!(parts.keys().copied().eq(0..count), "{count} parts, but there are {:?}: {item:?}", parts.keys());
    let mut joined = String::new();
    for (place, part) in parts {
        let mut names: BTreeSet<&str> = ["partOf", "part", "recordData"].into();
        if item.contains_key("expireAfter") {
            names.insert("expireAfter");
        }
        assert_eq!(part.keys().map(String::as_str).collect::<BTreeSet<_>>(), names);
        assert_eq!(part.get("expireAfter"), item.get("expireAfter"), "part {place} does not expire with its item");
        let text = text(part, "recordData");
        let is_full = text.len() == PART_TEXT_BYTES;
        assert!(
            is_full || (place + 1 == count && text.len() < PART_TEXT_BYTES && !text.is_empty()),
            "part {place}: {}",
            text.len()
        );
        joined.push_str(text);
    }
    joined
}
