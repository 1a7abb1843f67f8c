//! Where Kinesis and DynamoDB are: emulators inside the test's process, one pair a test, or whatever two variables of the
//! environment name.

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use ferrokinesis::store::StoreOptions;
use tokio::net::TcpListener;

/// Names another Kinesis, by URL.
pub const KINESIS_URL: &str = "END_TO_END_KINESIS_URL";
/// Names another DynamoDB, by URL.
pub const DYNAMODB_URL: &str = "END_TO_END_DYNAMODB_URL";
/// The region of every request; which one does not matter to an emulator.
pub const REGION: &str = "us-east-1";
/// Access key and secret key: emulators ask for any.
pub const KEY: &str = "test";

/// Room for a request of PutRecords, 10 MiB in base64. Source: Kinesis API reference, PutRecords.
const MAX_REQUEST_BYTES: usize = 16 * 1024 * 1024;
/// More open shards than any test has.
const OPEN_SHARDS: u32 = 100;

/// A Kinesis and a DynamoDB to test against.
#[derive(Debug)]
pub struct Endpoints {
    /// Where Kinesis is.
    pub kinesis_url: String,
    /// Where DynamoDB is.
    pub dynamodb_url: String,
    /// A client of that Kinesis.
    pub kinesis: aws_sdk_kinesis::Client,
    /// A client of that DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    embedded_database: Option<EmbeddedDatabase>,
}

struct EmbeddedDatabase(dynoxide::Database);

impl std::fmt::Debug for EmbeddedDatabase {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EmbeddedDatabase")
    }
}

impl Endpoints {
    /// The endpoints that the environment names, an emulator of this test's own where it names none.
    pub async fn start() -> Self {
        let kinesis_url = match std::env::var(KINESIS_URL) {
            Ok(url) => url,
            Err(_) => start_kinesis().await,
        };
        let (dynamodb_url, embedded_database) = match std::env::var(DYNAMODB_URL) {
            Ok(url) => (url, None),
            Err(_) => {
                let database = dynoxide::Database::memory().expect("a database in memory opens");
                (start_dynamodb(database.clone()).await, Some(EmbeddedDatabase(database)))
            }
        };
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
            embedded_database,
        }
    }

    /// Whether Kinesis is the embedded one.
    #[must_use]
    pub fn has_embedded_kinesis(&self) -> bool {
        std::env::var(KINESIS_URL).is_err()
    }

    /// The database behind the embedded DynamoDB; `None` where another one was named.
    #[must_use]
    pub fn embedded_database(&self) -> Option<&dynoxide::Database> {
        self.embedded_database.as_ref().map(|EmbeddedDatabase(database)| database)
    }
}

async fn start_kinesis() -> String {
    let (router, _store) = ferrokinesis::create_app(StoreOptions {
        create_stream_ms: 0,
        update_stream_ms: 0,
        shard_limit: OPEN_SHARDS,
        ..StoreOptions::default()
    });
    let (listener, url) = listen().await;
    serve(listener, router.layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES)));
    url
}

async fn start_dynamodb(database: dynoxide::Database) -> String {
    let (listener, url) = listen().await;
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    url
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
