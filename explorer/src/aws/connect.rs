//! Finding region, credentials and endpoint as the AWS CLI does, and saying in one sentence which of them is missing.

use super::bucket::Bucket;
use crate::domain::failure::Failure;
use archiver::aws_failure::{AwsFailure, FailureKind, innermost};
use archiver::handler::AwsArchiver;
use archiver::settings_cache::DEFAULT_REFRESH;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long the start waits for credentials and for the first answer.
const START_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the start waits for the credentials of a profile that was named.
const PROFILE_TIMEOUT: Duration = Duration::from_secs(60);
/// Upper bound of the wait before the first answer is asked for again, so that there are some tries within [`START_TIMEOUT`].
const START_BACKOFF: Duration = Duration::from_millis(100);
/// Credentials that expire sooner are loaded again.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long one try of a call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two tag reads: Kinesis allows 5 a second for the whole account, half of which is left to the archivers. Source: Kinesis
/// API reference, ListTagsForStream.
const TAG_READ_INTERVAL: Duration = Duration::from_millis(400);

/// What the user said about where to connect; what is not said comes from the AWS CLI's variables and files.
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
    /// The profile in use, where one was named.
    pub profile: Option<String>,
    tag_pace: Option<Arc<Mutex<Instant>>>,
    origin: Arc<Origin>,
}

/// What other clients are made of, which few commands need.
#[derive(Debug)]
enum Origin {
    Aws(Box<SdkConfig>),
    Emulators { kinesis_url: String, dynamodb_url: String },
}

impl Connection {
    /// Clients for AWS, or for the endpoints that options, variables and profile name.
    ///
    /// # Errors
    /// When there is no region or there are no credentials.
    pub async fn to_aws(options: &ConnectOptions) -> Result<Self, Failure> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts());
        if let Some(profile) = &options.profile {
            // As with the AWS CLI, a profile that is named counts more than credentials in variables.
            let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
            loader = loader.profile_name(profile).credentials_provider(credentials);
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
        let region = config.region().ok_or_else(no_region)?.to_string();
        let profile = options.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
        let config = with_credentials(config, profile.as_deref()).await?;
        Ok(Self::of_config(&config, region, profile, Some(Arc::new(Mutex::new(Instant::now())))))
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
            .build();
        let kinesis = aws_sdk_kinesis::config::Builder::from(&config).endpoint_url(kinesis_url).build();
        let dynamodb = aws_sdk_dynamodb::config::Builder::from(&config).endpoint_url(dynamodb_url).build();
        Self {
            kinesis: aws_sdk_kinesis::Client::from_conf(kinesis),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            region: region.to_owned(),
            profile: None,
            tag_pace: None,
            origin: Arc::new(Origin::Emulators { kinesis_url: kinesis_url.to_owned(), dynamodb_url: dynamodb_url.to_owned() }),
        }
    }

    fn of_config(config: &SdkConfig, region: String, profile: Option<String>, tag_pace: Option<Arc<Mutex<Instant>>>) -> Self {
        Self {
            kinesis: aws_sdk_kinesis::Client::new(config),
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            region,
            profile,
            tag_pace,
            origin: Arc::new(Origin::Aws(Box::new(config.clone()))),
        }
    }

    /// Asks for one stream, to find out now what would fail later.
    ///
    /// # Errors
    /// What a first call came to.
    pub async fn check(&self) -> Result<(), Failure> {
        let operation = format!("list the streams of region {}", self.region);
        let soon = RetryConfig::standard().with_initial_backoff(START_BACKOFF);
        let soon = aws_sdk_kinesis::config::Builder::new().retry_config(soon);
        let call = self.kinesis.list_streams().limit(1).customize().config_override(soon).send();
        let answer = match tokio::time::timeout(START_TIMEOUT, call).await {
            Ok(answer) => answer.map(|_| ()).map_err(AwsFailure::from),
            Err(_) => {
                Err(AwsFailure { kind: FailureKind::TimedOut, message: format!("no answer within {} s", START_TIMEOUT.as_secs()) })
            }
        };
        answer.map_err(|failure| Failure::of_call(operation, "kinesis:ListStreams", failure))
    }

    /// The objects of a bucket whose keys begin with the prefix.
    ///
    /// # Errors
    /// When this is the local system, which has no S3.
    pub fn bucket(&self, name: String, prefix: String) -> Result<Bucket, Failure> {
        let Origin::Aws(config) = self.origin.as_ref() else {
            let detail = "the local system has no S3; name a folder";
            return Err(Failure::refused(format!("list the objects of bucket {name}"), detail));
        };
        // Emulators have no name in DNS for each bucket.
        let endpoint = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"].iter().any(|variable| std::env::var_os(variable).is_some());
        let has_endpoint = config.endpoint_url().is_some() || endpoint;
        let s3 = aws_sdk_s3::config::Builder::from(config.as_ref()).force_path_style(has_endpoint).build();
        Ok(Bucket::new(aws_sdk_s3::Client::from_conf(s3), name, prefix))
    }

    /// The archiver, calling what this calls.
    ///
    /// # Errors
    /// When credentials or endpoint are missing.
    pub fn archiver(&self) -> Result<AwsArchiver, Failure> {
        match self.origin.as_ref() {
            Origin::Aws(config) => {
                AwsArchiver::new_on_aws(config).map_err(|error| Failure::refused("set the archiver up", error.to_string()))
            }
            Origin::Emulators { kinesis_url, dynamodb_url } => {
                Ok(AwsArchiver::new_on_emulators(kinesis_url, dynamodb_url, &self.region, DEFAULT_REFRESH))
            }
        }
    }

    /// Waits until another tag read is allowed.
    pub(crate) async fn wait_for_tag_read(&self) {
        let Some(pace) = &self.tag_pace else {
            return;
        };
        let turn = {
            let mut next = pace.lock().await;
            let turn = (*next).max(Instant::now());
            *next = turn + TAG_READ_INTERVAL;
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(CALL_TIMEOUT).build()
}

/// Gives out the credentials that were loaded at the start before it asks for others: loading them again may take as long again.
#[derive(Debug)]
struct Loaded {
    credentials: Mutex<Credentials>,
    provider: SharedCredentialsProvider,
}

impl ProvideCredentials for Loaded {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let mut credentials = self.credentials.lock().await;
            if credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now() + EXPIRY_MARGIN) {
                *credentials = self.provider.provide_credentials().await?;
            }
            Ok(credentials.clone())
        })
    }
}

