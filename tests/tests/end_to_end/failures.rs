//! Records that cannot be archived are reported, alone or with their batch, in words that say what to do. Nothing is lost.

use end_to_end::archive::Archive;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{event_of, fixture, noise};
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream, text};
use std::collections::BTreeSet;

in_both_ways!(
    a_bad_record_is_reported_alone_and_the_others_are_archived,
    a_record_too_large_for_an_item_is_archived_compressed_or_in_parts,
    a_missing_table_is_named_and_archiving_goes_on_when_it_is_there,
    an_unreadable_tag_is_named_and_nothing_is_written,
    a_table_with_the_keys_of_another_mode_is_named_and_left_alone,
    a_stream_that_is_not_there_is_named,
    what_is_no_event_of_kinesis_is_refused,
    a_batch_without_records_is_archived_at_once,
);

async fn a_bad_record_is_reported_alone_and_the_others_are_archived(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)] {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode)], mode, keys).await;
        let function = Function::start(&endpoints, &way).await;

        let failed = function.failed_numbers(&fixture("bad_records_among_good_ones.json", &stream)).await;

        assert_eq!(
            failed,
            [
                "49590338271490256608559692538361571095921575989136588899",
                "49590338271490256608559692538361571095921575989136588901",
            ]
        );
        let items = stream.items(mode).await;
        let archived: BTreeSet<&str> = items.iter().map(|item| text(item, "sequenceNumber")).collect();
        assert_eq!(
            archived,
            BTreeSet::from([
                "49590338271490256608559692538361571095921575989136588898",
                "49590338271490256608559692538361571095921575989136588900",
                "49590338271490256608559692538361571095921575989136588902",
            ])
        );
    }
}

/// An item may have 400 KB, and these have 440 KB in base64.
async fn a_record_too_large_for_an_item_is_archived_compressed_or_in_parts(way: Way) {
    let endpoints = Endpoints::start().await;
    for (mode, keys) in [("ALL", Keys::OfModeAll), ("LATEST", Keys::OfModeLatest)] {
        let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", mode)], mode, keys).await;
        stream.create_parts_table().await;
        stream.put("cust-1", b"small").await;
        stream.put("cust-2", &[b'x'; 330_000]).await;
        stream.put("cust-3", &noise(330_000, 3)).await;
        stream.put("cust-4", b"small").await;
        let function = Function::start(&endpoints, &way).await;

        let records = stream.records().await;
        function.archive(&event_of(&stream, &records)).await;

        let archive = Archive::of(&stream, mode).await;
        let found: Vec<(&str, usize, bool)> = archive
            .records
            .iter()
            .map(|((key, _), record)| (key.as_str(), record.parts, record.item.contains_key("recordEncoding")))
            .collect();
        let expected = [("cust-1", 0, false), ("cust-2", 0, true), ("cust-3", 2, false), ("cust-4", 0, false)];
        assert_eq!(found, expected, "mode {mode}");
        let expected = records.into_iter().map(|record| ((record.partition_key, record.sequence_number), record.payload));
        assert!(archive.payloads() == expected.collect(), "mode {mode}");
    }
}

