//! Fills the emulators: first the streams of the last run, then the demo.

use super::data_dir::RememberedStreams;
use super::demo::{self, SeededShard};
use super::error::SetupError;
use super::event_source::Inventory;
use super::streams::{make_stream, tag_stream};
use crate::aws::connect::Connection;
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use std::time::Duration;

/// If the clock is this far behind the last run, it was set back.
const LONGEST_WAIT_SECONDS: i64 = 2;

/// The state of the setup.
#[derive(Clone, Debug)]
pub(super) enum Setup {
    Running,
    /// Everything is put. Each of these shards has records up to this number that are still to be archived.
    Done(Vec<SeededShard>),
    Failed(SetupError),
}

/// Creates the streams, and with `with_demo` the demo's streams, tables and initial records.
pub(super) async fn run(
    connection: &Connection,
    remembered: &RememberedStreams,
    with_demo: bool,
) -> Result<Vec<SeededShard>, SetupError> {
    outlast(remembered.written_at).await;
    let mut known = Inventory::new();
    for stream in &remembered.streams {
        let Ok(name) = StreamName::parse(stream.name.as_str()) else {
            tracing::warn!(stream = stream.name, "a stream of the last run has an invalid name; skipped");
            continue;
        };
        make_stream(&connection.kinesis, &name, stream.shards).await?;
        tag_stream(&connection.kinesis, &name, stream.tags.clone()).await?;
        known.insert(name, stream.tags.clone());
    }
    if with_demo { demo::seed(connection, &known).await } else { Ok(Vec::new()) }
}

/// Sequence numbers begin with the second in which the stream was created. A new stream's numbers must exceed those of the last
/// run, or an archive of mode LATEST would treat new records as old ones.
async fn outlast(second: i64) {
    if second - Timestamp::now().as_second() > LONGEST_WAIT_SECONDS {
        tracing::warn!("the clock is behind the last run; archives of mode LATEST may treat new records as old ones");
        return;
    }
    while Timestamp::now().as_second() <= second {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
