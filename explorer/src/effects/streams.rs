//! The effects for the list of streams.

use super::outbox::Outbox;
use crate::app::effect::StreamsEffect;
use crate::app::message::{Message, Reply, StreamsMessage};
use crate::aws::connect::Connection;
use crate::aws::{description, streams};

/// Starts an effect. The state limits how many streams are read at once.
pub(super) fn start(effect: StreamsEffect, connection: Connection, outbox: Outbox) {
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
        StreamsEffect::Describe { request, stream } => outbox.send_later(async move {
            let result = description::describe_all(&connection.overtaking(), &stream).await.map(Box::new);
            Message::Streams(StreamsMessage::Described(Reply { request, result }))
        }),
        StreamsEffect::Read { request, stream, is_urgent } => outbox.send_later(async move {
            let connection = if is_urgent { connection.overtaking() } else { connection };
            let result = streams::overview_of_archive(&connection, &stream).await.map(Box::new);
            Message::Streams(StreamsMessage::Read { stream, reply: Reply { request, result } })
        }),
    }
}
