//! Generates the demo's records: what shops, devices and services put into streams.

mod partners;
mod prices;

use archiver::format::aggregate::aggregate;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use prices::{Article, articles};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::Write as _;

/// Open orders at any time.
const OPEN_ORDERS: usize = 30;
/// One in this many telemetry records is an aggregate.
const FRAMES_TO_AGGREGATE: u8 = 12;
/// Bytes of a scanned invoice. Noise, as JPEG is to a compressor.
const SCAN_BYTES: usize = 500_000;
/// The start of every telemetry frame.
const FRAME_MAGIC: &[u8; 4] = b"TLM1";

const CATALOGUE: [(&str, &str, u32); 8] = [
    ("SKU-1042", "Espresso beans, 1 kg", 1_890),
    ("SKU-1077", "Hand grinder", 5_450),
    ("SKU-1103", "Milk jug, 0.6 l", 1_295),
    ("SKU-1188", "Filter papers, 100", 420),
    ("SKU-1204", "Scale with timer", 3_999),
    ("SKU-1250", "Café au lait bowl", 1_150),
    ("SKU-1311", "Descaler", 675),
    ("SKU-1366", "Portafilter 58 mm", 8_900),
];
const PAGES: [&str; 7] = ["/", "/coffee", "/coffee/espresso-beans", "/grinders", "/grinders/hand-grinder", "/cart", "/checkout"];
const SERVICES: [&str; 3] = ["checkout", "catalogue", "payments"];
const AGENTS: [&str; 3] = ["Firefox/145.0", "Chrome/142.0", "Safari/26.1"];

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// JSON, keyed by customer.
    Order,
    /// JSON, keyed by device.
    DeviceStatus,
    /// Gzip of JSON as CloudWatch Logs sends it, keyed by log stream.
    Logs,
    /// Binary, keyed by vehicle; now and then several frames that the Kinesis Producer Library aggregated.
    Telemetry,
    /// JSON, keyed by session.
    Click,
    /// JSON, keyed by article.
    Price,
    /// JSON, gzip of JSON, MessagePack, CBOR or protobuf, keyed by partner.
    Partner,
}

/// Generates records. The same seed gives the same records, except for their times.
#[derive(Debug)]
pub(super) struct Generator {
    random: fastrand::Rng,
    next_order: u64,
    open_orders: VecDeque<Order>,
    frames: u32,
    articles: [Article; CATALOGUE.len()],
}

#[derive(Clone, Debug)]
struct Order {
    number: u64,
    customer: u32,
    items: Vec<Value>,
    total_cents: u32,
    placed_at: Timestamp,
    is_paid: bool,
}

impl Generator {
    /// Numbers orders from `first_order`.
    pub(super) fn new(seed: u64, first_order: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { random, next_order: 10_001 + first_order, open_orders: VecDeque::new(), frames: 0, articles: articles() }
    }

    /// The partition key and the payload of a record at this time.
    pub(super) fn record(&mut self, kind: Kind, now: Timestamp) -> (String, Vec<u8>) {
        match kind {
            Kind::Order => self.order(now),
            Kind::DeviceStatus => self.device_status(now),
            Kind::Logs => self.logs(now),
            Kind::Telemetry => self.telemetry(now),
            Kind::Click => self.click(now),
            Kind::Price => self.price(now),
            Kind::Partner => self.partner_event(now),
        }
    }

    /// An order with a scan of its invoice: too large for one item of an archive.
    pub(super) fn order_with_invoice(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let scan: Vec<u8> = std::iter::repeat_with(|| self.random.u8(..)).take(SCAN_BYTES).collect();
        let order = self.place_order(now);
        let customer = format!("cust-{:02}", order.customer);
        let payload = json!({
            "id": format!("order-{}", order.number),
            "customer": customer,
            "status": "invoiced",
            "total": f64::from(order.total_cents) / 100.0,
            "currency": "EUR",
            "invoice": { "type": "image/jpeg", "base64": STANDARD.encode(scan) },
            "updatedAt": seconds_of(now),
        });
        (customer, payload.to_string().into_bytes())
    }

    /// A new order, or the next event of an open one: paid, then shipped.
    fn order(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let is_new = self.open_orders.len() < OPEN_ORDERS / 2 || (self.open_orders.len() < OPEN_ORDERS && self.random.u8(..3) == 0);
        let (order, status) = match if is_new { None } else { self.open_orders.pop_front() } {
            None => (self.place_order(now), "created"),
            Some(order) if order.is_paid => (order, "shipped"),
            Some(order) => (Order { is_paid: true, ..order }, "paid"),
        };
        let customer = format!("cust-{:02}", order.customer);
        let payload = json!({
            "id": format!("order-{}", order.number),
            "customer": customer,
            "status": status,
            "items": order.items,
            "total": f64::from(order.total_cents) / 100.0,
            "currency": "EUR",
            "placedAt": seconds_of(order.placed_at),
            "updatedAt": seconds_of(now),
        });
        if status != "shipped" {
            self.open_orders.push_back(order);
        }
        (customer, payload.to_string().into_bytes())
    }

