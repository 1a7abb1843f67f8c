//! Whether a table's keys are mostly new, which decides what is tried first for them.

use super::database::Verb;

/// How many of a table's keys were lately written for the first time, as a share that forgets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Newcomers(f64);

impl Newcomers {
    /// Keys after which half of what was known is forgotten.
    const MEMORY: f64 = 25.0;
    /// An INSERT that finds an item costs as much as writing it, an UPDATE that finds none a single unit: so INSERT comes first
    /// only where nearly every key is new.
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
