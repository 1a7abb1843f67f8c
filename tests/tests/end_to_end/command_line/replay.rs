//! Replays: what arrives, in which order, and what is reported.

use super::{archived_stream, start, until_archived};
use end_to_end::command_line::{ArchivedItem, Explorer};
use end_to_end::event::ReadRecord;
use end_to_end::stream::{TestStream, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Nearly the largest payload that fits one item, which stores it in base64.
const LARGE_BYTES: usize = 290_000;

async fn replay(explorer: &Explorer, source: &TestStream, target: &TestStream, options: &[&str]) -> Value {
    explorer.json(&[&["replay", "run", &source.name, "--to", &target.name, "--yes"], options].concat()).await
}

fn sorted(records: Vec<ReadRecord>) -> Vec<(String, Vec<u8>)> {
    let mut records: Vec<_> = records.into_iter().map(|record| (record.partition_key, record.payload)).collect();
    records.sort();
    records
}

#[tokio::test]
async fn every_payload_arrives_byte_for_byte_under_its_key() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 2).await;
    let target = TestStream::create(&local.endpoints, 3).await;
    let mut records: Vec<(String, Vec<u8>)> = (0..=u8::MAX).map(|byte| (format!("sensor-{byte}"), vec![byte])).collect();
    records.push(("every byte".to_owned(), (0..=u8::MAX).collect()));
    records.push(("東京 \"1\"\n".to_owned(), b"\x1e\x1e{}\x1e".to_vec()));
    records.push(("nothing".to_owned(), Vec::new()));
    for number in 0..3 {
        records.push((format!("picture-{number}"), (0..LARGE_BYTES + number).map(|_| fastrand::u8(..)).collect()));
    }
    source.put_all(&records).await;
    until_archived(&source, records.len()).await;

    let replayed = replay(&explorer, &source, &target, &[]).await;

    let counts = ["total", "sent", "failed", "repeated_puts", "expired_left_out", "maybe_repeated", "left"]
        .map(|name| replayed[name].as_u64().unwrap());
    assert_eq!(counts, [records.len() as u64, records.len() as u64, 0, 0, 0, 0, 0], "{replayed}");
    let bytes: usize = records.iter().map(|(_, payload)| payload.len()).sum();
    assert_eq!(replayed["payload_bytes"], bytes);
    assert_eq!((&replayed["stream"], &replayed["target"]), (&json!(source.name), &json!(target.name)));
    assert_eq!(replayed["source"], source.table("ALL"));
    assert_eq!((&replayed["state"], &replayed["passed_over"]), (&json!("finished"), &json!([])));
    let warnings = replayed["warnings"].as_array().unwrap();
    assert!(
        warnings.len() == 1 && warnings[0].as_str().unwrap().starts_with("There is no filter: the replay takes everything"),
        "{replayed}"
    );
    records.sort();
    assert!(sorted(target.records().await) == records, "a record is lost, changed or there twice");
}

#[tokio::test]
async fn the_order_of_each_key_is_kept_though_shards_were_split() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 1).await;
    let target = TestStream::create(&local.endpoints, 4).await;
    let order = |number: usize| (format!("cust-{}", number % 7), number.to_string().into_bytes());
    source.put_all(&(0..350).map(order).collect::<Vec<_>>()).await;
    source.split(&source.shard_ids().await[0]).await;
    source.put_all(&(350..700).map(order).collect::<Vec<_>>()).await;
    until_archived(&source, 700).await;

    let replayed = replay(&explorer, &source, &target, &[]).await;

    assert_eq!(replayed["sent"], 700);
    println!("replayed {} records a second of 7 keys", replayed["records_per_second"]);
    let mut of_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for record in target.records().await {
        let number = String::from_utf8(record.payload).unwrap().parse().unwrap();
        of_key.entry(record.partition_key).or_default().push(number);
    }
    assert_eq!(of_key.len(), 7);
    for (key, numbers) in of_key {
        assert_eq!(numbers.len(), 100, "{key}");
        assert!(numbers.is_sorted(), "{key} arrived as {numbers:?}");
    }
}

