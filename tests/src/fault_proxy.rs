//! A proxy in front of Kinesis or DynamoDB. A script decides how each call fails, in every way that calls fail on AWS. All other
//! calls reach the service. The proxy records all calls for the test.

mod call;
mod clock;
mod part;
mod refusal;

pub use call::{Call, Kind};
pub use refusal::Refusal;

use crate::endpoints;
use crate::hostile;
use crate::upstream::{Answer, MAX_REQUEST_BYTES, Upstream, cut};
use crate::wait::eventually;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use jiff::SignedDuration;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What happens to a call.
pub enum Fault {
    /// Nothing is wrong.
    Pass,
    /// Nothing is wrong, but the call takes this long.
    Slow(Duration),
    /// Nothing is done, and the answer is an error.
    Refuse(Refusal),
    /// Nothing is done. A batch of statements succeeds, with the error for each statement; any other call fails as a whole.
    RefuseEach(Refusal),
    /// Only the batch's items at some places are done. In a batch of puts, the others come back unprocessed; in a batch of
    /// statements, they fail with the error. A call with one item fails if place 0 is refused.
    RefuseSome(Refusal, Box<dyn Fn(usize) -> bool + Send>),
    /// Everything is done, and each text in the answer ends with control sequences for a terminal.
    Hostile,
    /// Nothing is done, and the answer has this status and this body.
    Say(u16, String),
    /// Nothing is done, and no answer comes.
    HangBefore,
    /// Everything is done, but no answer comes.
    HangAfter,
    /// Nothing is done, and the connection ends without an answer.
    CutBefore,
    /// Everything is done, and the connection breaks in the middle of the answer.
    CutAfter,
    /// The service's clock is this far ahead of ours: calls signed with another time are refused, and every answer contains its
    /// time.
    Clock(SignedDuration),
}

/// A running proxy.
#[derive(Debug)]
pub struct FaultProxy {
    /// Its address.
    pub url: String,
    state: Arc<ProxyState>,
}

/// A call to the proxy.
#[derive(Clone, Debug)]
pub struct SeenCall {
    /// The request.
    pub call: Arc<Call>,
    /// When the complete request had arrived.
    pub began: Instant,
    /// When its answer was sent; `None` if it hung, was cut off, or the caller did not wait.
    pub answered: Option<Instant>,
    /// Whether it gets no answer although it was carried out.
    pub hangs: bool,
}

type Script = Arc<dyn Fn(&Call) -> Fault + Send + Sync>;

struct ProxyState {
    service: Upstream,
    script: Mutex<(Script, HashMap<Kind, usize>)>,
    seen: Mutex<Vec<SeenCall>>,
}

impl fmt::Debug for ProxyState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProxyState").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl FaultProxy {
    /// Starts a proxy in front of this service, which passes everything.
    pub async fn start(service_url: &str) -> Self {
        let script: Script = Arc::new(|_| Fault::Pass);
        let service = Upstream::new(service_url);
        let state = Arc::new(ProxyState { service, script: Mutex::new((script, HashMap::new())), seen: Mutex::default() });
        let (listener, url) = endpoints::listen().await;
        endpoints::serve(listener, Router::new().fallback(pass).with_state(Arc::clone(&state)));
        Self { url, state }
    }

    /// From now on, calls fail as this script says; their numbers start from 0 again.
    ///
    /// # Panics
    /// When a script panicked.
    pub fn follow(&self, script: impl Fn(&Call) -> Fault + Send + Sync + 'static) {
        *self.state.script.lock().expect("no panic") = (Arc::new(script), HashMap::new());
    }

    /// From now on everything passes.
    pub fn heal(&self) {
        self.follow(|_| Fault::Pass);
    }

    /// All calls so far.
    ///
    /// # Panics
    /// When a task panicked while it noted one.
    #[must_use]
    pub fn seen(&self) -> Vec<SeenCall> {
        self.state.seen.lock().expect("no panic").clone()
    }

    /// The writes to a table so far.
    #[must_use]
    pub fn writes_to(&self, table: &str) -> Vec<SeenCall> {
        self.seen().into_iter().filter(|seen| seen.call.is_write_to(table)).collect()
    }

    /// Waits until the calls so far satisfy the condition.
    pub async fn until(&self, what: &str, is_so: impl Fn(&[SeenCall]) -> bool) {
        eventually(what, || async { is_so(&self.seen()).then_some(()) }).await;
    }
}

