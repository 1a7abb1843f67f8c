use super::*;
use archiver::format::item::StoredItem;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};

fn path(text: &str) -> FieldPath {
    FieldPath::parse(text).unwrap()
}

fn shown(text: &str) -> Vec<(String, String)> {
    Fields::of_text(text).iter().map(|(path, value)| (path.to_string(), value.shown().into_owned())).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, value)| ((*path).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn fields_are_found_in_objects_and_in_texts_that_are_json() {
    let text = r#"{"id":"o-1","total":109.10,"paid":true,"note":null,"items":[1,2],
        "customer":{"id":7,"address":{"city":"Łódź"}},"Message":"{\"kind\":\"sns\"}","brace":"{no json","a.b":1}"#;
    let expected = [
        ("id", "o-1"),
        ("total", "109.10"),
        ("paid", "true"),
        ("note", "null"),
        ("items", "[2]"),
        ("customer.id", "7"),
        ("customer.address.city", "Łódź"),
        ("Message.kind", "sns"),
        ("brace", "{no json"),
        ("[\"a.b\"]", "1"),
    ];
    assert_eq!(shown(text), pairs(&expected));
    assert_eq!(shown(&text[..48]), pairs(&expected[..3]), "what is before the cut is kept");
    for other in ["", "[1]", "\"a\"", "nonsense", "{"] {
        assert_eq!(shown(other), [], "{other}");
    }
}

#[test]
fn fields_are_found_below_the_layers_of_a_payload() {
    let item = StoredItem {
        data: Some(STANDARD.encode(zstd::encode_all(&b"{\"id\":12345678901234567890}"[..], 3).unwrap())),
        ..StoredItem::default()
    };
    let fields = Fields::of_record(&Record::new(item));
    assert_eq!(fields.get(&path("id")), Some(&FieldValue::Number("12345678901234567890".to_owned())));
}

#[test]
fn a_field_is_named_in_the_ways_that_people_know() {
    for text in ["customer.id", ".customer.id", "$.customer.id", "customer['id']", "$[\"customer\"].id"] {
        assert_eq!(path(text).to_string(), "customer.id", "{text}");
    }
    assert_eq!(path("['it is']").to_string(), "[\"it is\"]");
    for wrong in ["", ".", "$", "a..b", "a.", "a b", "a[0]", "a['b", "a]b", "a==1"] {
        let error = FieldPath::parse(wrong).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{wrong} names no field")), "{error}");
    }
}

#[test]
fn columns_are_read_as_they_are_shown() {
    assert_eq!(Columns::parse("  ").unwrap(), Columns::Automatic);
    assert_eq!(Columns::parse("none").unwrap(), Columns::Chosen(Vec::new()));
    assert_eq!(Columns::parse(".none").unwrap(), Columns::Chosen(vec![path("none")]));
    let chosen = Columns::Chosen(vec![path("id"), path("status"), path("[\"a, b\"]")]);
    assert_eq!(Columns::parse("id,status  [\"a, b\"]").unwrap(), chosen);
    assert_eq!(chosen.to_string(), "id status [\"a, b\"]");
    assert_eq!(Columns::parse("id .id").unwrap_err().to_string(), "id is named twice");
    assert!(Columns::parse("id a[0]").unwrap_err().to_string().starts_with("a[0] names no field"));
}

fn found(keys: impl Fn(usize) -> String, payload: impl Fn(usize) -> Value, most: usize) -> Vec<String> {
    let fields: Vec<(String, Fields)> =
        (0..40).map(|number| (keys(number), Fields::of_text(&payload(number).to_string()))).collect();
    telling(fields.iter().map(|(key, fields)| Sample { key, fields }), most).iter().map(ToString::to_string).collect()
}

