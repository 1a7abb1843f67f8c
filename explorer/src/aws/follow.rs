//! The live tail: follows a stream's shards through reshards, and delivers records as they arrive, or as they appear in the
//! stream's archive. Kinesis allows five reads a second on a shard, and the archiver needs them too, so this uses one.

mod shard;
#[cfg(all(test, feature = "local"))]
pub(crate) mod tests;
mod waiting;

use super::archive::{MAX_BATCH_KEYS, batch_of};
use super::connect::Connection;
use crate::aws::retry::with_retries;
use crate::delivery::{Broken, NobodyListens};
use crate::domain::decode::Recipe;
use crate::domain::failure::Failure;
use crate::domain::filter::{Answer, Matcher};
use crate::domain::reading::following::{FollowBatch, FollowEnding, FollowOrder, Followed};
use crate::domain::record::Record;
use crate::off_workers::off_workers;
use archiver::format::item::StoredItem;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use jiff::Timestamp;
use shard::{FollowedPage, ShardEvent, Shards};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use waiting::{Waiting, expected_of};

/// Between two lookups in the archive, so that one lookup covers many records.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Between two updates that only report the time reached.
const REACHED_INTERVAL: Duration = Duration::from_secs(10);

/// Whether a record is already there.
type Known<'c> = dyn Fn(&Record) -> bool + Send + Sync + 'c;

struct Follower<'c> {
    connection: &'c Connection,
    known: &'c Known<'c>,
    stream: &'c str,
    looks: Arc<(Matcher, Recipe)>,
    shards: Shards,
    archive: Option<FollowedArchive>,
    batches: mpsc::Sender<FollowBatch>,
    /// The consumer's state, without the records.
    told: FollowBatch,
}

struct FollowedArchive {
    table: String,
    waiting: Waiting,
    looked_at: Instant,
}

/// Follows a stream until `stop` is true or dropped, or a call fails for good.
pub async fn follow(
    connection: &Connection,
    order: &FollowOrder,
    batches: mpsc::Sender<FollowBatch>,
    stop: watch::Receiver<bool>,
) -> FollowEnding {
    follow_unknown(connection, order, &|_| false, batches, stop).await
}

/// The same, but skips the records that are already known.
pub async fn follow_unknown(
    connection: &Connection,
    order: &FollowOrder,
    known: &Known<'_>,
    batches: mpsc::Sender<FollowBatch>,
    mut stop: watch::Receiver<bool>,
) -> FollowEnding {
    tokio::select! {
        // An error means that the sender was dropped, which is also a reason to stop.
        _ = stop.wait_for(|stops| *stops) => FollowEnding::Stopped,
        broken = run(connection, order, known, batches) => match broken {
            Broken::NobodyListens => FollowEnding::Stopped,
            Broken::Failed(failure) => FollowEnding::Failed(failure),
        },
    }
}

async fn run(connection: &Connection, order: &FollowOrder, known: &Known<'_>, batches: mpsc::Sender<FollowBatch>) -> Broken {
    let shards = match Shards::begin(connection, order).await {
        Ok(shards) => shards,
        Err(failure) => return Broken::Failed(failure),
    };
    let archive = match &order.followed {
        Followed::Stream => None,
        Followed::Archive { table, mode } => {
            Some(FollowedArchive { table: table.clone(), waiting: Waiting::new(*mode), looked_at: Instant::now() })
        }
    };
    let mut following = Follower {
        connection,
        known,
        stream: order.stream.as_str(),
        looks: Arc::new((order.filter.matcher(Timestamp::now()), order.recipe.clone())),
        shards,
        archive,
        batches,
        told: FollowBatch::default(),
    };
    if following.batches.send(FollowBatch::default()).await.is_err() {
        return Broken::NobodyListens;
    }
    loop {
        if let Err(broken) = following.step().await {
            return broken;
        }
    }
}

