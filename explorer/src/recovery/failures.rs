//! Where failed batches are kept: a bucket, or a folder with copies of its objects. Recovery treats both the same.

use crate::aws::bucket::{Bucket, FileVersion, Object};
use crate::domain::failure::Failure;
use archiver::aws::failure::FailureKind;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The prefix of the objects that Lambda writes. Source: Lambda developer guide, S3 destinations of event source mappings.
const LAMBDA_PREFIX: &str = "aws/lambda/";
/// The scheme of a bucket's address.
const S3_SCHEME: &str = "s3://";
/// What precedes the bucket's name in its ARN.
const S3_ARN: &str = ":s3:::";

/// Where to look for batches, as the user names it: `s3://bucket`, `s3://bucket/prefix` or a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailurePlace {
    /// The objects in a bucket whose keys begin with the prefix.
    Bucket {
        /// Its name.
        name: String,
        /// The prefix of the keys.
        prefix: String,
    },
    /// The files in a folder and its subfolders.
    Folder(PathBuf),
}

/// Why a text names no place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a bucket; use s3://BUCKET, s3://BUCKET/PREFIX, a folder, or a file")]
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

/// The batches in a place, not read yet.
#[derive(Clone, Debug)]
pub enum FailureStore {
    /// In a bucket.
    Bucket(Bucket),
    /// In a folder.
    Folder(PathBuf),
}

impl FailureStore {
    /// Lists the place's objects, by name.
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
                    let hint = if is_plain { format!("; if you mean a bucket, write {S3_SCHEME}{name}") } else { String::new() };
                    Failure::refused(format!("list folder {name}"), format!("{error}{hint}"))
                })
            }
        }
    }

    /// Reads an object: all of it, or at most this many bytes from its start. Records in it which file that was.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self, object: &mut Object, most: Option<u64>) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Bucket(bucket) => bucket.read(&object.name, most).await,
            Self::Folder(folder) => {
                let root = folder.clone();
                let read = in_background(path_of(folder, object), move |path| read_file(&root, path, most)).await;
                let (content, version) = read.map_err(|error| failure_of("read", &object.name, &error))?;
                object.version = Some(version);
                Ok(content)
            }
        }
    }

    /// Deletes an object, if it is still the one that was read.
    ///
    /// # Errors
    /// When it cannot be deleted, or something else has its name.
    pub async fn delete(&self, object: &Object) -> Result<(), Failure> {
        match self {
            Self::Bucket(bucket) => bucket.delete(&object.name).await,
            Self::Folder(folder) => {
                let (root, version) = (folder.clone(), object.version);
                let deleted = in_background(path_of(folder, object), move |path| delete_file(&root, path, version)).await;
                deleted.map_err(|error| failure_of("delete", &object.name, &error))
            }
        }
    }
}

/// Where a file is: where it was found, or otherwise by its name.
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

/// The folder of a file, reached from the named one without following links, and the file's name in it.
fn folder_of(root: &Path, path: &Path) -> io::Result<(OwnedFd, OsString)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The user named the file itself, not a folder.
    let Some(below) = path.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty()) else {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok((rustix::fs::open(parent, flags, Mode::empty())?, name));
    };
    let mut folder = rustix::fs::open(root, flags, Mode::empty())?;
    for component in below.parent().into_iter().flatten() {
        folder = rustix::fs::openat(&folder, component, flags | OFlags::NOFOLLOW, Mode::empty()).map_err(said_of_link)?;
    }
    Ok((folder, name))
}

/// Opens a file and identifies it. Does not follow links, and does not block.
fn open_file(folder: &OwnedFd, name: &OsStr) -> io::Result<(File, FileVersion)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(said_of_link)?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    Ok((file, version_of(&metadata)))
}

fn said_of_link(error: Errno) -> io::Error {
    match error {
        Errno::LOOP => io::Error::other("it is a link, and links are not followed; name its target instead"),
        error => error.into(),
    }
}

