//! Replays into a Kinesis that throttles, fails, cuts connections and refuses what is too large.

use super::{archived_stream, start, until_archived};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::proxy::{Fault, Proxy, Script};
use end_to_end::stream::TestStream;
use serde_json::json;
use std::collections::{BTreeMap, HashMap};

const CUSTOMERS: usize = 12;
const RECORDS: usize = 360;

fn fault(call: usize) -> Fault {
    match call {
        // An outage of several calls in a row.
        6..=13 => Fault::ServerError,
        120.. => Fault::None,
        _ if call % 13 == 4 => Fault::CutAfter,
        _ if call % 17 == 3 => Fault::CutBefore,
        _ if call.is_multiple_of(2) => Fault::SomeThrottled,
        _ => Fault::None,
    }
}

#[tokio::test]
async fn nothing_is_lost_or_overtaken_whatever_fails() {
    let (local, explorer) = start().await;
    let proxy = Proxy::start(&local.endpoints.kinesis_url, Script { fault, max_record_kib: None }).await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &proxy.url);
    let source = archived_stream(&local.endpoints, 2).await;
    let target = TestStream::create(&local.endpoints, 4).await;
    let orders: Vec<(String, Vec<u8>)> =
        (0..RECORDS).map(|number| (format!("cust-{}", number % CUSTOMERS), number.to_string().into_bytes())).collect();
    source.put_all(&orders).await;
    until_archived(&source, RECORDS).await;

    let replayed = explorer.json(&["replay", "run", &source.name, "--to", &target.name, "--yes"]).await;

    assert_eq!((replayed["sent"].as_u64(), replayed["failed"].as_u64()), (Some(RECORDS as u64), Some(0)), "{replayed}");
    let number = |name: &str| replayed[name].as_u64().unwrap();
    let (repeated, refused) = (number("repeated_puts") + number("throttled_puts"), proxy.refused_records() as u64);
    assert!(refused > 0 && repeated > refused, "{refused} records refused, {repeated} puts repeated");
    println!("{} calls, {refused} records refused: {replayed}", proxy.calls());
    let unanswered = proxy.put_without_answer();
    assert!(!unanswered.is_empty(), "no call was cut after it was put");

    let mut deliveries: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut first_of_key: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for record in target.records().await {
        let delivered = deliveries.entry(record.payload.clone()).or_default();
        *delivered += 1;
        if *delivered == 1 {
            let number = String::from_utf8(record.payload).unwrap().parse().unwrap();
            first_of_key.entry(record.partition_key).or_default().push(number);
        }
    }
    for (key, payload) in &orders {
        let delivered = deliveries.get(payload).copied().unwrap_or_default();
        let may_be_repeated = unanswered.contains(&STANDARD.encode(payload));
        assert!(delivered == 1 || may_be_repeated && delivered > 1, "{key}: {payload:?} is there {delivered} times");
    }
    assert_eq!(first_of_key.len(), CUSTOMERS);
    for (key, numbers) in first_of_key {
        assert!(numbers.is_sorted(), "{key} arrived as {numbers:?}");
    }
}

#[tokio::test]
async fn what_the_target_can_never_take_is_listed_and_the_others_go() {
    let (local, explorer) = start().await;
    let script = Script { fault: |_| Fault::None, max_record_kib: Some(64) };
    let proxy = Proxy::start(&local.endpoints.kinesis_url, script).await;
    let explorer = explorer.with("AWS_ENDPOINT_URL_KINESIS", &proxy.url);
    let source = archived_stream(&local.endpoints, 1).await;
    let limit = 64 * 1024;
    source.put("small", b"{}").await;
    source.put("fits", &vec![1; limit - "fits".len()]).await;
    // The partition key counts. Source: Kinesis API reference, PutRecord.
    source.put("with its key", &vec![2; limit - "with its key".len() + 1]).await;
    source.put("by itself", &vec![3; limit + 1]).await;
    until_archived(&source, 4).await;

    for (options, sent, impossible) in
        [(&[][..], 2, &["by itself", "with its key"][..]), (&["--envelope"], 1, &["by itself", "fits", "with its key"])]
    {
        let target = TestStream::create(&local.endpoints, 1).await;
        let arguments = ["replay", "run", &source.name, "--to", &target.name, "--yes", "--output", "json"];
        let finished = explorer.run(&[&arguments, options].concat()).await;
        assert!(finished.sentence(1).contains(&format!("cannot replay {} of the records", impossible.len())), "{finished:#?}");
        let replayed = finished.json();
        assert_eq!((&replayed["sent"], &replayed["failed"]), (&json!(sent), &json!(impossible.len())), "{replayed}");
        let mut keys: Vec<&str> =
            replayed["passed_over"].as_array().unwrap().iter().map(|record| record["partition_key"].as_str().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(keys, impossible);
        let reason = replayed["passed_over"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("with its key it has") && reason.contains("takes at most"), "{reason}");
        assert_eq!(target.records().await.len(), sent);
    }
}
