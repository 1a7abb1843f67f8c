//! Reading records wherever they are: the calls behind the screens and the command line that know both archives and files.

use crate::aws::connect::Connection;
use crate::aws::payload::read_payload;
use crate::aws::reader;
use crate::domain::failure::Failure;
use crate::domain::reading::{ReadBatch, ReadEnding, ReadOrder, Source};
use crate::domain::record::Record;
use crate::domain::record::payload::NoPayload;
use crate::files;
use archiver::format::stream::StreamName;
use tokio::sync::{mpsc, watch};

/// The payload of a record, from its item or from the parts that its stream's archive holds.
///
/// # Errors
/// When it cannot be restored, or its parts are not to be had or cannot be read.
pub async fn payload_of(
    connection: Option<&Connection>,
    stream: Option<&StreamName>,
    record: &Record,
) -> Result<Vec<u8>, NoPayload> {
    match (record.payload(), connection, stream) {
        (Some(payload), _, _) => payload,
        (None, Some(connection), Some(stream)) => read_payload(connection, stream, record).await,
        (None, _, _) => Err(NoPayload::Damaged("its parts are not in the file it was read from".to_owned())),
    }
}

/// Reads what the order asks for, until all is read or `stop` is true or dropped. What matches comes in batches as it is found; after
/// the last of them comes the ending, whose position covers exactly what was sent. A file needs no connection, and must be one that
/// can be read again: pipes are opened by whoever reads them once, and read with [`files::read`].
pub async fn read(
    connection: Option<&Connection>,
    order: &ReadOrder,
    batches: mpsc::Sender<ReadBatch>,
    stop: watch::Receiver<bool>,
) -> ReadEnding {
    match (&order.source, connection) {
        (Source::File(path), _) => match files::open_file(path).await {
            Ok(file) => files::read(&file, order, batches, stop).await,
            Err(failure) => ReadEnding::Failed(failure, order.from.clone()),
        },
        (Source::Archive(_), Some(connection)) => reader::read(connection, order, batches, stop).await,
        (Source::Archive(archive), None) => {
            let failure = Failure::refused(format!("read table {}", archive.table), "there is no connection to AWS");
            ReadEnding::Failed(failure, order.from.clone())
        }
    }
}
