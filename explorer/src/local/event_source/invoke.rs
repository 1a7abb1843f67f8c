//! The function that an event source mapping invokes.

use archiver::aws::backoff::Deadline;
use archiver::function::handler::Archiver;
use archiver::function::response::BatchResponse;
use archiver::function::tags::TagReader;
use archiver::store::database::Database;
use std::future::Future;
use std::time::Duration;

/// Time an invocation of the archiver gets, as the deployed function has by default.
const INVOCATION_TIME: Duration = Duration::from_secs(60);

/// Something that takes a batch of records as Lambda's function does.
pub trait Invoke: Send + Sync + 'static {
    /// Takes one event. An error is a failed invocation: no record of the batch counts as done.
    fn invoke(&self, event: String) -> impl Future<Output = Result<BatchResponse, String>> + Send;
}

impl<T: TagReader + 'static, D: Database + 'static> Invoke for Archiver<T, D> {
    async fn invoke(&self, event: String) -> Result<BatchResponse, String> {
        self.handle(&event, Deadline::after(INVOCATION_TIME)).await.map_err(|error| error.to_string())
    }
}
