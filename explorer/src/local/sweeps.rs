//! Deletes expired items, because the DynamoDB emulator does not.

use super::event_source::StopSignal;
use dynoxide::Database;
use std::time::Duration;

/// Pause between two sweeps. DynamoDB takes up to days; here a user wants to see it happen.
const INTERVAL: Duration = Duration::from_secs(5);

/// Sweeps until it is stopped.
pub(super) async fn run(database: Database, mut stop: StopSignal) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = stop.stopped() => return,
        }
        let database = database.clone();
        match tokio::task::spawn_blocking(move || database.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(deleted)) => tracing::debug!(deleted, "expired items deleted"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot sweep expired items"),
            Err(error) => tracing::warn!(%error, "cannot sweep expired items"),
        }
    }
}
