//! Records held against filters.

use super::super::json_value::{Route, Step};
use super::*;
use crate::domain::decode::Recipe;
use crate::domain::record::Record;
use archiver::aggregate::aggregate;
use archiver::envelope::{Envelope, Separator};
use archiver::item::StoredItem;
use archiver::record::ArrivalTime;
use archiver::sequence::SequenceNumber;
use archiver::stream::StreamName;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
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

/// Held against a filter as a reader does it: first the item, then the payload, from its parts where it has some.
fn matches(line: &str, item: &StoredItem, payload: &[u8]) -> bool {
    let matcher = parse(line).matcher();
    let record = Record::new(item.clone());
    matcher.matches_item(&record, times().now)
        && (!matcher.needs_payload() || matcher.matches_payload_of(&record, payload, &Recipe::default()))
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
fn what_an_item_lacks_it_does_not_match() {
    let bare = StoredItem { partition_key: "cust-42".to_owned(), problems: vec!["…".to_owned()], ..StoredItem::default() };
    let lines = ["after:1d", "before:now", "shard:3", "-shard:3", "seq:0..", "-seq:0..", "is:expired", "-is:expired", "is:damaged"];
    let matched = [false, false, false, true, false, true, false, true, true];
    check(&bare, b"", &lines.into_iter().zip(matched).collect::<Vec<_>>());
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
    check(&item(damaged), damaged, &[("json:$.a", false), ("-json:$.a", true), ("json:$..a", false)]);
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
    let shard = proptest::option::of(0..3_u64);
    let expiry = proptest::option::of(now - 1..now + 2);
    (proptest::sample::select(vec!["k-1", "k-2", "x"]), 7..13_u64, shard, expiry, payload).prop_map(
        |(key, number, shard, expire_after, payload)| {
            let item = StoredItem {
                partition_key: key.to_owned(),
                sequence_number: SequenceNumber::parse(number.to_string()).ok(),
                shard_id: shard.map(|shard| format!("shardId-{shard:012}")),
                expire_after,
                ..item(payload.to_string().as_bytes())
            };
            (item, payload)
        },
    )
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        (-3..3_i64).prop_map(Into::into),
        "[a-c]".prop_map(Into::into)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::btree_map("[a-c ]", inner, 0..4).prop_map(|members| members.into_iter().collect())
        ]
    })
}

proptest! {
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
        let found = std::cell::RefCell::new(Vec::new());
        route.any(document.to_string().as_bytes(), |value| {
            found.borrow_mut().push(value.clone());
            false
        });
        prop_assert_eq!(found.into_inner(), expected);
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
        Route::General(_) => None,
    };
    assert_eq!(simple("$.a[\"b c\"][3]"), Some(vec![Step::Member("a".into()), Step::Member("b c".into()), Step::Element(3)]));
    for path in ["$..a", "$.*", "$[-1]", "$[0:1]", "$[0,1]", "$['a','b']", "$['a]']", "$['\\u0061']", "$[?@.a]"] {
        assert_eq!(simple(path), None, "{path}");
    }
}
