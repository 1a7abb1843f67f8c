//! A stream and its archive as the explorer knows them.

use archiver::format::settings::{ArchiveMode, ArchiveSettings};
use archiver::format::stream::StreamName;
use archiver::format::table::TableKeys;
use serde::Serialize;

/// A stream with what is known of its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamOverview {
    pub name: StreamName,
    pub arn: String,
    /// Kinesis' own word for its state: `ACTIVE`, `UPDATING`, …
    pub status: String,
    /// Whether it was deleted, so that only its archive is left.
    pub is_deleted: bool,
    pub open_shards: u32,
    /// How long Kinesis itself keeps records, in hours.
    pub retention_hours: u32,
    /// Largest record it takes, in bytes.
    pub max_record_bytes: u64,
    /// What its tags say of an archive.
    pub configuration: Configuration,
    /// The table its configuration means, where there is one.
    pub table: Option<ArchiveTable>,
}

/// What the tags of a stream say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// No archive tag.
    NotArchived,
    /// Archived like this.
    Archived(ArchiveSettings),
    /// A tag cannot be read; the sentence says which.
    Unreadable(String),
}

/// A table that holds an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveTable {
    pub name: String,
    /// DynamoDB's own word for its state: `ACTIVE`, `CREATING`, …
    pub status: String,
    pub keys: TableKeys,
    /// Items, as DynamoDB counted them some hours ago.
    pub items: u64,
    /// Bytes, as of the same time.
    pub size_bytes: u64,
}

impl ArchiveTable {
    /// The mode whose archives have such keys.
    #[must_use]
    pub fn mode(&self) -> Option<ArchiveMode> {
        [ArchiveMode::All, ArchiveMode::Latest].into_iter().find(|mode| self.keys == TableKeys::of_mode(*mode))
    }
}

/// What state a stream's archive is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Archived into a table that fits.
    Ok,
    /// No archive asked for.
    NotArchived,
    /// A tag that cannot be read: nothing is archived.
    TagUnreadable,
    /// No table: nothing is archived.
    TableMissing,
    /// A table of another mode: nothing is archived.
    WrongKeys,
    /// The table is being made or changed.
    TablePending,
    /// The stream was deleted; its archive is left.
    StreamDeleted,
}

impl StreamOverview {
    /// An archive whose stream was deleted.
    #[must_use]
    pub fn of_deleted(name: StreamName, table: ArchiveTable) -> Self {
        Self {
            name,
            arn: String::new(),
            status: "DELETED".to_owned(),
            is_deleted: true,
            open_shards: 0,
            retention_hours: 0,
            max_record_bytes: 0,
            configuration: Configuration::NotArchived,
            table: Some(table),
        }
    }

    /// The mode, where one is configured.
    #[must_use]
    pub fn mode(&self) -> Option<ArchiveMode> {
        self.settings().map(|settings| settings.mode)
    }

    /// The settings, where the stream is archived.
    #[must_use]
    pub fn settings(&self) -> Option<&ArchiveSettings> {
        match &self.configuration {
            Configuration::Archived(settings) => Some(settings),
            Configuration::NotArchived | Configuration::Unreadable(_) => None,
        }
    }

    /// The state of its archive.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.is_deleted {
            return Health::StreamDeleted;
        }
        let settings = match &self.configuration {
            Configuration::NotArchived => return Health::NotArchived,
            Configuration::Unreadable(_) => return Health::TagUnreadable,
            Configuration::Archived(settings) => settings,
        };
        match &self.table {
            None => Health::TableMissing,
            Some(table) if table.keys != TableKeys::of_mode(settings.mode) => Health::WrongKeys,
            Some(table) if table.status != "ACTIVE" => Health::TablePending,
            Some(_) => Health::Ok,
        }
    }

    /// Why nothing can be done with the stream itself, where it was deleted.
    ///
    /// # Errors
    /// A sentence.
    pub fn check_stream(&self) -> Result<(), String> {
        match self.is_deleted {
            true => Err(format!("stream {} was deleted, and only its archive is left", self.name)),
            false => Ok(()),
        }
    }

    /// What is wrong with the archive, as a sentence.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let name = &self.name;
        match (self.health(), &self.configuration, &self.table) {
            (Health::Ok | Health::NotArchived | Health::TablePending | Health::StreamDeleted, _, _) => None,
            (_, Configuration::Unreadable(sentence), _) => Some(format!("{sentence}; nothing is archived until you fix that")),
            (_, Configuration::Archived(settings), Some(table)) => Some(format!(
                "table {} has {}, but mode {} needs {}; nothing is archived until you fix that",
                table.name,
                table.keys,
                settings.mode,
                TableKeys::of_mode(settings.mode)
            )),
            (_, Configuration::Archived(settings), None) => Some(format!(
                "stream {name} has archive mode {}, but its table does not exist; configure it again to create the table",
                settings.mode
            )),
            (_, Configuration::NotArchived, _) => None,
        }
    }
}
