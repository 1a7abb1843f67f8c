//! A stream's shards. Each has its own task, which reads it from the starting point to its end; then its children follow.

use crate::aws::connect::Connection;
use crate::aws::shard_reader::{ShardCalls, ShardPage, ShardReader, ShardStart};
use crate::aws::shards::{is_open, list};
use crate::domain::failure::Failure;
use crate::domain::reading::following::{FollowFrom, FollowOrder};
use archiver::format::item::StoredItem;
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, Shard};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Between two reads of a shard. All its readers share five a second. Source: Kinesis API reference, GetRecords.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// Records in a read: what a shard takes in two seconds. Source: Kinesis developer guide, quotas.
const MAX_RECORDS: i32 = 2_000;
/// Most pages that wait to be processed; then the readers wait.
const PAGES_WAITING: usize = 4;
/// Iterators requested at the same time at the start.
const ITERATORS_AT_ONCE: usize = 16;

/// One page of a followed shard.
#[derive(Debug)]
pub(super) struct FollowedPage {
    shard: String,
    /// Its records, as the archive would store them.
    pub(super) items: Vec<StoredItem>,
    behind: Option<Duration>,
    /// Everything that arrived before this is in this page or an earlier one.
    reached: Timestamp,
}

/// An event of a stream.
#[derive(Debug)]
pub(super) enum ShardEvent {
    /// A shard was read.
    Read(FollowedPage),
    /// A shard has ended.
    Ended(String),
}

/// The shards of one stream.
#[derive(Debug)]
pub(super) struct Shards {
    stream: StreamName,
    /// Where children are read from. Children of recently open shards are read completely, but a child may also be older than the
    /// time from which the stream is followed.
    children: ShardStart,
    readers: JoinSet<Result<String, Failure>>,
    pages: mpsc::Receiver<FollowedPage>,
    sender: mpsc::Sender<FollowedPage>,
    /// Every shard that is or was followed.
    known: HashSet<String>,
    ended: HashSet<String>,
    behind: HashMap<String, Option<Duration>>,
    /// How far each open shard was read.
    reached: HashMap<String, Timestamp>,
    from: Timestamp,
}

/// Reads one shard and delivers its pages.
struct PageReader {
    shard: String,
    reader: ShardReader,
    pages: mpsc::Sender<FollowedPage>,
}

impl Shards {
    /// Starts to follow; what arrives after this is read.
    pub(super) async fn begin(connection: &Connection, order: &FollowOrder) -> Result<Self, Failure> {
        let (sender, pages) = mpsc::channel(PAGES_WAITING);
        let now = Timestamp::now();
        let (from, start, children) = match order.from {
            FollowFrom::Now => (now, ShardStart::Latest, ShardStart::Oldest),
            FollowFrom::At(at) => (at, ShardStart::At(at), ShardStart::At(at)),
        };
        let mut shards = Self {
            stream: order.stream.clone(),
            children,
            readers: JoinSet::new(),
            pages,
            sender,
            known: HashSet::new(),
            ended: HashSet::new(),
            behind: HashMap::new(),
            reached: HashMap::new(),
            from,
        };
        let listed = list(connection, &shards.stream, &operation(&shards.stream)).await?;
        let ids: HashSet<&str> = listed.iter().map(|shard| shard.shard_id.as_str()).collect();
        // From now on, only open shards count; from a time on, children follow their parents.
        let begins = |shard: &&Shard| match order.from {
            FollowFrom::Now => is_open(shard),
            FollowFrom::At(_) => parents(shard).all(|parent| !ids.contains(parent)),
        };
        // An iterator that expires before the first record must not skip records.
        let resume = ShardStart::At(from);
        let first: Vec<String> = listed.iter().filter(begins).map(|shard| shard.shard_id.clone()).collect();
        // Shards that were already closed are not new children.
        if order.from == FollowFrom::Now {
            shards.known.extend(listed.iter().filter(|shard| !is_open(shard)).map(|shard| shard.shard_id.clone()));
            shards.ended.extend(shards.known.iter().cloned());
        }
        let begun: Vec<PageReader> = futures::stream::iter(first)
            .map(|shard| {
                let (shards, start, resume) = (&shards, &start, resume.clone());
                async move { shards.reader(connection, &shard, start, resume).await }
            })
            .buffer_unordered(ITERATORS_AT_ONCE)
            .try_collect()
            .await?;
        for reader in begun {
            shards.known.insert(reader.shard.clone());
            shards.reached.insert(reader.shard.clone(), from);
            shards.readers.spawn(reader.run());
        }
        Ok(shards)
    }

