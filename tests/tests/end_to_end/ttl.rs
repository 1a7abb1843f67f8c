//! Items expire as long after archiving as the stream's tag says, and only then.

use end_to_end::capability;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::event_of;
use end_to_end::function::{Function, Way};
use end_to_end::stream::{Keys, TestStream};
use end_to_end::wait::eventually;

in_both_ways!(an_expired_item_goes_and_the_others_stay, a_newer_record_lives_by_the_settings_of_its_own_time);

async fn an_expired_item_goes_and_the_others_stay(way: Way) {
    let endpoints = Endpoints::start().await;
    let Some(database) = capability::deletes_expired_items("an_expired_item_goes_and_the_others_stay", &endpoints) else {
        return;
    };
    let mut streams = Vec::new();
    for tags in [
        &[("StreamArchiveMode", "ALL"), ("ArchiveTTL", "expireSeconds=1")][..],
        &[("StreamArchiveMode", "ALL"), ("ArchiveTTL", "expireSeconds=3600")][..],
        &[("StreamArchiveMode", "ALL")][..],
    ] {
        let stream = TestStream::archived(&endpoints, 1, tags, "ALL", Keys::OfModeAll).await;
        stream.expire_items("ALL").await;
        stream.put("cust-42", br#"{"order":1}"#).await;
        let function = Function::start(&endpoints, &way).await;
        function.archive(&event_of(&stream, &stream.records().await)).await;
        streams.push(stream);
    }

    eventually("the item with a second to live is gone", || async {
        database.sweep_ttl().expect("the database sweeps");
        streams[0].items("ALL").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(streams[1].items("ALL").await.len(), 1);
    assert_eq!(streams[2].items("ALL").await.len(), 1);
}

/// A LATEST item is replaced, not updated; otherwise it would keep the previous record's `expireAfter`.
async fn a_newer_record_lives_by_the_settings_of_its_own_time(way: Way) {
    let endpoints = Endpoints::start().await;
    let tags = [("StreamArchiveMode", "LATEST"), ("ArchiveTTL", "expireSeconds=3600")];
    let stream = TestStream::archived(&endpoints, 1, &tags, "LATEST", Keys::OfModeLatest).await;
    stream.put("cust-42", br#"{"order":1}"#).await;
    stream.put("cust-42", br#"{"order":2}"#).await;
    let records = stream.records().await;

    Function::start(&endpoints, &way).await.archive(&event_of(&stream, &records[..1])).await;
    assert!(stream.items("LATEST").await[0].contains_key("expireAfter"));

    stream.untag("ArchiveTTL").await;
    Function::start(&endpoints, &way).await.archive(&event_of(&stream, &records[1..])).await;
    let items = stream.items("LATEST").await;
    assert_eq!(items.len(), 1);
    assert!(!items[0].contains_key("expireAfter"), "{:?}", items[0]);
}
