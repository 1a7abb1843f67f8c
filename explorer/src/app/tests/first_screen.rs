//! The first screen with many streams: what is read first, and the groups.

use super::fixtures::{
    archive_of_deleted, model, model_with_deleted, model_with_streams, name, now, overview, overviews, press, sentence,
};
use crate::app::effect::{Effect, RecordsEffect, StreamsEffect};
use crate::app::ids::RequestId;
use crate::app::message::{Message, Reply, StreamsMessage};
use crate::app::model::{Model, Notice, Screen};
use crate::app::streams::StreamGroup;
use crate::app::{open_stream, update};
use crate::domain::failure::Failure;
use crate::domain::reading::following::{FollowFrom, Followed};
use crate::domain::reading::page::StreamPage;
use crate::domain::stream::overview::{Configuration, StreamOverview};
use archiver::format::settings::{ArchiveMode, ArchiveSettings};
use archiver::format::stream::StreamName;
use jiff::SignedDuration;
use proptest::prelude::*;

/// A reading that was requested.
#[derive(Clone, Debug, PartialEq)]
struct Reading {
    request: RequestId,
    stream: StreamName,
    is_urgent: bool,
}

fn readings(effects: &[Effect]) -> Vec<Reading> {
    let reading = |effect: &Effect| match effect {
        Effect::Streams(StreamsEffect::Read { request, stream, is_urgent }) => {
            Some(Reading { request: *request, stream: stream.clone(), is_urgent: *is_urgent })
        }
        _ => None,
    };
    effects.iter().filter_map(reading).collect()
}

fn names(readings: &[Reading]) -> Vec<&str> {
    readings.iter().map(|reading| reading.stream.as_str()).collect()
}

/// A model whose streams were listed but not read, and the readings that began.
fn listed(streams: u32) -> (Model, Vec<Reading>) {
    let mut model = model(120, 40);
    let effects = update(&mut model, Message::Ticked(now()));
    let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let names = (0..streams).map(|number| name(&format!("s-{number:03}"))).collect();
    let result = Ok(StreamPage { names, next: None });
    let effects = update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request: *request, result })));
    (model, readings(&effects))
}

fn archived(stream: &StreamName) -> StreamOverview {
    let settings = ArchiveSettings::new(ArchiveMode::All, None);
    overview(stream.as_str(), Configuration::Archived(settings), Some((ArchiveMode::All, 40)))
}

fn answer(model: &mut Model, reading: &Reading) -> Vec<Effect> {
    answer_with(model, reading, Ok(Box::new(archived(&reading.stream))))
}

fn answer_with(model: &mut Model, reading: &Reading, result: Result<Box<StreamOverview>, Failure>) -> Vec<Effect> {
    let reply = Reply { request: reading.request, result };
    update(model, Message::Streams(StreamsMessage::Read { stream: reading.stream.clone(), reply }))
}

fn next(model: &mut Model, reading: &Reading) -> Reading {
    let next = readings(&answer(model, reading));
    let [next] = next.as_slice() else { panic!("{next:?}") };
    next.clone()
}

#[test]
fn the_row_under_the_cursor_is_read_next_and_then_its_neighbours() {
    let (mut model, begun) = listed(150);
    assert_eq!(names(&begun), ["s-000", "s-001", "s-002", "s-003"]);
    assert_eq!(model.streams.progress(), Some((0, 150)));
    press(&mut model, "G");
    assert_eq!(next(&mut model, &begun[0]).stream, name("s-149"));
    assert_eq!(next(&mut model, &begun[1]).stream, name("s-148"));
    press(&mut model, "g");
    let third = next(&mut model, &begun[2]);
    assert_eq!(third.stream, name("s-004"));
    press(&mut model, "/ 077");
    assert_eq!(next(&mut model, &third).stream, name("s-077"), "rows that a filter hides come last");
    assert_eq!(model.streams.progress(), Some((4, 150)));
}