    /// The next event. While it is not polled, pages wait.
    pub(super) async fn next(&mut self, takes_pages: bool) -> Result<ShardEvent, Failure> {
        tokio::select! {
            // `self` owns a sender, so there always is one.
            Some(page) = self.pages.recv(), if takes_pages => {
                self.behind.insert(page.shard.clone(), page.behind);
                self.reached.entry(page.shard.clone()).and_modify(|reached| *reached = page.reached.max(*reached));
                Ok(ShardEvent::Read(page))
            }
            Some(ended) = self.readers.join_next() => match ended {
                Ok(ended) => ended.map(ShardEvent::Ended),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(error) => Err(Failure::refused(operation(&self.stream), error.to_string())),
                },
            },
            else => std::future::pending().await,
        }
    }

    /// Follows the children of an ended shard, once all their parents have ended.
    pub(super) async fn go_on_after(&mut self, connection: &Connection, ended: String) -> Result<(), Failure> {
        self.behind.remove(&ended);
        // The parent was read to its end, and its children begin there.
        let reached = self.reached.remove(&ended).unwrap_or(self.from);
        self.ended.insert(ended);
        for shard in list(connection, &self.stream, &operation(&self.stream)).await? {
            let is_ready = parents(&shard).all(|parent| self.ended.contains(parent) || !self.known.contains(parent));
            let is_child = parents(&shard).any(|parent| self.ended.contains(parent));
            if is_ready && is_child && self.known.insert(shard.shard_id.clone()) {
                let reader = self.reader(connection, &shard.shard_id, &self.children, self.children.clone()).await?;
                self.reached.insert(shard.shard_id, reached);
                self.readers.spawn(reader.run());
            }
        }
        Ok(())
    }

    /// The time reached by the shard that is furthest behind; `None` if none says so.
    pub(super) fn behind_latest(&self) -> Option<Duration> {
        self.behind.values().copied().max().flatten()
    }

    /// Everything that arrived before this was read, as far as the shards say.
    pub(super) fn reached(&self) -> Option<Timestamp> {
        self.reached.values().copied().min()
    }

    async fn reader(
        &self,
        connection: &Connection,
        shard: &str,
        start: &ShardStart,
        resume: ShardStart,
    ) -> Result<PageReader, Failure> {
        let calls = ShardCalls {
            client: connection.kinesis.clone(),
            stream: self.stream.clone(),
            shard: shard.to_owned(),
            operation: operation(&self.stream),
            max_records: Some(MAX_RECORDS),
        };
        let reader = ShardReader::open(calls, start, resume).await?;
        Ok(PageReader { shard: shard.to_owned(), reader, pages: self.sender.clone() })
    }
}

impl PageReader {
    /// Reads until the shard ends or nothing takes its pages. Returns its name.
    async fn run(mut self) -> Result<String, Failure> {
        loop {
            let (began, asked_at) = (Instant::now(), Timestamp::now());
            let Some(ShardPage { records, behind_latest }) = self.reader.next().await? else {
                return Ok(self.shard);
            };
            let items: Vec<StoredItem> = records.into_iter().map(|record| item_of(record, &self.shard)).collect();
            // If Kinesis does not say how far behind the reader is, the shard counts as read up to its last record, or to its end
            // if it had none.
            let latest = items.last().and_then(|item| item.arrival.as_ref()?.milliseconds());
            let latest = latest.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
            let reached = match (behind_latest, latest) {
                (Some(behind), _) => asked_at - behind,
                (None, latest) => latest.unwrap_or(asked_at),
            };
            let page = FollowedPage { shard: self.shard.clone(), items, behind: behind_latest, reached };
            if self.pages.send(page).await.is_err() || self.reader.is_at_end() {
                return Ok(self.shard);
            }
            tokio::time::sleep_until(began + READ_INTERVAL).await;
        }
    }
}

fn operation(stream: &StreamName) -> String {
    format!("follow stream {stream}")
}

fn parents(shard: &Shard) -> impl Iterator<Item = &str> {
    [&shard.parent_shard_id, &shard.adjacent_parent_shard_id].into_iter().flatten().map(String::as_str)
}

/// A record as the archive would store it.
fn item_of(record: Record, shard: &str) -> StoredItem {
    let mut problems = Vec::new();
    let number = SequenceNumber::parse(record.sequence_number).map_err(|error| problems.push(error.to_string())).ok();
    StoredItem {
        partition_key: record.partition_key.unwrap_or_default(),
        sequence_number: number,
        data: Some(STANDARD.encode(record.data)),
        arrival: record.approximate_arrival_timestamp.and_then(|at| arrival_of(&at)),
        shard_id: Some(shard.to_owned()),
        problems,
        ..StoredItem::default()
    }
}

/// Epoch seconds with a fraction, as in the event source.
fn arrival_of(at: &DateTime) -> Option<ArrivalTime> {
    ArrivalTime::parse(&format!("{}.{:03}", at.secs(), at.subsec_nanos() / 1_000_000)).ok()
}