/// Loads the credentials, so that a want of them is told at once.
async fn with_credentials(config: SdkConfig, profile: Option<&str>) -> Result<SdkConfig, Failure> {
    let missing =
        |detail: String| Failure { operation: "connect".to_owned(), permission: "", kind: FailureKind::Credentials, detail };
    let Some(provider) = config.credentials_provider() else {
        return Err(missing("no credentials were found".to_owned()));
    };
    // A profile may ask a process, a browser or a person; without one there is nothing to wait for.
    let patience = if profile.is_some() { PROFILE_TIMEOUT } else { START_TIMEOUT };
    match tokio::time::timeout(patience, provider.provide_credentials()).await {
        Ok(Ok(credentials)) => {
            let loaded = Loaded { credentials: Mutex::new(credentials), provider };
            Ok(config.into_builder().credentials_provider(SharedCredentialsProvider::new(loaded)).build())
        }
        // What the whole chain says is of no use to a reader; what a profile that was named says may be.
        Ok(Err(error)) => {
            tracing::debug!(error = cause(&error), "no credentials");
            Err(missing(match (profile, &error) {
                (None, _) => "no credentials were found".to_owned(),
                (Some(profile), error) if error.to_string().contains("not enabled") => {
                    format!("there is no profile {profile} with credentials in the AWS CLI's files")
                }
                (Some(profile), error) => format!("the credentials of profile {profile} cannot be loaded: {}", cause(error)),
            }))
        }
        Err(_) => Err(missing(format!("no credentials were found within {} s", patience.as_secs()))),
    }
}

/// What an error comes down to, in one line.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    innermost(error).to_string().lines().next().unwrap_or_default().to_owned()
}