impl Follower<'_> {
    async fn step(&mut self) -> Result<(), Broken> {
        let look_at = self
            .archive
            .as_ref()
            .and_then(|archive| archive.waiting.next_due().map(|due| due.max(archive.looked_at + LOOK_INTERVAL)));
        // If too many records are waiting, the stream is not read further, so that memory stays bounded.
        let takes_pages = self.archive.as_ref().is_none_or(|archive| !archive.waiting.is_full());
        let look = async {
            match look_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let mut batch = FollowBatch::default();
        let event = tokio::select! {
            event = self.shards.next(takes_pages) => Some(event?),
            () = look => None,
        };
        match event {
            Some(ShardEvent::Read(page)) => self.take(page, &mut batch).await,
            Some(ShardEvent::Ended(shard)) => self.shards.go_on_after(self.connection, shard).await?,
            None => self.look(&mut batch).await?,
        }
        Ok(self.tell(batch).await?)
    }

    /// Adds a page's records to the batch; for an archive, waits for them first.
    async fn take(&mut self, page: FollowedPage, batch: &mut FollowBatch) {
        let items: Vec<StoredItem> = match &self.archive {
            Some(archive) => page.items.into_iter().flat_map(|item| expected_of(item, archive.waiting.mode())).collect(),
            None => page.items,
        };
        let records: Vec<Record> = items.into_iter().map(Record::new).filter(|record| !(self.known)(record)).collect();
        let looks = Arc::clone(&self.looks);
        // Checking a payload may take long.
        let looked = off_workers(move |cancelled| {
            let (matcher, recipe) = &*looks;
            let now = Timestamp::now();
            let looked_at = records.into_iter().take_while(|_| !cancelled.is_so());
            looked_at.map(|record| (matcher.of_record_here(&record, recipe, now), record)).collect::<Vec<_>>()
        });
        for (answer, record) in looked.await {
            match (answer, &mut self.archive) {
                (Answer::No, _) => {}
                (Answer::Unknown, _) => batch.unsearchable += 1,
                (Answer::Yes, Some(archive)) => archive.waiting.expect(&record.item, Instant::now()),
                (Answer::Yes, None) => batch.records.push(record),
            }
        }
    }

    /// Looks up the records that are due in the archive.
    async fn look(&mut self, batch: &mut FollowBatch) -> Result<(), Failure> {
        let Some(archive) = &mut self.archive else {
            return Ok(());
        };
        archive.looked_at = Instant::now();
        let due = archive.waiting.due(archive.looked_at);
        for keys in due.chunks(MAX_BATCH_KEYS) {
            let operation = || format!("look for records of stream {} in table {}", self.stream, archive.table);
            let answer = with_retries(|| async {
                let wanted = KeysAndAttributes::builder().set_keys(Some(keys.iter().map(waiting::Key::to_attributes).collect()));
                let wanted = wanted.build().map_err(|error| Failure::refused(operation(), error.to_string()))?;
                let call = self.connection.dynamodb.batch_get_item().request_items(&archive.table, wanted).send().await;
                call.map_err(|error| Failure::of_call(operation(), "dynamodb:BatchGetItem", error.into()))
            });
            // Unprocessed keys are looked up again with the rest.
            let (items, _) = batch_of(answer.await?, &archive.table).map_err(|fault| Failure::refused(operation(), fault))?;
            let found = archive.waiting.found(items.into_iter().map(StoredItem::from_attributes));
            batch.lag = batch.lag.max(found.iter().filter_map(lag_of).max());
            batch.records.extend(found.into_iter().map(Record::new));
            archive.waiting.not_found(keys, Instant::now());
        }
        batch.records.sort_by(|left, right| right.newest_first(left));
        Ok(())
    }

    async fn tell(&mut self, mut batch: FollowBatch) -> Result<(), NobodyListens> {
        if let Some(archive) = &self.archive {
            (batch.waiting, batch.missing) = (archive.waiting.len(), archive.waiting.missing());
        }
        batch.behind_latest = self.shards.behind_latest();
        let oldest = self.archive.as_ref().and_then(|archive| archive.waiting.oldest_arrival());
        batch.reached = self.shards.reached().map(|reached| oldest.map_or(reached, |oldest| oldest.min(reached)));
        let FollowBatch { waiting, missing, behind_latest, reached, .. } = batch;
        let told = FollowBatch { waiting, missing, behind_latest, reached, ..FollowBatch::default() };
        let is_further = match (self.told.reached, reached) {
            (Some(told), Some(reached)) => reached.duration_since(told).unsigned_abs() >= REACHED_INTERVAL,
            (told, reached) => told != reached,
        };
        let same_reached = FollowBatch { reached: self.told.reached, ..told.clone() };
        if batch.records.is_empty() && batch.unsearchable == 0 && same_reached == self.told && !is_further {
            return Ok(());
        }
        self.told = told;
        self.batches.send(batch).await.map_err(|_| NobodyListens)
    }
}

/// The time from arrival to archiving, according to the item.
fn lag_of(item: &StoredItem) -> Option<Duration> {
    let arrived_ms = item.arrival.as_ref()?.milliseconds()?;
    let archived = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", item.last_update.as_deref()?).ok()?;
    let archived_ms = archived.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    // Times in whole seconds may be before an arrival in the same second.
    Some(Duration::from_millis(u64::try_from(archived_ms - arrived_ms).unwrap_or(0)))
}
