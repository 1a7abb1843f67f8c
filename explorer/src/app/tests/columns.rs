//! What people do with the columns of the list and the room of the payload, told in keys.

use super::fixtures::{model_with, model_with_records, open_records, press, record};
use crate::app::effect::Effect;
use crate::app::model::Model;
use crate::app::records::{Pane, PayloadPane};
use crate::domain::fields::Columns;

fn shown(model: &Model) -> Vec<String> {
    open_records(model).columns.shown().iter().map(ToString::to_string).collect()
}

fn typed(model: &Model) -> &str {
    open_records(model).typing.as_ref().unwrap().line.text()
}

#[test]
fn fields_that_tell_records_apart_are_columns() {
    let (model, _) = model_with_records(120, 40);
    assert_eq!(shown(&model), ["id", "total"]);
    let (model, ..) = model_with(120, 40, (0..20).map(|place| record(place, b"no JSON")).collect());
    assert_eq!(shown(&model), [""; 0]);
}

#[test]
fn columns_are_chosen_and_remembered_for_the_stream() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "C");
    assert_eq!(typed(&model), "id total ");
    spool.press(&mut model, "sta tab");
    assert_eq!(typed(&model), "id total status");
    let effects = spool.press(&mut model, "enter");
    assert_eq!(shown(&model), ["id", "total", "status"]);
    let [Effect::Remember(memory)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(memory.columns.get("orders"), Some(&Columns::parse("id total status").unwrap()));
    press(&mut model, "esc enter");
    assert_eq!(shown(&model), ["id", "total", "status"]);
}

#[test]
fn a_field_is_filtered_by_as_it_is_typed_and_remembered_in_one_form() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "/ statsu:paid enter");
    let (span, sentence) = open_records(&model).typing.as_ref().unwrap().mistake.clone().unwrap();
    assert_eq!(span, 0..6);
    assert!(sentence.contains("did you mean status?"), "{sentence}");
    let effects = spool.press(&mut model, "ctrl-u status:paid enter");
    let remembered = effects.iter().find_map(|effect| match effect {
        Effect::Remember(memory) => Some(memory.filters.entries()),
        _ => None,
    });
    assert_eq!(remembered, Some(&[".status=paid".to_owned()][..]), "{effects:?}");
    assert_eq!(open_records(&model).filter.title(), ".status=paid");
    spool.press(&mut model, "/");
    assert_eq!(typed(&model), ".status=paid ");
}

#[test]
fn fields_and_values_on_the_screen_are_offered_while_one_types() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "/ sta tab");
    assert_eq!(typed(&model), ".status=");
    press(&mut model, "p");
    let typing = open_records(&model).typing.as_ref().unwrap();
    let [offered] = typing.completions.as_slice() else { panic!("{:?}", typing.completions) };
    assert_eq!(offered.with, "paid");
    assert!(offered.about.starts_with('×'), "{}", offered.about);
    press(&mut model, "tab");
    assert_eq!(typed(&model), ".status=paid");
}

#[test]
fn an_empty_line_finds_the_columns_again_and_none_hides_them() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "C ctrl-u none enter");
    assert_eq!(shown(&model), [""; 0]);
    spool.press(&mut model, "C");
    assert_eq!(typed(&model).trim(), "none");
    let effects = spool.press(&mut model, "ctrl-u enter");
    let [Effect::Remember(memory)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(memory.columns.is_empty());
    spool.press(&mut model, "down");
    assert_eq!(shown(&model), ["id", "total"]);
}

#[test]
fn what_is_no_field_is_said_and_stays_to_be_mended() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "C ctrl-u items[0] enter");
    let typing = open_records(&model).typing.as_ref().unwrap();
    let (_, sentence) = typing.mistake.as_ref().unwrap();
    assert!(sentence.starts_with("items[0] names no field"), "{sentence}");
    assert_eq!(typing.line.text(), "items[0]");
}

#[test]
fn the_payload_has_the_whole_screen_until_esc() {
    let (mut model, spool) = model_with_records(80, 24);
    spool.press(&mut model, "enter");
    let first = open_records(&model).cursor;
    assert_eq!((open_records(&model).sharing.payload, open_records(&model).pane), (PayloadPane::Full, Pane::Detail));
    spool.press(&mut model, "J");
    assert_eq!(open_records(&model).cursor, first + 1);
    spool.press(&mut model, "K esc");
    assert_eq!((open_records(&model).sharing.payload, open_records(&model).pane), (PayloadPane::Beside, Pane::List));
    assert_eq!(open_records(&model).cursor, first);
}

#[test]
fn a_hidden_payload_leaves_its_room_to_the_list() {
    let (mut model, spool) = model_with_records(120, 40);
    let before = open_records(&model).sharing.list_columns();
    spool.press(&mut model, "P");
    assert!(open_records(&model).sharing.list_columns() > before);
    spool.press(&mut model, "tab");
    assert_eq!(open_records(&model).sharing.payload, PayloadPane::Beside, "the pane that keys move is shown");
    spool.press(&mut model, "<");
    assert!(open_records(&model).sharing.list_columns() < before);
    spool.press(&mut model, "> >");
    assert!(open_records(&model).sharing.list_columns() > before);
}
