//! The mouse, pointing at what a frame shows.

use crate::app::effect::Effect;
use crate::app::message::{Message, TerminalMessage};
use crate::app::model::{Model, Overlay};
use crate::app::mouse::Spot;
use crate::app::records::Pane;
use crate::app::streams::{Sort, SortBy};
use crate::app::tests::fixtures::{model_with, model_with_records, model_with_streams, open_records, press, record};
use crate::app::update;
use crate::ui::draw;
use crate::ui::spots::Spots;
use crate::ui::theme::{Look, Theme};
use crossterm::event::{KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const PRESS: MouseEventKind = MouseEventKind::Down(MouseButton::Left);
const DRAG: MouseEventKind = MouseEventKind::Drag(MouseButton::Left);
const RELEASE: MouseEventKind = MouseEventKind::Up(MouseButton::Left);

/// The frame's rows, and its spots.
fn frame(model: &Model) -> (Vec<String>, Spots) {
    let (columns, rows) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    let mut spots = Spots::default();
    terminal.draw(|frame| spots = draw(model, &Theme::new(Look::Dark, Vec::new()), frame)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    ((0..rows).map(row).collect(), spots)
}

fn use_mouse(model: &mut Model, kind: MouseEventKind, column: u16, row: u16) -> Vec<Effect> {
    let (_, spots) = frame(model);
    let told = spots.told(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
    told.map_or_else(Vec::new, |used| update(model, Message::Terminal(TerminalMessage::MouseUsed(used))))
}

/// Where a text is on the screen.
fn place_of(model: &Model, text: &str) -> (u16, u16) {
    let (rows, _) = frame(model);
    let found = rows.iter().enumerate().find_map(|(y, row)| {
        let at = row.find(text)?;
        Some((u16::try_from(row[..at].chars().count()).unwrap(), u16::try_from(y).unwrap()))
    });
    found.unwrap_or_else(|| panic!("{text} is not in {rows:#?}"))
}

fn click(model: &mut Model, text: &str) -> Vec<Effect> {
    let (column, row) = place_of(model, text);
    use_mouse(model, PRESS, column, row)
}

#[test]
fn a_click_on_a_title_sorts_by_its_column_and_a_second_one_reverses_that() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut model = model_with_streams(columns, rows);
        click(&mut model, "ITEMS");
        assert_eq!(model.streams.sort, Sort { by: SortBy::Items, is_reversed: false });
        assert_eq!(model.streams.visible()[0].name.as_str(), "app-logs");
        click(&mut model, "ITEMS");
        assert_eq!(model.streams.visible()[0].name.as_str(), "telemetry");
        click(&mut model, "STREAM");
        assert_eq!(model.streams.sort, Sort::default());
        click(&mut model, "TABLE");
        assert_eq!(model.streams.sort, Sort::default(), "nobody sorts by that");
    }
}

#[test]
fn a_click_selects_a_row_and_the_wheel_moves_over_them() {
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        let mut model = model_with_streams(columns, rows);
        click(&mut model, "device-status");
        assert_eq!(model.streams.selected.as_ref().unwrap().as_str(), "device-status");
        let (column, row) = place_of(&model, "app-logs");
        use_mouse(&mut model, MouseEventKind::ScrollDown, column, row);
        assert_eq!(model.streams.selected.as_ref().unwrap().as_str(), "orders-replay");
        let before = model.streams.cursor();
        click(&mut model, "ARCHIVE TABLE");
        assert_eq!(model.streams.cursor(), before, "a title is no row");
    }
}

#[test]
fn a_click_on_a_key_of_the_bottom_line_presses_it() {
    let mut model = model_with_streams(120, 40);
    click(&mut model, "? help");
    assert_eq!(model.overlay, Some(Overlay::Help(0)));
    let (column, row) = place_of(&model, "quit");
    use_mouse(&mut model, PRESS, column, row);
    assert!(!model.quit, "the help lies over the screen");
    press(&mut model, "esc");
    click(&mut model, "quit");
    assert!(model.quit);
}

#[test]
fn list_and_payload_have_their_own_wheel() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let payload = br#"{"a":1,"b":{"c":[1,2,3]},"d":4,"e":5}"#;
        let (mut model, _spool, _) = model_with(columns, rows, (0..30).map(|place| record(place, payload)).collect());
        let (column, row) = place_of(&model, "\"a\": 1");
        use_mouse(&mut model, MouseEventKind::ScrollDown, column, row);
        let records = open_records(&model);
        assert_eq!((records.cursor, records.detail().unwrap().row, records.pane), (0, 3, Pane::List));
        let (column, row) = place_of(&model, "KEY");
        use_mouse(&mut model, MouseEventKind::ScrollDown, column, row);
        assert_eq!(open_records(&model).cursor, 3);
        use_mouse(&mut model, MouseEventKind::ScrollUp, column, row);
        assert_eq!(open_records(&model).cursor, 0);
    }
}

#[test]
fn a_second_click_in_the_payload_folds() {
    let (mut model, _spool, _) = model_with(120, 40, vec![record(1, br#"{"a":{"b":1}}"#)]);
    click(&mut model, "\"a\": {");
    assert_eq!((open_records(&model).pane, open_records(&model).detail().unwrap().row), (Pane::Detail, 1));
    let rows = open_records(&model).detail().unwrap().rows();
    click(&mut model, "\"a\": {");
    assert!(open_records(&model).detail().unwrap().rows() < rows);
}

#[test]
fn the_border_follows_the_mouse_until_its_button_is_released() {
    let (mut model, _spool) = model_with_records(120, 40);
    let border = |model: &Model| {
        let (_, spots) = frame(model);
        (0..120).find(|column| spots.at(*column, 20) == Some(Spot::Border)).unwrap()
    };
    let before = border(&model);
    use_mouse(&mut model, DRAG, 50, 20);
    assert_eq!(border(&model), before, "it is not held");
    use_mouse(&mut model, PRESS, before, 20);
    use_mouse(&mut model, DRAG, 50, 25);
    assert!(border(&model).abs_diff(50) <= 2, "{}", border(&model));
    use_mouse(&mut model, DRAG, 3, 25);
    assert!(border(&model) >= 20, "the list keeps some room");
    use_mouse(&mut model, RELEASE, 3, 25);
    let after = border(&model);
    use_mouse(&mut model, DRAG, 60, 20);
    assert_eq!(border(&model), after);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_use_of_the_mouse_breaks_a_screen(uses in proptest::collection::vec((0..5_usize, 0..130_u16, 0..45_u16), 1..12)) {
        let kinds = [PRESS, DRAG, RELEASE, MouseEventKind::ScrollDown, MouseEventKind::ScrollUp];
        let (mut model, _spool) = model_with_records(120, 40);
        for (kind, column, row) in uses {
            use_mouse(&mut model, kinds[kind], column, row);
        }
    }
}
