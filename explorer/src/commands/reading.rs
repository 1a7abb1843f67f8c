//! Reads the selected records and hands them on, in constant memory: as they are found if any order will do, otherwise through a
//! spool, newest first, once everything is read.

use super::CommandError;
use super::output;
use super::progress::{Meter, sentence};
use super::selection::Opened;
use crate::aws::archive::REAL_NUMBER_DIGITS;
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, NO_SHARD, Place};
use crate::domain::reading::{ReadEnding, ReadOrder, ReadProgress, Source};
use crate::domain::record::Record;
use crate::domain::text::{count, counted};
use crate::spool::Spool;
use std::collections::BinaryHeap;
use std::io;
use tokio::sync::watch;

/// In which order records are wanted, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sequence {
    /// As they are found, which prints sooner; otherwise newest first.
    pub(super) as_found: bool,
    /// At most this many: those found first, or the newest.
    pub(super) limit: Option<usize>,
}

/// A consumer of the records that are read.
pub(super) trait Taker: Send {
    /// Takes the next record.
    fn take(&mut self, record: &Record) -> impl Future<Output = Result<(), CommandError>> + Send;

    /// Passes on what was taken, because the next record may take a while.
    fn flush(&mut self) -> Result<(), CommandError>;
}

/// Reads records and hands them to the taker. Returns how far it read: to the end, unless there is a limit.
pub(super) async fn read(
    opened: &Opened,
    sequence: Sequence,
    taker: &mut impl Taker,
    mut meter: Meter,
) -> Result<ReadProgress, CommandError> {
    let mut passing = Passing { sequence, is_in_order: comes_in_order(&opened.order), taken: 0, waiting: Waiting::default() };
    let (stop, stopped) = watch::channel(false);
    let (taker_of_batches, passing_of_batches, meter_of_batches) = (&mut *taker, &mut passing, &mut meter);
    let reading = opened.source.read_into(&opened.order, stopped, |mut batches| async move {
        // Dropping it stops the reading, when there are enough records or one could not be taken.
        let _stop = stop;
        let mut progress = ReadProgress::default();
        while let Some(batch) = batches.recv().await {
            progress = batch.progress;
            for record in &batch.records {
                passing_of_batches.pass(record, taker_of_batches).await?;
                if passing_of_batches.is_enough() {
                    return Ok((progress, true));
                }
            }
            taker_of_batches.flush()?;
            meter_of_batches.show(|| sentence(&progress));
        }
        Ok::<_, CommandError>((progress, false))
    });
    let (ending, (progress, is_enough)) = reading.await?;
    match ending {
        ReadEnding::Failed(failure, _) if !is_enough => return Err(failure.into()),
        ReadEnding::Failed(..) | ReadEnding::Complete | ReadEnding::Stopped(_) => {}
    }
    meter.clear();
    passing.hand_over_waiting(taker).await?;
    taker.flush()?;
    if progress.unsearchable > 0 {
        output::tell(&could_not_be_searched(progress.unsearchable))?;
    }
    if progress.matched == 0 {
        opened.order.filter.hint().map_or(Ok(()), |hint| output::tell(&hint))?;
    }
    Ok(progress)
}

/// Says that this many records may match the filter, because they could not be searched.
pub(super) fn could_not_be_searched(number: u64) -> String {
    let records = counted(number, "record", "records");
    format!("{records} could not be searched and may match; is:unreadable lists all unreadable records")
}

/// Fails if lines of a file were skipped, after the other records were handed on.
pub(super) fn complete(opened: &Opened, progress: &ReadProgress) -> Result<(), CommandError> {
    let (Some(file), Some(sentence)) = (opened.source.file(), progress.bad_lines.sentence()) else {
        return Ok(());
    };
    let operation = format!("read all of file {}", file.path().display());
    let read = counted(progress.read, "other record was", "other records were");
    Err(Failure::refused(operation, format!("{sentence}; its {read} read")).into())
}

/// Whether the source returns records newest first. For a single key it does.
fn comes_in_order(order: &ReadOrder) -> bool {
    matches!(order.source, Source::Archive(_)) && order.filter.key().is_some()
}

/// Hands records on at once, or keeps them until everything is read, depending on the order.
struct Passing {
    sequence: Sequence,
    is_in_order: bool,
    taken: usize,
    waiting: Waiting,
}

impl Passing {
    async fn pass(&mut self, record: &Record, taker: &mut impl Taker) -> Result<(), CommandError> {
        // DynamoDB sorts sequence numbers as text, which is their order only if they have the same length. Other lengths come from
        // emulators.
        let number = &record.id.sequence_number;
        let is_next = self.is_in_order && number.len() == REAL_NUMBER_DIGITS && !number.starts_with('0');
        if self.sequence.as_found || is_next {
            self.taken += 1;
            return taker.take(record).await;
        }
        self.waiting.put(record, self.sequence.limit)
    }

