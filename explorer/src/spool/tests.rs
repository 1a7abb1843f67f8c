//! The spool returns what was put, from the file and from the buffer.

#![allow(clippy::unwrap_used)]

use super::*;
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use proptest::prelude::*;

fn order(number: u64, data_bytes: usize) -> Record {
    Record::new(StoredItem {
        partition_key: format!("cust-{}", number % 7),
        sequence_number: SequenceNumber::parse(number.to_string()).ok(),
        data: Some("A".repeat(data_bytes)),
        arrival: ArrivalTime::parse(&format!("{}.25", 1_545_084_650 + number)).ok(),
        shard_id: Some(format!("shardId-{:012}", number % 3)),
        last_update: Some("2018-12-17 22:11:51".to_owned()),
        ..StoredItem::default()
    })
}

fn spool() -> (tempfile::TempDir, Spool) {
    let folder = tempfile::tempdir().unwrap();
    let spool = Spool::in_folder(folder.path()).unwrap();
    (folder, spool)
}

#[test]
fn what_was_put_comes_back_however_large_it_is() {
    let (_folder, mut spool) = spool();
    let records: Vec<Record> = (0..4_000)
        .map(|number| order(number, if number % 500 == 7 { 390_000 } else { 300 }))
        .chain([order(9, 11_000_000)])
        .collect();
    let entries: Vec<Entry> = records.iter().map(|record| spool.put(record).unwrap()).collect();
    for (record, entry) in records.iter().zip(&entries) {
        assert_eq!(&spool.get(entry.place()).unwrap(), record);
        assert_eq!(spool.shards()[usize::from(entry.shard)], *record.item.shard_id.as_ref().unwrap());
    }
    assert_eq!((spool.len(), spool.shards().len(), spool.is_full()), (4_001, 3, false));
    assert!(spool.get(Place(spool.len_bytes())).is_err());
}

#[test]
fn the_newest_of_a_key_or_number_is_found_in_the_file_and_in_the_buffer() {
    let (_folder, mut spool) = spool();
    let mut entries: Vec<Entry> =
        (0..4_000).rev().map(|number| spool.put(&order(number, if number == 3_000 { 3_000_000 } else { 300 })).unwrap()).collect();
    entries.reverse();
    let find = |wanted: &SoughtRecord| spool.find(wanted, |_| true).unwrap();
    assert_eq!(find(&SoughtRecord::Key("cust-3".to_owned())), Some(entries[3_993]));
    for number in [0, 1, 2_999, 3_000, 3_001, 3_999] {
        assert_eq!(find(&SoughtRecord::Number(number.to_string())), Some(entries[number]), "{number}");
    }
    assert_eq!(find(&SoughtRecord::Key("cust-8".to_owned())), None);
    assert_eq!(find(&SoughtRecord::Number("4000".to_owned())), None);
}

#[test]
fn a_disk_that_takes_nothing_is_told_with_its_folder_and_what_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("read-only");
    std::fs::write(&path, "").unwrap();
    let mut spool = Spool::on(File::open(&path).unwrap(), folder.path());
    let first = spool.put(&order(1, 300)).unwrap();
    let error = spool.put(&order(2, BUFFER_BYTES)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot save records in {}: ", folder.path().display())), "{error}");
    assert_eq!(spool.len(), 1);
    assert_eq!(spool.get(first.place()).unwrap(), order(1, 300));
    let full = named(&io::ErrorKind::StorageFull.into(), "save records", folder.path()).to_string();
    assert!(full.ends_with("; free some space, or set XDG_CACHE_HOME to another folder"), "{full}");
}

fn any_item() -> impl Strategy<Value = StoredItem> {
    let texts = proptest::option::of(".{0,20}");
    let numbers = (proptest::option::of(any::<u128>()), any::<Option<u32>>(), any::<Option<u64>>(), any::<Option<i64>>());
    let lists = (proptest::collection::vec((".{0,9}", ".{0,9}"), 0..3), proptest::collection::vec(".{0,30}", 0..3));
    (".{0,20}", texts.clone(), texts.clone(), texts, numbers, any::<Option<u32>>(), lists).prop_map(
        |(partition_key, data, encoding, shard_id, (number, parts, place, expire_after), arrival, (others, problems))| StoredItem {
            partition_key,
            sequence_number: number.and_then(|number| SequenceNumber::parse(number.to_string()).ok()),
            data,
            encoding,
            parts,
            sub_sequence_number: place,
            arrival: arrival.and_then(|seconds| ArrivalTime::parse(&format!("{seconds}.5")).ok()),
            last_update: shard_id.clone(),
            shard_id,
            expire_after,
            others,
            problems,
        },
    )
}

proptest! {
    #[test]
    fn any_record_comes_back_and_is_found(items in proptest::collection::vec(any_item(), 1..20), writes: bool) {
        let (_folder, mut spool) = spool();
        let records: Vec<Record> = items.into_iter().map(Record::new).collect();
        let entries: Vec<Entry> = records.iter().map(|record| spool.put(record).unwrap()).collect();
        if writes {
            spool.write_if(0).unwrap();
        }
        for (record, entry) in records.iter().zip(&entries) {
            prop_assert_eq!(&spool.get(entry.place()).unwrap(), record);
            let found = spool.find(&SoughtRecord::Key(record.id.partition_key.clone()), |_| true).unwrap().unwrap();
            prop_assert!(found <= *entry);
            prop_assert_eq!(&spool.get(found.place()).unwrap().id.partition_key, &record.id.partition_key);
        }
    }
}
