//! Sends the requests that archiving needs. It uses the SDK's HTTP connections, endpoints and signatures, but not the SDK's
//! clients: they take more than twice the CPU time of everything else together, and are a third of the binary. Retries, deadlines
//! and request bodies are the archiver's own anyway.

use crate::aws::failure::{AwsFailure, FailureKind};
use crate::aws::http::Http;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_dynamodb::config::endpoint::ResolveEndpoint as _;
use aws_sdk_kinesis::config::endpoint::ResolveEndpoint as _;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::endpoint::Endpoint;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use bytes::Bytes;
use serde::Deserialize;
use std::borrow::Cow;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Credentials are loaded again when they expire sooner than this.
const CREDENTIALS_MARGIN: Duration = Duration::from_secs(300);

/// A configuration that is not enough to call AWS.
#[derive(Debug, thiserror::Error)]
pub enum InvalidConfig {
    #[error("no region is configured; set AWS_REGION")]
    NoRegion,
    #[error("no credentials are configured; give the function a role")]
    NoCredentials,
    #[error("the endpoint of {service} cannot be determined: {reason}")]
    NoEndpoint { service: &'static str, reason: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Kinesis,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    BatchWriteItem,
    BatchExecuteStatement,
    DescribeTable,
    GetItem,
    ListTagsForStream,
    PutItem,
}

impl Service {
    /// Its name in environment variables.
    fn id(self) -> &'static str {
        match self {
            Self::DynamoDb => "DynamoDB",
            Self::Kinesis => "Kinesis",
        }
    }

    /// Its name in signatures.
    fn signing_name(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::Kinesis => "kinesis",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::DynamoDb => "application/x-amz-json-1.0",
            Self::Kinesis => "application/x-amz-json-1.1",
        }
    }
}

impl Operation {
    fn target(self) -> &'static str {
        match self {
            Self::BatchWriteItem => "DynamoDB_20120810.BatchWriteItem",
            Self::BatchExecuteStatement => "DynamoDB_20120810.BatchExecuteStatement",
            Self::DescribeTable => "DynamoDB_20120810.DescribeTable",
            Self::GetItem => "DynamoDB_20120810.GetItem",
            Self::ListTagsForStream => "Kinesis_20131202.ListTagsForStream",
            Self::PutItem => "DynamoDB_20120810.PutItem",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Refused {
    pub(crate) failure: AwsFailure,
    /// The body of the answer; empty if there was no answer.
    pub(crate) answer: Bytes,
}

impl From<AwsFailure> for Refused {
    fn from(failure: AwsFailure) -> Self {
        Self { failure, answer: Bytes::new() }
    }
}

impl From<Refused> for AwsFailure {
    fn from(refused: Refused) -> Self {
        refused.failure
    }
}

/// Signs and sends requests.
#[derive(Debug)]
pub(crate) struct Post {
    service: Service,
    http: Http,
    endpoint: String,
    host: String,
    region: String,
    credentials: SharedCredentialsProvider,
    identity: Mutex<Option<Identity>>,
    /// Seconds by which AWS's clock is ahead of this machine's; 0 until AWS refuses a signature because of its time.
    skew: AtomicI64,
}

/// The body of an error.
#[derive(Deserialize, Default)]
struct Refusal<'a> {
    #[serde(borrow, rename = "__type", default)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    /// Some errors spell it this way.
    #[serde(borrow, default, rename = "Message")]
    capital_message: Option<Cow<'a, str>>,
}

impl Post {
    /// Sends to the endpoint of this configuration.
    pub(crate) fn new(service: Service, config: &SdkConfig, http: &Http) -> Result<Self, InvalidConfig> {
        let region = config.region().ok_or(InvalidConfig::NoRegion)?.to_string();
        let credentials = config.credentials_provider().ok_or(InvalidConfig::NoCredentials)?;
        Ok(Self::to(service, &endpoint_of(service, config, &region)?, region, credentials, http))
    }

