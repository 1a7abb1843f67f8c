//! Every screen in its states, at two sizes.

use crate::app::effect::{ConfigureEffect, Effect, RecordsEffect, ReplaysEffect, StreamsEffect};
use crate::app::message::{
    ConfigureMessage, ExportMessage, Message, NewRecords, RecordsMessage, ReplayDetails, ReplaysMessage, Reply, StreamsMessage,
};
use crate::app::model::Model;
use crate::app::tests::fixtures::{
    TestSpool, after_a_run, compressed_record, describe, description, local_addresses, middle, model, model_read_in_part,
    model_with, model_with_deleted, model_with_records, model_with_streams, name, now, overviews, plan_into, planned, press,
    read_request, record, records, show_with, split_record,
};
use crate::app::update;
use crate::domain::export::Exported;
use crate::domain::failure::Failure;
use crate::domain::reading::following::FollowStatus;
use crate::domain::reading::page::StreamPage;
use crate::domain::reading::{Position, ReadEnding};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::show_difference;
use crate::domain::replay::lanes::LaneStatus;
use crate::domain::replay::plan::{PassedOver, PlanId, PlanState, PlanSummary};
use crate::domain::replay::progress::{LaneProgress, PlanProgress, Progress};
use crate::domain::stream::change::{Present, PresentTable, plan};
use crate::ui::draw;
use crate::ui::theme::{Look, Theme};
use archiver::aws::failure::FailureKind;
use archiver::format::aggregate::aggregate;
use jiff::SignedDuration;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::time::Duration;

fn drawn(model: &Model) -> String {
    let (columns, rows) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal
        .draw(|frame| {
            draw(model, &Theme::new(Look::Dark, Vec::new()), frame);
        })
        .unwrap();
    terminal.backend().to_string()
}

/// Draws a state at both sizes.
fn check(name: &str, state: impl Fn(u16, u16) -> Model) {
    for (columns, rows) in [(80, 24), (120, 40)] {
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), drawn(&state(columns, rows)));
    }
}

fn failure(operation: &str) -> Failure {
    Failure {
        operation: operation.to_owned(),
        permission: Some("kinesis:ListStreams"),
        kind: FailureKind::AccessDenied,
        detail: "AccessDeniedException: User prod-reader is not authorized".to_owned(),
    }
}

#[test]
fn streams_loading() {
    check("streams_loading", |columns, rows| {
        let mut model = model(columns, rows);
        update(&mut model, Message::Ticked(now()));
        model
    });
}

#[test]
fn streams_deleted() {
    check("streams_deleted", |columns, rows| {
        let mut model = model_with_deleted(columns, rows);
        press(&mut model, "down c");
        model
    });
}

#[test]
fn description_of_a_stream() {
    let orders = || overviews().into_iter().find(|overview| overview.name == name("orders")).unwrap();
    check("description", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        describe(&mut model, Ok(description(&orders())));
        model
    });
    check("description_end", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        describe(&mut model, Ok(description(&orders())));
        press(&mut model, "G");
        model
    });
    check("description_failed", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        describe(&mut model, Err(failure("describe stream orders")));
        model
    });
}

#[test]
fn plain_http() {
    check("plain_http", |columns, rows| {
        let before = model(columns, rows);
        let warning =
            "the connection to http://10.0.0.7:4566 is not encrypted, so others on the network can read and change it; use https";
        let session = crate::app::model::Session { warning: Some(warning.to_owned()), ..before.session };
        crate::app::model::Model::new(session, before.size, before.times)
    });
}

#[test]
fn streams_failed() {
    check("streams_failed", |columns, rows| {
        let mut model = model(columns, rows);
        let effects = update(&mut model, Message::Ticked(now()));
        let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let result = Err(failure("list the streams of region eu-west-1"));
        update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request: *request, result })));
        model
    });
}

