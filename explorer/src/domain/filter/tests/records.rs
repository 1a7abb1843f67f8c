//! Records held against filters.

use super::super::json_tree::tests::to_value;
use super::super::json_value::{PathStep, Route};
use super::*;
use crate::domain::decode::Recipe;
use crate::domain::record::Record;
use archiver::format::aggregate::aggregate;
use archiver::format::envelope::{Envelope, Separator};
use archiver::format::item::StoredItem;
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use serde_json_path::JsonPath;
use std::io::Write as _;

const PAID: &[u8] = br#"{"status":"paid","total":42.0,"note":"Gr\u00fcn","items":[{"sku":"a"},{"sku":"b"}]}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn item(payload: &[u8]) -> StoredItem {
    StoredItem {
        partition_key: "cust-42".to_owned(),
        sequence_number: SequenceNumber::parse("4963").ok(),
        arrival: ArrivalTime::parse("1795168800.5").ok(),
        shard_id: Some("shardId-000000000003".to_owned()),
        data: Some(STANDARD.encode(payload)),
        ..StoredItem::default()
    }
}

/// Held against a filter as a reader does it; the payload is read from its parts where it has some, and may not be there.
fn answer(line: &str, item: &StoredItem, payload: Option<&[u8]>) -> Answer {
    let record = Record::new(item.clone());
    parse(line).matcher(times().now).of_record(&record, payload, &Recipe::default(), times().now)
}

fn matches(line: &str, item: &StoredItem, payload: &[u8]) -> bool {
    answer(line, item, Some(payload)).is_yes()
}

fn check(item: &StoredItem, payload: &[u8], expected: &[(&str, bool)]) {
    for (line, matched) in expected {
        assert_eq!(matches(line, item, payload), *matched, "{line}");
    }
}

#[test]
fn every_condition_is_told_from_its_negation() {
    check(&item(PAID), PAID, &[("", true), ("after:2026-11-20T10:00:00.5Z", true), ("after:2026-11-20T10:00:00.501Z", false)]);
    check(&item(PAID), PAID, &[("before:2026-11-20T10:00:00.501Z", true), ("before:2026-11-20T10:00:00.5Z", false)]);
    check(&item(PAID), PAID, &[("key:cust-42", true), ("key:cust-4", false), ("key:cust-4*", true), ("key:cust-5*", false)]);
    for (line, matched) in [
        ("key:cust-*", true),
        ("key:\"cust-*\"", false),
        ("userkey:cust-42", true),
        ("userkey:cust-4", false),
        ("shard:3", true),
        ("shard:4", false),
        ("seq:4963", true),
        ("seq:4962", false),
        ("seq:999..5000", true),
        ("seq:..999", false),
        ("size:83", true),
        ("size:>83", false),
        ("is:expired", false),
        ("is:damaged", false),
        ("is:parts", false),
        ("is:gzip", false),
        ("is:aggregated", false),
        ("is:replay", false),
        ("PAID", true),
        ("paidd", false),
        ("/\"total\":\\d/", true),
        ("/STATUS/", false),
        ("/STATUS/i", true),
        ("json:$.status", true),
        ("json:$.state", false),
        ("json:$.status==\"paid\"", true),
        ("json:$.status==\"pai\"", false),
        ("json:$.status!=\"paid\"", false),
        ("json:$.state!=\"paid\"", false),
        ("json:$.note==\"Grün\"", true),
        ("json:$.total==42", true),
        ("json:$.total<42.5", true),
        ("json:$.total>=\"4\"", false),
        ("json:$.status>\"open\"", true),
        ("json:$.items[1].sku==\"b\"", true),
        ("json:$.items[*].sku==\"b\"", true),
        ("json:$.items[2].sku==\"b\"", false),
        ("json:$.items[-1]=={\"sku\":\"b\"}", true),
        ("json:$.items[?@.sku==\"a\"]", true),
        ("json:$.status=~/^P/i", true),
        ("json:$.total=~/^42/", true),
        ("json:$.items=~/sku/", false),
    ] {
        assert_eq!(matches(line, &item(PAID), PAID), matched, "{line}");
        assert_eq!(matches(&format!("-{line}"), &item(PAID), PAID), !matched, "-{line}");
    }
}

