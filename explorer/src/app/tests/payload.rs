//! Working with a record's payload, as keys.

use super::fixtures::{
    compressed_record, model_with, model_with_records, open_records, read_request, record, sentence, show_request, show_with,
    shown, split_record,
};
use crate::app::effect::{Effect, RecordsEffect};
use crate::app::message::{Message, RecordsMessage, Reply, TerminalMessage};
use crate::app::model::Overlay;
use crate::app::records::{Pane, Payload, Question};
use crate::app::update;
use crate::domain::decode::Recipe;
use crate::domain::reading::ReadEnding;
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::{Body, View};

#[test]
fn a_large_payload_is_shown_when_the_cursor_comes_to_it() {
    let (mut model, spool, effects) = model_with(120, 40, vec![record(2, b"{}"), split_record(1, 36)]);
    assert_eq!(effects, []);
    let effects = spool.press(&mut model, "down");
    assert_eq!(shown(&model), None);
    assert_eq!(spool.press(&mut model, "b"), [], "it is asked for once");
    show_with(&mut model, &effects, Ok(b"{\"id\":\"o-1\"}".to_vec()));
    assert_eq!(open_records(&model).detail().unwrap().decoded().unwrap().breadcrumb(), "stored gzip › JSON");
    assert_eq!(shown(&model), Some("{\"id\":\"o-1\"}"));
    update(&mut model, Message::Terminal(TerminalMessage::Resized(80, 24)));
    assert_eq!(shown(&model), Some("{\"id\":\"o-1\"}"));
}

