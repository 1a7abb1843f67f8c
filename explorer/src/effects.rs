//! Runs effects: each is its own task, and reports by messages. Owns everything that can be cancelled.

#![deny(clippy::wildcard_enum_match_arm)]

mod configure;
mod export;
mod outbox;
mod pick;
mod read;
mod records;
mod replays;
mod show;
mod spools;
mod stops;
mod streams;
#[cfg(all(test, feature = "local"))]
mod tests;

use crate::app::effect::Effect;
use crate::app::message::{Message, Reply};
use crate::aws::connect::Connection;
use crate::domain::failure::Failure;
use crate::domain::text::typed_path::FoundName;
use crate::remembered;
use outbox::Outbox;
use replays::ReplayTasks;
use spools::Spools;
use std::io;
use std::path::Path;
use std::time::Duration;
use stops::Stops;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long the end of the program waits for replays to pause: longer than a call may take.
const REPLAY_GRACE: Duration = Duration::from_secs(25);

/// Names in a folder that are read to complete a path; nobody chooses among more.
const MOST_NAMES: usize = 10_000;

/// The names in a folder. Those that are not UTF-8 cannot be typed.
fn names_in(folder: &Path) -> io::Result<Vec<FoundName>> {
    let found = |entry: std::fs::DirEntry| {
        // Where a link leads counts.
        let is_folder = std::fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_dir());
        Some(FoundName { name: entry.file_name().into_string().ok()?, is_folder })
    };
    let entries = std::fs::read_dir(folder)?.take(MOST_NAMES);
    let mut names: Vec<FoundName> = entries.filter_map(Result::ok).filter_map(found).collect();
    names.sort();
    Ok(names)
}

/// Runs effects on one connection.
#[derive(Debug)]
pub struct Runner {
    connection: Connection,
    outbox: Outbox,
    replays: ReplayTasks,
    spools: Spools,
    stops: Stops,
    exports: Vec<JoinHandle<()>>,
}

impl Runner {
    /// A runner whose effects report to this channel.
    #[must_use]
    pub fn new(connection: Connection, messages: mpsc::Sender<Message>) -> Self {
        Self {
            connection,
            outbox: Outbox::new(messages),
            replays: ReplayTasks::default(),
            spools: Spools::default(),
            stops: Stops::default(),
            exports: Vec::new(),
        }
    }

    /// Starts an effect.
    pub fn run(&mut self, effect: Effect) {
        let (connection, outbox) = (self.connection.clone(), self.outbox.clone());
        match effect {
            Effect::Streams(effect) => streams::start(effect, connection, outbox),
            Effect::Records(effect) => records::start(effect, &mut self.spools, &mut self.stops, connection, outbox),
            Effect::Configure(effect) => configure::start(effect, connection, outbox),
            Effect::Replays(effect) => self.replays.start(effect, &mut self.stops, connection, outbox),
            Effect::Export { request, order } => {
                let stopped = self.stops.open(request).stopped;
                self.exports.retain(|export| !export.is_finished());
                self.exports.push(tokio::spawn(export::export(connection, request, *order, outbox, stopped)));
            }
            Effect::Stop(request) => self.stops.stop(request),
            Effect::ListFolder { request, folder } => outbox.send_when_done(move || {
                let result =
                    names_in(&folder).map_err(|error| Failure::refused(format!("list {}", folder.display()), error.to_string()));
                Message::FolderListed(Reply { request, result })
            }),
            // Only the code that draws may write to the terminal or leave it.
            Effect::Copy(_) | Effect::Redraw | Effect::Suspend => {}
            Effect::Remember(memory) => {
                tokio::task::spawn_blocking(move || {
                    if let Err(error) = remembered::save(&memory) {
                        tracing::warn!(%error, "cannot save decoders and filters");
                    }
                });
            }
        }
    }

    /// Pauses running replays, stops running exports, and waits for calls in flight. No messages are read any more.
    pub async fn finish(self, mut messages: mpsc::Receiver<Message>) {
        // A stopped export removes its unfinished file; a stopped planner removes its draft.
        self.stops.stop_all();
        let tasks = self.replays.pause_all().into_iter();
        let ended = futures::future::join_all(tasks.chain(self.exports));
        let drained = async { while messages.recv().await.is_some() {} };
        tokio::select! {
            _ = ended => {}
            () = drained => {}
            () = tokio::time::sleep(REPLAY_GRACE) => tracing::warn!("replays or exports did not end in time"),
        }
    }
}
