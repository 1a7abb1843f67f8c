//! Working with the screens, as keys.

use super::fixtures::{
    TestSpool, archive_of_deleted, local_addresses, middle, model, model_with_deleted, model_with_records, model_with_streams,
    name, now, open_records, press, records, sentence,
};
use crate::app::configure::ConfigureStep;
use crate::app::effect::{ConfigureEffect, Effect, RecordsEffect, StreamsEffect};
use crate::app::message::{ConfigureMessage, FoundRecords, Message, RecordsMessage, Reply, StreamsMessage, TerminalMessage};
use crate::app::model::{Model, Notice, Overlay, Screen};
use crate::app::update;
use crate::domain::failure::Failure;
use crate::domain::reading::ReadEnding;
use crate::domain::reading::page::{StreamCursor, StreamPage};
use crate::domain::stream::change::{Call, Plan, Wanted, WantedArchive};
use crate::domain::stream::overview::Configuration;
use archiver::format::settings::{ArchiveMode, Compression, Replays, Ttl};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::SignedDuration;
use proptest::prelude::*;

#[test]
fn streams_appear_page_by_page_and_vanish_when_they_are_gone() {
    let mut model = model(80, 24);
    let effects = update(&mut model, Message::Ticked(now()));
    let [Effect::Streams(StreamsEffect::List { request, from: None })] = effects.as_slice() else { panic!("{effects:?}") };
    let request = *request;
    let cursor = StreamCursor { token: None, last: "audit".to_owned() };
    let first = StreamPage { names: vec![name("app-logs"), name("audit")], next: Some(cursor.clone()) };
    let effects = update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request, result: Ok(first) })));
    assert_eq!(model.streams.rows.len(), 2);
    assert_eq!(effects.last(), Some(&Effect::Streams(StreamsEffect::List { request, from: Some(cursor) })));
    update(
        &mut model,
        Message::Streams(StreamsMessage::Listed(Reply {
            request,
            result: Ok(StreamPage { names: vec![name("orders")], next: None }),
        })),
    );
    assert_eq!(model.streams.rows.len(), 3);
    let effects = press(&mut model, "F5");
    let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let page = StreamPage { names: vec![name("orders")], next: None };
    update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request: *request, result: Ok(page) })));
    assert_eq!(model.streams.rows.len(), 1);
    assert_eq!(model.streams.selected, Some(name("orders")));
}

#[test]
fn streams_are_sorted_both_ways_and_those_without_a_value_stay_last() {
    let mut model = model_with_streams(120, 40);
    let names = |model: &Model| model.streams.visible().iter().map(|row| row.name.to_string()).collect::<Vec<_>>();
    let by_name = names(&model);
    press(&mut model, "I");
    assert_eq!(names(&model), by_name.iter().rev().cloned().collect::<Vec<_>>());
    press(&mut model, "s");
    assert_eq!(names(&model)[..3], ["app-logs", "invoices", "orders"], "the next order has its usual direction");
    press(&mut model, "s");
    let (first, last) = (names(&model), ["audit", "clickstream", "invoices", "orders-replay"]);
    assert_eq!((&first[..2], &first[4..]), (&["app-logs", "orders"].map(str::to_owned)[..], &last.map(str::to_owned)[..]));
    press(&mut model, "I");
    let reversed = names(&model);
    assert_eq!((&reversed[..2], &reversed[4..]), (&["telemetry", "device-status"].map(str::to_owned)[..], &first[4..]));
    assert_eq!(model.streams.selected, Some(name("orders")), "the cursor stays on its stream");
}

#[test]
fn an_archive_whose_stream_was_deleted_is_opened_and_replayed_but_neither_configured_nor_followed() {
    let mut model = model_with_deleted(80, 24);
    press(&mut model, "down");
    assert_eq!(model.streams.selected, Some(name("orders-2019")));
    for key in ["c", "F"] {
        assert_eq!(press(&mut model, key), [], "{key}");
        let sentence = "stream orders-2019 was deleted, and only its archive is left".to_owned();
        assert_eq!(model.notice, Some(Notice::Error(sentence)), "{key}");
    }
    let effects = press(&mut model, "enter");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Records(RecordsEffect::Read { .. }))), "{effects:?}");
    for key in ["f", "F"] {
        assert_eq!(press(&mut model, key), [], "{key}");
    }
    press(&mut model, "esc r");
    let Some(Screen::ReplaySetup(setup)) = model.screens.last() else { panic!("{:?}", model.screens) };
    assert!(!setup.targets(&model.streams).contains(&&name("orders-2019")), "nothing can be replayed into it");
}