#[test]
fn payloads_that_the_cursor_has_left_are_dropped_and_the_next_one_is_asked_for_after_them() {
    let (mut model, spool, effects) = model_with(120, 40, (1..=9).map(|place| split_record(place, 36)).collect());
    assert_eq!(spool.press(&mut model, "down down down"), [], "one at a time");
    let first = show_request(&effects);
    let effects = show_with(&mut model, &effects, Ok(b"{\"id\":9}".to_vec()));
    assert_eq!(shown(&model), None);
    let [Effect::Records(RecordsEffect::ShowPayload { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(Some(&order.record), open_records(&model).current());
    let late = NoPayload::Damaged("late".to_owned());
    assert_eq!(update(&mut model, Message::Records(RecordsMessage::PayloadShown(Reply { request: first, result: Err(late) }))), []);
    show_with(&mut model, &effects, Ok(b"{\"id\":6}".to_vec()));
    assert_eq!(shown(&model), Some("{\"id\":6}"));
}

#[test]
fn a_payload_that_cannot_be_read_says_why_and_is_read_again() {
    let (mut model, spool, effects) = model_with(120, 40, vec![split_record(1, 36)]);
    let reason = NoPayload::Damaged("part 3 of 36 is missing from table orders-archive-parts".to_owned());
    assert_eq!(show_with(&mut model, &effects, Err(reason.clone())), []);
    let detail = open_records(&model).detail().unwrap();
    assert!(matches!(&detail.payload, Payload::Failed(found) if *found == reason), "{detail:?}");
    let effects = spool.press(&mut model, "F5");
    assert!(
        matches!(
            effects.as_slice(),
            [Effect::Records(RecordsEffect::Read { .. }), Effect::Records(RecordsEffect::ShowPayload { .. })]
        ),
        "{effects:?}"
    );
}

#[test]
fn what_the_archiver_compressed_is_shown_as_it_was_put() {
    let json = format!("{{\"id\":\"o-1\",\"note\":\"{}\"}}", "paid ".repeat(50));
    let (model, _, effects) = model_with(120, 40, vec![compressed_record(1, json.as_bytes())]);
    assert_eq!((effects, shown(&model)), (Vec::new(), Some(json.as_str())));
    assert_eq!(open_records(&model).current().unwrap().payload_size, Some(json.len() as u64));
}

#[test]
fn a_keys_history_opens_above_and_compares_a_version_with_the_one_before() {
    let (mut model, mut spool) = model_with_records(120, 40);
    spool.press(&mut model, "down down");
    let key = open_records(&model).current().unwrap().id.partition_key.clone();
    let request = read_request(&spool.press(&mut model, "h"));
    assert_eq!(open_records(&model).filter.key(), Some(key.as_str()));
    let version = |place, status: &str| record(place, format!("{{\"id\":1,\"status\":\"{status}\"}}").as_bytes());
    spool.read(&mut model, request, vec![version(5, "new"), version(10, "paid")]);
    spool.end(&mut model, request, ReadEnding::Complete);
    let effects = spool.press(&mut model, "D");
    let [Effect::Records(RecordsEffect::ShowPayload { request, order })] = effects.as_slice() else { panic!("{effects:?}") };
    let older = order.against.as_ref().unwrap();
    let payload = |record: &Record| record.payload().unwrap();
    let shown = crate::domain::record::show::show_difference(
        (&order.record, payload(&order.record)),
        (older, payload(older)),
        &order.options,
    );
    update(&mut model, Message::Records(RecordsMessage::PayloadShown(Reply { request: *request, result: Ok(Box::new(shown)) })));
    let Some(Body::Diff(diff)) = open_records(&model).detail().unwrap().body() else { panic!() };
    assert_eq!((diff.added(), diff.removed()), (1, 1));
    spool.press(&mut model, "esc");
    assert!(!open_records(&model).is_compared, "the difference is closed first");
    spool.press(&mut model, "esc");
    assert_eq!(open_records(&model).cursor, 2, "one comes back to where one was");
}

#[test]
fn payloads_are_decoded_as_somebody_says_and_that_is_remembered() {
    let (mut model, spool) = model_with_records(80, 24);
    let effects = spool.press(&mut model, "d hex enter");
    let [Effect::Remember(memory)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(memory.recipes.get("orders"), Some(&Recipe::parse("hex").unwrap()));
    spool.press(&mut model, "esc enter");
    assert_eq!(open_records(&model).recipe, Recipe::parse("hex").unwrap());
    spool.press(&mut model, "d ctrl-u nonsense enter");
    assert!(open_records(&model).typing.as_ref().unwrap().mistake.is_some());
    let effects = spool.press(&mut model, "ctrl-u enter");
    let [Effect::Remember(memory)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(memory.recipes.is_empty());
}

#[test]
fn a_payload_is_searched_folded_and_asked_for_by_its_fields() {
    let payload = br#"{"id":"o-1","items":[{"sku":"A","price":1},{"sku":"B","price":2}],"status":"paid"}"#;
    let (mut model, spool, _) = model_with(120, 40, vec![record(1, payload)]);
    spool.press(&mut model, "tab / sku enter");
    assert_eq!(open_records(&model).detail().unwrap().row, 4);
    spool.press(&mut model, "n");
    assert_eq!(open_records(&model).detail().unwrap().row, 8);
    let rows = open_records(&model).detail().unwrap().rows();
    spool.press(&mut model, "-");
    assert!(open_records(&model).detail().unwrap().rows() < rows);
    spool.press(&mut model, "+ G up =");
    let typing = open_records(&model).typing.as_ref().unwrap();
    assert_eq!((typing.question, typing.line.text()), (Question::Filter, ".status=paid"));
    spool.press(&mut model, "esc");
    assert_eq!(open_records(&model).pane, Pane::Detail, "left, it is as it was");
    spool.press(&mut model, "= enter");
    assert_eq!(open_records(&model).pane, Pane::List);
    spool.press(&mut model, "t");
    assert_eq!(open_records(&model).view, View::Text);
}

#[test]
fn a_field_is_asked_for_by_the_value_on_its_line_whatever_the_others_are() {
    let payload = br#"{"big":12345678901234567890123,"dup":1,"dup":2,"exp":1e400,"lone":"\ud800","by":"J\u00fcrgen","on":true}"#;
    let (mut model, spool, _) = model_with(120, 40, vec![record(1, payload)]);
    spool.press(&mut model, "tab");
    for term in [".big=12345678901234567890123", ".dup=1", ".dup=2", ".exp=1e400", "", ".by=Jürgen", ".on=true"] {
        spool.press(&mut model, "j =");
        if term.is_empty() {
            assert_eq!(sentence(&model), "the text on this line is not valid Unicode, so it cannot be searched for");
            continue;
        }
        assert_eq!(open_records(&model).typing.as_ref().unwrap().line.text(), term);
        spool.press(&mut model, "esc");
    }
}

#[test]
fn a_search_that_finds_nothing_says_where_case_matters() {
    let (mut model, spool, _) = model_with(120, 40, vec![record(1, br#"{"status":"paid","by":"J\u00fcrgen"}"#)]);
    spool.press(&mut model, "tab / STATUS enter");
    assert_eq!(sentence(&model), "\"STATUS\" is not in this payload; with a capital in it, case matters");
    spool.press(&mut model, "/ nothing enter");
    assert_eq!(sentence(&model), "\"nothing\" is not in this payload");
    spool.press(&mut model, "n");
    assert_eq!(sentence(&model), "\"nothing\" is not in this payload");
    spool.press(&mut model, "/ jürgen enter");
    assert_eq!(open_records(&model).detail().unwrap().row, 2);
}

#[test]
fn what_is_copied_goes_to_the_clipboard() {
    let (mut model, spool, _) = model_with(120, 40, vec![record(1, b"{\"id\":1}")]);
    spool.press(&mut model, "y");
    assert_eq!(model.overlay, Some(Overlay::Copy));
    assert_eq!(spool.press(&mut model, "p"), [Effect::Copy("{\"id\":1}".to_owned())]);
    assert_eq!(spool.press(&mut model, "y k"), [Effect::Copy("cust-1".to_owned())]);
    let effects = spool.press(&mut model, "y i");
    let [Effect::Copy(item)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(item.contains("\"recordData\":\"eyJpZCI6MX0=\""), "{item}");
    assert_eq!(spool.press(&mut model, "y esc"), []);
    assert_eq!(model.overlay, None);
}