    fn place_order(&mut self, now: Timestamp) -> Order {
        let number = self.next_order;
        self.next_order += 1;
        let lines: Vec<(&str, &str, u32, u32)> = (0..self.random.u8(1..=3))
            .map(|_| {
                let (sku, name, cents) = CATALOGUE[self.random.usize(..CATALOGUE.len())];
                (sku, name, cents, self.random.u32(1..=3))
            })
            .collect();
        let items = lines.iter().map(|(sku, name, cents, quantity)| {
            json!({ "sku": sku, "name": name, "quantity": quantity, "price": f64::from(*cents) / 100.0 })
        });
        Order {
            number,
            customer: self.random.u32(1..=60),
            items: items.collect(),
            total_cents: lines.iter().map(|(_, _, cents, quantity)| cents * quantity).sum(),
            placed_at: now,
            is_paid: false,
        }
    }

    fn device_status(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let number = self.random.u32(1..=40);
        let device = format!("device-{number:04}");
        let state = match self.random.u8(..20) {
            0 => "offline",
            1 | 2 => "degraded",
            _ => "online",
        };
        let payload = json!({
            "device": device,
            "state": state,
            "firmware": format!("4.{}.{}", number % 3, number % 7),
            "batteryPercent": self.random.u8(5..=100),
            "temperatureCelsius": f64::from(self.random.i32(180..420)) / 10.0,
            "signalDbm": self.random.i32(-110..-50),
            "location": { "site": format!("site-{}", number % 5), "rack": number % 12 },
            "reportedAt": now.to_string(),
        });
        (device, payload.to_string().into_bytes())
    }

    /// The format that a subscription filter of CloudWatch Logs puts into a stream.
    fn logs(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let service = SERVICES[self.random.usize(..SERVICES.len())];
        let log_stream = format!("{service}/task-{}", self.random.u8(1..=4));
        let events: Vec<Value> = (0..self.random.i64(2..=8))
            .map(|place| {
                let milliseconds = now.as_millisecond() + place * 37;
                json!({
                    "id": format!("{:056}", u128::from(self.random.u64(..)) * 1_000 + 1),
                    "timestamp": milliseconds,
                    "message": self.log_line(service),
                })
            })
            .collect();
        let envelope = json!({
            "messageType": "DATA_MESSAGE",
            "owner": "000000000000",
            "logGroup": format!("/ecs/{service}"),
            "logStream": log_stream,
            "subscriptionFilters": ["to-app-logs"],
            "logEvents": events,
        });
        (log_stream, gzip(envelope.to_string().as_bytes()))
    }

    fn log_line(&mut self, service: &str) -> String {
        let request = format!("{:08x}", self.random.u32(..));
        let milliseconds = self.random.u32(3..900);
        let line = match self.random.u8(..12) {
            0 => json!({ "level": "error", "service": service, "request": request, "message": "upstream timeout", "ms": 3_000 }),
            1 | 2 => {
                json!({ "level": "warn", "service": service, "request": request, "message": "slow query", "ms": milliseconds })
            }
            _ => {
                let path = PAGES[self.random.usize(..PAGES.len())];
                json!({ "level": "info", "service": service, "request": request, "method": "GET", "path": path, "status": 200, "ms": milliseconds })
            }
        };
        line.to_string()
    }

    /// A frame, or those of the last seconds together.
    fn telemetry(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        if self.random.u8(..FRAMES_TO_AGGREGATE) > 0 {
            return self.frame(now);
        }
        let frames: Vec<(String, Vec<u8>)> = (0..self.random.i64(3..=6))
            .rev()
            .map(|seconds| self.frame(now.saturating_sub(SignedDuration::from_secs(seconds)).unwrap_or(now)))
            .collect();
        let user_records: Vec<(&str, Option<&str>, &[u8])> =
            frames.iter().map(|(vehicle, frame)| (vehicle.as_str(), None, frame.as_slice())).collect();
        (format!("gateway-{}", self.random.u8(1..=2)), aggregate(&user_records))
    }

