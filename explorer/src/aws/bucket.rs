//! The objects in an S3 bucket below a prefix: list, read, delete.

use super::connect::{CALL_TIMEOUT, Connection, endpoint_of, failure_of, whole};
use crate::aws::retry::with_retries;
use crate::domain::failure::Failure;
use archiver::aws::failure::{AwsFailure, FailureKind};
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector as _, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::date_time::{DateTime, Format};
use jiff::{SignedDuration, Timestamp};
use rusty_s3::actions::{ListObjectsV2, ListObjectsV2Response};
use rusty_s3::{Credentials, S3Action as _, UrlStyle};
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use url::Url;

/// How long a call's URL is valid, which is how long AWS accepts a signature in a header.
const SIGNED_FOR: Duration = Duration::from_secs(15 * 60);
/// Clock difference from S3, in seconds, that matters for a signature.
const SKEW_THAT_MATTERS: i64 = 4 * 60;
/// Most bytes in a page of 1,000 keys, each with up to 1,024 bytes, in XML. Source: Amazon S3 API reference, ListObjectsV2.
const LARGEST_PAGE: usize = 16 * 1024 * 1024;
/// Most bytes in an error.
const LARGEST_ERROR: usize = 1024 * 1024;

/// Where objects are.
#[derive(Clone, Debug)]
pub struct Bucket {
    http: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
    place: rusty_s3::Bucket,
    prefix: String,
    /// Seconds by which S3's clock is ahead of this one, once S3 has complained.
    skew: Arc<AtomicI64>,
}

/// A listed object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key; for a file, its path in the folder, as far as it is text.
    pub name: String,
    /// Where a file is.
    pub path: Option<PathBuf>,
    /// Its size.
    pub size_bytes: u64,
    /// Which file was read; no other file with its name is deleted.
    pub version: Option<FileVersion>,
}

/// Identifies a file and its state, so that a replaced or changed file is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// The device and the number of the file on it.
    pub inode: (u64, u64),
    /// Its bytes.
    pub size_bytes: u64,
    /// Seconds and nanoseconds since the epoch.
    pub modified: (i64, i64),
}

impl Bucket {
    /// The objects of a bucket whose keys begin with the prefix.
    ///
    /// # Errors
    /// For the local system, which has no S3, and for an impossible bucket name.
    pub fn open(connection: &Connection, name: &str, prefix: String) -> Result<Self, Failure> {
        let failed = |detail: String| Failure::refused(format!("list the objects of bucket {name}"), detail);
        let Some((config, http)) = connection.for_another_service() else {
            return Err(failed("the local system has no S3; name a folder".to_owned()));
        };
        let credentials = config.credentials_provider().ok_or_else(|| failed("there are no credentials".to_owned()))?;
        let place = match endpoint_of(config, "S3") {
            Some(endpoint) => place_at(&endpoint, name, &connection.region),
            None => {
                let (fips, dual_stack) = (config.use_fips() == Some(true), config.use_dual_stack() == Some(true));
                place_on_aws(name, &connection.region, fips, dual_stack)
            }
        };
        Ok(Self { http, credentials, place: place.map_err(failed)?, prefix, skew: Arc::default() })
    }

    /// Lists all objects, in the order of their keys.
    ///
    /// # Errors
    /// What S3 answered.
    pub async fn list(&self) -> Result<Vec<Object>, Failure> {
        let mut objects = Vec::new();
        let mut token = None;
        loop {
            let page = with_retries(|| async { self.page(token.as_deref()).await }).await?;
            // S3 consoles create empty objects for folders.
            let found = page.contents.into_iter().filter_map(|object| {
                let size_bytes = object.size.filter(|size| *size > 0)?;
                Some(Object { name: object.key, path: None, size_bytes, version: None })
            });
            objects.extend(found);
            token = page.next_continuation_token;
            if token.is_none() {
                return Ok(objects);
            }
        }
    }

    async fn page(&self, token: Option<&str>) -> Result<ListObjectsV2Response, Failure> {
        let failed = |failure: AwsFailure| {
            let elsewhere =
                ["PermanentRedirect", "AuthorizationHeaderMalformed", "AuthorizationQueryParametersError", "NoSuchBucket"];
            let hint = if elsewhere.iter().any(|code| failure.message.contains(code)) {
                "; the stack's output FailedRecordsBucket has its name; also check --profile and --region"
            } else {
                ""
            };
            let message = format!("{}{hint}", failure.message);
            let operation = format!("list the objects of bucket {}", self.place.name());
            Failure::of_call(operation, "s3:ListBucket", AwsFailure { message, ..failure })
        };
        let sign = |credentials: &Credentials, now: &Timestamp| {
            let mut action = self.place.list_objects_v2(Some(credentials));
            action.with_prefix(&self.prefix);
            if let Some(token) = token {
                action.with_continuation_token(token);
            }
            action.sign_with_time(SIGNED_FOR, now)
        };
        let answer = self.send("GET", None, sign).await.map_err(failed)?;
        let answer = whole(answer, LARGEST_PAGE, "ListObjectsV2").await;
        let answer = answer.map_err(|error| failed(AwsFailure::of_cause(FailureKind::Network, &error)))?;
        let text = with_namespace(String::from_utf8_lossy(answer.body().bytes().unwrap_or_default()));
        ListObjectsV2::parse_response(&text).map_err(|error| {
            let message = format!("S3's answer cannot be read: {error}");
            failed(AwsFailure { kind: FailureKind::Unusable, message })
        })
    }

