//! The effects that configure how a stream is archived.

use super::outbox::Outbox;
use crate::app::effect::ConfigureEffect;
use crate::app::ids::RequestId;
use crate::app::message::{ConfigureMessage, Message, Reply};
use crate::aws::configure;
use crate::aws::connect::Connection;
use crate::domain::failure::Failure;
use crate::domain::stream::change::{Call, Plan, Wanted, plan};
use crate::domain::stream::overview::StreamOverview;
use jiff::Timestamp;

/// Starts an effect.
pub(super) fn start(effect: ConfigureEffect, connection: Connection, outbox: Outbox) {
    match effect {
        ConfigureEffect::Plan { request, stream, wanted } => outbox.send_later(async move {
            let result = plan_configuration(&connection, &stream, wanted).await;
            Message::Configure(ConfigureMessage::Planned(Reply { request, result }))
        }),
        ConfigureEffect::MakeCalls { request, calls } => {
            tokio::spawn(async move { make_calls(&connection, &outbox, request, calls).await });
        }
    }
}

/// Reads how a stream is archived now, and plans the calls that change it to what is wanted.
///
/// # Errors
/// Names the call that failed, or what is in the way.
pub async fn plan_configuration(connection: &Connection, stream: &StreamOverview, wanted: Wanted) -> Result<Plan, Failure> {
    let present = configure::inspect(connection, stream, wanted, Timestamp::now()).await?;
    plan(stream, &present, wanted).map_err(|error| Failure::refused(format!("configure stream {}", stream.name), error.to_string()))
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
