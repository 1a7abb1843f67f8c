//! The channel to which the tasks of effects send their messages.

use crate::app::message::Message;
use tokio::sync::mpsc;

/// Sends messages to the event loop.
#[derive(Clone, Debug)]
pub(super) struct Outbox(mpsc::Sender<Message>);

impl Outbox {
    /// An outbox for this channel.
    pub(super) fn new(messages: mpsc::Sender<Message>) -> Self {
        Self(messages)
    }

    /// Sends a message. Only at the end of the program does nothing receive it.
    pub(super) async fn send(&self, message: Message) {
        if self.0.send(message).await.is_err() {
            tracing::debug!("dropped a message after the end of the program");
        }
    }

    /// Sends this future's result, from its own task.
    pub(super) fn send_later(self, message: impl Future<Output = Message> + Send + 'static) {
        tokio::spawn(async move { self.send(message.await).await });
    }

    /// Sends the result of work that takes the disk or the processor a while.
    pub(super) fn send_when_done(self, work: impl FnOnce() -> Message + Send + 'static) {
        tokio::spawn(async move {
            match tokio::task::spawn_blocking(work).await {
                Ok(message) => self.send(message).await,
                Err(error) => tracing::error!(%error, "an effect ended without an answer"),
            }
        });
    }
}
