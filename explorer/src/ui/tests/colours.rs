//! What colours say: some cells of some screens.

use crate::app::model::Model;
use crate::app::tests::fixtures::{model_with, model_with_streams, record};
use crate::ui::draw;
use crate::ui::theme::{Look, Meaning, Theme};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Modifier, Style};

fn drawn(model: &Model, look: Look) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(model.size.0, model.size.1)).unwrap();
    terminal
        .draw(|frame| {
            draw(model, &Theme::new(look, Vec::new()), frame);
        })
        .unwrap();
    terminal.backend().buffer().clone()
}

/// The first cell of a text on the screen.
fn cell_of<'b>(buffer: &'b Buffer, text: &str) -> &'b Cell {
    let rows = buffer.content.chunks(usize::from(buffer.area.width));
    let found = rows.filter_map(|row| {
        let line: String = row.iter().map(Cell::symbol).collect();
        let at = line.find(text)?;
        row.get(line[..at].chars().count())
    });
    found.into_iter().next().unwrap_or_else(|| panic!("{text} is not shown"))
}

fn has(cell: &Cell, style: Style) -> bool {
    style.fg.is_none_or(|fg| cell.fg == fg) && style.bg.is_none_or(|bg| cell.bg == bg) && cell.modifier.contains(style.add_modifier)
}

#[test]
fn the_row_under_the_cursor_stands_out_and_keeps_its_colours() {
    let model = model_with_streams(120, 40);
    for look in Look::ALL {
        let theme = Theme::new(look, Vec::new());
        let buffer = drawn(&model, look);
        let selected = theme.of(Meaning::Selected);
        let health = cell_of(&buffer, "● ok");
        let row = cell_of(&buffer, "▸ orders");
        assert!(has(row, selected), "{look:?}: {row:?}");
        assert!(has(cell_of(&buffer, "▲ bad tag"), theme.of(Meaning::Danger)), "{look:?}");
        assert!(has(health, theme.of(Meaning::Good)), "{look:?}: {health:?}");
        let other = cell_of(&buffer, "audit");
        assert!(!has(other, selected), "{look:?}");
    }
}

#[test]
fn without_colours_weights_say_the_same() {
    let model = model_with_streams(120, 40);
    let buffer = drawn(&model, Look::Plain);
    assert!(buffer.content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset && cell.bg == ratatui::style::Color::Reset));
    assert!(cell_of(&buffer, "▸ orders").modifier.contains(Modifier::REVERSED));
}

#[test]
fn a_wide_list_shows_full_times_whole_keys_and_names_of_shards() {
    let mut logged = record(1, b"a line of a log that is long enough to fill what is left");
    let key = "customer-00042";
    logged.id.partition_key = key.to_owned();
    logged.item.partition_key = key.to_owned();
    let (model, _spool, _) = model_with(200, 60, vec![logged]);
    let buffer = drawn(&model, Look::Dark);
    for text in ["2026-11-20 11:00:01.120 customer-00042 shardId-000000000001", "ARRIVED +01"] {
        cell_of(&buffer, text);
    }
}
