//! Control sequences through every screen, checked in the bytes that a terminal gets.

use crate::app::effect::{ConfigureEffect, Effect, ReplaysEffect};
use crate::app::ids::RequestId;
use crate::app::message::{ConfigureMessage, Message, ReplayDetails, ReplaysMessage, Reply, TerminalMessage};
use crate::app::model::{Export, Model, Notice, Screen};
use crate::app::tests::fixtures::{
    after_a_run, describe, description, model_with, model_with_records, model_with_streams, overviews, plan_into, planned,
    preflight_of, press, record,
};
use crate::app::update;
use crate::domain::export::Exported;
use crate::domain::failure::Failure;
use crate::domain::record::Record;
use crate::domain::replay::lanes::LaneStatus;
use crate::domain::replay::plan::{PassedOver, PlanState, PlanSummary, RecordTrace, TraceEnd};
use crate::domain::replay::progress::{LaneProgress, Progress};
use crate::domain::stream::change::{Present, PresentTable, plan};
use crate::domain::stream::description::{Description, StreamDescription};
use crate::ui::draw;
use crate::ui::theme::{Look, Theme};
use archiver::aws::failure::FailureKind;
use archiver::format::item::StoredItem;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// Drawing needs none of these sequences.
const HOSTILE: &str = "evil\u{1b}[6n\u{1b}]0;title\u{7}\u{9b}6n\u{9d}0;t\u{9c}\u{85}\u{8}\u{7f}\r\u{202e}\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}\u{2028}";
const UNSEEN: [char; 7] = ['\u{202e}', '\u{2066}', '\u{200b}', '\u{ad}', '\u{feff}', '\u{e0041}', '\u{2028}'];
const SCREENS: [&str; 7] = ["streams", "records", "configure", "replay setup", "replay review", "replays", "description"];

#[derive(Clone, Default)]
struct Terminated(Arc<Mutex<Vec<u8>>>);

impl Write for Terminated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes that a terminal gets when the state is drawn.
fn sent(model: &Model) -> String {
    let written = Terminated::default();
    let (columns, rows) = model.size;
    let viewport = Viewport::Fixed(Rect::new(0, 0, columns, rows));
    let mut terminal = Terminal::with_options(CrosstermBackend::new(written.clone()), TerminalOptions { viewport }).unwrap();
    terminal
        .draw(|frame| {
            draw(model, &Theme::new(Look::Dark, Vec::new()), frame);
        })
        .unwrap();
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Without the sequences that move, show or hide the cursor, or choose colours.
fn without_drawing(sent: &str) -> String {
    let mut pieces = sent.split("\u{1b}[");
    let mut left = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|character: char| character.is_ascii_digit() || matches!(character, ';' | '?'));
        match rest.strip_prefix(['H', 'm', 'l', 'h']) {
            Some(rest) => left.push_str(rest),
            None => left.push_str(&format!("\u{1b}[{piece}")),
        }
    }
    left
}

fn name_of(model: &Model) -> &'static str {
    match model.screens.last() {
        None => SCREENS[0],
        Some(Screen::Records(_)) => SCREENS[1],
        Some(Screen::Configure(_)) => SCREENS[2],
        Some(Screen::ReplaySetup(_)) => SCREENS[3],
        Some(Screen::ReplayReview(_)) => SCREENS[4],
        Some(Screen::Replays(_)) => SCREENS[5],
        Some(Screen::Description(_)) => SCREENS[6],
    }
}

fn failure() -> Failure {
    let detail = format!("{HOSTILE}: {HOSTILE}");
    Failure { operation: format!("read table {HOSTILE}"), permission: Some("dynamodb:Scan"), kind: FailureKind::Service, detail }
}

fn spoiled_plan() -> PlanSummary {
    let text = HOSTILE.to_owned();
    let plan = after_a_run(plan_into("orders-replay", 4_000), PlanState::Failed, 2, Some(HOSTILE));
    let mut plan = PlanSummary {
        source: text.clone(),
        stream: None,
        selection: text.clone(),
        target: text.clone(),
        target_arn: text.clone(),
        created_by: text.clone(),
        ..plan
    };
    plan.runs[0].by = text;
    plan
}

