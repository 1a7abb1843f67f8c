//! Reads an archive from start to end: one key's items newest first, or the whole table in parallel segments. Items that do not
//! match are dropped while parsing; matches are delivered page by page. After a stop, reading can resume from the position in the
//! ending, which covers exactly what was delivered.

mod matching;
mod pages;
#[cfg(all(test, feature = "local"))]
mod tests;

use super::connect::Connection;
use crate::delivery::{Broken, Delivery, ReadStep, Yield};
use crate::domain::failure::Failure;
use crate::domain::reading::page::PageCursor;
use crate::domain::reading::{ArchiveSource, Position, ReadBatch, ReadEnding, ReadOrder, SegmentPosition};
use jiff::Timestamp;
use matching::{Matched, PageMatcher};
use pages::{ItemPage, Pages, Progress, Slice};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Segments read in parallel, enough to keep two processors busy when answers take 100 ms.
const SEGMENTS_AT_ONCE: usize = 8;
/// Bytes of a table for each segment.
const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;
/// Segments of a small table, or of one whose size is unknown.
const FEWEST_SEGMENTS: usize = SEGMENTS_AT_ONCE;
/// Most segments of a large table; the position of a stopped reading contains each of them.
const MOST_SEGMENTS: usize = 200;
/// Items on the first page: few, so that the first rows come at once.
const FIRST_PAGE_ITEMS: i32 = 250;

/// What all workers of an order share.
struct ArchiveReading {
    pages: Pages,
    matcher: PageMatcher,
    delivery: Delivery,
}

/// Reads the ordered records from this archive until all are read, or `stop` is true or dropped. Items that do not match are only
/// counted. The last batch is sent before this returns.
pub(crate) async fn read(
    connection: &Connection,
    source: &ArchiveSource,
    order: &ReadOrder,
    batches: mpsc::Sender<ReadBatch>,
    mut stop: watch::Receiver<bool>,
) -> ReadEnding {
    let is_query = order.filter.key().is_some();
    let from = match (&order.from, is_query) {
        (Position::Beginning, false) => Position::Scan(vec![SegmentPosition::NotBegun; segments_of(source)]),
        (Position::Beginning, true) | (Position::Scan(_), false) | (Position::Query(_), true) => order.from.clone(),
        (Position::Scan(_) | Position::Query(_) | Position::File(_), _) => {
            let failure = Failure::refused(format!("read table {}", source.table), "the position is that of another order");
            return ReadEnding::Failed(failure, order.from.clone());
        }
    };
    let now = Timestamp::now();
    let reading = Arc::new(ArchiveReading {
        pages: Pages::new(connection, source, &order.filter, now),
        matcher: PageMatcher::new(connection, source, order, now),
        delivery: Delivery::new(batches, from.clone()),
    });
    let work = async {
        match from {
            Position::Query(cursor) => query(&reading, Some(cursor)).await,
            Position::Scan(segments) => scan(&reading, segments).await,
            Position::Beginning | Position::File(_) => query(&reading, None).await,
        }
    };
    let ended = tokio::select! {
        // An error means that the sender was dropped, which is also a reason to stop.
        _ = stop.wait_for(|stops| *stops) => Err(Broken::NobodyListens),
        ended = work => ended,
    };
    let (position, is_complete) = reading.delivery.close().await;
    match ended {
        // If everything was delivered, a stop request does not matter.
        _ if is_complete => ReadEnding::Complete,
        Ok(()) => ReadEnding::Complete,
        Err(Broken::NobodyListens) => ReadEnding::Stopped(position),
        Err(Broken::Failed(failure)) => ReadEnding::Failed(failure, position),
    }
}

fn segments_of(source: &ArchiveSource) -> usize {
    usize::try_from(source.about_bytes / SEGMENT_BYTES).unwrap_or(MOST_SEGMENTS).clamp(FEWEST_SEGMENTS, MOST_SEGMENTS)
}

/// Reads one key's items in order; the next page is fetched while one is processed.
async fn query(reading: &Arc<ArchiveReading>, from: Option<PageCursor>) -> Result<(), Broken> {
    let mut ahead = JoinSet::new();
    let read = |from: Option<PageCursor>, limit: Option<i32>| {
        let reading = Arc::clone(reading);
        async move { reading.pages.read(Slice::Key, from.as_ref(), limit).await }
    };
    let limit = from.is_none().then_some(FIRST_PAGE_ITEMS);
    ahead.spawn(read(from, limit));
    let mut progress = Progress::default();
    while let Some(joined) = ahead.join_next().await {
        let page = finished(joined)??;
        progress.step(reading.pages.table(), page.next.as_ref())?;
        let step = match page.next.clone() {
            Some(next) => {
                ahead.spawn(read(Some(next.clone()), None));
                ReadStep::Query(Some(next))
            }
            None => ReadStep::Query(None),
        };
        reading.hand_over(page, step).await?;
    }
    Ok(())
}

/// Reads all segments, several in parallel; each worker takes the next segment when one is done.
async fn scan(reading: &Arc<ArchiveReading>, segments: Vec<SegmentPosition>) -> Result<(), Broken> {
    let total = segments.len();
    let left = segments.into_iter().enumerate().filter_map(|(segment, position)| match position {
        SegmentPosition::NotBegun => Some((segment, None)),
        SegmentPosition::After(cursor) => Some((segment, Some(cursor))),
        SegmentPosition::Done => None,
    });
    let left: Arc<Vec<(usize, Option<PageCursor>)>> = Arc::new(left.collect());
    let taken = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..SEGMENTS_AT_ONCE.min(left.len()) {
        let (reading, left, taken) = (Arc::clone(reading), Arc::clone(&left), Arc::clone(&taken));
        workers.spawn(async move {
            let mut limit = Some(FIRST_PAGE_ITEMS);
            while let Some((segment, from)) = left.get(taken.fetch_add(1, Ordering::Relaxed)) {
                let limit = limit.take().filter(|_| from.is_none());
                reading.read_segment(Slice::Segment { segment: *segment, total }, from.clone(), limit).await?;
            }
            Ok(())
        });
    }
    while let Some(joined) = workers.join_next().await {
        finished::<Result<(), Broken>>(joined)??;
    }
    Ok(())
}

impl ArchiveReading {
    async fn read_segment(&self, slice: Slice, mut from: Option<PageCursor>, mut limit: Option<i32>) -> Result<(), Broken> {
        let Slice::Segment { segment, .. } = slice else {
            return Ok(());
        };
        let mut progress = Progress::default();
        progress.step(self.pages.table(), from.as_ref())?;
        loop {
            let page = self.pages.read(slice, from.as_ref(), limit.take()).await?;
            progress.step(self.pages.table(), page.next.as_ref())?;
            from = page.next.clone();
            let position = from.clone().map_or(SegmentPosition::Done, SegmentPosition::After);
            self.hand_over(page, ReadStep::Segment(segment, position)).await?;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    async fn hand_over(&self, page: ItemPage, step: ReadStep) -> Result<(), Broken> {
        let ItemPage { items, read, units, next: _ } = page;
        let Matched { records, unsearchable } = self.matcher.pick(items).await?;
        Ok(self.delivery.hand_over(Yield { records, read, unsearchable, units, ..Yield::default() }, step).await?)
    }
}

/// A task's result. A task is aborted only when its result is not needed.
fn finished<T>(joined: Result<T, tokio::task::JoinError>) -> Result<T, Broken> {
    joined.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Broken::NobodyListens,
    })
}
