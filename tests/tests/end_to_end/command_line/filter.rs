//! Filters find records however they are stored, and read no more than needed.

use super::{archived_stream, keys, long_number, reach};
use archiver::format::aggregate::aggregate;
use archiver::format::payload::parts;
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
        (&["status=paid"], &["together", "split", "stored", "packed", "plain"]),
        (&["json:$.total>=90"], &["together", "open"]),
        (&["total >= 90"], &["together", "open"]),
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
        (&["-json:$.status", "-shard:3", "--limit", "9"], &["bytes"]),
        (&["timeout at the bank", "-userkey:cust-8"], &["open"]),
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
    // A second page would never arrive.
    proxy.follow(|call| if call.body["ExclusiveStartKey"].is_null() { Fault::Pass } else { Fault::HangBefore });
    let records = explorer.json_lines(&["records", &stream.name, "key:cust-42", "--limit", "2"]).await;
    let numbers: Vec<&Value> = records.iter().map(|record| &record["sequence_number"]).collect();
    assert_eq!(numbers, [&json!(long_number(299)), &json!(long_number(298))]);
    let reads: Vec<String> = proxy.seen().iter().map(|seen| seen.call.operation.clone()).collect();
    assert!(!reads.iter().any(|operation| operation == "Scan"), "{reads:?}");
    assert!(reads.iter().filter(|operation| *operation == "Query").count() <= 2, "{reads:?}");
}

/// A file of exported records: their keys, arrival times and payloads.
fn file_of(records: &[(&str, &str, &[u8])]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for (place, (key, arrival, payload)) in records.iter().enumerate() {
        let arrival: Value = serde_json::from_str(arrival).unwrap();
        let line = json!({
            "stream": "orders", "partition_key": key, "sequence_number": long_number(place), "approximate_arrival_timestamp": arrival,
            "shard_id": "shardId-000000000000", "data": STANDARD.encode(payload),
        });
        writeln!(file, "{line}").unwrap();
    }
    file
}

#[tokio::test]
async fn one_argument_is_one_condition_in_every_command() {
    let (endpoints, explorer) = reach().await;
    let explorer = explorer.with("TZ", "UTC");
    let target = archived_stream(&endpoints, 1).await;
    let file = file_of(&[
        ("cust-1", "1795168800", b"bank not found"),
        ("order 42", "1795168801", b"found, not lost; order"),
        ("order", "1795255200", b"{\"note\":\"b c\",\"id\":42}"),
    ]);
    let path = file.path().to_str().unwrap();
    for (filter, expected) in [
        (&["text:not found"][..], &["cust-1"][..]),
        (&["text:\"not found\""], &["cust-1"]),
        (&["not found"], &["cust-1"]),
        (&["key:order 42"], &["order 42"]),
        (&["key:order *"], &["order 42"]),
        (&["after:2026-11-21 09:59"], &["order"]),
        (&["--after", "2026-11-21 09:59"], &["order"]),
        (&["json:$.note == \"b c\""], &["order"]),
        (&["-text:not found", "-key:order", "--limit", "5"], &["order 42"]),
        (&["-/not (found|lost)/"], &["order"]),
        (&["/not (found|lost)/", "-key:order 42"], &["cust-1"]),
    ] {
        let records = explorer.json_lines(&[&["records", "--file", path], filter].concat()).await;
        assert_eq!(keys(&records), expected, "{filter:?}");
        let exported = explorer.run(&[&["export", "--file", path, "--to", "-"], filter].concat()).await.succeeded();
        assert_eq!(exported.stdout.lines().count(), expected.len(), "{filter:?}");
        let plan = explorer.json(&[&["replay", "plan", "--file", path, "--to", &target.name], filter].concat()).await;
        assert_eq!((&plan["records"], &plan["unsearchable"]), (&json!(expected.len()), &json!(0)), "{filter:?}: {plan}");
    }
    for (arguments, sentence) in
        [(&["key:order after:1h"][..], "make it an argument of its own"), (&[""], "this condition is empty")]
    {
        let finished = explorer.run(&[&["records", "--file", path], arguments].concat()).await;
        assert!(finished.sentence(2).contains(sentence), "{finished:#?}");
    }
    let misspelt = explorer.run(&["records", "--file", path, "key:order", "--limti", "5"]).await;
    assert!(misspelt.code == Some(2) && misspelt.stderr.contains("--limti"), "{misspelt:#?}");
}

