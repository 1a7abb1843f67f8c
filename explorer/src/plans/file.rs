//! The folder of replays' files, and one such file: made, found, opened, held by the one process that works on it, and removed.

use super::error::PlanError;
use super::{schema, summary};
use crate::domain::replay::plan::{Journey, Listed, PassedOver, PlanCounts, PlanId, PlanState, PlanSummary, Wish};
use crate::domain::replay::{ReplayOptions, ReplayOrder};
use crate::memory::state_folder;
use archiver::stream::StreamName;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The ending of files' names.
const EXTENSION: &str = "replay";
/// Ids that are tried before a folder is taken for unusable.
const TRIES: usize = 50;
/// How long others may take to look whether a file is held.
const LOOKING_TIME: Duration = Duration::from_millis(500);

/// The folder of files.
#[derive(Clone, Debug)]
pub struct Plans {
    folder: PathBuf,
}

/// A replay's file.
#[derive(Clone, Debug)]
pub struct PlanFile {
    id: PlanId,
    path: PathBuf,
}

/// The right to work on a file, which one process at a time has. It ends with this value, and with the process, however that ends.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

impl Plans {
    /// The user's folder.
    ///
    /// # Errors
    /// When it is not known.
    pub fn of_user() -> Result<Self, PlanError> {
        Ok(Self { folder: state_folder().ok_or(PlanError::NoFolder)?.join("replays") })
    }

    /// Another folder.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a file for an order, held by this process.
    pub(super) fn create(
        &self,
        order: &ReplayOrder,
        source: &str,
        target_arn: &str,
        now: Timestamp,
    ) -> Result<(PlanFile, Connection, Hold), PlanError> {
        self.make_folder()?;
        let (file, hold) = self.new_file()?;
        let connection = file.create_tables(order, source, target_arn, now).map_err(|error| file.failed(&error))?;
        Ok((file, connection, hold))
    }

