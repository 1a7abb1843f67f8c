//! The directory that keeps the archives, and the list of streams, from run to run. Only one run at a time may use it.

use super::LocalError;
use crate::private;
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Only the user may read and write it.
const FILE_MODE: u32 = 0o600;

/// A directory that this process holds until the value is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    /// Locked; the lock ends with the process, even after a crash.
    _lock: File,
}

/// The streams of the last run. Their names and settings are kept; their records are not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct RememberedStreams {
    /// Epoch seconds; no stream is newer.
    pub(super) written_at: i64,
    pub(super) streams: Vec<RememberedStream>,
}

/// A stream to create again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct RememberedStream {
    pub(super) name: String,
    pub(super) shards: i32,
    pub(super) tags: BTreeMap<String, String>,
}

impl DataDir {
    /// Locks the directory, creating it if it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, LocalError> {
        let owned = || path.to_owned();
        let failed = |source: io::Error| LocalError::DataDir { path: owned(), source };
        if path.exists() && !path.is_dir() {
            return Err(LocalError::NotADirectory { path: owned() });
        }
        private::folder(path).map_err(failed)?;
        let lock = open_lock(&path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                let data_dir = Self { path: owned(), _lock: lock };
                data_dir.make_archives().map_err(failed)?;
                Ok(data_dir)
            }
            Err(TryLockError::WouldBlock) => Err(LocalError::DataDirInUse { path: owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The database file of the archives.
    pub(super) fn archives(&self) -> PathBuf {
        self.path.join("archives.sqlite")
    }

    /// The failure destination.
    pub(super) fn failures(&self) -> PathBuf {
        self.path.join("failures")
    }

    fn streams(&self) -> PathBuf {
        self.path.join("streams.json")
    }

    /// The streams of the last run; none on the first.
    pub(super) fn remembered(&self) -> Result<RememberedStreams, LocalError> {
        let path = self.streams();
        let failed = |reason: String| LocalError::StreamsFile { path: path.clone(), reason };
        let content = match std::fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(RememberedStreams::default()),
            Err(error) => return Err(failed(error.to_string())),
        };
        serde_json::from_slice(&content).map_err(|error| failed(error.to_string()))
    }

    /// Replaces the list of streams atomically.
    pub(super) fn remember(&self, streams: &RememberedStreams) -> io::Result<()> {
        private::replace(&self.streams(), &serde_json::to_vec_pretty(streams)?).map(|_| ())
    }

    /// Creates the database file if it is missing; otherwise SQLite would let other users read it.
    fn make_archives(&self) -> io::Result<()> {
        match File::options().write(true).create_new(true).mode(FILE_MODE).open(self.archives()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }
}

/// Opens the lock file; a new one is readable only by the user. Links are not followed.
fn open_lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(FILE_MODE))?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_directory_in_use_is_refused_with_its_name_until_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        let first = DataDir::open(&path).unwrap();
        let error = DataDir::open(&path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()) && error.contains("another run is using it"), "{error}");
        drop(first);
        DataDir::open(&path).unwrap();
    }

    #[test]
    fn a_link_is_followed_by_accident_nowhere_and_everything_is_for_the_user_alone() {
        let (folder, victim) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        std::fs::write(&victim, "precious").unwrap();
        let path = folder.path().join("data");
        let data_dir = DataDir::open(&path).unwrap();
        for name in ["streams.json", "streams.json.new"] {
            std::os::unix::fs::symlink(victim.path(), path.join(name)).unwrap();
        }
        data_dir.remember(&RememberedStreams::default()).unwrap();
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
        for (name, mode) in [(".", 0o700), ("lock", 0o600), ("archives.sqlite", 0o600), ("streams.json", 0o600)] {
            let found = path.join(name).symlink_metadata().unwrap();
            assert_eq!(found.permissions().mode() & 0o777, mode, "{name}");
        }
        drop(data_dir);
        std::fs::remove_file(path.join("lock")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), path.join("lock")).unwrap();
        assert!(DataDir::open(&path).is_err() && !folder.path().join("elsewhere").exists());
    }

    #[test]
    fn a_file_is_no_data_directory() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = DataDir::open(file.path()).unwrap_err().to_string();
        assert!(error.ends_with("it is not a directory") && error.contains(&file.path().display().to_string()), "{error}");
    }

    #[test]
    fn streams_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = DataDir::open(folder.path()).unwrap();
        assert_eq!(data_dir.remembered().unwrap(), RememberedStreams::default());
        let tags = BTreeMap::from([("StreamArchiveMode".to_owned(), "ALL".to_owned())]);
        let orders = RememberedStream { name: "orders".to_owned(), shards: 2, tags };
        let streams = RememberedStreams { written_at: 1_545_084_650, streams: vec![orders] };
        data_dir.remember(&streams).unwrap();
        assert_eq!(data_dir.remembered().unwrap(), streams);
        std::fs::write(folder.path().join("streams.json"), "{").unwrap();
        assert!(data_dir.remembered().unwrap_err().to_string().contains("streams.json"));
    }
}
