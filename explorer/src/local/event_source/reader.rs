//! Reads one shard from its checkpoint to its end, and delivers its records.

use super::backlog::{Backlog, GivenUp};
use super::checkpoint::Checkpoints;
use super::invoke::Invoke;
use super::lineage::Shard;
use super::stop::StopSignal;
use super::{EventSourceConfig, destination};
use crate::aws::range::stream_record;
use crate::aws::shard_reader::{ShardCalls, ShardStart};
use crate::domain::failure::Failure;
use crate::domain::lambda::event::{Source, StreamRecord, event_of};
use archiver::format::sequence::SequenceNumber;
use archiver::format::stream::StreamArn;
use archiver::function::response::BatchResponse;
use aws_sdk_kinesis::Client;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Pause before a batch is retried the first time; doubled with every retry.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Records put close together are delivered together: the reader waits this long after the first one.
const GATHERING_TIME: Duration = Duration::from_millis(20);
/// Records one GetRecords call gives at most. Source: Kinesis API reference, GetRecords.
const MAX_RECORDS_READ: usize = 10_000;

/// How the reading of a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The shard is closed and all its records are done.
    Exhausted,
    /// It was stopped; every record it had read is done, or will be delivered again.
    Stopped,
}

pub(super) struct ShardReader<I> {
    pub(super) client: Client,
    pub(super) stream: StreamArn,
    pub(super) shard: Shard,
    pub(super) invoker: Arc<I>,
    pub(super) config: Arc<EventSourceConfig>,
    pub(super) checkpoints: Checkpoints,
    pub(super) stop: StopSignal,
}

struct Page {
    records: Vec<StreamRecord>,
    /// `None` at the end of a closed shard.
    next_iterator: Option<String>,
}

impl<I: Invoke> ShardReader<I> {
    /// Reads until the shard is exhausted. When stopped, it first delivers what the shard has.
    pub(super) async fn run(mut self) -> Ended {
        let mut iterator = None;
        loop {
            // Noted before the read: records put during the read may be missing from it.
            let puts = self.config.arrivals.as_ref().map(|arrivals| arrivals.count(self.stream.stream_name()));
            let page = match self.read(iterator.take()).await {
                Ok(page) => page,
                Err(failure) => {
                    tracing::warn!(stream = %self.stream.stream_name(), shard = %self.shard.id, %failure, "cannot read the shard");
                    if self.stop.is_stopping() {
                        return Ended::Stopped;
                    }
                    self.pause(self.config.longest_retry_delay).await;
                    continue;
                }
            };
            let count = page.records.len();
            if !self.deliver(page.records).await {
                return Ended::Stopped;
            }
            if page.next_iterator.is_none() {
                return Ended::Exhausted;
            }
            iterator = page.next_iterator;
            if self.stop.is_stopping() {
                if count == 0 {
                    return Ended::Stopped;
                }
            } else if count < self.limit() {
                self.await_records(puts).await;
            }
        }
    }

    async fn await_records(&mut self, known_puts: Option<u64>) {
        let config = Arc::clone(&self.config);
        let stream = self.stream.stream_name().clone();
        let put = async {
            match (&config.arrivals, known_puts) {
                (Some(arrivals), Some(known_puts)) => arrivals.more_than(known_puts, &stream).await,
                _ => std::future::pending().await,
            }
        };
        let is_put = tokio::select! {
            () = put => true,
            () = self.pause(config.poll_interval) => false,
        };
        if is_put {
            self.pause(GATHERING_TIME.min(config.poll_interval)).await;
        }
    }

    fn limit(&self) -> usize {
        self.config.batch_size.clamp(1, MAX_RECORDS_READ)
    }

    async fn read(&self, iterator: Option<String>) -> Result<Page, Failure> {
        let calls = ShardCalls {
            client: self.client.clone(),
            stream: self.stream.stream_name().clone(),
            shard: self.shard.id.as_str().to_owned(),
            operation: format!("read shard {} of stream {}", self.shard.id, self.stream.stream_name()),
            max_records: Some(i32::try_from(self.limit()).unwrap_or(i32::MAX)),
        };
        let iterator = match iterator {
            Some(iterator) => iterator,
            None => calls.iterator(&self.start()).await?,
        };
        let output = match calls.records(&iterator).await? {
            Some(output) => output,
            None => return Err(Failure::refused(calls.operation, "its iterator expired; the shard is read again")),
        };
        let records = output.records.into_iter().map(stream_record).collect::<Result<Vec<_>, _>>();
        let records = records.map_err(|error| Failure::refused(calls.operation, error.to_string()))?;
        Ok(Page { records, next_iterator: output.next_shard_iterator })
    }

