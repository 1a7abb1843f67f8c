//! What was archived before the demo began: items as the archiver writes them, of records that arrived in the past days. They were in
//! the stream's shards then; their sequence numbers are smaller than those of all records that the stream gets now.

use super::records::{Generator, Kind};
use super::rhythm::{Rush, arrivals};
use crate::aws::connect::Connection;
use crate::local::error::SetupError;
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::item::{Attributes, Item, Stamp};
use archiver::format::payload::{Data, Packer};
use archiver::format::record::{ArchivedRecord, ArrivalTime};
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::{ArchiveMode, ArchiveSettings};
use archiver::format::table::attribute;
use archiver::store::database::MAX_BATCH;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use ferrokinesis::sequence::{SeqObj, partition_key_to_hash_key, shard_id_name, stringify_sequence};
use futures::TryStreamExt as _;
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;

/// The stream was made so long before its first record.
const OLDER_HOURS: i64 = 24;
/// From a record's arrival until it was archived, in milliseconds.
const DELAY: std::ops::Range<i64> = 300..1_800;
/// The format of sequence numbers that streams have now.
const NUMBER_VERSION: u32 = 2;
/// Calls at the same time.
const CALLS_IN_FLIGHT: usize = 4;

/// The records of an archive's past.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past {
    /// The last ones arrived so long ago.
    pub(super) until_hours_ago: i64,
    /// The first ones arrived so long before that.
    pub(super) hours: i64,
    pub(super) records: usize,
    pub(super) rush: Option<Rush>,
    /// Whether an item in the middle lost the end of its payload.
    pub(super) has_damage: bool,
}

impl Past {
    /// Until now, as on any day.
    pub(super) const fn new(hours: i64, records: usize) -> Self {
        Self::until(0, hours, records)
    }

    /// Until some hours ago.
    pub(super) const fn until(until_hours_ago: i64, hours: i64, records: usize) -> Self {
        Self { until_hours_ago, hours, records, rush: None, has_damage: false }
    }
}

/// The archive that gets them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Archive<'a> {
    pub(super) table: &'a str,
    pub(super) settings: &'a ArchiveSettings,
    pub(super) shards: i32,
}

/// Gives records their places in a stream's shards.
struct Shards {
    count: u32,
    made_at: Timestamp,
    records: u64,
}

/// Writes the past of an archive as it is at this time.
pub(super) async fn write(
    connection: &Connection,
    archive: Archive<'_>,
    past: Past,
    (generator, kind): (&mut Generator, Kind),
    now: Timestamp,
) -> Result<(), SetupError> {
    let failed = |failure| SetupError::new(format!("write earlier records into table {}", archive.table), failure);
    let refused = |message: String| failed(AwsFailure { kind: FailureKind::Refused, message });
    let until = now.saturating_sub(SignedDuration::from_hours(past.until_hours_ago)).unwrap_or(now);
    let items = items(archive, past, (generator, kind), until).map_err(refused)?;
    let batches = items.chunks(MAX_BATCH).map(|items| {
        let puts = items.iter().map(|item| PutRequest::builder().set_item(Some(item.clone())).build());
        let puts = puts.map(|put| put.map(|put| WriteRequest::builder().put_request(put).build()));
        puts.collect::<Result<Vec<WriteRequest>, _>>().map_err(|error| refused(error.to_string()))
    });
    let calls = batches.map(|batch| async {
        let request = connection.dynamodb.batch_write_item().request_items(archive.table, batch?);
        let output = request.send().await.map_err(|error| failed(error.into()))?;
        match output.unprocessed_items.is_none_or(|left| left.is_empty()) {
            true => Ok(()),
            false => Err(refused("some were not taken".to_owned())),
        }
    });
    let calls: Vec<_> = calls.collect();
    futures::stream::iter(calls.into_iter().map(Ok)).try_for_each_concurrent(CALLS_IN_FLIGHT, |call| call).await
}

/// The items of an archive, in mode LATEST the newest of each key.
fn items(
    archive: Archive<'_>,
    past: Past,
    (generator, kind): (&mut Generator, Kind),
    until: Timestamp,
) -> Result<Vec<Attributes>, String> {
    let mut random = fastrand::Rng::with_seed(past.records as u64);
    let mut packer = Packer::default();
    let begin = until.saturating_sub(SignedDuration::from_hours(past.hours + OLDER_HOURS)).unwrap_or(until);
    let mut shards = Shards { count: archive.shards.unsigned_abs(), made_at: begin, records: 0 };
    let mut written: Vec<(String, Attributes)> = Vec::with_capacity(past.records);
    for arrival in arrivals(&mut random, until, past.hours, past.records, past.rush) {
        let (key, payload) = generator.record(kind, arrival);
        let (shard_id, sequence_number) = shards.place(&key, arrival)?;
        let milliseconds = arrival.as_millisecond();
        let record = ArchivedRecord {
            partition_key: key.as_str().into(),
            sequence_number,
            sub_sequence_number: None,
            data: Data::Bytes(payload.into()),
            arrival: ArrivalTime::parse(&format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000))
                .map_err(|error| error.to_string())?,
            shard_id: shard_id.into(),
        };
        let delay = SignedDuration::from_millis(random.i64(DELAY));
        let stamp = Stamp::new(arrival.saturating_add(delay).unwrap_or(arrival), archive.settings.ttl);
        let item = Item::of(record, &mut packer, archive.settings.compression).to_attributes(&stamp);
        written.push((key, item));
    }
    let middle = written.len() / 2;
    if let Some((_, item)) = written.get_mut(middle).filter(|_| past.has_damage) {
        damage(item);
    }
    Ok(match archive.settings.mode {
        ArchiveMode::All => written.into_iter().map(|(_, item)| item).collect(),
        ArchiveMode::Latest => written.into_iter().collect::<HashMap<_, _>>().into_values().collect(),
    })
}

