//! Reads the tags of a stream.

use crate::aws::failure::{AwsFailure, FailureKind};
use crate::aws::http::Http;
use crate::aws::post::{InvalidConfig, Operation, Post, Service};
use crate::format::stream::StreamArn;
use aws_types::SdkConfig;
use serde::{Deserialize, Serialize};
use std::future::Future;

/// A source of tags. The tests have one in memory.
pub trait TagReader: Send + Sync {
    /// All tags of a stream, as key and value.
    fn tags(&self, stream: &StreamArn) -> impl Future<Output = Result<Vec<(String, String)>, AwsFailure>> + Send;
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagPage {
    pub tags: Vec<(String, String)>,
    pub has_more: bool,
}

/// Reads all tags, page by page. `read` gets the last key of the page before, `None` for the first page.
///
/// # Errors
/// The error of `read`.
pub async fn all_pages<E, F: Future<Output = Result<TagPage, E>>>(
    read: impl Fn(Option<String>) -> F,
) -> Result<Vec<(String, String)>, E> {
    let mut tags: Vec<(String, String)> = Vec::new();
    loop {
        let page = read(tags.last().map(|(key, _)| key.clone())).await?;
        let known = tags.len();
        tags.extend(page.tags);
        // A page that is empty or repeats itself would be read forever.
        let leads_on = tags.len() > known && tags[..known].last().map(|(key, _)| key) != tags.last().map(|(key, _)| key);
        if !page.has_more || !leads_on {
            return Ok(tags);
        }
    }
}

/// Reads tags from Kinesis.
#[derive(Debug)]
pub struct KinesisTags {
    post: Post,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListTagsRequest<'r> {
    // AWS accepts the ARN alone; emulators need the name.
    stream_name: &'r str,
    #[serde(rename = "StreamARN")]
    stream_arn: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_start_tag_key: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListTagsAnswer {
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    has_more_tags: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    #[serde(default)]
    value: Option<String>,
}

impl KinesisTags {
    /// Calls Kinesis with this configuration.
    ///
    /// # Errors
    /// When region, credentials or endpoint are missing.
    pub fn new(config: &SdkConfig, http: &Http) -> Result<Self, InvalidConfig> {
        Ok(Self { post: Post::new(Service::Kinesis, config, http)? })
    }

    /// Calls an emulator at this URL with made-up credentials. It reads no environment variables and no files.
    #[must_use]
    pub(crate) fn of_emulator(url: &str, region: &str, http: &Http) -> Self {
        Self { post: Post::to_emulator(Service::Kinesis, url, region, http) }
    }
}

impl TagReader for KinesisTags {
    async fn tags(&self, stream: &StreamArn) -> Result<Vec<(String, String)>, AwsFailure> {
        let unreadable = |error: serde_json::Error| AwsFailure {
            kind: FailureKind::Service,
            message: format!("Kinesis' answer cannot be read: {error}"),
        };
        all_pages(|after| async move {
            let request = ListTagsRequest {
                stream_name: stream.stream_name().as_str(),
                stream_arn: stream.stream_arn(),
                exclusive_start_tag_key: after,
            };
            let body = serde_json::to_vec(&request).map_err(unreadable)?;
            let page = self.post.send(Operation::ListTagsForStream, body).await?;
            let ListTagsAnswer { tags, has_more_tags } = serde_json::from_slice(&page).map_err(unreadable)?;
            let tags = tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
            Ok(TagPage { tags, has_more: has_more_tags })
        })
        .await
    }
}
