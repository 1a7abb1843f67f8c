//! The records that a command uses: the marked ones, or all that match the filter; and their number.

use super::Records;
use crate::domain::decode::Recipe;
use crate::domain::filter::RecordFilter;
use crate::domain::listing::marks::Marks;
use crate::domain::text::count;
use jiff::Timestamp;

/// How many marked records the filter hides, and what that was counted from.
#[derive(Debug, Default)]
pub(super) struct HiddenMarks {
    hidden: usize,
    of: Option<(usize, RecordFilter, Recipe)>,
}

impl Records {
    /// Marked records that the filter hides.
    #[must_use]
    pub fn hidden_marks(&self) -> usize {
        self.hidden_marks.hidden
    }

    /// Counts the marked records that the filter hides, if marks or filter have changed.
    pub(super) fn count_hidden_marks(&mut self, now: Timestamp) {
        let Marks::Some(marked) = &self.marks else {
            self.hidden_marks = HiddenMarks::default();
            return;
        };
        if marked.is_empty() || self.fixed.is_everything() {
            self.hidden_marks = HiddenMarks::default();
            return;
        }
        let is_counted = self.hidden_marks.of.as_ref().is_some_and(|(marks, filter, recipe)| {
            // A message has at most one key press, so removing one mark and adding another are two changes.
            (*marks, filter, recipe) == (marked.len(), &self.fixed, &self.recipe)
        });
        if is_counted {
            return;
        }
        let matcher = self.fixed.matcher(now);
        let hidden = marked.values().filter(|record| !matcher.of_record_here(record, &self.recipe, now).is_yes()).count();
        self.hidden_marks = HiddenMarks { hidden, of: Some((marked.len(), self.fixed.clone(), self.recipe.clone())) };
    }

    /// What an export includes, in words.
    #[must_use]
    pub fn taken(&self) -> String {
        let but = |except: usize| if except == 0 { String::new() } else { format!(" but {}", count(except as u64)) };
        match &self.marks {
            Marks::Some(marked) if !marked.is_empty() => {
                let hidden = match self.hidden_marks() {
                    0 => String::new(),
                    hidden if hidden == marked.len() => ", all hidden by this filter".to_owned(),
                    hidden => format!(", {} of them hidden by this filter", count(hidden as u64)),
                };
                let records = if marked.len() == 1 { "record" } else { "records" };
                format!("the {} marked {records}{hidden}", count(marked.len() as u64))
            }
            Marks::AllBut { filter, except } if *filter != self.fixed => {
                let which = if filter.is_everything() { "every record".to_owned() } else { format!("all that match {filter}") };
                format!("{which}{}, as marked; not what this filter shows", but(except.len()))
            }
            Marks::AllBut { except, .. } => self.all(&but(except.len()), except.len()),
            Marks::Some(_) => self.all("", 0),
        }
    }

    fn all(&self, but: &str, except: usize) -> String {
        let shown = (self.rows.len() as u64).saturating_sub(except as u64);
        let that_match = if self.fixed.is_everything() { "" } else { " that match" };
        let records = if shown == 1 && that_match.is_empty() { " record" } else { " records" };
        let records = if that_match.is_empty() { records } else { that_match };
        match (self.is_all_read(), self.origin.archive().is_some()) {
            (true, false) => format!("all {}{records}{but}", count(shown)),
            // It is read again, and may have grown.
            (true, true) => format!("all {}{records}{but}, and those that came since", count(shown)),
            (false, _) => format!("all{records}{but}: {} in what was read so far", count(shown)),
        }
    }
}
