//! The function that an event source mapping invokes.

use archiver::aws::backoff::Deadline;
use archiver::function::handler::Archiver;
use archiver::function::response::BatchResponse;
use archiver::function::tags::TagReader;
use archiver::store::database::Database;
use std::future::Future;
use std::time::Duration;

/// How long an invocation of the archiver may take, the default of the deployed function.
const INVOCATION_TIME: Duration = Duration::from_secs(60);

/// Takes batches of records as a Lambda function does.
pub trait Invoke: Send + Sync + 'static {
    /// Handles one event. An error is a failed invocation: no record of the batch counts as done.
    fn invoke(&self, event: String) -> impl Future<Output = Result<BatchResponse, String>> + Send;
}

impl<T: TagReader + 'static, D: Database + 'static> Invoke for Archiver<T, D> {
    async fn invoke(&self, event: String) -> Result<BatchResponse, String> {
        self.handle(&event, Deadline::after(INVOCATION_TIME)).await.map_err(|error| error.to_string())
    }
}