    /// Just after the last record that is done.
    fn start(&self) -> ShardStart {
        let done = self.checkpoints.done(self.stream.stream_name(), &self.shard);
        done.map_or(ShardStart::Oldest, |done| ShardStart::After(done.clone()))
    }

    /// Delivers until every record is acknowledged or given up; `false` if it was stopped before that.
    async fn deliver(&mut self, records: Vec<StreamRecord>) -> bool {
        let source = Source { stream: self.stream.clone(), shard: self.shard.id.clone() };
        let mut backlog = Backlog::new(self.config.retry, records);
        loop {
            if let Some(given_up) = backlog.give_up_old(Timestamp::now().as_millisecond()) {
                if !self.put_aside(&source, &given_up, None).await {
                    return false;
                }
                continue;
            }
            let Some(batch) = backlog.next() else {
                return true;
            };
            let answer = self.invoke(&source, batch).await;
            let step = backlog.answered(&answer);
            if let Some(number) = step.acknowledged {
                self.advance(number);
            }
            if let Some(given_up) = step.given_up
                && !self.put_aside(&source, &given_up, answer.as_ref().err().map(String::as_str)).await
            {
                return false;
            }
            if step.failed_tries > 0 {
                self.report(&answer, step.failed_tries);
                if self.stop.is_stopping() {
                    return false;
                }
                self.pause(retry_delay(step.failed_tries, self.config.longest_retry_delay)).await;
            }
        }
    }

    async fn invoke(&self, source: &Source, batch: &[StreamRecord]) -> Result<BatchResponse, String> {
        let event = event_of(source, batch).map_err(|error| error.to_string())?;
        self.invoker.invoke(event).await
    }

    /// Warns once about a batch that is held up, not with every retry.
    fn report(&self, answer: &Result<BatchResponse, String>, failed_tries: u32) {
        let (stream, shard) = (self.stream.stream_name(), &self.shard.id);
        match answer {
            Err(error) if failed_tries == 1 => tracing::warn!(%stream, %shard, error, "batch failed and will be retried"),
            Err(error) => tracing::debug!(%stream, %shard, error, failed_tries, "batch failed again"),
            Ok(response) => {
                let failed = response.batch_item_failures.len();
                tracing::warn!(%stream, %shard, failed, failed_tries, "records failed and will be retried");
            }
        }
    }

    /// Writes to the failure destination until that succeeds, because these records are kept nowhere else. `false` if it was
    /// stopped before that.
    async fn put_aside(&mut self, source: &Source, given_up: &GivenUp, last_error: Option<&str>) -> bool {
        loop {
            match destination::write(&self.config.failures, source, given_up, last_error).await {
                Ok(file) => {
                    let records = given_up.records.len();
                    let condition = given_up.condition.as_str();
                    tracing::error!(stream = %source.stream, records, condition, last_error, file = %file.display(), "records moved to the failure destination");
                    if let Some(last) = given_up.records.last() {
                        self.advance(last.sequence_number.clone());
                    }
                    return true;
                }
                Err(error) => {
                    let folder = self.config.failures.display();
                    tracing::error!(stream = %source.stream, %folder, %error, "cannot write to the failure destination");
                }
            }
            if self.stop.is_stopping() {
                return false;
            }
            self.pause(self.config.longest_retry_delay).await;
        }
    }

    fn advance(&self, number: SequenceNumber) {
        self.checkpoints.advance(self.stream.stream_name(), &self.shard, number);
    }

    async fn pause(&mut self, duration: Duration) {
        tokio::select! {
            () = tokio::time::sleep(duration) => {}
            () = self.stop.stopped() => {}
        }
    }
}

fn retry_delay(failed_tries: u32, longest: Duration) -> Duration {
    FIRST_RETRY_DELAY.saturating_mul(2_u32.saturating_pow(failed_tries.saturating_sub(1).min(16))).min(longest)
}
