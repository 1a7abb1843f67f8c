//! The folder of replay files, where they are created, found and listed.

use super::error::PlanError;
use super::file::{EXTENSION, Hold, PlanFile, somebody};
use super::schema::{self, Closing};
use super::summary::counts_text;
use crate::domain::replay::plan::{Listed, PlanCounts, PlanId, PlanState, PlanSummary};
use crate::domain::replay::{ReplayOptions, ReplayOrder};
use crate::user_folders;
use archiver::format::stream::StreamName;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Ids to try before the folder counts as unusable.
const TRIES: usize = 50;

/// The folder of files.
#[derive(Clone, Debug)]
pub struct Plans {
    folder: PathBuf,
}

impl Plans {
    /// The user's folder.
    ///
    /// # Errors
    /// When it is not known.
    pub fn of_user() -> Result<Self, PlanError> {
        Ok(Self { folder: user_folders::state().ok_or(PlanError::NoFolder)?.join("replays") })
    }

    /// A different folder.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates a file for an order; this process holds it.
    pub(super) fn create(
        &self,
        order: &ReplayOrder,
        source: &str,
        target_arn: &str,
        now: Timestamp,
    ) -> Result<(PlanFile, Connection, Hold), PlanError> {
        self.make_folder()?;
        let (file, hold) = self.new_file()?;
        match create_tables(&file, order, source, target_arn, now) {
            Ok(connection) => Ok((file, connection, hold)),
            Err(error) => {
                let failure = file.failed(&error);
                drop(hold);
                file.leave_nothing();
                Err(failure)
            }
        }
    }

    /// Only the user may read records.
    fn make_folder(&self) -> Result<(), PlanError> {
        use std::os::unix::fs::DirBuilderExt as _;
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        let failed = |error: io::Error| PlanError::of_io(&self.folder, &error);
        made.map_err(failed)?;
        // It may exist already, with weaker permissions.
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
            // SQLite gives its own files beside it the same permissions.
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
        Err(PlanError::Broken {
            path: self.folder.clone(),
            reason: "it has no free name for a new file; remove old replays".to_owned(),
        })
    }

    fn path_of(&self, id: &PlanId) -> PathBuf {
        self.folder.join(format!("{id}.{EXTENSION}"))
    }

    /// The file of the one replay whose id begins like this.
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

    /// All replays, newest first; for a file that cannot be read, the reason.
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

fn create_tables(
    file: &PlanFile,
    order: &ReplayOrder,
    source: &str,
    target_arn: &str,
    now: Timestamp,
) -> rusqlite::Result<Connection> {
    let connection = file.connect()?;
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
            file.id.as_str(),
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
