//! The function under test, reached in one of two ways: through its handler in this process, or through its real binary and the
//! Lambda Runtime API.

use crate::bootstrap::Bootstrap;
use crate::endpoints::{Endpoints, REGION};
use archiver::aws::backoff::Deadline;
use archiver::function::handler::AwsArchiver;
use archiver::function::response::BatchResponse;
use archiver::function::settings_cache::DEFAULT_REFRESH;
use explorer::local::event_source::Invoke;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

/// Time for one batch.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How a test reaches the function.
#[derive(Clone, Debug)]
pub enum Way {
    /// The library's handler.
    Handler,
    /// The binary at this path.
    Binary(PathBuf),
}

/// A running function.
#[derive(Debug)]
pub enum Function {
    /// The library's handler.
    Handler(Box<AwsArchiver>),
    /// The binary, running.
    Binary(Box<Bootstrap>),
}

/// An invocation that ended with an error instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// Lambda's `errorType`.
    pub error_type: String,
    /// Lambda's `errorMessage`.
    pub message: String,
}

impl Function {
    /// Starts a function with empty caches.
    pub async fn start(endpoints: &Endpoints, way: &Way) -> Self {
        match way {
            Way::Handler => {
                let Endpoints { kinesis_url, dynamodb_url, .. } = endpoints;
                Self::Handler(Box::new(AwsArchiver::new_on_emulators(kinesis_url, dynamodb_url, REGION, DEFAULT_REFRESH)))
            }
            Way::Binary(path) => Self::Binary(Box::new(Bootstrap::start(endpoints, path).await)),
        }
    }

    /// Delivers an event; the answer is what Lambda sees.
    ///
    /// # Errors
    /// When the whole batch failed.
    pub async fn invoke(&self, event: &str) -> Result<Value, FunctionError> {
        match self {
            Self::Handler(archiver) => match archiver.handle(event, Deadline::after(TIME_LIMIT)).await {
                Ok(answer) => Ok(serde_json::to_value(answer).expect("an answer is JSON")),
                Err(error) => Err(FunctionError { error_type: error.type_name().to_owned(), message: error.to_string() }),
            },
            Self::Binary(bootstrap) => bootstrap.invoke(event).await,
        }
    }

    /// Delivers an event that must be archived completely.
    ///
    /// # Panics
    /// When a record or the batch failed.
    pub async fn archive(&self, event: &str) {
        let failed = self.failed_numbers(event).await;
        assert!(failed.is_empty(), "not archived: {failed:?}");
    }

    /// Delivers an event and returns the numbers that the function reports as failed.
    ///
    /// # Panics
    /// When the batch failed, or the answer does not have Lambda's form.
    pub async fn failed_numbers(&self, event: &str) -> Vec<String> {
        let answer = self.invoke(event).await.expect("the batch does not fail as a whole");
        let failures = answer["batchItemFailures"].as_array().expect("an answer has batchItemFailures");
        failures.iter().map(|failure| failure["itemIdentifier"].as_str().expect("an itemIdentifier").to_owned()).collect()
    }

    /// Delivers an event whose batch must fail as a whole.
    ///
    /// # Panics
    /// When it does not.
    pub async fn error(&self, event: &str) -> FunctionError {
        match self.invoke(event).await {
            Ok(answer) => panic!("no error but {answer}"),
            Err(error) => error,
        }
    }
}

impl Invoke for Function {
    async fn invoke(&self, event: String) -> Result<BatchResponse, String> {
        let answer = Self::invoke(self, &event).await.map_err(|error| error.message)?;
        serde_json::from_value(answer).map_err(|error| error.to_string())
    }
}
