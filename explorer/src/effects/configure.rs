//! The effects that configure how a stream is archived.

use super::outbox::Outbox;
use crate::app::effect::ConfigureEffect;
use crate::app::ids::RequestId;
use crate::app::message::{ConfigureMessage, Message, Reply};
use crate::aws::configure;
use crate::aws::connect::Connection;
use crate::domain::stream::change::Call;

/// Starts an effect.
pub(super) fn start(effect: ConfigureEffect, connection: Connection, outbox: Outbox) {
    match effect {
        ConfigureEffect::Plan { request, stream, wanted } => outbox.send_later(async move {
            let result = configure::plan_change(&connection, &stream, wanted).await;
            Message::Configure(ConfigureMessage::Planned(Reply { request, result }))
        }),
        ConfigureEffect::MakeCalls { request, calls } => {
            tokio::spawn(async move { make_calls(&connection, &outbox, request, calls).await });
        }
    }
}

async fn make_calls(connection: &Connection, outbox: &Outbox, request: RequestId, calls: Vec<Call>) {
    for call in calls {
        let result = configure::make(connection, &call).await;
        let has_failed = result.is_err();
        outbox.send(Message::Configure(ConfigureMessage::CallMade(Reply { request, result }))).await;
        if has_failed {
            return;
        }
    }
}