async fn pass(State(state): State<Arc<ProxyState>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await;
    // A caller that is killed does not send a complete request.
    let Ok(body) = body else { cut() };
    let call = Call::parse(&parts, &body);
    let (fault, call, place) = state.note(call);
    let response = state.answer(fault, &call, place, &parts, body).await;
    state.seen.lock().expect("no panic")[place].answered = Some(Instant::now());
    response
}

impl ProxyState {
    /// Counts a call and asks the script what happens to it.
    fn note(&self, mut call: Call) -> (Fault, Arc<Call>, usize) {
        let (fault, call) = {
            let mut script = self.script.lock().expect("no panic");
            let next = script.1.entry(call.kind.clone()).or_default();
            call.number = *next;
            *next += 1;
            ((script.0)(&call), Arc::new(call))
        };
        let mut seen = self.seen.lock().expect("no panic");
        seen.push(SeenCall { call: Arc::clone(&call), began: Instant::now(), answered: None, hangs: false });
        (fault, call, seen.len() - 1)
    }

    async fn answer(&self, fault: Fault, call: &Call, place: usize, parts: &Parts, body: Bytes) -> Response {
        match fault {
            Fault::Pass => self.service.forward(parts, body).await.into_response(),
            Fault::Slow(delay) => {
                tokio::time::sleep(delay).await;
                self.service.forward(parts, body).await.into_response()
            }
            Fault::Refuse(refusal) => refusal.answer(call).into_response(),
            Fault::RefuseEach(refusal) if call.operation == part::BATCH_OF_STATEMENTS => {
                part::of(call, |_| false).merge(None, call, refusal).into_response()
            }
            Fault::RefuseEach(refusal) => refusal.answer(call).into_response(),
            Fault::RefuseSome(refusal, is_refused) => {
                let part = part::of(call, |place| !is_refused(place));
                let answer = match part.request() {
                    Some(request) => Some(self.service.forward(parts, request.to_string()).await),
                    None => None,
                };
                part.merge(answer, call, refusal).into_response()
            }
            Fault::Hostile => {
                let answer = self.service.forward(parts, body).await;
                let rewritten = Answer::json(&hostile::spoiled(answer.to_json()));
                Answer { status: answer.status, ..rewritten }.into_response()
            }
            Fault::Say(status, body) => {
                let status = StatusCode::from_u16(status).expect("a status");
                Answer { status, headers: HeaderMap::new(), body: body.into() }.into_response()
            }
            Fault::HangBefore => self.hang(place).await,
            Fault::HangAfter => {
                self.service.forward(parts, body).await;
                self.hang(place).await
            }
            Fault::CutBefore => cut(),
            Fault::CutAfter => cut_in_the_middle(self.service.forward(parts, body).await),
            Fault::Clock(ahead) => {
                let mut answer = match clock::refusal(ahead, parts) {
                    Some(refusal) => refusal,
                    None => self.service.forward(parts, body).await,
                };
                answer.headers.insert(header::DATE, clock::date(ahead));
                answer.into_response()
            }
        }
    }

    async fn hang(&self, place: usize) -> Response {
        self.seen.lock().expect("no panic")[place].hangs = true;
        std::future::pending().await
    }
}

/// The headers and half of the body, then the end of the connection.
fn cut_in_the_middle(answer: Answer) -> Response {
    let length = answer.body.len();
    let half = Ok(answer.body.slice(..length / 2));
    let end = futures::stream::once(async {
        // The connection sends what was written before it sees the error.
        tokio::task::yield_now().await;
        Err(std::io::Error::other("the connection is cut"))
    });
    let body = Body::from_stream(futures::stream::iter([half]).chain(end));
    let mut response = (answer.status, answer.headers, body).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    response
}