#[test]
fn an_archive_without_a_stream_is_there_as_long_as_it_is_listed() {
    let mut model = model_with_deleted(80, 24);
    let relisted = |model: &mut Model, archives: Vec<crate::domain::stream::overview::StreamOverview>| {
        let effects = press(model, "F5");
        let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        let page = StreamPage { names: vec![name("orders")], next: None };
        let effects = update(model, Message::Streams(StreamsMessage::Listed(Reply { request: *request, result: Ok(page) })));
        assert_eq!(model.streams.rows.len(), 2, "it stays until more is known");
        let Some(Effect::Streams(StreamsEffect::ListArchives { request, streams })) = effects.last() else { panic!("{effects:?}") };
        assert_eq!(streams, &[name("orders")]);
        update(model, Message::Streams(StreamsMessage::ArchivesListed(Reply { request: *request, result: archives })));
        model.streams.rows.len()
    };
    assert_eq!(relisted(&mut model, vec![archive_of_deleted("orders-2019")]), 2);
    assert_eq!(relisted(&mut model, Vec::new()), 1);
}

#[test]
fn an_answer_to_an_earlier_listing_is_ignored() {
    let mut model = model_with_streams(80, 24);
    let effects = press(&mut model, "F5 F5");
    let [Effect::Streams(StreamsEffect::List { request: earlier, .. }), Effect::Streams(StreamsEffect::List { .. })] =
        effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    let failure = Failure::refused("list the streams", "late");
    update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request: *earlier, result: Err(failure) })));
    assert_eq!(model.streams.failure, None);
}

#[test]
fn local_streams_are_read_every_second_and_those_on_aws_every_minute() {
    for (local, seconds) in [(Some(local_addresses()), 1), (None, 60)] {
        let mut model = model_with_streams(80, 24);
        model.session.local = local;
        let early = now() + SignedDuration::from_secs(seconds - 1);
        assert_eq!(update(&mut model, Message::Ticked(early)), []);
        let due = now() + SignedDuration::from_secs(seconds);
        assert_eq!(update(&mut model, Message::Ticked(due)).len(), 1);
    }
}

#[test]
fn a_filter_shows_fewer_streams_and_keeps_the_cursor_on_one_of_them() {
    let mut model = model_with_streams(80, 24);
    press(&mut model, "/ logs");
    assert_eq!(model.streams.selected, Some(name("app-logs")));
    press(&mut model, "enter q");
    assert!(model.quit, "after enter the letters are commands again");
    press(&mut model, "esc");
    assert_eq!(model.streams.visible().len(), 8);
}

#[test]
fn a_stream_without_an_archive_says_so_instead_of_opening() {
    let mut model = model_with_streams(80, 24);
    model.streams.selected = Some(name("clickstream"));
    assert_eq!(press(&mut model, "enter"), []);
    assert_eq!(sentence(&model), "stream clickstream has no archive yet; c configures one, S reads the stream itself");
    model.streams.selected = Some(name("audit"));
    press(&mut model, "enter");
    assert!(sentence(&model).contains("\"everything\""), "{}", sentence(&model));
}

