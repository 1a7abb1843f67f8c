//! The live tail: follows the shards of a stream, through reshards, and hands their records over as they arrive, or as they are seen
//! in the stream's archive. Kinesis allows a shard five reads a second, which the archiver needs too, so this takes one of them.

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

/// Between two looks into the archive, so that one looks for many records.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// Between two times that only the time reached is told.
const REACHED_INTERVAL: Duration = Duration::from_secs(10);

/// Whether a record is there already.
type Known<'c> = dyn Fn(&Record) -> bool + Send + Sync + 'c;

struct Follower<'c> {
    connection: &'c Connection,
    known: &'c Known<'c>,
    stream: &'c str,
    looks: Arc<(Matcher, Recipe)>,
    shards: Shards,
    archive: Option<FollowedArchive>,
    batches: mpsc::Sender<FollowBatch>,
    /// What the other side knows, without the records.
    told: FollowBatch,
}

struct FollowedArchive {
    table: String,
    waiting: Waiting,
    looked_at: Instant,
}

/// Follows what the order asks for, until `stop` is true or dropped, or a call fails for good.
pub async fn follow(
    connection: &Connection,
    order: &FollowOrder,
    batches: mpsc::Sender<FollowBatch>,
    stop: watch::Receiver<bool>,
) -> FollowEnding {
    follow_unknown(connection, order, &|_| false, batches, stop).await
}

/// The same, without the records that are known: they are neither looked for nor handed over.
pub async fn follow_unknown(
    connection: &Connection,
    order: &FollowOrder,
    known: &Known<'_>,
    batches: mpsc::Sender<FollowBatch>,
    mut stop: watch::Receiver<bool>,
) -> FollowEnding {
    tokio::select! {
        // An error means that whoever could stop it is gone, which is the same news.
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
        // With too much to wait for, the stream is not read on, so that memory has a bound.
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

    /// Puts what of a page is handed over at once into the batch; in an archive it is waited for.
    async fn take(&mut self, page: FollowedPage, batch: &mut FollowBatch) {
        let items: Vec<StoredItem> = match &self.archive {
            Some(archive) => page.items.into_iter().flat_map(|item| expected_of(item, archive.waiting.mode())).collect(),
            None => page.items,
        };
        let records: Vec<Record> = items.into_iter().map(Record::new).filter(|record| !(self.known)(record)).collect();
        let looks = Arc::clone(&self.looks);
        // A payload may take long to be looked into.
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

    /// Looks for what is due in the archive.
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
            // What was left unprocessed is looked for again with the rest.
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

/// From arrival to archive, as the item says it.
fn lag_of(item: &StoredItem) -> Option<Duration> {
    let arrived_ms = item.arrival.as_ref()?.milliseconds()?;
    let archived = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", item.last_update.as_deref()?).ok()?;
    let archived_ms = archived.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond();
    // Whole seconds may lie before an arrival in the same second.
    Some(Duration::from_millis(u64::try_from(archived_ms - arrived_ms).unwrap_or(0)))
}
