//! Records that are too large for one item: compressed, or in parts, which are written and deleted with their item.

use archiver::format::payload::PART_TEXT_BYTES;
use end_to_end::archive::{ATTRIBUTES, Archive};
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of, noise};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, number, text};
use std::collections::{BTreeMap, BTreeSet};

in_both_ways!(
    large_records_are_archived_in_parts_that_expire_with_their_item,
    what_is_too_large_even_when_compressed_is_in_parts_of_its_compressed_form,
    latest_keeps_the_parts_of_what_it_holds_and_of_nothing_else,
    an_older_large_record_writes_no_parts,
    a_large_record_delivered_again_keeps_its_parts,
    a_newer_large_record_lives_by_the_settings_of_its_own_time,
    what_latest_deletes_is_not_what_all_keeps,
);

const MODES: [(&str, Keys); 2] = [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)];

async fn archived(endpoints: &Endpoints, mode: &str, keys: Keys, tags: &[(&str, &str)]) -> TestStream {
    let tags = [&[("StreamArchiveMode", mode)], tags].concat();
    let stream = TestStream::archived(endpoints, 1, &tags, mode, keys).await;
    stream.create_parts_table().await;
    stream
}

fn key_of(record: &ReadRecord) -> (String, String) {
    (record.partition_key.clone(), record.sequence_number.clone())
}

async fn archive(function: &Function, stream: &TestStream, records: &[ReadRecord]) {
    function.archive(&event_of(stream, records)).await;
}

/// The archive holds exactly these records.
async fn assert_holds(stream: &TestStream, mode: &str, records: &[&ReadRecord]) {
    let archive = Archive::of(stream, mode).await;
    assert_eq!(archive.orphans, BTreeSet::new());
    let expected: BTreeMap<_, _> = records.iter().map(|record| (key_of(record), &record.payload)).collect();
    assert_eq!(archive.records.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(archive.records.iter().all(|(key, record)| &record.payload == expected[key]), "another payload than was put");
}

/// Each in parts of the event's text, unchanged.
async fn assert_in_parts(stream: &TestStream, mode: &str, records: &[ReadRecord]) {
    assert_holds(stream, mode, &records.iter().collect::<Vec<_>>()).await;
    let archive = Archive::of(stream, mode).await;
    for record in records {
        let stored = &archive.records[&key_of(record)];
        let mut names = BTreeSet::from(ATTRIBUTES);
        let data = record.data();
        let parts = if record.payload.len() > 300_000 { data.len().div_ceil(PART_TEXT_BYTES) } else { 0 };
        if parts > 0 {
            names.insert("recordParts");
        }
        assert_eq!(stored.attributes(), names, "mode {mode}, {} bytes", record.payload.len());
        assert_eq!(stored.parts, parts);
        assert!(stored.text == data, "not the event's text");
    }
}

async fn large_records_are_archived_in_parts_that_expire_with_their_item(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = archived(&endpoints, mode, keys, &[("ArchiveTTL", "expireSeconds=3600")]).await;
        stream.put("small", b"{}").await;
        stream.put("photo", &noise(310_000, 1)).await;
        // Key and payload together are the default limit of a record.
        stream.put("scan", &noise(1024 * 1024 - "scan".len(), 2)).await;
        let function = Function::start(&endpoints, &way).await;

        let records = stream.records().await;
        archive(&function, &stream, &records).await;
        // An event of 5.6 MB; Lambda takes 6.
        let film = ReadRecord::new("film", "49590338271490256608559692538361571095921575989136588898", &noise(4 * 1024 * 1024, 3));
        archive(&function, &stream, std::slice::from_ref(&film)).await;

        assert_in_parts(&stream, mode, &[records, vec![film]].concat()).await;
    }
}

/// The largest record that Kinesis takes. It does not fit an event of Lambda's, but a caller of the library may pass it.
#[tokio::test]
async fn the_largest_record_is_archived_in_parts() {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = archived(&endpoints, mode, keys, &[("ArchiveTTL", "expireSeconds=3600")]).await;
        let function = Function::start(&endpoints, &crate::handler()).await;
        let scan = ReadRecord::new("scan", "4", &noise(10 * 1024 * 1024 - "scan".len(), 4));

        archive(&function, &stream, std::slice::from_ref(&scan)).await;

        assert_in_parts(&stream, mode, &[scan]).await;
    }
}

async fn what_is_too_large_even_when_compressed_is_in_parts_of_its_compressed_form(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = archived(&endpoints, mode, keys, &[]).await;
        // Hexadecimal digits, which compress to half their size.
        let digits: String = noise(600_000, 5).iter().map(|byte| format!("{byte:02x}")).collect();
        let record = ReadRecord::new("report", "5", digits.as_bytes());

        archive(&Function::start(&endpoints, &way).await, &stream, std::slice::from_ref(&record)).await;

        assert_holds(&stream, mode, &[&record]).await;
        let archive = Archive::of(&stream, mode).await;
        let stored = &archive.records[&key_of(&record)];
        assert_eq!(text(&stored.item, "recordEncoding"), "gzip");
        assert!((2..=3).contains(&stored.parts) && stored.text.len() < record.data().len(), "{} parts", stored.parts);
    }
}