    /// Reads an object: all of it, or at most this many bytes from its start.
    ///
    /// # Errors
    /// What S3 answered.
    pub async fn read(&self, object: &str, most: Option<u64>) -> Result<Vec<u8>, Failure> {
        let operation = || format!("read object {object}");
        check_key(object).map_err(|detail| Failure::refused(operation(), detail))?;
        let failed = |failure| Failure::of_call(operation(), "s3:GetObject", failure);
        with_retries(|| async {
            let sign = |credentials: &Credentials, now: &Timestamp| {
                self.place.get_object(Some(credentials), object).sign_with_time(SIGNED_FOR, now)
            };
            let answer = self.send("GET", most, sign).await.map_err(failed)?;
            body_of(answer).await.map_err(failed)
        })
        .await
    }

    /// Deletes an object. A bucket with versioning still keeps it.
    ///
    /// # Errors
    /// What S3 answered.
    pub async fn delete(&self, object: &str) -> Result<(), Failure> {
        let operation = || format!("delete object {object}");
        check_key(object).map_err(|detail| Failure::refused(operation(), detail))?;
        with_retries(|| async {
            let sign = |credentials: &Credentials, now: &Timestamp| {
                self.place.delete_object(Some(credentials), object).sign_with_time(SIGNED_FOR, now)
            };
            let answer = self.send("DELETE", None, sign).await;
            answer.map(drop).map_err(|failure| Failure::of_call(operation(), "s3:DeleteObject", failure))
        })
        .await
    }

    /// The answer to a call. If S3 refuses the credentials or the time, the call is repeated once: there may be newer credentials,
    /// and the answer says what time it is.
    async fn send(
        &self,
        method: &str,
        most: Option<u64>,
        sign: impl Fn(&Credentials, &Timestamp) -> Url,
    ) -> Result<HttpResponse, AwsFailure> {
        match self.send_once(method, most, &sign).await {
            Err(AwsFailure { kind: FailureKind::Credentials | FailureKind::ClockSkew, .. }) => {
                self.send_once(method, most, &sign).await
            }
            answer => answer,
        }
    }

