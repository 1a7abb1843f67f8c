//! What people do with the screens, told in keys.

use super::configure::Step;
use super::fixtures::{
    compressed_record, local_addresses, model, model_with, model_with_records, model_with_streams, name, now, page, page_request,
    payload_request, press, record, records, split_record,
};
use super::message::{Effect, Message};
use super::model::{Model, Notice, Overlay, Screen};
use super::records::{Payload, Reading, Records};
use super::replays::ReplayState;
use super::update;
use crate::domain::archive::Configuration;
use crate::domain::configuration::{Call, Plan, Wanted, WantedArchive};
use crate::domain::failure::Failure;
use crate::domain::lanes::Counts;
use crate::domain::page::{StreamCursor, StreamPage};
use crate::domain::payload::NoPayload;
use crate::domain::replay::{Ending, Progress, Selection};
use archiver::settings::{ArchiveMode, Compression, Replays, Ttl};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::SignedDuration;
use proptest::prelude::*;

fn open_records(model: &Model) -> &Records {
    match model.screens.last() {
        Some(Screen::Records(records)) => records,
        other => panic!("no records are open: {other:?}"),
    }
}

fn sentence(model: &Model) -> &str {
    match &model.notice {
        Some(Notice::Info(sentence) | Notice::Error(sentence)) => sentence,
        None => "",
    }
}