#[test]
fn streams_that_can_no_longer_be_listed() {
    check("streams_stale", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        let effects = press(&mut model, "F5");
        let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let result = Err(failure("list the streams of region eu-west-1"));
        update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request: *request, result })));
        model
    });
}

#[test]
fn streams_that_are_read_one_after_the_other() {
    check("streams_reading", |columns, rows| {
        let mut model = model(columns, rows);
        let effects = update(&mut model, Message::Ticked(now()));
        let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let others = (0..150).map(|number| name(&format!("service-{number:03}")));
        let names = overviews().into_iter().map(|overview| overview.name).chain(others).collect();
        let result = Ok(StreamPage { names, next: None });
        update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request: *request, result })));
        for overview in overviews().into_iter().take(5) {
            let stream = overview.name.clone();
            let reply = Reply { request: *request, result: Ok(Box::new(overview)) };
            update(&mut model, Message::Streams(StreamsMessage::Read { stream, reply }));
        }
        model
    });
}

#[test]
fn streams_of_one_group() {
    check("streams_group", |columns, rows| {
        let mut model = model_with_deleted(columns, rows);
        press(&mut model, "shift-tab");
        model
    });
}

#[test]
fn a_stream_to_be_read_from_a_time() {
    check("streams_read_from", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        press(&mut model, "S");
        model
    });
}

#[test]
fn streams_full() {
    check("streams_full", model_with_streams);
}

#[test]
fn streams_with_a_problem_under_the_cursor() {
    check("streams_problem", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        model.streams.selected = Some(name("audit"));
        model.session.read_only = true;
        model
    });
}

#[test]
fn streams_that_one_may_not_see() {
    check("streams_denied", |columns, rows| {
        let mut model = model(columns, rows);
        let effects = update(&mut model, Message::Ticked(now()));
        let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let names = vec![name("audit"), name("orders")];
        update(
            &mut model,
            Message::Streams(StreamsMessage::Listed(Reply { request: *request, result: Ok(StreamPage { names, next: None }) })),
        );
        let result = Err(failure("describe stream audit"));
        update(
            &mut model,
            Message::Streams(StreamsMessage::Read { stream: name("audit"), reply: Reply { request: *request, result } }),
        );
        model
    });
}

#[test]
fn streams_local_and_filtered() {
    check("streams_local_filtered", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        model.session.local = Some(local_addresses());
        press(&mut model, "/ orders");
        model
    });
}

#[test]
fn streams_local_with_hints() {
    check("streams_local_hints", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        model.session.local = Some(local_addresses());
        model
    });
}

#[test]
fn records_loading() {
    check("records_loading", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        press(&mut model, "enter");
        model
    });
}

#[test]
fn records_failed() {
    check("records_failed", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        let request = read_request(&press(&mut model, "enter"));
        let ending = ReadEnding::Failed(failure("read table orders-archive-ALL"), Position::Beginning);
        TestSpool::default().end(&mut model, request, ending);
        model
    });
}

#[test]
fn records_that_cannot_be_read_again() {
    check("records_stale", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        let request = read_request(&spool.press(&mut model, "F5"));
        spool.end(&mut model, request, ReadEnding::Failed(failure("read table orders-archive-ALL"), Position::Beginning));
        model
    });
}

#[test]
fn records_empty() {
    check("records_empty", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        let request = read_request(&press(&mut model, "enter"));
        TestSpool::default().end(&mut model, request, ReadEnding::Complete);
        model
    });
}

#[test]
fn records_full_with_marks() {
    check("records_full", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "down down down space space");
        model
    });
}

#[test]
fn records_hostile_text_and_hex() {
    check("records_text", |columns, rows| model_with_records(columns, rows).0);
    check("records_hex", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "x tab");
        model
    });
}

#[test]
fn records_damaged() {
    check("records_damaged", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "G");
        model
    });
}

#[test]
fn records_filter_with_a_mistake() {
    check("records_filter_mistake", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "/ after:soon enter");
        model
    });
}

