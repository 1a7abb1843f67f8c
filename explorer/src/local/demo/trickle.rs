//! Live records: a few a second across all demo streams.

use super::SEED;
use super::records::{Generator, Kind};
use crate::local::event_source::StopSignal;
use archiver::aws::failure::{AwsFailure, FailureKind};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use jiff::Timestamp;
use std::time::Duration;

/// Pause between two records.
const INTERVAL: Duration = Duration::from_millis(300);
/// Which stream gets the next record, in turn.
const TURNS: [(&str, Kind); 12] = [
    ("orders", Kind::Order),
    ("device-status", Kind::DeviceStatus),
    ("clickstream", Kind::Click),
    ("orders", Kind::Order),
    ("telemetry", Kind::Telemetry),
    ("device-status", Kind::DeviceStatus),
    ("orders", Kind::Order),
    ("app-logs", Kind::Logs),
    ("clickstream", Kind::Click),
    ("prices", Kind::Price),
    ("telemetry", Kind::Telemetry),
    ("partner-events", Kind::Partner),
];

/// Puts records until it is stopped.
pub(crate) async fn run(client: Client, mut stop: StopSignal) {
    // A new seed in every run, so that an archive kept between runs does not get the same orders again.
    let run = u64::try_from(Timestamp::now().as_second()).unwrap_or(SEED);
    let mut generator = Generator::new(SEED ^ run, run);
    for (stream, kind) in TURNS.into_iter().cycle() {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.stopped() => return,
        }
        let (key, data) = generator.record(kind, Timestamp::now());
        let put = client.put_record().stream_name(stream).partition_key(key).data(Blob::new(data)).send().await;
        match put.map_err(AwsFailure::from) {
            Ok(_) => {}
            // The user has deleted the stream.
            Err(failure) if failure.kind == FailureKind::NotFound => {}
            Err(failure) => tracing::debug!(stream, %failure, "cannot put a live record"),
        }
    }
}
