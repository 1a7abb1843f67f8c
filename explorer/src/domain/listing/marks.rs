//! The marked records: some, one by one, or all that match a filter, with exceptions. "All that match" is kept as the filter itself, so
//! that a million marked records take no memory, and records that arrive later are included.

use crate::domain::filter::RecordFilter;
use crate::domain::record::{Record, RecordId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most records that can be marked one by one. To mark more, mark all that match a filter.
pub const MAX_SINGLE: usize = 20_000;
/// Bytes of archived text they may hold.
pub const MAX_SINGLE_BYTES: u64 = 64 * 1024 * 1024;

/// What is marked.
#[derive(Clone, Debug, PartialEq)]
pub enum Marks {
    Some(BTreeMap<RecordId, Arc<Record>>),
    /// All that match, but these.
    AllBut {
        /// What they match.
        filter: RecordFilter,
        /// What is not marked.
        except: BTreeMap<RecordId, Arc<Record>>,
    },
}

/// Too many records to mark one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("these are too many records to mark one by one; narrow the filter, then mark all matches with a")]
pub struct TooMany;

impl Default for Marks {
    fn default() -> Self {
        Self::Some(BTreeMap::new())
    }
}

impl Marks {
    /// Whether nothing is marked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Some(records) if records.is_empty())
    }

    /// Whether a record is marked, in a list of records that match `filter`.
    #[must_use]
    pub fn contains(&self, id: &RecordId, filter: &RecordFilter) -> bool {
        match self {
            Self::Some(records) => records.contains_key(id),
            Self::AllBut { filter: marked, except } => marked == filter && !except.contains_key(id),
        }
    }

    /// Marks a record, or takes its mark away.
    ///
    /// # Errors
    /// If too many are marked already.
    pub fn toggle(&mut self, record: &Arc<Record>) -> Result<(), TooMany> {
        let records = self.singles();
        if records.remove(&record.id).is_some() {
            return Ok(());
        }
        self.insert(std::iter::once(record))
    }

    /// Marks records.
    ///
    /// # Errors
    /// When they are too many, and then none of them is marked.
    pub fn mark<'r>(&mut self, records: impl Iterator<Item = &'r Arc<Record>>) -> Result<(), TooMany> {
        match self {
            Self::Some(_) => self.insert(records),
            Self::AllBut { except, .. } => {
                records.for_each(|record| {
                    except.remove(&record.id);
                });
                Ok(())
            }
        }
    }

    /// Whether all that match another filter than this are marked: single marks would be taken from those.
    #[must_use]
    pub fn are_of_another(&self, filter: &RecordFilter) -> bool {
        matches!(self, Self::AllBut { filter: marked, .. } if marked != filter)
    }

    /// Inverts the marks among all records that match the filter, and removes the other marks. `matches` says whether a marked record
    /// matches.
    pub fn invert(&mut self, filter: &RecordFilter, matches: impl Fn(&Record) -> bool) {
        *self = match std::mem::take(self) {
            Self::Some(mut except) => {
                except.retain(|_, record| matches(record));
                Self::AllBut { filter: filter.clone(), except }
            }
            Self::AllBut { filter: marked, except } if marked == *filter => Self::Some(except),
            Self::AllBut { .. } => Self::AllBut { filter: filter.clone(), except: BTreeMap::new() },
        };
    }

    /// Marks all that match the filter.
    pub fn mark_all(&mut self, filter: &RecordFilter) {
        *self = Self::AllBut { filter: filter.clone(), except: BTreeMap::new() };
    }

    fn singles(&mut self) -> &mut BTreeMap<RecordId, Arc<Record>> {
        match self {
            Self::Some(records) | Self::AllBut { except: records, .. } => records,
        }
    }

    fn insert<'r>(&mut self, records: impl Iterator<Item = &'r Arc<Record>>) -> Result<(), TooMany> {
        let singles = self.singles();
        let mut bytes: u64 = singles.values().map(|record| record.held_bytes() as u64).sum();
        let mut added = Vec::new();
        for record in records.filter(|record| !singles.contains_key(&record.id)) {
            bytes += record.held_bytes() as u64;
            if singles.len() + added.len() >= MAX_SINGLE || bytes > MAX_SINGLE_BYTES {
                return Err(TooMany);
            }
            added.push((record.id.clone(), Arc::clone(record)));
        }
        singles.extend(added);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::item::StoredItem;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn record(number: usize) -> Arc<Record> {
        Arc::new(Record::new(StoredItem { partition_key: format!("cust-{number}"), ..StoredItem::default() }))
    }

    #[test]
    fn more_than_can_be_held_is_not_marked_in_part() {
        let mut marks = Marks::default();
        let records: Vec<_> = (0..=MAX_SINGLE).map(record).collect();
        assert_eq!(marks.mark(records.iter()), Err(TooMany));
        assert!(marks.is_empty());
        assert_eq!(marks.mark(records[1..].iter()), Ok(()));
        assert_eq!(marks.toggle(&records[0]), Err(TooMany));
    }

    #[test]
    fn marks_outlive_a_change_of_the_filter() {
        let (all, paid) = (RecordFilter::default(), RecordFilter::default().with_key("cust-1"));
        let mut marks = Marks::default();
        marks.toggle(&record(1)).unwrap();
        assert!(marks.contains(&record(1).id, &all) && marks.contains(&record(1).id, &paid));
        marks.mark_all(&paid);
        assert!(marks.contains(&record(1).id, &paid));
        assert!(!marks.contains(&record(1).id, &all), "what matches the one filter is not known from the other's list");
    }

    #[test]
    fn marks_of_one_filter_are_not_counted_among_those_of_another() {
        let (first, second) = (RecordFilter::default().with_key("cust-1"), RecordFilter::default().with_key("cust-2"));
        let mut marks = Marks::default();
        marks.toggle(&record(1)).unwrap();
        marks.invert(&second, |record| record.id.partition_key == "cust-2");
        assert_eq!(marks, Marks::AllBut { filter: second.clone(), except: BTreeMap::new() });
        assert!(marks.are_of_another(&first) && !marks.are_of_another(&second));
        marks.invert(&first, |_| true);
        assert_eq!(marks, Marks::AllBut { filter: first, except: BTreeMap::new() });
    }

    proptest! {
        #[test]
        fn marks_are_a_set(steps in proptest::collection::vec((0..4_u8, 0..6_usize, 0..6_usize), 0..40)) {
            let filter = RecordFilter::default();
            let records: Vec<_> = (0..6).map(record).collect();
            let (mut marks, mut expected) = (Marks::default(), BTreeSet::new());
            for (step, first, second) in steps {
                match step {
                    0 => {
                        marks.toggle(&records[first]).unwrap();
                        if !expected.remove(&first) {
                            expected.insert(first);
                        }
                    }
                    1 => {
                        let range = first.min(second)..=first.max(second);
                        marks.mark(records[range.clone()].iter()).unwrap();
                        expected.extend(range);
                    }
                    2 => {
                        marks.invert(&filter, |_| true);
                        expected = (0..6).filter(|number| !expected.contains(number)).collect();
                    }
                    _ => {
                        marks.mark_all(&filter);
                        expected = (0..6).collect();
                    }
                }
                let marked: BTreeSet<usize> = (0..6).filter(|number| marks.contains(&records[*number].id, &filter)).collect();
                prop_assert_eq!(&marked, &expected);
            }
        }
    }
}
