//! Finding records by a filter, in whatever form they are stored, and what is read for it.

use super::{archived_stream, keys, long_number, reach};
use archiver::aggregate::aggregate;
use archiver::payload::parts;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use end_to_end::command_line::{ArchivedItem, Explorer, Storage, write_parts};
use end_to_end::fault_proxy::{Fault, FaultProxy};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn records_are_found_by_what_is_in_them_however_it_is_stored() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    stream.create_parts_table().await;
    let table = stream.table("ALL");
    let paid = br#"{"status":"paid","total":17}"#.as_slice();
    let open = br#"{"status":"open","total":99,"note":"Timeout at the bank"}"#.as_slice();
    let together = aggregate(&[("cust-7", None, paid), ("cust-8", None, open)]);
    let (packed, stored) = (gzip(paid), STANDARD.encode(gzip(paid)));
    let plain = Storage::default();
    for (place, (key, payload, storage)) in [
        ("plain", paid, plain),
        ("open", open, plain),
        ("packed", packed.as_slice(), plain),
        ("stored", paid, Storage { data: Some(&stored), encoding: Some("gzip"), ..plain }),
        ("split", paid, Storage { data: Some(""), parts: Some(1), ..plain }),
        ("together", together.as_slice(), plain),
        ("bytes", &[0xff, 0xfe, 0x00], plain),
    ]
    .into_iter()
    .enumerate()
    {
        let (number, arrival) = (long_number(place), format!("154508465{place}"));
        let item = ArchivedItem { key, number: &number, arrival: &arrival, payload, expire_after: None };
        item.write_stored(&endpoints, &table, storage).await;
    }
    let split = STANDARD.encode(paid);
    write_parts(&endpoints, &stream.table("parts"), &long_number(4), parts(&split).enumerate()).await;
    let put = endpoints.dynamodb.put_item().table_name(&table).item("partitionKey", text("elsewhere"));
    let put = put.item("sequenceNumber", text(&long_number(9))).item("shardId", text("shardId-000000000003"));
    put.item("recordData", text("eA==")).send().await.unwrap();

    for (filter, expected) in [
        (&["json:$.status==\"paid\""][..], &["together", "split", "stored", "packed", "plain"][..]),
        (&["json:$.total>=90"], &["together", "open"]),
        (&["text:timeout"], &["together", "open"]),
        (&["/\"total\":1[0-9]}/", "key:p*"], &["packed", "plain"]),
        (&["timeout", "is:aggregated"], &["together"]),
        (&["userkey:cust-8"], &["together"]),
        (&["is:parts"], &["split"]),
        (&["is:gzip"], &["stored"]),
        (&["shard:3"], &["elsewhere"]),
        (&["after:2018-12-17T22:10:55Z", "shard:0"], &["bytes", "together"]),
        (&["json:$.status==\"paid\"", "--limit", "2", "--before", "1545084654"], &["stored", "packed"]),
        (&["--", "-json:$.status", "-shard:3"], &["bytes"]),
    ] {
        let arguments = [&["records", &stream.name, "--output", "json"], filter].concat();
        let finished = explorer.run(&arguments).await.succeeded();
        let records: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(keys(&records), expected, "{filter:?}");
    }
    let mut unordered = explorer.json_lines(&["records", &stream.name, "--unordered"]).await;
    unordered.sort_by_key(|record| std::cmp::Reverse(record["arrived_at"].as_str().map(str::to_owned)));
    assert_eq!(unordered, explorer.json_lines(&["records", &stream.name]).await);
}

#[tokio::test]
async fn payloads_are_decoded_as_they_are_asked_for_and_written_as_they_are() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let packed = gzip(b"{\"id\":1}");
    let together = aggregate(&[("cust-7", None, b"{\"id\":7}"), ("cust-8", None, b"eight")]);
    for (key, number, payload) in [("packed", long_number(1), &packed), ("together", long_number(2), &together)] {
        let item = ArchivedItem { key, number: &number, arrival: "1545084650", payload, expire_after: None };
        item.write(&endpoints, &stream.table("ALL")).await;
    }

    let packed_as = async |options: &[&str]| explorer.json(&[&["get", &stream.name, "packed"], options].concat()).await;
    assert_eq!(packed_as(&[]).await["payload"], json!({ "id": 1 }));
    let as_text = packed_as(&["--decode", "gzip > text"]).await;
    assert_eq!((&as_text["payload"], &as_text["encoding"]), (&json!("{\"id\":1}"), &json!(["base64", "gzip", "text"])));
    let as_bytes = packed_as(&["--decode", "hex"]).await;
    assert_eq!(as_bytes["encoding"], json!(["base64", "binary"]));
    let raw = async |options: &[&str]| {
        let output = explorer.command(&[&["get", &stream.name, "packed", "--raw"], options].concat()).output().await.unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        output.stdout
    };
    assert_eq!(raw(&[]).await, packed);
    assert_eq!(raw(&["--decode", "gzip"]).await, b"{\"id\":1}");
    let refused = explorer.run(&["get", &stream.name, "packed", "--decode", "gzip > cake"]).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("\"cake\" is not a step"), "{refused:#?}");

    let people = explorer.run(&["get", &stream.name, "together"]).await.succeeded();
    let lines: Vec<&str> = people.stdout.lines().collect();
    assert!(
        lines.iter().any(|line| line.starts_with("1 ") && line.contains("cust-7") && line.ends_with("{\"id\":7}")),
        "{people:#?}"
    );
    assert!(lines.iter().any(|line| line.starts_with("2 ") && line.contains("cust-8") && line.ends_with("eight")), "{people:#?}");
    let record = explorer.json(&["get", &stream.name, "together"]).await;
    assert_eq!(record["user_records"][1]["payload"], "eight");
}

