//! Estimates whether most partition keys are new to a table. That decides which statement is tried first.

use super::database::Verb;

/// The share of keys that were new to a table. Recent batches count more than old ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Newcomers(f64);

impl Newcomers {
    /// After this many keys, earlier ones count half.
    const MEMORY: f64 = 25.0;
    /// An INSERT that finds an item costs as much as a write. An UPDATE that finds no item costs one unit. So INSERT is tried first
    /// only if nearly every key is new.
    const MOSTLY: f64 = 0.9;

    pub(super) fn first_verb(self) -> Verb {
        if self.0 >= Self::MOSTLY { Verb::Insert } else { Verb::ReplaceWhole }
    }

    #[allow(clippy::cast_precision_loss)]
    pub(super) fn after(self, inserted: usize, keys: usize) -> Self {
        let (inserted, keys) = (inserted as f64, keys as f64);
        Self((self.0 * Self::MEMORY + inserted) / (Self::MEMORY + keys))
    }
}