/// What is left is no whole base64 text.
fn damage(item: &mut Attributes) {
    if let Some(AttributeValue::S(data)) = item.get_mut(attribute::RECORD_DATA) {
        data.truncate(data.len() / 8 * 4 + 1);
    }
}

impl Shards {
    /// The shard of a key, and the next number there. Numbers grow with time over all shards.
    fn place(&mut self, key: &str, arrival: Timestamp) -> Result<(String, SequenceNumber), String> {
        let range = u128::MAX / u128::from(self.count.max(1)) + u128::from(self.count > 1);
        let shard = i64::try_from(partition_key_to_hash_key(key) / range).unwrap_or_default().min(i64::from(self.count) - 1);
        self.records += 1;
        let milliseconds = |time: Timestamp| u64::try_from(time.as_millisecond()).unwrap_or_default();
        let number = stringify_sequence(&SeqObj {
            shard_create_time: milliseconds(self.made_at),
            seq_ix: Some(self.records),
            byte1: None,
            seq_time: Some(milliseconds(arrival)),
            seq_rand: None,
            shard_ix: shard,
            version: NUMBER_VERSION,
        });
        Ok((shard_id_name(shard), SequenceNumber::parse(number).map_err(|error| error.to_string())?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use archiver::format::item::StoredItem;
    use archiver::format::settings::Ttl;
    use std::collections::BTreeSet;

    const NOW: i64 = 1_790_000_000;

    fn past(mode: ArchiveMode, has_damage: bool) -> Vec<StoredItem> {
        let settings = ArchiveSettings::new(mode, Ttl::from_seconds(86_400));
        let archive = Archive { table: "orders-archive-ALL", settings: &settings, shards: 4 };
        let past = Past { has_damage, ..Past::new(24, 400) };
        let until = Timestamp::from_second(NOW).unwrap();
        let items = items(archive, past, (&mut Generator::new(7, 0), Kind::Order), until).unwrap();
        items.into_iter().map(StoredItem::from_attributes).collect()
    }

    #[test]
    fn earlier_items_are_those_that_the_archiver_wrote() {
        let items = past(ArchiveMode::All, false);
        assert_eq!(items.len(), 400);
        assert!(items.iter().all(|item| item.problems.is_empty()));
        let shards: BTreeSet<_> = items.iter().filter_map(|item| item.shard_id.clone()).collect();
        assert_eq!(shards.len(), 4, "{shards:?}");
        for pair in items.windows(2) {
            let time = |item: &StoredItem| item.arrival.as_ref().unwrap().milliseconds().unwrap();
            assert!(time(&pair[0]) <= time(&pair[1]));
            if pair[0].shard_id == pair[1].shard_id {
                assert!(pair[0].sequence_number < pair[1].sequence_number);
            }
        }
    }

    #[test]
    fn the_same_items_are_made_each_time_and_one_is_damaged_where_that_is_asked_for() {
        let (whole, damaged) = (past(ArchiveMode::All, false), past(ArchiveMode::All, true));
        let differing: Vec<_> = whole.iter().zip(&damaged).filter(|(one, other)| one.data != other.data).collect();
        let [(_, damaged)] = differing.as_slice() else { panic!("{} items differ", differing.len()) };
        let data = damaged.data.as_deref().unwrap();
        assert!(archiver::format::payload::restore(data, damaged.encoding.as_deref()).is_err());
    }

    #[test]
    fn the_newest_of_each_key_is_left_in_mode_latest() {
        let (all, latest) = (past(ArchiveMode::All, false), past(ArchiveMode::Latest, false));
        let keys: BTreeSet<_> = latest.iter().map(|item| item.partition_key.clone()).collect();
        assert_eq!(keys.len(), latest.len());
        for item in latest {
            let newest = all.iter().rfind(|other| other.partition_key == item.partition_key).unwrap();
            assert_eq!(item.sequence_number, newest.sequence_number);
        }
    }
}
