//! Runs a mapping for every stream for as long as it carries an archive tag.

use super::EventSourceConfig;
use super::checkpoint::Checkpoints;
use super::invoke::Invoke;
use super::mapping::Mapping;
use super::stop::StopSignal;
use archiver::aws::failure::AwsFailure;
use archiver::format::settings::is_archive_tag;
use archiver::format::stream::StreamName;
use aws_sdk_kinesis::Client;
use futures::StreamExt as _;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::{AbortHandle, JoinSet};

/// Stream names asked for in one ListStreams call. Source: Kinesis API reference, ListStreams allows up to 10,000.
const NAMES_PER_PAGE: i32 = 100;
/// Tag reads at the same time.
const TAG_READS_IN_FLIGHT: usize = 8;

pub type StreamTags = BTreeMap<String, String>;
/// All streams, with their tags.
pub type Inventory = BTreeMap<StreamName, StreamTags>;

/// Watches the streams of an account.
#[derive(Debug)]
pub struct Watcher<I> {
    /// Lists and describes the streams.
    pub client: Client,
    /// Gets the records.
    pub invoker: Arc<I>,
    /// How they are delivered.
    pub config: Arc<EventSourceConfig>,
    /// How far they are delivered.
    pub checkpoints: Checkpoints,
    /// Pause between two checks of the streams.
    pub interval: Duration,
    /// Wakes the watcher when streams may have changed.
    pub changed: Arc<Notify>,
    /// Gets the result of each check, if it is new.
    pub inventory: watch::Sender<Inventory>,
}

/// The running mappings. Dropping it stops them.
#[derive(Default)]
struct Mappings {
    tasks: JoinSet<()>,
    running: HashMap<StreamName, AbortHandle>,
}

impl<I: Invoke> Watcher<I> {
    /// Runs until it is stopped, then until the mappings have delivered what is there.
    pub async fn run(self, mut stop: StopSignal) {
        let mut mappings = Mappings::default();
        while !stop.is_stopping() {
            match self.look().await {
                Ok(inventory) => {
                    self.apply(&mut mappings, &inventory, &stop);
                    self.inventory.send_if_modified(|known| {
                        let is_new = *known != inventory;
                        *known = inventory;
                        is_new
                    });
                }
                Err(failure) => tracing::warn!(%failure, "cannot list the streams"),
            }
            tokio::select! {
                () = tokio::time::sleep(self.interval) => {}
                () = self.changed.notified() => {}
                () = stop.stopped() => {}
            }
        }
        while mappings.tasks.join_next().await.is_some() {}
    }

    async fn look(&self) -> Result<Inventory, AwsFailure> {
        let names = stream_names(&self.client).await?;
        let known = self.inventory.borrow().clone();
        let reads = names.into_iter().map(|name| {
            let known_tags = known.get(&name).cloned();
            async move {
                match stream_tags(&self.client, &name).await {
                    Ok(tags) => Some((name, tags)),
                    // The stream was just deleted, or a read failed. Keep what is known; an unknown stream has to wait.
                    Err(failure) => {
                        tracing::debug!(stream = %name, %failure, "cannot read the stream's tags");
                        known_tags.map(|tags| (name, tags))
                    }
                }
            }
        });
        let found: Vec<Option<(StreamName, StreamTags)>> =
            futures::stream::iter(reads).buffer_unordered(TAG_READS_IN_FLIGHT).collect().await;
        Ok(found.into_iter().flatten().collect())
    }

    fn apply(&self, mappings: &mut Mappings, inventory: &Inventory, stop: &StopSignal) {
        while mappings.tasks.try_join_next().is_some() {}
        mappings.running.retain(|stream, mapping| {
            let stays = inventory.get(stream).is_some_and(is_archived);
            if !stays {
                tracing::info!(%stream, "the stream is no longer archived");
                mapping.abort();
            }
            stays && !mapping.is_finished()
        });
        for (stream, _) in inventory.iter().filter(|(_, tags)| is_archived(tags)) {
            if mappings.running.contains_key(stream) {
                continue;
            }
            tracing::info!(%stream, "the stream is archived from now on");
            let mapping = Mapping {
                client: self.client.clone(),
                stream: stream.clone(),
                invoker: Arc::clone(&self.invoker),
                config: Arc::clone(&self.config),
                checkpoints: self.checkpoints.clone(),
            };
            mappings.running.insert(stream.clone(), mappings.tasks.spawn(mapping.run(stop.clone())));
        }
    }
}

/// Whether the tags ask for an archive, even with invalid values.
#[must_use]
pub fn is_archived(tags: &StreamTags) -> bool {
    tags.keys().any(|key| is_archive_tag(key))
}

async fn stream_names(client: &Client) -> Result<Vec<StreamName>, AwsFailure> {
    let mut names: Vec<String> = Vec::new();
    loop {
        // Emulators return no token, so every page after the first starts after the last name.
        let start = names.last().cloned();
        let page = client.list_streams().limit(NAMES_PER_PAGE).set_exclusive_start_stream_name(start).send().await?;
        let is_last = !page.has_more_streams || page.stream_names.is_empty();
        names.extend(page.stream_names);
        if is_last {
            return Ok(names.into_iter().filter_map(|name| StreamName::parse(name).ok()).collect());
        }
    }
}

async fn stream_tags(client: &Client, stream: &StreamName) -> Result<StreamTags, AwsFailure> {
    let mut tags = StreamTags::new();
    loop {
        let start = tags.last_key_value().map(|(key, _)| key.clone());
        let page = client.list_tags_for_stream().stream_name(stream.as_str()).set_exclusive_start_tag_key(start).send().await?;
        let known = tags.len();
        tags.extend(page.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())));
        if !page.has_more_tags || tags.len() == known {
            return Ok(tags);
        }
    }
}
