//! Clients of the emulators. Their credentials are made here: nothing is read from the environment or from `~/.aws`.

use super::LocalEndpoints;
use aws_sdk_kinesis::config::{BehaviorVersion, Credentials, Region};

/// One client of each service.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    pub(super) kinesis: aws_sdk_kinesis::Client,
    pub(super) dynamodb: aws_sdk_dynamodb::Client,
}

impl Clients {
    pub(super) fn new(endpoints: &LocalEndpoints) -> Self {
        let credentials = Credentials::new("local", "local", None, None, "local");
        let region = Region::new(endpoints.region.clone());
        let kinesis = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region.clone())
            .credentials_provider(credentials.clone())
            .endpoint_url(&endpoints.kinesis)
            .build();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(credentials)
            .endpoint_url(&endpoints.dynamodb)
            .build();
        Self { kinesis: aws_sdk_kinesis::Client::from_conf(kinesis), dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb) }
    }
}
