//! The folder of replays' files, and one such file: made, found, opened, held by the one process that works on it, and removed.

use super::error::PlanError;
use super::schema::Closing;
use super::{schema, summary};
use crate::domain::replay::plan::{Control, Listed, PassedOver, PlanCounts, PlanId, PlanState, PlanSummary, RecordTrace};
use crate::domain::replay::{ReplayOptions, ReplayOrder};
use crate::remembered::state_folder;
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior, params};
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The ending of files' names.
const EXTENSION: &str = "replay";
/// Ids that are tried before a folder is taken for unusable.
const TRIES: usize = 50;
/// How long others may take to look whether a file is held.
const LOOKING_TIME: Duration = Duration::from_millis(500);
/// How long a request is tried to be left with whoever works on a file, while that changes.
const WISHING_TIME: Duration = Duration::from_secs(10);
/// Bytes of a lock's file that are read: who holds it.
const HOLDER_BYTES: u64 = 200;
/// Bytes of a file up to which all of it is checked before anything is sent from it.
const CHECKED_BYTES: u64 = 32 * 1024 * 1024;

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
        match file.create_tables(order, source, target_arn, now) {
            Ok(connection) => Ok((file, connection, hold)),
            Err(error) => {
                let failure = file.failed(&error);
                drop(hold);
                file.leave_nothing();
                Err(failure)
            }
        }
    }

    /// Only its user may look into records.
    fn make_folder(&self) -> Result<(), PlanError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        let failed = |error: io::Error| PlanError::of_io(&self.folder, &error);
        made.map_err(failed)?;
        // It may have been made before by something that asks for less.
        let mode = std::fs::metadata(&self.folder).map_err(failed)?.permissions().mode();
        if mode & 0o077 == 0 {
            return Ok(());
        }
        std::fs::set_permissions(&self.folder, Permissions::from_mode(0o700)).map_err(failed)
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
    pub fn traces(&self, number: Option<&str>, take: impl FnMut(RecordTrace) -> bool) -> Result<(), PlanError> {
        let connection = self.open()?;
        summary::traces(&connection, number, take).map_err(|error| self.failed(&error))
    }

    /// The latest acknowledged records, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn latest_receipts(&self, limit: usize) -> Result<Vec<RecordTrace>, PlanError> {
        let connection = self.open()?;
        summary::latest(&connection, limit).map_err(|error| self.failed(&error))
    }

    /// Chooses target and options anew; the target only before the first run.
    ///
    /// # Errors
    /// When the file cannot be written, another process works on it, or it is not to be run any more.
    pub fn choose(&self, target: &StreamName, target_arn: &str, options: &ReplayOptions) -> Result<(), PlanError> {
        let _hold = self.hold()?;
        let mut connection = self.open()?;
        let mut choose = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let plan = summary::read(&transaction, self.id.clone(), false)?;
            let is_other_target = plan.target != target.written() || plan.target_arn != target_arn;
            let refusal = match plan.refusal() {
                Some(refusal) => Some(refusal),
                None if is_other_target && !plan.runs.is_empty() => Some("it has begun, and its target stays as it is".to_owned()),
                None => None,
            };
            if let Some(refusal) = refusal {
                return Ok(Err(PlanError::Refused(refusal)));
            }
            write_options(&transaction, target, target_arn, options)?;
            transaction.commit()?;
            schema::release_log(&connection)?;
            Ok(Ok(()))
        };
        let chosen: rusqlite::Result<Result<(), PlanError>> = choose();
        chosen.map_err(|error| self.failed(&error))?
    }

    /// Asks the process that runs the replay for something. Without one a cancelled replay is cancelled here. Gives back where it stood.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn control(&self, control: Control) -> Result<PlanState, PlanError> {
        let deadline = Instant::now() + WISHING_TIME;
        loop {
            let state = self.summary()?.state;
            let is_done = match (state.is_at_work(), control) {
                (true, _) => self.leave_request(control)?,
                (false, Control::Cancel) if state.can_resume() || state == PlanState::Planned => match self.hold() {
                    Ok(_hold) => self.cancel_at_rest()?,
                    // Somebody begins just now, and is told.
                    Err(PlanError::Busy(..)) if Instant::now() < deadline => false,
                    Err(error) => return Err(error),
                },
                (false, Control::Cancel | Control::Pause) => true,
            };
            if is_done {
                return Ok(state);
            }
            if Instant::now() >= deadline {
                return Err(self.busy());
            }
            std::thread::sleep(LOOKING_TIME / 20);
        }
    }

    /// Leaves a request with whoever works on the file; false where nobody does any more.
    fn leave_request(&self, control: Control) -> Result<bool, PlanError> {
        let connection = self.open()?;
        let sql = "UPDATE replay SET wish = ?1 WHERE state IN (?2, ?3)";
        let at_work = [PlanState::Planning.as_str(), PlanState::Running.as_str()];
        let left = connection.execute(sql, [control.as_str(), at_work[0], at_work[1]]);
        left.map(|rows| rows > 0).map_err(|error| self.failed(&error))
    }

    /// Cancels a replay that this process holds; false where it is no longer one to be cancelled.
    fn cancel_at_rest(&self) -> Result<bool, PlanError> {
        let mut connection = self.open()?;
        let mut cancel = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let state = summary::read(&transaction, self.id.clone(), false)?.state;
            if !state.can_resume() && state != PlanState::Planned {
                return Ok(false);
            }
            write_cancelled(&transaction)?;
            transaction.commit()?;
            schema::release_log(&connection)?;
            Ok(true)
        };
        let cancelled: rusqlite::Result<bool> = cancel();
        cancelled.map_err(|error| self.failed(&error))
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
    fn busy(&self) -> PlanError {
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

    fn create_tables(&self, order: &ReplayOrder, source: &str, target_arn: &str, now: Timestamp) -> rusqlite::Result<Connection> {
        let connection = self.connect()?;
        schema::prepare(&connection, Closing::EmptiesLog)?;
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
                order.target.written(),
                target_arn,
                envelope.as_ref().map(|separator| separator.as_str()),
                rate.to_string(),
                timing.to_string(),
                sequence.as_str(),
                counts_text(&PlanCounts::default())?,
            ],
        )?;
        schema::seal(&transaction)?;
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

fn write_options(connection: &Connection, target: &StreamName, target_arn: &str, options: &ReplayOptions) -> rusqlite::Result<()> {
    let ReplayOptions { envelope, rate, timing, sequence } = options;
    connection.execute(
        "UPDATE replay SET log_needed = 0, target = ?1, target_arn = ?2, separator = ?3, rate = ?4, timing = ?5, sequence = ?6",
        params![
            target.written(),
            target_arn,
            envelope.as_ref().map(|separator| separator.as_str()),
            rate.to_string(),
            timing.to_string(),
            sequence.as_str()
        ],
    )?;
    schema::seal(connection)
}

/// Ends a replay for good that nobody works on.
pub(super) fn write_cancelled(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE replay SET state = ?1, wish = NULL, log_needed = 0", [PlanState::Cancelled.as_str()])?;
    Ok(())
}

/// What somebody asked of this replay, if anybody does.
pub(super) fn control(connection: &Connection) -> rusqlite::Result<Option<Control>> {
    let control: Option<Option<String>> =
        connection.query_row("SELECT wish FROM replay LIMIT 1", [], |row| row.get(0)).optional()?;
    Ok(control.flatten().and_then(|name| [Control::Pause, Control::Cancel].into_iter().find(|control| control.as_str() == name)))
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
