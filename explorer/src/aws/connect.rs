//! Finds region, credentials and endpoint like the AWS CLI, and says in one sentence which of them is missing.

mod content;
mod credentials;
mod files;
mod http;

use crate::domain::failure::Failure;
use archiver::aws::backoff::Deadline;
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::function::handler::AwsArchiver;
use archiver::function::settings_cache::DEFAULT_REFRESH;
use aws_config::identity::IdentityCache;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use aws_types::service_config::ServiceConfigKey;
use credentials::Renewing;
use files::CliFiles;
use http::{Http, Refusals, RefusedCredentials, Trusted};
pub(super) use http::{failure_of, whole};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long the start waits for the region, and for the first answer.
const START_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait before the first call is retried, so that several tries fit into [`START_TIMEOUT`].
const START_BACKOFF: Duration = Duration::from_millis(100);
/// How long a throttled call is retried.
const THROTTLED_PATIENCE: Duration = Duration::from_secs(20);
/// After this long without credentials, the user gets a message.
const WORD_AFTER: Duration = Duration::from_secs(1);
/// Timeout of a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Timeout of one attempt of a call.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two tag reads. Kinesis allows 5 a second for the whole account; half of that is left to the archivers. Source: Kinesis
/// API reference, ListTagsForStream.
const TAG_READ_INTERVAL: Duration = Duration::from_millis(400);

/// The user's options for connecting; everything else comes from the AWS CLI's variables and files.
#[derive(Clone, Debug, Default)]
pub struct ConnectOptions {
    /// Name of a profile.
    pub profile: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Endpoint of both services.
    pub endpoint_url: Option<String>,
}

/// Clients of one account and region.
#[derive(Clone, Debug)]
pub struct Connection {
    /// For streams and their tags.
    pub(crate) kinesis: aws_sdk_kinesis::Client,
    /// For archives.
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    /// The region's name.
    pub region: String,
    /// The profile in use, if one was named.
    pub profile: Option<String>,
    /// A warning about the connection, as a sentence.
    pub warning: Option<String>,
    /// The account of the credentials, as far as they say.
    pub(crate) account: Option<String>,
    /// Whether any call was answered yet.
    is_answered: Arc<AtomicBool>,
    tag_pace: Option<Arc<TagPace>>,
    origin: Arc<ClientSettings>,
}

/// The pace of tag reads, which all clones of a connection share.
#[derive(Debug)]
struct TagPace {
    /// When the next one may begin.
    next: Arc<Mutex<Instant>>,
    /// Whether they do not wait for that, but make the others wait longer.
    overtakes: bool,
}

/// The base for other clients, which few commands need.
#[derive(Debug)]
enum ClientSettings {
    Aws(Box<(SdkConfig, Http)>),
    Emulators { kinesis_url: String, dynamodb_url: String },
}

impl Connection {
    /// Clients for AWS, or for the endpoints that options, variables and profile name. `waiting` gets the source of the credentials
    /// if they take long.
    ///
    /// # Errors
    /// When there is no region or there are no credentials.
    pub async fn to_aws(options: &ConnectOptions, waiting: impl FnOnce(&str)) -> Result<Self, Failure> {
        let missing = |detail: String| Failure::of_credentials("connect", detail);
        let files = CliFiles::read(options.profile.as_deref()).await;
        files.check().map_err(missing)?;
        let trusted = files.ca_bundle().map(|(path, named_by)| Trusted::of_file(&path, &named_by)).transpose();
        let trusted = trusted.map_err(|sentence| Failure::refused("connect", sentence))?;
        let refusals = Refusals::default();
        let http = Http::new(trusted, refusals.clone());
        // Our own provider keeps the credentials, because it loads them again when AWS refuses them.
        let loader = aws_config::defaults(BehaviorVersion::latest()).no_credentials().identity_cache(IdentityCache::no_cache());
        let mut loader = loader.timeout_config(timeouts()).http_client(http.clone());
        if let Some(profile) = files.named_profile() {
            loader = loader.profile_name(profile);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(endpoint_url) = &options.endpoint_url {
            loader = loader.endpoint_url(endpoint_url);
        }
        let no_region =
            || Failure::refused("connect", "no region is set; use --region, AWS_REGION or aws configure, or try --local");
        let config = tokio::time::timeout(START_TIMEOUT, loader.load()).await.map_err(|_| no_region())?;
        let region = config.region().cloned().ok_or_else(no_region)?;
        let renewing = Renewing::new(options.profile.clone(), &config, region.clone(), http.clone(), refusals);
        let credentials = with_a_word(renewing.first(), || waiting(&files.whose())).await.map_err(missing)?;
        let config = config.into_builder().credentials_provider(SharedCredentialsProvider::new(renewing)).build();
        let kinesis = aws_sdk_kinesis::config::Builder::from(&config).retry_classifier(RefusedCredentials).build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).retry_classifier(RefusedCredentials).build();
        Ok(Self {
            kinesis: aws_sdk_kinesis::Client::from_conf(kinesis),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            region: region.to_string(),
            profile: files.named_profile().map(str::to_owned),
            warning: is_of_aws(&credentials).then(|| plain_http(&config)).flatten(),
            account: credentials.account_id().map(|account| account.as_str().to_owned()),
            is_answered: Arc::default(),
            tag_pace: Some(Arc::new(TagPace { next: Arc::new(Mutex::new(Instant::now())), overtakes: false })),
            origin: Arc::new(ClientSettings::Aws(Box::new((config, http)))),
        })
    }

