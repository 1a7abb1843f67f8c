//! Records that were replayed into their own stream with the explorer's envelope: archived again, or skipped if the stream's tag
//! says so.

use archiver::format::aggregate::aggregate;
use archiver::format::envelope::{Envelope, Separator};
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, text};
use std::collections::BTreeSet;

in_both_ways!(replays_are_archived_unless_the_tag_says_otherwise, replays_into_their_own_stream_are_skipped_and_nothing_else);

const MODES: [(&str, Keys); 2] = [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)];

/// A record with this payload, replayed from this stream, or from the one that it is put into.
fn replayed(source: Option<&str>, separator: &str, payload: &[u8]) -> Vec<u8> {
    let envelope = Envelope {
        original_approximate_arrival_timestamp: "1545084650.987".to_owned(),
        original_shard_id: "shardId-000000000006".to_owned(),
        original_sequence_number: "49590338271490256608559692538361571095921575989136588898".to_owned(),
        original_stream_name: source.map(str::to_owned),
    };
    envelope.wrap(&Separator::parse(separator).expect("a separator"), payload).expect("an envelope is JSON")
}

async fn versions(stream: &TestStream, mode: &str) -> BTreeSet<(String, String)> {
    let items = stream.items(mode).await;
    items.iter().map(|item| (text(item, "partitionKey").to_owned(), text(item, "sequenceNumber").to_owned())).collect()
}

fn owned(versions: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    versions.iter().map(|(key, number)| ((*key).to_owned(), (*number).to_owned())).collect()
}

async fn replays_are_archived_unless_the_tag_says_otherwise(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        for tag in [&[][..], &[("ArchiveReplays", "keep")]] {
            let tags = [&[("StreamArchiveMode", mode)], tag].concat();
            let stream = TestStream::archived(&endpoints, 1, &tags, mode, keys).await;
            let payload = replayed(None, "\u{1e}", b"older");
            let records = [ReadRecord::new("cust-1", "9", b"newer"), ReadRecord::new("cust-1", "10", &payload)];

            Function::start(&endpoints, &way).await.archive(&event_of(&stream, &records)).await;

            let expected = if mode == "ALL" { owned(&[("cust-1", "9"), ("cust-1", "10")]) } else { owned(&[("cust-1", "10")]) };
            assert_eq!(versions(&stream, mode).await, expected, "mode {mode}, tags {tag:?}");
            let items = stream.items_by_number(mode).await;
            let item = &items[&("cust-1".to_owned(), "10".to_owned())];
            assert_eq!(text(item, "recordData"), records[1].data());
        }
    }
}

async fn replays_into_their_own_stream_are_skipped_and_nothing_else(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in MODES {
        let tags = [("StreamArchiveMode", mode), ("ArchiveReplays", "skip")];
        let stream = TestStream::archived(&endpoints, 1, &tags, mode, keys).await;
        let own = replayed(None, "\u{1e}", b"older");
        let packed = aggregate(&[("cust-6", None, &own), ("cust-7", None, b"put")]);
        let records = [
            ReadRecord::new("cust-1", "9", b"newer"),
            ReadRecord::new("cust-1", "10", &own),
            ReadRecord::new("cust-2", "11", &replayed(None, "|", b"older")),
            ReadRecord::new("cust-3", "12", &replayed(Some(&stream.name), "\u{1e}", b"older")),
            ReadRecord::new("cust-4", "13", &replayed(Some("clicks"), "\u{1e}", b"from elsewhere")),
            ReadRecord::new("cust-5", "14", &own[1..]),
            ReadRecord::new("packed", "15", &packed),
        ];
        let function = Function::start(&endpoints, &way).await;

        for batch in [&records[..], &records[1..4], &records[..1]] {
            function.archive(&event_of(&stream, batch)).await;
        }

        let last = if mode == "ALL" { ("packed", "15") } else { ("cust-7", "15") };
        let expected = owned(&[("cust-1", "9"), ("cust-4", "13"), ("cust-5", "14"), last]);
        assert_eq!(versions(&stream, mode).await, expected, "mode {mode}");
    }
}
