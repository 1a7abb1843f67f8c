//! A DynamoDB that has all items prepared as text, and serves pages without copying, so that the client is measured. A separate
//! process, so that its memory does not count.

use crate::items::{self, ITEM_BYTES};
use crate::table::{SMALL_ITEMS, SMALL_TABLE};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::serve::ListenerExt as _;
use jiff::Timestamp;
use serde_json::Value;
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Bytes of items in an answer. Source: DynamoDB API reference, Scan.
const PAGE_BYTES: usize = 1024 * 1024;
/// Bytes of a read unit; reading eventually consistently takes half of one. Source: DynamoDB developer guide, read capacity.
const UNIT_BYTES: usize = 4 * 1024;

/// The items in the order of the table's partitions, which differs from their arrival.
struct Pages {
    text: Bytes,
    /// The start of each item in the text, and the end of the last.
    begins: Vec<usize>,
    /// The number of the item at each position.
    numbers: Vec<usize>,
    /// The position of the item of each number.
    positions: Vec<usize>,
}

/// Serves this many items until the process ends; prints its URL on stdout.
pub(crate) async fn serve(items: usize) {
    let pages = Arc::new(Pages::of(items));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
    let port = listener.local_addr().expect("a bound listener has an address").port();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).expect("a connection without delay"));
    println!("http://127.0.0.1:{port}");
    axum::serve(listener, Router::new().fallback(answer).with_state(pages)).await.expect("the server goes on");
}

async fn answer(State(pages): State<Arc<Pages>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    match target.rsplit_once('.').map(|(_, operation)| operation) {
        Some("Scan") => pages.scan(&request),
        Some("Query") => pages.query(&request),
        _ => (StatusCode::BAD_REQUEST, format!("the benchmark has no answer to {target:?}")).into_response(),
    }
}

impl Pages {
    fn of(items: usize) -> Self {
        let now = Timestamp::now();
        let mut numbers: Vec<usize> = (0..items).collect();
        fastrand::Rng::with_seed(4).shuffle(&mut numbers);
        let mut positions = vec![0; items];
        let mut text = String::new();
        let mut begins = Vec::with_capacity(items + 1);
        for (position, number) in numbers.iter().enumerate() {
            positions[*number] = position;
            begins.push(text.len());
            items::write_json(&mut text, *number, items, now);
            text.push(',');
        }
        begins.push(text.len());
        Self { text: Bytes::from(text), begins, numbers, positions }
    }

    fn scan(&self, request: &Value) -> Response {
        let count = |name: &str| request[name].as_u64().and_then(|count| usize::try_from(count).ok());
        let all = if request["TableName"] == SMALL_TABLE { SMALL_ITEMS.min(self.numbers.len()) } else { self.numbers.len() };
        let (segment, total) = (count("Segment").unwrap_or(0), count("TotalSegments").unwrap_or(1));
        let segment = all * segment / total..all * (segment + 1) / total;
        let start = match request["ExclusiveStartKey"]["sequenceNumber"]["S"].as_str() {
            Some(number) => self.positions[items::number_of(number)] + 1,
            None => segment.start,
        };
        let limit = count("Limit").unwrap_or(usize::MAX).min(PAGE_BYTES / ITEM_BYTES);
        let page = start..segment.end.min(start.saturating_add(limit));
        let last = (page.end < segment.end && !page.is_empty()).then(|| self.numbers[page.end - 1]);
        let text = self.text.slice(self.begins[page.start]..self.begins[page.end].saturating_sub(1).max(self.begins[page.start]));
        Self::page(text, &page, last)
    }

    fn query(&self, request: &Value) -> Response {
        let value = |name: &str| request["ExpressionAttributeValues"][name]["S"].as_str();
        let wanted = value(":number").map(items::number_of);
        let numbers = items::numbers_of_key(value(":key").expect("a condition on the key"));
        let numbers = numbers.filter(|number| wanted.is_none_or(|wanted| wanted == *number));
        let items = numbers.filter_map(|number| self.positions.get(number));
        let items: Vec<&str> = items
            .map(|position| {
                let text = &self.text[self.begins[*position]..self.begins[position + 1] - 1];
                std::str::from_utf8(text).expect("it was written as text")
            })
            .collect();
        Self::page(Bytes::from(items.join(",")), &(0..items.len()), None)
    }

    /// An answer of parts that are sent without copying.
    fn page(text: Bytes, items: &Range<usize>, last: Option<usize>) -> Response {
        let count = items.len();
        let units = (count * ITEM_BYTES).div_ceil(UNIT_BYTES);
        let (whole, half) = (units / 2, if units.is_multiple_of(2) { 0 } else { 5 });
        let last = last.map(|number| format!(r#","LastEvaluatedKey":{}"#, items::keys_as_json(number))).unwrap_or_default();
        let end = format!(
            r#"],"ScannedCount":{count},"ConsumedCapacity":{{"TableName":"orders","CapacityUnits":{whole}.{half}}}{last}}}"#
        );
        let parts = [Bytes::from(format!(r#"{{"Count":{count},"Items":["#)), text, Bytes::from(end)];
        let length: usize = parts.iter().map(Bytes::len).sum();
        let headers = [
            (header::CONTENT_TYPE, "application/x-amz-json-1.0".to_owned()),
            (header::CONTENT_LENGTH, length.to_string()),
            (header::HeaderName::from_static("x-amzn-requestid"), format!("{:052}", 0)),
        ];
        let body = Body::from_stream(futures::stream::iter(parts.map(Ok::<_, Infallible>)));
        (StatusCode::OK, headers, body).into_response()
    }
}
