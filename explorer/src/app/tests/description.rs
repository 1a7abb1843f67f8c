//! Describing a stream, as keys.

use super::fixtures::{archive_of_deleted, describe, description, model_with_deleted, model_with_streams, name, overviews, press};
use crate::app::effect::{Effect, RecordsEffect, StreamsEffect};
use crate::app::message::{Message, Reply, StreamsMessage};
use crate::app::model::{Model, Notice, Screen};
use crate::app::update;
use crate::domain::failure::Failure;
use crate::domain::stream::description::{Description, StreamDescription};
use crate::domain::stream::overview::StreamOverview;

fn orders() -> StreamOverview {
    overviews().into_iter().find(|overview| overview.name == name("orders")).unwrap()
}

fn described(columns: u16, rows: u16) -> Model {
    let mut model = model_with_streams(columns, rows);
    describe(&mut model, Ok(description(&orders())));
    model
}

/// The values of all rows with this label.
fn values(description: &Description, label: &str, model: &Model) -> Vec<String> {
    let rows = description.sections(&model.times).into_iter().flat_map(|section| section.rows);
    rows.filter(|row| row.label == label).map(|row| row.value).collect()
}

#[test]
fn a_stream_is_described_alone_and_again_on_refresh() {
    let mut model = model_with_streams(120, 40);
    let effects = press(&mut model, "d");
    let [Effect::Streams(StreamsEffect::Describe { request, stream })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(stream, &name("orders"));
    let again = press(&mut model, "F5");
    let [Effect::Streams(StreamsEffect::Describe { request: newer, .. })] = again.as_slice() else { panic!("{again:?}") };
    let answer =
        |request| Message::Streams(StreamsMessage::Described(Reply { request, result: Ok(Box::new(description(&orders()))) }));
    update(&mut model, answer(*request));
    let Some(Screen::Description(screen)) = model.screens.last() else { panic!() };
    assert_eq!(screen.description, None, "an answer to an older request is dropped");
    update(&mut model, answer(*newer));
    let Some(Screen::Description(screen)) = model.screens.last() else { panic!() };
    assert_eq!(screen.description.as_deref(), Some(&description(&orders())));
    press(&mut model, "esc");
    assert!(model.screens.is_empty());
}

#[test]
fn what_may_not_be_read_names_its_permission_and_the_rest_is_shown() {
    let model = model_with_streams(120, 40);
    let orders = description(&orders());
    assert_eq!(values(&orders, "fan-out", &model), ["no permission: it needs kinesis:ListStreamConsumers"]);
    assert_eq!(values(&orders, "retention", &model), ["168 h, which are 7 d"]);
    let Some(failure) = orders.failures().first().map(|failure| (*failure).clone()) else { panic!() };
    let hidden = Description { stream: StreamDescription::Unreadable(failure.clone()), records: Err(failure), ..orders };
    assert_eq!(values(&hidden, "mode", &model), ["no permission: it needs kinesis:ListStreamConsumers"]);
    assert_eq!((hidden.overview(), hidden.problems()), (None, Vec::new()), "nothing is guessed");
}

#[test]
fn an_expiry_that_is_off_is_a_problem_that_configuring_mends() {
    let mut model = described(120, 40);
    let Some(Screen::Description(screen)) = model.screens.last() else { panic!() };
    let problems = screen.description.as_ref().unwrap().problems();
    assert!(problems[0].sentence.contains("orders-archive-ALL is off, so nothing is deleted"), "{problems:?}");
    assert!(problems[0].is_mended_by_configuring);
    press(&mut model, "c");
    assert!(matches!(model.screens.last(), Some(Screen::Configure(configure)) if configure.stream.name == name("orders")));
}

#[test]
fn a_reader_describes_but_does_not_configure() {
    let mut model = model_with_streams(120, 40);
    model.session.read_only = true;
    describe(&mut model, Ok(description(&orders())));
    press(&mut model, "c");
    assert!(matches!(&model.notice, Some(Notice::Error(sentence)) if sentence.starts_with("read-only")), "{:?}", model.notice);
    let effects = press(&mut model, "enter");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Records(RecordsEffect::Read { .. }))), "{effects:?}");
}

#[test]
fn an_archive_without_a_stream_and_a_stream_without_an_archive_are_described() {
    let mut model = model_with_deleted(120, 40);
    press(&mut model, "down");
    describe(&mut model, Ok(description(&archive_of_deleted("orders-2019"))));
    press(&mut model, "c");
    assert_eq!(model.notice, Some(Notice::Error("stream orders-2019 was deleted, and only its archive is left".to_owned())));
    assert_eq!(values(&description(&archive_of_deleted("orders-2019")), "status", &model), ["active", "deleted"]);

    let plain = overviews().into_iter().find(|overview| overview.name == name("clickstream")).unwrap();
    let mut model = model_with_streams(120, 40);
    model.streams.selected = Some(plain.name.clone());
    describe(&mut model, Ok(description(&plain)));
    press(&mut model, "enter");
    assert_eq!(model.notice, Some(Notice::Error("stream clickstream has no archive".to_owned())));
}

#[test]
fn all_rows_can_be_scrolled_into_view() {
    for (columns, rows) in [(40, 10), (80, 24), (120, 40), (200, 60)] {
        let mut model = described(columns, rows);
        press(&mut model, "G");
        let Some(Screen::Description(screen)) = model.screens.last() else { panic!() };
        let layout = screen.layout(model.size, &model.times);
        assert_eq!(screen.scroll, layout.last_first(), "{columns}x{rows}");
        press(&mut model, "up up g");
        let Some(Screen::Description(screen)) = model.screens.last() else { panic!() };
        assert_eq!(screen.scroll, 0, "{columns}x{rows}");
    }
}

#[test]
fn a_stream_that_cannot_be_described_says_why() {
    let mut model = model_with_streams(120, 40);
    describe(&mut model, Err(Failure::refused("describe stream orders", "no")));
    for key in ["c", "enter"] {
        press(&mut model, key);
        let sentence = "the stream is not read yet".to_owned();
        assert_eq!(model.notice, Some(Notice::Error(sentence)), "{key}");
    }
}
