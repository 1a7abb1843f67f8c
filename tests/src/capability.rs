//! What an emulator can do. A test that needs more does not run against it, and says so. Each question here is about one known
//! fault of one emulator; against others, the test runs.

use crate::endpoints::Endpoints;
use crate::stream::TestStream;
use std::io::Write as _;

/// Whether a split shard takes no more records. With moto 5 it does, so its end cannot be detected.
pub async fn closes_split_shards(test: &str, endpoints: &Endpoints) -> bool {
    let stream = TestStream::create(endpoints, 1).await;
    let parent = stream.shard_ids().await.remove(0);
    stream.split(&parent).await;
    let is_closed = stream.put("cust-42", b"{}").await != parent;
    assert!(is_closed || !endpoints.has_embedded_kinesis(), "the embedded Kinesis no longer closes shards");
    if !is_closed {
        not_run(test, "this Kinesis goes on putting records into a shard that was split");
    }
    is_closed
}

/// The embedded database, which deletes expired items when the test says so. Others take up to days.
pub fn deletes_expired_items<'e>(test: &str, endpoints: &'e Endpoints) -> Option<&'e dynoxide::Database> {
    let database = endpoints.embedded_database();
    if database.is_none() {
        not_run(test, "this DynamoDB deletes expired items at a time of its own");
    }
    database
}

/// Bypasses the test runner, which shows a test's output only when it fails.
fn not_run(test: &str, reason: &str) {
    writeln!(std::io::stdout(), "not run on these endpoints: {test}: {reason}").expect("stdout is open");
}
