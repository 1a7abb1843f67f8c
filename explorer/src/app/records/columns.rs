//! The fields of payloads that the list shows as columns.

use super::Rows;
use super::detail::is_small;
use crate::app::ids::SpoolId;
use crate::domain::decode::Recipe;
use crate::domain::export::{ExportColumns, ExportFormat};
use crate::domain::fields::{Columns, FieldPath, FieldValue, Fields, Sample, telling};
use crate::domain::listing::entry::Place;
use crate::domain::record::Record;
use std::collections::{BTreeSet, HashMap};

/// Fields that are found by themselves at the most.
const MOST_FOUND: usize = 8;
/// Records whose fields decide which are found; those of more records seldom differ.
const ENOUGH_RECORDS: usize = 32;

/// The columns of the list, and the fields of the rows that are seen.
#[derive(Debug, Default)]
pub struct FieldColumns {
    /// What was chosen.
    pub choice: Columns,
    found: Vec<FieldPath>,
    /// Of how many records those were found.
    found_in: usize,
    fields: HashMap<Place, Fields>,
    /// Where the rows are, and how they are decoded.
    of: Option<(SpoolId, Recipe)>,
}

impl FieldColumns {
    /// What was chosen for this stream.
    #[must_use]
    pub fn new(choice: Columns) -> Self {
        Self { choice, ..Self::default() }
    }

    /// The fields, in the order of their columns.
    #[must_use]
    pub fn shown(&self) -> &[FieldPath] {
        match &self.choice {
            Columns::Automatic => &self.found,
            Columns::Chosen(fields) => fields,
        }
    }

    /// The columns of a file in this format: those that were chosen, if it is a table. JSON Lines keep whole records, so that they can
    /// be opened again.
    #[must_use]
    pub fn exported(&self, format: ExportFormat) -> Option<ExportColumns> {
        match (&self.choice, format) {
            (Columns::Chosen(fields), ExportFormat::Csv) => ExportColumns::of_fields(fields),
            (Columns::Chosen(_) | Columns::Automatic, ExportFormat::Csv | ExportFormat::JsonLines) => None,
        }
    }

    /// The fields of a row that is seen.
    #[must_use]
    pub fn of(&self, place: Place) -> Option<&Fields> {
        self.fields.get(&place)
    }

    /// All fields of the rows that are seen, as often as they are there.
    pub(super) fn known(&self) -> impl Iterator<Item = &FieldPath> {
        self.values().map(|(path, _)| path)
    }

    /// All fields of the rows that are seen, with their values.
    pub(super) fn values(&self) -> impl Iterator<Item = &(FieldPath, FieldValue)> {
        self.fields.values().flat_map(Fields::iter)
    }

    /// The names of all fields of the rows that are seen, each once.
    pub(super) fn names(&self) -> Vec<String> {
        self.known().collect::<BTreeSet<_>>().into_iter().map(ToString::to_string).collect()
    }

    /// Looks at the rows on a screen around the cursor.
    pub(super) fn look_at(&mut self, rows: &Rows, cursor: usize, screen: usize, recipe: &Recipe) {
        if self.choice == Columns::Chosen(Vec::new()) {
            return;
        }
        if self.of.as_ref().is_none_or(|(spool, known)| *spool != rows.spool || known != recipe) {
            self.fields.clear();
            self.of = Some((rows.spool, recipe.clone()));
        }
        let seen = cursor.saturating_sub(screen)..cursor.saturating_add(screen + 1);
        let seen = seen.filter_map(|rank| Some((rows.listing.get(rank)?.place(), rows.get(rank)?))).collect::<HashMap<_, _>>();
        self.fields.retain(|place, _| seen.contains_key(place));
        for (place, record) in &seen {
            self.fields.entry(*place).or_insert_with(|| fields_of(record, recipe));
        }
        // Enough records have said which they are: columns that change while one goes through the list would be in the way.
        if self.found_in < ENOUGH_RECORDS && seen.len() > self.found_in {
            let samples = seen.iter().map(|(place, record)| Sample { key: &record.id.partition_key, fields: &self.fields[place] });
            self.found = telling(samples, MOST_FOUND);
            self.found_in = seen.len();
        }
    }
}

/// The fields of a record's payload, where it is decoded in no time.
fn fields_of(record: &Record, recipe: &Recipe) -> Fields {
    match recipe {
        Recipe::Detected => Fields::of_record(record),
        Recipe::Steps(_) if is_small(record) => {
            let decoded = record.payload().map(|payload| record.decode(payload, recipe, 0));
            decoded.as_ref().and_then(|decoded| decoded.text()).map_or_else(Fields::default, Fields::of_text)
        }
        Recipe::Steps(_) => Fields::default(),
    }
}
