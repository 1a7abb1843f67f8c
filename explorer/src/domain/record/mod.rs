//! A record as the explorer shows it: the item as it was found, and the payload decoded when it is shown.

pub mod item_json;
pub mod payload;
pub mod preview;
pub mod sequence_value;
pub mod show;

use super::decode::{self, Decoded, Decoder, Recipe};
use super::text::size;
use crate::domain::record::payload::{NoPayload, Place};
use archiver::format::item::StoredItem;
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use archiver::format::table::{GZIP, attribute};
use jiff::Timestamp;
use std::cmp::Ordering;
use std::sync::Arc;

/// What tells a record of an archive from every other. As texts, because a damaged item has them too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId {
    pub partition_key: String,
    /// The sequence number's digits; empty where the item has none.
    pub sequence_number: String,
    /// Its place in its aggregated record, where it comes from one.
    pub sub_sequence_number: Option<u64>,
}

/// A record of an archive.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Which one.
    pub id: RecordId,
    /// When it arrived, where that is a time.
    pub arrived_at: Option<Timestamp>,
    /// Where the payload is.
    pub place: Place,
    /// Bytes of the payload, where they are known without its parts.
    pub payload_size: Option<u64>,
    /// The item as it was found.
    pub item: StoredItem,
}

impl Record {
    /// The record of an item.
    #[must_use]
    pub fn new(mut item: StoredItem) -> Self {
        let place = Place::of(&item);
        let arrived_at = item.arrival.as_ref().and_then(time_of);
        if let Some(problem) = item.arrival.as_ref().filter(|_| arrived_at.is_none()).map(no_time)
            && !item.problems.contains(&problem)
        {
            item.problems.push(problem);
        }
        Self {
            id: RecordId {
                partition_key: item.partition_key.clone(),
                sequence_number: item.sequence_number.as_ref().map(ToString::to_string).unwrap_or_default(),
                sub_sequence_number: item.sub_sequence_number,
            },
            arrived_at,
            payload_size: payload::size_of(&item, &place),
            place,
            item,
        }
    }