#[test]
fn streams_appear_page_by_page_and_vanish_when_they_are_gone() {
    let mut model = model(80, 24);
    let effects = update(&mut model, Message::Ticked(now()));
    let [Effect::ListStreams { request, from: None }] = effects.as_slice() else { panic!("{effects:?}") };
    let request = *request;
    let cursor = StreamCursor { token: None, last: "audit".to_owned() };
    let first = StreamPage { names: vec![name("app-logs"), name("audit")], next: Some(cursor.clone()) };
    let effects = update(&mut model, Message::StreamsListed { request, result: Ok(first) });
    assert_eq!(model.streams.rows.len(), 2);
    assert_eq!(effects.last(), Some(&Effect::ListStreams { request, from: Some(cursor) }));
    update(&mut model, Message::StreamsListed { request, result: Ok(StreamPage { names: vec![name("orders")], next: None }) });
    assert_eq!(model.streams.rows.len(), 3);
    let effects = press(&mut model, "F5");
    let [Effect::ListStreams { request, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let page = StreamPage { names: vec![name("orders")], next: None };
    update(&mut model, Message::StreamsListed { request: *request, result: Ok(page) });
    assert_eq!(model.streams.rows.len(), 1);
    assert_eq!(model.streams.selected, Some(name("orders")));
}

#[test]
fn an_answer_to_an_earlier_listing_is_ignored() {
    let mut model = model_with_streams(80, 24);
    let effects = press(&mut model, "F5 F5");
    let [Effect::ListStreams { request: earlier, .. }, Effect::ListStreams { .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let failure = Failure::refused("list the streams", "late");
    update(&mut model, Message::StreamsListed { request: *earlier, result: Err(failure) });
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
    assert_eq!(sentence(&model), "stream clickstream has no archive yet; c configures one");
    model.streams.selected = Some(name("audit"));
    press(&mut model, "enter");
    assert!(sentence(&model).contains("\"everything\""), "{}", sentence(&model));
}

#[test]
fn records_are_read_to_the_end_and_shown_newest_first() {
    let mut model = model_with_streams(120, 40);
    let request = page_request(&press(&mut model, "enter"));
    let (older, newer): (Vec<_>, Vec<_>) = records().into_iter().partition(|record| record.id.sequence_number.ends_with('0'));
    let next = page_request(&update(&mut model, Message::PageRead { request, result: Ok(page(older, true)) }));
    assert_eq!(update(&mut model, Message::PageRead { request: next, result: Ok(page(newer, false)) }), []);
    let records = open_records(&model);
    assert_eq!(records.reading, Reading::Complete);
    assert_eq!(records.rows.len(), 63);
    assert!(records.rows.is_sorted_by(|left, right| left.newest_first(right).is_le()));
    assert_eq!(records.detail.as_ref().map(|detail| &detail.id), Some(&records.rows[0].id));
}

#[test]
fn a_page_for_a_screen_already_left_is_ignored() {
    let mut model = model_with_streams(80, 24);
    let request = page_request(&press(&mut model, "enter"));
    press(&mut model, "esc enter");
    assert_eq!(update(&mut model, Message::PageRead { request, result: Ok(page(records(), true)) }), []);
    assert!(open_records(&model).rows.is_empty());
}

#[test]
fn the_cursor_stays_on_its_record_while_newer_ones_come() {
    let mut model = model_with_records(80, 24);
    press(&mut model, "down down down");
    let before = open_records(&model).current().unwrap().id.clone();
    let request = page_request(&press(&mut model, "F5"));
    let mut fresh = records();
    fresh.push(record(3_000, b"{}"));
    update(&mut model, Message::PageRead { request, result: Ok(page(fresh, false)) });
    let records = open_records(&model);
    assert_eq!(records.rows.len(), 64);
    assert_eq!(records.current().unwrap().id, before);
    assert_eq!(records.cursor, 4);
}

#[test]
fn a_failed_page_is_said_and_can_be_read_again() {
    let mut model = model_with_streams(80, 24);
    let request = page_request(&press(&mut model, "enter"));
    let failure = Failure::refused("read table orders-archive-ALL", "broken");
    update(&mut model, Message::PageRead { request, result: Err(failure.clone()) });
    assert_eq!(open_records(&model).reading, Reading::Failed(failure));
    page_request(&press(&mut model, "F5"));
}

#[test]
fn a_refresh_that_fails_keeps_the_rows_and_says_why() {
    let mut model = model_with_records(80, 24);
    let request = page_request(&press(&mut model, "F5"));
    update(&mut model, Message::PageRead { request, result: Err(Failure::refused("read table orders-archive-ALL", "broken")) });
    assert_eq!(open_records(&model).rows.len(), 63);
    assert!(sentence(&model).contains("cannot read table orders-archive-ALL"), "{}", sentence(&model));
}

#[test]
fn a_filter_with_a_mistake_says_which_and_keeps_the_line() {
    let mut model = model_with_records(80, 24);
    assert_eq!(press(&mut model, "/ paid enter"), []);
    let records = open_records(&model);
    assert!(records.filter_error.as_ref().unwrap().contains("\"paid\" is not a condition"));
    assert_eq!(records.typing.as_ref().unwrap().text(), "paid");
}

#[test]
fn a_filter_by_key_asks_for_that_key() {
    let mut model = model_with_records(80, 24);
    let effects = press(&mut model, "/ key:cust-1 enter");
    let [Effect::ReadPage { query, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(query.filter.key.as_deref(), Some("cust-1"));
    assert!(open_records(&model).rows.is_empty());
}

#[test]
fn a_large_archive_is_read_only_so_far_and_further_on_demand() {
    let mut model = model_with_streams(80, 24);
    let request = page_request(&press(&mut model, "enter"));
    let many = (0..5_000).map(|place| record(place, b"{}")).collect();
    assert_eq!(update(&mut model, Message::PageRead { request, result: Ok(page(many, true)) }), []);
    assert!(matches!(open_records(&model).reading, Reading::Partial(_)));
    page_request(&press(&mut model, "m"));
    assert_eq!(press(&mut model, "m"), [], "one page at a time");
}

#[test]
fn coming_near_the_end_of_what_is_read_reads_further() {
    let mut model = model_with_streams(80, 24);
    let request = page_request(&press(&mut model, "enter"));
    let many = (0..5_000).map(|place| record(place, b"{}")).collect();
    update(&mut model, Message::PageRead { request, result: Ok(page(many, true)) });
    page_request(&press(&mut model, "G"));
}

fn shown(model: &Model) -> Option<&str> {
    open_records(model).detail.as_ref()?.decoded()?.text()
}

#[test]
fn the_parts_of_a_record_are_read_when_the_cursor_comes_to_it() {
    let (mut model, effects) = model_with(120, 40, vec![record(2, b"{}"), split_record(1, 36)]);
    assert_eq!(effects, []);
    let request = payload_request(&press(&mut model, "down"));
    assert_eq!(shown(&model), None);
    assert_eq!(press(&mut model, "t"), [], "they are asked for once");
    let result = Ok(b"{\"id\":\"o-1\"}".to_vec());
    assert_eq!(update(&mut model, Message::PayloadRead { request, result }), []);
    let detail = open_records(&model).detail.as_ref().unwrap();
    assert_eq!(detail.decoded().unwrap().breadcrumb(), "base64 › stored gzip › JSON");
    assert_eq!(shown(&model), Some("{\"id\":\"o-1\"}"));
    assert_eq!(press(&mut model, "x p"), [], "another view needs no second reading");
    update(&mut model, Message::Resized(80, 24));
    assert_eq!(shown(&model), Some("{\"id\":\"o-1\"}"));
    payload_request(&press(&mut model, "up down"));
    assert_eq!(shown(&model), None, "the payload is not kept when the cursor leaves the record");
}

#[test]
fn parts_of_a_record_that_the_cursor_has_left_are_dropped_and_the_next_ones_are_read_after_them() {
    let (mut model, effects) = model_with(120, 40, (1..=9).map(|place| split_record(place, 36)).collect());
    let first = payload_request(&effects);
    assert_eq!(press(&mut model, "down down down"), [], "one at a time");
    let effects = update(&mut model, Message::PayloadRead { request: first, result: Ok(b"{\"id\":9}".to_vec()) });
    assert_eq!(shown(&model), None);
    let [Effect::ReadPayload { request, record, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(Some(record), open_records(&model).current());
    assert_eq!(update(&mut model, Message::PayloadRead { request: first, result: Ok(Vec::new()) }), []);
    assert_eq!(update(&mut model, Message::PayloadRead { request: *request, result: Ok(b"{\"id\":6}".to_vec()) }), []);
    assert_eq!(shown(&model), Some("{\"id\":6}"));
}

#[test]
fn parts_for_a_screen_already_left_are_ignored() {
    let (mut model, effects) = model_with(120, 40, vec![split_record(1, 36)]);
    let request = payload_request(&effects);
    press(&mut model, "esc");
    assert_eq!(update(&mut model, Message::PayloadRead { request, result: Ok(Vec::new()) }), []);
    let page_request = page_request(&press(&mut model, "enter"));
    update(&mut model, Message::PageRead { request: page_request, result: Ok(page(vec![split_record(1, 36)], false)) });
    assert_eq!(update(&mut model, Message::PayloadRead { request, result: Ok(Vec::new()) }), []);
    assert_eq!(shown(&model), None);
}

#[test]
fn a_payload_that_cannot_be_read_says_why_and_is_read_again() {
    let (mut model, effects) = model_with(120, 40, vec![split_record(1, 36)]);
    let request = payload_request(&effects);
    let reason = NoPayload::Damaged("part 3 of 36 is missing from table orders-archive-parts".to_owned());
    assert_eq!(update(&mut model, Message::PayloadRead { request, result: Err(reason.clone()) }), []);
    let detail = open_records(&model).detail.as_ref().unwrap();
    assert!(matches!(&detail.payload, Payload::Failed(found) if *found == reason), "{detail:?}");
    let effects = press(&mut model, "F5");
    assert!(matches!(effects.as_slice(), [Effect::ReadPage { .. }, Effect::ReadPayload { .. }]), "{effects:?}");
}

#[test]
fn what_the_archiver_compressed_is_shown_as_it_was_put() {
    let json = format!("{{\"id\":\"o-1\",\"note\":\"{}\"}}", "paid ".repeat(50));
    let (model, effects) = model_with(120, 40, vec![compressed_record(1, json.as_bytes())]);
    assert_eq!((effects, shown(&model)), (Vec::new(), Some(json.as_str())));
    let record = open_records(&model).current().unwrap();
    assert_eq!(record.payload_size, Some(json.len() as u64));
}

#[test]
fn marked_records_are_replayed_into_the_chosen_stream() {
    let mut model = model_with_records(120, 40);
    press(&mut model, "space space r");
    press(&mut model, "orders-rep enter");
    let effects = press(&mut model, "y");
    let [Effect::StartReplay { replay, order }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.target, name("orders-replay"));
    assert_eq!(order.envelope, None);
    let Selection::Marked(marked) = &order.selection else { panic!("{:?}", order.selection) };
    assert_eq!(marked.len(), 2);
    let counts = Counts { acknowledged: 2, ..Counts::default() };
    let progress = Progress { total: 2, counts, ..Progress::default() };
    update(&mut model, Message::ReplayEnded { replay: *replay, ending: Ending::Finished, progress, impossible: Vec::new() });
    assert_eq!(model.replays[0].state, ReplayState::Ended(Ending::Finished));
    assert!(sentence(&model).contains("finished: 2 records sent"));
    press(&mut model, "esc");
    assert_eq!(open_records(&model).marked.len(), 2, "one comes back to the records, marks and all");
}

#[test]
fn all_that_match_are_replayed_by_their_filter_and_not_by_what_is_shown() {
    let mut model = model_with_records(120, 40);
    let request = page_request(&press(&mut model, "/ key:cust-1 enter"));
    update(&mut model, Message::PageRead { request, result: Ok(page(Vec::new(), false)) });
    press(&mut model, "r orders-rep tab space tab | enter");
    let effects = press(&mut model, "y");
    let [Effect::StartReplay { order, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    let Selection::Matching { filter, limit: None, include_expired: false } = &order.selection else {
        panic!("{:?}", order.selection)
    };
    assert_eq!(filter.key.as_deref(), Some("cust-1"));
    assert_eq!(order.envelope.as_ref().map(|separator| separator.as_str()), Some("|"));
}

#[test]
fn a_separator_that_cannot_be_is_refused_before_anything_starts() {
    let mut model = model_with_records(120, 40);
    press(&mut model, "r orders-rep tab space tab abc enter");
    let Some(Screen::ReplaySetup(setup)) = model.screens.last() else { panic!() };
    let super::replay_setup::Step::Editing(Some(sentence)) = &setup.step else { panic!("{:?}", setup.step) };
    assert!(sentence.contains("cannot be the separator"), "{sentence}");
    assert_eq!(press(&mut model, "y"), []);
}

#[test]
fn a_target_is_chosen_and_never_guessed() {
    let mut model = model_with_records(120, 40);
    press(&mut model, "r enter");
    let Some(Screen::ReplaySetup(setup)) = model.screens.last() else { panic!() };
    let super::replay_setup::Step::Editing(Some(sentence)) = &setup.step else { panic!("{:?}", setup.step) };
    assert!(sentence.starts_with("choose the stream to replay into"), "{sentence}");
    press(&mut model, "orders enter");
    let Some(Screen::ReplaySetup(setup)) = model.screens.last() else { panic!() };
    let super::replay_setup::Step::Review { order, .. } = &setup.step else { panic!("{:?}", setup.step) };
    assert_eq!(order.target, name("orders"), "a name typed whole is that stream, though others contain it");
}

#[test]
fn a_replay_into_its_own_stream_is_warned_of() {
    let mut model = model_with_records(120, 40);
    press(&mut model, "r orders enter");
    let Some(Screen::ReplaySetup(setup)) = model.screens.last() else { panic!() };
    let super::replay_setup::Step::Review { warnings, order } = &setup.step else { panic!("{:?}", setup.step) };
    assert_eq!(order.target, name("orders"));
    assert!(warnings[0].contains("The target is the source"), "{warnings:?}");
}

#[test]
fn quitting_during_a_replay_asks_first() {
    let mut model = model_with_records(120, 40);
    press(&mut model, "r orders-rep enter y q");
    assert_eq!(model.overlay, Some(Overlay::ConfirmQuit));
    press(&mut model, "esc");
    assert!(!model.quit && model.overlay.is_none());
    let effects = press(&mut model, "q y");
    assert!(model.quit);
    assert!(matches!(effects.as_slice(), [Effect::CancelReplay(_)]), "{effects:?}");
}

#[test]
fn a_running_replay_can_be_cancelled_while_its_calls_are_waited_for() {
    let mut model = model_with_records(120, 40);
    press(&mut model, "r orders-rep enter y");
    assert!(matches!(press(&mut model, "x").as_slice(), [Effect::CancelReplay(_)]));
    assert_eq!(model.replays[0].state, ReplayState::Cancelling);
}

#[test]
fn a_stream_is_configured_only_after_its_calls_were_shown() {
    let mut model = model_with_streams(120, 40);
    model.streams.selected = Some(name("clickstream"));
    press(&mut model, "c tab 30d");
    let effects = press(&mut model, "enter");
    let [Effect::PlanConfiguration { request, wanted, .. }] = effects.as_slice() else { panic!("{effects:?}") };
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
    update(&mut model, Message::ConfigurationPlanned { request: *request, result: Ok(plan) });
    let effects = press(&mut model, "y");
    let [Effect::MakeCalls { request, calls: made }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(*made, calls);
    assert_eq!(update(&mut model, Message::CallMade { request: *request, result: Ok(()) }), []);
    let effects = update(&mut model, Message::CallMade { request: *request, result: Ok(()) });
    assert!(matches!(effects.as_slice(), [Effect::ReadStream { .. }]), "{effects:?}");
    assert!(matches!(model.screens.last(), Some(Screen::Configure(configure)) if matches!(configure.step, Step::Done(_))));
}

#[test]
fn every_setting_of_an_archive_is_chosen_in_the_form() {
    let mut model = model_with_streams(120, 40);
    let effects = press(&mut model, "c down down space tab space enter");
    let [Effect::PlanConfiguration { wanted: Wanted::Archived(wanted), .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((wanted.replays, wanted.compression), (Replays::Skip, Compression::Gzip));
    assert_eq!((wanted.mode, wanted.ttl), (ArchiveMode::All, Ttl::from_seconds(90 * 86_400)), "the others stay as they are");
    let effects = press(&mut model, "esc up right shift-tab shift-tab right enter");
    let [Effect::PlanConfiguration { wanted: Wanted::Archived(wanted), .. }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((wanted.mode, wanted.replays), (ArchiveMode::Latest, Replays::Keep));
}

#[test]
fn a_ttl_that_cannot_be_read_is_said_in_the_form() {
    let mut model = model_with_streams(120, 40);
    assert_eq!(press(&mut model, "c tab ctrl-u soon enter"), []);
    let Some(Screen::Configure(configure)) = model.screens.last() else { panic!() };
    let Step::Editing(Some(sentence)) = &configure.step else { panic!("{:?}", configure.step) };
    assert!(sentence.starts_with("\"soon\" is not a time to live"), "{sentence}");
}

#[test]
fn read_only_changes_nothing() {
    let mut model = model_with_records(120, 40);
    model.session.read_only = true;
    assert_eq!(press(&mut model, "r"), []);
    assert!(sentence(&model).starts_with("read-only"), "{}", sentence(&model));
    assert_eq!(press(&mut model, "esc c"), []);
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
fn times_are_shown_in_utc_and_back() {
    let mut model = model_with_streams(80, 24);
    let local = model.times.zone.clone();
    press(&mut model, "z");
    assert_eq!(model.times.zone, jiff::tz::TimeZone::UTC);
    press(&mut model, "z");
    assert_eq!(model.times.zone, local);
}

#[test]
fn pasted_text_goes_into_the_open_line_without_its_line_ends() {
    let mut model = model_with_records(80, 24);
    press(&mut model, "/");
    update(&mut model, Message::Pasted("key:cust-1\r\n".to_owned()));
    assert_eq!(open_records(&model).typing.as_ref().unwrap().text(), "key:cust-1");
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
        let mut model = if starts_in_records { model_with_records(80, 24) } else { model_with_streams(80, 24) };
        for key in keys {
            let effects = update(&mut model, Message::KeyPressed(key));
            // Pages come back at once, and sometimes fail.
            for effect in effects {
                if let Effect::ReadPage { request, .. } = effect {
                    let is_failed = request.0.is_multiple_of(3);
                    let result = if is_failed { Err(Failure::refused("read", "broken")) } else { Ok(page(records(), request.0.is_multiple_of(2))) };
                    update(&mut model, Message::PageRead { request, result });
                }
            }
            for screen in &model.screens {
                if let Screen::Records(records) = screen {
                    prop_assert!(records.cursor < records.rows.len().max(1));
                    prop_assert!(records.rows.is_sorted_by(|left, right| left.newest_first(right).is_le()));
                    prop_assert_eq!(records.detail.as_ref().map(|detail| &detail.id), records.current().map(|record| &record.id));
                }
            }
            if !model.streams.visible().is_empty() {
                prop_assert!(model.streams.current().is_some());
            }
        }
    }
}
