//! What a mouse can point at, and what it did there.

use super::keymap::Key;
use super::streams::SortBy;

/// What is in a place of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// The list, but none of its rows.
    List,
    /// A row of the list, by its place in it.
    Row(usize),
    /// The payload, but none of its rows.
    Payload,
    /// A row of the payload, by its place in it.
    PayloadRow(usize),
    /// The title of a column by which streams can be sorted.
    Title(SortBy),
    /// The border between list and payload.
    Border,
    /// A key of the bottom line.
    Key(Key),
}

/// What a mouse did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mouse {
    /// Its button was pressed here.
    Pressed(Spot),
    /// It moved to this column with its button pressed.
    Dragged(u16),
    /// Its button was released.
    Released,
    /// Its wheel was turned here.
    Scrolled {
        /// Where it points, if there is something.
        at: Option<Spot>,
        /// Whether later rows are wanted.
        down: bool,
    },
}
