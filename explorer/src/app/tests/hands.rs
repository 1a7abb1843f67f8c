//! What hands want everywhere: half pages, a new frame, a clipboard, and sentences that do not stay.

use super::fixtures::{model_with, model_with_streams, now, open_records, press, record, sentence};
use crate::app::effect::Effect;
use crate::app::message::{Message, Reply};
use crate::app::model::{Model, Notice};
use crate::app::update;
use crate::domain::failure::Failure;
use crate::domain::text::typed_path::FoundName;
use jiff::SignedDuration;

#[test]
fn information_goes_away_by_itself_and_an_error_stays_until_the_next_key() {
    let mut model = model_with_streams(80, 24);
    let tick = |model: &mut Model, seconds| {
        update(model, Message::Ticked(now() + SignedDuration::from_secs(seconds)));
    };
    press(&mut model, "esc");
    assert!(matches!(model.notice, Some(Notice::Info(_))));
    tick(&mut model, 1);
    tick(&mut model, 8);
    assert!(model.notice.is_some(), "there is time to read it");
    press(&mut model, "ctrl-y");
    assert!(matches!(model.notice, Some(Notice::Info(_))));
    tick(&mut model, 9);
    assert!(model.notice.is_some(), "another sentence has its own time");
    tick(&mut model, 18);
    assert_eq!(model.notice, None);
    model.notice = Some(Notice::Error("it failed".to_owned()));
    tick(&mut model, 20);
    tick(&mut model, 60);
    assert!(model.notice.is_some());
    press(&mut model, "down");
    assert_eq!(model.notice, None);
}

#[test]
fn half_pages_and_a_new_frame_are_one_key_away() {
    let mut model = model_with_streams(80, 24);
    press(&mut model, "g ctrl-d");
    assert_eq!(model.streams.cursor(), 7, "the last of the streams");
    let (mut model, spool, _) = model_with(80, 24, (0..60).map(|place| record(place, b"{}")).collect());
    spool.press(&mut model, "ctrl-d");
    assert_eq!(open_records(&model).cursor, 9);
    spool.press(&mut model, "ctrl-d ctrl-d ctrl-u");
    assert_eq!(open_records(&model).cursor, 18);
    assert_eq!(spool.press(&mut model, "ctrl-l"), [Effect::Redraw]);
}

#[test]
fn a_copy_says_where_it_went_and_what_helps_if_it_did_not_arrive() {
    let (mut model, spool, _) = model_with(120, 40, vec![record(1, b"{\"id\":1}")]);
    for (is_in_tmux, says) in [(false, "allow OSC 52"), (true, "set-clipboard on")] {
        model.is_in_tmux = is_in_tmux;
        spool.press(&mut model, "y k");
        let said = sentence(&model);
        assert!(said.starts_with("the partition key was sent to the terminal, 6 B") && said.contains(says), "{said}");
    }
}

#[test]
fn tab_completes_the_name_of_a_file() {
    let names =
        |names: &[&str]| names.iter().map(|name| FoundName { name: (*name).to_owned(), is_folder: false }).collect::<Vec<_>>();
    let mut model = model_with_streams(80, 24);
    let effects = press(&mut model, "o exports/or tab");
    let [Effect::ListFolder { request, folder }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(folder.to_str(), Some("exports"));
    let reply = |request, result| Message::FolderListed(Reply { request, result });
    update(&mut model, reply(*request, Ok(names(&["orders.csv", "orders.jsonl"]))));
    assert_eq!(model.streams.opening.as_ref().unwrap().text(), "exports/orders.");
    let effects = press(&mut model, "tab");
    let [Effect::ListFolder { request, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    update(&mut model, reply(*request, Ok(names(&["orders.csv", "orders.jsonl"]))));
    assert_eq!(sentence(&model), "orders.csv  orders.jsonl");

    let effects = press(&mut model, "tab");
    let [Effect::ListFolder { request, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    press(&mut model, "c");
    update(&mut model, reply(*request, Ok(names(&["orders.jsonl"]))));
    assert_eq!(model.streams.opening.as_ref().unwrap().text(), "exports/orders.c", "the answer is to another text");

    let effects = press(&mut model, "tab");
    let [Effect::ListFolder { request, .. }] = effects.as_slice() else { panic!("{effects:?}") };
    update(&mut model, reply(*request, Err(Failure::refused("list exports".to_owned(), "no such folder".to_owned()))));
    assert!(sentence(&model).contains("cannot list exports"), "{}", sentence(&model));
}

#[test]
fn an_export_is_named_with_tab_too() {
    let (mut model, spool, _) = model_with(80, 24, vec![record(1, b"{}")]);
    let effects = spool.press(&mut model, "e tab");
    let [Effect::ListFolder { request, folder }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(folder.to_str(), Some("."));
    let names = vec![FoundName { name: "orders.jsonl.d".to_owned(), is_folder: true }];
    update(&mut model, Message::FolderListed(Reply { request: *request, result: Ok(names) }));
    assert_eq!(open_records(&model).typing.as_ref().unwrap().line.text(), "orders.jsonl.d/");
}