#[test]
fn a_stream_is_configured_only_after_its_calls_were_shown() {
    let mut model = model_with_streams(120, 40);
    model.streams.selected = Some(name("clickstream"));
    press(&mut model, "c tab 30d");
    let effects = press(&mut model, "enter");
    let [Effect::Configure(ConfigureEffect::Plan { request, wanted, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let expected = WantedArchive {
        mode: ArchiveMode::All,
        ttl: Ttl::from_seconds(30 * 86_400),
        replays: Replays::Keep,
        compression: Compression::None,
    };
    assert_eq!(*wanted, Wanted::Archived(expected));
    let calls = vec![
        Call::EnableTtl { table: "clickstream-archive-ALL".to_owned() },
        Call::AddTags { stream: name("clickstream"), tags: Vec::new() },
    ];
    let plan = Plan { calls: calls.clone(), warnings: Vec::new() };
    update(&mut model, Message::Configure(ConfigureMessage::Planned(Reply { request: *request, result: Ok(plan) })));
    let effects = press(&mut model, "y");
    let [Effect::Configure(ConfigureEffect::MakeCalls { request, calls: made })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(*made, calls);
    assert_eq!(update(&mut model, Message::Configure(ConfigureMessage::CallMade(Reply { request: *request, result: Ok(()) }))), []);
    let effects = update(&mut model, Message::Configure(ConfigureMessage::CallMade(Reply { request: *request, result: Ok(()) })));
    assert!(matches!(effects.as_slice(), [Effect::Streams(StreamsEffect::Read { .. })]), "{effects:?}");
    assert!(matches!(model.screens.last(), Some(Screen::Configure(configure)) if matches!(configure.step, ConfigureStep::Done(_))));
}

#[test]
fn every_setting_of_an_archive_is_chosen_in_the_form() {
    let mut model = model_with_streams(120, 40);
    let effects = press(&mut model, "c down down space tab space enter");
    let [Effect::Configure(ConfigureEffect::Plan { wanted: Wanted::Archived(wanted), .. })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((wanted.replays, wanted.compression), (Replays::Skip, Compression::Gzip));
    assert_eq!((wanted.mode, wanted.ttl), (ArchiveMode::All, Ttl::from_seconds(90 * 86_400)), "the others stay as they are");
    let effects = press(&mut model, "esc up right shift-tab shift-tab right enter");
    let [Effect::Configure(ConfigureEffect::Plan { wanted: Wanted::Archived(wanted), .. })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((wanted.mode, wanted.replays), (ArchiveMode::Latest, Replays::Keep));
}

#[test]
fn a_ttl_that_cannot_be_read_is_said_in_the_form() {
    let mut model = model_with_streams(120, 40);
    assert_eq!(press(&mut model, "c tab ctrl-u soon enter"), []);
    let Some(Screen::Configure(configure)) = model.screens.last() else { panic!() };
    let ConfigureStep::Editing(Some(sentence)) = &configure.step else { panic!("{:?}", configure.step) };
    assert!(sentence.starts_with("\"soon\" is not a time to live"), "{sentence}");
}

#[test]
fn read_only_changes_nothing() {
    let (mut model, _) = model_with_records(120, 40);
    model.session.read_only = true;
    press(&mut model, "esc");
    assert_eq!(press(&mut model, "c"), []);
    assert!(sentence(&model).starts_with("read-only"), "{}", sentence(&model));
    assert!(model.screens.is_empty());
}

#[test]
fn a_key_without_a_meaning_says_where_the_keys_are() {
    let mut model = model_with_streams(80, 24);
    press(&mut model, "w");
    assert!(sentence(&model).contains("? shows the keys"));
    press(&mut model, "?");
    assert_eq!(model.overlay, Some(Overlay::Help(0)));
    press(&mut model, "down esc");
    assert_eq!(model.overlay, None);
}

#[test]
fn q_closes_what_lies_over_the_screen_and_does_not_quit() {
    for key in ["q", "ctrl-c", "esc"] {
        let (mut model, spool) = model_with_records(80, 24);
        for opens in ["?", "y", "D"] {
            spool.press(&mut model, opens);
            assert!(model.closes_first(), "{opens}");
            spool.press(&mut model, key);
            assert!(!model.quit && !model.closes_first(), "{opens} {key}");
            assert_eq!(model.screens.len(), 1, "{opens} {key}");
        }
        model.overlay = Some(Overlay::ConfirmQuit);
        press(&mut model, key);
        assert!(!model.quit && model.overlay.is_none());
    }
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "q");
    assert!(model.quit, "where nothing lies over it, it quits");
}

#[test]
fn ctrl_c_leaves_a_line_that_is_typed_and_does_not_quit() {
    for opens in ["/", ":", "e", "d"] {
        let (mut model, _) = model_with_records(80, 24);
        press(&mut model, &format!("{opens} abc ctrl-c"));
        assert!(!model.quit && open_records(&model).typing.is_none(), "{opens}");
    }
    for opens in ["/", "o"] {
        let mut model = model_with_streams(80, 24);
        press(&mut model, &format!("{opens} abc ctrl-c"));
        assert!(!model.quit && !model.streams.typing && model.streams.opening.is_none(), "{opens}");
    }
    let mut model = model_with_streams(80, 24);
    press(&mut model, "c tab ctrl-c");
    let Some(Screen::Configure(configure)) = model.screens.last() else { panic!("the form is left though it was not empty") };
    assert_eq!(configure.ttl.text(), "");
    press(&mut model, "ctrl-c");
    assert!(!model.quit && model.screens.is_empty());
}

#[test]
fn ctrl_z_gives_the_terminal_back_wherever_it_is_pressed() {
    for before in ["z", "/", "c tab", "?", "enter", "enter /", "enter y"] {
        let mut model = model_with_streams(80, 24);
        press(&mut model, before);
        let (overlay, screens) = (model.overlay, model.screens.len());
        assert_eq!(press(&mut model, "ctrl-z"), [Effect::Suspend], "{before}");
        assert_eq!((model.overlay, model.screens.len()), (overlay, screens), "{before}");
    }
}

#[test]
fn times_are_shown_in_utc_then_as_how_long_ago_and_back() {
    let mut model = model_with_streams(80, 24);
    let local = model.times.zone.clone();
    press(&mut model, "z");
    assert_eq!(model.times.zone, jiff::tz::TimeZone::UTC);
    press(&mut model, "z");
    assert!(model.says_ago);
    assert_eq!(model.when(now() - SignedDuration::from_secs(90)), "1 min 30 s ago");
    press(&mut model, "z");
    assert!(!model.says_ago);
    assert_eq!(model.times.zone, local);
}

#[test]
fn pasted_text_goes_into_the_open_line_without_its_line_ends() {
    let (mut model, _) = model_with_records(80, 24);
    press(&mut model, "/");
    update(&mut model, Message::Terminal(TerminalMessage::Pasted("key:cust-1\r\n".to_owned())));
    assert_eq!(open_records(&model).typing.as_ref().unwrap().line.text(), "key:cust-1");
}

#[test]
fn a_stream_whose_tags_became_unreadable_can_still_be_configured() {
    let mut model = model_with_streams(80, 24);
    model.streams.selected = Some(name("audit"));
    assert!(matches!(model.streams.current().unwrap().overview.as_ref().unwrap().configuration, Configuration::Unreadable(_)));
    press(&mut model, "c");
    assert!(matches!(model.screens.last(), Some(Screen::Configure(_))));
}

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let code = prop_oneof![
        4 => proptest::char::range(' ', '~').prop_map(KeyCode::Char),
        1 => Just(KeyCode::Enter),
        1 => Just(KeyCode::Esc),
        1 => Just(KeyCode::Tab),
        1 => Just(KeyCode::Up),
        1 => Just(KeyCode::Down),
        1 => Just(KeyCode::PageDown),
        1 => Just(KeyCode::Backspace),
        1 => Just(KeyCode::F(5)),
    ];
    (code, proptest::bool::weighted(0.05))
        .prop_map(|(code, control)| KeyEvent::new(code, if control { KeyModifiers::CONTROL } else { KeyModifiers::NONE }))
}

proptest! {
    #[test]
    fn whatever_is_pressed_the_state_stays_whole(keys in proptest::collection::vec(any_key(), 0..60), starts_in_records: bool) {
        let (mut model, mut spool) = match starts_in_records {
            true => model_with_records(80, 24),
            false => (model_with_streams(80, 24), TestSpool::default()),
        };
        for key in keys {
            let mut waiting = update(&mut model, Message::Terminal(TerminalMessage::KeyPressed(key)));
            // Answers come at once; reading is sometimes stopped, and sometimes fails.
            while let Some(effect) = waiting.pop() {
                match effect {
                    Effect::Records(RecordsEffect::Read { request, order, .. }) => {
                        waiting.extend(spool.read(&mut model, request, records()));
                        let ending = match request.0 % 3 {
                            0 => ReadEnding::Failed(Failure::refused("read", "broken"), order.from),
                            1 => ReadEnding::Stopped(middle()),
                            _ => ReadEnding::Complete,
                        };
                        waiting.extend(spool.end(&mut model, request, ending));
                    }
                    Effect::Records(RecordsEffect::Pick { request, order, .. }) => {
                        let entries = order.entries.iter().step_by(2).copied().collect();
                        let (shards, progress) = (std::sync::Arc::from([]), Default::default());
                        let read = Message::Records(RecordsMessage::Read(Reply { request, result: FoundRecords { entries, shards, progress, elapsed: Default::default() } }));
                        let effects = update(&mut model, read);
                        waiting.extend(spool.serve(&mut model, effects));
                        waiting.extend(spool.end(&mut model, request, ReadEnding::Complete));
                    }
                    rows @ Effect::Records(RecordsEffect::ReadRows { .. }) => waiting.extend(spool.serve(&mut model, vec![rows])),
                    _ => {}
                }
            }
            for screen in &model.screens {
                if let Screen::Records(records) = screen {
                    prop_assert!(records.cursor < records.rows.len().max(1));
                    prop_assert!(records.rows.listing.from(0).is_sorted());
                }
            }
            if let Some(Screen::Records(records)) = model.screens.last() {
                prop_assert_eq!(records.detail().map(|detail| &detail.id), records.current().map(|record| &record.id));
                prop_assert_eq!(records.current().is_some(), !records.rows.is_empty(), "the row under the cursor is loaded");
            }
            if !model.streams.visible().is_empty() {
                prop_assert!(model.streams.current().is_some());
            }
        }
    }
}

#[test]
fn the_hints_of_the_local_system_are_put_away_for_good() {
    let mut model = model_with_streams(80, 24);
    assert!(!model.shows_hints());
    model.session.local = Some(local_addresses());
    assert!(model.shows_hints());
    press(&mut model, "/ orders");
    assert_eq!(press(&mut model, "esc"), []);
    assert!(model.shows_hints(), "esc ends the filter first");
    let effects = press(&mut model, "esc");
    let [Effect::Remember(memory)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(memory.hides_hints && !model.shows_hints());
    assert_eq!(press(&mut model, "esc"), []);
    assert!(matches!(&model.notice, Some(Notice::Info(text)) if text.contains("first screen")));
}