#[tokio::test]
async fn what_cannot_be_looked_into_is_counted_and_neither_matches_nor_does_not() {
    let (endpoints, explorer) = reach().await;
    let target = archived_stream(&endpoints, 1).await;
    let damaged = [b"\x1f\x8b\x08\0".as_slice(), b" no gzip at all"].concat();
    let half = aggregate(&[("user-1", None, b"{\"status\":\"open\"}"), ("user-2", None, &damaged)]);
    let records: [(&str, &str, &[u8]); 6] = [
        ("open", "1795168800", b"{\"status\":\"open\"}"),
        ("paid", "1795168801", b"{\"status\":\"paid\",\"x\":NaN}"),
        ("cut", "1795168802", b"{\"status\":"),
        ("damaged", "1795168803", &damaged),
        ("half", "1795168804", &half),
        ("milliseconds", "1795168805000", b"{\"status\":\"open\"}"),
    ];
    let file = file_of(&records);
    let stream = archived_stream(&endpoints, 1).await;
    for (place, (key, arrival, payload)) in records.iter().enumerate() {
        let item = ArchivedItem { key, number: &long_number(place), arrival, payload, expire_after: None };
        item.write(&endpoints, &stream.table("ALL")).await;
    }
    for from in [&["--file", file.path().to_str().unwrap()][..], &[&stream.name]] {
        for (filter, expected, unsearchable) in [
            ("json:$.status==\"paid\"", &["paid"][..], 3),
            ("-json:$.status==\"paid\"", &["half", "milliseconds", "open"], 2),
            ("-text:paid", &["half", "milliseconds", "open"], 2),
            ("after:2026-11-20", &["cut", "damaged", "half", "open", "paid"], 1),
            ("before:2026-11-20", &[], 1),
            ("is:damaged", &["milliseconds"], 0),
            ("is:unreadable", &["cut", "damaged", "half", "milliseconds"], 0),
        ] {
            let finished = explorer.run(&[&["records"], from, &[filter, "--output", "json"]].concat()).await.succeeded();
            let mut found: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            found.sort_by_key(|record| record["partition_key"].to_string());
            assert_eq!(keys(&found), expected, "{filter} of {from:?}");
            let word = match unsearchable {
                0 => "",
                1 => "1 record could not be searched",
                2 => "2 records could not be searched",
                _ => "3 records could not be searched",
            };
            assert_eq!(finished.stderr.contains("could not be searched"), unsearchable > 0, "{filter}: {finished:#?}");
            assert!(finished.stderr.contains(word), "{filter} of {from:?}: {finished:#?}");
        }
        let plan = async |options: &[&str]| {
            let arguments = [&["replay", "plan"], from, &["-json:$.status==\"paid\"", "--to", &target.name], options].concat();
            explorer.json(&arguments).await
        };
        // Two whole records and a user record; the other user record cannot be decided either.
        let left_out = plan(&[]).await;
        assert_eq!((&left_out["records"], &left_out["unsearchable"]), (&json!(3), &json!(3)), "{left_out}");
        let included = plan(&["--include-unreadable"]).await;
        assert_eq!((&included["records"], &included["unsearchable"]), (&json!(6), &json!(3)), "{included}");
    }
}

#[tokio::test]
async fn a_number_that_meets_only_texts_is_told_so() {
    let explorer = Explorer::bare(super::binary());
    let file = file_of(&[("a", "1795168800", b"{\"Salary\":{\"N\":\"60000\"},\"id\":123456789012345678902}")]);
    let path = file.path().to_str().unwrap();
    let found = explorer.run(&["records", "--file", path, "json:$.Salary.N>50000"]).await.succeeded();
    assert!(found.stderr.contains("all values at $.Salary.N are texts"), "{found:#?}");
    for (filter, count) in [("json:$.id==123456789012345678902", 1), ("json:$.id==123456789012345678901", 0)] {
        assert_eq!(explorer.json_lines(&["records", "--file", path, filter]).await.len(), count, "{filter}");
    }
}

#[tokio::test]
async fn a_mistake_in_a_filter_is_shown_where_it_stands_before_anything_is_connected_to() {
    let explorer = Explorer::bare(super::binary());
    for (filter, marks, reason) in [
        (&["key:cust-42", "afer:1h"][..], "              ^^^^^", "did you mean after:?"),
        (&["json:$.status=="], "                 ^", "a JSON value must follow"),
        (&["after:soon"], "        ^^^^", "\"soon\" is not a time"),
        (&["is:gzip", "key:a after:1h"], "                 ^^^^^^^^", "make it an argument of its own"),
        (&["paid", "/(/"], "        ^", "unclosed group"),
    ] {
        for command in [&["records", "orders"][..], &["tail", "orders"], &["export", "orders", "--to", "never.jsonl"]] {
            let finished = explorer.run(&[command, filter].concat()).await;
            assert!(finished.sentence(2).contains(reason), "{finished:#?}");
            let lines: Vec<&str> = finished.stderr.lines().collect();
            let as_typed = |argument: &&str| if argument.contains(' ') { format!("'{argument}'") } else { (*argument).to_owned() };
            let shown: Vec<String> = filter.iter().map(as_typed).collect();
            assert_eq!(lines[0], format!("  {}", shown.join(" ")), "{finished:#?}");
            assert!(lines[1].starts_with(marks) && lines[1].trim_matches([' ', '^']).is_empty(), "{finished:#?}");
        }
    }
    for (arguments, reason) in [
        (&["records", "orders", "key:a", "--key", "b"][..], "--key and key: are both given"),
        (&["records", "no stream's name"], "stream"),
        (&["get", "--file", "orders.jsonl", "a", "1", "2"], "with --file, name no stream"),
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
