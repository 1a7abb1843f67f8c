//! The Kinesis and DynamoDB for tests: emulators inside the test's process, a pair for each test, or those that two environment
//! variables name.

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use axum::Router;
use explorer::local::emulators::Emulators;
use tokio::net::TcpListener;

/// Names another Kinesis, by URL.
pub const KINESIS_URL: &str = "END_TO_END_KINESIS_URL";
/// Names another DynamoDB, by URL.
pub const DYNAMODB_URL: &str = "END_TO_END_DYNAMODB_URL";
/// The region of every request; which one does not matter to an emulator.
pub const REGION: &str = "us-east-1";
/// Access key and secret key; emulators accept any.
pub const KEY: &str = "test";

/// A Kinesis and a DynamoDB for a test.
#[derive(Debug)]
pub struct Endpoints {
    /// The address of Kinesis.
    pub kinesis_url: String,
    /// The address of DynamoDB.
    pub dynamodb_url: String,
    /// A client of that Kinesis.
    pub kinesis: aws_sdk_kinesis::Client,
    /// A client of that DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    emulators: Option<Emulators>,
}

impl Endpoints {
    /// The endpoints that the environment names, or otherwise this test's own emulators.
    pub async fn start() -> Self {
        let emulators = match (std::env::var(KINESIS_URL), std::env::var(DYNAMODB_URL)) {
            (Ok(_), Ok(_)) => None,
            _ => Some(Emulators::in_memory().await.expect("loopback ports are free")),
        };
        let url = |variable, embedded: fn(&Emulators) -> &String| {
            std::env::var(variable).ok().or_else(|| emulators.as_ref().map(embedded).cloned()).expect("named or embedded")
        };
        let kinesis_url = url(KINESIS_URL, |emulators| &emulators.endpoints.kinesis);
        let dynamodb_url = url(DYNAMODB_URL, |emulators| &emulators.endpoints.dynamodb);
        Self { emulators, ..Self::at(kinesis_url, dynamodb_url) }
    }

    /// This test's own emulators, whatever the environment names. For tests that depend on all existing streams, or on accounts,
    /// which other emulators lack.
    pub async fn of_its_own() -> Self {
        let emulators = Emulators::in_memory().await.expect("loopback ports are free");
        let (kinesis_url, dynamodb_url) = (emulators.endpoints.kinesis.clone(), emulators.endpoints.dynamodb.clone());
        Self { emulators: Some(emulators), ..Self::at(kinesis_url, dynamodb_url) }
    }

    /// Endpoints that are already running.
    #[must_use]
    pub fn at(kinesis_url: String, dynamodb_url: String) -> Self {
        let credentials = Credentials::new(KEY, KEY, None, None, "end-to-end");
        let kinesis = aws_sdk_kinesis::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials.clone())
            .endpoint_url(&kinesis_url)
            .build();
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(credentials)
            .endpoint_url(&dynamodb_url)
            .build();
        Self {
            kinesis: aws_sdk_kinesis::Client::from_conf(kinesis),
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            kinesis_url,
            dynamodb_url,
            emulators: None,
        }
    }

    /// Whether Kinesis is the embedded one.
    #[must_use]
    pub fn has_embedded_kinesis(&self) -> bool {
        std::env::var(KINESIS_URL).is_err()
    }

    /// The database behind the embedded DynamoDB; `None` if the environment names another.
    #[must_use]
    pub fn embedded_database(&self) -> Option<&dynoxide::Database> {
        let is_embedded = std::env::var(DYNAMODB_URL).is_err();
        self.emulators.as_ref().filter(|_| is_embedded).map(|emulators| &emulators.database)
    }
}

/// A listener on a free port of the loopback interface, and its URL.
pub(crate) async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port is free");
    let address = listener.local_addr().expect("a bound listener has an address");
    (listener, format!("http://{address}"))
}

/// Serves until the test's runtime ends.
pub(crate) fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move { axum::serve(listener, router).await.expect("the server goes on") });
}
