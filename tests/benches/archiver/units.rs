//! The write units that DynamoDB charges for a request. Source: DynamoDB developer guide, capacity consumption for write
//! operations; item sizes and formats.

use serde_json::{Map, Value};
use std::collections::HashSet;

/// Bytes of an item in one write unit. Source: DynamoDB developer guide, provisioned capacity mode.
const UNIT_BYTES: usize = 1_024;

/// Whether a PartiQL statement changes an existing item.
pub(crate) fn is_update(statement: &[u8]) -> bool {
    statement.get(..6).is_some_and(|verb| verb.eq_ignore_ascii_case(b"UPDATE"))
}

/// The write units of a request; with `keys_are_new`, every UPDATE fails on its condition.
pub(crate) fn of_request(operation: &str, body: &[u8], keys_are_new: bool) -> usize {
    let body: Value = serde_json::from_slice(body).expect("a request is JSON");
    match operation {
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flat_map(Map::values);
            let requests = tables.filter_map(Value::as_array).flatten();
            requests.map(|request| of_bytes(item_bytes(&request["PutRequest"]["Item"]))).sum()
        }
        "PutItem" => of_bytes(item_bytes(&body["Item"])),
        "UpdateItem" => of_bytes(item_bytes(&body["Key"]) + item_bytes(&body["ExpressionAttributeValues"])),
        "BatchExecuteStatement" => {
            let statements = body["Statements"].as_array().into_iter().flatten();
            statements.map(|statement| of_statement(statement, keys_are_new)).sum()
        }
        _ => 0,
    }
}

/// The size of a statement's item is approximate. Its names are the statement's lower-case words, except `size` and the quoted
/// table; its values are the parameters. Each counts once, however often a condition repeats it.
fn of_statement(statement: &Value, keys_are_new: bool) -> usize {
    let text = statement["Statement"].as_str().unwrap_or_default();
    if keys_are_new && is_update(text.as_bytes()) {
        return 1; // A condition that fails on an item that is not there.
    }
    let outside_quotes = text.split('"').step_by(2);
    let words = outside_quotes.flat_map(|part| part.split(|character: char| !character.is_alphanumeric()));
    let names: HashSet<&str> = words.filter(|word| word.starts_with(char::is_lowercase) && *word != "size").collect();
    let mut seen = HashSet::new();
    let parameters = statement["Parameters"].as_array().into_iter().flatten().filter(|value| seen.insert(*value));
    let value_bytes: usize = parameters.map(value_bytes).sum();
    of_bytes(names.iter().map(|name| name.len()).sum::<usize>() + value_bytes)
}

fn of_bytes(bytes: usize) -> usize {
    bytes.div_ceil(UNIT_BYTES).max(1)
}

fn item_bytes(item: &Value) -> usize {
    item.as_object().into_iter().flatten().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// A text's bytes, or about half a byte for each digit of a number and one more. The archive has no other types.
fn value_bytes(value: &Value) -> usize {
    match (value["S"].as_str(), value["N"].as_str()) {
        (Some(text), _) => text.len(),
        (None, Some(number)) => number.len().div_ceil(2) + 1,
        (None, None) => 0,
    }
}