fn streams() -> Vec<Model> {
    let mut spoiled = model_with_streams(120, 40);
    for (row, overview) in spoiled.streams.rows.iter_mut().zip(overviews()) {
        let mut overview = overview;
        overview.status = HOSTILE.to_owned();
        overview.arn = format!("arn:aws:kinesis:eu-west-1:{HOSTILE}:stream/orders");
        overview.table.iter_mut().for_each(|table| HOSTILE.clone_into(&mut table.name));
        row.overview = Some(overview);
        row.failure = Some(failure());
    }
    let mut typing = model_with_streams(120, 40);
    press(&mut typing, "o");
    update(&mut typing, Message::Terminal(TerminalMessage::Pasted(HOSTILE.to_owned())));
    vec![spoiled, typing]
}

fn records() -> Vec<Model> {
    let spoiled = Record::new(StoredItem {
        partition_key: HOSTILE.to_owned(),
        shard_id: Some(HOSTILE.to_owned()),
        last_update: Some(HOSTILE.to_owned()),
        encoding: Some(HOSTILE.to_owned()),
        others: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        problems: vec![HOSTILE.to_owned()],
        ..record(3, HOSTILE.as_bytes()).item
    });
    let json = serde_json::json!({ HOSTILE: [HOSTILE] }).to_string();
    let all = vec![spoiled, record(1, HOSTILE.as_bytes()), record(2, json.as_bytes())];
    let mut models = Vec::new();
    for keys in ["up", "down", "down down", "tab", "e", "space r"] {
        let (mut model, spool, effects) = model_with(120, 40, all.clone());
        spool.serve(&mut model, effects);
        spool.press(&mut model, keys);
        models.push(model);
    }
    let (mut filtering, _) = model_with_records(120, 40);
    press(&mut filtering, "/");
    update(&mut filtering, Message::Terminal(TerminalMessage::Pasted(HOSTILE.to_owned())));
    models.push(filtering);
    models
}