#[test]
fn a_refresh_reads_the_row_under_the_cursor_first() {
    let mut model = model_with_streams(80, 24);
    let effects = press(&mut model, "F5");
    let [Effect::Streams(StreamsEffect::List { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let names = overviews().into_iter().map(|overview| overview.name).collect();
    let result = Ok(StreamPage { names, next: None });
    let effects = update(&mut model, Message::Streams(StreamsMessage::Listed(Reply { request: *request, result })));
    assert_eq!(readings(&effects)[0].stream, name("orders"));
}

#[test]
fn a_stream_that_is_not_read_yet_is_read_at_once_and_opens_then() {
    let (mut model, begun) = listed(150);
    press(&mut model, "G");
    let urgent = readings(&press(&mut model, "enter"));
    let [reading] = urgent.as_slice() else { panic!("{urgent:?}") };
    assert_eq!((reading.stream.as_str(), reading.is_urgent), ("s-149", true));
    assert_eq!(model.notice, Some(Notice::Info("reading stream s-149 …".to_owned())));
    answer(&mut model, &begun[0]);
    assert!(model.screens.is_empty(), "another stream opens nothing");
    answer(&mut model, reading);
    let Some(Screen::Records(records)) = model.screens.last() else { panic!("{:?}", model.screens) };
    assert_eq!(records.origin.stream(), Some(&name("s-149")));
    assert_eq!(model.notice, None);
}

#[test]
fn every_key_that_needs_a_stream_waits_for_it_and_any_other_key_forgets_it() {
    for (key, is_screen) in [("c", true), ("r", true), ("F", true), ("enter", true), ("enter up", false), ("enter esc", false)] {
        let (mut model, begun) = listed(150);
        let urgent = readings(&press(&mut model, &format!("down {key}")));
        assert!(urgent.is_empty() || urgent[0].is_urgent, "{key}");
        let reading = urgent.first().unwrap_or(&begun[1]).clone();
        assert_eq!(reading.stream, name("s-001"), "{key}");
        answer(&mut model, &reading);
        assert_eq!(!model.screens.is_empty(), is_screen, "{key}");
    }
}

#[test]
fn a_stream_that_cannot_be_read_says_why_when_it_was_to_be_opened() {
    let (mut model, _) = listed(5);
    let urgent = readings(&press(&mut model, "enter"));
    answer_with(&mut model, &urgent[0], Err(Failure::refused("describe stream s-000", "throttled")));
    assert!(model.screens.is_empty());
    assert!(sentence(&model).contains("throttled"), "{}", sentence(&model));
}

#[test]
fn groups_are_counted_and_shown_one_after_the_other_without_the_empty_ones() {
    let mut model = model_with_deleted(120, 40);
    let counts = [
        (StreamGroup::All, 9),
        (StreamGroup::Archived, 6),
        (StreamGroup::NotArchived, 2),
        (StreamGroup::WithoutStream, 1),
        (StreamGroup::Problems, 3),
    ];
    assert_eq!(model.streams.groups(), counts);
    for (group, rows) in counts.into_iter().skip(1).chain([counts[0]]) {
        press(&mut model, "tab");
        assert_eq!((model.streams.group, model.streams.visible().len()), (group, rows));
    }
    press(&mut model, "shift-tab shift-tab");
    assert_eq!(model.streams.group, StreamGroup::WithoutStream);
    assert_eq!(model.streams.selected, Some(archive_of_deleted("orders-2019").name));
    press(&mut model, "esc");
    assert_eq!(model.streams.group, StreamGroup::All);
    press(&mut model, "/ replay enter tab");
    assert_eq!(model.streams.group, StreamGroup::NotArchived, "no archived stream matches the filter");
    press(&mut model, "esc");
    assert_eq!((model.streams.group, model.streams.filter.text()), (StreamGroup::NotArchived, ""), "one step at a time");
}

#[test]
fn the_cursor_stays_on_its_stream_in_every_group_that_has_it() {
    let mut model = model_with_streams(80, 24);
    press(&mut model, "tab");
    assert_eq!((model.streams.group, &model.streams.selected), (StreamGroup::Archived, &Some(name("orders"))));
    press(&mut model, "tab");
    assert_eq!(model.streams.selected, Some(name("clickstream")));
}

#[test]
fn what_is_not_read_yet_is_in_no_group_but_all() {
    let (mut model, begun) = listed(150);
    assert_eq!(model.streams.groups(), [(StreamGroup::All, 150)]);
    answer(&mut model, &begun[0]);
    assert_eq!(model.streams.groups(), [(StreamGroup::All, 150), (StreamGroup::Archived, 1)]);
}

#[test]
fn a_stream_named_at_the_start_is_opened_or_its_row_says_why_not() {
    let mut model = model(80, 24);
    let orders = overviews().into_iter().find(|overview| overview.name == name("orders")).unwrap();
    let effects = open_stream(&mut model, orders);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Records(RecordsEffect::Read { .. }))), "{effects:?}");
    let Some(Screen::Records(records)) = model.screens.last() else { panic!("{:?}", model.screens) };
    assert_eq!(records.origin.stream(), Some(&name("orders")));
    press(&mut model, "esc");
    assert_eq!(model.streams.selected, Some(name("orders")));

    let mut model = super::fixtures::model(80, 24);
    let clickstream = overviews().into_iter().find(|overview| overview.name == name("clickstream")).unwrap();
    assert_eq!(open_stream(&mut model, clickstream), []);
    assert_eq!(sentence(&model), "stream clickstream has no archive yet; c configures one, S reads the stream itself");
}

