//! Reading records wherever they are: the one call behind the screens and the command line that knows both archives and files.

use crate::aws::connect::Connection;
use crate::aws::reader;
use crate::domain::failure::Failure;
use crate::domain::reading::{ReadBatch, ReadEnding, ReadOrder, Source};
use crate::files;
use tokio::sync::{mpsc, watch};

/// Reads what the order asks for, until all is read or `stop` is true or dropped. What matches comes in batches as it is found; after
/// the last of them comes the ending, whose position covers exactly what was sent. A file needs no connection.
pub async fn read(
    connection: Option<&Connection>,
    order: &ReadOrder,
    batches: mpsc::Sender<ReadBatch>,
    stop: watch::Receiver<bool>,
) -> ReadEnding {
    match (&order.source, connection) {
        (Source::File(path), _) => files::read(path, order, batches, stop).await,
        (Source::Archive(_), Some(connection)) => reader::read(connection, order, batches, stop).await,
        (Source::Archive(archive), None) => {
            let failure = Failure::refused(format!("read table {}", archive.table), "there is no connection to AWS");
            ReadEnding::Failed(failure, order.from.clone())
        }
    }
}