async fn a_missing_table_is_named_and_archiving_goes_on_when_it_is_there(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::create(&endpoints, 1).await;
    stream.tag(&[("StreamArchiveMode", "ALL")]).await;
    stream.put("cust-42", br#"{"order":1}"#).await;
    let event = event_of(&stream, &stream.records().await);
    let function = Function::start(&endpoints, &way).await;

    let error = function.error(&event).await;
    assert_eq!(error.error_type, "TableMissing");
    let name = &stream.name;
    assert_eq!(
        error.message,
        format!(
            "stream {name} has archive mode ALL, but table {name}-archive-ALL does not exist; \
             create it with: explorer configure {name} --mode ALL"
        )
    );

    stream.create_table("ALL", Keys::OfModeAll).await;
    function.archive(&event).await;
    assert_eq!(stream.items("ALL").await.len(), 1);

    // The table may also be deleted while the function knows it.
    endpoints.dynamodb.delete_table().table_name(stream.table("ALL")).send().await.unwrap();
    assert_eq!(function.error(&event).await.error_type, "TableMissing");
}

async fn an_unreadable_tag_is_named_and_nothing_is_written(way: Way) {
    let endpoints = Endpoints::start().await;
    for (tag, bad, good) in [
        ("StreamArchiveMode", "EVERYTHING", "ALL"),
        ("ArchiveTTL", "expireSeconds=soon", "expireSeconds=60"),
        ("ArchiveReplays", "drop", "skip"),
        ("ArchiveCompression", "zstd", "gzip"),
    ] {
        let stream = TestStream::create(&endpoints, 1).await;
        stream.tag(&[("StreamArchiveMode", "ALL")]).await;
        stream.tag(&[(tag, bad)]).await;
        stream.create_table("ALL", Keys::OfModeAll).await;
        stream.create_table("LATEST", Keys::OfModeLatest).await;
        let event = fixture("three_orders.json", &stream);
        let function = Function::start(&endpoints, &way).await;

        let error = function.error(&event).await;
        assert_eq!(error.error_type, "InvalidTag");
        let beginning = format!("stream {} has the tag {tag} = \"{bad}\", which cannot be read; use ", stream.name);
        assert!(error.message.starts_with(&beginning), "{}", error.message);
        assert_eq!((stream.items("ALL").await, stream.items("LATEST").await), (vec![], vec![]));

        // The records are still there, and are archived once the tag is corrected.
        stream.tag(&[(tag, good)]).await;
        function.archive(&event).await;
        assert_eq!(stream.items("ALL").await.len(), 3);
        assert_eq!(stream.items("LATEST").await, vec![]);
    }
}

async fn a_table_with_the_keys_of_another_mode_is_named_and_left_alone(way: Way) {
    let endpoints = Endpoints::start().await;
    let stream = TestStream::archived(&endpoints, 1, &[("StreamArchiveMode", "LATEST")], "LATEST", Keys::OfModeAll).await;
    let function = Function::start(&endpoints, &way).await;

    let error = function.error(&fixture("three_orders.json", &stream)).await;

    assert_eq!(error.error_type, "WrongKeys");
    let name = &stream.name;
    assert_eq!(
        error.message,
        format!(
            "table {name}-archive-LATEST has hash key partitionKey and range key sequenceNumber, but mode LATEST of stream \
             {name} needs hash key partitionKey and no range key; change the mode, or delete the table if nobody needs it"
        )
    );
    assert_eq!(stream.items("LATEST").await, vec![]);
}

async fn a_stream_that_is_not_there_is_named(way: Way) {
    let endpoints = Endpoints::start().await;
    let mut stream = TestStream::create(&endpoints, 1).await;
    stream.name.push_str("-gone");
    let function = Function::start(&endpoints, &way).await;

    let error = function.error(&fixture("three_orders.json", &stream)).await;

    assert_eq!(error.error_type, "TagsUnreadable");
    let beginning = format!("cannot read the tags of stream {}: ResourceNotFoundException", stream.name);
    assert!(error.message.starts_with(&beginning), "{}", error.message);
}

async fn what_is_no_event_of_kinesis_is_refused(way: Way) {
    let endpoints = Endpoints::start().await;
    let function = Function::start(&endpoints, &way).await;

    let error = function.error(r#"{"source":"aws.events","detail-type":"Scheduled Event"}"#).await;

    assert_eq!(error.error_type, "InvalidEvent");
    assert!(error.message.starts_with("the event does not come from a Kinesis stream: "), "{}", error.message);
}

async fn a_batch_without_records_is_archived_at_once(way: Way) {
    let endpoints = Endpoints::start().await;
    let function = Function::start(&endpoints, &way).await;
    function.archive(r#"{"Records":[]}"#).await;
}