#[test]
fn a_stream_is_read_from_a_time_on_whether_archived_or_not() {
    for (typed, hours) in [("", 24), ("1h ", 1), ("2026-11-20T09:00Z ", 2)] {
        let mut model = model_with_streams(80, 24);
        model.streams.selected = Some(name("clickstream"));
        let effects = press(&mut model, &format!("S {typed}enter"));
        let [Effect::Records(RecordsEffect::Follow { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
        assert_eq!((&order.stream, &order.followed), (&name("clickstream"), &Followed::Stream));
        assert_eq!(order.from, FollowFrom::At(now() - SignedDuration::from_hours(hours)), "{typed}");
    }
    let mut model = model_with_streams(80, 24);
    assert_eq!(press(&mut model, "S soonish enter"), []);
    assert!(sentence(&model).contains("soonish"), "{}", sentence(&model));
    assert!(model.screens.is_empty() && model.streams.since.is_some(), "the line can be corrected");
    press(&mut model, "esc");
    assert!(model.streams.since.is_none());
    let mut model = model_with_deleted(80, 24);
    press(&mut model, "down S");
    assert!(model.streams.since.is_none(), "the stream is deleted");
}

proptest! {
    #[test]
    fn each_stream_is_read_once_wherever_the_cursor_goes(steps in proptest::collection::vec((0_usize..4, 0_usize..6), 0..200)) {
        let keys = ["G", "g", "down", "page-down", "/ 1 enter", "esc"];
        let (mut model, mut underway) = listed(40);
        let mut read: Vec<StreamName> = Vec::new();
        let mut steps = steps.into_iter().chain(std::iter::repeat((0, 5)));
        while !underway.is_empty() {
            prop_assert!(underway.len() <= 4);
            let (which, key) = steps.next().unwrap();
            press(&mut model, keys[key]);
            let reading = underway.remove(which % underway.len());
            underway.extend(readings(&answer(&mut model, &reading)));
            read.push(reading.stream);
        }
        read.sort();
        prop_assert_eq!(read.len(), 40);
        read.dedup();
        prop_assert_eq!(read.len(), 40);
        prop_assert!(!model.streams.is_reading());
    }
}
