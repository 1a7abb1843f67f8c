//! The Lambda function: clients made once, then the handler for every event.

use archiver::backoff::Deadline;
use archiver::error::ArchiveError;
use archiver::handler::{AwsArchiver, BatchResponse};
use archiver::report::BatchReport;
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use std::time::{Duration, SystemTime};

/// Kept back from the deadline, so that the answer still reaches Lambda.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);
/// Taken where the event carries no deadline that lies ahead, as under `cargo lambda watch`.
const UNKNOWN_TIME_LEFT: Duration = Duration::from_secs(60);

/// An [`ArchiveError`] as Lambda shows it: `errorType` and `errorMessage`.
#[derive(Debug)]
struct Report(ArchiveError);

impl From<Report> for Diagnostic {
    fn from(Report(error): Report) -> Self {
        tracing::error!(error_type = error.type_name(), %error, "batch failed");
        Self { error_type: error.type_name().to_owned(), error_message: error.to_string() }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,aws=warn".into()))
        .init();
    let archiver = AwsArchiver::on_aws().await?.reporting_to(print);
    let archiver = &archiver;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Box<RawValue>>| handle(archiver, event))).await
}

/// Where CloudWatch reads it.
fn print(report: &BatchReport) {
    match report.to_line(Timestamp::now()) {
        Ok(line) => println!("{line}"),
        Err(error) => tracing::error!(%error, "the batch cannot be reported"),
    }
}

async fn handle(archiver: &AwsArchiver, event: LambdaEvent<Box<RawValue>>) -> Result<BatchResponse, Report> {
    let deadline = Deadline::after(time_left(event.context.deadline()));
    Box::pin(archiver.handle(event.payload.get(), deadline)).await.map_err(Report)
}

fn time_left(deadline: SystemTime) -> Duration {
    match deadline.duration_since(SystemTime::now()) {
        Ok(left) => left.saturating_sub(ANSWER_MARGIN),
        Err(_) => UNKNOWN_TIME_LEFT,
    }
}
