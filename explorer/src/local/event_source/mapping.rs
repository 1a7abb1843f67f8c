//! The mapping of one stream: a reader for every shard that may be read, across splits and merges.

use super::EventSourceConfig;
use super::checkpoint::Checkpoints;
use super::invoke::Invoke;
use super::lineage::{Shard, startable};
use super::reader::{Ended, ShardReader};
use super::stop::StopSignal;
use archiver::aws::failure::AwsFailure;
use archiver::format::stream::{StreamArn, StreamName};
use aws_sdk_kinesis::Client;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, JoinSet};

/// Pause before the shards are listed again even if none is exhausted: a list may be out of date.
const RELIST_INTERVAL: Duration = Duration::from_secs(5);

/// Delivers the records of one stream to a function.
#[derive(Debug)]
pub struct Mapping<I> {
    /// Reads the stream.
    pub client: Client,
    pub stream: StreamName,
    /// Gets the records.
    pub invoker: Arc<I>,
    /// How they are delivered.
    pub config: Arc<EventSourceConfig>,
    /// How far they are delivered, including by an earlier mapping of the stream.
    pub checkpoints: Checkpoints,
}

/// The running readers. Dropping it stops them.
#[derive(Default)]
struct Readers {
    tasks: JoinSet<(Shard, Ended)>,
    shards: HashMap<Id, Shard>,
    /// Shards whose readers were stopped.
    stopped: Vec<Shard>,
}

impl<I: Invoke> Mapping<I> {
    /// Runs until it is stopped, then until every record then in the stream is delivered or has failed. Dropping the future stops
    /// it at once; the next mapping delivers again what was not acknowledged.
    pub async fn run(self, mut stop: StopSignal) {
        let mut readers = Readers::default();
        loop {
            let relist_interval = match self.list().await {
                Ok((arn, shards)) => {
                    self.start_readers(&mut readers, &arn, &shards, &stop);
                    if readers.tasks.is_empty() { self.config.poll_interval } else { RELIST_INTERVAL }
                }
                Err(failure) => {
                    tracing::warn!(stream = %self.stream, %failure, "cannot list the stream's shards");
                    self.config.longest_retry_delay
                }
            };
            let is_stopping = stop.is_stopping();
            if is_stopping && readers.tasks.is_empty() {
                return;
            }
            tokio::select! {
                Some(ended) = readers.tasks.join_next_with_id() => self.note_end(&mut readers, ended),
                () = tokio::time::sleep(relist_interval) => {}
                () = stop.stopped(), if !is_stopping => {}
            }
        }
    }

    async fn list(&self) -> Result<(StreamArn, Vec<Shard>), AwsFailure> {
        let summary = self.client.describe_stream_summary().stream_name(self.stream.as_str()).send().await?;
        let arn = summary.stream_description_summary.map(|summary| summary.stream_arn).unwrap_or_default();
        let arn = StreamArn::parse(arn)
            .map_err(|error| AwsFailure { kind: archiver::aws::failure::FailureKind::Service, message: error.to_string() })?;
        let mut shards: Vec<Shard> = Vec::new();
        let mut token: Option<String> = None;
        loop {
            // A call with a token must not name the stream.
            let stream = if token.is_none() { Some(self.stream.to_string()) } else { None };
            let page = self.client.list_shards().set_stream_name(stream).set_next_token(token).send().await?;
            shards.extend(page.shards.unwrap_or_default().into_iter().map(Shard::from));
            token = page.next_token;
            if token.is_none() {
                return Ok((arn, shards));
            }
        }
    }

    fn start_readers(&self, readers: &mut Readers, arn: &StreamArn, shards: &[Shard], stop: &StopSignal) {
        for shard in startable(shards, |shard| self.checkpoints.is_exhausted(&self.stream, shard)) {
            if readers.has(shard) {
                continue;
            }
            let reader = ShardReader {
                client: self.client.clone(),
                stream: arn.clone(),
                shard: shard.clone(),
                invoker: Arc::clone(&self.invoker),
                config: Arc::clone(&self.config),
                checkpoints: self.checkpoints.clone(),
                stop: stop.clone(),
            };
            let read = shard.clone();
            let task = readers.tasks.spawn(async move { (read, reader.run().await) });
            readers.shards.insert(task.id(), shard.clone());
        }
    }

    fn note_end(&self, readers: &mut Readers, ended: Result<(Id, (Shard, Ended)), tokio::task::JoinError>) {
        match ended {
            Ok((id, (shard, ended))) => {
                readers.shards.remove(&id);
                match ended {
                    Ended::Exhausted => self.checkpoints.exhaust(&self.stream, &shard),
                    Ended::Stopped => readers.stopped.push(shard),
                }
            }
            Err(error) => {
                tracing::error!(stream = %self.stream, %error, "the reader of a shard failed and is restarted");
                readers.shards.remove(&error.id());
            }
        }
    }
}

impl Readers {
    fn has(&self, shard: &Shard) -> bool {
        self.stopped.contains(shard) || self.shards.values().any(|running| running == shard)
    }
}
