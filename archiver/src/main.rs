//! The Lambda function: it makes its clients once, then handles every event with them. Only this program knows the Lambda runtime.
//! The explorer runs the same archiver without it.

mod invocation;

use archiver::aws::backoff::Deadline;
use archiver::function::environment;
use archiver::function::error::ArchiveError;
use archiver::function::event::InvalidEvent;
use archiver::function::handler::AwsArchiver;
use archiver::function::report::BatchReport;
use archiver::function::response::BatchResponse;
use bytes::Bytes;
use invocation::Events;
use jiff::Timestamp;
use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, Runtime, service_fn};
use std::time::{Duration, SystemTime};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Time reserved before the deadline, so that the answer still reaches Lambda.
const ANSWER_MARGIN: Duration = Duration::from_millis(500);
/// Used when the event has no deadline in the future, as under `cargo lambda watch`.
const UNKNOWN_TIME_LEFT: Duration = Duration::from_secs(60);

/// An [`ArchiveError`] as Lambda shows it, with `errorType` and `errorMessage`.
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
    tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().json().flatten_event(true)).with(log_filter()).init();
    let archiver = AwsArchiver::new_on_aws(&environment::config())?.reporting_to(printer());
    let archiver = &archiver;
    let events = Events::default();
    let handler = service_fn(|invocation: LambdaEvent<()>| handle(archiver, events.take(), invocation.context.deadline()));
    Runtime::new(handler).layer(TracingLayer::new()).layer(events.clone()).run().await
}

/// The targets and levels that `RUST_LOG` names.
fn log_filter() -> Targets {
    let named = std::env::var("RUST_LOG").ok().and_then(|directives| directives.parse().ok());
    named.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO).with_target("aws", LevelFilter::WARN))
}

/// Prints reports where CloudWatch reads them.
#[expect(clippy::disallowed_macros, reason = "what a function prints is its log")]
fn printer() -> impl Fn(&BatchReport) + Send + Sync {
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").ok();
    move |report| match report.to_line(function.as_deref(), Timestamp::now()) {
        Ok(line) => println!("{line}"),
        Err(error) => tracing::error!(%error, "the batch cannot be reported"),
    }
}

async fn handle(archiver: &AwsArchiver, event: Bytes, deadline: SystemTime) -> Result<BatchResponse, Report> {
    let event = std::str::from_utf8(&event).map_err(|error| Report(InvalidEvent::from(error).into()))?;
    Box::pin(archiver.handle(event, Deadline::after(time_left(deadline)))).await.map_err(Report)
}

fn time_left(deadline: SystemTime) -> Duration {
    match deadline.duration_since(SystemTime::now()) {
        Ok(left) => left.saturating_sub(ANSWER_MARGIN),
        Err(_) => UNKNOWN_TIME_LEFT,
    }
}
