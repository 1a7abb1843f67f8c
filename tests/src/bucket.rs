//! An S3 for tests: in a folder, inside the test's process, or the one that an environment variable names; and a test's own bucket
//! in it.

use crate::endpoints::{self, KEY, REGION};
use axum::Router;
use axum::body::Body;
use axum::error_handling::HandleError;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Credentials, S3Action, UrlStyle};
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use std::time::Duration;
use tempfile::TempDir;

/// Names another S3, by URL.
pub const S3_URL: &str = "END_TO_END_S3_URL";

/// An empty bucket.
#[derive(Debug)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// The address of its S3.
    pub url: String,
    place: rusty_s3::Bucket,
    _folder: Option<TempDir>,
}

impl Bucket {
    /// Creates a bucket.
    ///
    /// # Panics
    /// When there is no S3 to create it in.
    pub async fn create() -> Self {
        let (url, folder) = match std::env::var(S3_URL) {
            Ok(url) => (url, None),
            Err(_) => {
                let (url, folder) = start().await;
                (url, Some(folder))
            }
        };
        let name = format!("failed-records-{:016x}", fastrand::u64(..));
        let endpoint = url.parse().expect("a URL");
        let place = rusty_s3::Bucket::new(endpoint, UrlStyle::Path, name.clone(), REGION).expect("a bucket's name");
        send(&place.create_bucket(&credentials()), Vec::new()).await;
        Self { name, url, place, _folder: folder }
    }

    /// Puts an object.
    ///
    /// # Panics
    /// When it cannot be put.
    pub async fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        send(&self.place.put_object(Some(&credentials()), key), content.into()).await;
    }

    /// The keys of all objects.
    ///
    /// # Panics
    /// When they cannot be listed.
    pub async fn keys(&self) -> Vec<String> {
        let listed = send(&self.place.list_objects_v2(Some(&credentials())), Vec::new()).await;
        let listed = ListObjectsV2::parse_response(&listed).expect("a listing");
        listed.contents.into_iter().map(|object| object.key).collect()
    }

    /// The explorer's settings for it.
    #[must_use]
    pub fn place(&self) -> String {
        format!("s3://{}", self.name)
    }
}

fn credentials() -> Credentials {
    Credentials::new(KEY, KEY)
}

/// Makes a call that must succeed, and returns the text of its answer.
async fn send<'a, A: S3Action<'a>>(action: &A, body: Vec<u8>) -> String {
    let url = action.sign(Duration::from_secs(60));
    // Some servers refuse a call that does not say that it has no body.
    let request = Request::builder().method(A::METHOD.to_str()).uri(url.as_str()).header(CONTENT_LENGTH, body.len());
    let request = request.body(Body::from(body)).expect("a request");
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.expect("S3 answers");
    let status = answer.status();
    let body = axum::body::to_bytes(Body::new(answer.into_body()), usize::MAX).await.expect("a whole answer");
    let text = String::from_utf8_lossy(&body).into_owned();
    assert!(status.is_success(), "{status}: {text}");
    text
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
