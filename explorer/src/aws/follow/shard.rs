//! The shards of a stream, each read by a task of its own from where following begins to its end, and then its children.

use crate::aws::arn_of;
use crate::aws::connect::Connection;
use crate::aws::retry::with_retries;
use crate::aws::shards::{is_open, list};
use crate::domain::failure::Failure;
use crate::domain::reading::following::{FollowFrom, FollowOrder};
use archiver::format::item::StoredItem;
use archiver::format::record::ArrivalTime;
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, Shard, ShardIteratorType};
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

/// What a shard had at one time.
#[derive(Debug)]
pub(super) struct Page {
    shard: String,
    /// Its records as the archive would hold them.
    pub(super) items: Vec<StoredItem>,
    behind: Option<Duration>,
    /// All that arrived before this is in this page or in one before.
    reached: Timestamp,
}

/// What happens to a stream.
#[derive(Debug)]
pub(super) enum Event {
    /// A shard was read.
    Read(Page),
    /// A shard has come to its end.
    Ended(String),
}

/// The shards of one stream.
#[derive(Debug)]
pub(super) struct Shards {
    stream: StreamName,
    /// Where children are read from. Those of shards that were open lately are read whole, but one may also be older than the time
    /// from which the stream is followed.
    children: Start,
    readers: JoinSet<Result<String, Failure>>,
    pages: mpsc::Receiver<Page>,
    sender: mpsc::Sender<Page>,
    /// Every shard that is or was followed.
    known: HashSet<String>,
    ended: HashSet<String>,
    behind: HashMap<String, Option<Duration>>,
    /// Up to when each shard that is being read was read.
    reached: HashMap<String, Timestamp>,
    from: Timestamp,
}

/// Where the reading of a shard begins.
#[derive(Clone, Debug)]
enum Start {
    Latest,
    At(Timestamp),
    After(SequenceNumber),
    Beginning,
}

struct Reader {
    client: Client,
    stream: StreamName,
    shard: String,
    pages: mpsc::Sender<Page>,
    /// Where it goes on when the iterator is no longer good.
    reached: Start,
}

