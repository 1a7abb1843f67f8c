//! What the explorer remembers from one start to the next.

use super::decode::Recipe;
use super::fields::Columns;
use super::filter::History;
use std::collections::BTreeMap;

/// What is remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Memory {
    /// How the payloads of a stream are decoded, if the user chose that, by the stream's name.
    pub recipes: BTreeMap<String, Recipe>,
    /// Which fields of a stream's payloads are columns, where somebody chose that, by the stream's name.
    pub columns: BTreeMap<String, Columns>,
    /// The filter lines that were applied.
    pub filters: History,
    /// Whether the hints of the local system were put away.
    pub hides_hints: bool,
}
