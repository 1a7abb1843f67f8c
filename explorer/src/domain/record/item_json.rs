//! An item of an archive as JSON, under its attributes' own names, for people who paste it somewhere.

use archiver::format::item::StoredItem;
use archiver::format::table::attribute;
use serde_json::{Map, Value};

/// The item as it was found, in one JSON object. Numbers stay as they were written.
#[must_use]
pub fn item_json(item: &StoredItem) -> String {
    let mut fields = Map::new();
    let text = |text: &Option<String>| text.clone().map(Value::String);
    let number = |digits: Option<String>| digits.map(|digits| serde_json::from_str(&digits).unwrap_or(Value::String(digits)));
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.to_owned(), value);
        }
    };
    add(attribute::PARTITION_KEY, Some(Value::String(item.partition_key.clone())));
    add(attribute::SEQUENCE_NUMBER, item.sequence_number.as_ref().map(|number| Value::String(number.to_string())));
    add(attribute::SUB_SEQUENCE_NUMBER, item.sub_sequence_number.map(Value::from));
    add(attribute::ARRIVAL, number(item.arrival.as_ref().map(ToString::to_string)));
    add(attribute::SHARD_ID, text(&item.shard_id));
    add(attribute::LAST_UPDATE, text(&item.last_update));
    add(attribute::EXPIRE_AFTER, item.expire_after.map(Value::from));
    add(attribute::RECORD_ENCODING, text(&item.encoding));
    add(attribute::RECORD_PARTS, item.parts.map(Value::from));
    for (name, value) in &item.others {
        add(name, Some(Value::String(value.clone())));
    }
    add(attribute::RECORD_DATA, text(&item.data));
    Value::Object(fields).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::record::ArrivalTime;

    #[test]
    fn an_item_is_copied_under_its_attributes_names() {
        let item = StoredItem {
            partition_key: "cust-42".to_owned(),
            arrival: ArrivalTime::parse("1545084650.25").ok(),
            data: Some("SGVsbG8=".to_owned()),
            ..StoredItem::default()
        };
        let expected = r#"{"partitionKey":"cust-42","approximateArrivalTimestamp":1545084650.25,"recordData":"SGVsbG8="}"#;
        assert_eq!(item_json(&item), expected);
    }
}
