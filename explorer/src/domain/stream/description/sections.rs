//! A description in words: sections of rows with a label and a value.

use super::{Description, Encryption, Expiry, PresentStream, Recovery, StreamDescription, TableCapacity, TableDescription};
use crate::domain::failure::Failure;
use crate::domain::stream::overview::Configuration;
use crate::domain::text::{count, counted, size};
use crate::domain::time::TimeContext;
use archiver::aws::failure::FailureKind;
use archiver::format::settings::{ArchiveMode, ArchiveSettings, Compression, Replays};
use jiff::Timestamp;

/// Rows that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    pub title: &'static str,
    pub rows: Vec<FactRow>,
}

/// A fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRow {
    /// Empty if it continues the row above.
    pub label: &'static str,
    pub value: String,
    pub weight: Weight,
}

/// How much a fact matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Usual,
    /// It is not there, or not known.
    Quiet,
    /// Something is wrong.
    Problem,
}

impl Description {
    /// All that is known.
    #[must_use]
    pub fn sections(&self, times: &TimeContext) -> Vec<Section> {
        let problem_row = |(place, sentence)| row(if place == 0 { "problem" } else { "" }, sentence, Weight::Problem);
        let problems = self.problems().into_iter().map(|problem| problem.sentence).enumerate().map(problem_row);
        let is_archived = matches!(self.configuration(), Some(Configuration::Archived(_)));
        let absent_parts = if is_archived { "none: records that are too large for an item need it" } else { "none" };
        vec![
            Section { title: "Archive", rows: problems.chain(self.configuration_rows()).collect() },
            Section { title: "Table of records", rows: table_rows(&self.records, "none", times) },
            Section { title: "Table of parts", rows: table_rows(&self.parts, absent_parts, times) },
            Section { title: "Stream", rows: self.stream_rows(times) },
        ]
    }

    fn configuration_rows(&self) -> Vec<FactRow> {
        const LABEL: &str = "mode";
        let stream = match &self.stream {
            StreamDescription::Absent => {
                return vec![row(LABEL, "the stream was deleted; its archive is left".to_owned(), Weight::Quiet)];
            }
            StreamDescription::Unreadable(failure) => return vec![unknown(LABEL, failure)],
            StreamDescription::Present(stream) => stream,
        };
        match (self.configuration(), &stream.tags) {
            (_, Err(failure)) => vec![unknown(LABEL, failure)],
            (Some(Configuration::Archived(settings)), Ok(_)) => settings_rows(&settings),
            // The problem says which tag.
            (Some(Configuration::Unreadable(_)), Ok(_)) => vec![row(LABEL, "not known".to_owned(), Weight::Quiet)],
            (Some(Configuration::NotArchived) | None, Ok(_)) => {
                vec![row(LABEL, "not archived: the stream has no archive tag".to_owned(), Weight::Quiet)]
            }
        }
    }

    fn stream_rows(&self, times: &TimeContext) -> Vec<FactRow> {
        match &self.stream {
            StreamDescription::Absent => vec![row("status", "deleted".to_owned(), Weight::Quiet)],
            StreamDescription::Unreadable(failure) => vec![unknown("status", failure)],
            StreamDescription::Present(stream) => stream.rows(times),
        }
    }
}

impl PresentStream {
    fn rows(&self, times: &TimeContext) -> Vec<FactRow> {
        let shards = counted(u64::from(self.open_shards), "open shard", "open shards");
        let encryption = match &self.encryption {
            Encryption::None => row("encryption", "off".to_owned(), Weight::Quiet),
            Encryption::Kms(None) => usual("encryption", "on"),
            Encryption::Kms(Some(key)) => usual("encryption", format!("on, with KMS key {key}")),
        };
        let mut rows = vec![
            usual("status", self.status.to_lowercase()),
            usual("capacity", format!("{}, {shards}", self.capacity.as_str())),
            usual("retention", retention(self.retention_hours)),
            usual("max record", size(self.max_record_bytes)),
            encryption,
        ];
        rows.extend(list("fan-out", &self.consumers, String::clone));
        rows.extend(list("tags", &self.tags, |(key, value)| format!("{key} = {value}")));
        rows.push(time("created", self.created_at, times));
        rows.push(usual("arn", &self.arn));
        rows
    }
}