#[test]
fn what_decides_and_cannot_be_read_leaves_no_answer() {
    use Answer::{No, Unknown, Yes};
    let bare = StoredItem { partition_key: "cust-42".to_owned(), problems: vec!["…".to_owned()], ..StoredItem::default() };
    for (line, expected) in [
        ("after:1d", Unknown),
        ("before:now", Unknown),
        ("after:1d key:cust-1", No),
        ("shard:3", Unknown),
        ("-shard:3", Unknown),
        ("seq:0..", Unknown),
        ("-seq:0..", Unknown),
        ("is:expired", No),
        ("-is:expired", Yes),
        ("is:damaged", Yes),
        ("is:unreadable", Yes),
        ("-is:unreadable", No),
        ("text:paid", Unknown),
        ("-text:paid", Unknown),
        ("-/paid/", Unknown),
        ("-json:$.a==1", Unknown),
        ("size:>10", Unknown),
        ("-size:>10", Unknown),
        ("userkey:cust-42", Unknown),
        ("-userkey:cust-42", Unknown),
        ("-is:replay", Unknown),
        ("-is:aggregated", Unknown),
        ("-is:aggregated is:parts", No),
        ("key:cust-42", Yes),
    ] {
        assert_eq!(answer(line, &bare, None), expected, "{line}");
    }
    let in_milliseconds = StoredItem { arrival: ArrivalTime::parse("1795168800500").ok(), ..item(PAID) };
    for (line, expected) in [("after:1d", Unknown), ("before:now", Unknown), ("is:damaged", Yes), ("is:unreadable", Yes)] {
        assert_eq!(answer(line, &in_milliseconds, Some(PAID)), expected, "{line}");
    }
}

