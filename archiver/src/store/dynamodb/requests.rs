//! Writes the bodies of requests as JSON, directly from the records' texts. Each payload is copied once, into the body.

use crate::format::item::{Item, Stamp, Value};
use crate::format::sequence::SequenceNumber;
use crate::format::table::{TableKeys, attribute};
use crate::store::database::{Part, PartKey, Statement, Verb};

/// The attributes that make up the version of an item.
const VERSION_ATTRIBUTES: [&str; 3] = [attribute::SEQUENCE_NUMBER, attribute::SUB_SEQUENCE_NUMBER, attribute::RECORD_PARTS];

/// The condition of a put: the stored item is older.
const NEWER: &[u8] = b"attribute_not_exists(#number) OR size(#number) < :digits OR (size(#number) = :length AND #number < :number)";
/// The same for a user record. All user records of an aggregated record have the same sequence number.
const NEWER_OR_LATER_IN_AGGREGATE: &[u8] = b"attribute_not_exists(#number) OR size(#number) < :digits OR (size(#number) = :length AND #number < :number) OR (#number = :number AND (attribute_not_exists(#place) OR #place < :place))";

/// About the size of a write without its payload.
const OTHER_BYTES: usize = 1_024;

pub(super) fn put_items(table: &str, items: &[&Item<'_>], stamp: &Stamp) -> Vec<u8> {
    let payloads: usize = items.iter().map(|item| item.data.text.len()).sum();
    batch_write(table, payloads + items.len() * OTHER_BYTES, items, |body, item| {
        body.extend_from_slice(br#"{"PutRequest":{"Item":"#);
        object(body, present(item.attributes(stamp, &item.counts())));
        body.extend_from_slice(b"}}");
    })
}

pub(super) fn put_parts(table: &str, parts: &[Part<'_>], stamp: &Stamp) -> Vec<u8> {
    let payloads: usize = parts.iter().map(|part| part.text.len()).sum();
    batch_write(table, payloads + parts.len() * OTHER_BYTES, parts, |body, part| {
        let place = part.key.part.to_string();
        let data = [(attribute::RECORD_DATA, Value::Plain(part.text))];
        let expiry = stamp.expire_after().map(|at| (attribute::EXPIRE_AFTER, Value::Number(at)));
        body.extend_from_slice(br#"{"PutRequest":{"Item":"#);
        object(body, part_key(&part.key, &place).into_iter().chain(data).chain(expiry));
        body.extend_from_slice(b"}}");
    })
}

pub(super) fn describe_table(table: &str) -> Vec<u8> {
    format!(r#"{{"TableName":"{table}"}}"#).into_bytes()
}

/// A put, not an update: the item must not keep an attribute from an earlier setting.
///
/// DynamoDB compares sequence numbers as texts, and an emulator's may have leading zeros. A stored number is surely older if its
/// text is shorter than the item's number without leading zeros. If both texts have the same length, they compare like numbers. In
/// all other cases the store compares by value, and puts `over` the number that it found.
pub(super) fn put_if_newest(table: &str, item: &Item<'_>, over: Option<&SequenceNumber>, stamp: &Stamp) -> Vec<u8> {
    let mut body = Vec::with_capacity(item.data.text.len() + 2 * OTHER_BYTES);
    body.extend_from_slice(format!(r#"{{"TableName":"{table}","Item":"#).as_bytes());
    object(&mut body, present(item.attributes(stamp, &item.counts())));
    body.extend_from_slice(br#","ConditionExpression":""#);
    let is_same_record = over.is_none_or(|over| *over == item.sequence_number);
    let place = item.sub_sequence_number.filter(|_| is_same_record).map(|place| place.to_string());
    body.extend_from_slice(match (over, &place) {
        (None, None) => NEWER,
        (None, Some(_)) => NEWER_OR_LATER_IN_AGGREGATE,
        (Some(_), None) => b"#number = :number",
        (Some(_), Some(_)) => b"#number = :number AND (attribute_not_exists(#place) OR #place < :place)",
    });
    body.extend_from_slice(br##"","ExpressionAttributeNames":{"#number":"sequenceNumber""##);
    if place.is_some() {
        body.extend_from_slice(br##","#place":"subSequenceNumber""##);
    }
    body.extend_from_slice(br#"},"ExpressionAttributeValues":"#);
    let [digits, length] = lengths(&item.sequence_number);
    let lengths = over.is_none().then_some([(":digits", Value::Number(&digits)), (":length", Value::Number(&length))]);
    let number = [(":number", Value::Plain(over.unwrap_or(&item.sequence_number).as_str()))];
    let place = place.as_deref().map(|place| (":place", Value::Number(place)));
    object(&mut body, lengths.into_iter().flatten().chain(number).chain(place));
    body.extend_from_slice(
        br#","ReturnValues":"ALL_OLD","ReturnValuesOnConditionCheckFailure":"ALL_OLD","ReturnConsumedCapacity":"TOTAL"}"#,
    );
    body
}

/// The length of a number without leading zeros, and of its text.
fn lengths(number: &SequenceNumber) -> [String; 2] {
    [number.significant(), number.as_str()].map(|digits| digits.len().to_string())
}

/// Reads the version of the item that is stored under this item's key.
pub(super) fn get_version(table: &str, keys: &TableKeys, item: &Item<'_>) -> Vec<u8> {
    let mut body = Vec::with_capacity(OTHER_BYTES);
    body.extend_from_slice(format!(r#"{{"TableName":"{table}","Key":"#).as_bytes());
    let range = keys.range.iter().map(|name| (name.as_str(), Value::Plain(item.sequence_number.as_str())));
    object(&mut body, std::iter::once((keys.hash.as_str(), Value::Text(&item.partition_key))).chain(range));
    body.extend_from_slice(br#","ConsistentRead":true,"ProjectionExpression":""#);
    body.extend_from_slice(VERSION_ATTRIBUTES.join(", ").as_bytes());
    body.extend_from_slice(b"\"}");
    body
}

pub(super) fn delete_parts(table: &str, parts: &[PartKey<'_>]) -> Vec<u8> {
    batch_write(table, parts.len() * OTHER_BYTES, parts, |body, part| {
        body.extend_from_slice(br#"{"DeleteRequest":{"Key":"#);
        object(body, part_key(part, &part.part.to_string()).into_iter());
        body.extend_from_slice(b"}}");
    })
}

pub(super) fn execute(table: &str, statements: &[Statement<'_>], stamp: &Stamp) -> Vec<u8> {
    let payloads: usize = statements.iter().map(|statement| statement.item.data.text.len()).sum();
    let mut body = Vec::with_capacity(payloads + statements.len() * 2 * OTHER_BYTES);
    body.extend_from_slice(br#"{"Statements":["#);
    for (place, statement) in statements.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        let counts = statement.item.counts();
        let attributes = statement.item.attributes(stamp, &counts);
        match statement.verb {
            Verb::Insert => insert(&mut body, table, attributes),
            Verb::ReplaceWhole | Verb::ReplaceAny => replace(&mut body, table, statement, attributes),
        }
    }
    body.extend_from_slice(br#"],"ReturnConsumedCapacity":"TOTAL"}"#);
    body
}

/// All attributes that an item can have; `None` for those that it does not have.
type OptionalAttributes<'i, const COUNT: usize> = [(&'static str, Option<Value<'i>>); COUNT];

fn present<const COUNT: usize>(attributes: OptionalAttributes<'_, COUNT>) -> impl Iterator<Item = (&'static str, Value<'_>)> {
    attributes.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

fn part_key<'i>(key: &PartKey<'i>, place: &'i str) -> [(&'static str, Value<'i>); 2] {
    [(attribute::PART_OF, Value::Plain(key.part_of)), (attribute::PART, Value::Number(place))]
}

fn insert<const COUNT: usize>(body: &mut Vec<u8>, table: &str, attributes: OptionalAttributes<'_, COUNT>) {
    body.extend_from_slice(br#"{"Statement":"INSERT INTO \""#);
    body.extend_from_slice(table.as_bytes());
    body.extend_from_slice(br#"\" VALUE {"#);
    for (place, (name, _)) in present(attributes).enumerate() {
        body.extend_from_slice(if place > 0 { b",'" } else { b"'" });
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(b"':?");
    }
    body.extend_from_slice(br#"}","Parameters":["#);
    parameters(body, present(attributes).map(|(_, value)| value));
    body.extend_from_slice(b"]}");
}

/// Removes every attribute that the new item does not have: nothing of an earlier record or setting may stay. PartiQL's `size`
/// takes an attribute but no value, so the digits of the number are counted here.
fn replace<const COUNT: usize>(
    body: &mut Vec<u8>,
    table: &str,
    statement: &Statement<'_>,
    attributes: OptionalAttributes<'_, COUNT>,
) {
    body.extend_from_slice(br#"{"Statement":"UPDATE \""#);
    body.extend_from_slice(table.as_bytes());
    body.extend_from_slice(br#"\""#);
    let [(key, key_value), others @ ..] = &attributes[..] else {
        return;
    };
    for (name, value) in others {
        body.extend_from_slice(if value.is_some() { b" SET " } else { b" REMOVE " });
        body.extend_from_slice(name.as_bytes());
        if value.is_some() {
            body.extend_from_slice(b"=?");
        }
    }
    body.extend_from_slice(b" WHERE ");
    body.extend_from_slice(key.as_bytes());
    body.extend_from_slice(b"=? AND (size(sequenceNumber)<? OR (size(sequenceNumber)=? AND sequenceNumber<?)");
    let place = statement.item.sub_sequence_number.map(|place| place.to_string());
    if place.is_some() {
        body.extend_from_slice(b" OR (sequenceNumber=? AND (subSequenceNumber IS MISSING OR subSequenceNumber<?))");
    }
    body.push(b')');
    match statement.verb {
        Verb::ReplaceAny => body.extend_from_slice(b" RETURNING ALL OLD *"),
        Verb::ReplaceWhole | Verb::Insert => body.extend_from_slice(b" AND recordParts IS MISSING"),
    }
    body.extend_from_slice(br#"","Parameters":["#);
    let number = statement.item.sequence_number.as_str();
    let [digits, length] = lengths(&statement.item.sequence_number);
    let older = [Value::Number(&digits), Value::Number(&length), Value::Plain(number)];
    let same = place.iter().flat_map(|place| [Value::Plain(number), Value::Number(place)]);
    let values = others.iter().filter_map(|(_, value)| *value);
    parameters(body, values.chain(*key_value).chain(older).chain(same));
    body.extend_from_slice(br#"],"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}"#);
}

fn batch_write<W>(table: &str, bytes: usize, writes: &[W], mut write: impl FnMut(&mut Vec<u8>, &W)) -> Vec<u8> {
    let mut body = Vec::with_capacity(bytes);
    body.extend_from_slice(br#"{"RequestItems":{""#);
    body.extend_from_slice(table.as_bytes());
    body.extend_from_slice(br#"":["#);
    for (place, item) in writes.iter().enumerate() {
        if place > 0 {
            body.push(b',');
        }
        write(&mut body, item);
    }
    body.extend_from_slice(br#"]},"ReturnConsumedCapacity":"TOTAL"}"#);
    body
}

fn object<'n, 'v>(body: &mut Vec<u8>, attributes: impl Iterator<Item = (&'n str, Value<'v>)>) {
    let mut before: &[u8] = b"{\"";
    for (name, attribute) in attributes {
        body.extend_from_slice(before);
        body.extend_from_slice(name.as_bytes());
        body.extend_from_slice(b"\":");
        value(body, attribute);
        before = b",\"";
    }
    body.push(b'}');
}

fn parameters<'v>(body: &mut Vec<u8>, values: impl Iterator<Item = Value<'v>>) {
    for (place, parameter) in values.enumerate() {
        if place > 0 {
            body.push(b',');
        }
        value(body, parameter);
    }
}

fn value(body: &mut Vec<u8>, value: Value<'_>) {
    match value {
        Value::Text(text) => {
            body.extend_from_slice(br#"{"S":"#);
            escaped(body, text);
            body.push(b'}');
        }
        Value::Plain(text) => {
            body.extend_from_slice(br#"{"S":""#);
            body.extend_from_slice(text.as_bytes());
            body.extend_from_slice(b"\"}");
        }
        Value::Number(digits) => {
            body.extend_from_slice(br#"{"N":""#);
            body.extend_from_slice(digits.as_bytes());
            body.extend_from_slice(b"\"}");
        }
    }
}

/// A JSON string.
fn escaped(body: &mut Vec<u8>, text: &str) {
    let is_plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if is_plain {
        body.push(b'"');
        body.extend_from_slice(text.as_bytes());
        body.push(b'"');
    } else {
        body.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::format::payload::{Data, Packer};
    use crate::format::record::{ArchivedRecord, ArrivalTime};
    use crate::format::sequence::SequenceNumber;
    use crate::format::settings::{ArchiveMode, Compression};
    use jiff::Timestamp;
    use serde_json::{Value, json};

    fn item(place: Option<u64>) -> Item<'static> {
        let record = ArchivedRecord {
            shard_id: "shardId-000000000006".into(),
            partition_key: "a \"quoted\" key".into(),
            sequence_number: SequenceNumber::parse("4959").unwrap(),
            sub_sequence_number: place,
            arrival: ArrivalTime::parse("1545084650.987").unwrap(),
            data: Data::Text("cGFpZA==".into()),
        };
        Item::of(record, &mut Packer::default(), Compression::None)
    }

    fn read(body: &[u8]) -> Value {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn a_conditional_put_replaces_only_what_is_older() {
        let stamp = Stamp::new(Timestamp::UNIX_EPOCH, None);
        let older = "attribute_not_exists(#number) OR size(#number) < :digits OR (size(#number) = :length AND #number < :number)";
        let put = read(&put_if_newest("orders-archive-LATEST", &item(None), None, &stamp));
        assert_eq!(put["TableName"], "orders-archive-LATEST");
        assert_eq!(put["Item"]["partitionKey"], json!({ "S": "a \"quoted\" key" }));
        assert_eq!(put["ConditionExpression"], older);
        assert_eq!(put["ExpressionAttributeNames"], json!({ "#number": "sequenceNumber" }));
        let values = json!({ ":digits": { "N": "4" }, ":length": { "N": "4" }, ":number": { "S": "4959" } });
        assert_eq!(put["ExpressionAttributeValues"], values);
        assert_eq!((&put["ReturnValues"], &put["ReturnValuesOnConditionCheckFailure"]), (&json!("ALL_OLD"), &json!("ALL_OLD")));

        let put = read(&put_if_newest("orders-archive-LATEST", &item(Some(3)), None, &stamp));
        let same = "OR (#number = :number AND (attribute_not_exists(#place) OR #place < :place))";
        assert_eq!(put["ConditionExpression"], format!("{older} {same}"));
        assert_eq!(put["ExpressionAttributeNames"]["#place"], "subSequenceNumber");
        assert_eq!(put["ExpressionAttributeValues"][":place"], json!({ "N": "3" }));
    }

    #[test]
    fn what_dynamodb_cannot_compare_is_put_over_by_its_text() {
        let stamp = Stamp::new(Timestamp::UNIX_EPOCH, None);
        let over = |digits: &str, place| {
            let over = SequenceNumber::parse(digits).unwrap();
            let put = read(&put_if_newest("orders-archive-LATEST", &item(place), Some(&over), &stamp));
            (put["ConditionExpression"].clone(), put["ExpressionAttributeValues"].clone())
        };
        let number = json!({ ":number": { "S": "007" } });
        assert_eq!(over("007", None), (json!("#number = :number"), number.clone()));
        assert_eq!(over("007", Some(3)), (json!("#number = :number"), number));
        let later = "#number = :number AND (attribute_not_exists(#place) OR #place < :place)";
        assert_eq!(over("04959", Some(3)), (json!(later), json!({ ":number": { "S": "04959" }, ":place": { "N": "3" } })));
    }

    #[test]
    fn a_version_is_asked_for_by_the_tables_keys() {
        let key = json!({ "S": "a \"quoted\" key" });
        let of = |mode| read(&get_version("orders-archive", &TableKeys::of_mode(mode), &item(None)));
        assert_eq!(of(ArchiveMode::Latest)["Key"], json!({ "partitionKey": key }));
        assert_eq!(of(ArchiveMode::All)["Key"], json!({ "partitionKey": key, "sequenceNumber": { "S": "4959" } }));
        assert_eq!(of(ArchiveMode::All)["ProjectionExpression"], "sequenceNumber, subSequenceNumber, recordParts");
        assert_eq!(of(ArchiveMode::All)["ConsistentRead"], true);
    }
}
