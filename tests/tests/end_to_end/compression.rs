//! Payloads that are stored compressed because the stream's tag says so.

use end_to_end::archive::Archive;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of, noise};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, text};
use std::collections::BTreeMap;

in_both_ways!(
    payloads_that_get_smaller_are_archived_compressed,
    what_is_archived_after_compression_is_turned_off_does_not_say_that_it_is_compressed,
    the_tag_of_compression_is_read_in_any_case_and_none_means_none,
);

const MODES: [(&str, Keys); 2] = [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)];

async fn archived(endpoints: &Endpoints, mode: &str, keys: Keys, compression: &str) -> TestStream {
    let stream =
        TestStream::archived(endpoints, 1, &[("StreamArchiveMode", mode), ("ArchiveCompression", compression)], mode, keys).await;
    stream.create_parts_table().await;
    stream
}

fn repeated(order: usize) -> Vec<u8> {
    format!(r#"{{"order":{order},"note":"{}"}}"#, "paid ".repeat(100)).into_bytes()
}

async fn payloads_that_get_smaller_are_archived_compressed(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = archived(&endpoints, mode, keys, "gzip").await;
        let payloads = [
            ("order", repeated(1), true),
            ("zeros", vec![0; 300_000], true),
            ("empty", vec![], false),
            ("short", b"{}".to_vec(), false),
            ("noise", noise(2_000, 1), false),
            ("large noise", noise(400_000, 2), false),
        ];
        let numbered = (1..).zip(&payloads);
        let records: Vec<ReadRecord> =
            numbered.map(|(number, (key, payload, _))| ReadRecord::new(key, &i32::to_string(&number), payload)).collect();

        Function::start(&endpoints, &way).await.archive(&event_of(&stream, &records)).await;

        let archive = Archive::of(&stream, mode).await;
        assert_eq!(archive.records.len(), records.len());
        for (record, (key, payload, is_compressed)) in records.iter().zip(&payloads) {
            let stored = &archive.records[&(record.partition_key.clone(), record.sequence_number.clone())];
            assert!(&stored.payload == payload, "mode {mode}: {key} is another payload");
            if *is_compressed {
                assert_eq!(text(&stored.item, "recordEncoding"), "gzip", "mode {mode}: {key}");
                assert!(stored.text.len() < record.data().len(), "mode {mode}: {key}");
            } else {
                assert!(!stored.item.contains_key("recordEncoding"), "mode {mode}: {key}");
                assert!(stored.text == record.data(), "mode {mode}: {key} is not the event's text");
            }
        }
    }
}

async fn what_is_archived_after_compression_is_turned_off_does_not_say_that_it_is_compressed(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let stream = archived(&endpoints, mode, keys, "gzip").await;
        let records: Vec<ReadRecord> =
            (7..12).map(|number| ReadRecord::new("cust-42", &number.to_string(), &repeated(number))).collect();
        Function::start(&endpoints, &way).await.archive(&event_of(&stream, &records[..2])).await;
        assert!(Archive::of(&stream, mode).await.records.values().all(|record| record.item.contains_key("recordEncoding")));

        stream.untag("ArchiveCompression").await;
        Function::start(&endpoints, &way).await.archive(&event_of(&stream, &records[2..])).await;

        let archive = Archive::of(&stream, mode).await;
        let newest = &archive.records[&("cust-42".to_owned(), "11".to_owned())];
        assert!(!newest.item.contains_key("recordEncoding"), "{:?}", newest.item);
        assert_eq!(newest.text, records[4].data());
        let kept = if mode == "ALL" { &records[..] } else { &records[4..] };
        let expected: BTreeMap<_, _> = kept
            .iter()
            .map(|record| ((record.partition_key.clone(), record.sequence_number.clone()), record.payload.clone()))
            .collect();
        assert_eq!(archive.payloads(), expected, "mode {mode}");
    }
}

async fn the_tag_of_compression_is_read_in_any_case_and_none_means_none(way: Way) {
    let endpoints = Endpoints::start().await;
    for (tag, is_compressed) in [(" GZip ", true), ("none", false), ("NONE", false)] {
        let stream = archived(&endpoints, "ALL", Keys::OfModeAll, tag).await;
        let record = ReadRecord::new("cust-42", "1", &repeated(1));
        Function::start(&endpoints, &way).await.archive(&event_of(&stream, &[record])).await;
        assert_eq!(stream.items("ALL").await[0].contains_key("recordEncoding"), is_compressed, "{tag:?}");
    }
}
