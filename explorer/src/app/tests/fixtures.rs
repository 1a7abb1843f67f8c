//! Fixtures for the tests of screens: streams, records, a clock that stands still, and keys typed as text.

use crate::app::effect::{Effect, RecordsEffect, ReplaysEffect, StreamsEffect};
use crate::app::ids::RequestId;
use crate::app::message::{FoundRecords, Message, ReadEnd, RecordsMessage, ReplaysMessage, Reply, StreamsMessage, TerminalMessage};
use crate::app::model::{LocalAddresses, Model, Notice, Screen, Session};
use crate::app::records::Records;
use crate::app::update;
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, NO_SHARD, Place};
use crate::domain::reading::page::StreamPage;
use crate::domain::reading::{Position, ReadEnding, ReadProgress, SegmentPosition};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::show;
use crate::domain::replay::plan::{PlanState, PlanSummary, RunRecord};
use crate::domain::replay::preflight::{Glimpse, Load, Preflight, tests as preflight};
use crate::domain::stream::capacity::CapacityMode;
use crate::domain::stream::description::{
    Description, Encryption, Expiry, PresentStream, Recovery, StreamDescription, TableCapacity, TableDescription,
};
use crate::domain::stream::overview::{ArchiveTable, Configuration, StreamOverview};
use crate::domain::time::TimeContext;
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::item::StoredItem;
use archiver::format::payload::{Data, Packer};
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::{ArchiveMode, ArchiveSettings, Compression, Ttl};
use archiver::format::stream::StreamName;
use archiver::format::table::{TableKeys, archive_table_name};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn now() -> Timestamp {
    "2026-11-20T11:00:00Z".parse().unwrap()
}

pub(crate) fn name(text: &str) -> StreamName {
    StreamName::parse(text).unwrap()
}

/// The model before anything was read.
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
        is_deleted: false,
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

/// All about a stream whose archive should expire but does not, as a reader who may not see everything.
pub(crate) fn description(overview: &StreamOverview) -> Description {
    let denied = |operation: &str, permission: &'static str| {
        let failure = AwsFailure { kind: FailureKind::AccessDenied, message: "User prod-reader is not authorized".to_owned() };
        Failure::of_call(format!("{operation} {}", overview.name), permission, failure)
    };
    let tags = overview.settings().map(ArchiveSettings::to_tags).unwrap_or_default();
    let team = ("team".to_owned(), "checkout".to_owned());
    let stream = PresentStream {
        arn: overview.arn.clone(),
        status: overview.status.clone(),
        created_at: Some("2024-02-29T09:30:00Z".parse().unwrap()),
        capacity: CapacityMode::OnDemand,
        open_shards: overview.open_shards,
        retention_hours: 168,
        max_record_bytes: overview.max_record_bytes,
        encryption: Encryption::Kms(Some("alias/aws/kinesis".to_owned())),
        consumers: Err(denied("list the consumers of stream", "kinesis:ListStreamConsumers")),
        tags: Ok(tags.into_iter().map(|(key, value)| (key.to_owned(), value)).chain([team]).collect()),
    };
    let table = |table: ArchiveTable| TableDescription {
        table,
        created_at: Some("2024-03-01T00:00:00Z".parse().unwrap()),
        capacity: TableCapacity::Provisioned { read_units: 5, write_units: 1_200 },
        is_protected: Some(true),
        expiry: Ok(Expiry::Off),
        recovery: Ok(Recovery::Since(Some("2026-11-01T00:00:00Z".parse().unwrap()))),
    };
    let stream = match overview.is_deleted {
        true => StreamDescription::Absent,
        false => StreamDescription::Present(Box::new(stream)),
    };
    Description { name: overview.name.clone(), stream, records: Ok(overview.table.clone().map(table)), parts: Ok(None) }
}

