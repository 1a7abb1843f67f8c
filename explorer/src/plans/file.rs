//! A replay's file: where it is, how it is opened, which process holds it, and how it is removed.

use super::error::PlanError;
use super::schema::{self, Closing};
use crate::domain::replay::plan::PlanId;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The files' extension.
pub(super) const EXTENSION: &str = "replay";
/// How long other processes may need to check whether a file is held.
pub(super) const LOOKING_TIME: Duration = Duration::from_millis(500);
/// Bytes of a lock file that are read; it names the holder.
const HOLDER_BYTES: u64 = 200;
/// Largest file, in bytes, that is checked completely before anything is sent from it.
const CHECKED_BYTES: u64 = 32 * 1024 * 1024;

/// A replay's file.
#[derive(Clone, Debug)]
pub struct PlanFile {
    pub(super) id: PlanId,
    pub(super) path: PathBuf,
}

/// The right to work on a file. One process at a time has it, until it drops this value or ends.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

impl PlanFile {
    /// The replay's id.
    #[must_use]
    pub fn id(&self) -> &PlanId {
        &self.id
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Deletes the file, and with it the replay's entry in the history.
    ///
    /// # Errors
    /// When another process works on it, or it cannot be deleted.
    pub fn remove(&self) -> Result<(), PlanError> {
        let _hold = self.hold()?;
        for path in [self.beside("-wal"), self.beside("-shm"), self.path.clone(), self.lock_path()] {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(PlanError::of_io(&path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Deletes a file that could not be completed, for example on a full disk. The caller reports why.
    pub(super) fn leave_nothing(&self) {
        if let Err(error) = self.remove() {
            tracing::warn!(%error, "cannot delete an unfinished plan");
        }
    }

    /// Takes the right to work on the file.
    pub(super) fn hold(&self) -> Result<Hold, PlanError> {
        let path = self.lock_path();
        let failed = |error: io::Error| PlanError::of_io(&path, &error);
        if std::fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(PlanError::Misplaced { path, reason: "is not a regular file; remove it".to_owned() });
        }
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut lock = lock.map_err(failed)?;
        let deadline = Instant::now() + LOOKING_TIME;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Another process may only be checking whether it is held.
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOKING_TIME / 20),
                Err(TryLockError::WouldBlock) => return Err(self.busy()),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let holder = format!("{}, process {}\n", somebody(), std::process::id());
        // Only people read this. On a full disk it stays empty.
        if let Err(error) = lock.write_all(holder.as_bytes()).and_then(|()| lock.set_len(holder.len() as u64)) {
            tracing::debug!(%error, "cannot write down which process works on the replay");
        }
        Ok(Hold { _lock: lock })
    }

    /// The error that another process works on it, and which one.
    pub(super) fn busy(&self) -> PlanError {
        let deadline = Instant::now() + LOOKING_TIME;
        loop {
            let mut holder = String::new();
            let read = File::open(self.lock_path()).and_then(|lock| lock.take(HOLDER_BYTES).read_to_string(&mut holder));
            let who = match (read, holder.trim()) {
                (Ok(_), who) if !who.is_empty() => format!(": {who}"),
                // A process that has just taken the lock is about to write down who it is.
                _ if Instant::now() < deadline => {
                    std::thread::sleep(LOOKING_TIME / 20);
                    continue;
                }
                _ => String::new(),
            };
            return PlanError::Busy(self.id.to_string(), who);
        }
    }

    /// Whether any process works on it, including this one.
    pub(super) fn is_held(&self) -> Result<bool, PlanError> {
        let path = self.lock_path();
        match File::open(&path) {
            // A shared lock, so that two processes that only check do not mistake each other for the holder.
            Ok(lock) => match lock.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(PlanError::of_io(&path, &error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PlanError::of_io(&path, &error)),
        }
    }

    /// Opens a connection. Reading also writes, because another process may have left the log's index. The log stays until
    /// [`schema::release_log`].
    pub(super) fn open(&self) -> Result<Connection, PlanError> {
        self.check_place()?;
        let open = || {
            let connection = self.connect()?;
            schema::prepare(&connection, Closing::KeepsLog)?;
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, version))
        };
        let failed = |error: rusqlite::Error| self.failed(&error);
        let (connection, version) = open().map_err(failed)?;
        match version {
            schema::VERSION => {}
            0 => return Err(PlanError::Broken { path: self.path.clone(), reason: "it holds no replay".to_owned() }),
            version if version < schema::VERSION => return Err(PlanError::Older(self.path.clone())),
            _ => return Err(PlanError::Newer(self.path.clone())),
        }
        if !schema::is_ours(&connection).map_err(failed)? {
            let reason = "its tables do not match a replay's".to_owned();
            return Err(PlanError::Damaged { path: self.path.clone(), reason });
        }
        let id: String = connection.query_row("SELECT id FROM replay LIMIT 1", [], |row| row.get(0)).map_err(failed)?;
        match PlanId::parse(&id) {
            Ok(id) if id == self.id => {}
            Ok(id) => {
                let reason = format!(
                    "holds replay {id}, whose file must be named {id}.{EXTENSION}; rename it, or remove it if it is a copy"
                );
                return Err(PlanError::Misplaced { path: self.path.clone(), reason });
            }
            Err(_) => {
                return Err(PlanError::Damaged { path: self.path.clone(), reason: "it has no id".to_owned() });
            }
        }
        self.check_log(&connection)?;
        Ok(connection)
    }

    /// A file with two names could be worked on twice at once, so it must have the one name it was created with.
    fn check_place(&self) -> Result<(), PlanError> {
        let found = match std::fs::symlink_metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(PlanError::Missing(self.id.to_string())),
            Err(error) => return Err(PlanError::of_io(&self.path, &error)),
        };
        let reason = if found.is_symlink() {
            "is a link, but a replay must be one file in one place; remove the link"
        } else if !found.is_file() {
            "is not a regular file"
        } else if found.nlink() > 1 {
            "has a second name (a hard link), but a replay must be one file in one place; remove the other name"
        } else {
            return Ok(());
        };
        Err(PlanError::Misplaced { path: self.path.clone(), reason: reason.to_owned() })
    }

    /// What an unfinished run wrote is in the log beside the file until the run's end is written. Without the log it would be lost.
    fn check_log(&self, connection: &Connection) -> Result<(), PlanError> {
        let is_needed = || -> Result<bool, PlanError> {
            let needed = connection.query_row("SELECT log_needed FROM replay LIMIT 1", [], |row| row.get(0));
            needed.map_err(|error| self.failed(&error))
        };
        let log = self.beside("-wal");
        let is_there = || std::fs::metadata(&log).is_ok_and(|log| log.len() > 0);
        // The run may have ended between the two reads.
        if !is_needed()? || is_there() || !is_needed()? {
            return Ok(());
        }
        let log = log.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Err(PlanError::LogMissing { path: self.path.clone(), log })
    }

    /// Checks all of a small file before anything is sent from it.
    pub(super) fn check_pages(&self, connection: &Connection) -> Result<(), PlanError> {
        if std::fs::metadata(&self.path).is_ok_and(|file| file.len() > CHECKED_BYTES) {
            return Ok(());
        }
        let found: Result<String, _> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        match found.map_err(|error| self.failed(&error))? {
            found if found == "ok" => Ok(()),
            found => Err(PlanError::Damaged { path: self.path.clone(), reason: found }),
        }
    }

    pub(super) fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags)
    }

    pub(super) fn failed(&self, error: &rusqlite::Error) -> PlanError {
        PlanError::of_sqlite(&self.path, error)
    }

    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    }

    fn lock_path(&self) -> PathBuf {
        self.beside(".lock")
    }
}

/// The user and the host that work on a replay, as far as they are known.
pub(super) fn somebody() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "somebody".to_owned());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    match machine.or_else(|| std::env::var("HOSTNAME").ok()).filter(|name| !name.is_empty()) {
        Some(machine) => format!("{user}@{machine}"),
        None => user,
    }
}
