//! The effects for the list of streams.

use super::outbox::Outbox;
use crate::app::effect::StreamsEffect;
use crate::app::message::{Message, Reply, StreamsMessage};
use crate::aws::connect::Connection;
use crate::aws::streams;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Streams described at the same time; with more, Kinesis would only throttle.
const STREAMS_AT_ONCE: usize = 8;

/// Describes streams, a few at a time.
#[derive(Debug)]
pub(super) struct StreamReads {
    turns: Arc<Semaphore>,
}

impl Default for StreamReads {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(STREAMS_AT_ONCE)) }
    }
}

impl StreamReads {
    /// Starts an effect.
    pub(super) fn start(&self, effect: StreamsEffect, connection: Connection, outbox: Outbox) {
        match effect {
            StreamsEffect::List { request, from } => outbox.send_later(async move {
                let result = streams::list(&connection, from).await;
                Message::Streams(StreamsMessage::Listed(Reply { request, result }))
            }),
            StreamsEffect::ListArchives { request, streams } => outbox.send_later(async move {
                let result = streams::archives_without_stream(&connection, &streams).await.unwrap_or_else(|failure| {
                    tracing::info!(%failure, "cannot list the archives of deleted streams");
                    Vec::new()
                });
                Message::Streams(StreamsMessage::ArchivesListed(Reply { request, result }))
            }),
            StreamsEffect::Read { request, stream } => {
                let turns = Arc::clone(&self.turns);
                outbox.send_later(async move {
                    let turn = turns.acquire().await;
                    let result = streams::overview_of_archive(&connection, &stream).await.map(Box::new);
                    drop(turn);
                    Message::Streams(StreamsMessage::Read { stream, reply: Reply { request, result } })
                });
            }
        }
    }
}