/// A split record under the cursor, and a compressed one; returns the effects.
fn stored_otherwise(columns: u16, rows: u16) -> (Model, TestSpool, Vec<Effect>) {
    let json = format!("{{\"id\":\"o-1\",\"note\":\"{}\"}}", "paid ".repeat(50));
    let records = vec![split_record(2, 36), compressed_record(1, json.as_bytes()), record(0, b"{\"id\":\"o-0\"}")];
    model_with(columns, rows, records)
}

#[test]
fn records_in_parts_and_compressed() {
    check("records_parts_loading", |columns, rows| stored_otherwise(columns, rows).0);
    check("records_parts", |columns, rows| {
        let (mut model, _, effects) = stored_otherwise(columns, rows);
        let payload = format!("{{\"id\":\"o-2\",\"scan\":\"{}\"}}", "A".repeat(2_000_000));
        show_with(&mut model, &effects, Ok(payload.into_bytes()));
        model
    });
    check("records_parts_missing", |columns, rows| {
        let (mut model, _, effects) = stored_otherwise(columns, rows);
        let reason = "part 3 of 36 is missing from table orders-archive-parts".to_owned();
        show_with(&mut model, &effects, Err(NoPayload::Damaged(reason)));
        model
    });
    check("records_compressed", |columns, rows| {
        let (mut model, spool, _) = stored_otherwise(columns, rows);
        spool.press(&mut model, "space");
        model
    });
}

#[test]
fn records_partial() {
    check("records_partial", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        let mut spool = TestSpool::default();
        let request = read_request(&press(&mut model, "enter"));
        spool.read(&mut model, request, (0..5_000).map(|place| record(place, b"{\"id\":1}")).collect());
        spool.end(&mut model, request, ReadEnding::Stopped(middle()));
        model
    });
}

/// A running search that has found some records.
fn searching(columns: u16, rows: u16) -> (Model, TestSpool) {
    let (mut model, mut spool) = model_read_in_part(columns, rows);
    let request = read_request(&spool.press(&mut model, "/ text:paid space after:2026-11-20T10:00Z enter"));
    spool.read(&mut model, request, records());
    (model, spool)
}

#[test]
fn records_searched() {
    check("records_searching", |columns, rows| searching(columns, rows).0);
    check("records_by_shard_all_marked", |columns, rows| {
        let (mut model, spool) = searching(columns, rows);
        spool.press(&mut model, "a b down down space");
        model
    });
    check("records_range", |columns, rows| {
        let (mut model, spool) = searching(columns, rows);
        spool.press(&mut model, "down v down down down");
        model
    });
    check("records_completion", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "/ json:$.");
        model
    });
    check("records_exported", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        let effects = spool.press(&mut model, "e enter");
        let [Effect::Export { request, .. }] = effects.as_slice() else { panic!("{effects:?}") };
        let exported = Exported { records: 48_300, bytes: 17_000_000 };
        update(&mut model, Message::Export(ExportMessage::Progressed(Reply { request: *request, result: exported })));
        model
    });
    check("records_copy", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "y");
        model
    });
}

