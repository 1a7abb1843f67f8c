//! A replay's file: where it is, opened, held by the one process that works on it, and removed.

use super::error::PlanError;
use super::schema::{self, Closing};
use crate::domain::replay::plan::PlanId;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The ending of files' names.
pub(super) const EXTENSION: &str = "replay";
/// How long others may take to look whether a file is held.
pub(super) const LOOKING_TIME: Duration = Duration::from_millis(500);
/// Bytes of a lock's file that are read: who holds it.
const HOLDER_BYTES: u64 = 200;
/// Bytes of a file up to which all of it is checked before anything is sent from it.
const CHECKED_BYTES: u64 = 32 * 1024 * 1024;

/// A replay's file.
#[derive(Clone, Debug)]
pub struct PlanFile {
    pub(super) id: PlanId,
    pub(super) path: PathBuf,
}

/// The right to work on a file, which one process at a time has. It ends with this value, and with the process, however that ends.
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

    /// Removes the file, and with it the replay's place in the history.
    ///
    /// # Errors
    /// When another process works on it, or it cannot be removed.
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

    /// Removes what could not be made, as on a full disk. Whoever made it says why.
    pub(super) fn leave_nothing(&self) {
        if let Err(error) = self.remove() {
            tracing::warn!(%error, "an unfinished plan cannot be removed");
        }
    }

    /// The right to work on the file.
    pub(super) fn hold(&self) -> Result<Hold, PlanError> {
        let path = self.lock_path();
        let failed = |error: io::Error| PlanError::of_io(&path, &error);
        if std::fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(PlanError::Misplaced { path, reason: "is no ordinary file; remove it".to_owned() });
        }
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut lock = lock.map_err(failed)?;
        let deadline = Instant::now() + LOOKING_TIME;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                // Somebody may only be looking whether it is held.
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOKING_TIME / 20),
                Err(TryLockError::WouldBlock) => return Err(self.busy()),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        let holder = format!("{}, process {}\n", somebody(), std::process::id());
        // Only for people. On a full disk it stays empty.
        if let Err(error) = lock.write_all(holder.as_bytes()).and_then(|()| lock.set_len(holder.len() as u64)) {
            tracing::debug!(%error, "who works on the replay is not written down");
        }
        Ok(Hold { _lock: lock })
    }

    /// That another process works on it, and which.
    pub(super) fn busy(&self) -> PlanError {
        let deadline = Instant::now() + LOOKING_TIME;
        loop {
            let mut holder = String::new();
            let read = File::open(self.lock_path()).and_then(|lock| lock.take(HOLDER_BYTES).read_to_string(&mut holder));
            let who = match (read, holder.trim()) {
                (Ok(_), who) if !who.is_empty() => format!(": {who}"),
                // Whoever has just taken the lock writes that down next.
                _ if Instant::now() < deadline => {
                    std::thread::sleep(LOOKING_TIME / 20);
                    continue;
                }
                _ => String::new(),
            };
            return PlanError::Busy(self.id.to_string(), who);
        }
    }

    /// Whether a process works on it, this one or another.
    pub(super) fn is_held(&self) -> Result<bool, PlanError> {
        let path = self.lock_path();
        match File::open(&path) {
            // A shared lock, so that two who only look do not take each other for a process that works.
            Ok(lock) => match lock.try_lock_shared() {
                Ok(()) => Ok(false),
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(PlanError::of_io(&path, &error)),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(PlanError::of_io(&path, &error)),
        }
    }

    /// A connection to it. Reading needs to write, too: the index of the log, which another process may have left. The log stays where
    /// it is until [`schema::release_log`].
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
            let reason = "its tables are not those of a replay".to_owned();
            return Err(PlanError::Damaged { path: self.path.clone(), reason });
        }
        let id: String = connection.query_row("SELECT id FROM replay LIMIT 1", [], |row| row.get(0)).map_err(failed)?;
        match PlanId::parse(&id) {
            Ok(id) if id == self.id => {}
            Ok(id) => {
                let reason = format!(
                    "holds replay {id}, and a replay has one file, which is named after it; remove what is a copy, or rename it to {id}.{EXTENSION}"
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

    /// The file must be where it was made: one that has two names could be worked on twice at once.
    fn check_place(&self) -> Result<(), PlanError> {
        let found = match std::fs::symlink_metadata(&self.path) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(PlanError::Missing(self.id.to_string())),
            Err(error) => return Err(PlanError::of_io(&self.path, &error)),
        };
        let reason = if found.is_symlink() {
            "is a link, and a replay has one file in one place; remove the link"
        } else if !found.is_file() {
            "is no ordinary file"
        } else if found.nlink() > 1 {
            "has a second name (a hard link), and a replay has one file in one place; remove the other name"
        } else {
            return Ok(());
        };
        Err(PlanError::Misplaced { path: self.path.clone(), reason: reason.to_owned() })
    }

    /// What a run that has not ended has written lies in the log beside the file, and is never put away before the run's end is written.
    fn check_log(&self, connection: &Connection) -> Result<(), PlanError> {
        let is_needed = || -> Result<bool, PlanError> {
            let needed = connection.query_row("SELECT log_needed FROM replay LIMIT 1", [], |row| row.get(0));
            needed.map_err(|error| self.failed(&error))
        };
        let log = self.beside("-wal");
        let is_there = || std::fs::metadata(&log).is_ok_and(|log| log.len() > 0);
        // It may have ended between the two looks.
        if !is_needed()? || is_there() || !is_needed()? {
            return Ok(());
        }
        let log = log.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Err(PlanError::LogMissing { path: self.path.clone(), log })
    }

    /// Looks through all of a file that is not large, before anything is sent from it.
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

/// Who works on a replay, and where: the user and the machine, as far as they are known.
pub(super) fn somebody() -> String {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "somebody".to_owned());
    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    match machine.or_else(|| std::env::var("HOSTNAME").ok()).filter(|name| !name.is_empty()) {
        Some(machine) => format!("{user}@{machine}"),
        None => user,
    }
}
