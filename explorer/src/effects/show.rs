//! The effect that reads a payload, decodes it and lays it out.

use crate::aws::connect::Connection;
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::domain::record::show::{self, ShowOrder, Shown};
use crate::sources;
use archiver::format::stream::StreamName;

/// Makes a record's payload ready for the screen, away from the screen's thread.
pub(super) async fn show(connection: &Connection, order: ShowOrder) -> Result<Shown, NoPayload> {
    let ShowOrder { stream, record, options, against } = order;
    let payload = payload_of(connection, stream.as_ref(), &record).await?;
    let older = match against {
        Some(older) => Some((payload_of(connection, stream.as_ref(), &older).await?, older)),
        None => None,
    };
    let work = move || match older {
        None => show::show(&record, payload, &options),
        Some((older_payload, older)) => show::show_difference((&record, payload), (&older, older_payload), &options),
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| NoPayload::Damaged(format!("it cannot be shown: {error}")))
}

/// The payload, or why the item does not hold it; what could not be read at all is the error.
async fn payload_of(
    connection: &Connection,
    stream: Option<&StreamName>,
    record: &Record,
) -> Result<Result<Vec<u8>, NoPayload>, NoPayload> {
    match record.payload() {
        Some(payload) => Ok(payload),
        None => sources::payload_of(Some(connection), stream, record).await.map(Ok),
    }
}
