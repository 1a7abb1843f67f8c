//! Effects that put records into a spool: reading an archive or a file, and following a stream.

use super::outbox::Outbox;
use super::stops::Stop;
use crate::app::ids::RequestId;
use crate::app::message::{FoundRecords, Message, NewRecords, ReadEnd, RecordsMessage, Reply};
use crate::aws::connect::Connection;
use crate::aws::follow::follow_unknown;
use crate::domain::failure::Failure;
use crate::domain::listing::entry::{Entry, Place};
use crate::domain::reading::following::{FollowBatch, FollowEnding, FollowFrom, FollowOrder, FollowStatus};
use crate::domain::reading::{Position, ReadBatch, ReadEnding, ReadOrder, ReadProgress};
use crate::domain::record::Record;
use crate::effects::spools::SharedSpool;
use crate::sources::OpenedSource;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// Between two messages of a reading: about two frames, so that fast reading costs the screen little.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(33);
/// Most pages that wait to be spooled; each holds its items in memory.
const BATCHES_WAITING: usize = 2;

/// Spooled records that were not reported yet.
struct Untold {
    spool: SharedSpool,
    entries: Vec<Entry>,
    shards: Arc<[String]>,
    is_full: bool,
}

impl Untold {
    fn new(spool: SharedSpool) -> Self {
        Self { shards: spool.shards(), spool, entries: Vec::new(), is_full: false }
    }

    fn put(&mut self, records: &[Record]) -> Result<(), Failure> {
        let (entries, shards, is_full) = self.spool.put(records)?;
        self.entries.extend(entries);
        self.is_full = is_full;
        if shards > self.shards.len() {
            self.shards = self.spool.shards();
        }
        Ok(())
    }
}

/// Reads the ordered records into a spool. Reports progress often, and the result at the end.
pub(super) async fn read(
    connection: Connection,
    request: RequestId,
    spool: SharedSpool,
    order: ReadOrder,
    outbox: Outbox,
    Stop { stop, stopped }: Stop,
) {
    let source = match OpenedSource::open(&connection, &order.source).await {
        Ok(source) => source,
        Err(failure) => {
            let result = ReadEnd { ending: ReadEnding::Failed(failure, order.from), is_full: false };
            return outbox.send(Message::Records(RecordsMessage::ReadEnded(Reply { request, result }))).await;
        }
    };
    let put = |waiting| put_batches(request, spool.clone(), waiting, &outbox, &stop);
    let (ending, is_full) = match source.read_into(&order, stopped, put).await {
        Ok((ending, ())) => (ending, spool.is_full()),
        // Records that could not be spooled are behind the position, so only reading again finds them.
        Err(failure) => (ReadEnding::Failed(failure, Position::Beginning), true),
    };
    outbox.send(Message::Records(RecordsMessage::ReadEnded(Reply { request, result: ReadEnd { ending, is_full } }))).await;
}

async fn put_batches(
    request: RequestId,
    spool: SharedSpool,
    mut waiting: mpsc::Receiver<ReadBatch>,
    outbox: &Outbox,
    stop: &watch::Sender<bool>,
) -> Result<(), Failure> {
    let started = Instant::now();
    let mut untold = Untold::new(spool);
    let mut progress = ReadProgress::default();
    // Report the first records at once.
    let mut tell_at = started;
    let mut is_told = true;
    loop {
        let batch = tokio::select! {
            batch = waiting.recv() => batch,
            () = tokio::time::sleep_until(tell_at), if !is_told => {
                tell(request, &mut untold, progress, started.elapsed(), outbox).await;
                tell_at = Instant::now() + MESSAGE_INTERVAL;
                is_told = true;
                continue;
            }
        };
        let Some(batch) = batch else {
            break;
        };
        if let Err(failure) = untold.put(&batch.records) {
            stop.send_replace(true);
            return Err(failure);
        }
        progress = batch.progress;
        is_told = false;
        if untold.is_full {
            stop.send_replace(true);
        }
    }
    if !is_told {
        tell(request, &mut untold, progress, started.elapsed(), outbox).await;
    }
    Ok(())
}

async fn tell(request: RequestId, untold: &mut Untold, progress: ReadProgress, elapsed: Duration, outbox: &Outbox) {
    let entries = std::mem::take(&mut untold.entries);
    let shards = Arc::clone(&untold.shards);
    outbox
        .send(Message::Records(RecordsMessage::Read(Reply {
            request,
            result: FoundRecords { entries, shards, progress, elapsed },
        })))
        .await;
}

/// A spool, and the places of records in it that following would deliver again.
pub(super) struct Known {
    pub(super) spool: SharedSpool,
    pub(super) there: Vec<Place>,
}

/// Spools new records that are not there already, until it is stopped.
pub(super) async fn follow(
    connection: Connection,
    request: RequestId,
    Known { spool, there }: Known,
    order: FollowOrder,
    outbox: Outbox,
    stopped: watch::Receiver<bool>,
) {
    let (batches, mut waiting) = mpsc::channel::<FollowBatch>(BATCHES_WAITING);
    let since = match order.from {
        FollowFrom::Now => Timestamp::now(),
        FollowFrom::At(at) => at,
    };
    if let Err(failure) = remember(spool.clone(), there, since).await {
        return outbox.send(Message::Records(RecordsMessage::FollowEnded(Reply { request, result: Some(failure) }))).await;
    }
    let known = {
        let spool = spool.clone();
        move |record: &Record| spool.has(record)
    };
    let put = async {
        let mut untold = Untold::new(spool);
        let mut status = FollowStatus::default();
        while let Some(batch) = waiting.recv().await {
            if untold.is_full {
                return Err(Failure::refused("keep more records", "the list is full; press F5 or change the filter to start over"));
            }
            untold.put(&batch.records)?;
            status = status.after(&batch);
            let entries = std::mem::take(&mut untold.entries);
            let shards = Arc::clone(&untold.shards);
            outbox
                .send(Message::Records(RecordsMessage::Followed(Reply { request, result: NewRecords { entries, shards, status } })))
                .await;
        }
        Ok(())
    };
    let failure = tokio::select! {
        (ending, put) = async { tokio::join!(follow_unknown(&connection, &order, &known, batches, stopped), put) } => match (ending, put) {
            (_, Err(failure)) | (FollowEnding::Failed(failure), Ok(())) => Some(failure),
            (FollowEnding::Stopped, Ok(())) => None,
        },
    };
    outbox.send(Message::Records(RecordsMessage::FollowEnded(Reply { request, result: failure }))).await;
}

async fn remember(spool: SharedSpool, there: Vec<Place>, since: Timestamp) -> Result<(), Failure> {
    let remembered = tokio::task::spawn_blocking(move || spool.remember(&there, since)).await;
    remembered.unwrap_or_else(|error| Err(Failure::refused("search the records that were read", error.to_string())))
}
