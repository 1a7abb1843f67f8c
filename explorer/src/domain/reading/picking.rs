//! Picking what matches from records that were read before.

use crate::domain::decode::Recipe;
use crate::domain::filter::RecordFilter;
use crate::domain::listing::entry::Entry;
use archiver::format::stream::StreamName;

/// What is to be picked.
#[derive(Clone, Debug, PartialEq)]
pub struct PickOrder {
    /// The stream whose archive has the parts of payloads, where there is one.
    pub stream: Option<StreamName>,
    /// What the records must be.
    pub filter: RecordFilter,
    /// How payloads are decoded when the filter looks into them.
    pub recipe: Recipe,
    /// The records that were read.
    pub entries: Vec<Entry>,
}
