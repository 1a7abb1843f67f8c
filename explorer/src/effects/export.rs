//! The effect that writes records to a file.

use super::outbox::Outbox;
use crate::app::ids::RequestId;
use crate::app::message::{ExportMessage, Message, Reply};
use crate::aws::connect::Connection;
use crate::domain::export::{ExportOrder, Exported, Exports};
use crate::domain::failure::Failure;
use crate::domain::record::Record;
use crate::files::{ExportError, ExportOptions, ExportSink};
use crate::sources::{OpenedSource, PayloadSource};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Between two messages of an export.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(200);

/// Writes the ordered records. Reports progress often, and the result at the end.
pub(super) async fn export(
    connection: Connection,
    request: RequestId,
    order: ExportOrder,
    outbox: Outbox,
    stopped: watch::Receiver<bool>,
) {
    let result = write(&connection, request, order, &outbox, stopped).await;
    outbox.send(Message::Export(ExportMessage::Ended(Reply { request, result }))).await;
}

async fn write(
    connection: &Connection,
    request: RequestId,
    order: ExportOrder,
    outbox: &Outbox,
    stopped: watch::Receiver<bool>,
) -> Result<Option<Exported>, Failure> {
    let ExportOrder { what, stream, path, format, form, columns } = order;
    let recipe = match &what {
        Exports::These { recipe, .. } => recipe.clone(),
        Exports::Matching { order, .. } => order.recipe.clone(),
    };
    let failed = |error: ExportError| Failure::refused(format!("export to {}", path.display()), error.to_string());
    let options = ExportOptions { format, payload: form, recipe, stream: stream.clone(), columns, for_excel: false };
    let mut sink = ExportSink::to_file(&path, false, options).map_err(failed)?;
    if sink.is_terminal() {
        return Err(Failure::refused(format!("export to {}", path.display()), "this terminal shows the screens; choose a file"));
    }
    let payloads = PayloadSource::of_stream(connection, stream.as_ref());
    match what {
        Exports::These { records, .. } => {
            for record in records {
                write_record(&payloads, &record, &mut sink).await?.map_err(failed)?;
            }
        }
        Exports::Matching { order, except } => {
            let source = OpenedSource::open(connection, &order.source).await?;
            let (sink, mut told_at) = (&mut sink, Instant::now());
            // If writing fails, nothing takes records any more, and reading ends.
            let reading = source.read_into(&order, stopped, |mut batches| async move {
                while let Some(batch) = batches.recv().await {
                    for record in batch.records.iter().filter(|record| !except.contains(&record.id)) {
                        write_record(&payloads, record, sink).await?.map_err(failed)?;
                    }
                    if told_at.elapsed() >= MESSAGE_INTERVAL {
                        told_at = Instant::now();
                        let result = sink.exported();
                        outbox.send(Message::Export(ExportMessage::Progressed(Reply { request, result }))).await;
                    }
                }
                Ok::<_, Failure>(())
            });
            let (ending, ()) = reading.await?;
            if !ending.is_complete()? {
                return Ok(None);
            }
        }
    }
    sink.finish().map(Some).map_err(failed)
}

/// Writes a record with its payload, or with the reason why there is none.
async fn write_record(
    payloads: &PayloadSource,
    record: &Record,
    sink: &mut ExportSink,
) -> Result<Result<(), ExportError>, Failure> {
    let payload = payloads.payload_of(record).await?;
    Ok(sink.write(record, payload))
}
