//! The shards of a stream, each read by a task of its own from where following begins to its end, and then its children.

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

/// Between two reads of a shard. It allows five a second to all its readers. Source: Kinesis API reference, GetRecords.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// Records of a read: as many as are put into a shard in two seconds. Source: Kinesis developer guide, quotas.
const MAX_RECORDS: i32 = 2_000;
/// Pages that wait to be looked at; the readers wait when there are more.
const PAGES_WAITING: usize = 4;
/// First iterators asked for at once.
const ITERATORS_AT_ONCE: usize = 16;

/// What a followed shard had at one time.
#[derive(Debug)]
pub(super) struct FollowedPage {
    shard: String,
    /// Its records as the archive would hold them.
    pub(super) items: Vec<StoredItem>,
    behind: Option<Duration>,
    /// All that arrived before this is in this page or in one before.
    reached: Timestamp,
}

/// What happens to a stream.
#[derive(Debug)]
pub(super) enum ShardEvent {
    /// A shard was read.
    Read(FollowedPage),
    /// A shard has come to its end.
    Ended(String),
}

/// The shards of one stream.
#[derive(Debug)]
pub(super) struct Shards {
    stream: StreamName,
    /// Where children are read from. Those of shards that were open lately are read whole, but one may also be older than the time
    /// from which the stream is followed.
    children: ShardStart,
    readers: JoinSet<Result<String, Failure>>,
    pages: mpsc::Receiver<FollowedPage>,
    sender: mpsc::Sender<FollowedPage>,
    /// Every shard that is or was followed.
    known: HashSet<String>,
    ended: HashSet<String>,
    behind: HashMap<String, Option<Duration>>,
    /// Up to when each shard that is being read was read.
    reached: HashMap<String, Timestamp>,
    from: Timestamp,
}

/// Reads one shard, and hands its pages over.
struct PageReader {
    shard: String,
    reader: ShardReader,
    pages: mpsc::Sender<FollowedPage>,
}

impl Shards {
    /// Begins to follow: what arrives after this is read.
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
        // From now on only the open ones count; from a time on children follow their parents.
        let begins = |shard: &&Shard| match order.from {
            FollowFrom::Now => is_open(shard),
            FollowFrom::At(_) => parents(shard).all(|parent| !ids.contains(parent)),
        };
        // An iterator that expires before anything has arrived must not skip what does meanwhile.
        let resume = ShardStart::At(from);
        let first: Vec<String> = listed.iter().filter(begins).map(|shard| shard.shard_id.clone()).collect();
        // What was closed before is no child to be found later.
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

    /// What happens next; pages wait while they are not taken.
    pub(super) async fn next(&mut self, takes_pages: bool) -> Result<ShardEvent, Failure> {
        tokio::select! {
            // There is always a sender: ours.
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

    /// Follows the children of a shard that has ended, as soon as all their parents have.
    pub(super) async fn go_on_after(&mut self, connection: &Connection, ended: String) -> Result<(), Failure> {
        self.behind.remove(&ended);
        // What the parent has was read to its end, and the children begin there.
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

    /// How far the shard that is farthest behind is; `None` where none says so.
    pub(super) fn behind_latest(&self) -> Option<Duration> {
        self.behind.values().copied().max().flatten()
    }

    /// All that arrived before this was taken, as far as the shards say.
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
    /// Reads until the shard has ended, or nobody takes its pages; gives back its name.
    async fn run(mut self) -> Result<String, Failure> {
        loop {
            let (began, asked_at) = (Instant::now(), Timestamp::now());
            let Some(ShardPage { records, behind_latest }) = self.reader.next().await? else {
                return Ok(self.shard);
            };
            let items: Vec<StoredItem> = records.into_iter().map(|record| item_of(record, &self.shard)).collect();
            // Without a word of how far behind it is, a shard is read as far as what it gave, or to its end where it gave nothing.
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

/// A record as the archive would hold it.
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

/// Epoch seconds with their fraction, as the event source has them.
fn arrival_of(at: &DateTime) -> Option<ArrivalTime> {
    ArrivalTime::parse(&format!("{}.{:03}", at.secs(), at.subsec_nanos() / 1_000_000)).ok()
}