#[test]
fn payload_folded_searched_and_compared() {
    let order = |place: u32, status: &str| {
        record(
            place,
            format!(r#"{{"id":"o-1","items":[{{"sku":"A-1","price":1}},{{"sku":"B-2","price":2}}],"status":"{status}"}}"#)
                .as_bytes(),
        )
    };
    check("payload_folded", move |columns, rows| {
        let (mut model, spool, _) = model_with(columns, rows, vec![order(1, "new")]);
        spool.press(&mut model, "tab down down enter");
        model
    });
    check("payload_searched", move |columns, rows| {
        let (mut model, spool, _) = model_with(columns, rows, vec![order(1, "new")]);
        spool.press(&mut model, "tab / sku enter");
        model
    });
    check("payload_compared", move |columns, rows| {
        let (mut model, spool, _) = model_with(columns, rows, vec![order(1, "new"), order(6, "paid")]);
        let effects = spool.press(&mut model, "D");
        let [Effect::Records(RecordsEffect::ShowPayload { request, order })] = effects.as_slice() else { panic!("{effects:?}") };
        let older = order.against.as_ref().unwrap();
        let payload = |record: &Record| record.payload().unwrap();
        let shown = show_difference((&order.record, payload(&order.record)), (older, payload(older)), &order.options);
        update(
            &mut model,
            Message::Records(RecordsMessage::PayloadShown(Reply { request: *request, result: Ok(Box::new(shown)) })),
        );
        model
    });
    check("payload_aggregated", |columns, rows| {
        let users: Vec<(String, String)> =
            (0..17).map(|place| (format!("cust-{place}"), format!("{{\"id\":\"o-{place}\"}}"))).collect();
        let users: Vec<_> = users.iter().map(|(key, json)| (key.as_str(), None, json.as_bytes())).collect();
        let (mut model, spool, _) = model_with(columns, rows, vec![record(1, &aggregate(&users))]);
        spool.press(&mut model, "] ]");
        model
    });
}

#[test]
fn records_picked_from_what_was_read() {
    check("records_picked", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        let effects = spool.press(&mut model, "/ key:cust-1 enter");
        let effects: Vec<Effect> = effects.into_iter().filter(|effect| !matches!(effect, Effect::Remember(_))).collect();
        spool.pick(&mut model, &effects, |record| record.id.partition_key == "cust-1");
        model
    });
}

#[test]
fn columns_are_typed_with_the_fields_that_are_known() {
    check("records_columns", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "C n");
        model
    });
}

#[test]
fn a_payload_on_the_whole_screen() {
    check("payload_full_screen", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "down down down enter");
        model
    });
}

#[test]
fn a_list_without_the_payload() {
    check("records_alone", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "P");
        model
    });
}

#[test]
fn what_an_export_takes_is_said_in_the_prompt() {
    check("records_export_prompt", |columns, rows| {
        let (mut model, mut spool) = model_with_records(columns, rows);
        let request = read_request(&spool.press(&mut model, "down down space space / key:cust-0 enter"));
        spool.read(&mut model, request, (0..12).map(|place| record(place * 5, b"{\"id\":1}")).collect());
        spool.end(&mut model, request, ReadEnding::Complete);
        spool.press(&mut model, "e");
        model
    });
}

#[test]
fn names_that_are_cut_say_so() {
    check("streams_long_names", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        let long = "payments-of-the-european-customers-by-region-and-currency";
        let row = model.streams.rows.iter_mut().find(|row| row.name.as_str() == "orders").unwrap();
        row.name = name(long);
        row.overview.as_mut().unwrap().table.as_mut().unwrap().name = format!("{long}-archive-ALL");
        model.streams.selected = Some(name(long));
        press(&mut model, "/");
        model
    });
    check("records_long_names", |columns, rows| {
        let key = |key: &str, place: u32| {
            let item = record(place, format!("{{\"note\":\"{}\"}}", "long ".repeat(60)).as_bytes()).item;
            let others = vec![("anAttributeWhoseNameIsLongerThanTheColumnIsWide".to_owned(), "its value".to_owned())];
            Record::new(archiver::format::item::StoredItem { partition_key: key.to_owned(), others, ..item })
        };
        let hidden = ["cust-42", "cust-42\u{200b}", "cust-42\u{ad}", "cust-42\u{e0041}"];
        let mut records: Vec<Record> = hidden.iter().zip(0..).map(|(text, place)| key(text, place)).collect();
        records.push(key("device-of-a-customer-in-the-north-0042", 5));
        records.push(key("日本語日本語日本語日本語日本語", 6));
        model_with(columns, rows, records).0
    });
}

