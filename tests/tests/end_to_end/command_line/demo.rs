//! What there is to be found in the demo, by the commands that find it.

use super::binary;
use end_to_end::command_line::{Explorer, RunningLocal};
use serde_json::Value;
use std::collections::BTreeSet;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

async fn records(explorer: &Explorer, stream: &str, filter: &[&str]) -> Vec<Value> {
    explorer.json_lines(&[&["records", stream], filter].concat()).await
}

/// The values of a field, each once.
fn distinct(records: &[Value], field: impl Fn(&Value) -> Option<String>) -> BTreeSet<String> {
    records.iter().filter_map(field).collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn has_layer(record: &Value, layer: &str) -> bool {
    record["encoding"].as_array().is_some_and(|layers| layers.contains(&layer.into()))
}

/// Days before the newest record on which records arrived.
fn days(records: &[Value]) -> usize {
    let seconds: Vec<i64> = records
        .iter()
        .filter_map(|record| record["arrived_at"].as_str()?.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second))
        .collect();
    let newest = seconds.iter().max().copied().unwrap_or_default();
    seconds.iter().map(|second| (newest - second) / DAY).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn the_demo_has_been_archived_for_days() {
    let local = RunningLocal::start(binary(), &[]).await;
    let explorer = Explorer::of(binary(), &local.endpoints);

    let orders = records(&explorer, "orders", &[]).await;
    assert_eq!(days(&orders), 7);
    let damaged: Vec<&Value> = orders.iter().filter(|order| !order["problems"].as_array().unwrap().is_empty()).collect();
    let [damaged] = damaged.as_slice() else { panic!("{damaged:#?}") };
    assert!(damaged["payload_problem"].as_str().unwrap().starts_with("recordData is not base64"), "{damaged}");
    assert_eq!(records(&explorer, "orders", &["is:unreadable"]).await.len(), 1);
    let large = records(&explorer, "orders", &["is:parts"]).await;
    assert!(large.len() == 1 && large[0]["size_bytes"].as_u64() > Some(600_000) && large[0]["payload"].is_object());

    let versions = records(&explorer, "prices", &["key:SKU-1042"]).await;
    let stocks = distinct(&versions, |version| version["payload"]["stock"].as_u64().map(|stock| stock.to_string()));
    assert!(versions.len() >= 5 && stocks.len() >= 5 && days(&versions) >= 3, "{versions:#?}");

    let devices = records(&explorer, "device-status", &[]).await;
    assert_eq!(distinct(&devices, |device| text(&device["partition_key"])).len(), devices.len());
    assert!(devices.len() >= 35, "{}", devices.len());

    let now = jiff::Timestamp::now().as_second();
    let left = |record: &Value| record["expire_after"].as_i64().map(|second| second - now);
    let logs = records(&explorer, "app-logs", &[]).await;
    assert!(logs.iter().filter_map(left).any(|left| (0..DAY).contains(&left)), "some expire within a day");
    assert!(logs.iter().filter_map(left).any(|left| left > 6 * DAY), "others much later");
    assert!(["gzip", "CloudWatch Logs", "JSON"].iter().all(|layer| has_layer(&logs[0], layer)), "{}", logs[0]);

    let aggregates = records(&explorer, "telemetry", &["is:aggregated"]).await;
    assert!(aggregates.iter().any(|aggregate| aggregate["user_records"].as_array().is_some_and(|users| users.len() >= 3)));

    let events = records(&explorer, "partner-events", &[]).await;
    let formats = distinct(&events, |event| event["encoding"].as_array()?.last().and_then(text));
    assert!(["JSON", "MessagePack", "CBOR"].iter().all(|format| formats.contains(*format)), "{formats:?}");
    assert!(events.iter().any(|event| has_layer(event, "gzip")));
}

#[tokio::test]
async fn the_demo_has_streams_in_every_state() {
    let streams = Explorer::bare(binary()).json(&["streams", "--local"]).await;
    let health = |name: &str| {
        let stream = streams.as_array().unwrap().iter().find(|stream| stream["name"] == name);
        stream.unwrap_or_else(|| panic!("no {name} in {streams}"))["health"].clone()
    };
    for name in ["orders", "device-status", "app-logs", "telemetry", "prices", "partner-events"] {
        assert_eq!(health(name), "ok", "{name}");
    }
    assert_eq!((health("clickstream"), health("web-sessions")), ("not_archived".into(), "stream_deleted".into()));
}
