//! Aggregated records of the Kinesis Producer Library: unpacked in mode LATEST, so that each user key has its newest record;
//! unchanged in mode ALL.

use archiver::format::aggregate::aggregate;
use aws_sdk_dynamodb::types::AttributeValue;
use end_to_end::archive::Archive;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of, noise};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, number, text};
use std::collections::{BTreeMap, BTreeSet};

in_both_ways!(
    all_holds_aggregated_records_verbatim,
    latest_holds_the_newest_user_record_of_each_key,
    an_aggregated_record_delivered_late_replaces_nothing_newer,
    a_payload_with_a_wrong_sum_is_an_ordinary_one,
    an_item_does_not_keep_its_place_in_an_aggregated_record,
    a_user_record_too_large_for_an_item_is_archived_in_parts_of_its_own,
    an_aggregated_record_that_is_in_the_archive_as_a_whole_is_replaced_by_its_user_records,
);

/// The expected key, version and payload.
type Expected<'e> = (&'e str, &'e str, &'e [u8]);

async fn latest(endpoints: &Endpoints) -> TestStream {
    let tags = [("StreamArchiveMode", "LATEST")];
    let stream = TestStream::archived(endpoints, 1, &tags, "LATEST", Keys::OfModeLatest).await;
    stream.create_parts_table().await;
    stream
}

/// All aggregated records that a producer puts may have the same partition key.
fn aggregated(sequence_number: &str, records: &[(&str, &[u8])]) -> ReadRecord {
    let records: Vec<(&str, Option<&str>, &[u8])> = records.iter().map(|(key, payload)| (*key, None, *payload)).collect();
    ReadRecord::new("a", sequence_number, &aggregate(&records))
}