#[tokio::test]
async fn of_one_key_the_newest_records_are_read_and_no_others() {
    let (endpoints, _) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    for place in 0..300 {
        let (number, arrival) = (long_number(place), (1_545_084_650 + place).to_string());
        let item = ArchivedItem { key: "cust-42", number: &number, arrival: &arrival, payload: b"{}", expire_after: None };
        item.write(&endpoints, &stream.table("ALL")).await;
    }
    let proxy = FaultProxy::start(&endpoints.dynamodb_url).await;
    let explorer = Explorer::of(super::binary(), &endpoints).with("AWS_ENDPOINT_URL_DYNAMODB", &proxy.url);
    // Whoever needs a second page waits for ever.
    proxy.follow(|call| if call.body["ExclusiveStartKey"].is_null() { Fault::Pass } else { Fault::HangBefore });
    let records = explorer.json_lines(&["records", &stream.name, "key:cust-42", "--limit", "2"]).await;
    let numbers: Vec<&Value> = records.iter().map(|record| &record["sequence_number"]).collect();
    assert_eq!(numbers, [&json!(long_number(299)), &json!(long_number(298))]);
    let reads: Vec<String> = proxy.seen().iter().map(|seen| seen.call.operation.clone()).collect();
    assert!(!reads.iter().any(|operation| operation == "Scan"), "{reads:?}");
    assert!(reads.iter().filter(|operation| *operation == "Query").count() <= 2, "{reads:?}");
}

#[tokio::test]
async fn a_mistake_in_a_filter_is_shown_where_it_stands_before_anything_is_connected_to() {
    let explorer = Explorer::bare(super::binary());
    for (filter, marks, reason) in [
        (&["key:cust-42", "afer:1h"][..], "              ^^^^^", "did you mean after:?"),
        (&["json:$.status=="], "                 ^", "a JSON value must follow"),
        (&["after:yesterday"], "        ^^^^^^^^^", "\"yesterday\" is not a time"),
        (&["paid", "/(/"], "        ^", "unclosed group"),
    ] {
        for command in [&["records", "orders"][..], &["tail", "orders"], &["export", "orders", "--to", "never.jsonl"]] {
            let finished = explorer.run(&[command, filter].concat()).await;
            assert!(finished.sentence(2).contains(reason), "{finished:#?}");
            let lines: Vec<&str> = finished.stderr.lines().collect();
            assert_eq!(lines[0], format!("  {}", filter.join(" ")), "{finished:#?}");
            assert!(lines[1].starts_with(marks) && lines[1].trim_matches([' ', '^']).is_empty(), "{finished:#?}");
        }
    }
    for (arguments, reason) in [
        (&["records", "orders", "key:a", "--key", "b"][..], "both --key and key: are given"),
        (&["records", "no stream's name"], "stream"),
        (&["get", "--file", "orders.jsonl", "a", "1", "2"], "with --file the stream is left out"),
        (&["get", "orders", ""], "the key is empty"),
    ] {
        let finished = explorer.run(arguments).await;
        assert!(finished.sentence(2).contains(reason), "{finished:#?}");
    }
}

#[tokio::test]
async fn an_archive_with_missing_and_damaged_attributes_is_read() {
    let (endpoints, explorer) = reach().await;
    let stream = archived_stream(&endpoints, 1).await;
    let number = |digits: &str| AttributeValue::N(digits.to_owned());
    let items: [(&str, &[(&str, AttributeValue)]); 5] = [
        ("nothing else", &[]),
        ("whole seconds as a text", &[("recordData", text("eA==")), ("approximateArrivalTimestamp", text("1545084650"))]),
        ("data is a number", &[("recordData", number("17")), ("approximateArrivalTimestamp", number("1545084651.5"))]),
        ("data is no base64", &[("recordData", text("hello, world!")), ("approximateArrivalTimestamp", number("1545084652"))]),
        ("expired", &[("recordData", text("eA==")), ("expireAfter", number("1545084700")), ("shardId", number("3"))]),
    ];
    for (place, (key, attributes)) in items.iter().enumerate() {
        let put = endpoints.dynamodb.put_item().table_name(stream.table("ALL"));
        let put = put.item("partitionKey", text(key)).item("sequenceNumber", text(&place.to_string()));
        let put = attributes.iter().fold(put, |put, (name, value)| put.item(*name, value.clone()));
        put.send().await.unwrap();
    }

    let records = explorer.json_lines(&["records", &stream.name]).await;
    assert_eq!(records.len(), items.len());
    let of_key = |key: &str| records.iter().find(|record| record["partition_key"] == key).unwrap();
    assert_eq!((&of_key("expired")["payload"], &of_key("nothing else")["payload"]), (&json!("x"), &Value::Null));
    assert!(!of_key("data is a number")["problems"].as_array().unwrap().is_empty(), "{records:?}");
    let found = async |filter: &str| {
        let mut found = explorer.json_lines(&["records", &stream.name, filter]).await;
        found.sort_by_key(|record| record["sequence_number"].to_string());
        keys(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(found("is:expired").await, ["expired"]);
    assert_eq!(found("after:1545084650").await, ["whole seconds as a text", "data is a number", "data is no base64"]);
    assert!(found("is:damaged").await.contains(&"data is a number".to_owned()));
    let table = explorer.run(&["records", &stream.name]).await.succeeded();
    assert_eq!(table.stdout.lines().count(), 1 + items.len(), "{table:#?}");
    for (key, _) in items {
        assert!(explorer.run(&["get", &stream.name, key]).await.succeeded().stdout.contains(key));
    }
}
