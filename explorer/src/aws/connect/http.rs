//! The HTTP connections of all clients. They trust the user's certificates, note which credentials AWS refuses, and reject answers
//! that AWS never gives: a truncated answer would look like the end of an archive, and an endless one would fill the memory.

use super::content::fault_of;
use archiver::aws::failure::{AwsFailure, FailureKind, UnusableAnswer};
use archiver::aws::http::Http as ArchiverHttp;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::config_bag::ConfigBag;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use std::borrow::Cow;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The largest answers, in bytes. A page has 1 MB as DynamoDB counts it, and several times that as JSON. Source: DynamoDB API
/// reference, Query and Scan.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// For GetRecords: 10 MiB of payload in base64, plus keys and numbers of 10,000 records. Source: Kinesis API reference, GetRecords.
const LARGEST_RECORDS: usize = 32 * 1024 * 1024;
/// For BatchGetItem: 16 MB as DynamoDB counts it. Source: DynamoDB API reference, BatchGetItem.
const LARGEST_BATCH: usize = 64 * 1024 * 1024;
/// For an error, from any service.
const LARGEST_ERROR: usize = 1024 * 1024;
/// Timeout of a connection outside the SDK's clients.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Credentials that AWS refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The id of the access key.
    pub(super) key: String,
    /// What AWS said.
    pub(super) words: String,
    /// When.
    pub(super) at: Instant,
}

/// The last credentials that AWS refused, shared by all connections.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals(Arc<Mutex<Option<Refusal>>>);

impl Refusals {
    /// The refusal of this key, if any.
    pub(super) fn of(&self, key: &str) -> Option<Refusal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone().filter(|refusal| refusal.key == key)
    }

    /// Forgets the refusal, so that the key is tried again.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn note(&self, key: String, words: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Refusal { key, words, at: Instant::now() });
    }
}

/// Certificates to trust besides the system's.
#[derive(Clone, Debug)]
pub(super) struct Trusted(TrustStore);

impl Trusted {
    /// Reads a file; `named_by` is the variable or setting that names it.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(super) fn of_file(path: &Path, named_by: &str) -> Result<Self, String> {
        let file = path.display();
        let pem = fs::read(path).map_err(|error| format!("{named_by} names {file}, which cannot be read: {error}"))?;
        let mut store = TrustStore::default();
        let (mut scratch, mut count) = (RootCertStore::empty(), 0);
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|error| format!("{named_by} names {file}, which is not a PEM file: {error}"))?;
            // A bundle may have old certificates that nothing can use any more.
            if scratch.add(certificate.clone()).is_ok() {
                store.add_pem_certificate(pem_of(&certificate));
                count += 1;
            }
        }
        if count == 0 {
            return Err(format!("{named_by} names {file}, which contains no PEM certificate"));
        }
        Ok(Self(store))
    }
}

fn pem_of(certificate: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
}

/// Connections to AWS.
#[derive(Clone, Debug)]
pub(super) struct Http {
    connections: SharedHttpClient,
    tls: TlsContext,
    proxy: ProxyConfig,
    refusals: Refusals,
}

impl Http {
    /// Connections through the proxy in the environment.
    pub(super) fn new(trusted: Option<Trusted>, refusals: Refusals) -> Self {
        Self::through(ProxyConfig::from_env(), trusted, refusals)
    }

    /// Connections to this machine.
    pub(super) fn direct() -> Self {
        Self::through(ProxyConfig::disabled(), None, Refusals::default())
    }

    fn through(proxy: ProxyConfig, trusted: Option<Trusted>, refusals: Refusals) -> Self {
        let tls = trusted.and_then(|Trusted(store)| TlsContext::builder().with_trust_store(store).build().ok()).unwrap_or_default();
        let connections = {
            let (tls, proxy) = (tls.clone(), proxy.clone());
            Builder::new().build_with_connector_fn(move |settings, components| {
                let mut builder = Connector::builder();
                builder.set_connector_settings(settings.cloned());
                builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
                connector(builder, &tls, &proxy)
            })
        };
        Self { connections, tls, proxy, refusals }
    }

    /// The archiver's connections.
    pub(super) fn of_archiver(&self) -> ArchiverHttp {
        ArchiverHttp::of(self.connector())
    }