/// The description of the stream under the cursor, answered with this.
pub(crate) fn describe(model: &mut Model, result: Result<Description, Failure>) {
    let effects = press(model, "d");
    let [Effect::Streams(StreamsEffect::Describe { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let reply = Reply { request: *request, result: result.map(Box::new) };
    update(model, Message::Streams(StreamsMessage::Described(reply)));
}

/// Streams in every state of an archive.
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

/// An archive of mode ALL whose stream was deleted.
pub(crate) fn archive_of_deleted(stream: &str) -> StreamOverview {
    let known = overview(stream, Configuration::NotArchived, Some((ArchiveMode::All, 8_120)));
    StreamOverview::of_deleted(known.name, known.table.unwrap())
}

/// The streams of [`model_with_streams`], and below them the archive that `orders-2019` left.
pub(crate) fn model_with_deleted(columns: u16, rows: u16) -> Model {
    let mut model = model_with_streams(columns, rows);
    let effects = press(&mut model, "F5");
    let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let names = overviews().into_iter().map(|overview| overview.name).collect();
    let effects = update(
        &mut model,
        Message::Streams(StreamsMessage::Listed(Reply { request: *request, result: Ok(StreamPage { names, next: None }) })),
    );
    let Some(Effect::Streams(StreamsEffect::ListArchives { request, .. })) = effects.last() else { panic!("{effects:?}") };
    let request = *request;
    let archives = vec![archive_of_deleted("orders-2019")];
    update(&mut model, Message::Streams(StreamsMessage::ArchivesListed(Reply { request, result: archives })));
    answer_readings(&mut model, effects);
    model
}

/// Answers every reading of a stream, and those that begin then.
fn answer_readings(model: &mut Model, mut effects: Vec<Effect>) {
    while let Some(effect) = effects.pop() {
        if let Effect::Streams(StreamsEffect::Read { request, stream, .. }) = effect {
            let overview = overviews().into_iter().find(|overview| overview.name == stream).unwrap();
            let reply = Reply { request, result: Ok(Box::new(overview)) };
            effects.extend(update(model, Message::Streams(StreamsMessage::Read { stream, reply })));
        }
    }
}

/// A model whose streams are all read, the cursor on `orders`.
pub(crate) fn model_with_streams(columns: u16, rows: u16) -> Model {
    let mut model = model(columns, rows);
    let effects = update(&mut model, Message::Ticked(now()));
    let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let request = *request;
    let names = overviews().into_iter().map(|overview| overview.name).collect();
    let effects = update(
        &mut model,
        Message::Streams(StreamsMessage::Listed(Reply { request, result: Ok(StreamPage { names, next: None }) })),
    );
    answer_readings(&mut model, effects);
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

/// Orders, and one record of each other kind.
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

/// A record whose payload is in this many parts.
pub(crate) fn split_record(place: u32, parts: u32) -> Record {
    let item = record(place, b"").item;
    Record::new(StoredItem { parts: Some(parts), encoding: Some("gzip".to_owned()), ..item })
}

/// A record that the archiver has compressed.
pub(crate) fn compressed_record(place: u32, payload: &[u8]) -> Record {
    let packed = Packer::default().pack(Data::Bytes(payload.into()), Compression::Gzip, usize::MAX);
    assert!(packed.is_gzip);
    let item = record(place, b"").item;
    let encoding = Some("gzip".to_owned());
    Record::new(StoredItem { data: Some(packed.text.into_owned()), encoding, sub_sequence_number: Some(3), ..item })
}

/// The request of the only effect, which shows a record.
pub(crate) fn show_request(effects: &[Effect]) -> RequestId {
    match effects {
        [Effect::Records(RecordsEffect::ShowPayload { request, .. })] => *request,
        other => panic!("no record is to be shown: {other:?}"),
    }
}

/// The request of the effect that reads records.
pub(crate) fn read_request(effects: &[Effect]) -> RequestId {
    let requests = effects.iter().filter_map(|effect| match effect {
        Effect::Records(RecordsEffect::Read { request, .. }) | Effect::Records(RecordsEffect::Pick { request, .. }) => {
            Some(*request)
        }
        _ => None,
    });
    match requests.collect::<Vec<_>>().as_slice() {
        [request] => *request,
        _ => panic!("not one reading was asked for: {effects:?}"),
    }
}

/// Records in a spool; each has the place of its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestSpool(Vec<Arc<Record>>);

impl TestSpool {
    pub(crate) fn put(&mut self, records: Vec<Record>) -> Vec<Entry> {
        let first = self.0.len() as u64;
        self.0.extend(records.into_iter().map(Arc::new));
        let new = &self.0[usize::try_from(first).unwrap()..];
        let shard = |record: &Record| record.item.shard_id.as_ref().and_then(|shard| shard[8..].parse().ok()).unwrap_or(NO_SHARD);
        new.iter().zip(first..).map(|(record, place)| Entry::new(record, Place(place), shard(record))).collect()
    }

    /// Answers requests for rows, and what follows; returns the other effects.
    pub(crate) fn serve(&self, model: &mut Model, effects: Vec<Effect>) -> Vec<Effect> {
        let mut others = Vec::new();
        for effect in effects {
            match effect {
                Effect::Records(RecordsEffect::ReadRows { request, places, .. }) => {
                    let row = |place: &Place| (*place, Arc::clone(&self.0[usize::try_from(place.0).unwrap()]));
                    let rows = places.iter().map(row).collect();
                    let effects = update(model, Message::Records(RecordsMessage::RowsRead(Reply { request, result: Ok(rows) })));
                    others.extend(self.serve(model, effects));
                }
                other => others.push(other),
            }
        }
        others
    }

    /// Presses keys, and answers requests for rows.
    pub(crate) fn press(&self, model: &mut Model, keys: &str) -> Vec<Effect> {
        let mut others = Vec::new();
        for key in keys.split(' ') {
            let effects = press(model, key);
            others.extend(self.serve(model, effects));
        }
        others
    }

    /// Delivers records to the model like a reading.
    pub(crate) fn read(&mut self, model: &mut Model, request: RequestId, records: Vec<Record>) -> Vec<Effect> {
        let matched = records.len() as u64;
        let matched_bytes = records.iter().filter_map(|record| record.payload_size).sum();
        let entries = self.put(records);
        let shards = (0..4).map(|shard| format!("shardId-{shard:012}")).collect();
        let progress = ReadProgress {
            read: matched,
            matched,
            matched_bytes,
            units: 2.0,
            segments: 8,
            segments_done: 4,
            ..ReadProgress::default()
        };
        let message = Message::Records(RecordsMessage::Read(Reply {
            request,
            result: FoundRecords { entries, shards, progress, elapsed: Duration::from_millis(500) },
        }));
        let effects = update(model, message);
        self.serve(model, effects)
    }

    /// Answers a picking: these of its entries match.
    pub(crate) fn pick(&self, model: &mut Model, effects: &[Effect], picks: impl Fn(&Record) -> bool) -> Vec<Effect> {
        let [Effect::Records(RecordsEffect::Pick { request, order, .. })] = effects else {
            panic!("nothing is picked: {effects:?}")
        };
        let is_picked = |entry: &&Entry| picks(&self.0[usize::try_from(entry.place().0).unwrap()]);
        let entries: Vec<Entry> = order.entries.iter().filter(is_picked).copied().collect();
        let progress = ReadProgress { read: order.entries.len() as u64, matched: entries.len() as u64, ..ReadProgress::default() };
        let shards = (0..4).map(|shard| format!("shardId-{shard:012}")).collect();
        let message = Message::Records(RecordsMessage::Read(Reply {
            request: *request,
            result: FoundRecords { entries, shards, progress, elapsed: Duration::from_millis(5) },
        }));
        let effects = update(model, message);
        let mut others = self.serve(model, effects);
        others.extend(self.end(model, *request, ReadEnding::Complete));
        others
    }

    /// Ends a reading.
    pub(crate) fn end(&self, model: &mut Model, request: RequestId, ending: ReadEnding) -> Vec<Effect> {
        let effects = update(
            model,
            Message::Records(RecordsMessage::ReadEnded(Reply { request, result: ReadEnd { ending, is_full: false } })),
        );
        self.serve(model, effects)
    }
}

/// A position in the middle of an archive.
pub(crate) fn middle() -> Position {
    Position::Scan(vec![SegmentPosition::Done, SegmentPosition::NotBegun])
}

/// A model with these records open and fully read, and the remaining effects.
pub(crate) fn model_with(columns: u16, rows: u16, records: Vec<Record>) -> (Model, TestSpool, Vec<Effect>) {
    let mut model = model_with_streams(columns, rows);
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    let mut effects = spool.read(&mut model, request, records);
    effects.extend(spool.end(&mut model, request, ReadEnding::Complete));
    (model, spool, effects)
}

/// A model with the archive of `orders` open and partly read.
pub(crate) fn model_read_in_part(columns: u16, rows: u16) -> (Model, TestSpool) {
    let mut model = model_with_streams(columns, rows);
    let mut spool = TestSpool::default();
    let request = read_request(&press(&mut model, "enter"));
    spool.read(&mut model, request, records());
    spool.end(&mut model, request, ReadEnding::Stopped(middle()));
    (model, spool)
}

/// A model with the archive of `orders` open and read.
pub(crate) fn model_with_records(columns: u16, rows: u16) -> (Model, TestSpool) {
    let (model, spool, _) = model_with(columns, rows, records());
    (model, spool)
}

/// Presses keys, separated by blanks: names of keys, characters with `ctrl-`; anything else is typed.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for word in keys.split(' ') {
        for key in keys_of(word) {
            effects.extend(update(model, Message::Terminal(TerminalMessage::KeyPressed(key))));
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
        "page-down" => KeyCode::PageDown,
        "F5" => KeyCode::F(5),
        _ => {
            let modifiers = if word.starts_with("ctrl-") { KeyModifiers::CONTROL } else { KeyModifiers::NONE };
            let typed = word.trim_start_matches("ctrl-").chars();
            return typed.map(|character| KeyEvent::new(KeyCode::Char(character), modifiers)).collect();
        }
    };
    vec![KeyEvent::new(code, KeyModifiers::NONE)]
}

/// The top records screen.
pub(crate) fn open_records(model: &Model) -> &Records {
    match model.screens.last() {
        Some(Screen::Records(records)) => records,
        other => panic!("no records are open: {other:?}"),
    }
}

/// The text of the bottom line.
pub(crate) fn sentence(model: &Model) -> &str {
    match &model.notice {
        Some(Notice::Info(sentence) | Notice::Error(sentence)) => sentence,
        None => "",
    }
}

/// The text of the shown payload.
pub(crate) fn shown(model: &Model) -> Option<&str> {
    open_records(model).detail()?.decoded()?.text()
}

/// Answers the effect that shows a record with this payload.
pub(crate) fn show_with(model: &mut Model, effects: &[Effect], payload: Result<Vec<u8>, NoPayload>) -> Vec<Effect> {
    let [Effect::Records(RecordsEffect::ShowPayload { request, order })] = effects else { panic!("{effects:?}") };
    let result = payload.map(|payload| Box::new(show(&order.record, Ok(payload), &order.options)));
    update(model, Message::Records(RecordsMessage::PayloadShown(Reply { request: *request, result })))
}

/// The preflight of a plan with this many records, into a stream of four shards.
pub(crate) fn preflight_of(plan: PlanSummary) -> Box<Preflight> {
    let target = preflight::target(&plan.target, Configuration::NotArchived, 4);
    let glimpse = |number: u64| Glimpse {
        partition_key: format!("cust-{number}"),
        sequence_number: number.to_string(),
        arrival: "1763629200.5".to_owned(),
        preview: format!(
            "{{\"id\":{number},\"status\":\"paid\",\"note\":\"an order with a note that is longer than a narrow screen is wide\"}}"
        ),
    };
    let first = (1..=plan.counts.records.min(2)).map(glimpse).collect();
    let load = Load { first, ..preflight::load(&target, plan.counts.records / 4) };
    Box::new(Preflight::new(plan, &target, load))
}

/// A plan of this many records of `orders`.
pub(crate) fn plan_into(target: &str, records: u64) -> PlanSummary {
    let mut plan = preflight::plan(target, records);
    plan.created_at = now() - Duration::from_secs(90);
    plan.counts.first_arrival = Some(now().as_millisecond() - 7_200_000);
    plan.counts.last_arrival = Some(now().as_millisecond() - 3_600_000);
    plan.counts.expired_left_out = 77;
    plan
}

/// The plan after a run that ended like this.
pub(crate) fn after_a_run(plan: PlanSummary, state: PlanState, acknowledged: u64, reason: Option<&str>) -> PlanSummary {
    let run = RunRecord {
        started_at: now() - Duration::from_secs(60),
        by: "ada@desk".to_owned(),
        target_created_at: None,
        ended_at: Some(now() - Duration::from_secs(20)),
        ending: Some(state),
        reason: reason.map(str::to_owned),
        acknowledged,
        maybe_repeated: 0,
    };
    PlanSummary { state, acknowledged, runs: vec![run], ..plan }
}

/// Answers the effect that creates a plan; returns the plan.
pub(crate) fn planned(model: &mut Model, effects: &[Effect], records: u64) -> PlanSummary {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Replays(ReplaysEffect::Plan { request, order }) => Some((*request, order)),
        _ => None,
    });
    let (request, order) = found.unwrap_or_else(|| panic!("nothing is planned: {effects:?}"));
    let mut plan = plan_into(order.target.as_str(), records);
    plan.is_everything = order.is_everything();
    plan.selection = order.selection.to_string();
    plan.options = order.options.clone();
    let result = Ok(Some(preflight_of(plan.clone())));
    update(model, Message::Replays(ReplaysMessage::PlanChecked(Reply { request, result })));
    plan
}
