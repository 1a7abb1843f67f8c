//! Keeps credentials after loading them. Loads them again, including the files, when they expire or AWS refuses them, because a
//! file may have been renewed. The SDK's own providers read a file only once.

use super::files::CliFiles;
use super::http::{Http, Refusals};
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use aws_sdk_kinesis::config::{Credentials, SharedCredentialsProvider};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Credentials that expire within this time are loaded again.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);
/// How long refused credentials are not tried again. New ones take a while to be known everywhere.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Where to load credentials from.
#[derive(Debug)]
struct CredentialSettings {
    /// The profile named by an option.
    profile: Option<String>,
    region: Region,
    use_fips: Option<bool>,
    use_dual_stack: Option<bool>,
    http: Http,
}

/// Provides credentials.
#[derive(Clone, Debug)]
pub(super) struct Renewing(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: CredentialSettings,
    kept: Mutex<Option<Credentials>>,
    refusals: Refusals,
}

impl Renewing {
    /// Credentials of this profile, or those that the AWS CLI would use.
    pub(super) fn new(profile: Option<String>, config: &SdkConfig, region: Region, http: Http, refusals: Refusals) -> Self {
        let origin =
            CredentialSettings { profile, region, use_fips: config.use_fips(), use_dual_stack: config.use_dual_stack(), http };
        Self(Arc::new(Inner { origin, kept: Mutex::default(), refusals }))
    }

    /// Loads them, so that missing ones are reported at once.
    ///
    /// # Errors
    /// A sentence.
    pub(super) async fn first(&self) -> Result<Credentials, String> {
        let credentials = self.0.origin.load().await?;
        *self.0.kept.lock().await = Some(credentials.clone());
        Ok(credentials)
    }
}

impl ProvideCredentials for Renewing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let inner = Arc::clone(&self.0);
        future::ProvideCredentials::new(async move {
            // A cancelled call must not make a process or a person start again.
            let loading = tokio::spawn(async move { inner.current().await });
            let loaded = loading.await.map_err(CredentialsError::unhandled)?;
            loaded.map_err(CredentialsError::provider_error)
        })
    }
}

impl Inner {
    /// The cached credentials, while they are valid.
    async fn current(&self) -> Result<Credentials, String> {
        let mut kept = self.kept.lock().await;
        let refusal = kept.as_ref().and_then(|kept| self.refusals.of(kept.access_key_id()));
        if let (Some(credentials), None) = (kept.as_ref(), &refusal)
            && !expires_within(credentials, EXPIRY_MARGIN)
        {
            return Ok(credentials.clone());
        }
        let loaded = match (self.origin.load().await, kept.as_ref()) {
            (Ok(loaded), _) => loaded,
            // They are valid for a little longer.
            (Err(_), Some(kept)) if refusal.is_none() && !expires_within(kept, Duration::ZERO) => return Ok(kept.clone()),
            (Err(sentence), _) => return Err(sentence),
        };
        let is_same = kept.as_ref().is_some_and(|kept| is_same(kept, &loaded));
        if let Some(refusal) = refusal.filter(|refusal| is_same && refusal.at.elapsed() < TRY_AGAIN_AFTER) {
            return Err(CliFiles::read(self.origin.profile.as_deref()).await.refused(&refusal.words));
        }
        self.refusals.forget();
        *kept = Some(loaded.clone());
        Ok(loaded)
    }
}

impl CredentialSettings {
    /// Loads them from the current files and variables.
    async fn load(&self) -> Result<Credentials, String> {
        let files = CliFiles::read(self.profile.as_deref()).await;
        files.check()?;
        let config = ProviderConfig::without_region()
            .with_region(Some(self.region.clone()))
            .with_behavior_version(Some(BehaviorVersion::latest()))
            .with_use_fips(self.use_fips)
            .with_use_dual_stack(self.use_dual_stack)
            .with_http_client(self.http.clone());
        let provider = match (files.only_profile(), files.named_profile()) {
            // As in the AWS CLI, a profile named by an option takes precedence over credentials in variables.
            (Some(profile), _) => {
                let provider = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile);
                SharedCredentialsProvider::new(provider.build())
            }
            (None, profile) => {
                let chain = DefaultCredentialsChain::builder().configure(config).region(self.region.clone());
                let chain = profile.into_iter().fold(chain, |chain, profile| chain.profile_name(profile));
                SharedCredentialsProvider::new(chain.build().await)
            }
        };
        match tokio::time::timeout(files.patience(), provider.provide_credentials()).await {
            Ok(Ok(credentials)) => Ok(credentials),
            Ok(Err(error)) => {
                tracing::debug!(error = %aws_smithy_types::error::display::DisplayErrorContext(&error), "no credentials");
                Err(files.explain(&error))
            }
            Err(_) => Err(files.too_late()),
        }
    }
}

fn expires_within(credentials: &Credentials, margin: Duration) -> bool {
    credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now() + margin)
}

fn is_same(left: &Credentials, right: &Credentials) -> bool {
    let parts = |credentials: &Credentials| {
        let token = credentials.session_token().map(str::to_owned);
        (credentials.access_key_id().to_owned(), credentials.secret_access_key().to_owned(), token)
    };
    parts(left) == parts(right)
}