/// Two aggregated records between plain ones with the same keys, and the newest of each key.
fn mixed() -> (Vec<ReadRecord>, [Expected<'static>; 5]) {
    let records = vec![
        ReadRecord::new("cust-1", "8", b"plain, replaced"),
        aggregated("9", &[("cust-1", b"replaced"), ("cust-2", b"replaced"), ("cust-1", b"the last of both"), ("cust-4", b"alone")]),
        aggregated("10", &[("cust-2", b"in the second"), ("cust-3", b"replaced by a plain one")]),
        ReadRecord::new("cust-3", "11", b"plain"),
        ReadRecord::new("a", "12", b"plain, under the key of both"),
    ];
    let newest: [Expected<'_>; 5] = [
        ("a", "12", b"plain, under the key of both"),
        ("cust-1", "9.2", b"the last of both"),
        ("cust-2", "10.0", b"in the second"),
        ("cust-3", "11", b"plain"),
        ("cust-4", "9.3", b"alone"),
    ];
    (records, newest)
}

async fn assert_holds(stream: &TestStream, expected: &[Expected<'_>]) {
    let archive = Archive::of(stream, "LATEST").await;
    assert_eq!(archive.orphans, BTreeSet::new());
    let expected = expected.iter().map(|(key, version, payload)| (((*key).to_owned(), (*version).to_owned()), payload.to_vec()));
    let (found, expected): (BTreeMap<_, _>, BTreeMap<_, _>) = (archive.payloads(), expected.collect());
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(found == expected, "another payload than was put");
}

async fn all_holds_aggregated_records_verbatim(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", "ALL")], "ALL", Keys::OfModeAll).await;
    let (records, _) = mixed();
    let function = Function::start(&endpoints, &way).await;

    for _ in 0..2 {
        function.archive(&event_of(&stream, &records)).await;
        let items = stream.items_by_number("ALL").await;
        assert_eq!(items.len(), records.len());
        for record in &records {
            let item = &items[&(record.partition_key.clone(), record.sequence_number.clone())];
            assert_eq!(text(item, "recordData"), record.data());
            assert!(!item.contains_key("subSequenceNumber"), "{item:?}");
        }
    }
}

async fn latest_holds_the_newest_user_record_of_each_key(way: Way) {
    let endpoints = Endpoints::start().await;
    let (records, newest) = mixed();
    // As one batch, as several, and out of order; each delivered once more at the end.
    let mut shuffled = records.clone();
    fastrand::Rng::with_seed(20).shuffle(&mut shuffled);
    for (order, batch) in [(&records, 5), (&records, 1), (&records, 2), (&shuffled, 5), (&shuffled, 1)] {
        let stream = latest(&endpoints).await;
        let function = Function::start(&endpoints, &way).await;
        for batch in order.chunks(batch).chain([&records[..], &records[1..2]]) {
            function.archive(&event_of(&stream, batch)).await;
        }
        assert_holds(&stream, &newest).await;

        let items = stream.items("LATEST").await;
        let item = items.iter().find(|item| text(item, "partitionKey") == "cust-1").expect("the user key has an item");
        assert_eq!((text(item, "sequenceNumber"), number(item, "subSequenceNumber")), ("9", "2"));
        assert_eq!(
            (text(item, "shardId"), number(item, "approximateArrivalTimestamp")),
            ("shardId-000000000000", "1545084650.987")
        );
        assert_eq!(text(item, "recordData"), ReadRecord::new("", "", b"the last of both").data());
    }
}

async fn an_aggregated_record_delivered_late_replaces_nothing_newer(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = latest(&endpoints).await;
    let function = Function::start(&endpoints, &way).await;
    let older = aggregated("9", &[("cust-1", b"older"), ("cust-2", b"the only one"), ("cust-3", b"older")]);
    let newer = aggregated("10", &[("cust-1", b"newer"), ("cust-3", b"first"), ("cust-3", b"second")]);
    let newest: [Expected<'_>; 3] =
        [("cust-1", "10.0", b"newer"), ("cust-2", "9.1", b"the only one"), ("cust-3", "10.2", b"second")];

    for record in [&newer, &older, &newer, &older] {
        function.archive(&event_of(&stream, std::slice::from_ref(record))).await;
    }
    assert_holds(&stream, &newest).await;
    function.archive(&event_of(&stream, &[older, newer])).await;
    assert_holds(&stream, &newest).await;
}

async fn a_payload_with_a_wrong_sum_is_an_ordinary_one(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = latest(&endpoints).await;
    let mut damaged = aggregated("9", &[("cust-1", b"one"), ("cust-2", b"two")]);
    *damaged.payload.last_mut().expect("a sum") ^= 1;
    let mut cut = aggregated("10", &[("cust-1", b"one")]);
    cut.partition_key = "b".to_owned();
    cut.payload.truncate(4);

    Function::start(&endpoints, &way).await.archive(&event_of(&stream, &[damaged.clone(), cut.clone()])).await;

    assert_holds(&stream, &[("a", "9", &damaged.payload), ("b", "10", &cut.payload)]).await;
    assert!(stream.items("LATEST").await.iter().all(|item| !item.contains_key("subSequenceNumber")));
}

async fn an_item_does_not_keep_its_place_in_an_aggregated_record(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = latest(&endpoints).await;
    let function = Function::start(&endpoints, &way).await;
    for (record, newest) in [
        (aggregated("8", &[("cust-2", b""), ("cust-1", b"one")]), ("8.1", &b"one"[..])),
        (ReadRecord::new("cust-1", "9", b"two"), ("9", b"two")),
        (aggregated("10", &[("cust-1", b"three"), ("cust-1", b"four")]), ("10.1", b"four")),
        (ReadRecord::new("cust-1", "11", b"five"), ("11", b"five")),
    ] {
        function.archive(&event_of(&stream, &[record])).await;
        assert_holds(&stream, &[("cust-1", newest.0, newest.1), ("cust-2", "8.0", b"")]).await;
    }
}

async fn a_user_record_too_large_for_an_item_is_archived_in_parts_of_its_own(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = latest(&endpoints).await;
    let function = Function::start(&endpoints, &way).await;
    let [photo, scan, other] = [1, 2, 3].map(|seed| noise(400_000 + usize::try_from(seed).expect("small"), seed));
    let record = aggregated("9", &[("photo", &photo), ("note", b"{}"), ("scan", b"replaced"), ("scan", &scan), ("photo", &other)]);
    let newest: [Expected<'_>; 3] = [("note", "9.1", b"{}"), ("photo", "9.4", &other), ("scan", "9.3", &scan)];

    for _ in 0..2 {
        function.archive(&event_of(&stream, std::slice::from_ref(&record))).await;
        assert_holds(&stream, &newest).await;
    }
    let parts: BTreeSet<(String, String)> =
        stream.items("parts").await.iter().map(|part| (text(part, "partOf").to_owned(), number(part, "part").to_owned())).collect();
    let expected = [("9.3", "0"), ("9.3", "1"), ("9.4", "0"), ("9.4", "1")];
    assert_eq!(parts, expected.map(|(part_of, part)| (part_of.to_owned(), part.to_owned())).into());

    // A large record replaces one, a small one the other, and earlier records arrive late.
    let newer = aggregated("10", &[("photo", &photo), ("scan", b"{}")]);
    for record in [&newer, &record] {
        function.archive(&event_of(&stream, std::slice::from_ref(record))).await;
        assert_holds(&stream, &[("note", "9.1", b"{}"), ("photo", "10.0", &photo), ("scan", "10.1", b"{}")]).await;
    }
    function.archive(&event_of(&stream, &[ReadRecord::new("photo", "11", b"plain")])).await;
    assert_holds(&stream, &[("note", "9.1", b"{}"), ("photo", "11", b"plain"), ("scan", "10.1", b"{}")]).await;
}

/// The Node.js original did not unpack them, and their own key may be a user record's.
async fn an_aggregated_record_that_is_in_the_archive_as_a_whole_is_replaced_by_its_user_records(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = latest(&endpoints).await;
    let record = aggregated("9", &[("cust-1", b"first"), ("cust-2", b"second")]);
    let whole = [("partitionKey", "cust-1"), ("sequenceNumber", "9"), ("recordData", &record.data())];
    let whole = whole.map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned())));
    let put = endpoints.dynamodb.put_item().table_name(stream.table("LATEST")).set_item(Some(whole.into()));
    put.send().await.expect("the item is put");
    let function = Function::start(&endpoints, &way).await;

    function.archive(&event_of(&stream, &[record])).await;

    assert_holds(&stream, &[("cust-1", "9.0", b"first"), ("cust-2", "9.1", b"second")]).await;
}
