//! The effects for the records of a screen.

use super::outbox::Outbox;
use super::spools::Spools;
use super::stops::Stops;
use super::{pick, read, show};
use crate::app::effect::RecordsEffect;
use crate::app::message::{Message, ReadEnd, RecordsMessage, Reply};
use crate::aws::connect::Connection;
use crate::domain::reading::ReadEnding;

/// Starts an effect. If a spool is gone, its screen is gone too, and nothing waits for its records.
pub(super) fn start(effect: RecordsEffect, spools: &mut Spools, stops: &mut Stops, connection: Connection, outbox: Outbox) {
    match effect {
        RecordsEffect::Read { request, spool, order } => match spools.open(spool) {
            Ok(spool) => {
                tokio::spawn(read::read(connection, request, spool, *order, outbox, stops.open(request)));
            }
            Err(failure) => {
                let result = ReadEnd { ending: ReadEnding::Failed(failure, order.from), is_full: false };
                outbox.send_later(async move { Message::Records(RecordsMessage::ReadEnded(Reply { request, result })) });
            }
        },
        RecordsEffect::ReadRows { request, spool, places, is_whole } => {
            if let Some(spool) = spools.get(spool) {
                outbox.send_when_done(move || {
                    let result = spool.rows(&places, is_whole);
                    Message::Records(RecordsMessage::RowsRead(Reply { request, result }))
                });
            }
        }
        RecordsEffect::FindRow { request, spool, sought, among } => {
            if let Some(spool) = spools.get(spool) {
                outbox.send_when_done(move || {
                    let result = spool.find(&sought, among.as_ref());
                    Message::Records(RecordsMessage::RowFound(Reply { request, result }))
                });
            }
        }
        RecordsEffect::Pick { request, spool, order } => {
            if let Some(spool) = spools.get(spool) {
                tokio::spawn(pick::pick(connection, request, spool, *order, outbox, stops.open(request).stopped));
            }
        }
        RecordsEffect::DropSpool(spool) => spools.drop(spool),
        RecordsEffect::ShowPayload { request, order } => outbox.send_later(async move {
            let result = show::show(&connection, *order).await.map(Box::new);
            Message::Records(RecordsMessage::PayloadShown(Reply { request, result }))
        }),
        RecordsEffect::Follow { request, spool, there, order } => match spools.open(spool) {
            Ok(spool) => {
                let known = read::Known { spool, there };
                tokio::spawn(read::follow(connection, request, known, *order, outbox, stops.open(request).stopped));
            }
            Err(failure) => {
                let result = Some(failure);
                outbox.send_later(async move { Message::Records(RecordsMessage::FollowEnded(Reply { request, result })) });
            }
        },
    }
}