/// Large, larger, small, compressed, large again: a replaced record's parts go too.
async fn latest_keeps_the_parts_of_what_it_holds_and_of_nothing_else(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = archived(&endpoints, "LATEST", Keys::OfModeLatest, &[]).await;
    let function = Function::start(&endpoints, &way).await;
    let other = ReadRecord::new("other", "1", &noise(400_000, 0));
    archive(&function, &stream, std::slice::from_ref(&other)).await;
    let payloads = [
        noise(400_000, 1),
        noise(1_200_000, 2),
        noise(400_000, 3),
        b"small".to_vec(),
        noise(700_000, 4),
        vec![b'x'; 700_000],
        noise(310_000, 5),
        b"{}".to_vec(),
    ];
    for (place, payload) in payloads.iter().enumerate() {
        // From one digit to two on the way.
        let newest = ReadRecord::new("scan", &(place + 7).to_string(), payload);
        archive(&function, &stream, std::slice::from_ref(&newest)).await;
        assert_holds(&stream, "LATEST", &[&other, &newest]).await;
    }

    // All of them in one batch, the newest in the middle.
    let mut batch: Vec<ReadRecord> =
        (0..3).map(|place| ReadRecord::new("scan", &(20 + place).to_string(), &noise(400_000 + place, 6))).collect();
    batch.swap(1, 2);
    archive(&function, &stream, &batch).await;
    assert_holds(&stream, "LATEST", &[&other, &batch[1]]).await;
}

/// Parts are not written just to be deleted: without the parts table, every attempt would be reported.
async fn an_older_large_record_writes_no_parts(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = archived(&endpoints, "LATEST", Keys::OfModeLatest, &[]).await;
    let function = Function::start(&endpoints, &way).await;
    let small = ReadRecord::new("small", "10", b"newer");
    let large = ReadRecord::new("large", "10", &noise(400_000, 10));
    archive(&function, &stream, &[small.clone(), large.clone()]).await;
    stream.delete_table("parts").await;

    let older = ["small", "large"].map(|key| ReadRecord::new(key, "9", &noise(500_000, 9)));
    archive(&function, &stream, &older).await;
    archive(&Function::start(&endpoints, &way).await, &stream, &[large]).await;

    let latest = stream.latest("LATEST").await;
    assert_eq!((latest["small"].0.as_str(), latest["large"].0.as_str()), ("10", "10"));
    assert_eq!(latest["small"].1, small.data());
}

async fn a_large_record_delivered_again_keeps_its_parts(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = archived(&endpoints, mode, keys, &[("ArchiveTTL", "expireSeconds=3600")]).await;
        let function = Function::start(&endpoints, &way).await;
        let records = ["9", "10"].map(|number| ReadRecord::new(&format!("cust-{number}"), number, &noise(700_000, 1)));
        let twice = [records[0].clone(), records[1].clone(), records[0].clone()];

        archive(&function, &stream, &twice).await;
        assert_in_parts(&stream, mode, &records).await;
        archive(&function, &stream, &records).await;
        archive(&Function::start(&endpoints, &way).await, &stream, &records[..1]).await;

        assert_in_parts(&stream, mode, &records).await;
    }
}

async fn a_newer_large_record_lives_by_the_settings_of_its_own_time(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = archived(&endpoints, "LATEST", Keys::OfModeLatest, &[("ArchiveTTL", "expireSeconds=3600")]).await;
    let records = ["9", "10"].map(|number| ReadRecord::new("scan", number, &noise(700_000, 1)));
    let expires = || async {
        let archive = Archive::of(&stream, "LATEST").await;
        let item = archive.records.into_values().next().expect("a record").item;
        item.contains_key("expireAfter").then(|| number(&item, "expireAfter").parse::<i64>().expect("seconds"))
    };

    archive(&Function::start(&endpoints, &way).await, &stream, &records[..1]).await;
    assert!(expires().await.is_some());
    stream.untag("ArchiveTTL").await;
    archive(&Function::start(&endpoints, &way).await, &stream, &records[1..]).await;
    assert_eq!(expires().await, None);
}

/// After a change of mode, both archives hold the same record, with parts in the same table.
async fn what_latest_deletes_is_not_what_all_keeps(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = archived(&endpoints, "ALL", Keys::OfModeAll, &[]).await;
    stream.create_table("LATEST", Keys::OfModeLatest).await;
    let large = ReadRecord::new("cust-1", "5", &noise(500_000, 5));
    let small = ReadRecord::new("cust-1", "6", b"{}");
    let records = std::slice::from_ref(&large);
    archive(&Function::start(&endpoints, &way).await, &stream, records).await;

    stream.tag(&[("StreamArchiveMode", "LATEST")]).await;
    let function = Function::start(&endpoints, &way).await;
    archive(&function, &stream, records).await;
    assert_eq!(stream.items("parts").await.len(), 4, "each archive has two parts of its own");
    archive(&function, &stream, std::slice::from_ref(&small)).await;

    assert_holds(&stream, "ALL", &[&large]).await;
}
