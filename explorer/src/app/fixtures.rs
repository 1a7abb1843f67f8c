//! A believable world for the tests of screens: streams, records, a clock that stands still, and keys typed as text.

use super::message::{Effect, Message};
use super::model::{LocalAddresses, Model, Session};
use super::update;
use crate::domain::archive::{ArchiveTable, Configuration, StreamOverview};
use crate::domain::page::{Page, PageCursor, StreamPage};
use crate::domain::record::Record;
use crate::domain::time::TimeContext;
use archiver::item::StoredItem;
use archiver::payload::{Data, Packer};
use archiver::record::ArrivalTime;
use archiver::sequence::SequenceNumber;
use archiver::settings::{ArchiveMode, ArchiveSettings, Compression, Ttl};
use archiver::stream::StreamName;
use archiver::table::{TableKeys, archive_table_name};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) fn now() -> Timestamp {
    "2026-11-20T11:00:00Z".parse().unwrap()
}

pub(crate) fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

/// The model as it is before anything was read.
pub(crate) fn model(columns: u16, rows: u16) -> Model {
    let times = TimeContext { now: now(), zone: TimeZone::fixed(jiff::tz::offset(1)) };
    let session = Session { region: "eu-west-1".to_owned(), profile: Some("prod".to_owned()), ..Session::default() };
    Model::new(session, (columns, rows), times)
}

pub(crate) fn local_addresses() -> LocalAddresses {
    LocalAddresses { kinesis: "http://127.0.0.1:40001".to_owned(), dynamodb: "http://127.0.0.1:40002".to_owned() }
}

pub(crate) fn overview(stream: &str, configuration: Configuration, table: Option<(ArchiveMode, u64)>) -> StreamOverview {
    let name = name(stream);
    let table = table.map(|(mode, items)| ArchiveTable {
        name: archive_table_name(&name, mode),
        status: "ACTIVE".to_owned(),
        keys: TableKeys::of_mode(mode),
        items,
        size_bytes: items * 358,
    });
    StreamOverview {
        arn: format!("arn:aws:kinesis:eu-west-1:123456789012:stream/{name}"),
        name,
        status: "ACTIVE".to_owned(),
        open_shards: 4,
        retention_hours: 24,
        max_record_bytes: 1024 * 1024,
        configuration,
        table,
    }
}

fn archived(mode: ArchiveMode, ttl_seconds: u64) -> Configuration {
    Configuration::Archived(ArchiveSettings::new(mode, Ttl::from_seconds(ttl_seconds)))
}

/// Streams in every state an archive can be in.
pub(crate) fn overviews() -> Vec<StreamOverview> {
    let bad_tag = ArchiveSettings::from_tags(&name("audit"), [("StreamArchiveMode", "everything")]).unwrap_err();
    vec![
        overview("app-logs", archived(ArchiveMode::All, 30 * 86_400), Some((ArchiveMode::All, 96_110_004))),
        overview("audit", Configuration::Unreadable(bad_tag.to_string()), None),
        overview("clickstream", Configuration::NotArchived, None),
        overview("device-status", archived(ArchiveMode::Latest, 0), Some((ArchiveMode::Latest, 18_220))),
        overview("invoices", archived(ArchiveMode::All, 0), None),
        overview("orders", archived(ArchiveMode::All, 90 * 86_400), Some((ArchiveMode::All, 1_204_331))),
        overview("orders-replay", Configuration::NotArchived, None),
        overview("telemetry", archived(ArchiveMode::All, 0), Some((ArchiveMode::Latest, 7))),
    ]
}

