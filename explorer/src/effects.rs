//! Runs effects: each is a task of its own that speaks in messages. Owns what can be cancelled.

mod export;
mod pick;
mod read;
mod replays;
mod show;
mod spools;
#[cfg(all(test, feature = "local"))]
mod tests;

use crate::app::message::{Effect, Message, RequestId};
use crate::aws::connect::Connection;
use crate::aws::{configure, streams};
use crate::domain::failure::Failure;
use crate::domain::reading::ReadEnding;
use crate::domain::stream::change::{Plan, Wanted, plan};
use crate::domain::stream::overview::StreamOverview;
use crate::remembered;
use jiff::Timestamp;
use replays::Running;
use spools::Spools;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

/// Streams described at once; more would only wait for Kinesis' limits.
const STREAMS_AT_ONCE: usize = 8;
/// How long the end of the program waits for replays that are paused: longer than a call may take.
const REPLAY_GRACE: Duration = Duration::from_secs(25);

/// Runs effects on one connection.
#[derive(Debug)]
pub struct Runner {
    connection: Connection,
    messages: mpsc::Sender<Message>,
    stream_reads: Arc<Semaphore>,
    replays: Running,
    spools: Spools,
    stops: HashMap<RequestId, watch::Sender<bool>>,
    exports: Vec<JoinHandle<()>>,
}

impl Runner {
    /// A runner whose effects speak to this channel.
    #[must_use]
    pub fn new(connection: Connection, messages: mpsc::Sender<Message>) -> Self {
        Self {
            connection,
            messages,
            stream_reads: Arc::new(Semaphore::new(STREAMS_AT_ONCE)),
            replays: Running::default(),
            spools: Spools::default(),
            stops: HashMap::new(),
            exports: Vec::new(),
        }
    }

    /// What stops an effect, and what it listens to.
    fn stoppable(&mut self, request: RequestId) -> (watch::Sender<bool>, watch::Receiver<bool>) {
        let (stop, stopped) = watch::channel(false);
        self.stops.retain(|_, stop| !stop.is_closed());
        self.stops.insert(request, stop.clone());
        (stop, stopped)
    }

    /// Starts an effect.
    pub fn run(&mut self, effect: Effect) {
        let connection = self.connection.clone();
        let messages = self.messages.clone();
        match effect {
            Effect::ListStreams { request, from } => {
                tokio::spawn(async move {
                    let result = streams::list(&connection, from).await;
                    say(&messages, Message::StreamsListed { request, result }).await;
                });
            }
            Effect::ListArchives { request, streams } => {
                tokio::spawn(async move {
                    let archives = streams::archives_without_stream(&connection, &streams).await.unwrap_or_else(|failure| {
                        tracing::info!(%failure, "archives of deleted streams are not listed");
                        Vec::new()
                    });
                    say(&messages, Message::ArchivesListed { request, archives }).await;
                });
            }
            Effect::ReadStream { request, stream } => {
                let turns = Arc::clone(&self.stream_reads);
                tokio::spawn(async move {
                    let turn = turns.acquire().await;
                    let result = streams::overview_of_archive(&connection, &stream).await.map(Box::new);
                    drop(turn);
                    say(&messages, Message::StreamRead { request, stream, result }).await;
                });
            }
            Effect::Read { request, spool, order } => match self.spools.open(spool) {
                Ok(spool) => {
                    let stop = self.stoppable(request);
                    tokio::spawn(read::read(connection, request, spool, *order, messages, stop));
                }
                Err(failure) => {
                    let ending = ReadEnding::Failed(failure, order.from);
                    tokio::spawn(async move { say(&messages, Message::ReadEnded { request, ending, is_full: false }).await });
                }
            },
            Effect::ReadRows { request, spool, places, is_whole } => {
                // A spool that is gone belongs to a screen that is gone.
                if let Some(spool) = self.spools.get(spool) {
                    answer(messages, move || Message::RowsRead { request, result: spool.rows(&places, is_whole) });
                }
            }
            Effect::FindRow { request, spool, sought, among } => {
                if let Some(spool) = self.spools.get(spool) {
                    answer(messages, move || Message::RowFound { request, result: spool.find(&sought, among.as_ref()) });
                }
            }
            Effect::Pick { request, spool, order } => {
                if let Some(spool) = self.spools.get(spool) {
                    let (_, stopped) = self.stoppable(request);
                    tokio::spawn(pick::pick(connection, request, spool, *order, messages, stopped));
                }
            }
            Effect::DropSpool(spool) => self.spools.drop(spool),
            Effect::ShowRecord { request, order } => {
                tokio::spawn(async move {
                    let result = show::show(&connection, *order).await.map(Box::new);
                    say(&messages, Message::RecordShown { request, result }).await;
                });
            }
            Effect::Follow { request, spool, there, order } => match self.spools.open(spool) {
                Ok(spool) => {
                    let (_, stopped) = self.stoppable(request);
                    tokio::spawn(read::follow_onto(connection, request, (spool, there), *order, messages, stopped));
                }
                Err(failure) => {
                    let failure = Some(failure);
                    tokio::spawn(async move { say(&messages, Message::FollowEnded { request, failure }).await });
                }
            },
            Effect::Export { request, order } => {
                let (_, stopped) = self.stoppable(request);
                self.exports.retain(|export| !export.is_finished());
                self.exports.push(tokio::spawn(export::export(connection, request, *order, messages, stopped)));
            }
            Effect::Stop(request) => {
                if let Some(stop) = self.stops.remove(&request) {
                    stop.send_replace(true);
                }
            }
            // Only whoever draws may write to the terminal, or leave it.
            Effect::Copy(_) | Effect::Suspend => {}
            Effect::Remember(memory) => {
                let kept = tokio::task::spawn_blocking(move || remembered::save(&memory));
                tokio::spawn(async move {
                    if let Ok(Err(error)) = kept.await {
                        tracing::warn!(%error, "what is to be remembered cannot be kept");
                    }
                });
            }
            Effect::PlanConfiguration { request, stream, wanted } => {
                tokio::spawn(async move {
                    let result = plan_configuration(&connection, &stream, wanted).await;
                    say(&messages, Message::ConfigurationPlanned { request, result }).await;
                });
            }
            Effect::MakeCalls { request, calls } => {
                tokio::spawn(async move { make_calls(&connection, &messages, request, calls).await });
            }
            Effect::ListReplays { request } => {
                tokio::spawn(async move {
                    let result = replays::list().await;
                    say(&messages, Message::ReplaysListed { request, result }).await;
                });
            }
            Effect::PlanReplay { request, order } => {
                let (_, stopped) = self.stoppable(request);
                // Like an export, one that is stopped takes its unfinished file away.
                self.exports.push(tokio::spawn(replays::plan(connection, request, *order, messages, stopped)));
            }
            Effect::LookOverReplay { request, replay, choice } => {
                tokio::spawn(async move {
                    let result = replays::look_over(&connection, replay, choice.map(|choice| *choice)).await.map(Some);
                    say(&messages, Message::ReplayLookedOver { request, result }).await;
                });
            }
            Effect::RunReplay(plan) => self.replays.run(connection, *plan, messages),
            Effect::TellReplay { replay, control } => {
                if !self.replays.tell(&replay, control) {
                    tell(messages, replays::tell(replay, control));
                }
            }
            Effect::RemoveReplay(replay) => tell(messages, replays::remove(replay)),
            Effect::ReadReplayDetails { request, replay, what } => {
                tokio::spawn(async move {
                    let result = replays::details(replay, what).await;
                    say(&messages, Message::ReplayDetailsRead { request, result }).await;
                });
            }
        }
    }