#[tokio::test]
async fn an_envelope_says_where_a_record_came_from_and_leaves_its_payload_alone() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 1).await;
    let payload = b"\x1ea|#|b\x1e\x00\xff";
    source.put("cust-42", payload).await;
    until_archived(&source, 1).await;
    let item = source.items("ALL").await.remove(0);
    let arrival = item["approximateArrivalTimestamp"].as_n().unwrap();
    let (shard, number) = (text(&item, "shardId"), text(&item, "sequenceNumber"));
    let name = &source.name;
    let elsewhere = format!(
        r#"{{"originalApproximateArrivalTimestamp":"{arrival}","originalShardId":"{shard}","originalSequenceNumber":"{number}","originalStreamName":"{name}"}}"#
    );

    for (options, separator) in [(&["--envelope"][..], "\u{1e}"), (&["--envelope", "--separator", "|#|"], "|#|")] {
        let target = TestStream::create(&local.endpoints, 1).await;
        replay(&explorer, &source, &target, options).await;
        let found = target.records().await.remove(0).payload;
        assert_eq!(found, [separator.as_bytes(), elsewhere.as_bytes(), separator.as_bytes(), payload].concat());
    }

    let home = format!(
        r#"{{"originalApproximateArrivalTimestamp":"{arrival}","originalShardId":"{shard}","originalSequenceNumber":"{number}"}}"#
    );
    let replayed = replay(&explorer, &source, &source, &["--envelope"]).await;
    assert!(replayed["warnings"][0].as_str().unwrap().contains("keeps replays: each record is archived again"), "{replayed}");
    let found = source.records().await.remove(1).payload;
    assert_eq!(found, [b"\x1e", home.as_bytes(), b"\x1e", payload].concat());
}

#[tokio::test]
async fn a_separator_that_the_envelope_may_hold_is_refused() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 1).await;
    for separator in ["", "a", "7", "{", "--", "é", "#_#"] {
        let separator = format!("--separator={separator}");
        let refused = explorer.run(&["replay", "run", &source.name, "--to", &source.name, "--yes", "--envelope", &separator]).await;
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        let says_why = refused.stderr.contains("cannot be the separator")
            && refused.stderr.contains("because the envelope itself contains them");
        assert!(says_why, "{refused:#?}");
    }
    let without = explorer.run(&["replay", "run", &source.name, "--to", &source.name, "--yes", "--separator", "#"]).await;
    assert_eq!(without.code, Some(2), "{without:#?}");
    assert!(without.stderr.contains("--envelope"), "{without:#?}");
}

#[tokio::test]
async fn a_part_of_an_archive_is_replayed_in_its_order() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 1).await;
    let long_ago = Some(1_545_088_000);
    let items = [
        ("cust-1", "5", "1545084650.987", None),
        ("cust-2", "6", "1545084651.5", None),
        ("cust-1", "9", "1545084700", None),
        ("cust-1", "10", "1545084700", None),
        ("cust-2", "11", "1545084800", long_ago),
        ("cust-3", "12", "1545088250", None),
    ];
    for (key, number, arrival, expire_after) in items {
        let item = ArchivedItem { key, number, arrival, payload: number.as_bytes(), expire_after };
        item.write(&local.endpoints, &source.table("ALL")).await;
    }

    for (options, expected, expired) in [
        (&[][..], &["5", "6", "9", "10", "12"][..], 1),
        (&["--include-expired"], &["5", "6", "9", "10", "11", "12"], 0),
        (&["--limit", "2"], &["10", "12"], 1),
        (&["--key", "cust-1"], &["5", "9", "10"], 0),
        (&["--key", "cust-1", "--limit", "2"], &["9", "10"], 0),
        (&["--after", "2018-12-17T22:10:51Z", "--before", "1545084701"], &["6", "9", "10"], 0),
    ] {
        let target = TestStream::create(&local.endpoints, 1).await;
        let replayed = replay(&explorer, &source, &target, options).await;
        assert_eq!((&replayed["sent"], &replayed["expired_left_out"]), (&json!(expected.len()), &json!(expired)), "{options:?}");
        let mut found: Vec<String> =
            target.records().await.into_iter().map(|record| String::from_utf8(record.payload).unwrap()).collect();
        // Calls of different keys may overtake one another.
        found.sort_by_key(|number| number.parse::<u32>().unwrap());
        assert_eq!(found, expected, "{options:?}");
    }
}

#[tokio::test]
async fn a_replay_into_its_own_stream_warns() {
    let (local, explorer) = start().await;
    let source = archived_stream(&local.endpoints, 1).await;
    source.put("cust-42", b"{}").await;
    until_archived(&source, 1).await;

    let asked = explorer.run(&["replay", "run", &source.name, "--to", &source.name]).await;
    assert_eq!(asked.sentence(2), "there is no terminal to confirm on; add --yes");
    assert!(asked.stderr.contains("Warning: The target is the source"), "{asked:#?}");
    assert_eq!(source.records().await.len(), 1);

    let people = explorer.run(&["replay", "run", &source.name, "--to", &source.name, "--yes"]).await.succeeded();
    assert!(people.stdout.starts_with("finished: 1 of 1 records sent"), "{people:#?}");
    assert_eq!(source.records().await.len(), 2);
    until_archived(&source, 2).await;
}
