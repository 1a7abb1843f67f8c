//! What is in the emulators to begin with: the streams of the last run, then the demo.

use super::data_dir::RememberedStreams;
use super::demo::{self, SeededShard};
use super::error::SetupError;
use super::event_source::Inventory;
use super::streams::{make_stream, tag_stream};
use crate::aws::connect::Connection;
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use std::time::Duration;

/// A clock that far behind the last run was set back.
const LONGEST_WAIT_SECONDS: i64 = 2;

/// How far the setup is.
#[derive(Clone, Debug)]
pub(super) enum Setup {
    Running,
    /// Everything is put; each of these shards has records up to its number that are still to be archived.
    Done(Vec<SeededShard>),
    Failed(SetupError),
}

/// Makes the streams, and with `with_demo` the demo's streams, tables and first records.
pub(super) async fn run(
    connection: &Connection,
    remembered: &RememberedStreams,
    with_demo: bool,
) -> Result<Vec<SeededShard>, SetupError> {
    outlast(remembered.written_at).await;
    let mut known = Inventory::new();
    for stream in &remembered.streams {
        let Ok(name) = StreamName::parse(stream.name.as_str()) else {
            tracing::warn!(stream = stream.name, "a remembered stream has no valid name");
            continue;
        };
        make_stream(&connection.kinesis, &name, stream.shards).await?;
        tag_stream(&connection.kinesis, &name, stream.tags.clone()).await?;
        known.insert(name, stream.tags.clone());
    }
    if with_demo { demo::seed(connection, &known).await } else { Ok(Vec::new()) }
}

/// Sequence numbers begin with the second in which the stream was made. The numbers of a new stream must be larger than those of
/// the last run, or an archive of mode LATEST would take the new records for old ones.
async fn outlast(second: i64) {
    if second - Timestamp::now().as_second() > LONGEST_WAIT_SECONDS {
        tracing::warn!("the clock is behind the last run; archives of mode LATEST may take new records for old ones");
        return;
    }
    while Timestamp::now().as_second() <= second {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
