//! An archive that has all items prepared as text, and serves pages without copying.

use archiver::format::table::attribute;
use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::convert::Infallible;

/// The stream that is archived, and its table.
pub(crate) const STREAM: &str = "orders";
pub(crate) const TABLE: &str = "orders-archive-ALL";
/// Bytes of a payload.
pub(crate) const PAYLOAD_BYTES: usize = 300;
/// Partition keys.
const KEYS: usize = 10_000;
const SHARDS: usize = 4;
/// Bytes of items in an answer. Source: DynamoDB API reference, Scan.
const PAGE_BYTES: usize = 1024 * 1024;
/// Bytes of an item as DynamoDB counts them: names, and values as they are stored.
const ITEM_BYTES: usize = 620;

/// The items in the order of the table's partitions, which differs from their arrival.
pub(crate) struct Archive {
    text: Bytes,
    /// The start of each item in the text, and the end of the last.
    begins: Vec<usize>,
    numbers: Vec<usize>,
    positions: Vec<usize>,
}

impl Archive {
    pub(crate) fn of(items: usize) -> Self {
        let begin = Timestamp::now().as_second() - 86_400;
        let mut numbers: Vec<usize> = (0..items).collect();
        fastrand::Rng::with_seed(4).shuffle(&mut numbers);
        let (mut positions, mut text, mut begins) = (vec![0; items], String::new(), Vec::with_capacity(items + 1));
        for (position, number) in numbers.iter().enumerate() {
            positions[*number] = position;
            begins.push(text.len());
            write_item(&mut text, *number, begin);
            text.push(',');
        }
        begins.push(text.len());
        Self { text: Bytes::from(text), begins, numbers, positions }
    }

    /// Bytes of the table.
    pub(crate) fn bytes(&self) -> usize {
        self.numbers.len() * ITEM_BYTES
    }

    pub(crate) fn describe(&self) -> Value {
        json!({"Table": {
            "TableName": TABLE, "TableStatus": "ACTIVE", "ItemCount": self.numbers.len(), "TableSizeBytes": self.bytes(),
            "KeySchema": [
                {"AttributeName": attribute::PARTITION_KEY, "KeyType": "HASH"},
                {"AttributeName": attribute::SEQUENCE_NUMBER, "KeyType": "RANGE"},
            ],
        }})
    }

    pub(crate) fn scan(&self, request: &Value) -> Response {
        let count = |name: &str| request[name].as_u64().and_then(|count| usize::try_from(count).ok());
        let all = self.numbers.len();
        let (segment, total) = (count("Segment").unwrap_or(0), count("TotalSegments").unwrap_or(1));
        let segment = all * segment / total..all * (segment + 1) / total;
        let start = match request["ExclusiveStartKey"][attribute::SEQUENCE_NUMBER]["S"].as_str() {
            Some(number) => self.positions[number_of(number)] + 1,
            None => segment.start,
        };
        let limit = count("Limit").unwrap_or(usize::MAX).min(PAGE_BYTES / ITEM_BYTES);
        let page = start..segment.end.min(start.saturating_add(limit));
        let last = (page.end < segment.end && !page.is_empty()).then(|| self.numbers[page.end - 1]);
        let end = self.begins[page.end].saturating_sub(1).max(self.begins[page.start]);
        let text = self.text.slice(self.begins[page.start]..end);
        let last = last.map(|number| format!(r#","LastEvaluatedKey":{}"#, keys_of(number))).unwrap_or_default();
        let units = (page.len() * ITEM_BYTES).div_ceil(4_096) / 2;
        let count = page.len();
        let end =
            format!(r#"],"ScannedCount":{count},"ConsumedCapacity":{{"TableName":"{TABLE}","CapacityUnits":{units}.0}}{last}}}"#);
        let parts = [Bytes::from(format!(r#"{{"Count":{count},"Items":["#)), text, Bytes::from(end)];
        let length: usize = parts.iter().map(Bytes::len).sum();
        let headers =
            [(header::CONTENT_TYPE, "application/x-amz-json-1.0".to_owned()), (header::CONTENT_LENGTH, length.to_string())];
        let body = Body::from_stream(futures::stream::iter(parts.map(Ok::<_, Infallible>)));
        (StatusCode::OK, headers, body).into_response()
    }
}

fn key_of(number: usize) -> String {
    format!("cust-{:05}", number % KEYS)
}

fn sequence_number_of(number: usize) -> String {
    format!("4963180274{number:046}")
}

fn number_of(sequence_number: &str) -> usize {
    sequence_number[10..].parse().expect("a number of this archive")
}

fn keys_of(number: usize) -> Value {
    json!({attribute::PARTITION_KEY: {"S": key_of(number)}, attribute::SEQUENCE_NUMBER: {"S": sequence_number_of(number)}})
}

fn write_item(text: &mut String, number: usize, begin: i64) {
    let mut payload = format!(r#"{{"id":"o-{number}","status":"paid","note":""#);
    payload.extend(std::iter::repeat_n('x', PAYLOAD_BYTES - payload.len() - 2));
    payload.push_str(r#""}"#);
    let (seconds, milliseconds) = (begin + i64::try_from(number / 12).expect("a day"), number % 12 * 83);
    // A key is in one shard, as in a stream.
    let shard = number % KEYS % SHARDS;
    let item = json!({
        attribute::SHARD_ID: {"S": format!("shardId-{shard:012}")},
        attribute::RECORD_DATA: {"S": STANDARD.encode(payload)},
        attribute::ARRIVAL: {"N": format!("{seconds}.{milliseconds:03}")},
        attribute::LAST_UPDATE: {"S": "2026-11-20 10:59:59"},
        attribute::PARTITION_KEY: {"S": key_of(number)},
        attribute::SEQUENCE_NUMBER: {"S": sequence_number_of(number)},
    });
    text.push_str(&item.to_string());
}
