//! The archiver's binary as a child process, with the Lambda Runtime API that it uses. Leaner than the tests' version and without
//! its limits: batches may have any size.

use crate::backend::{self, Backend};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use end_to_end::endpoints::{KEY, REGION};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Time for one batch. Source: Lambda quotas, function timeout.
const TIME_LIMIT: Duration = Duration::from_secs(900);
/// Lines of the child's output to keep for error messages.
const KEPT_LINES: usize = 40;

/// A running archiver; dropping this value kills its process.
#[derive(Debug)]
pub(crate) struct Function {
    /// Just before the process was started.
    pub(crate) started: Instant,
    process: Child,
    events: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Answer>,
    log: Log,
    server: JoinHandle<()>,
}

/// What the function posts: its answer, or its error.
type Answer = Result<Bytes, Bytes>;
type Log = Arc<Mutex<VecDeque<String>>>;

struct RuntimeApi {
    events: tokio::sync::Mutex<mpsc::Receiver<Bytes>>,
    answers: mpsc::Sender<Answer>,
}

impl Function {
    /// Starts the binary with Lambda's environment and this backend; an event, if given, is available at once.
    pub(crate) async fn start(binary: &Path, backend: &Backend, certificates: Option<&Path>, event: Option<Bytes>) -> Self {
        let (events, event_receiver) = mpsc::channel(1);
        let (answer_sender, answers) = mpsc::channel(1);
        let api = RuntimeApi { events: tokio::sync::Mutex::new(event_receiver), answers: answer_sender };
        let (listener, port) = backend::listen().await;
        let routes = routes(api);
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.expect("the server goes on") });
        if let Some(event) = event {
            events.try_send(event).expect("room for one event");
        }
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{port}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "archiver")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/archiver")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]0123456789abcdef")
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", KEY)
            .env("AWS_ENDPOINT_URL_KINESIS", &backend.url)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &backend.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(certificates) = certificates {
            command.env("SSL_CERT_FILE", certificates);
        }
        let started = Instant::now();
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        let log = Log::default();
        keep_lines(process.stdout.take().expect("a piped stdout"), Arc::clone(&log));
        keep_lines(process.stderr.take().expect("a piped stderr"), Arc::clone(&log));
        Self { started, process, events, answers, log, server }
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id().expect("it was not waited for")
    }

    /// Delivers an event and waits until all of it is archived.
    ///
    /// # Panics
    /// When it is not, or the process ends.
    pub(crate) async fn archive(&mut self, event: Bytes) {
        self.events.send(event).await.expect("the runtime API is there");
        self.answered().await;
    }

    /// Waits until all of an event that was delivered is archived.
    ///
    /// # Panics
    /// When it is not, or the process ends.
    pub(crate) async fn answered(&mut self) {
        let answer = tokio::select! {
            answer = self.answers.recv() => answer.expect("the runtime API is there"),
            status = self.process.wait() => panic!("the function ended: {status:?}\n{}", shown(&self.log)),
            () = tokio::time::sleep(TIME_LIMIT) => panic!("no answer within {TIME_LIMIT:?}\n{}", shown(&self.log)),
        };
        match answer {
            Ok(answer) => {
                let answer: Value = serde_json::from_slice(&answer).expect("an answer is JSON");
                let all_archived = answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty);
                assert!(all_archived, "records were not archived: {answer}\n{}", shown(&self.log));
            }
            Err(error) => panic!("the batch failed: {}\n{}", String::from_utf8_lossy(&error), shown(&self.log)),
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn shown(log: &Log) -> String {
    log.lock().expect("no panic").iter().map(|line| format!("  | {line}\n")).collect()
}

fn keep_lines(output: impl AsyncRead + Unpin + Send + 'static, log: Log) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            let mut log = log.lock().expect("no panic");
            if log.len() == KEPT_LINES {
                log.pop_front();
            }
            log.push_back(line);
        }
    });
}

fn routes(api: RuntimeApi) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(api))
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> impl IntoResponse {
    let event = api.events.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let deadline = (SystemTime::now() + TIME_LIMIT).duration_since(SystemTime::UNIX_EPOCH).expect("a clock past 1970");
    let headers = [
        ("lambda-runtime-aws-request-id", format!("{:032x}", fastrand::u128(..))),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:archiver".to_owned()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    Ok::<_, StatusCode>((headers.map(|(name, value)| (HeaderName::from_static(name), value)), event))
}

async fn response(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> StatusCode {
    api.post(Ok(body)).await
}

async fn error(State(api): State<Arc<RuntimeApi>>, body: Bytes) -> StatusCode {
    api.post(Err(body)).await
}

impl RuntimeApi {
    async fn post(&self, answer: Answer) -> StatusCode {
        // If nothing waits any more, the benchmark is ending.
        if self.answers.send(answer).await.is_ok() { StatusCode::ACCEPTED } else { StatusCode::GONE }
    }
}