fn version_of(metadata: &Metadata) -> FileVersion {
    FileVersion {
        inode: (metadata.dev(), metadata.ino()),
        size_bytes: metadata.size(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
}

fn read_file(root: &Path, path: &Path, most: Option<u64>) -> io::Result<(Vec<u8>, FileVersion)> {
    let (folder, name) = folder_of(root, path)?;
    let (file, version) = open_file(&folder, &name)?;
    let mut content = Vec::new();
    (&file).take(most.unwrap_or(u64::MAX)).read_to_end(&mut content)?;
    if version_of(&file.metadata()?) != version {
        return Err(io::Error::other("it was changed while it was read; run it again"));
    }
    Ok((content, version))
}

/// Deletes a file if it is the one that was read. First renames it to a name that nothing else uses, so that what is checked is
/// what is deleted, even if another file takes its name meanwhile.
fn delete_file(root: &Path, path: &Path, version: Option<FileVersion>) -> io::Result<()> {
    let (folder, name) = folder_of(root, path)?;
    let is_it = |name: &OsStr| -> io::Result<bool> { Ok(Some(open_file(&folder, name)?.1) == version) };
    let other = |more: &str| Err(io::Error::other(format!("it is no longer the file that was archived{more}; run it again")));
    if !is_it(&name)? {
        return other("");
    }
    let aside = OsString::from(format!(".explorer-{:016x}.deleting", fastrand::u64(..)));
    rustix::fs::renameat(&folder, &name, &folder, &aside)?;
    if is_it(&aside).unwrap_or(false) {
        return Ok(rustix::fs::unlinkat(&folder, &aside, AtFlags::empty())?);
    }
    match rustix::fs::renameat_with(&folder, &aside, &folder, &name, RenameFlags::NOREPLACE) {
        Ok(()) => other(""),
        // Another file has taken its name meanwhile.
        Err(_) => other(&format!(", and is now named {}", aside.display())),
    }
}

/// The files in a folder and its subfolders. Links are not followed: a link that leads elsewhere is listed as an object that cannot
/// be read, and so is a folder that cannot be listed.
fn files_below(folder: &Path) -> io::Result<Vec<Object>> {
    let root = folder.canonicalize()?;
    if root.is_file() {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size_bytes = root.metadata()?.len();
        return Ok(vec![Object { name, path: Some(root), size_bytes, version: None }]);
    }
    let object = |path: PathBuf, size_bytes| {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        Object { name, path: Some(path), size_bytes, version: None }
    };
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
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
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                // If the file is deleted meanwhile, reading it reports that.
                let size_bytes = entry.metadata().map_or(0, |found| found.len());
                files.push(object(path, size_bytes));
            } else if kind.is_symlink() && !path.canonicalize().is_ok_and(|real| real.starts_with(&root)) {
                // A link to another place in this folder: the target is found there.
                files.push(object(path, 0));
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
    use std::sync::Barrier;

    /// Reads all files in a folder.
    async fn read_all(folder: &Path) -> (FailureStore, Vec<(Object, String)>) {
        let store = FailureStore::Folder(folder.to_owned());
        let mut read = Vec::new();
        for mut object in store.list().await.unwrap() {
            let content = store.read(&mut object, None).await;
            let text = content.map_or_else(|failure| failure.detail, |content| String::from_utf8(content).unwrap());
            read.push((object, text));
        }
        (store, read)
    }

    fn put(folder: &Path, name: &str, content: &str) {
        let file = tempfile::NamedTempFile::new_in(folder.parent().unwrap()).unwrap();
        std::fs::write(file.path(), content).unwrap();
        file.persist(folder.join(name)).unwrap();
    }

    #[tokio::test]
    async fn what_is_deleted_is_what_was_read_and_nothing_that_took_its_place() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("failures");
        std::fs::create_dir_all(folder.join("below")).unwrap();
        for name in ["below/a", "b", "c", "d", "e"] {
            put(&folder, name, "archived");
        }
        let (store, read) = read_all(&folder).await;
        assert_eq!(read.iter().map(|(object, _)| object.name.as_str()).collect::<Vec<_>>(), ["b", "below/a", "c", "d", "e"]);
        // Replaced, changed in place, deleted, moved behind a link.
        put(&folder, "b", "new");
        std::fs::write(folder.join("c"), "changed").unwrap();
        std::fs::remove_file(folder.join("d")).unwrap();
        std::fs::rename(folder.join("below"), outer.path().join("elsewhere")).unwrap();
        std::os::unix::fs::symlink(outer.path().join("elsewhere"), folder.join("below")).unwrap();
        let mut outcomes = Vec::new();
        for (object, _) in &read {
            outcomes.push(store.delete(object).await);
        }
        let other = "it is no longer the file that was archived; run it again";
        assert_eq!(outcomes[0].as_ref().unwrap_err().detail, other);
        assert!(
            outcomes[1].as_ref().unwrap_err().detail.contains("director")
                || outcomes[1].as_ref().unwrap_err().detail.contains("link")
        );
        assert_eq!(outcomes[2].as_ref().unwrap_err().detail, other);
        assert_eq!(outcomes[3].as_ref().unwrap_err().kind, FailureKind::NotFound);
        assert_eq!(outcomes[4], Ok(()));
        assert_eq!(std::fs::read_to_string(folder.join("b")).unwrap(), "new");
        assert_eq!(std::fs::read_to_string(outer.path().join("elsewhere/a")).unwrap(), "archived");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);
    }

    #[tokio::test]
    async fn links_are_listed_and_not_followed() {
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(elsewhere.path().join("batch"), "archived").unwrap();
        std::fs::write(folder.path().join("own"), "archived").unwrap();
        for (to, name) in
            [(elsewhere.path().to_owned(), "a"), (elsewhere.path().join("batch"), "b"), (folder.path().join("own"), "c")]
        {
            std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
        }
        let (store, read) = read_all(folder.path()).await;
        let link = "it is a link, and links are not followed; name its target instead";
        let found: Vec<(&str, &str)> = read.iter().map(|(object, text)| (object.name.as_str(), text.as_str())).collect();
        assert_eq!(found, [("a", link), ("b", link), ("own", "archived")]);
        for (object, _) in &read[..2] {
            assert!(store.delete(object).await.is_err());
        }
        assert!(elsewhere.path().join("batch").exists() && folder.path().join("b").is_symlink());
        // A link that the user names is followed.
        let (store, read) = read_all(&folder.path().join("b")).await;
        assert_eq!((read[0].0.name.as_str(), read[0].1.as_str()), ("b", "archived"));
        store.delete(&read[0].0).await.unwrap();
        assert!(!elsewhere.path().join("batch").exists());
    }

    #[test]
    fn a_file_that_comes_while_another_is_deleted_stays() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("failures");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("batch");
        for _ in 0..300 {
            put(&folder, "batch", "archived");
            let (_, version) = read_file(&folder, &path, None).unwrap();
            let both = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    both.wait();
                    put(&folder, "batch", "new");
                });
                both.wait();
                // Both are right.
                delete_file(&folder, &path, Some(version)).ok();
            });
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        }
    }

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
            assert!(error.starts_with(&format!("\"{text}\" is not a bucket; use s3://BUCKET")), "{error}");
        }
    }
}