    /// Sends to this URL.
    pub(crate) fn to(service: Service, url: &str, region: String, credentials: SharedCredentialsProvider, http: &Http) -> Self {
        let host = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default().to_owned();
        let endpoint = format!("{}/", url.trim_end_matches('/'));
        let (identity, skew) = (Mutex::default(), AtomicI64::new(0));
        Self { service, http: http.clone(), endpoint, host, region, credentials, identity, skew }
    }

    /// Sends to an emulator at this URL with made-up credentials. It reads no environment variables and no files.
    pub(crate) fn to_emulator(service: Service, url: &str, region: &str, http: &Http) -> Self {
        let credentials = SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "emulator"));
        Self::to(service, url, region.to_owned(), credentials, http)
    }

    /// Sends a request and returns the answer. If AWS refuses the signature because of its time, the next request uses AWS's time.
    pub(crate) async fn send(&self, operation: Operation, body: Vec<u8>) -> Result<Bytes, Refused> {
        let identity = self.identity().await?;
        let request = self.signed(operation, body.into(), &identity)?;
        let response = self.http.connector().call(request).await.map_err(|error| AwsFailure::of_connection(&error))?;
        let status = response.status().as_u16();
        let date = response.headers().get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let named = response.headers().get("x-amzn-errortype").map(str::to_owned);
        let answer = ByteStream::new(response.into_body()).collect().await;
        let answer = answer.map_err(|error| AwsFailure::of_cause(FailureKind::Network, &error))?.into_bytes();
        if status == 200 {
            return Ok(answer);
        }
        let failure = refusal(&answer, named.as_deref(), status);
        match (failure.kind, date) {
            (FailureKind::ClockSkew, Some(date)) => {
                let skew = date.secs() - DateTime::from(SystemTime::now()).secs();
                tracing::warn!(seconds = skew, "this machine's clock differs from AWS's; requests are signed with AWS's time");
                self.skew.store(skew, Ordering::Relaxed);
            }
            // There may be newer ones by now.
            (FailureKind::Credentials, _) => *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = None,
            _ => {}
        }
        Err(Refused { failure, answer })
    }

    async fn identity(&self) -> Result<Identity, AwsFailure> {
        let known = self.identity.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_good = |identity: &Identity| identity.expiration().is_none_or(|end| end > SystemTime::now() + CREDENTIALS_MARGIN);
        if let Some(identity) = known.filter(is_good) {
            return Ok(identity);
        }
        let credentials = self.credentials.provide_credentials().await.map_err(|error| unsigned(&error))?;
        let identity = Identity::from(credentials);
        *self.identity.lock().unwrap_or_else(PoisonError::into_inner) = Some(identity.clone());
        Ok(identity)
    }

    fn signed(&self, operation: Operation, body: Bytes, identity: &Identity) -> Result<HttpRequest, AwsFailure> {
        let content_type = ("content-type", self.service.content_type());
        let headers = [("host", self.host.as_str()), content_type, ("x-amz-target", operation.target())];
        let skew = self.skew.load(Ordering::Relaxed);
        let distance = Duration::from_secs(skew.unsigned_abs());
        let now = SystemTime::now();
        let parameters = SigningParams::builder()
            .identity(identity)
            .region(&self.region)
            .name(self.service.signing_name())
            .time(if skew < 0 { now - distance } else { now + distance })
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| unsigned(&error))?
            .into();
        let signable = SignableRequest::new("POST", self.endpoint.as_str(), headers.into_iter(), SignableBody::Bytes(&body));
        let signable = signable.map_err(|error: SigningError| unsigned(&error))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| unsigned(&error))?.into_parts();
        let (signature, _) = instructions.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST").map_err(|error| unsigned(&error))?;
        request.set_uri(self.endpoint.as_str()).map_err(|error| unsigned(&error))?;
        let user_agent = ("user-agent", concat!("kinesis-stream-archiver/", env!("CARGO_PKG_VERSION")));
        for (name, value) in headers.into_iter().chain([user_agent]) {
            request.headers_mut().insert(name, value.to_owned());
        }
        for header in signature {
            request.headers_mut().insert(header.name(), header.value().to_owned());
        }
        Ok(request)
    }
}