#[test]
fn the_fields_that_tell_orders_apart_are_found() {
    let status = ["paid", "failed", "open"];
    let order = |number: usize| {
        json!({
            "id": format!("order-{number}"),
            "customer": format!("cust-{}", number % 7),
            "created": format!("2026-11-20T10:{number:02}:00Z"),
            "version": 2,
            "note": "a text that is far too long for a column of a list",
            "status": status[number % 3],
            "address": { "city": "Kraków" },
            "total": number * 11,
        })
    };
    assert_eq!(found(|number| format!("cust-{}", number % 7), order, 3), ["id", "status", "total"]);
    assert_eq!(found(|_| String::new(), order, 9), ["id", "customer", "status", "total"]);
    assert_eq!(found(|_| String::new(), |_| json!({ "id": 1 }), 3), [""; 0], "all the same says nothing");
    assert_eq!(found(|_| String::new(), |_| json!([1]), 3), [""; 0]);
    let log = |number: usize| json!({ "messageType": "DATA_MESSAGE", "logGroup": format!("/ecs/{number}"), "logStream": "1", "logEvents": [] });
    assert_eq!(found(|_| String::new(), log, 3), [""; 0], "its messages say more");
}

#[test]
fn a_field_that_few_records_have_is_no_column() {
    let payload =
        |number: usize| if number.is_multiple_of(3) { json!({ "rare": number, "id": number }) } else { json!({ "id": number }) };
    assert_eq!(found(|_| String::new(), payload, 3), ["id"]);
}

#[test]
fn a_value_is_taken_as_the_payload_has_it() {
    let payload = r#"{"id":12345678901234567890,"items":[{"sku":1.50}],"Message":"{\"kind\": \"sns\"}","a":NaN,"b":{"c":null}}"#;
    let raw = |name: &str| raw_value(payload, &path(name)).map(|value| value.get().to_owned());
    for (name, value) in [
        ("id", Some("12345678901234567890")),
        ("items", Some("[{\"sku\":1.50}]")),
        ("Message.kind", Some("\"sns\"")),
        ("a", Some("\"NaN\"")),
        ("b.c", Some("null")),
        ("b.d", None),
        ("id.x", None),
        ("items.sku", None),
    ] {
        assert_eq!(raw(name).as_deref(), value, "{name}");
    }
    assert_eq!(raw_value("no JSON", &path("id")).map(|value| value.get().to_owned()), None);
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,4}", any::<String>(), Just("none".to_owned()), Just("$".to_owned()), Just("a b.c".to_owned())]
}

proptest! {
    #[test]
    fn a_field_reads_back_as_it_is_shown(names in proptest::collection::vec(any_name(), 1..4)) {
        let path = names.iter().fold(FieldPath::root(), |path, name| path.with(name));
        prop_assert_eq!(&FieldPath::parse(&path.to_string()).unwrap(), &path);
    }

    #[test]
    fn columns_read_back_as_they_are_shown(names in proptest::collection::btree_set(any_name(), 0..4)) {
        let chosen = Columns::Chosen(names.iter().map(|name| FieldPath::root().with(name)).collect());
        prop_assert_eq!(Columns::parse(&chosen.to_string()).unwrap(), chosen);
    }

    #[test]
    fn every_value_of_an_object_is_found(values in proptest::collection::btree_map(any_name(), any::<i64>(), 0..8)) {
        let text = serde_json::to_string(&values).unwrap();
        let fields = Fields::of_text(&text);
        prop_assert_eq!(fields.iter().count(), values.len());
        for (name, value) in values {
            let found = fields.get(&FieldPath::root().with(&name)).map(|value| value.plain().into_owned());
            prop_assert_eq!(found, Some(value.to_string()));
            let raw = raw_value(&text, &FieldPath::root().with(&name)).map(|raw| raw.get().to_owned());
            prop_assert_eq!(raw, Some(value.to_string()));
        }
    }

    #[test]
    fn no_payload_is_hostile(payload in any::<Vec<u8>>(), text in any::<String>(), most in 0..5_usize) {
        for data in [STANDARD.encode(&payload), text] {
            let record = Record::new(StoredItem { data: Some(data), ..StoredItem::default() });
            let fields = Fields::of_record(&record);
            let found = telling([Sample { key: "", fields: &fields }], most);
            prop_assert!(found.len() <= most);
        }
    }
}