    /// Has replays paused and exports stopped that still run, and waits for the calls in flight. Messages are no longer read by then.
    pub async fn finish(self, mut messages: mpsc::Receiver<Message>) {
        let tasks = self.replays.pause_all().into_iter();
        // An export that is stopped takes its unfinished file away.
        self.stops.into_values().for_each(|stop| {
            stop.send_replace(true);
        });
        let ended = futures::future::join_all(tasks.chain(self.exports));
        let drained = async { while messages.recv().await.is_some() {} };
        tokio::select! {
            _ = ended => {}
            () = drained => {}
            () = tokio::time::sleep(REPLAY_GRACE) => tracing::warn!("replays or exports did not end in time"),
        }
    }
}

/// Reads what is there, and plans the way to what is wanted.
///
/// # Errors
/// Names the call that failed, or what is in the way.
pub async fn plan_configuration(connection: &Connection, stream: &StreamOverview, wanted: Wanted) -> Result<Plan, Failure> {
    let present = configure::inspect(connection, stream, wanted, Timestamp::now()).await?;
    plan(stream, &present, wanted).map_err(|error| Failure::refused(format!("configure stream {}", stream.name), error.to_string()))
}

async fn make_calls(
    connection: &Connection,
    messages: &mpsc::Sender<Message>,
    request: RequestId,
    calls: Vec<crate::domain::stream::change::Call>,
) {
    for call in calls {
        let result = configure::make(connection, &call).await;
        let has_failed = result.is_err();
        say(messages, Message::CallMade { request, result }).await;
        if has_failed {
            return;
        }
    }
}

/// Tells what came of something that a replay was told.
fn tell(messages: mpsc::Sender<Message>, work: impl Future<Output = Result<(), Failure>> + Send + 'static) {
    tokio::spawn(async move {
        let result = work.await;
        say(&messages, Message::ReplayTold { result }).await;
    });
}

/// Answers with what takes the disk or the processor a while.
fn answer(messages: mpsc::Sender<Message>, work: impl FnOnce() -> Message + Send + 'static) {
    tokio::spawn(async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(message) => say(&messages, message).await,
            Err(error) => tracing::error!(%error, "an effect ended without an answer"),
        }
    });
}

/// Says a message; nobody listens any more only when the program ends.
async fn say(messages: &mpsc::Sender<Message>, message: Message) {
    if messages.send(message).await.is_err() {
        tracing::debug!("a message came after the end");
    }
}
