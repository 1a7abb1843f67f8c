//! Items are exactly what readers of older archives know.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::archive::ATTRIBUTES;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{event_of, fixture};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, number, text};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

in_both_ways!(
    items_have_the_attributes_of_the_archive_format_and_no_others,
    a_payload_of_every_byte_value_is_archived_unchanged,
    keys_that_are_no_plain_ascii_are_archived_unchanged,
);

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// Epoch seconds of `YYYY-MM-DD HH:MM:SS` in UTC.
fn epoch_seconds(last_update: &str) -> i64 {
    let form: String = last_update.chars().map(|character| if character.is_ascii_digit() { '0' } else { character }).collect();
    assert_eq!(form, "0000-00-00 00:00:00", "{last_update}");
    last_update
        .replace(' ', "T")
        .parse::<jiff::civil::DateTime>()
        .unwrap()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_second()
}

async fn items_have_the_attributes_of_the_archive_format_and_no_others(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)] {
        let tags = [("StreamArchiveMode", mode), ("ArchiveTTL", "expireSeconds=3600")];
        let stream = TestStream::archived(&endpoints, 1, &tags, mode, keys).await;
        let function = Function::start(&endpoints, &way).await;

        let before = now();
        function.archive(&fixture("three_orders.json", &stream)).await;
        let after = now();

        let mut items = stream.items(mode).await;
        items.sort_by_key(|item| text(item, "sequenceNumber").to_owned());
        let expected = [
            ("cust-42", "49590338271490256608559692538361571095921575989136588898", "eyJvcmRlciI6MX0=", "1545084650.987"),
            ("cust-17", "49590338271490256608559692540925702759324208523137515618", "eyJvcmRlciI6Mn0=", "1545084711.95"),
            ("cust-3", "49590338271490256608559692540925702759324208523137515619", "", "1545084712"),
        ];
        assert_eq!(items.len(), expected.len(), "mode {mode}");
        for (item, (partition_key, sequence_number, data, arrival)) in items.iter().zip(expected) {
            let names: BTreeSet<&str> = item.keys().map(String::as_str).collect();
            assert_eq!(names, BTreeSet::from(ATTRIBUTES), "mode {mode}");
            assert_eq!(text(item, "partitionKey"), partition_key);
            assert_eq!(text(item, "sequenceNumber"), sequence_number);
            assert_eq!(text(item, "recordData"), data);
            assert_eq!(number(item, "approximateArrivalTimestamp"), arrival);
            assert_eq!(text(item, "shardId"), "shardId-000000000006");
            let archived_at = epoch_seconds(text(item, "lastUpdate"));
            assert!((before..=after).contains(&archived_at), "archived at {archived_at}, between {before} and {after}");
            assert_eq!(number(item, "expireAfter"), (archived_at + 3_600).to_string());
        }
    }
}

async fn a_payload_of_every_byte_value_is_archived_unchanged(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", "ALL")], "ALL", Keys::OfModeAll).await;
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    // Also covers all lengths of base64's last group.
    let payloads: Vec<Vec<u8>> = (0..4).map(|cut| every_byte[cut..].to_vec()).chain([b"\x00".to_vec(), vec![0xff; 3]]).collect();
    for payload in &payloads {
        stream.put("sensor-1", payload).await;
    }
    let function = Function::start(&endpoints, &way).await;

    let records = stream.records().await;
    function.archive(&event_of(&stream, &records)).await;

    let items = stream.items_by_number("ALL").await;
    let archived: Vec<Vec<u8>> = records
        .iter()
        .map(|record| &items[&(record.partition_key.clone(), record.sequence_number.clone())])
        .map(|item| STANDARD.decode(text(item, "recordData")).unwrap())
        .collect();
    assert_eq!(archived, payloads);
}

async fn keys_that_are_no_plain_ascii_are_archived_unchanged(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", "LATEST")], "LATEST", Keys::OfModeLatest).await;
    let keys = ["Zürich", "東京", "\"quoted\" \\ key", " blanks ", "👩‍🚀", "line\nbreak"];
    for key in keys {
        stream.put(key, key.as_bytes()).await;
    }
    let function = Function::start(&endpoints, &way).await;

    function.archive(&event_of(&stream, &stream.records().await)).await;

    let archived: BTreeSet<(String, Vec<u8>)> =
        stream.latest("LATEST").await.into_iter().map(|(key, (_, data))| (key, STANDARD.decode(data).unwrap())).collect();
    assert_eq!(archived, keys.map(|key| (key.to_owned(), key.as_bytes().to_vec())).into());
}