    /// Magic, version, channel count, vehicle, frame number, epoch milliseconds, channels as 32-bit floats, raw bus bytes, all in
    /// little endian.
    fn frame(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let vehicle = self.random.u16(1..=12);
        let channels: [f32; 6] = [
            48.137_f32 + self.random.f32() / 10.0,
            11.575_f32 + self.random.f32() / 10.0,
            self.random.f32() * 130.0,
            self.random.f32() * 6_500.0,
            70.0 + self.random.f32() * 30.0,
            -self.random.f32(),
        ];
        let mut frame = Vec::with_capacity(128);
        frame.extend_from_slice(FRAME_MAGIC);
        frame.extend_from_slice(&[1, 6]);
        frame.extend_from_slice(&vehicle.to_le_bytes());
        frame.extend_from_slice(&self.frames.to_le_bytes());
        frame.extend_from_slice(&now.as_millisecond().to_le_bytes());
        for channel in channels {
            frame.extend_from_slice(&channel.to_le_bytes());
        }
        frame.extend((0..self.random.usize(16..=80)).map(|_| self.random.u8(..)));
        self.frames = self.frames.wrapping_add(1);
        (format!("vehicle-{vehicle:02}"), frame)
    }

    fn click(&mut self, now: Timestamp) -> (String, Vec<u8>) {
        let session = format!("session-{:03}", self.random.u16(1..=120));
        let page = PAGES[self.random.usize(..PAGES.len())];
        let payload = json!({
            "session": session,
            "event": if self.random.u8(..5) == 0 { "add_to_cart" } else { "page_view" },
            "page": page,
            "referrer": PAGES[self.random.usize(..PAGES.len())],
            "agent": AGENTS[self.random.usize(..AGENTS.len())],
            "viewport": { "width": 390 + 10 * self.random.u32(..120), "height": 844 },
            "at": now.to_string(),
        });
        (session, payload.to_string().into_bytes())
    }
}

/// ISO 8601 in whole seconds.
fn seconds_of(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Compresses in memory, where writing cannot fail; if it did, the bytes would stay uncompressed.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    match encoder.write_all(bytes).and_then(|()| encoder.finish()) {
        Ok(compressed) => compressed,
        Err(_) => bytes.to_vec(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::aggregate::Aggregate;
    use std::collections::HashMap;
    use std::io::Read as _;

    fn records(kind: Kind, count: usize) -> Vec<(String, Vec<u8>)> {
        let mut generator = Generator::new(7, 0);
        (0..count).map(|_| generator.record(kind, Timestamp::UNIX_EPOCH)).collect()
    }

    #[test]
    fn one_seed_makes_the_same_records() {
        for kind in [Kind::Order, Kind::DeviceStatus, Kind::Logs, Kind::Telemetry, Kind::Click, Kind::Price, Kind::Partner] {
            assert_eq!(records(kind, 50), records(kind, 50), "{kind:?}");
        }
    }

    #[test]
    fn an_order_is_created_then_paid_then_shipped_under_one_key() {
        let mut statuses: HashMap<String, Vec<String>> = HashMap::new();
        for (key, payload) in records(Kind::Order, 480) {
            let order: Value = serde_json::from_slice(&payload).unwrap();
            assert_eq!(order["customer"], key);
            statuses.entry(order["id"].to_string()).or_default().push(order["status"].as_str().unwrap().to_owned());
        }
        assert!(
            statuses.values().all(
                |statuses| ["created", "paid", "shipped"].starts_with(&statuses.iter().map(String::as_str).collect::<Vec<_>>())
            )
        );
        assert!(statuses.values().filter(|statuses| statuses.len() == 3).count() > 100);
    }

    #[test]
    fn logs_are_gzip_of_a_subscription_message() {
        for (_, payload) in records(Kind::Logs, 20) {
            let mut text = String::new();
            flate2::read::GzDecoder::new(payload.as_slice()).read_to_string(&mut text).unwrap();
            let message: Value = serde_json::from_str(&text).unwrap();
            assert!(!message["logEvents"].as_array().unwrap().is_empty());
        }
    }

    #[test]
    fn telemetry_has_bytes_of_every_value_and_aggregates() {
        let frames = records(Kind::Telemetry, 200);
        let (aggregates, frames): (Vec<_>, Vec<_>) = frames.into_iter().partition(|(key, _)| key.starts_with("gateway-"));
        assert!(aggregates.iter().all(|(_, payload)| Aggregate::parse(payload).unwrap().user_records().count() >= 3));
        assert!(!aggregates.is_empty() && frames.iter().all(|(_, frame)| frame.starts_with(FRAME_MAGIC)));
        let values: std::collections::BTreeSet<u8> = frames.into_iter().flat_map(|(_, frame)| frame).collect();
        assert_eq!(values.len(), 256);
    }
}