    /// Only its user may look into records.
    fn make_folder(&self) -> Result<(), PlanError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.map_err(|error| PlanError::of_io(&self.folder, &error))
    }

    fn new_file(&self) -> Result<(PlanFile, Hold), PlanError> {
        for _ in 0..TRIES {
            let id = PlanId::of_random(fastrand::u64(..));
            let path = self.path_of(&id);
            // What SQLite puts beside it gets the same permissions.
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(_) => {
                    let file = PlanFile { id, path };
                    let hold = file.hold()?;
                    return Ok((file, hold));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(PlanError::of_io(&path, &error)),
            }
        }
        Err(PlanError::Broken { path: self.folder.clone(), reason: "no name for a new file is free".to_owned() })
    }

    fn path_of(&self, id: &PlanId) -> PathBuf {
        self.folder.join(format!("{id}.{EXTENSION}"))
    }

    /// The file of the one replay whose id begins so.
    ///
    /// # Errors
    /// When there is none, or there are several.
    pub fn find(&self, beginning: &PlanId) -> Result<PlanFile, PlanError> {
        let mut files = self.files()?;
        files.retain(|file| file.id.as_str().starts_with(beginning.as_str()));
        if files.len() > 1 {
            let names: Vec<&str> = files.iter().map(|file| file.id.as_str()).collect();
            return Err(PlanError::Ambiguous(beginning.to_string(), names.join(", ")));
        }
        files.pop().ok_or_else(|| PlanError::Missing(beginning.to_string()))
    }

    /// All replays, the newest first; of a file that cannot be read why not.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self) -> Result<Listed<PlanError>, PlanError> {
        let mut found: Vec<_> = self.files()?.into_iter().map(|file| (file.id.clone(), file.summary())).collect();
        let when = |summary: &Result<PlanSummary, PlanError>| summary.as_ref().map_or(Timestamp::MIN, |known| known.created_at);
        found.sort_by(|(left_id, left), (right_id, right)| (when(right), right_id).cmp(&(when(left), left_id)));
        Ok(found)
    }

    fn files(&self) -> Result<Vec<PlanFile>, PlanError> {
        let failed = |error: io::Error| PlanError::of_io(&self.folder, &error);
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| PlanId::parse(stem).ok());
            if let Some(id) = name
                && path.extension().is_some_and(|extension| extension == EXTENSION)
            {
                files.push(PlanFile { id, path });
            }
        }
        Ok(files)
    }
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

    /// The replay as the history shows it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn summary(&self) -> Result<PlanSummary, PlanError> {
        let connection = self.open()?;
        let is_held = self.is_held()?;
        let summary = summary::read(&connection, self.id.clone(), is_held).map_err(|error| self.failed(&error))?;
        let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        Ok(PlanSummary { file_bytes: bytes(&self.path) + bytes(&self.beside("-wal")), ..summary })
    }

    /// Records that were passed over, at most so many.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn passed_over(&self, limit: usize) -> Result<Vec<PassedOver>, PlanError> {
        let connection = self.open()?;
        summary::passed_over(&connection, limit).map_err(|error| self.failed(&error))
    }

    /// What became of the records of this sequence number, or of all, handed to `take` in the order of the plan until that gives
    /// false.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn journeys(&self, number: Option<&str>, take: impl FnMut(Journey) -> bool) -> Result<(), PlanError> {
        let connection = self.open()?;
        summary::journeys(&connection, number, take).map_err(|error| self.failed(&error))
    }

    /// The latest acknowledged records, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn latest_receipts(&self, limit: usize) -> Result<Vec<Journey>, PlanError> {
        let connection = self.open()?;
        summary::latest(&connection, limit).map_err(|error| self.failed(&error))
    }

    /// Chooses target and options anew; only before the first run.
    ///
    /// # Errors
    /// When the file cannot be written, or another process works on it.
    pub fn choose(&self, target: &StreamName, target_arn: &str, options: &ReplayOptions) -> Result<(), PlanError> {
        let _hold = self.hold()?;
        let connection = self.open()?;
        self.write_options(&connection, target, target_arn, options).map_err(|error| self.failed(&error))
    }

    fn write_options(
        &self,
        connection: &Connection,
        target: &StreamName,
        target_arn: &str,
        options: &ReplayOptions,
    ) -> rusqlite::Result<()> {
        let ReplayOptions { envelope, rate, timing, sequence } = options;
        connection.execute(
            "UPDATE replay SET target = ?1, target_arn = ?2, separator = ?3, rate = ?4, timing = ?5, sequence = ?6",
            params![
                target.as_str(),
                target_arn,
                envelope.as_ref().map(|separator| separator.as_str()),
                rate.to_string(),
                timing.to_string(),
                sequence.as_str()
            ],
        )?;
        Ok(())
    }

    /// Asks the process that runs the replay for something. Without one a cancelled replay is cancelled here.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn wish(&self, wish: Wish) -> Result<PlanState, PlanError> {
        let state = self.summary()?.state;
        let connection = self.open()?;
        let written = match (state.is_at_work(), wish) {
            (true, _) => connection.execute("UPDATE replay SET wish = ?1", [wish.as_str()]),
            (false, Wish::Cancel) if state.can_resume() || state == PlanState::Planned => {
                let _hold = self.hold()?;
                connection.execute("UPDATE replay SET state = ?1, wish = NULL", [PlanState::Cancelled.as_str()])
            }
            (false, _) => Ok(0),
        };
        written.map_err(|error| self.failed(&error))?;
        Ok(state)
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

    /// The right to work on the file.
    pub(super) fn hold(&self) -> Result<Hold, PlanError> {
        let path = self.lock_path();
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let lock = lock.map_err(|error| PlanError::of_io(&path, &error))?;
        let deadline = Instant::now() + LOOKING_TIME;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Hold { _lock: lock }),
                // Somebody may only be looking whether it is held.
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(LOOKING_TIME / 20),
                Err(TryLockError::WouldBlock) => return Err(PlanError::Busy(self.id.to_string())),
                Err(TryLockError::Error(error)) => return Err(PlanError::of_io(&path, &error)),
            }
        }
    }

    /// Whether a process works on it, this one or another.
    fn is_held(&self) -> Result<bool, PlanError> {
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

    /// A connection to it. Reading needs to write, too: the index of the log, which another process may have left.
    pub(super) fn open(&self) -> Result<Connection, PlanError> {
        let open = || {
            let connection = self.connect()?;
            schema::prepare(&connection)?;
            let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, version))
        };
        if !self.path.exists() {
            return Err(PlanError::Missing(self.id.to_string()));
        }
        let (connection, version) = open().map_err(|error| self.failed(&error))?;
        match version {
            schema::VERSION => Ok(connection),
            0 => Err(PlanError::Broken { path: self.path.clone(), reason: "it holds no replay".to_owned() }),
            _ => Err(PlanError::Newer(self.path.clone())),
        }
    }

    fn create_tables(&self, order: &ReplayOrder, source: &str, target_arn: &str, now: Timestamp) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        schema::prepare(&connection)?;
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(schema::TABLES)?;
        transaction.pragma_update(None, "user_version", schema::VERSION)?;
        let ReplayOptions { envelope, rate, timing, sequence } = &order.options;
        transaction.execute(
            "INSERT INTO replay (id, state, created_at, created_by, source, stream, selection, is_everything, target, target_arn,
               separator, rate, timing, sequence, counts)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            params![
                self.id.as_str(),
                PlanState::Planning.as_str(),
                now.as_millisecond(),
                somebody(),
                source,
                order.stream.as_ref().map(StreamName::as_str),
                order.selection.to_string(),
                order.is_everything(),
                order.target.as_str(),
                target_arn,
                envelope.as_ref().map(|separator| separator.as_str()),
                rate.to_string(),
                timing.to_string(),
                sequence.as_str(),
                counts_text(&PlanCounts::default())?,
            ],
        )?;
        transaction.commit()?;
        Ok(connection)
    }

    fn connect(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags)
    }

    pub(super) fn failed(&self, error: &rusqlite::Error) -> PlanError {
        PlanError::of_sqlite(&self.path, error)
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    }

    fn lock_path(&self) -> PathBuf {
        self.beside(".lock")
    }
}

/// What somebody wishes of this replay, if anybody does.
pub(super) fn wish(connection: &Connection) -> rusqlite::Result<Option<Wish>> {
    let wish: Option<Option<String>> = connection.query_row("SELECT wish FROM replay", [], |row| row.get(0)).optional()?;
    Ok(wish.flatten().and_then(|name| [Wish::Pause, Wish::Cancel].into_iter().find(|wish| wish.as_str() == name)))
}

pub(super) fn counts_text(counts: &PlanCounts) -> rusqlite::Result<String> {
    serde_json::to_string(counts).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
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