    /// Connections for calls outside the SDK's clients.
    pub(super) fn connector(&self) -> SharedHttpConnector {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let connector = connector(Connector::builder().connector_settings(settings), &self.tls, &self.proxy);
        self.watching(SharedHttpConnector::new(connector))
    }

    fn watching(&self, inner: SharedHttpConnector) -> SharedHttpConnector {
        SharedHttpConnector::new(Watching { inner, refusals: self.refusals.clone() })
    }
}

fn connector(builder: aws_smithy_http_client::ConnectorBuilder, tls: &TlsContext, proxy: &ProxyConfig) -> Connector {
    let builder = builder.enable_tcp_nodelay(true).proxy_config(proxy.clone());
    builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls.clone()).build()
}

impl HttpClient for Http {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        self.watching(self.connections.http_connector(settings, components))
    }

    fn validate_base_client_config(&self, components: &RuntimeComponentsBuilder, config: &ConfigBag) -> Result<(), BoxError> {
        self.connections.validate_base_client_config(components, config)
    }
}

/// Checks answers before the SDK sees them.
#[derive(Debug)]
struct Watching {
    inner: SharedHttpConnector,
    refusals: Refusals,
}

impl HttpConnector for Watching {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let header = |name: &str| request.headers().get(name).unwrap_or_default().to_owned();
        // "DynamoDB_20120810.Scan"; other services have no such header.
        let target = header("x-amz-target");
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let service = if target.starts_with("DynamoDB") { "DynamoDB" } else { "Kinesis" };
        let key = key_of(&header("authorization")).or_else(|| key_in(request.uri())).map(str::to_owned);
        let answer = self.inner.call(request);
        let refusals = self.refusals.clone();
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            let status = answer.status().as_u16();
            let most = match operation.as_str() {
                _ if status >= 400 => LARGEST_ERROR,
                // An S3 object may have any size.
                "" => return Ok(answer),
                "GetRecords" => LARGEST_RECORDS,
                "BatchGetItem" => LARGEST_BATCH,
                _ => LARGEST_ANSWER,
            };
            let answer = whole(answer, most, &operation).await?;
            let body = answer.body().bytes().unwrap_or_default();
            if status >= 400 {
                let failure = failure_of(&answer);
                if let (FailureKind::Credentials, Some(key)) = (failure.kind, key) {
                    refusals.note(key, failure.message);
                }
            } else if let Some(fault) = fault_of(body, service, &operation) {
                return Err(unusable(fault));
            }
            Ok(answer)
        })
    }
}