    fn is_enough(&self) -> bool {
        self.sequence.limit.is_some_and(|limit| self.taken >= limit)
    }

    async fn hand_over_waiting(self, taker: &mut impl Taker) -> Result<(), CommandError> {
        let Some(spool) = self.waiting.spool else {
            return Ok(());
        };
        let left = self.sequence.limit.map_or(usize::MAX, |limit| limit - self.taken);
        for entry in self.waiting.entries.into_sorted_vec().into_iter().take(left) {
            let record = spool.get(entry.place()).map_err(|source| Failure::refused("print the records", source.to_string()))?;
            taker.take(&record).await?;
        }
        Ok(())
    }
}

/// Records that are handed on once everything is read.
#[derive(Default)]
struct Waiting {
    spool: Option<Spool>,
    /// The oldest is on top.
    entries: BinaryHeap<Entry>,
}

impl Waiting {
    fn put(&mut self, record: &Record, limit: Option<usize>) -> Result<(), CommandError> {
        let is_full = limit.is_some_and(|limit| self.entries.len() >= limit);
        let compared = Entry::new(record, Place(0), NO_SHARD);
        if is_full && self.entries.peek().is_some_and(|oldest| *oldest < compared) {
            return Ok(());
        }
        let failed = |source: io::Error| Failure::refused("sort the records", source.to_string());
        let spool = match &mut self.spool {
            Some(spool) => spool,
            None => self.spool.insert(Spool::new().map_err(failed)?),
        };
        if spool.is_full() {
            let found = count(self.entries.len() as u64);
            let sentence = format!("there are more than {found} records; narrow the filter, or add --unordered");
            return Err(Failure::refused("sort the records", sentence).into());
        }
        self.entries.push(spool.put(record).map_err(failed)?);
        if is_full {
            self.entries.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use archiver::format::item::StoredItem;
    use archiver::format::record::ArrivalTime;
    use archiver::format::sequence::SequenceNumber;
    use proptest::prelude::*;

    #[derive(Default)]
    struct Taken(Vec<(u32, String)>);

    impl Taker for Taken {
        async fn take(&mut self, record: &Record) -> Result<(), CommandError> {
            let arrived = record.arrived_at.map_or(0, |at| u32::try_from(at.as_second()).unwrap_or_default());
            self.0.push((arrived, record.id.sequence_number.clone()));
            Ok(())
        }

        fn flush(&mut self) -> Result<(), CommandError> {
            Ok(())
        }
    }

    fn record(arrived: u32, number: &str) -> Record {
        Record::new(StoredItem {
            partition_key: "cust-42".to_owned(),
            sequence_number: SequenceNumber::parse(number).ok(),
            arrival: ArrivalTime::parse(&arrived.to_string()).ok(),
            ..StoredItem::default()
        })
    }

    async fn passed(records: &[Record], sequence: Sequence, is_in_order: bool) -> Vec<(u32, String)> {
        let mut passing = Passing { sequence, is_in_order, taken: 0, waiting: Waiting::default() };
        let mut taken = Taken::default();
        for record in records {
            passing.pass(record, &mut taken).await.unwrap();
            if passing.is_enough() {
                return taken.0;
            }
        }
        passing.hand_over_waiting(&mut taken).await.unwrap();
        taken.0
    }

    #[tokio::test]
    async fn of_one_key_the_first_records_are_the_newest_where_numbers_are_kinesis_own() {
        let number = |last: u32| format!("{:055}{last}", 0).replacen('0', "4", 1);
        let records = [3, 2, 1].map(|place| record(place, &number(place)));
        let sequence = Sequence { as_found: false, limit: Some(2) };
        assert_eq!(passed(&records[..2], sequence, true).await.len(), 2, "nothing more is waited for");
        let short = ["9", "5", "10"].map(|number| record(7, number));
        let found = passed(&short, sequence, true).await;
        assert_eq!(found.iter().map(|(_, number)| number.as_str()).collect::<Vec<_>>(), ["10", "9"]);
    }

    proptest! {
        #[test]
        fn the_newest_come_in_their_order(arrivals in proptest::collection::vec(0..50_u32, 0..60), limit in proptest::option::of(1..20_usize)) {
            let records: Vec<Record> = arrivals.iter().zip(1_u32..).map(|(arrived, number)| record(*arrived, &number.to_string())).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let found = runtime.block_on(passed(&records, Sequence { as_found: false, limit }, false));
            let mut expected: Vec<(u32, u32)> = arrivals.iter().copied().zip(1..).collect();
            expected.sort_unstable();
            expected.reverse();
            expected.truncate(limit.unwrap_or(usize::MAX));
            let expected: Vec<(u32, String)> = expected.into_iter().map(|(arrived, number)| (arrived, number.to_string())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
