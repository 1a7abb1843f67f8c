//! Reading the tags of a stream.

use crate::aws_failure::AwsFailure;
use crate::stream::StreamArn;
use std::future::Future;

/// Something that knows the tags of streams.
pub trait TagReader: Send + Sync {
    /// All tags of a stream, key and value.
    fn tags(&self, stream: &StreamArn) -> impl Future<Output = Result<Vec<(String, String)>, AwsFailure>> + Send;
}

/// The tags as Kinesis has them.
#[derive(Clone, Debug)]
pub struct KinesisTags {
    client: aws_sdk_kinesis::Client,
}

impl KinesisTags {
    /// Uses this client for every call.
    #[must_use]
    pub fn new(client: aws_sdk_kinesis::Client) -> Self {
        Self { client }
    }
}

impl TagReader for KinesisTags {
    async fn tags(&self, stream: &StreamArn) -> Result<Vec<(String, String)>, AwsFailure> {
        let mut tags: Vec<(String, String)> = Vec::new();
        loop {
            let page = self
                .client
                .list_tags_for_stream()
                .stream_name(stream.stream_name().as_str())
                .stream_arn(stream.stream_arn())
                .set_exclusive_start_tag_key(tags.last().map(|(key, _)| key.clone()))
                .send()
                .await?;
            let known = tags.len();
            tags.extend(page.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())));
            if !page.has_more_tags || tags.len() == known {
                return Ok(tags);
            }
        }
    }
}
