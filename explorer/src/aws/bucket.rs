//! The objects of an S3 bucket below a prefix: listing, reading, deleting.

use crate::aws::retry::with_retries;
use crate::domain::failure::Failure;
use archiver::aws::failure::{AwsFailure, FailureKind};
use aws_sdk_s3::Client;
use std::path::PathBuf;

/// Where objects lie.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
    prefix: String,
}

/// An object that was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its key; of a file its path in the folder, as far as it is text.
    pub name: String,
    /// Where a file is.
    pub path: Option<PathBuf>,
    /// Its size.
    pub size_bytes: u64,
    /// Which file it was that was read; nothing else is deleted in its place.
    pub version: Option<FileVersion>,
}

/// What tells a file from another one that has its name, and from what it was before it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// The device it lies on, and its number there.
    pub inode: (u64, u64),
    /// Its bytes.
    pub size_bytes: u64,
    /// Seconds and nanoseconds since the epoch.
    pub modified: (i64, i64),
}

impl Bucket {
    /// The objects of this bucket whose keys begin with the prefix.
    pub(crate) fn new(client: Client, name: String, prefix: String) -> Self {
        Self { client, name, prefix }
    }

    /// Lists all objects, in the order of their keys.
    ///
    /// # Errors
    /// What S3 answered.
    pub async fn list(&self) -> Result<Vec<Object>, Failure> {
        let operation = || format!("list the objects of bucket {}", self.name);
        let mut objects = Vec::new();
        let mut pages = self.client.list_objects_v2().bucket(&self.name).prefix(&self.prefix).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| {
                let failure = AwsFailure::from(error);
                let elsewhere = ["PermanentRedirect", "AuthorizationHeaderMalformed", "NoSuchBucket"];
                let hint = if elsewhere.iter().any(|code| failure.message.contains(code)) {
                    "; the stack's output FailedRecordsBucket has its name, and --profile and --region must be its own"
                } else {
                    ""
                };
                let message = format!("{}{hint}", failure.message);
                Failure::of_call(operation(), "s3:ListBucket", AwsFailure { message, ..failure })
            })?;
            // Consoles make objects without a byte for folders.
            let found = page.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let size_bytes = u64::try_from(object.size?).ok().filter(|size| *size > 0)?;
                Some(Object { name: object.key?, path: None, size_bytes, version: None })
            });
            objects.extend(found);
        }
        Ok(objects)
    }

    /// Reads an object: all of it, or so many bytes of its beginning.
    ///
    /// # Errors
    /// What S3 answered.
    pub async fn read(&self, object: &str, most: Option<u64>) -> Result<Vec<u8>, Failure> {
        let failed = |failure| Failure::of_call(format!("read object {object}"), "s3:GetObject", failure);
        // The SDK does not try again when a connection breaks in the middle of a body.
        with_retries(|| async {
            let range = most.map(|bytes| format!("bytes=0-{}", bytes.saturating_sub(1)));
            let answer = self.client.get_object().bucket(&self.name).key(object).set_range(range).send().await;
            let body = answer.map_err(|error| failed(error.into()))?.body.collect().await;
            let body = body.map_err(|error| failed(AwsFailure::of_cause(FailureKind::Network, &error)))?;
            Ok(body.to_vec())
        })
        .await
    }

    /// Deletes an object. Where the bucket keeps versions it can be had back.
    ///
    /// # Errors
    /// What S3 answered.
    pub async fn delete(&self, object: &str) -> Result<(), Failure> {
        let answer = self.client.delete_object().bucket(&self.name).key(object).send().await;
        let failed = |error| Failure::of_call(format!("delete object {object}"), "s3:DeleteObject", error);
        answer.map(|_| ()).map_err(|error| failed(error.into()))
    }
}