    /// Bytes of archived text that the record holds in memory.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.item.data.as_deref().map_or(0, str::len)
    }

    /// Whether something of the item that conditions ask for cannot be read.
    #[must_use]
    pub fn has_unclear_item(&self) -> bool {
        let item = &self.item;
        let has_all = self.arrived_at.is_some() && item.sequence_number.is_some() && item.shard_id.is_some();
        !has_all || self.has_unclear_expiry() || matches!(self.place, Place::Unclear(_))
    }

    /// Whether the item says when it expires, but not so that it can be read. One that does not say it never does.
    #[must_use]
    pub fn has_unclear_expiry(&self) -> bool {
        // In a file it has another name than in a table.
        let names = [attribute::EXPIRE_AFTER, "expire_after"];
        let is_of_expiry = |problem: &String| names.contains(&problem.split(' ').next().unwrap_or_default());
        self.item.expire_after.is_none() && self.item.problems.iter().any(is_of_expiry)
    }

    /// The payload where the item holds it; `None` where parts do.
    #[must_use]
    pub fn payload(&self) -> Option<Result<Vec<u8>, NoPayload>> {
        match &self.place {
            Place::Parts(_) => None,
            Place::Unclear(name) => Some(Err(NoPayload::Damaged(format!("its {name} cannot be read, so its payload is unknown")))),
            Place::Item => Some(match self.item.data.as_deref() {
                Some(text) => payload::payload_of(&self.item, text),
                None => Err(NoPayload::Damaged("its item has no recordData".to_owned())),
            }),
        }
    }

    /// Decodes the payload; of an aggregated record, the user record at this place, from 0. If the payload could not be restored, shows
    /// what the item holds, and why.
    #[must_use]
    pub fn decode(&self, payload: Result<Vec<u8>, NoPayload>, recipe: &Recipe, user_record: usize) -> Decoded {
        self.decode_by(&Decoder::default(), payload, recipe, user_record)
    }

    /// The same by a decoder that counts what is unpacked of all that the record holds.
    #[must_use]
    pub fn decode_by(
        &self,
        decoder: &Decoder,
        payload: Result<Vec<u8>, NoPayload>,
        recipe: &Recipe,
        user_record: usize,
    ) -> Decoded {
        let is_as_it_is = self.place == Place::Item && self.item.encoding.is_none();
        match (payload, self.item.data.as_deref()) {
            (Ok(payload), _) => decoder.decode(payload, self.item.encoding.is_some(), recipe, user_record),
            (Err(_), Some(text)) if is_as_it_is => decode::decode(text),
            (Err(reason), text) => decode::not_restored(text.unwrap_or_default(), reason.to_string()),
        }
    }

    /// How the payload is stored: `whole`, `gzip`, `parts` or `gzip parts`; `None` where that is not known.
    #[must_use]
    pub fn stored_as(&self) -> Option<&'static str> {
        match (&self.place, self.item.encoding.as_deref()) {
            (Place::Item, None) => Some("whole"),
            (Place::Item, Some(GZIP)) => Some("gzip"),
            (Place::Parts(_), None) => Some("parts"),
            (Place::Parts(_), Some(GZIP)) => Some("gzip parts"),
            (Place::Unclear(_), _) | (_, Some(_)) => None,
        }
    }

    /// How the payload is stored, for people; `None` if it is simply in the item.
    #[must_use]
    pub fn storage(&self) -> Option<String> {
        let encoding = self.item.encoding.as_ref();
        match &self.place {
            Place::Parts(parts) => {
                let packed = encoding.map(|encoding| format!("as {encoding}, ")).unwrap_or_default();
                Some(format!("{packed}in {parts}"))
            }
            Place::Item | Place::Unclear(_) => encoding.map(|encoding| format!("as {encoding}")),
        }
    }

    /// The payload's size in a few columns.
    #[must_use]
    pub fn size(&self) -> String {
        match (self.payload_size, &self.place) {
            (Some(bytes), _) => size(bytes),
            (None, Place::Parts(parts)) => parts.to_string(),
            (None, _) => "–".to_owned(),
        }
    }

    /// Newest first; within one time the higher sequence number, then by key, so that the order is the same every time.
    #[must_use]
    pub fn newest_first(&self, other: &Self) -> Ordering {
        (other.arrived_at, other.number(), &self.id).cmp(&(self.arrived_at, self.number(), &other.id))
    }

    /// Whether it has this sequence number, by its value.
    #[must_use]
    pub fn has_number(&self, number: &str) -> bool {
        match (&self.item.sequence_number, SequenceNumber::parse(number)) {
            (Some(own), Ok(number)) => *own == number,
            _ => self.id.sequence_number == number,
        }
    }

    /// What grows from record to record within a shard: the sequence number, then the place in an aggregated record.
    #[must_use]
    pub fn number(&self) -> (Option<&SequenceNumber>, Option<u64>) {
        (self.item.sequence_number.as_ref(), self.item.sub_sequence_number)
    }
}

/// When a record arrived, where its time is one: epoch seconds up to the year 9999.
fn time_of(arrival: &ArrivalTime) -> Option<Timestamp> {
    arrival.milliseconds().and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok())
}

/// What is wrong with an invalid time: most often it is in another unit.
fn no_time(arrival: &ArrivalTime) -> String {
    let whole = arrival.as_str().split('.').next().and_then(|digits| digits.parse::<i64>().ok());
    let in_units = |number: i64| {
        [
            ("milliseconds", Timestamp::from_millisecond(number).ok()),
            ("microseconds", Timestamp::from_microsecond(number).ok()),
            ("nanoseconds", Timestamp::from_nanosecond(i128::from(number)).ok()),
        ]
    };
    let other = whole.and_then(|number| in_units(number).into_iter().find_map(|(unit, time)| Some((unit, time?))));
    let guess = other.map(|(unit, time)| format!("; in {unit} it would be {time}")).unwrap_or_default();
    format!("{} is {arrival}, which is not a time in seconds{guess}", attribute::ARRIVAL)
}