/// The answer with its whole body.
pub(in crate::aws) async fn whole(mut answer: HttpResponse, most: usize, operation: &str) -> Result<HttpResponse, ConnectorError> {
    let too_large = || {
        let megabytes = most / 1024 / 1024;
        unusable(format!("the answer to {operation} has more than {megabytes} MiB, which is more than AWS sends"))
    };
    let length = answer.headers().get("content-length").and_then(|length| length.parse::<usize>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(length.unwrap_or_default());
    let mut coming = ByteStream::new(answer.take_body());
    while let Some(piece) = coming.next().await {
        let piece = piece.map_err(|error| ConnectorError::io(error.into()))?;
        if body.len() + piece.len() > most {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    *answer.body_mut() = SdkBody::from(body);
    Ok(answer)
}

fn unusable(sentence: String) -> ConnectorError {
    ConnectorError::other(UnusableAnswer(sentence).into(), None)
}

/// The id of the access key in `AWS4-HMAC-SHA256 Credential=AKID/20261120/…`.
fn key_of(authorization: &str) -> Option<&str> {
    authorization.split("Credential=").nth(1)?.split('/').next()
}

/// The id of the access key in a URL that is signed: `…?X-Amz-Credential=AKID%2F20261120%2F…`.
fn key_in(url: &str) -> Option<&str> {
    url.split("X-Amz-Credential=").nth(1)?.split(['%', '/', '&']).next()
}

/// The body of an error.
#[derive(Default, Deserialize)]
struct ErrorBody<'b> {
    #[serde(borrow, rename = "__type", default)]
    code: Cow<'b, str>,
    #[serde(borrow, default)]
    message: Cow<'b, str>,
    /// Some errors spell it like this.
    #[serde(borrow, default, rename = "Message")]
    capital_message: Cow<'b, str>,
}

/// An error from a service, as JSON or XML.
pub(in crate::aws) fn failure_of(answer: &HttpResponse) -> AwsFailure {
    let body = answer.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let between = |name: &str| {
        let rest = text.split(&format!("<{name}>")).nth(1)?;
        rest.split(&format!("</{name}>")).next().map(|found| Cow::Owned(found.to_owned()))
    };
    let ErrorBody { code, message, capital_message } = serde_json::from_slice(body).unwrap_or_else(|_| ErrorBody {
        code: between("Code").unwrap_or_default(),
        message: between("Message").unwrap_or_default(),
        capital_message: Cow::default(),
    });
    let message = if message.is_empty() { capital_message } else { message };
    let named = answer.headers().get("x-amzn-errortype").unwrap_or_default();
    let code = if code.is_empty() { named } else { &code };
    // "com.amazonaws.dynamodb.v20120810#ExpiredTokenException", or "ExpiredTokenException:http://internal.amazon.com/…"
    let code = code.rsplit('#').next().unwrap_or_default().split(':').next().unwrap_or_default();
    AwsFailure::of_answer(code, &message, answer.status().as_u16())
}

/// Repeats calls that were refused for their credentials, because there may be newer ones. If there are none, the provider fails
/// and the call is not repeated again.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefusedCredentials;

impl ClassifyRetry for RefusedCredentials {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let is_error = |answer: &&HttpResponse| (400..500).contains(&answer.status().as_u16());
        match context.response().filter(is_error).map(failure_of) {
            Some(failure) if failure.kind == FailureKind::Credentials => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "refused credentials"
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
    }

    #[test]
    fn refused_credentials_are_recognised_in_the_errors_of_every_service() {
        for (body, words) in [
            (
                r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security token is expired"}"#,
                "ExpiredTokenException: The security token is expired",
            ),
            (
                r#"{"__type":"UnrecognizedClientException","Message":"The security token is invalid"}"#,
                "UnrecognizedClientException: The security token is invalid",
            ),
            (
                "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
                "ExpiredToken: The provided token has expired.",
            ),
        ] {
            let failure = failure_of(&answer(400, body));
            assert_eq!((failure.kind, failure.message.as_str()), (FailureKind::Credentials, words));
        }
        assert_ne!(failure_of(&answer(400, r#"{"__type":"AccessDeniedException"}"#)).kind, FailureKind::Credentials);
        let signed = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261120/eu-west-1/kinesis/aws4_request, SignedHeaders=host";
        assert_eq!(key_of(signed), Some("AKIDEXAMPLE"));
        assert_eq!(key_of(""), None);
        let url = "https://orders.s3.eu-west-1.amazonaws.com/?X-Amz-Credential=AKIDEXAMPLE%2F20261120%2Feu-west-1&X-Amz-Date=20261120T100000Z";
        assert_eq!((key_in(url), key_in("https://orders.s3.eu-west-1.amazonaws.com/")), (Some("AKIDEXAMPLE"), None));
    }

    #[tokio::test]
    async fn an_answer_larger_than_aws_sends_is_not_taken_into_memory() {
        let whole_of = async |length: &str, size: usize| {
            let mut answer = answer(200, &"x".repeat(size));
            if !length.is_empty() {
                answer.headers_mut().insert("content-length", length.to_owned());
            }
            whole(answer, 1024 * 1024, "Scan").await
        };
        assert!(whole_of("", 1024 * 1024).await.is_ok());
        for (length, size) in [("", 1024 * 1024 + 1), ("600000000", 10)] {
            let error = whole_of(length, size).await.unwrap_err();
            let cause = archiver::aws::failure::innermost(&error).to_string();
            assert_eq!(cause, "the answer to Scan has more than 1 MiB, which is more than AWS sends");
        }
    }

    #[test]
    fn a_bundle_that_cannot_be_used_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let error = |path: &Path| Trusted::of_file(path, "AWS_CA_BUNDLE").unwrap_err();
        assert!(error(&path).contains("ca.pem, which cannot be read: "), "{}", error(&path));
        fs::write(&path, "nothing useful").unwrap();
        assert!(error(&path).ends_with("ca.pem, which contains no PEM certificate"), "{}", error(&path));
        fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        assert!(error(&path).ends_with("ca.pem, which contains no PEM certificate"), "{}", error(&path));
    }
}