/// The endpoint of a service: the one configured for it, else the one configured for all services, else AWS's in the region.
fn endpoint_of(service: Service, config: &SdkConfig, region: &str) -> Result<String, InvalidConfig> {
    let of_service = || {
        let key = ServiceConfigKey::builder().service_id(service.id()).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        config.service_config()?.load_config(key.ok()?)
    };
    let given = if config.get_origin("endpoint_url").is_client_config() { None } else { of_service() };
    let given = given.or_else(|| config.endpoint_url().map(str::to_owned));
    let unknown = |reason: String| InvalidConfig::NoEndpoint { service: service.id(), reason };
    let resolved: Result<Endpoint, _> = match service {
        Service::DynamoDb => {
            use aws_sdk_dynamodb::config::endpoint::{DefaultResolver, Params};
            let parameters = Params::builder().region(region).set_use_fips(config.use_fips());
            let parameters = parameters.set_use_dual_stack(config.use_dual_stack()).set_endpoint(given).build();
            let parameters = parameters.map_err(|error| unknown(error.to_string()))?;
            futures::executor::block_on(DefaultResolver::new().resolve_endpoint(&parameters))
        }
        Service::Kinesis => {
            use aws_sdk_kinesis::config::endpoint::{DefaultResolver, Params};
            let parameters = Params::builder().region(region).set_use_fips(config.use_fips());
            let parameters = parameters.set_use_dual_stack(config.use_dual_stack()).set_endpoint(given).build();
            let parameters = parameters.map_err(|error| unknown(error.to_string()))?;
            futures::executor::block_on(DefaultResolver::new().resolve_endpoint(&parameters))
        }
    };
    Ok(resolved.map_err(|error| unknown(error.to_string()))?.url().to_owned())
}

fn unsigned(error: &(dyn std::error::Error + 'static)) -> AwsFailure {
    AwsFailure::of_cause(FailureKind::Credentials, error)
}

/// Reads an error. `named` is the error type in the header, if there is one.
fn refusal(body: &[u8], named: Option<&str>, status: u16) -> AwsFailure {
    let Refusal { code, message, capital_message } = serde_json::from_slice(body).unwrap_or_default();
    let message = message.or(capital_message).unwrap_or_default();
    match code.as_deref().or(named).filter(|code| !code.is_empty()) {
        Some(code) => {
            // "com.amazonaws.dynamodb.v20120810#ValidationException", or "ValidationException:http://internal.amazon.com/…"
            let code = code.rsplit('#').next().unwrap_or_default();
            AwsFailure::of_answer(code.split(':').next().unwrap_or_default(), &message, status)
        }
        None => AwsFailure::of_answer("", &format!("HTTP status {status}"), status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_however_it_is_spelled() {
        let throttled = "ThrottlingException";
        for (body, named) in [
            (r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"slow down"}"#, None),
            (r#"{"__type":"ThrottlingException","Message":"slow down"}"#, None),
            (r#"{"__type":"ThrottlingException","message":"slow down","Message":"slow down"}"#, None),
            (r#"{"__type":"ThrottlingException:http://internal.amazon.com/coral/","message":"slow down"}"#, None),
            (r#"{"message":"slow down"}"#, Some("ThrottlingException:http://internal.amazon.com/coral/")),
        ] {
            let failure = refusal(body.as_bytes(), named, 400);
            assert_eq!((failure.kind, failure.message), (FailureKind::Throttled, format!("{throttled}: slow down")), "{body}");
        }
        let without_message = refusal(br#"{"__type":"ResourceNotFoundException","message":null}"#, None, 400);
        assert_eq!((without_message.kind, without_message.message.as_str()), (FailureKind::NotFound, "ResourceNotFoundException"));
        let no_json = refusal(b"<html>", None, 503);
        assert_eq!((no_json.kind, no_json.message.as_str()), (FailureKind::Service, "HTTP status 503"));
    }
}