/// The size of records' payloads together, for people; those in parts are not known before they are read.
#[must_use]
pub fn size_together<'r>(records: impl IntoIterator<Item = &'r Arc<Record>>) -> String {
    let (mut known, mut is_more) = (0, false);
    for record in records {
        known += record.payload_size.unwrap_or(0);
        is_more |= record.payload_size.is_none();
    }
    if is_more { format!("more than {}", size(known)) } else { size(known) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record(arrival: &str, number: &str) -> Record {
        Record::new(StoredItem {
            partition_key: "cust-42".to_owned(),
            sequence_number: SequenceNumber::parse(number).ok(),
            arrival: ArrivalTime::parse(arrival).ok(),
            data: Some("SGVsbG8=".to_owned()),
            ..StoredItem::default()
        })
    }

    #[test]
    fn the_newest_comes_first_and_what_has_no_time_last() {
        let mut records = [record("10", "9"), record("?", "1"), record("20", "2"), record("10", "10")];
        records.sort_by(Record::newest_first);
        let numbers: Vec<&str> = records.iter().map(|record| record.id.sequence_number.as_str()).collect();
        assert_eq!(numbers, ["2", "10", "9", "1"]);
    }

    #[test]
    fn an_arrival_in_another_unit_is_damaged_and_no_time() {
        for (arrival, problem) in [
            (
                "1671562498449",
                "is 1671562498449, which is not a time in seconds; in milliseconds it would be 2022-12-20T18:54:58.449Z",
            ),
            (
                "1671562498449123",
                "is 1671562498449123, which is not a time in seconds; in microseconds it would be 2022-12-20T18:54:58.449123Z",
            ),
            ("1671562498449123456", "which is not a time in seconds; in nanoseconds it would be 2022-12-20T18:54:58.449123456Z"),
            ("253402300800", "is 253402300800, which is not a time in seconds; in milliseconds it would be 1978-01-11T21:31:40.8Z"),
            ("1e30", "which is not a time in seconds"),
        ] {
            let record = record(arrival, "1");
            assert_eq!(record.arrived_at, None);
            assert!(record.item.problems[0].ends_with(problem), "{:?}", record.item.problems);
            assert_eq!(Record::new(record.item.clone()).item.problems.len(), 1, "read again it has no more of them");
            assert_eq!(record.item.arrival, ArrivalTime::parse(arrival).ok(), "the item stays as it is");
        }
        for arrival in ["0", "1671562498.449", "253402207199"] {
            assert!(record(arrival, "1").item.problems.is_empty(), "{arrival}");
        }
    }

    #[test]
    fn an_expiry_that_cannot_be_read_is_not_taken_for_none() {
        let item = record("1", "1").item;
        assert!(!Record::new(item.clone()).has_unclear_expiry());
        for problem in ["expireAfter is soon, which is not a time", "expire_after is \"soon\", which is not a whole number"] {
            assert!(Record::new(StoredItem { problems: vec![problem.to_owned()], ..item.clone() }).has_unclear_expiry());
        }
    }

    fn stored(encoding: Option<&str>, parts: Option<u32>) -> Record {
        let item = record("1", "1").item;
        Record::new(StoredItem { encoding: encoding.map(str::to_owned), parts, ..item })
    }

    #[test]
    fn the_way_a_payload_is_stored_is_said_where_it_is_known() {
        for (encoding, parts, stored_as, for_people) in [
            (None, None, Some("whole"), None),
            (Some("gzip"), None, Some("gzip"), Some("as gzip")),
            (None, Some(3), Some("parts"), Some("in 3 parts")),
            (Some("gzip"), Some(3), Some("gzip parts"), Some("as gzip, in 3 parts")),
            (Some("zstd"), None, None, Some("as zstd")),
        ] {
            let record = stored(encoding, parts);
            assert_eq!((record.stored_as(), record.storage().as_deref()), (stored_as, for_people));
        }
    }

    #[test]
    fn what_cannot_be_restored_is_never_taken_for_the_payload() {
        let zstd = stored(Some("zstd"), None);
        let decoded = zstd.decode(zstd.payload().unwrap(), &Recipe::default(), 0);
        assert_eq!((decoded.text(), decoded.payload_size), (None, None));
        assert_eq!(decoded.content, b"Hello", "what is there can be looked at");
        assert_eq!(decoded.breadcrumb(), "not readable");
        assert_eq!(decoded.note.unwrap(), "its recordEncoding is \"zstd\", which this version cannot read");
        assert_eq!(stored(None, Some(3)).payload(), None);
        let unclear =
            Record::new(StoredItem { problems: vec!["recordParts is 2.5, which is not a whole number".to_owned()], ..zstd.item });
        let reason = unclear.payload().unwrap().unwrap_err().to_string();
        assert_eq!(reason, "its recordParts cannot be read, so its payload is unknown");
        assert_eq!(unclear.stored_as(), None);
    }

    #[test]
    fn sizes_that_are_not_known_are_not_made_up() {
        let known = Arc::new(record("1", "1"));
        assert_eq!((known.size(), size_together([&known, &known])), ("5 B".to_owned(), "10 B".to_owned()));
        let split = Arc::new(stored(None, Some(36)));
        assert_eq!((split.size(), size_together([&known, &split])), ("36 parts".to_owned(), "more than 5 B".to_owned()));
    }
}