impl Shards {
    /// Begins to follow: what arrives after this is read.
    pub(super) async fn begin(connection: &Connection, order: &FollowOrder) -> Result<Self, Failure> {
        let (sender, pages) = mpsc::channel(PAGES_WAITING);
        let now = Timestamp::now();
        let (from, start, children) = match order.from {
            FollowFrom::Now => (now, Start::Latest, Start::Beginning),
            FollowFrom::At(at) => (at, Start::At(at), Start::At(at)),
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
        let first: Vec<Reader> = listed
            .iter()
            .filter(begins)
            .map(|shard| {
                // An iterator that expires before anything has arrived must not skip what does meanwhile.
                let reached = Start::At(from);
                shards.reader(connection, &shard.shard_id, reached)
            })
            .collect();
        // What was closed before is no child to be found later.
        if order.from == FollowFrom::Now {
            shards.known.extend(listed.iter().filter(|shard| !is_open(shard)).map(|shard| shard.shard_id.clone()));
            shards.ended.extend(shards.known.iter().cloned());
        }
        let begun: Vec<(Reader, String)> = futures::stream::iter(first)
            .map(|reader| async {
                let iterator = reader.iterator(&start).await?;
                Ok::<_, Failure>((reader, iterator))
            })
            .buffer_unordered(ITERATORS_AT_ONCE)
            .try_collect()
            .await?;
        for (reader, iterator) in begun {
            shards.known.insert(reader.shard.clone());
            shards.reached.insert(reader.shard.clone(), from);
            shards.readers.spawn(reader.run(iterator));
        }
        Ok(shards)
    }

    /// What happens next; pages wait while they are not taken.
    pub(super) async fn next(&mut self, takes_pages: bool) -> Result<Event, Failure> {
        tokio::select! {
            // There is always a sender: ours.
            Some(page) = self.pages.recv(), if takes_pages => {
                self.behind.insert(page.shard.clone(), page.behind);
                self.reached.entry(page.shard.clone()).and_modify(|reached| *reached = page.reached.max(*reached));
                Ok(Event::Read(page))
            }
            Some(ended) = self.readers.join_next() => match ended {
                Ok(ended) => ended.map(Event::Ended),
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
                let start = self.children.clone();
                let reader = self.reader(connection, &shard.shard_id, start.clone());
                let iterator = reader.iterator(&start).await?;
                self.reached.insert(shard.shard_id, reached);
                self.readers.spawn(reader.run(iterator));
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

    fn reader(&self, connection: &Connection, shard: &str, reached: Start) -> Reader {
        Reader {
            client: connection.kinesis.clone(),
            stream: self.stream.clone(),
            shard: shard.to_owned(),
            pages: self.sender.clone(),
            reached,
        }
    }
}

impl Reader {
    /// Reads until the shard has ended; gives back its name.
    async fn run(mut self, mut iterator: String) -> Result<String, Failure> {
        loop {
            let (began, asked_at) = (Instant::now(), Timestamp::now());
            let answer = with_retries(|| self.read(&iterator)).await?;
            let Some(output) = answer else {
                iterator = self.iterator(&self.reached).await?;
                continue;
            };
            let behind = output.millis_behind_latest.and_then(|behind| u64::try_from(behind).ok()).map(Duration::from_millis);
            let items: Vec<StoredItem> = output.records.into_iter().map(|record| item_of(record, &self.shard)).collect();
            if let Some(number) = items.iter().rev().find_map(|item| item.sequence_number.clone()) {
                self.reached = Start::After(number);
            }
            // Without a word of how far behind it is, a shard is read as far as what it gave, or to its end where it gave nothing.
            let latest = items.last().and_then(|item| item.arrival.as_ref()?.milliseconds());
            let latest = latest.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok());
            let reached = match (behind, latest) {
                (Some(behind), _) => asked_at - behind,
                (None, latest) => latest.unwrap_or(asked_at),
            };
            let page = Page { shard: self.shard.clone(), items, behind, reached };
            match output.next_shard_iterator {
                _ if self.pages.send(page).await.is_err() => return Ok(self.shard),
                Some(next) => iterator = next,
                None => return Ok(self.shard),
            }
            tokio::time::sleep_until(began + READ_INTERVAL).await;
        }
    }

    /// What the shard has behind an iterator; `None` where the iterator has expired.
    async fn read(&self, iterator: &str) -> Result<Option<aws_sdk_kinesis::operation::get_records::GetRecordsOutput>, Failure> {
        let call = self.client.get_records().shard_iterator(iterator).set_stream_arn(arn_of(&self.stream));
        match call.limit(MAX_RECORDS).send().await {
            Ok(output) => Ok(Some(output)),
            Err(SdkError::ServiceError(error)) if error.err().is_expired_iterator_exception() => Ok(None),
            Err(error) => Err(Failure::of_call(operation(&self.stream), "kinesis:GetRecords", error.into())),
        }
    }

    async fn iterator(&self, start: &Start) -> Result<String, Failure> {
        with_retries(|| async {
            let call = self
                .client
                .get_shard_iterator()
                .stream_name(self.stream.as_str())
                .set_stream_arn(arn_of(&self.stream))
                .shard_id(&self.shard);
            let call = match start {
                Start::Latest => call.shard_iterator_type(ShardIteratorType::Latest),
                Start::Beginning => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
                Start::At(at) => {
                    let at = DateTime::from_millis(at.as_millisecond());
                    call.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(at)
                }
                Start::After(number) => {
                    let call = call.shard_iterator_type(ShardIteratorType::AfterSequenceNumber);
                    call.starting_sequence_number(number.as_str())
                }
            };
            let output = call.send().await;
            let output =
                output.map_err(|error| Failure::of_call(operation(&self.stream), "kinesis:GetShardIterator", error.into()))?;
            output.shard_iterator.ok_or_else(|| Failure::refused(operation(&self.stream), "the answer has no shard iterator"))
        })
        .await
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
