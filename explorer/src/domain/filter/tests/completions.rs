//! What is offered while one types.

use super::*;
use serde_json_path::JsonPath;

/// The lines that the completions of a line would make; the cursor is where the bar stands.
fn offered(line: &str) -> Vec<String> {
    let keys = ["cust-42", "cust 7", "other"].map(str::to_owned);
    let shards = ["shardId-000000000003", "shardId-000000000012"].map(str::to_owned);
    let json_paths = ["$.status", "$.items[0].sku", "$.items[0]"].map(str::to_owned);
    let seen = |path: &str, values: &[(&str, usize)]| SeenField {
        path: path.to_owned(),
        values: values.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect(),
    };
    let fields = [seen("status", &[("paid", 31), ("\"not paid\"", 2)]), seen("customer.city", &[("Kraków", 1)])];
    let known = Known { keys: &keys, shards: &shards, json_paths: &json_paths, fields: &fields };
    let cursor = line.find('|').unwrap();
    let line = line.replace('|', "");
    let completed = |completion: Completion| {
        let mut line = line.clone();
        line.replace_range(completion.replace, &completion.with);
        line
    };
    complete(&line, cursor, &known).into_iter().map(completed).collect()
}

#[test]
fn what_could_stand_at_the_cursor_is_offered() {
    for (line, expected) in [
        ("s|", &["shard:", "seq:", "size:", ".status="][..]),
        ("sta|", &[".status="]),
        ("ok -.cu|", &["ok -.customer.city="]),
        ("sta|=x", &[".status=x"]),
        ("status=|", &["status=paid", "status=\"not paid\""]),
        (".status=p|x key:a", &[".status=paid key:a"]),
        ("status:n|", &["status:\"not paid\""]),
        ("customer.city != K|", &["customer.city != Kraków"]),
        ("-be|", &[]),
        ("-ke|", &["-key:"]),
        ("after:1h us|", &["after:1h userkey:"]),
        ("key:cu|", &["key:cust-42", "key:\"cust 7\""]),
        ("key:\"cust |", &["key:\"cust 7\""]),
        ("key:cu|xx text:a", &["key:cust-42 text:a", "key:\"cust 7\" text:a"]),
        ("shard:|", &["shard:3", "shard:12"]),
        ("shard:1|", &["shard:12"]),
        ("shard:shardId-000000000003|", &[]),
        ("after:1|", &["after:15m", "after:1h"]),
        ("is:a|", &["is:aggregated"]),
        ("is:aggregated|", &[]),
        ("size:>|", &["size:>10k"]),
        ("json:$.i|==\"a b\" x", &["json:$.items[0].sku==\"a b\" x", "json:$.items[0]==\"a b\" x"]),
        ("json:$.status == \"a k|", &[]),
        ("/a k|", &[]),
        ("text:k|", &[]),
        ("k|ey:a", &[]),
        ("nothing|", &[]),
        ("status=\"not b|", &[]),
        (".status == \"not b|", &[]),
        ("status=paid be|", &["status=paid before:"]),
    ] {
        assert_eq!(offered(line), expected, "{line}");
    }
    assert_eq!(offered("key:a |").len(), 10);
    assert_eq!(offered("|").len(), 10);
    assert_eq!(offered("-|").len(), 8);
}

#[test]
fn the_paths_of_a_document_are_listed_from_its_root() {
    let order = r#"{"id":"o-1","items":[{"sku":"a"},{"sku":"b"}],"a b":{"\"":1}}"#;
    let paths = ["$.id", "$.items", "$[\"a b\"]", "$.items[0]", "$[\"a b\"][\"\\\"\"]", "$.items[0].sku"];
    assert_eq!(json_paths(order, 10), paths);
    assert_eq!(json_paths(order, 2), paths[..2]);
    assert_eq!(json_paths("{\"a\":1}\n{\"b\":2}", 9), ["$.a"]);
    assert!(json_paths("plain", 9).is_empty());
}

#[test]
fn a_value_is_offered_with_how_often_it_is_there() {
    let fields = [SeenField { path: "status".to_owned(), values: vec![("paid".to_owned(), 31), ("open".to_owned(), 2)] }];
    let known = Known { fields: &fields, ..Known::default() };
    let about = |line: &str| complete(line, line.len(), &known).into_iter().map(|offered| offered.about).collect::<Vec<_>>();
    assert_eq!(about("status="), ["×31", "×2"]);
    assert_eq!(about(".st"), ["paid ×31, open ×2"]);
}

proptest! {
    #[test]
    fn a_listed_path_is_one_that_the_language_reads_and_leads_to_one_value(
        names in proptest::collection::vec("(?s).{0,6}", 1..5),
        number: i32,
    ) {
        let document = names.iter().fold(Value::from(number), |inner, name| serde_json::json!([{ name: inner, "other": null }]));
        for path in json_paths(&document.to_string(), 100) {
            let found = JsonPath::parse(&path).map_err(|error| TestCaseError::fail(format!("{path}: {error}")))?;
            prop_assert_eq!(found.query(&document).len(), 1, "{}", path);
            let filter = parse(&format!("json:{path} x"));
            prop_assert_eq!(filter.conditions().len(), 2, "{}", path);
        }
    }
}
