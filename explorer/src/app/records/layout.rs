//! How the list and the payload share the screen.

/// From so many columns on, list and payload stand beside each other.
const WIDE: usize = 100;
/// Percent of a wide screen's columns that the payload has at first.
const PERCENT: u16 = 42;
/// By how many percent the border moves.
const STEP: u16 = 6;
/// The least and the most percent that the payload has.
const LIMITS: (u16, u16) = (24, 72);
/// Columns that both sides of a frame take.
const FRAME: usize = 2;
/// Columns of the border that list and payload share.
const SHARED: usize = 1;
/// Columns that something can be shown in.
const NARROWEST: usize = 8;

/// How much of the screen the payload has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadPane {
    /// A part of it.
    Beside,
    /// All of it.
    Full,
    /// Nothing.
    Hidden,
}

/// How list and payload share a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// How much of the screen the payload has.
    pub payload: PayloadPane,
    percent: u16,
    columns: usize,
}

impl Sharing {
    /// At first, on a terminal of so many columns.
    #[must_use]
    pub fn new(columns: u16) -> Self {
        Self { payload: PayloadPane::Beside, percent: PERCENT, columns: usize::from(columns) }
    }

    /// On a terminal of another size.
    #[must_use]
    pub(super) fn with_columns(self, columns: u16) -> Self {
        Self { columns: usize::from(columns), ..self }
    }

    /// Moves the border, so that the payload has more or less; false where it stays.
    pub(super) fn move_border(&mut self, more_payload: bool) -> bool {
        let percent = if more_payload { self.percent + STEP } else { self.percent.saturating_sub(STEP) };
        let percent = percent.clamp(LIMITS.0, LIMITS.1);
        std::mem::replace(&mut self.percent, percent) != percent
    }

    /// Moves the border to a column of the screen, or as near as it goes; false where it stays.
    pub(super) fn put_border(&mut self, column: u16) -> bool {
        let payload = self.columns.saturating_sub(usize::from(column));
        let percent = (payload * 100).div_ceil(self.columns.max(1));
        let percent = u16::try_from(percent).unwrap_or(LIMITS.1).clamp(LIMITS.0, LIMITS.1);
        std::mem::replace(&mut self.percent, percent) != percent
    }

    /// Whether list and payload stand beside each other; otherwise the payload is below.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.columns >= WIDE
    }

    /// Columns of the payload in its frame.
    #[must_use]
    pub fn payload_columns(&self) -> usize {
        let is_beside = self.is_wide() && self.payload != PayloadPane::Full;
        let columns = if is_beside { self.columns * usize::from(self.percent) / 100 } else { self.columns };
        columns.saturating_sub(FRAME).max(NARROWEST)
    }

    /// Columns of the list in its frame.
    #[must_use]
    pub fn list_columns(&self) -> usize {
        let is_beside = self.is_wide() && self.payload == PayloadPane::Beside;
        let beside = if is_beside { self.payload_columns() + FRAME - SHARED } else { 0 };
        self.columns.saturating_sub(beside + FRAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_border_goes_where_it_is_put(columns in 100..500_u16, share in 30..70_u16) {
            let mut sharing = Sharing::new(columns);
            let column = columns - u16::try_from(usize::from(columns) * usize::from(share) / 100).unwrap_or(0);
            sharing.put_border(column);
            let border = usize::from(columns) - sharing.payload_columns() - FRAME;
            prop_assert!(border.abs_diff(usize::from(column)) <= usize::from(columns) / 100 + 1, "{border} {column}");
        }

        #[test]
        fn both_sides_fit_a_wide_screen(columns in 100..500_u16, moves: Vec<bool>, payload in 0..3_usize) {
            let mut sharing = Sharing::new(columns);
            moves.into_iter().for_each(|more| {
                sharing.move_border(more);
            });
            sharing.payload = [PayloadPane::Beside, PayloadPane::Full, PayloadPane::Hidden][payload];
            let (list, payload) = (sharing.list_columns(), sharing.payload_columns());
            prop_assert!(list >= 20 && payload >= 20, "{list} {payload}");
            if sharing.payload == PayloadPane::Beside {
                prop_assert_eq!(list + payload + 2 * FRAME - SHARED, usize::from(columns));
            }
        }
    }
}
