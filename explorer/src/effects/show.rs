//! The effect that reads a payload, decodes it and lays it out.

use crate::aws::connect::Connection;
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::{self, ShowOrder, Shown};
use crate::sources::PayloadSource;

/// Prepares a record's payload for display, outside the screen's thread.
pub(super) async fn show(connection: &Connection, order: ShowOrder) -> Result<Shown, NoPayload> {
    let ShowOrder { stream, record, options, against } = order;
    let payloads = PayloadSource::of_stream(connection, stream.as_ref());
    let payload = payload_of(&payloads, &record).await?;
    let older = match against {
        Some(older) => Some((payload_of(&payloads, &older).await?, older)),
        None => None,
    };
    let work = move || match older {
        None => show::show(&record, payload, &options),
        Some((older_payload, older)) => show::show_difference((&record, payload), (&older, older_payload), &options),
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| NoPayload::Damaged(format!("it cannot be shown: {error}")))
}

/// The payload, or why the item does not hold it; the error is a failure to read it at all.
async fn payload_of(payloads: &PayloadSource, record: &Record) -> Result<Result<Vec<u8>, NoPayload>, NoPayload> {
    match record.payload() {
        Some(payload) => Ok(payload),
        None => payloads.payload_of(record).await.map_err(NoPayload::Failed)?.map(Ok),
    }
}
