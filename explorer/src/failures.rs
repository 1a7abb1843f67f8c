//! Where batches lie that Lambda gave up: a bucket, or a folder with copies of its objects. Both are the same to whoever recovers
//! them.

use crate::aws::bucket::{Bucket, Object};
use crate::domain::failure::Failure;
use archiver::aws_failure::FailureKind;
use std::collections::HashSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// How Lambda begins the keys of its objects. Source: Lambda developer guide, S3 destinations of event source mappings.
const LAMBDA_PREFIX: &str = "aws/lambda/";
/// How a bucket is written.
const S3_SCHEME: &str = "s3://";
/// What stands before its name in its ARN.
const S3_ARN: &str = ":s3:::";

/// Where batches are looked for, as somebody names it: `s3://bucket`, `s3://bucket/prefix` or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailurePlace {
    /// The objects of a bucket whose keys begin with the prefix.
    Bucket {
        /// Its name.
        name: String,
        /// The beginning of the keys.
        prefix: String,
    },
    /// The files of a folder, and of those in it.
    Folder(PathBuf),
}

/// Why a text names no such place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" names no bucket; use s3://BUCKET, s3://BUCKET/PREFIX, a folder, or a file")]
pub struct InvalidFailurePlace(String);

impl std::fmt::Display for FailurePlace {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bucket { name, prefix } => write!(formatter, "{S3_SCHEME}{name}/{prefix}"),
            Self::Folder(folder) => write!(formatter, "{}", folder.display()),
        }
    }
}

impl std::str::FromStr for FailurePlace {
    type Err = InvalidFailurePlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_arn = text.starts_with("arn:") && text.contains(S3_ARN);
        let rest = if is_arn { text.split_once(S3_ARN).map(|(_, rest)| rest) } else { text.strip_prefix(S3_SCHEME) };
        let Some(rest) = rest else {
            return if text.is_empty() { Err(InvalidFailurePlace(text.to_owned())) } else { Ok(Self::Folder(text.into())) };
        };
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        // Source: S3 user guide, bucket naming rules.
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
        if !(3..=255).contains(&name.len()) || !name.bytes().all(allowed) {
            return Err(InvalidFailurePlace(text.to_owned()));
        }
        let prefix = if prefix.is_empty() { LAMBDA_PREFIX } else { prefix };
        Ok(Self::Bucket { name: name.to_owned(), prefix: prefix.to_owned() })
    }
}

/// The batches of a place, not read yet.
#[derive(Clone, Debug)]
pub enum FailureStore {
    /// In a bucket.
    Bucket(Bucket),
    /// In a folder.
    Folder(PathBuf),
}

impl FailureStore {
    /// Lists what is there, by name.
    ///
    /// # Errors
    /// When the place cannot be listed.
    pub async fn list(&self) -> Result<Vec<Object>, Failure> {
        match self {
            Self::Bucket(bucket) => bucket.list().await,
            Self::Folder(folder) => {
                let found = in_background(folder.clone(), files_below).await;
                found.map_err(|error| {
                    let name = folder.to_string_lossy();
                    let is_plain = error.kind() == io::ErrorKind::NotFound && !name.contains(['/', '\\']);
                    let hint = if is_plain { format!("; a bucket is written {S3_SCHEME}{name}") } else { String::new() };
                    Failure::refused(format!("list folder {name}"), format!("{error}{hint}"))
                })
            }
        }
    }

    /// Reads one: all of it, or so many bytes of its beginning.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self, object: &Object, most: Option<u64>) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Bucket(bucket) => bucket.read(&object.name, most).await,
            Self::Folder(folder) => {
                let read = in_background(path_of(folder, object), move |path| read_file(path, most)).await;
                read.map_err(|error| failure_of("read", &object.name, &error))
            }
        }
    }

    /// Deletes one.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub async fn delete(&self, object: &Object) -> Result<(), Failure> {
        match self {
            Self::Bucket(bucket) => bucket.delete(&object.name).await,
            Self::Folder(folder) => {
                let deleted = in_background(path_of(folder, object), |path| std::fs::remove_file(path)).await;
                deleted.map_err(|error| failure_of("delete", &object.name, &error))
            }
        }
    }
}

/// Where a file is: where it was found, or else by its name.
fn path_of(folder: &Path, object: &Object) -> PathBuf {
    object.path.clone().unwrap_or_else(|| folder.join(&object.name))
}

fn failure_of(verb: &str, name: &str, error: &io::Error) -> Failure {
    let kind = if error.kind() == io::ErrorKind::NotFound { FailureKind::NotFound } else { FailureKind::Refused };
    Failure { kind, ..Failure::refused(format!("{verb} file {name}"), error.to_string()) }
}

async fn in_background<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(move || work(&path)).await.map_err(io::Error::other)?
}

fn read_file(path: &Path, most: Option<u64>) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(most.unwrap_or(u64::MAX)).read_to_end(&mut content)?;
    Ok(content)
}

/// The files of a folder and of those in it. A folder in it that cannot be listed is an object, which cannot be read.
fn files_below(folder: &Path) -> io::Result<Vec<Object>> {
    if folder.is_file() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        return Ok(vec![Object { name, path: Some(folder.to_owned()), size_bytes: std::fs::metadata(folder)?.len() }]);
    }
    let object = |path: PathBuf, size_bytes| {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        Object { name, path: Some(path), size_bytes }
    };
    let root = folder.canonicalize()?;
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    // Links may lead in a circle.
    let mut seen = HashSet::from([root.clone()]);
    while let Some(next) = folders.pop() {
        let entries = match std::fs::read_dir(&next) {
            Ok(entries) => entries,
            Err(error) if next == folder => return Err(error),
            Err(_) => {
                files.push(object(next, 0));
                continue;
            }
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            // What is behind a link; where it leads nowhere, reading says so.
            let Ok(found) = std::fs::metadata(&path) else {
                files.push(object(path, 0));
                continue;
            };
            if found.is_dir() {
                if path.canonicalize().is_ok_and(|real| seen.insert(real)) {
                    folders.push(path);
                }
            } else if found.is_file() {
                // The file itself is found where it is.
                let is_double = entry.file_type()?.is_symlink() && path.canonicalize().is_ok_and(|real| real.starts_with(&root));
                if !is_double {
                    files.push(object(path, found.len()));
                }
            }
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_bucket_or_a_folder() {
        let bucket = |name: &str, prefix: &str| FailurePlace::Bucket { name: name.to_owned(), prefix: prefix.to_owned() };
        for (text, place) in [
            ("s3://stack-failedrecords-1x2y", bucket("stack-failedrecords-1x2y", "aws/lambda/")),
            ("s3://stack-failedrecords-1x2y/", bucket("stack-failedrecords-1x2y", "aws/lambda/")),
            ("s3://failed/aws/lambda/0b9d", bucket("failed", "aws/lambda/0b9d")),
            ("arn:aws-cn:s3:::failed", bucket("failed", "aws/lambda/")),
            ("./failures", FailurePlace::Folder("./failures".into())),
        ] {
            assert_eq!(text.parse::<FailurePlace>().unwrap(), place, "{text}");
        }
        for text in ["", "s3://", "s3:///prefix", "s3://UPPER", "s3://a"] {
            let error = text.parse::<FailurePlace>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("\"{text}\" names no bucket; use s3://BUCKET")), "{error}");
        }
    }
}