    async fn send_once(
        &self,
        method: &str,
        most: Option<u64>,
        sign: impl Fn(&Credentials, &Timestamp) -> Url,
    ) -> Result<HttpResponse, AwsFailure> {
        let unsigned = |error: &(dyn std::error::Error + 'static)| AwsFailure::of_cause(FailureKind::Credentials, error);
        let credentials = self.credentials.provide_credentials().await.map_err(|error| unsigned(&error))?;
        let (key, secret) = (credentials.access_key_id(), credentials.secret_access_key());
        let credentials = match credentials.session_token() {
            Some(token) => Credentials::new_with_token(key, secret, token),
            None => Credentials::new(key, secret),
        };
        let skew = self.skew.load(Ordering::Relaxed);
        let url = sign(&credentials, &(Timestamp::now() + SignedDuration::from_secs(skew)));
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method(method).map_err(|error| unsigned(&error))?;
        request.set_uri(url.as_str()).map_err(|error| unsigned(&error))?;
        request.headers_mut().insert("user-agent", concat!("kinesis-stream-archiver/", env!("CARGO_PKG_VERSION")));
        if let Some(most) = most {
            request.headers_mut().insert("range", format!("bytes=0-{}", most.saturating_sub(1)));
        }
        let answer = tokio::time::timeout(CALL_TIMEOUT, self.http.call(request)).await.map_err(|_| AwsFailure::no_answer())?;
        let answer = answer.map_err(|error| AwsFailure::of_connection(&error))?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let answer = whole(answer, LARGEST_ERROR, "a call of S3").await;
        Err(self.refusal(&answer.map_err(|error| AwsFailure::of_connection(&error))?))
    }

    /// What a refusal means. A refusal of the signature's time does not always say so.
    fn refusal(&self, answer: &HttpResponse) -> AwsFailure {
        let failure = failure_of(answer);
        let date = answer.headers().get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        let (FailureKind::ClockSkew | FailureKind::AccessDenied, Some(date)) = (failure.kind, date) else {
            return failure;
        };
        let skew = date.secs() - Timestamp::now().as_second();
        let known = self.skew.load(Ordering::Relaxed);
        if skew.abs_diff(known) < SKEW_THAT_MATTERS.unsigned_abs() {
            return failure;
        }
        tracing::warn!(seconds = skew, "S3's clock differs from this one by these seconds; using S3's time");
        self.skew.store(skew, Ordering::Relaxed);
        AwsFailure { kind: FailureKind::ClockSkew, ..failure }
    }
}

/// A bucket at a custom endpoint, which may not have a DNS name for each bucket.
///
/// # Errors
/// A sentence.
fn place_at(endpoint: &str, bucket: &str, region: &str) -> Result<rusty_s3::Bucket, String> {
    let url = Url::parse(endpoint).map_err(|error| format!("{endpoint} is not a URL: {error}"))?;
    bucket_at(url, UrlStyle::Path, bucket, region)
}

/// A bucket at AWS.
///
/// # Errors
/// A sentence.
fn place_on_aws(bucket: &str, region: &str, use_fips: bool, use_dual_stack: bool) -> Result<rusty_s3::Bucket, String> {
    let fips = if use_fips { "-fips" } else { "" };
    let dual_stack = if use_dual_stack { ".dualstack" } else { "" };
    let endpoint = format!("https://s3{fips}{dual_stack}.{region}.{}", domain_of(region));
    let url = Url::parse(&endpoint).map_err(|error| format!("{region} cannot be a region: {error}"))?;
    // AWS's certificates cover only one more name before theirs. Source: Amazon S3 user guide, virtual hosting of buckets.
    let is_one_name = bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    bucket_at(url, if is_one_name { UrlStyle::VirtualHost } else { UrlStyle::Path }, bucket, region)
}

fn bucket_at(url: Url, style: UrlStyle, bucket: &str, region: &str) -> Result<rusty_s3::Bucket, String> {
    rusty_s3::Bucket::new(url, style, bucket.to_owned(), region.to_owned())
        .map_err(|error| format!("{bucket} cannot be a bucket's name: {error}"))
}

/// The domain of a region's partition. Source: AWS SDKs, partitions.json.
fn domain_of(region: &str) -> &'static str {
    let partitions = [
        ("cn-", "amazonaws.com.cn"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("us-iso-", "c2s.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("eusc-", "amazonaws.eu"),
    ];
    let partition = partitions.into_iter().find(|(prefix, _)| region.starts_with(prefix));
    partition.map_or("amazonaws.com", |(_, domain)| domain)
}

/// Adds the namespace that S3 gives a listing, and some emulators leave out.
fn with_namespace(listing: Cow<'_, str>) -> Cow<'_, str> {
    if listing.contains("xmlns=") {
        return listing;
    }
    listing.replacen("<ListBucketResult", "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", 1).into()
}

/// In a URL, such a key would name a different object.
fn check_key(key: &str) -> Result<(), String> {
    let is_odd = key.is_empty() || key.split('/').any(|part| part == "." || part == "..");
    if is_odd { Err(format!("no URL can name an object with the key {key:?}; copy it to another key")) } else { Ok(()) }
}

/// The body of an answer, for as long as data keeps arriving.
async fn body_of(answer: HttpResponse) -> Result<Vec<u8>, AwsFailure> {
    let mut body = Vec::new();
    let mut coming = ByteStream::new(answer.into_body());
    loop {
        match tokio::time::timeout(CALL_TIMEOUT, coming.next()).await {
            Ok(None) => return Ok(body),
            Ok(Some(Ok(piece))) => body.extend_from_slice(&piece),
            Ok(Some(Err(error))) => return Err(AwsFailure::of_cause(FailureKind::Network, &error)),
            Err(_) => return Err(AwsFailure::no_answer()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_where_its_region_and_the_settings_say() {
        let url = |bucket: &str, region: &str, fips, dual_stack| {
            place_on_aws(bucket, region, fips, dual_stack).unwrap().base_url().to_string()
        };
        assert_eq!(url("failed-records", "eu-west-1", false, false), "https://failed-records.s3.eu-west-1.amazonaws.com/");
        assert_eq!(
            url("failed-records", "us-gov-west-1", true, false),
            "https://failed-records.s3-fips.us-gov-west-1.amazonaws.com/"
        );
        assert_eq!(
            url("failed-records", "cn-north-1", false, true),
            "https://failed-records.s3.dualstack.cn-north-1.amazonaws.com.cn/"
        );
        assert_eq!(url("failed.records", "eu-west-1", false, false), "https://s3.eu-west-1.amazonaws.com/failed.records/");
        assert_eq!(url("Failed_Records", "us-east-1", false, false), "https://s3.us-east-1.amazonaws.com/Failed_Records/");
        let emulator = place_at("http://127.0.0.1:4566", "failed-records", "eu-west-1").unwrap();
        assert_eq!(emulator.base_url().as_str(), "http://127.0.0.1:4566/failed-records/");
        assert!(place_at("4566", "failed-records", "eu-west-1").unwrap_err().starts_with("4566 is not a URL"));
    }

    #[test]
    fn a_key_that_a_url_would_turn_into_another_is_refused() {
        for key in ["", "..", "a/../b", "./a", "a/."] {
            assert!(check_key(key).is_err(), "{key}");
        }
        for key in ["a", "/a", "a//b", "a..b/.c", "a b+c%2e%2e"] {
            check_key(key).unwrap();
        }
    }
}