fn settings_rows(settings: &ArchiveSettings) -> Vec<FactRow> {
    let mode = match settings.mode {
        ArchiveMode::All => "every record is kept",
        ArchiveMode::Latest => "only the newest record of each partition key is kept",
    };
    let written = settings.mode_as_written.clone().unwrap_or_else(|| settings.mode.to_string());
    let replays = match settings.replays {
        Replays::Keep => "records replayed into this stream are archived again",
        Replays::Skip => "records replayed with an envelope into this stream are skipped",
    };
    let compression = match settings.compression {
        Compression::None => "only payloads that are too large for an item",
        Compression::Gzip => "gzip, if that makes a payload smaller",
    };
    vec![
        usual("mode", format!("{written}: {mode}")),
        usual("kept", settings.ttl.map_or_else(|| "for ever".to_owned(), |ttl| ttl.to_string())),
        usual("replays", format!("{}: {replays}", settings.replays.as_str())),
        usual("compression", compression),
    ]
}

fn table_rows(table: &Result<Option<TableDescription>, Failure>, absent: &str, times: &TimeContext) -> Vec<FactRow> {
    match table {
        Err(failure) => vec![unknown("name", failure)],
        Ok(None) => vec![row("name", absent.to_owned(), Weight::Quiet)],
        Ok(Some(table)) => table.rows(times),
    }
}

impl TableDescription {
    fn rows(&self, times: &TimeContext) -> Vec<FactRow> {
        let table = &self.table;
        let capacity = match &self.capacity {
            TableCapacity::OnDemand => "on-demand".to_owned(),
            TableCapacity::Provisioned { read_units, write_units } => {
                format!("provisioned, {} read and {} write units a second", count(*read_units), count(*write_units))
            }
            TableCapacity::Other(other) => other.to_lowercase(),
        };
        let protection = match self.is_protected {
            None => row("protection", "not known".to_owned(), Weight::Quiet),
            Some(true) => usual("protection", "on: the table cannot be deleted"),
            Some(false) => row("protection", "off".to_owned(), Weight::Quiet),
        };
        vec![
            usual("name", &table.name),
            usual("status", table.status.to_lowercase()),
            usual("items", format!("about {}, {}", count(table.items), size(table.size_bytes))),
            usual("keys", table.keys.to_string()),
            usual("capacity", capacity),
            self.expiry_row(),
            self.recovery_row(times),
            protection,
            time("created", self.created_at, times),
        ]
    }

    fn expiry_row(&self) -> FactRow {
        const LABEL: &str = "expiry";
        match &self.expiry {
            Err(failure) => unknown(LABEL, failure),
            Ok(Expiry::Off) => row(LABEL, "off: DynamoDB deletes nothing".to_owned(), Weight::Quiet),
            Ok(Expiry::By(by)) => usual(LABEL, format!("on: DynamoDB deletes items by {by}, within a few days")),
        }
    }

    fn recovery_row(&self, times: &TimeContext) -> FactRow {
        const LABEL: &str = "recovery";
        match &self.recovery {
            Err(failure) => unknown(LABEL, failure),
            Ok(Recovery::Off) => row(LABEL, "off: the table has no point-in-time recovery".to_owned(), Weight::Quiet),
            Ok(Recovery::Since(None)) => usual(LABEL, "on"),
            Ok(Recovery::Since(Some(since))) => usual(LABEL, format!("on: to any time since {}", times.long(*since))),
        }
    }
}

fn usual(label: &'static str, value: impl Into<String>) -> FactRow {
    row(label, value.into(), Weight::Usual)
}

fn row(label: &'static str, value: String, weight: Weight) -> FactRow {
    FactRow { label, value, weight }
}

fn time(label: &'static str, at: Option<Timestamp>, times: &TimeContext) -> FactRow {
    match at {
        Some(at) => usual(label, times.long(at)),
        None => row(label, "not known".to_owned(), Weight::Quiet),
    }
}

/// A row for each of several, or one that says that there is none.
fn list<T>(label: &'static str, all: &Result<Vec<T>, Failure>, text: impl Fn(&T) -> String) -> Vec<FactRow> {
    match all {
        Err(failure) => vec![unknown(label, failure)],
        Ok(all) if all.is_empty() => vec![row(label, "none".to_owned(), Weight::Quiet)],
        Ok(all) => {
            let labels = std::iter::once(label).chain(std::iter::repeat(""));
            labels.zip(all).map(|(label, one)| usual(label, text(one))).collect()
        }
    }
}

fn unknown(label: &'static str, failure: &Failure) -> FactRow {
    let why = match (failure.kind, failure.permission) {
        (FailureKind::AccessDenied, Some(permission)) => format!("no permission: it needs {permission}"),
        // What emulators answer to calls that they do not have.
        _ if failure.detail.contains("UnknownOperation") => "not known: this endpoint does not tell".to_owned(),
        _ => format!("not known: {}", failure.detail),
    };
    row(label, why, Weight::Quiet)
}

/// Hours, and as days where they are whole days.
fn retention(hours: u32) -> String {
    match hours {
        hours if hours > 24 && hours % 24 == 0 => format!("{hours} h, which are {} d", hours / 24),
        hours => format!("{hours} h"),
    }
}
