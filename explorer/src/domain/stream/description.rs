//! All that can be found out about one stream and its archive. What could not be read says why, and the rest is there nevertheless.

mod sections;

pub use sections::{FactRow, Section, Weight};

use super::capacity::CapacityMode;
use super::overview::{ArchiveTable, Configuration, StreamOverview};
use crate::domain::failure::Failure;
use archiver::format::settings::{ArchiveSettings, is_archive_tag};
use archiver::format::stream::StreamName;
use archiver::format::table::attribute;
use jiff::Timestamp;

/// A stream and its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub name: StreamName,
    pub stream: StreamDescription,
    /// The table of its records, if there is one.
    pub records: Result<Option<TableDescription>, Failure>,
    /// The table of the parts of large records, if there is one.
    pub parts: Result<Option<TableDescription>, Failure>,
}

/// What is known about the stream itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamDescription {
    /// There is none of this name, but it may have left an archive.
    Absent,
    /// Why it cannot be described.
    Unreadable(Failure),
    Present(Box<PresentStream>),
}

/// A stream that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentStream {
    pub arn: String,
    /// Kinesis' own word for its state: `ACTIVE`, `UPDATING`, …
    pub status: String,
    pub created_at: Option<Timestamp>,
    pub capacity: CapacityMode,
    pub open_shards: u32,
    pub retention_hours: u32,
    pub max_record_bytes: u64,
    pub encryption: Encryption,
    /// The names of its enhanced fan-out consumers.
    pub consumers: Result<Vec<String>, Failure>,
    /// Keys and values.
    pub tags: Result<Vec<(String, String)>, Failure>,
}

/// How Kinesis encrypts what it stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Encryption {
    None,
    /// With a key of KMS, if it is named.
    Kms(Option<String>),
}

/// A table, with what is known besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableDescription {
    pub table: ArchiveTable,
    pub created_at: Option<Timestamp>,
    pub capacity: TableCapacity,
    pub is_protected: Option<bool>,
    pub expiry: Result<Expiry, Failure>,
    pub recovery: Result<Recovery, Failure>,
}

/// How reads and writes of a table are paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableCapacity {
    OnDemand,
    /// This many units a second.
    Provisioned {
        read_units: u64,
        write_units: u64,
    },
    /// A mode that is not known here.
    Other(String),
}

/// Whether DynamoDB deletes items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expiry {
    Off,
    /// By the time in this attribute.
    By(String),
}

/// Whether a table can be restored to a point in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    Off,
    /// Since this time, if it is named.
    Since(Option<Timestamp>),
}

/// Something wrong with a stream's archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// A sentence.
    pub sentence: String,
    /// Whether configuring the archive again mends it.
    pub is_mended_by_configuring: bool,
}

impl Description {
    /// The stream if it exists and could be described.
    #[must_use]
    pub fn present(&self) -> Option<&PresentStream> {
        match &self.stream {
            StreamDescription::Present(stream) => Some(stream),
            StreamDescription::Absent | StreamDescription::Unreadable(_) => None,
        }
    }

    /// What its tags say, if they could be read.
    #[must_use]
    pub fn configuration(&self) -> Option<Configuration> {
        let tags = self.present()?.tags.as_ref().ok()?;
        Some(configuration_of(&self.name, tags))
    }

    /// The same as the list of streams knows, if enough could be read.
    #[must_use]
    pub fn overview(&self) -> Option<StreamOverview> {
        let table = self.records.as_ref().ok()?.as_ref().map(|records| records.table.clone());
        match &self.stream {
            StreamDescription::Unreadable(_) => None,
            StreamDescription::Absent => Some(StreamOverview::of_deleted(self.name.clone(), table?)),
            StreamDescription::Present(stream) => Some(StreamOverview {
                name: self.name.clone(),
                arn: stream.arn.clone(),
                status: stream.status.clone(),
                is_deleted: false,
                open_shards: stream.open_shards,
                retention_hours: stream.retention_hours,
                max_record_bytes: stream.max_record_bytes,
                configuration: self.configuration()?,
                table,
            }),
        }
    }

    /// What is wrong, as far as it can be known.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let overview = self.overview();
        let of_archive = overview.as_ref().and_then(StreamOverview::problem);
        let of_archive = of_archive.map(|sentence| Problem { sentence, is_mended_by_configuring: true });
        let keeps_for_a_while = overview.as_ref().and_then(StreamOverview::settings).is_some_and(|settings| settings.ttl.is_some());
        let tables = [&self.records, &self.parts].into_iter().filter_map(|table| table.as_ref().ok()?.as_ref());
        of_archive.into_iter().chain(tables.filter_map(|table| table.problem_of_expiry(keeps_for_a_while))).collect()
    }

    /// Why something could not be read.
    #[must_use]
    pub fn failures(&self) -> Vec<&Failure> {
        let mut failures = Vec::new();
        match &self.stream {
            StreamDescription::Absent => {}
            StreamDescription::Unreadable(failure) => failures.push(failure),
            StreamDescription::Present(stream) => {
                failures.extend(stream.consumers.as_ref().err());
                failures.extend(stream.tags.as_ref().err());
            }
        }
        for table in [&self.records, &self.parts] {
            match table {
                Err(failure) => failures.push(failure),
                Ok(table) => failures.extend(table.iter().flat_map(TableDescription::failures)),
            }
        }
        failures
    }
}

impl TableDescription {
    fn failures(&self) -> impl Iterator<Item = &Failure> {
        [self.expiry.as_ref().err(), self.recovery.as_ref().err()].into_iter().flatten()
    }

    /// What is wrong with its expiry.
    fn problem_of_expiry(&self, keeps_for_a_while: bool) -> Option<Problem> {
        let name = &self.table.name;
        match &self.expiry {
            Ok(Expiry::Off) if keeps_for_a_while => Some(Problem {
                sentence: format!(
                    "expiry of table {name} is off, so nothing is deleted; configure the archive again to turn it on"
                ),
                is_mended_by_configuring: true,
            }),
            Ok(Expiry::By(by)) if by != attribute::EXPIRE_AFTER => Some(Problem {
                sentence: format!(
                    "items of table {name} expire by the attribute \"{by}\", not by {}; turn that off, then configure the archive again",
                    attribute::EXPIRE_AFTER
                ),
                is_mended_by_configuring: false,
            }),
            Ok(Expiry::Off | Expiry::By(_)) | Err(_) => None,
        }
    }
}

/// What the tags of a stream say of an archive.
#[must_use]
pub fn configuration_of(name: &StreamName, tags: &[(String, String)]) -> Configuration {
    if !tags.iter().any(|(key, _)| is_archive_tag(key)) {
        return Configuration::NotArchived;
    }
    let settings = ArchiveSettings::from_tags(name, tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    settings.map_or_else(|error| Configuration::Unreadable(error.to_string()), Configuration::Archived)
}
