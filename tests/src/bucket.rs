//! An S3 to test against: one in a folder inside the test's process, or whatever a variable of the environment names; and a bucket of
//! the test's own in it.

use crate::endpoints::{self, KEY, REGION};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use axum::Router;
use axum::error_handling::HandleError;
use axum::http::StatusCode;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use tempfile::TempDir;

/// Names another S3, by URL.
pub const S3_URL: &str = "END_TO_END_S3_URL";

/// A bucket with nothing in it.
#[derive(Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Where the S3 is that has it.
    pub url: String,
    client: Client,
    _folder: Option<TempDir>,
}

impl Bucket {
    /// Makes a bucket.
    ///
    /// # Panics
    /// When there is no S3 to make it in.
    pub async fn create() -> Self {
        let (url, folder) = match std::env::var(S3_URL) {
            Ok(url) => (url, None),
            Err(_) => {
                let (url, folder) = start().await;
                (url, Some(folder))
            }
        };
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(KEY, KEY, None, None, "end-to-end"))
            .endpoint_url(&url)
            .force_path_style(true)
            .build();
        let client = Client::from_conf(config);
        let name = format!("failed-records-{:016x}", fastrand::u64(..));
        client.create_bucket().bucket(&name).send().await.expect("a bucket can be made");
        Self { name, url, client, _folder: folder }
    }

    /// Puts an object.
    ///
    /// # Panics
    /// When it cannot be put.
    pub async fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        let put = self.client.put_object().bucket(&self.name).key(key).body(content.into().into());
        put.send().await.expect("an object can be put");
    }

    /// The keys of all objects.
    ///
    /// # Panics
    /// When they cannot be listed.
    pub async fn keys(&self) -> Vec<String> {
        let listed = self.client.list_objects_v2().bucket(&self.name).send().await.expect("a bucket can be listed");
        listed.contents.unwrap_or_default().into_iter().filter_map(|object| object.key).collect()
    }

    /// As the explorer is told of it.
    #[must_use]
    pub fn place(&self) -> String {
        format!("s3://{}", self.name)
    }
}

async fn start() -> (String, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).expect("a folder to keep objects in"));
    service.set_auth(SimpleAuth::from_single(KEY, KEY));
    let (listener, url) = endpoints::listen().await;
    let failed = |error: s3s::HttpError| async move { (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:?}")) };
    endpoints::serve(listener, Router::new().fallback_service(HandleError::new(service.build(), failed)));
    (url, folder)
}