/// A model whose streams are all read, the cursor on `orders`.
pub(crate) fn model_with_streams(columns: u16, rows: u16) -> Model {
    let mut model = model(columns, rows);
    let effects = update(&mut model, Message::Ticked(now()));
    let [Effect::ListStreams { request, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let request = *request;
    let names = overviews().into_iter().map(|overview| overview.name).collect();
    update(&mut model, Message::StreamsListed { request, result: Ok(StreamPage { names, next: None }) });
    for overview in overviews() {
        let stream = overview.name.clone();
        update(&mut model, Message::StreamRead { request, stream, result: Ok(Box::new(overview)) });
    }
    model.streams.selected = Some(name("orders"));
    model
}

pub(crate) fn record(place: u32, payload: &[u8]) -> Record {
    Record::new(StoredItem {
        partition_key: format!("cust-{}", place % 5),
        sequence_number: SequenceNumber::parse(format!("4963180274{place:046}")).ok(),
        data: Some(STANDARD.encode(payload)),
        arrival: ArrivalTime::parse(&format!("{}.120", now().as_second() - 3_600 + i64::from(place))).ok(),
        shard_id: Some(format!("shardId-{:012}", place % 4)),
        last_update: Some("2026-11-20 10:59:59".to_owned()),
        expire_after: Some(now().as_second() + 89 * 86_400),
        ..StoredItem::default()
    })
}

/// Orders, and one record each of what else may be found.
pub(crate) fn records() -> Vec<Record> {
    let mut records: Vec<Record> = (0..60)
        .map(|place| {
            let json =
                format!(r#"{{"id":"o-{place}","status":"paid","total":{place}.50,"items":["SKU-1",null,true],"note":"naïve ☕"}}"#);
            record(place, json.as_bytes())
        })
        .collect();
    records.push(record(60, &[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 255]));
    records.push(record(61, "\u{1b}[31mred\u{1b}[0m alert\u{7}\nsecond line".as_bytes()));
    records.push(Record::new(StoredItem {
        partition_key: "cust-old".to_owned(),
        data: Some("not base64!".to_owned()),
        problems: vec!["sequenceNumber is missing".to_owned(), "shardId is missing".to_owned()],
        ..StoredItem::default()
    }));
    records
}

/// A record whose payload is in so many parts.
pub(crate) fn split_record(place: u32, parts: u32) -> Record {
    let item = record(place, b"").item;
    Record::new(StoredItem { parts: Some(parts), encoding: Some("gzip".to_owned()), ..item })
}

/// A record whose payload the archiver has compressed.
pub(crate) fn compressed_record(place: u32, payload: &[u8]) -> Record {
    let packed = Packer::default().pack(Data::Bytes(payload.into()), Compression::Gzip, usize::MAX);
    assert!(packed.is_gzip);
    let item = record(place, b"").item;
    let encoding = Some("gzip".to_owned());
    Record::new(StoredItem { data: Some(packed.text.into_owned()), encoding, sub_sequence_number: Some(3), ..item })
}

/// The request of the only effect there is, which reads the payload of a record in parts.
pub(crate) fn payload_request(effects: &[Effect]) -> super::message::RequestId {
    match effects {
        [Effect::ReadPayload { request, .. }] => *request,
        other => panic!("no payload was asked for: {other:?}"),
    }
}

/// A model with these records open.
pub(crate) fn model_with(columns: u16, rows: u16, records: Vec<Record>) -> (Model, Vec<Effect>) {
    let mut model = model_with_streams(columns, rows);
    let request = page_request(&press(&mut model, "enter"));
    let effects = update(&mut model, Message::PageRead { request, result: Ok(page(records, false)) });
    (model, effects)
}

/// The request of the only effect there is, which reads a page.
pub(crate) fn page_request(effects: &[Effect]) -> super::message::RequestId {
    match effects {
        [Effect::ReadPage { request, .. }] => *request,
        other => panic!("no page was asked for: {other:?}"),
    }
}

pub(crate) fn page(records: Vec<Record>, goes_on: bool) -> Page {
    let next = goes_on.then(|| PageCursor { partition_key: "cust-4".to_owned(), sequence_number: None });
    Page { read: records.len(), records, next }
}

/// A model with the archive of `orders` open and read.
pub(crate) fn model_with_records(columns: u16, rows: u16) -> Model {
    model_with(columns, rows, records()).0
}

/// Presses keys, parted by blanks: names of keys, characters with `ctrl-`, and anything else is typed.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for word in keys.split(' ') {
        for key in keys_of(word) {
            effects.extend(update(model, Message::KeyPressed(key)));
        }
    }
    effects
}

fn keys_of(word: &str) -> Vec<KeyEvent> {
    let code = match word {
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "space" => KeyCode::Char(' '),
        "tab" => KeyCode::Tab,
        "shift-tab" => KeyCode::BackTab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "right" => KeyCode::Right,
        "F5" => KeyCode::F(5),
        _ => {
            let modifiers = if word.starts_with("ctrl-") { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            let typed = word.trim_start_matches("ctrl-").chars();
            return typed.map(|character| KeyEvent::new(KeyCode::Char(character), modifiers)).collect();
        }
    };
    vec![KeyEvent::new(code, KeyModifiers::NONE)]
}
