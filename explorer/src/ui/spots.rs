//! Where a frame shows what a mouse can point at. It is noted while the frame is drawn, so that it is always what is seen.

use crate::app::mouse::{Mouse, Spot};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

/// The spots of a frame.
#[derive(Debug, Default)]
pub struct Spots(Vec<(Rect, Spot)>);

impl Spots {
    /// Notes a spot, above the others there.
    pub(super) fn note(&mut self, area: Rect, spot: Spot) {
        self.0.push((area, spot));
    }

    /// Notes rows, one below the other, as far as the area reaches.
    pub(super) fn note_rows(&mut self, area: Rect, rows: impl IntoIterator<Item = Spot>) {
        let places = (area.y..area.bottom()).map(|y| Rect { y, height: 1, ..area });
        self.0.extend(places.zip(rows));
    }

    /// Forgets everything, because something lies over it.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is there.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<Spot> {
        let here = Position { x: column, y: row };
        self.0.iter().rev().find(|(area, _)| area.contains(here)).map(|(_, spot)| *spot)
    }

    /// What a mouse did, in the screen's terms; `None` if that means nothing.
    #[must_use]
    pub fn told(&self, event: MouseEvent) -> Option<Mouse> {
        let at = self.at(event.column, event.row);
        match event.kind {
            MouseEventKind::Down(MouseButton::Left) => at.map(Mouse::Pressed),
            MouseEventKind::Drag(MouseButton::Left) => Some(Mouse::Dragged(event.column)),
            MouseEventKind::Up(MouseButton::Left) => Some(Mouse::Released),
            MouseEventKind::ScrollDown => Some(Mouse::Scrolled { at, down: true }),
            MouseEventKind::ScrollUp => Some(Mouse::Scrolled { at, down: false }),
            MouseEventKind::Down(MouseButton::Right | MouseButton::Middle)
            | MouseEventKind::Drag(MouseButton::Right | MouseButton::Middle)
            | MouseEventKind::Up(MouseButton::Right | MouseButton::Middle)
            | MouseEventKind::Moved
            | MouseEventKind::ScrollLeft
            | MouseEventKind::ScrollRight => None,
        }
    }
}