    /// Clients for emulators on these endpoints, with credentials that mean nothing. Neither variables nor files are read.
    #[must_use]
    pub fn to_emulators(kinesis_url: &str, dynamodb_url: &str, region: &str) -> Self {
        let credentials = Credentials::new("local", "local", None, None, "emulator");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .timeout_config(timeouts())
            .http_client(Http::direct())
            .build();
        let kinesis = aws_sdk_kinesis::config::Builder::from(&config).endpoint_url(kinesis_url).build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).endpoint_url(dynamodb_url).build();
        Self {
            kinesis: aws_sdk_kinesis::Client::from_conf(kinesis),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            region: region.to_owned(),
            profile: None,
            warning: None,
            account: None,
            is_answered: Arc::default(),
            tag_pace: None,
            origin: Arc::new(ClientSettings::Emulators {
                kinesis_url: kinesis_url.to_owned(),
                dynamodb_url: dynamodb_url.to_owned(),
            }),
        }
    }

    /// Lists one stream, to detect early what would fail later.
    ///
    /// # Errors
    /// The error of the first call.
    pub async fn check(&self) -> Result<(), Failure> {
        let operation = format!("list the streams of region {}", self.region);
        let call = || async { Ok(self.kinesis.list_streams().limit(1).customize().config_override(soon()).send().await?) };
        match self.first_answer(call).await {
            // Throttling shows that the connection works.
            Ok(_) | Err(AwsFailure { kind: FailureKind::Throttled, .. }) => Ok(()),
            Err(failure) => Err(Failure::of_call(operation, "kinesis:ListStreams", failure)),
        }
    }

    /// Makes a call that may be the first one. Its answer must come soon, so that nobody waits long for a connection that cannot
    /// work. Throttled calls are retried.
    pub(super) async fn promptly<T, F: Future<Output = Result<T, AwsFailure>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<T, AwsFailure> {
        let deadline = Deadline::after(THROTTLED_PATIENCE);
        let mut failed = 0;
        loop {
            let failure = match self.first_answer(&call).await {
                Err(failure) if failure.kind == FailureKind::Throttled => failure,
                answer => return answer,
            };
            if deadline.back_off(failed).await.is_err() {
                return Err(failure);
            }
            failed += 1;
        }
    }

    async fn first_answer<T, F: Future<Output = Result<T, AwsFailure>>>(&self, call: impl Fn() -> F) -> Result<T, AwsFailure> {
        if self.is_answered.load(Ordering::Relaxed) {
            return call().await;
        }
        let late =
            || AwsFailure { kind: FailureKind::TimedOut, message: format!("no answer within {} s", START_TIMEOUT.as_secs()) };
        let answer = tokio::time::timeout(START_TIMEOUT, call()).await.unwrap_or_else(|_| Err(late()));
        let is_answer = |failure: &AwsFailure| !matches!(failure.kind, FailureKind::TimedOut | FailureKind::Network);
        if answer.as_ref().err().is_none_or(is_answer) {
            self.is_answered.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// Settings and connections for a service without a client here; `None` on emulators.
    pub(super) fn for_another_service(&self) -> Option<(&SdkConfig, SharedHttpConnector)> {
        match self.origin.as_ref() {
            ClientSettings::Aws(origin) => Some((&origin.0, origin.1.connector())),
            ClientSettings::Emulators { .. } => None,
        }
    }

    /// The archiver, using the same clients.
    ///
    /// # Errors
    /// When credentials or endpoint are missing.
    pub fn archiver(&self) -> Result<AwsArchiver, Failure> {
        match self.origin.as_ref() {
            ClientSettings::Aws(origin) => {
                let (config, http) = origin.as_ref();
                let archiver = AwsArchiver::new_through(&http.of_archiver(), config);
                archiver.map_err(|error| Failure::refused("set up the archiver", error.to_string()))
            }
            ClientSettings::Emulators { kinesis_url, dynamodb_url } => {
                Ok(AwsArchiver::new_on_emulators(kinesis_url, dynamodb_url, &self.region, DEFAULT_REFRESH))
            }
        }
    }

    /// The same connection for what somebody waits for: its tag reads overtake the others, which wait longer instead.
    #[must_use]
    pub fn overtaking(&self) -> Self {
        let overtaking = |pace: &Arc<TagPace>| Arc::new(TagPace { next: Arc::clone(&pace.next), overtakes: true });
        Self { tag_pace: self.tag_pace.as_ref().map(overtaking), ..self.clone() }
    }

    /// Waits until another tag read is allowed.
    pub(crate) async fn wait_for_tag_read(&self) {
        let Some(pace) = &self.tag_pace else {
            return;
        };
        let turn = {
            let mut next = pace.next.lock().await;
            let now = Instant::now();
            let turn = (*next).max(now);
            *next = turn + TAG_READ_INTERVAL;
            if pace.overtakes { now } else { turn }
        };
        tokio::time::sleep_until(turn).await;
    }
}

/// Does the work, and shows a message if it takes long.
async fn with_a_word<T>(work: impl Future<Output = T>, word: impl FnOnce()) -> T {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(WORD_AFTER) => word(),
    }
    work.await
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(CALL_TIMEOUT).build()
}

