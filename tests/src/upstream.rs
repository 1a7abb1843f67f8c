//! The service behind a proxy. Requests are passed on unchanged; answers come back complete, whatever their framing was.

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Room for the largest request: 16 MB of BatchWriteItem, 10 MiB of PutRecords in base64. Source: DynamoDB and Kinesis API
/// references.
pub(crate) const MAX_REQUEST_BYTES: usize = 32 * 1024 * 1024;
/// Headers that hold for one connection only, and the length, which the next sender adds itself.
const OF_THE_CONNECTION: [HeaderName; 3] = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// The service that a proxy passes requests to.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    client: Client<HttpConnector, Body>,
    url: String,
}

impl Upstream {
    pub(crate) fn new(url: &str) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url: url.trim_end_matches('/').to_owned() }
    }

    pub(crate) async fn forward(&self, parts: &Parts, body: impl Into<Body>) -> Answer {
        let mut request = Request::new(body.into());
        *request.method_mut() = parts.method.clone();
        *request.uri_mut() = format!("{}{}", self.url, parts.uri).parse::<Uri>().expect("an address");
        *request.headers_mut() = without_those_of_the_connection(&parts.headers);
        let answer = self.client.request(request).await.expect("the service behind the proxy answers");
        let (head, body) = answer.into_parts();
        let body = axum::body::to_bytes(Body::new(body), MAX_REQUEST_BYTES).await.expect("a whole answer");
        Answer { status: head.status, headers: without_those_of_the_connection(&head.headers), body }
    }
}

fn without_those_of_the_connection(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, _)| !OF_THE_CONNECTION.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// An answer that was not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(value: &Value) -> Self {
        let content_type = HeaderValue::from_static("application/x-amz-json-1.1");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        Self { status: StatusCode::OK, headers, body: value.to_string().into() }
    }

    pub(crate) fn to_json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, self.headers, self.body).into_response()
    }
}

/// Ends the connection without an answer. A server closes it when a handler fails; unlike a panic, this prints nothing.
pub(crate) fn cut() -> ! {
    std::panic::resume_unwind(Box::new("the connection is cut"))
}