fn configure() -> Model {
    let mut model = model_with_streams(120, 40);
    model.streams.selected = Some(crate::app::tests::fixtures::name("clickstream"));
    let effects = press(&mut model, "c tab 30d enter");
    let [Effect::Configure(ConfigureEffect::Plan { request, stream, wanted })] = effects.as_slice() else { panic!("{effects:?}") };
    let mut table = overviews().into_iter().find_map(|overview| overview.table);
    table.iter_mut().for_each(|table| HOSTILE.clone_into(&mut table.status));
    let records = PresentTable { table, ttl_attribute: None, expired_items: 1_204 };
    let plan = plan(stream, &Present { records, ..Present::default() }, *wanted).unwrap();
    update(&mut model, Message::Configure(ConfigureMessage::Planned(Reply { request: *request, result: Ok(plan) })));
    let effects = press(&mut model, "y");
    let [Effect::Configure(ConfigureEffect::MakeCalls { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    update(&mut model, Message::Configure(ConfigureMessage::CallMade(Reply { request: *request, result: Err(failure()) })));
    model
}

fn described() -> Model {
    let mut model = model_with_streams(120, 40);
    let orders = overviews().into_iter().find(|overview| overview.name.as_str() == "orders").unwrap();
    let mut spoiled = description(&orders);
    if let StreamDescription::Present(stream) = &mut spoiled.stream {
        stream.status = HOSTILE.to_owned();
        stream.tags = Ok(vec![(HOSTILE.to_owned(), HOSTILE.to_owned())]);
        stream.consumers = Ok(vec![HOSTILE.to_owned()]);
    }
    describe(&mut model, Ok(Description { parts: Err(failure()), ..spoiled }));
    model
}

fn replaying() -> Vec<Model> {
    let (mut setup, spool) = model_with_records(120, 40);
    spool.press(&mut setup, "r");
    update(&mut setup, Message::Terminal(TerminalMessage::Pasted(HOSTILE.to_owned())));

    let review = |spoil: bool| {
        let (mut model, spool) = model_with_records(120, 40);
        let effects = spool.press(&mut model, "r orders-rep enter");
        let [Effect::Replays(ReplaysEffect::Plan { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let mut preflight = preflight_of(plan_into("orders-replay", 4_000));
        preflight.plan = spoiled_plan();
        preflight.warnings.push(HOSTILE.to_owned());
        preflight.load.shards.iter_mut().for_each(|shard| HOSTILE.clone_into(&mut shard.shard));
        let result = if spoil { Ok(Some(preflight)) } else { Err(failure()) };
        update(&mut model, Message::Replays(ReplaysMessage::PlanChecked(Reply { request: *request, result })));
        model
    };

    let (mut running, spool) = model_with_records(120, 40);
    let effects = spool.press(&mut running, "r orders-rep enter");
    let plan = planned(&mut running, &effects, 111_520);
    press(&mut running, "orders-replay enter");
    let status = LaneStatus { shard: HOSTILE.to_owned(), ..LaneStatus::default() };
    let progress = Progress {
        total: 10,
        acknowledged: 3,
        lanes: vec![LaneProgress { status, left: 7, rate: 1.0 }],
        trouble: Some(HOSTILE.to_owned()),
        ..Progress::default()
    };
    update(&mut running, Message::Replays(ReplaysMessage::Progressed { replay: plan.id, progress: Box::new(progress) }));

    let history = || {
        let mut model = model_with_streams(120, 40);
        let effects = press(&mut model, "R");
        let [Effect::Replays(ReplaysEffect::List { request })] = effects.as_slice() else { panic!("{effects:?}") };
        let broken = (crate::domain::replay::plan::PlanId::of_random(0xbad), Err(HOSTILE.to_owned()));
        let all = vec![(spoiled_plan().id, Ok(spoiled_plan())), broken];
        update(&mut model, Message::Replays(ReplaysMessage::Listed(Reply { request: *request, result: Ok(all) })));
        model
    };
    let details = |details: ReplayDetails| {
        let mut model = history();
        let effects = press(&mut model, "enter");
        let request = effects.iter().find_map(|effect| match effect {
            Effect::Replays(ReplaysEffect::ReadDetails { request, .. }) => Some(*request),
            _ => None,
        });
        if let Some(request) = request {
            update(&mut model, Message::Replays(ReplaysMessage::DetailsRead(Reply { request, result: Ok(details) })));
        }
        model
    };
    let text = || HOSTILE.to_owned();
    let passed_over = PassedOver { partition_key: text(), sequence_number: text(), sub_sequence_number: None, reason: text() };
    let trace = RecordTrace {
        partition_key: text(),
        sequence_number: text(),
        sub_sequence_number: None,
        arrival: text(),
        shard_id: text(),
        end: TraceEnd::Acknowledged { shard_id: text(), sequence_number: text() },
    };
    let details = [ReplayDetails::PassedOver(vec![passed_over]), ReplayDetails::Receipts(vec![trace])].map(details);
    [setup, review(true), review(false), running, history()].into_iter().chain(details).collect()
}

#[test]
fn hostile_text_reaches_no_terminal_whatever_the_screen() {
    let mut covered = BTreeSet::new();
    for mut model in streams().into_iter().chain(records()).chain([configure(), described()]).chain(replaying()) {
        let screen = name_of(&model);
        for notice in [None, Some(Notice::Error(HOSTILE.to_owned())), Some(Notice::Info(failure().to_string()))] {
            model.session.region = HOSTILE.to_owned();
            model.session.profile = Some(HOSTILE.to_owned());
            let path = PathBuf::from(HOSTILE);
            model.export = Some(Export { request: RequestId(1), path, exported: Exported::default() });
            model.notice = notice;
            for size in [(120, 40), (80, 24)] {
                model.size = size;
                let sent = sent(&model);
                let left = without_drawing(&sent);
                let harm = left.find(|character: char| character.is_control() || UNSEEN.contains(&character));
                assert_eq!(harm.map(|at| left[at..].chars().take(20).collect::<String>()), None, "{screen}");
                if left.contains("evil") {
                    covered.insert(screen);
                }
            }
        }
    }
    assert_eq!(covered, BTreeSet::from(SCREENS), "each shows something of the data");
}

#[test]
fn what_a_screen_forgot_to_make_printable_is_replaced_in_the_cells() {
    let mut buffer = ratatui::buffer::Buffer::empty(Rect::new(0, 0, 4, 1));
    for (cell, symbol) in buffer.content.iter_mut().zip(["a\u{202e}", "\u{1b}", "é", "支"]) {
        cell.set_symbol(symbol);
    }
    crate::ui::show_only(&mut buffer);
    let symbols: Vec<&str> = buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect();
    assert_eq!(symbols, ["·", "·", "é", "支"]);
}
