//! What the user has set up for every start, in so far as screens act on it.

use crate::domain::fields::Columns;
use std::collections::BTreeMap;

/// The user's preferences.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    /// Columns by stream, until others are chosen on the screen.
    pub columns: BTreeMap<String, Columns>,
    /// Whether times are shown in UTC at first.
    pub shows_utc: bool,
    /// Whether the mouse is left to the terminal, which selects text with it.
    pub leaves_mouse: bool,
}
