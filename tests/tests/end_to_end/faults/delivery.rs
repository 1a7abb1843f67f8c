//! Batches that come twice or late, or with an unreadable record.

use super::{Scene, newest_of_each_key, numbers_in, orders};
use archiver::format::settings::ArchiveMode;
use end_to_end::event::{ReadRecord, event_of};
use serde_json::{Value, json};
use std::collections::BTreeSet;

in_both_modes!(
    a_batch_delivered_again_changes_nothing,
    an_older_batch_delivered_after_a_newer_one_changes_nothing_newer,
    one_bad_record_of_five_hundred_is_reported_alone,
    a_record_without_a_number_fails_the_batch_after_the_others_are_archived,
);

/// Breaks a record of an event.
type Spoil = fn(&mut Value);

async fn a_batch_delivered_again_changes_nothing(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..300, 40);
    let function = scene.function().await;
    scene.archive(&function, &records).await;
    let once = scene.stream.items_by_number(mode.as_str()).await;

    scene.archive(&function, &records).await;
    scene.archive(&scene.function().await, &records).await;
    let twice: Vec<ReadRecord> = records.iter().chain(&records).cloned().collect();
    scene.archive(&function, &twice).await;

    scene.assert_complete(&records).await;
    assert_eq!(scene.stream.items_by_number(mode.as_str()).await.len(), once.len());
}

async fn an_older_batch_delivered_after_a_newer_one_changes_nothing_newer(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..300, 40);
    let function = scene.function().await;

    for batch in [&records[200..], &records[..100], &records[100..250], &records[..150], &records[50..300], &records[..10]] {
        scene.archive(&function, batch).await;
    }

    scene.assert_complete(&records).await;
}

async fn one_bad_record_of_five_hundred_is_reported_alone(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let function = scene.function().await;
    let faults: [(&str, Spoil); 7] = [
        ("data is not base64", |record| record["kinesis"]["data"] = json!("eyJvcmRlciI6MX0")),
        ("data is a number", |record| record["kinesis"]["data"] = json!(7)),
        ("no data", |record| remove(record, "data")),
        ("no partitionKey", |record| remove(record, "partitionKey")),
        ("an empty partitionKey", |record| record["kinesis"]["partitionKey"] = json!("")),
        ("no arrival time", |record| remove(record, "approximateArrivalTimestamp")),
        ("an arrival time of text", |record| record["kinesis"]["approximateArrivalTimestamp"] = json!("yesterday")),
    ];
    let mut archived = Vec::new();
    for (place, (fault, spoil)) in faults.into_iter().enumerate() {
        let mut records = orders(place * 500..(place + 1) * 500, 4_000);
        let mut event: Value = serde_json::from_str(&event_of(&scene.stream, &records)).unwrap();
        let bad = 31 + place * 70;
        spoil(&mut event["Records"][bad]);

        let answer = function.invoke(&event.to_string()).await.expect(fault);

        let bad = records.remove(bad).sequence_number;
        assert_eq!(numbers_in(&answer), Ok(BTreeSet::from([bad])), "{fault}");
        archived.extend(records);
    }
    scene.assert_complete(&archived).await;
}

async fn a_record_without_a_number_fails_the_batch_after_the_others_are_archived(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let function = scene.function().await;
    let mut records = orders(0..50, 50);
    for spoil in [|record: &mut Value| remove(record, "sequenceNumber"), |record: &mut Value| *record = Value::Null] {
        let mut event: Value = serde_json::from_str(&event_of(&scene.stream, &records)).unwrap();
        spoil(&mut event["Records"][20]);

        let error = function.invoke(&event.to_string()).await.expect_err("nothing can be reported under a number");

        assert_eq!(error.error_type, "RecordWithoutNumber");
        assert!(error.message.contains("without a sequence number"), "{error:#?}");
    }
    records.remove(20);
    assert_eq!(newest_of_each_key(&records).len(), records.len());
    scene.assert_complete(&records).await;
}

fn remove(record: &mut Value, name: &str) {
    record["kinesis"].as_object_mut().unwrap().remove(name);
}
