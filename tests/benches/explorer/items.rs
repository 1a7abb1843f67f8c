//! The archive's items, each generated from its number: the higher the number, the later it arrived.

use archiver::format::table::attribute;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

/// Bytes of an item as DynamoDB counts them: names, and values as they are stored. Source: DynamoDB developer guide, item sizes.
pub(crate) const ITEM_BYTES: usize = 300;
/// Bytes of a payload, so that the item has [`ITEM_BYTES`] with all its other attributes.
const PAYLOAD_BYTES: usize = 66;
/// Records of one partition key.
const RECORDS_OF_KEY: usize = 4;
/// Between two arrivals; a million records cover a day.
const INTERVAL_MILLISECONDS: usize = 86;
const SHARDS: usize = 4;
/// The start of a sequence number, before the item's number.
const SEQUENCE_PREFIX: &str = "4963180274";

/// The partition key of an item.
pub(crate) fn key_of(number: usize) -> String {
    format!("cust-{:07}", number / RECORDS_OF_KEY)
}

/// The numbers of a key's items, newest first.
pub(crate) fn numbers_of_key(key: &str) -> impl Iterator<Item = usize> {
    let first = key.strip_prefix("cust-").and_then(|digits| digits.parse::<usize>().ok()).map(|place| place * RECORDS_OF_KEY);
    first.into_iter().flat_map(|first| (first..first + RECORDS_OF_KEY).rev())
}

/// The sequence number of an item.
pub(crate) fn sequence_number_of(number: usize) -> String {
    format!("{SEQUENCE_PREFIX}{number:046}")
}

/// The number of the item with this sequence number.
pub(crate) fn number_of(sequence_number: &str) -> usize {
    sequence_number.strip_prefix(SEQUENCE_PREFIX).and_then(|digits| digits.parse().ok()).expect("a number of this archive")
}

/// The keys of an item in DynamoDB's JSON.
pub(crate) fn keys_as_json(number: usize) -> String {
    format!(
        r#"{{"{}":{{"S":"{}"}},"{}":{{"S":"{}"}}}}"#,
        attribute::PARTITION_KEY,
        key_of(number),
        attribute::SEQUENCE_NUMBER,
        sequence_number_of(number)
    )
}

/// Writes an item of an archive with this many, ending now, in DynamoDB's JSON. The attributes are in no order, as in DynamoDB.
pub(crate) fn write_json(text: &mut String, number: usize, items: usize, now: Timestamp) {
    use std::fmt::Write as _;
    let age = u64::try_from((items - number) * INTERVAL_MILLISECONDS).expect("a few days");
    let arrival = now - std::time::Duration::from_millis(age);
    let (seconds, milliseconds) = (arrival.as_second(), arrival.subsec_millisecond());
    write!(
        text,
        r#"{{"{}":{{"S":"shardId-{:012}"}},"{}":{{"S":"{}"}},"{}":{{"N":"{seconds}.{milliseconds:03}"}},"#,
        attribute::SHARD_ID,
        number % SHARDS,
        attribute::RECORD_DATA,
        STANDARD.encode(payload(number)),
        attribute::ARRIVAL,
    )
    .and_then(|()| {
        write!(
            text,
            r#""{}":{{"S":"{}"}},"{}":{{"N":"{}"}},"{}":{{"S":"{}"}},"{}":{{"S":"{}"}}}}"#,
            attribute::LAST_UPDATE,
            arrival.strftime("%Y-%m-%d %H:%M:%S"),
            attribute::EXPIRE_AFTER,
            seconds + 90 * 86_400,
            attribute::PARTITION_KEY,
            key_of(number),
            attribute::SEQUENCE_NUMBER,
            sequence_number_of(number),
        )
    })
    .expect("a text takes all");
}

fn payload(number: usize) -> String {
    let status = ["paid", "open", "sent"][number % 3];
    let mut payload = format!(r#"{{"id":"o-{number}","status":"{status}","total":{}.50,"note":""#, number % 1_000);
    let filling = PAYLOAD_BYTES - payload.len() - r#""}"#.len();
    payload.extend(std::iter::repeat_n('x', filling));
    payload.push_str(r#""}"#);
    payload
}