/// For a call whose answer must come soon.
fn soon() -> aws_sdk_kinesis::config::Builder {
    aws_sdk_kinesis::config::Builder::new().retry_config(retries())
}

/// Several attempts within [`START_TIMEOUT`].
pub(super) fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(START_BACKOFF)
}

/// Whether it looks like an AWS key, rather than a placeholder for an emulator. Source: IAM user guide, unique identifiers.
fn is_of_aws(credentials: &Credentials) -> bool {
    const LENGTH: usize = 16;
    let key = credentials.access_key_id();
    key.len() >= LENGTH || key.starts_with("AKI") || key.starts_with("ASI")
}

/// The warning about an unencrypted endpoint.
fn plain_http(config: &SdkConfig) -> Option<String> {
    let endpoints = ["Kinesis", "DynamoDB"].into_iter().filter_map(|service| endpoint_of(config, service));
    let mut plain: Vec<String> = endpoints.filter(|url| is_plain(url)).collect();
    plain.dedup();
    let urls = plain.join(" and ");
    let sentence = format!("the connection to {urls} is not encrypted, so others on the network can read and change it; use https");
    (!plain.is_empty()).then_some(sentence)
}

/// The endpoint that options, variables or the profile set for a service.
pub(super) fn endpoint_of(config: &SdkConfig, service: &str) -> Option<String> {
    let of_service = || {
        let key = ServiceConfigKey::builder().service_id(service).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
        config.service_config()?.load_config(key.ok()?)
    };
    let given = if config.get_origin("endpoint_url").is_client_config() { None } else { of_service() };
    given.or_else(|| config.endpoint_url().map(str::to_owned))
}

fn is_plain(url: &str) -> bool {
    let Some((_, rest)) = url.trim().split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("http")) else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_local_name = host == "localhost" || host.ends_with(".localhost");
    !is_local_name && !host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_this_machine_over_plain_http_is_warned_of() {
        for url in [
            "http://10.0.0.7:4566",
            "HTTP://kinesis.example.com",
            "http://localhost.example.com/",
            "http://[fd00::1]:80",
            "http://0.0.0.0:4566",
        ] {
            assert!(is_plain(url), "{url}");
        }
        for url in [
            "https://10.0.0.7",
            "http://127.0.0.1:4566",
            "http://127.9.9.9",
            "http://localhost:80/x",
            "http://a.localhost",
            "http://[::1]:4566",
            "http://user@localhost",
            "nonsense",
        ] {
            assert!(!is_plain(url), "{url}");
        }
    }

    #[test]
    fn credentials_that_an_emulator_asks_for_are_worth_no_warning() {
        let of = |key: &str| is_of_aws(&Credentials::new(key, "x", None, None, "test"));
        assert!(of("AKIAIOSFODNN7EXAMPLE") && of("ASIAIOSFODNN7EXAMPLE"));
        assert!(!of("test") && !of("local"));
    }
}