#[test]
fn the_keys_stay_on_the_screen_and_none_of_them_is_typed_instead() {
    for keys in ["/", "c tab", "enter /", "enter r tab tab", "o"] {
        let mut model = model_with_streams(120, 40);
        press(&mut model, keys);
        let drawn = drawn(&model);
        let last = drawn.lines().last().unwrap();
        assert!(["? help", "q quit", "R replays"].iter().all(|typed| !last.contains(typed)), "{keys}: {last}");
        assert!(last.contains("esc"), "{keys}: {last}");
    }
    let mut model = model_with_streams(80, 24);
    press(&mut model, "w");
    let drawn = drawn(&model);
    let rows: Vec<&str> = drawn.lines().collect();
    assert!(rows[22].contains("? shows the keys") && rows[23].contains("q quit"), "{drawn}");
}

#[test]
fn records_with_a_gap() {
    check("records_gap", |columns, rows| {
        let (mut model, mut spool) = model_with_records(columns, rows);
        update(&mut model, Message::Ticked(now() + SignedDuration::from_hours(2)));
        let effects = spool.press(&mut model, "f");
        let [Effect::Records(RecordsEffect::Follow { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let entries = spool.put(vec![record(10_790, b"{\"id\":\"o-1\"}"), record(10_795, b"{\"id\":\"o-2\"}")]);
        let shards = (0..4).map(|shard| format!("shardId-{shard:012}")).collect();
        let effects = update(
            &mut model,
            Message::Records(RecordsMessage::Followed(Reply {
                request: *request,
                result: NewRecords { entries, shards, status: FollowStatus::default() },
            })),
        );
        spool.serve(&mut model, effects);
        model
    });
}

#[test]
fn records_followed() {
    let follow = |columns: u16, rows: u16, key: &str| {
        let (mut model, mut spool) = model_with_records(columns, rows);
        let effects = spool.press(&mut model, key);
        let [Effect::Records(RecordsEffect::Follow { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let entries = spool.put(vec![record(900, b"{\"id\":\"o-900\"}")]);
        let lag = Some(Duration::from_millis(1_240));
        let status = FollowStatus { waiting: 3, lag, ..FollowStatus::default() };
        let shards = (0..4).map(|shard| format!("shardId-{shard:012}")).collect();
        let effects = update(
            &mut model,
            Message::Records(RecordsMessage::Followed(Reply { request: *request, result: NewRecords { entries, shards, status } })),
        );
        spool.serve(&mut model, effects);
        model
    };
    check("records_followed", move |columns, rows| follow(columns, rows, "f"));
    check("stream_followed", move |columns, rows| follow(columns, rows, "F"));
}

#[test]
fn a_file_to_be_opened() {
    check("streams_open_file", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        press(&mut model, "o orders.jsonl");
        model
    });
}

#[test]
fn configure_form() {
    check("configure_form", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        press(&mut model, "c tab");
        model
    });
}

/// The screen with the calls that turn on expiry for `clickstream`, whose table is damaged.
fn configure_review(columns: u16, rows: u16) -> Model {
    let mut model = model_with_streams(columns, rows);
    model.streams.selected = Some(name("clickstream"));
    let effects = press(&mut model, "c tab 30d enter");
    let [Effect::Configure(ConfigureEffect::Plan { request, stream, wanted })] = effects.as_slice() else { panic!("{effects:?}") };
    let table = overviews().into_iter().find_map(|overview| overview.table);
    let records = PresentTable { table, ttl_attribute: None, expired_items: 1_204 };
    let plan = plan(stream, &Present { records, ..Present::default() }, *wanted).unwrap();
    update(&mut model, Message::Configure(ConfigureMessage::Planned(Reply { request: *request, result: Ok(plan) })));
    model
}

#[test]
fn configure_before_and_after_its_calls() {
    check("configure_review", configure_review);
    check("configure_failed", |columns, rows| {
        let mut model = configure_review(columns, rows);
        let effects = press(&mut model, "y");
        let [Effect::Configure(ConfigureEffect::MakeCalls { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        update(&mut model, Message::Configure(ConfigureMessage::CallMade(Reply { request: *request, result: Ok(()) })));
        update(
            &mut model,
            Message::Configure(ConfigureMessage::CallMade(Reply {
                request: *request,
                result: Err(failure("tag stream clickstream")),
            })),
        );
        model
    });
}

#[test]
fn replay_targets_to_choose_from() {
    check("replay_targets", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        press(&mut model, "r");
        model
    });
}

#[test]
fn replay_form_and_review() {
    check("replay_form", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        spool.press(&mut model, "space space r orders");
        model
    });
    check("replay_planning", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        let effects = spool.press(&mut model, "r orders-rep enter");
        let [Effect::Replays(ReplaysEffect::Plan { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let progress = PlanProgress {
            read: 48_300,
            planned: 31_200,
            bytes: 9_400_000,
            expired: 77,
            units: 6_020.5,
            share: 0.31,
            is_sorting: false,
        };
        update(&mut model, Message::Replays(ReplaysMessage::PlanProgressed(Reply { request: *request, result: progress })));
        model
    });
    check("replay_review", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        let effects = spool.press(&mut model, "r orders enter");
        planned(&mut model, &effects, 120_000);
        press(&mut model, "orde enter");
        model
    });
    check("replay_review_of_marks", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        let effects = spool.press(&mut model, "space space r orders-rep enter");
        planned(&mut model, &effects, 2);
        model
    });
    check("replay_review_failed", |columns, rows| {
        let (mut model, spool) = model_with_records(columns, rows);
        let effects = spool.press(&mut model, "r orders-rep enter");
        let [Effect::Replays(ReplaysEffect::Plan { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let result = Err(failure("read table orders-archive-ALL"));
        update(&mut model, Message::Replays(ReplaysMessage::PlanChecked(Reply { request: *request, result })));
        model
    });
}

fn lanes(second: u32) -> Vec<LaneProgress> {
    let lane = |place: u32, rate: f64, paused: u64| LaneProgress {
        status: LaneStatus {
            shard: format!("shardId-{place:012}"),
            acknowledged: u64::from(second) * 480,
            throttled: paused,
            paused_for: Duration::from_millis(paused),
        },
        left: if place == 3 { 0 } else { 27_880 - u64::from(second) * 480 },
        rate,
    };
    vec![lane(0, 498.0, 0), lane(1, 500.2, 0), lane(2, 471.0, 2_100), lane(3, 0.0, 0)]
}

/// A replay that has sent about half of its records.
fn running_replay(columns: u16, rows: u16) -> Model {
    let (mut model, spool) = model_with_records(columns, rows);
    let effects = spool.press(&mut model, "r orders-rep enter");
    let plan = planned(&mut model, &effects, 111_520);
    press(&mut model, "orders-replay enter");
    for second in 1..=30_u32 {
        let acknowledged = u64::from(second * 1_900 + second * second % 700);
        let progress = Progress {
            total: 111_520,
            acknowledged,
            acknowledged_now: acknowledged,
            passed_over: 3,
            in_flight: 500,
            bytes: 23_456_789,
            throttled_puts: 42,
            failed_puts: 7,
            maybe_repeated: 0,
            running: Duration::from_secs(u64::from(second)),
            reached: Some(now().as_millisecond() - 5_000_000),
            lanes: lanes(second),
            trouble: None,
            ..Progress::default()
        };
        update(&mut model, Message::Replays(ReplaysMessage::Progressed { replay: plan.id.clone(), progress: Box::new(progress) }));
        update(&mut model, Message::Ticked(now() + SignedDuration::from_secs(i64::from(second))));
    }
    model
}

/// The history, as its files have it.
fn history(model: &mut Model, plans: Vec<PlanSummary>) {
    let effects = press(model, "R");
    let [Effect::Replays(ReplaysEffect::List { request })] = effects.as_slice() else { panic!("{effects:?}") };
    let broken = (PlanId::of_random(0xbad), Err("cannot use /home/ada/00bad0.replay: file is not a database".to_owned()));
    let all = plans.into_iter().map(|plan| (plan.id.clone(), Ok(plan))).chain([broken]).collect();
    update(model, Message::Replays(ReplaysMessage::Listed(Reply { request: *request, result: Ok(all) })));
}

#[test]
fn replays_running_and_ended() {
    check("replays_running", running_replay);
    check("replays_seen_from_elsewhere", |columns, rows| {
        let mut model = running_replay(columns, rows);
        press(&mut model, "esc");
        model
    });
    check("replays_in_trouble", |columns, rows| {
        let mut model = running_replay(columns, rows);
        let (id, live) = model.running_replays().next().unwrap();
        let trouble = Some("connection refused".to_owned());
        let progress = Box::new(Progress { trouble, maybe_repeated: 500, ..live.progress.clone() });
        let replay = id.clone();
        update(&mut model, Message::Replays(ReplaysMessage::Progressed { replay, progress }));
        press(&mut model, "p");
        model
    });
    check("replays_history", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        let mut finished = after_a_run(plan_into("audit", 4_000), PlanState::Finished, 3_998, None);
        finished.id = PlanId::of_random(0x0a_11ce);
        finished.passed_over = 2;
        let failed = after_a_run(
            plan_into("orders-replay", 90_000),
            PlanState::Failed,
            41_000,
            Some("cannot put records into stream orders-replay: no network"),
        );
        history(&mut model, vec![failed, finished]);
        model
    });
    check("replays_passed_over", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        history(&mut model, vec![after_a_run(plan_into("audit", 4_000), PlanState::Finished, 3_999, None)]);
        let effects = press(&mut model, "enter");
        let [Effect::Replays(ReplaysEffect::ReadDetails { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let record = PassedOver {
            partition_key: "cust-7".to_owned(),
            sequence_number: "4963".to_owned(),
            sub_sequence_number: None,
            reason: "with its key it has 2 000 000 bytes, but stream audit takes at most 1 048 576".to_owned(),
        };
        let result = Ok(ReplayDetails::PassedOver(vec![record]));
        update(&mut model, Message::Replays(ReplaysMessage::DetailsRead(Reply { request: *request, result })));
        model
    });
    check("replays_none", |columns, rows| {
        let mut model = model_with_streams(columns, rows);
        let effects = press(&mut model, "R");
        let [Effect::Replays(ReplaysEffect::List { request })] = effects.as_slice() else { panic!("{effects:?}") };
        update(&mut model, Message::Replays(ReplaysMessage::Listed(Reply { request: *request, result: Ok(Vec::new()) })));
        model
    });
}

#[test]
fn help_and_questions() {
    check("help", |columns, rows| {
        let (mut model, _) = model_with_records(columns, rows);
        model.session.local = Some(local_addresses());
        press(&mut model, "?");
        model
    });
    check("confirm_quit", |columns, rows| {
        let mut model = running_replay(columns, rows);
        press(&mut model, "q");
        model
    });
    check("confirm_cancel", |columns, rows| {
        let mut model = running_replay(columns, rows);
        press(&mut model, "x");
        model
    });
}

#[test]
fn every_size_that_is_not_too_small_is_drawn() {
    for columns in (40..=130).step_by(3) {
        for rows in [10, 11, 13, 24, 50] {
            drawn(&model_with_streams(columns, rows));
            let (mut model, spool) = model_with_records(columns, rows);
            drawn(&model);
            for keys in ["b", "tab", "/ x", "enter", "esc tab / nonsense:1 enter", "esc y", "esc ?", "esc r", "esc R"] {
                spool.press(&mut model, keys);
                drawn(&model);
            }
            let mut model = running_replay(columns, rows);
            drawn(&model);
            press(&mut model, "x");
            drawn(&model);
        }
    }
}

#[test]
fn a_terminal_that_is_too_small_says_so() {
    insta::assert_snapshot!("too_small_30x8", drawn(&model_with_streams(30, 8)));
}
