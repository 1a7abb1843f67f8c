//! The configuration that Lambda gives a function. All of it is in environment variables. The SDK's own loader also looks for
//! files, other roles and the metadata of machines: half a megabyte of code, and work at every start, for things that no function
//! has.

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

/// When it is `true`, endpoints in other variables are ignored.
const IGNORE_ENDPOINTS: &str = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS";

/// The endpoint of one service, such as `AWS_ENDPOINT_URL_DYNAMODB`.
#[derive(Debug)]
struct EndpointUrls;

impl LoadServiceConfig for EndpointUrls {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        if is_true(IGNORE_ENDPOINTS) == Some(true) {
            return None;
        }
        variable(&format!("{}_{}", key.env(), key.service_id().to_uppercase().replace(' ', "_")))
    }
}

/// Reads region, credentials and endpoints. Source: AWS SDKs reference guide, settings.
#[must_use]
pub fn config() -> SdkConfig {
    let mut config = SdkConfig::builder();
    config.set_region(variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")).map(Region::new));
    config.set_credentials_provider(Some(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())));
    config.set_endpoint_url(variable("AWS_ENDPOINT_URL").filter(|_| is_true(IGNORE_ENDPOINTS) != Some(true)));
    config.set_use_fips(is_true("AWS_USE_FIPS_ENDPOINT"));
    config.set_use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"));
    config.set_service_config(Some(EndpointUrls));
    config.build()
}

fn is_true(name: &str) -> Option<bool> {
    variable(name).map(|value| value.eq_ignore_ascii_case("true"))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
