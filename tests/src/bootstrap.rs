//! The function's real binary as a child process, and the Lambda Runtime API that it talks to: three routes. Source: Lambda
//! developer guide, runtime API.

use crate::endpoints::{self, Endpoints};
use crate::function::{FunctionError, TIME_LIMIT};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as RoutePath, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{get, post};
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

/// Largest event or answer. Source: Lambda quotas, synchronous invocation payload.
const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;

/// A running function; dropping this value kills its process.
#[derive(Debug)]
pub struct Bootstrap {
    process: Mutex<Child>,
    invocations: mpsc::Sender<Invocation>,
    log: Log,
}

type Answer = Result<Value, FunctionError>;
type Log = Arc<Mutex<Vec<String>>>;

#[derive(Debug)]
struct Invocation {
    event: String,
    time_limit: Duration,
    /// Gets the deadline when the function takes the event.
    taken: oneshot::Sender<Instant>,
    answer: oneshot::Sender<Answer>,
}

struct RuntimeApi {
    invocations: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    unanswered: Mutex<HashMap<String, oneshot::Sender<Answer>>>,
}

impl Bootstrap {
    /// Starts the binary with the environment Lambda gives, and these endpoints.
    pub async fn start(endpoints: &Endpoints, binary: &Path) -> Self {
        let (invocations, receiver) = mpsc::channel(1);
        let api = Arc::new(RuntimeApi { invocations: tokio::sync::Mutex::new(receiver), unanswered: Mutex::new(HashMap::new()) });
        let (listener, url) = endpoints::listen().await;
        endpoints::serve(listener, routes(api));
        let mut process = Command::new(binary)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", url.trim_start_matches("http://"))
            .env("AWS_LAMBDA_FUNCTION_NAME", "archiver")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/archiver")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]0123456789abcdef")
            .env("AWS_REGION", endpoints::REGION)
            .env("AWS_ACCESS_KEY_ID", endpoints::KEY)
            .env("AWS_SECRET_ACCESS_KEY", endpoints::KEY)
            .env("AWS_ENDPOINT_URL_KINESIS", &endpoints.kinesis_url)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb_url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", binary.display()));
        let log = Log::default();
        keep_lines(process.stdout.take().expect("a piped stdout"), Arc::clone(&log));
        keep_lines(process.stderr.take().expect("a piped stderr"), Arc::clone(&log));
        Self { process: Mutex::new(process), invocations, log }
    }

    /// Delivers an event and waits for the answer.
    ///
    /// # Errors
    /// What the function reported instead of an answer.
    ///
    /// # Panics
    /// When the process ends or is silent for longer than a function may run.
    pub async fn invoke(&self, event: &str) -> Answer {
        self.invoke_within(event, TIME_LIMIT).await
    }

    /// Delivers an event with a different time limit, and waits for the answer.
    ///
    /// # Errors
    /// What the function reported instead of an answer.
    ///
    /// # Panics
    /// When the process ends or does not answer by its deadline; Lambda would kill it then.
    pub async fn invoke_within(&self, event: &str, time_limit: Duration) -> Answer {
        let (taken, deadline) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let invocation = Invocation { event: event.to_owned(), time_limit, taken, answer };
        assert!(self.invocations.send(invocation).await.is_ok(), "the runtime API is gone");
        let answered = async {
            let deadline = tokio::time::timeout(TIME_LIMIT, deadline).await.ok()?.ok()?;
            tokio::time::timeout_at(deadline.into(), answered).await.ok()?.ok()
        };
        answered.await.unwrap_or_else(|| {
            let status = self.process.lock().expect("no panic").try_wait();
            panic!("no answer, process {status:?}, log: {:#?}", self.log())
        })
    }

    /// Kills the process like a crash, with no time to clean up.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn kill(&self) {
        let mut process = self.process.lock().expect("no panic");
        assert!(matches!(process.try_wait(), Ok(None)), "the process ended by itself: {:#?}", self.log());
        process.start_kill().expect("a running process can be killed");
    }

    /// The lines that the process has written so far.
    ///
    /// # Panics
    /// When a task panicked while it wrote.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no panic").clone()
    }
}

fn keep_lines(output: impl AsyncRead + Unpin + Send + 'static, log: Log) {
    tokio::spawn(async move {
        let mut lines = BufReader::new(output).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            log.lock().expect("no panic").push(line);
        }
    });
}

fn routes(api: Arc<RuntimeApi>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .layer(DefaultBodyLimit::max(MAX_PAYLOAD_BYTES))
        .with_state(api)
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Result<(HeaderMap, String), StatusCode> {
    let invocation = api.invocations.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    let id = format!("{:032x}", fastrand::u128(..));
    // If nothing waits any more, the test has ended already.
    invocation.taken.send(Instant::now() + invocation.time_limit).map_err(|_| StatusCode::GONE)?;
    let deadline = SystemTime::now() + invocation.time_limit;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("a clock past 1970").as_millis().to_string();
    api.unanswered.lock().expect("no panic").insert(id.clone(), invocation.answer);
    let headers = [
        ("lambda-runtime-aws-request-id", id.as_str()),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:archiver"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
        ("content-type", "application/json"),
    ];
    let headers = headers.map(|(name, value)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header of visible characters"))
    });
    Ok((headers.into_iter().collect(), invocation.event))
}

async fn response(State(api): State<Arc<RuntimeApi>>, RoutePath(id): RoutePath<String>, body: Bytes) -> StatusCode {
    api.answer(&id, serde_json::from_slice(&body).expect("the answer is JSON"), Ok)
}

async fn error(State(api): State<Arc<RuntimeApi>>, RoutePath(id): RoutePath<String>, body: Bytes) -> StatusCode {
    api.answer(&id, serde_json::from_slice(&body).expect("the error is JSON"), |report: Value| {
        let text = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        Err(FunctionError { error_type: text("errorType"), message: text("errorMessage") })
    })
}

impl RuntimeApi {
    fn answer(&self, id: &str, body: Value, to_answer: impl FnOnce(Value) -> Answer) -> StatusCode {
        match self.unanswered.lock().expect("no panic").remove(id) {
            Some(waiting) => {
                // If nothing waits any more, the test has failed already.
                if waiting.send(to_answer(body)).is_ok() { StatusCode::ACCEPTED } else { StatusCode::GONE }
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}