#[test]
fn json_that_is_broken_has_an_answer_only_where_what_is_there_says_yes() {
    use Answer::{No, Unknown, Yes};
    let cut = br#"{"status":"paid","items":[{"sku":"a"},{"sku":"b"#;
    let trailing = br#"{"status":"paid"} and more"#;
    let nan = br#"{"status":"off","x":NaN,"y":-Infinity,"note":"\ud83d"}"#;
    let text = b"[INFO] status paid";
    let deep = format!("{{\"status\":\"off\",\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    for (payload, line, expected) in [
        (&cut[..], "json:$.status==\"paid\"", Yes),
        (cut, "-json:$.status==\"paid\"", No),
        (cut, "json:$.status==\"open\"", Unknown),
        (cut, "-json:$.status==\"open\"", Unknown),
        (cut, "json:$.items[*].sku==\"a\"", Yes),
        (cut, "json:$.items[*].sku==\"b\"", Unknown),
        (cut, "json:$..sku!=\"a\"", Unknown),
        (cut, "json:$.total", Unknown),
        (cut, "-json:$.total>1", Unknown),
        (cut, "text:paid", Yes),
        (cut, "-text:paid", No),
        (cut, "-text:open", Unknown),
        (cut, "text:open", Unknown),
        (cut, "/open/", Unknown),
        (cut, "-/open/", Unknown),
        (br#"{"a":{"b":"}}"}"#, "-text:open", Unknown),
        (br#"{"id":1 "status":"paid"}"#, "-text:open", Yes),
        (br#"{"id":1 "status":"paid"}"#, "text:open", No),
        (br#"{"id":1 "status":"paid"}"#, "-json:$.x", Unknown),
        (br#"{"id":1 "status":"paid"}"#, "is:unreadable", Yes),
        (b"[1,nul", "-text:paid", Unknown),
        (b"[1,nul", "is:unreadable", Yes),
        (b"{\"a\":tru", "-/paid/", Unknown),
        (b"{\"a\":tru", "is:unreadable", Yes),
        (b"[tru", "-text:paid", Unknown),
        (b"[tru", "is:unreadable", Yes),
        (b"[Na", "-text:paid", Unknown),
        (b"[Na", "is:unreadable", Yes),
        (b"[Na] ha", "-text:paid", Yes),
        (b"[Na] ha", "is:unreadable", No),
        (cut, "is:unreadable", Yes),
        (trailing, "json:$.status==\"paid\"", Yes),
        (trailing, "json:$.state", Unknown),
        (br#"{"a":{"b":1}"#, "-json:$.a==\"x\"", Unknown),
        (br#"{"a":{"b":"}"}"#, "-json:$.a==\"x\"", Unknown),
        (br#"{"a":{"b":"{}}"}"#, "-json:$.a==\"x\"", Unknown),
        (nan, "json:$.status==\"off\"", Yes),
        (nan, "-json:$.status==\"off\"", No),
        (nan, "-json:$.status==\"on\"", Yes),
        (nan, "json:$.x", Yes),
        (nan, "json:$.x<=1", No),
        (nan, "json:$.y<-1e999", Yes),
        (nan, "json:$.note", Yes),
        (nan, "json:$..status==\"off\"", Yes),
        (nan, "json:$[?@.status==\"on\"]", No),
        (nan, "is:unreadable", No),
        (text, "json:$.status", No),
        (text, "-json:$.status==\"paid\"", Yes),
        (text, "is:unreadable", No),
        (deep.as_bytes(), "json:$.status==\"off\"", Yes),
        (deep.as_bytes(), "json:$..status!=\"off\"", Unknown),
        (b"\xef\xbb\xbf{\"a\":1}\0\0\n", "json:$.a==1", Yes),
        (b"\xef\xbb\xbf{\"a\":1}\0\0\n", "json:$..a==1", Yes),
        (br#""{\"status\":\"paid\",\"n\":[1,2]}""#, "json:$.status==\"paid\"", Yes),
        (br#""{\"status\":\"paid\",\"n\":[1,2]}""#, "json:$.n[*]==2", Yes),
        (br#""{\"status\":\"paid\",\"n\":[1,2]}""#, "json:$..n", Yes),
        (br#""{\"status\":\"pa"#, "-json:$.status==\"paid\"", Unknown),
    ] {
        assert_eq!(answer(line, &item(payload), Some(payload)), expected, "{line} of {}", String::from_utf8_lossy(payload));
    }
}

#[test]
fn what_could_not_be_unpacked_has_no_answer() {
    use Answer::{No, Unknown, Yes};
    let damaged = b"\x1f\x8b\x08\0 no gzip at all";
    for line in ["text:paid", "-text:paid", "json:$.a", "-json:$.a", "-/paid/", "json:$.a==\"x\"", "-json:$.a==\"x\""] {
        assert_eq!(answer(line, &item(damaged), Some(damaged)), Unknown, "{line}");
    }
    assert_eq!(answer("is:unreadable", &item(damaged), Some(damaged)), Yes);
    assert_eq!(answer("size:>1 -is:replay", &item(damaged), Some(damaged)), Yes);
    let packed = aggregate(&[("user-1", None, damaged), ("user-2", None, br#"{"status":"paid"}"#)]);
    for (line, expected) in [
        ("json:$.status==\"paid\"", Yes),
        ("json:$.status==\"open\"", Unknown),
        ("userkey:user-2 json:$.status==\"open\"", No),
        ("userkey:user-1 -json:$.status==\"open\"", Unknown),
        ("-json:$.status==\"open\"", Yes),
        ("is:unreadable", Yes),
    ] {
        assert_eq!(answer(line, &item(&packed), Some(&packed)), expected, "{line}");
    }
}

#[test]
fn numbers_are_compared_to_the_last_digit() {
    let numbers =
        br#"{"id":123456789012345678902,"x":0.1000000000000000000001,"z":-0.0,"e":1.2345678901234568e20,"l":[9007199254740993]}"#;
    for (line, matched) in [
        ("json:$.id==123456789012345678902", true),
        ("json:$.id==123456789012345678901", false),
        ("json:$.id>123456789012345678901", true),
        ("json:$.id<=123456789012345678901", false),
        ("json:$.id!=123456789012345678902.0", false),
        ("json:$.x>0.1", true),
        ("json:$.x==0.1", false),
        ("json:$.z==0", true),
        ("json:$.e==123456789012345680000", true),
        ("json:$.e==123456789012345680001", false),
        ("json:$.e<1e999999999", true),
        ("json:$.l[*]==9007199254740993", true),
        ("json:$.l[*]==9007199254740992", false),
        ("json:$.l==[9007199254740993.0]", true),
        ("json:$.l==[9007199254740992]", false),
        ("json:$..[?@>9007199254740992]", true),
        ("json:$.l[?@==9007199254740992]", false),
        ("json:$.id=~/902$/", true),
    ] {
        assert_eq!(matches(line, &item(numbers), numbers), matched, "{line}");
    }
}

#[test]
fn a_number_that_meets_only_texts_says_so() {
    let stream = br#"{"dynamodb":{"NewImage":{"Salary":{"N":"60000"}}}}"#;
    let hint = |line: &str, payload: &[u8]| {
        let filter = parse(line);
        let matcher = filter.matcher(times().now);
        let answer = matcher.of_record(&Record::new(item(payload)), Some(payload), &Recipe::default(), times().now);
        filter.hint().filter(|_| answer == Answer::No)
    };
    let said = hint("json:$.dynamodb.NewImage.Salary.N>50000", stream).unwrap();
    assert!(said.contains("all values at $.dynamodb.NewImage.Salary.N are texts") && said.contains(".N>\"50000\""), "{said}");
    assert!(hint("json:$..N>50000", stream).is_some());
    assert_eq!(hint("json:$..N>\"50000\"", stream), None);
    assert_eq!(hint("json:$.status>1", PAID), None, "a text that is no number");
    assert_eq!(hint("json:$[*]>50", br#"["60",70]"#), None, "there are numbers as well");
}

/// A content, and what can be read of it.
#[derive(Clone, Debug)]
struct Model {
    bytes: Vec<u8>,
    /// What is there, unless nothing can be unpacked.
    read: Option<Value>,
    is_whole: bool,
}

fn any_content() -> impl Strategy<Value = Model> {
    let fields = (proptest::option::of(proptest::sample::select(vec!["paid", "open"])), proptest::option::of(0..5_i64));
    (fields, 0..6_u8).prop_map(|((s, n), kind)| {
        let mut read = serde_json::Map::new();
        read.extend(s.map(|s| ("s".to_owned(), Value::from(s))));
        read.extend(n.map(|n| ("n".to_owned(), Value::from(n))));
        let (is_empty, document) = (read.is_empty(), Value::Object(read));
        let text = document.to_string();
        match kind {
            0 => Model { bytes: b"\x1f\x8b\x08\0 no gzip".to_vec(), read: None, is_whole: false },
            // Cut behind what is there.
            1 => {
                let cut = text.trim_end_matches('}');
                let comma = if is_empty { "" } else { "," };
                Model { bytes: format!("{cut}{comma}").into_bytes(), read: Some(document), is_whole: false }
            }
            2 => Model { bytes: gzip(text.as_bytes()), read: Some(document), is_whole: true },
            _ => Model { bytes: text.into_bytes(), read: Some(document), is_whole: true },
        }
    })
}

/// Conditions on a content, and what they mean, said once more without any speed.
type ContentOracle = (&'static str, fn(&Value) -> bool);
const CONTENT_ORACLES: [ContentOracle; 6] = [
    ("text:PAID", |content| content["s"] == "paid"),
    ("json:$.s==\"paid\"", |content| content["s"] == "paid"),
    ("json:$.s!=\"paid\"", |content| content.get("s").is_some_and(|s| s != "paid")),
    ("json:$.n>2", |content| content["n"].as_i64().is_some_and(|n| n > 2)),
    ("json:$..n", |content| content.get("n").is_some()),
    ("json:$[?@==3]", |content| content["n"] == 3),
];

fn reference(model: &Model, (_, holds): ContentOracle) -> Answer {
    match &model.read {
        None => Answer::Unknown,
        Some(content) if holds(content) => Answer::Yes,
        Some(_) if model.is_whole => Answer::No,
        Some(_) => Answer::Unknown,
    }
}

#[test]
fn properties_are_those_of_the_item_and_of_its_payload() {
    let now = times().now.as_second();
    let expired = StoredItem { expire_after: Some(now), ..item(PAID) };
    check(&expired, PAID, &[("is:expired", true), ("is:damaged", false)]);
    check(&StoredItem { expire_after: Some(now + 1), ..item(PAID) }, PAID, &[("is:expired", false)]);
    let packed = StoredItem { encoding: Some("gzip".to_owned()), data: Some(STANDARD.encode(gzip(PAID))), ..item(PAID) };
    check(&packed, PAID, &[("is:gzip", true), ("is:damaged", false), ("size:83", true), ("paid", true)]);
    check(&StoredItem { encoding: Some("zstd".to_owned()), ..item(PAID) }, PAID, &[("is:gzip", false), ("is:damaged", true)]);
    check(&StoredItem { data: Some("?".to_owned()), ..item(PAID) }, PAID, &[("is:damaged", true)]);
    let split = StoredItem { parts: Some(2), data: Some(String::new()), ..item(PAID) };
    check(&split, PAID, &[("is:parts", true), ("size:83", true), ("size:82", false), ("paid", true), ("is:damaged", false)]);
    let orders = StreamName::parse("orders").unwrap();
    let envelope = Envelope::of(&item(PAID), &orders, &orders);
    for separator in ["\u{1e}", "|"] {
        let replayed = envelope.wrap(&Separator::parse(separator).unwrap(), PAID).unwrap();
        check(&item(&replayed), &replayed, &[("is:replay", true), ("paid is:replay", true)]);
    }
}

#[test]
fn a_user_record_is_found_by_its_own_key() {
    let packed = aggregate(&[("user-1", None, br#"{"status":"open"}"#), ("user-2", None, br#"{"status":"paid"}"#)]);
    let in_item = item(&packed);
    let in_gzip = StoredItem { encoding: Some("gzip".to_owned()), data: Some(STANDARD.encode(gzip(&packed))), ..item(&packed) };
    let in_parts = StoredItem { parts: Some(2), data: Some(String::new()), ..item(&packed) };
    for item in [in_item, in_gzip, in_parts] {
        check(
            &item,
            &packed,
            &[("is:aggregated", true), ("userkey:user-1", true), ("userkey:user-*", true), ("userkey:user-3", false)],
        );
        check(
            &item,
            &packed,
            &[("userkey:cust-42", false), ("key:cust-42", true), ("-userkey:user-1", true), ("-userkey:user-*", false)],
        );
        check(&item, &packed, &[("userkey:user-2 paid", true), ("userkey:user-1 paid", false), ("userkey:user-1 -paid", true)]);
    }
    let plain_in_parts = StoredItem { parts: Some(2), data: Some(String::new()), ..item(PAID) };
    check(&plain_in_parts, PAID, &[("userkey:cust-42", true), ("userkey:other", false), ("-userkey:cust-42", false)]);
}

#[test]
fn every_document_of_a_content_is_looked_at() {
    let lines = b"{\"a\":1}\n{\"a\":2}\n{\"b\":[{\"a\":3}]} tail";
    check(
        &item(lines),
        lines,
        &[("json:$.a==2", true), ("json:$.b[0].a==3", true), ("json:$..a==3", true), ("json:$.a==3", false)],
    );
    let damaged = b"{\"a\":1,";
    check(&item(damaged), damaged, &[("json:$.a", true), ("-json:$.a", false), ("json:$..a", true), ("json:$.b", false)]);
}

/// Conditions, and what they mean, said once more without any speed.
type Oracle = (&'static str, fn(&StoredItem, &Value) -> bool);
const ORACLES: [Oracle; 10] = [
    ("key:k-1", |item, _| item.partition_key == "k-1"),
    ("key:k-*", |item, _| item.partition_key.starts_with("k-")),
    ("userkey:k-2", |item, _| item.partition_key == "k-2"),
    ("shard:1", |item, _| item.shard_id.as_deref() == Some("shardId-000000000001")),
    ("seq:9..11", |item, _| item.sequence_number.as_ref().is_some_and(|number| ["9", "10", "11"].contains(&number.as_str()))),
    ("is:expired", |item, _| item.expire_after.is_some_and(|at| at <= times().now.as_second())),
    ("text:PA", |_, payload| payload.to_string().to_lowercase().contains("pa")),
    ("json:$.s==\"paid\"", |_, payload| payload["s"] == "paid"),
    ("json:$['n']>2", |_, payload| payload["n"].as_i64().is_some_and(|n| n > 2)),
    ("json:$..s!=\"paid\"", |_, payload| payload.get("s").is_some_and(|s| s != "paid")),
];

fn any_item() -> impl Strategy<Value = (StoredItem, Value)> {
    let now = times().now.as_second();
    let payload = (proptest::option::of(proptest::sample::select(vec!["paid", "open", "spa\n"])), proptest::option::of(0..5_i64));
    let payload = payload.prop_map(|fields| match fields {
        (Some(s), Some(n)) => json!({ "s": s, "n": n }),
        (Some(s), None) => json!({ "s": s }),
        (None, n) => json!({ "n": n }),
    });
    let shard = 0..3_u64;
    let expiry = proptest::option::of(now - 1..now + 2);
    (proptest::sample::select(vec!["k-1", "k-2", "x"]), 7..13_u64, shard, expiry, payload).prop_map(
        |(key, number, shard, expire_after, payload)| {
            let item = StoredItem {
                partition_key: key.to_owned(),
                sequence_number: SequenceNumber::parse(number.to_string()).ok(),
                shard_id: Some(format!("shardId-{shard:012}")),
                expire_after,
                ..item(payload.to_string().as_bytes())
            };
            (item, payload)
        },
    )
}

#[test]
fn an_aggregate_is_found_wherever_the_layers_lead_to_one() {
    use Answer::{No, Unknown, Yes};
    let packed = aggregate(&[("user-1", None, br#"{"status":"open"}"#), ("user-2", None, br#"{"status":"paid"}"#)]);
    let orders = StreamName::parse("orders").unwrap();
    let replayed = Envelope::of(&item(PAID), &orders, &orders).wrap(&Separator::parse("\u{1e}").unwrap(), &packed).unwrap();
    for payload in [packed.clone(), gzip(&packed), gzip(&gzip(&packed)), replayed.clone(), gzip(&replayed)] {
        for (line, expected) in [
            ("userkey:user-1", Yes),
            ("userkey:cust-42", No),
            ("-userkey:user-*", No),
            ("is:aggregated", Yes),
            ("-is:aggregated", No),
            ("userkey:user-2 paid", Yes),
            ("userkey:user-1 paid", No),
            ("userkey:user-1 -json:$.status==\"paid\"", Yes),
            ("is:unreadable", No),
        ] {
            assert_eq!(answer(line, &item(&payload), Some(&payload)), expected, "{line} of {payload:02x?}");
        }
        let (recipe, now) = (Recipe::default(), times().now);
        let answers = parse("userkey:user-2 paid").matcher(now).of_user_records(&payload, &recipe);
        assert_eq!(answers, [No, Yes]);
    }
    let mut damaged = packed.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let cut = &packed[..packed.len() - 10];
    for payload in [damaged.clone(), gzip(&damaged), cut.to_vec(), gzip(cut), gzip(&packed)[..12].to_vec()] {
        for (line, expected) in [
            ("userkey:user-1", Unknown),
            ("-userkey:user-1", Unknown),
            ("userkey:cust-42", Yes),
            ("-userkey:cust-42", No),
            ("key:cust-42", Yes),
            ("is:aggregated", Unknown),
            ("-is:aggregated", Unknown),
            ("is:unreadable", Yes),
        ] {
            assert_eq!(answer(line, &item(&payload), Some(&payload)), expected, "{line} of {payload:02x?}");
        }
    }
}

#[test]
fn the_user_records_of_one_record_are_unpacked_within_one_bound() {
    let megabytes = gzip(&vec![b'a'; 6 << 20]);
    let users: Vec<_> = (0..4).map(|_| ("user", None, megabytes.as_slice())).collect();
    let packed = aggregate(&users);
    let answers = parse("userkey:user -text:b").matcher(times().now).of_user_records(&packed, &Recipe::default());
    assert_eq!(answers, [Answer::Yes, Answer::Yes, Answer::Unknown, Answer::Unknown]);
}

/// An item as it may be, with attributes that cannot be read.
fn any_stored() -> impl Strategy<Value = StoredItem> {
    let payloads = vec![
        PAID.to_vec(),
        PAID[..30].to_vec(),
        br#"{"id":1 "status":"paid"}"#.to_vec(),
        b"[1,nul".to_vec(),
        b"[tru".to_vec(),
        b"{\"a\":tru".to_vec(),
        b"[INFO] started".to_vec(),
        gzip(PAID)[..12].to_vec(),
        gzip(&gzip(PAID)[..20]),
        aggregate(&[("user-1", None, PAID)]),
        aggregate(&[("user-1", None, b"{\"a")]),
        aggregate(&[("user-1", None, PAID)])[..40].to_vec(),
        gzip(&aggregate(&[("user-1", None, PAID)])[..40]),
    ];
    let attributes = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), 0..4_u8);
    (proptest::sample::select(payloads), attributes).prop_map(|(payload, (has_shard, has_number, has_time, has_data, odd))| {
        let usual = item(&payload);
        let name = ["expireAfter", "recordParts", "recordEncoding"].get(usize::from(odd));
        StoredItem {
            shard_id: usual.shard_id.filter(|_| has_shard),
            sequence_number: usual.sequence_number.filter(|_| has_number),
            arrival: usual.arrival.filter(|_| has_time),
            data: usual.data.filter(|_| has_data),
            problems: name.map(|name| format!("{name} has an unexpected type: true")).into_iter().collect(),
            ..usual
        }
    })
}

const ASKED: [&str; 17] = [
    "after:1d",
    "before:1d",
    "shard:3",
    "seq:1",
    "seq:4963..",
    "size:>10",
    "is:expired",
    "is:gzip",
    "is:parts",
    "is:aggregated",
    "is:replay",
    "userkey:user-1",
    "userkey:cust-42",
    "text:paid",
    "/paid/",
    "json:$.x",
    "json:$.status==\"open\"",
];

proptest! {
    /// What leaves any condition without an answer is listed, and then the opposite has none either.
    #[test]
    fn what_cannot_be_told_is_listed_as_unreadable(item in any_stored(), place in 0..ASKED.len()) {
        let line = ASKED[place];
        let record = Record::new(item);
        let of = |line: &str| parse(line).matcher(times().now).of_record_here(&record, &Recipe::default(), times().now);
        let is_listed = of("is:unreadable") == Answer::Yes;
        prop_assert!(of(line) != Answer::Unknown || is_listed, "{} of {:?}", line, record);
        if !line.starts_with("after:") && !line.starts_with("before:") {
            let opposite = of(&format!("-{line}"));
            prop_assert!(opposite != Answer::Unknown || is_listed, "-{} of {:?}", line, record);
            prop_assert!(!(of(line).is_yes() && opposite.is_yes() && !line.starts_with("userkey:")), "{} of {:?}", line, record);
        }
    }

    #[test]
    fn all_conditions_must_hold(
        (item, payload) in any_item(),
        chosen in proptest::collection::vec((0..ORACLES.len(), any::<bool>()), 0..4),
    ) {
        let is_key = |line: &str| line.starts_with("key:");
        let keys = chosen.iter().filter(|(place, negated)| is_key(ORACLES[*place].0) && !negated).count();
        prop_assume!(keys < 2);
        let terms: Vec<String> =
            chosen.iter().map(|(place, negated)| format!("{}{}", if *negated { "-" } else { "" }, ORACLES[*place].0)).collect();
        let expected = chosen.iter().all(|(place, negated)| ORACLES[*place].1(&item, &payload) != *negated);
        prop_assert_eq!(matches(&terms.join(" "), &item, payload.to_string().as_bytes()), expected, "{}", terms.join(" "));
    }

    #[test]
    fn a_simple_path_leads_where_the_library_goes(
        document in any_json(),
        steps in proptest::collection::vec(prop_oneof!["\\.[a-c]", "\\[[0-2]\\]", "\\['[a-c ]'\\]", "\\[\"[a-c]\"\\]"], 0..4),
    ) {
        let path = format!("${}", steps.concat());
        let parsed = JsonPath::parse(&path).unwrap();
        let expected = parsed.query(&document).all().into_iter().cloned().collect::<Vec<_>>();
        let route = Route::of(&path, parsed);
        prop_assert!(matches!(route, Route::Simple(_)), "{}", path);
        for document in [document.to_string(), format!("\u{feff}{document}\0")] {
            let mut found = Vec::new();
            let answer = route.any(document.as_bytes(), |value| {
                found.push(to_value(value));
                false
            });
            prop_assert_eq!((found, answer), (expected.clone(), Answer::No));
        }
    }

    /// The matcher's three answers are those of a reference that goes through everything.
    #[test]
    fn an_answer_is_what_can_be_read(
        contents in proptest::collection::vec(any_content(), 1..4),
        is_aggregated: bool,
        is_stored_whole in proptest::bool::weighted(0.9),
        has_time in proptest::bool::weighted(0.8),
        chosen in proptest::collection::vec((0..CONTENT_ORACLES.len(), any::<bool>()), 0..4),
        user_key in proptest::option::of((0..4_usize, any::<bool>())),
        asks_time in proptest::option::of(any::<bool>()),
        asks_unreadable in proptest::option::weighted(0.3, any::<bool>()),
    ) {
        let contents = if is_aggregated { contents } else { contents[..1].to_vec() };
        let keys: Vec<String> = (0..contents.len()).map(|place| format!("user-{place}")).collect();
        let user_records: Vec<_> =
            keys.iter().zip(&contents).map(|(key, content)| (key.as_str(), None, content.bytes.as_slice())).collect();
        let payload = if is_aggregated { aggregate(&user_records) } else { contents[0].bytes.clone() };
        let arrival = if has_time { "1795168800.5" } else { "1795168800500" };
        // Of a payload in parts the item says nothing, and they may not be there.
        let parts = (!is_stored_whole).then_some(2);
        let item = StoredItem { arrival: ArrivalTime::parse(arrival).ok(), parts, ..item(&payload) };
        let minus = |is_negated: bool| if is_negated { "-" } else { "" };
        let mut terms: Vec<String> =
            chosen.iter().map(|(place, is_negated)| format!("{}{}", minus(*is_negated), CONTENT_ORACLES[*place].0)).collect();
        terms.extend(user_key.map(|(place, is_negated)| format!("{}userkey:user-{place}", minus(is_negated))));
        terms.extend(asks_time.map(|is_after| if is_after { "after:1d" } else { "before:1d" }.to_owned()));
        terms.extend(asks_unreadable.map(|is_negated| format!("{}is:unreadable", minus(is_negated))));

        let of_content = |content: &Model| {
            chosen.iter().fold(Answer::Yes, |all, (place, is_negated)| {
                all.and(reference(content, CONTENT_ORACLES[*place]).negated_if(*is_negated))
            })
        };
        let is_meant = |key: &str| user_key.is_none_or(|(place, is_negated)| (key == format!("user-{place}")) != is_negated);
        let key_of = |place: usize| if is_aggregated { keys[place].as_str() } else { "cust-42" };
        let of_payload = contents.iter().enumerate().filter(|(place, _)| is_meant(key_of(*place))).map(|(_, content)| of_content(content));
        // Behind a packing that cannot be undone may be an aggregate, and any key.
        let is_hidden = !is_aggregated && contents[0].read.is_none();
        let of_payload = match is_stored_whole {
            true if is_hidden && user_key.is_some() => Answer::Unknown,
            true => of_payload.fold(Answer::No, Answer::or),
            false if chosen.is_empty() && user_key.is_none() => Answer::Yes,
            false => Answer::Unknown,
        };
        let of_time = match asks_time {
            None => Answer::Yes,
            Some(_) if !has_time => Answer::Unknown,
            Some(is_after) => Answer::of(is_after),
        };
        let is_unreadable = !has_time || !is_stored_whole || contents.iter().any(|content| !content.is_whole);
        let of_unreadable = Answer::of(asks_unreadable.is_none_or(|is_negated| is_unreadable != is_negated));
        let expected = of_payload.and(of_time).and(of_unreadable);
        let line = terms.join(" ");
        let payload = is_stored_whole.then_some(payload.as_slice());
        prop_assert_eq!(answer(&line, &item, payload), expected, "{} of {:?}", line, contents);
        // Every record is found, left out, or counted and listed.
        if expected == Answer::Unknown {
            prop_assert_eq!(answer("is:unreadable", &item, payload), Answer::Yes);
        }
    }

    #[test]
    fn no_payload_makes_a_matcher_panic(payload: Vec<u8>, place in 0..ORACLES.len()) {
        let line = format!("{} -is:aggregated -is:replay -/x/", ORACLES[place].0);
        matches(&line, &item(&payload), &payload);
        matches(&line, &StoredItem { parts: Some(1), ..item(&payload) }, &payload);
    }
}

#[test]
fn only_paths_without_choices_are_simple() {
    let simple = |path: &str| match Route::of(path, JsonPath::parse(path).unwrap()) {
        Route::Simple(steps) => Some(steps),
        Route::Whole(_) => None,
    };
    assert_eq!(
        simple("$.a[\"b c\"][3]"),
        Some(vec![PathStep::Member("a".into()), PathStep::Member("b c".into()), PathStep::Element(3)])
    );
    for path in ["$..a", "$.*", "$[-1]", "$[0:1]", "$[0,1]", "$['a','b']", "$['a]']", "$['\\u0061']", "$[?@.a]"] {
        assert_eq!(simple(path), None, "{path}");
    }
}
