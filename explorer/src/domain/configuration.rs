//! Changing how a stream is archived: from what is and what is wanted to the calls that lead there, so that they can be shown
//! before and are exactly those made after.

use super::archive::{ArchiveTable, Configuration, StreamOverview};
use archiver::settings::{ArchiveMode, ArchiveSettings, MODE_TAG, TTL_TAG, Ttl};
use archiver::stream::StreamName;
use archiver::table::{self, TableKeys, attribute};
use std::fmt;

/// What a stream's archive should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Archived like this.
    Archived {
        /// Which records.
        mode: ArchiveMode,
        /// How long.
        ttl: Option<Ttl>,
    },
    /// No longer archived; what is archived stays.
    NotArchived,
}

/// What is there before the change, besides the stream itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// The table of the wanted mode, if it exists.
    pub table: Option<ArchiveTable>,
    /// The attribute by which that table's items expire, if any does.
    pub ttl_attribute: Option<String>,
    /// Items that would expire at once if expiry were turned on now; counted only where it is off and wanted.
    pub expired_items: u64,
}

/// One call of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Make the table, and wait until it can be used.
    CreateTable {
        /// Its name.
        table: String,
        /// Its keys.
        keys: TableKeys,
    },
    /// Let its items expire by `expireAfter`.
    EnableTtl {
        /// Whose items.
        table: String,
    },
    /// Set tags.
    AddTags {
        /// The stream.
        stream: StreamName,
        /// Keys and values.
        tags: Vec<(String, String)>,
    },
    /// Remove tags.
    RemoveTags {
        /// The stream.
        stream: StreamName,
        /// Their keys.
        keys: Vec<String>,
    },
}

/// The calls of a change, and what one should know before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In this order.
    pub calls: Vec<Call>,
    /// A sentence each.
    pub warnings: Vec<String>,
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The table of the wanted mode is there, but of another kind.
    #[error("table {table} exists with {found}, but mode {mode} needs {expected}; move it away first")]
    WrongKeys {
        /// Its name.
        table: String,
        /// The wanted mode.
        mode: ArchiveMode,
        /// Its keys.
        found: TableKeys,
        /// What the keys should be.
        expected: TableKeys,
    },
    /// Items of the table expire by another attribute.
    #[error(
        "table {table} lets its items expire by the attribute \"{attribute}\"; turn that off first, the archive uses {}",
        attribute::EXPIRE_AFTER
    )]
    OtherTtlAttribute {
        /// Its name.
        table: String,
        /// The attribute.
        attribute: String,
    },
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateTable { table, keys } => write!(formatter, "dynamodb CreateTable {table} ({keys}, on demand)"),
            Self::EnableTtl { table } => {
                write!(formatter, "dynamodb UpdateTimeToLive {table} (attribute {})", attribute::EXPIRE_AFTER)
            }
            Self::AddTags { stream, tags } => {
                let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
                write!(formatter, "kinesis AddTagsToStream {stream} ({})", tags.join(", "))
            }
            Self::RemoveTags { stream, keys } => write!(formatter, "kinesis RemoveTagsFromStream {stream} ({})", keys.join(", ")),
        }
    }
}

/// The settings that lead to the wanted archive: a mode that is already set keeps its spelling, since its table is named after it.
#[must_use]
pub fn wanted_settings(stream: &StreamOverview, mode: ArchiveMode, ttl: Option<Ttl>) -> ArchiveSettings {
    let new = ArchiveSettings::new(mode, ttl);
    let Some(current) = stream.settings() else {
        return new;
    };
    let keeps_spelling = current.mode == mode && current.mode_as_written.is_some();
    let mode_as_written = if keeps_spelling { current.mode_as_written.clone() } else { new.mode_as_written };
    ArchiveSettings { mode, mode_as_written, ttl, replays: current.replays, compression: current.compression }
}

/// The calls from what is to what is wanted. The table is made first and the tags are set last, so that the archiver never finds
/// tags without a table.
///
/// # Errors
/// When a table is in the way.
pub fn plan(stream: &StreamOverview, present: &Present, wanted: Wanted) -> Result<Plan, PlanError> {
    match wanted {
        Wanted::NotArchived => Ok(plan_removal(stream)),
        Wanted::Archived { mode, ttl } => plan_archive(stream, present, mode, ttl),
    }
}

fn plan_removal(stream: &StreamOverview) -> Plan {
    if stream.configuration == Configuration::NotArchived {
        return Plan::default();
    }
    let keys = vec![MODE_TAG.to_owned(), TTL_TAG.to_owned()];
    Plan {
        calls: vec![Call::RemoveTags { stream: stream.name.clone(), keys }],
        warnings: vec![
            "What is archived stays. An event source mapping that still invokes the archiver for this stream goes on in mode LATEST: remove it too."
                .to_owned(),
        ],
    }
}

fn plan_archive(stream: &StreamOverview, present: &Present, mode: ArchiveMode, ttl: Option<Ttl>) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let settings = wanted_settings(stream, mode, ttl);
    let expected = TableKeys::of_mode(mode);
    let table = match &present.table {
        Some(table) if table.keys != expected => {
            return Err(PlanError::WrongKeys { table: table.name.clone(), mode, found: table.keys.clone(), expected });
        }
        Some(table) => table.name.clone(),
        None => {
            let table = table::candidate_tables(&stream.name, &settings).swap_remove(0);
            plan.calls.push(Call::CreateTable { table: table.clone(), keys: expected });
            table
        }
    };
    match &present.ttl_attribute {
        Some(other) if ttl.is_some() && other != attribute::EXPIRE_AFTER => {
            return Err(PlanError::OtherTtlAttribute { table, attribute: other.clone() });
        }
        None if ttl.is_some() => {
            plan.calls.push(Call::EnableTtl { table: table.clone() });
            warn_of_expiry(&mut plan, &table, present.expired_items);
        }
        Some(_) | None => {}
    }
    plan_tags(&mut plan, stream, &settings);
    warn_of_mode_change(&mut plan, stream, mode);
    Ok(plan)
}

fn plan_tags(plan: &mut Plan, stream: &StreamOverview, settings: &ArchiveSettings) {
    let same = stream.settings().is_some_and(|current| current == settings);
    if !same {
        let tags = settings.to_tags().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        plan.calls.push(Call::AddTags { stream: stream.name.clone(), tags });
    }
    let had_ttl = match &stream.configuration {
        Configuration::Archived(current) => current.ttl.is_some(),
        // Which tag cannot be read is not known here; removing one that is not there does no harm.
        Configuration::Unreadable(_) => true,
        Configuration::NotArchived => false,
    };
    if had_ttl && settings.ttl.is_none() {
        plan.calls.push(Call::RemoveTags { stream: stream.name.clone(), keys: vec![TTL_TAG.to_owned()] });
        plan.warnings.push("Items archived so far keep the expiry they were given; only new ones are kept for ever.".to_owned());
    }
}

fn warn_of_expiry(plan: &mut Plan, table: &str, expired_items: u64) {
    if expired_items > 0 {
        plan.warnings.push(format!(
            "DynamoDB WILL DELETE {} items of {table}: their {} lies in the past (archives written by the Node.js archiver 1.0 have it wrong). Repair or clear the attribute first if they are to be kept.",
            super::text::count(expired_items),
            attribute::EXPIRE_AFTER
        ));
    }
}

fn warn_of_mode_change(plan: &mut Plan, stream: &StreamOverview, mode: ArchiveMode) {
    let (Some(before), Some(table)) = (stream.mode(), &stream.table) else {
        return;
    };
    if before != mode {
        plan.warnings.push(format!(
            "The records archived so far stay in {}; they are not copied, and new ones go to the table of mode {mode}.",
            table.name
        ));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn clickstream(configuration: Configuration) -> StreamOverview {
        StreamOverview {
            name: StreamName::parse("clickstream").unwrap(),
            arn: "arn:aws:kinesis:us-east-1:000000000000:stream/clickstream".to_owned(),
            status: "ACTIVE".to_owned(),
            open_shards: 1,
            retention_hours: 24,
            max_record_bytes: 1024 * 1024,
            configuration,
            table: None,
        }
    }

    fn table(name: &str, mode: ArchiveMode) -> ArchiveTable {
        ArchiveTable {
            name: name.to_owned(),
            status: "ACTIVE".to_owned(),
            keys: TableKeys::of_mode(mode),
            items: 7,
            size_bytes: 700,
        }
    }

    fn calls(plan: &Plan) -> Vec<String> {
        plan.calls.iter().map(ToString::to_string).collect()
    }

    fn all_for_a_day() -> Wanted {
        Wanted::Archived { mode: ArchiveMode::All, ttl: Ttl::from_seconds(86_400) }
    }

    #[test]
    fn a_new_archive_gets_its_table_first_and_its_tags_last() {
        let plan = plan(&clickstream(Configuration::NotArchived), &Present::default(), all_for_a_day()).unwrap();
        assert_eq!(
            calls(&plan),
            [
                "dynamodb CreateTable clickstream-archive-ALL (hash key partitionKey and range key sequenceNumber, on demand)",
                "dynamodb UpdateTimeToLive clickstream-archive-ALL (attribute expireAfter)",
                "kinesis AddTagsToStream clickstream (StreamArchiveMode=ALL, ArchiveTTL=expireSeconds=86400)",
            ]
        );
        assert!(plan.warnings.is_empty());
    }

    #[test]
    fn turning_expiry_on_over_an_old_table_says_how_many_items_it_deletes() {
        let old = ArchiveSettings { mode_as_written: Some("all".to_owned()), ..ArchiveSettings::new(ArchiveMode::All, None) };
        let present =
            Present { table: Some(table("clickstream-archive-all", ArchiveMode::All)), ttl_attribute: None, expired_items: 1_204 };
        let plan = plan(&clickstream(Configuration::Archived(old)), &present, all_for_a_day()).unwrap();
        assert_eq!(
            calls(&plan),
            [
                "dynamodb UpdateTimeToLive clickstream-archive-all (attribute expireAfter)",
                "kinesis AddTagsToStream clickstream (StreamArchiveMode=all, ArchiveTTL=expireSeconds=86400)",
            ]
        );
        assert!(plan.warnings[0].contains("WILL DELETE 1 204 items of clickstream-archive-all"), "{:?}", plan.warnings);
    }

    #[test]
    fn what_is_already_so_needs_no_call() {
        let settings = ArchiveSettings::new(ArchiveMode::All, Ttl::from_seconds(86_400));
        let present = Present {
            table: Some(table("clickstream-archive-ALL", ArchiveMode::All)),
            ttl_attribute: Some("expireAfter".to_owned()),
            expired_items: 0,
        };
        let plan = plan(&clickstream(Configuration::Archived(settings)), &present, all_for_a_day()).unwrap();
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn a_table_in_the_way_is_named() {
        let present = Present { table: Some(table("clickstream-archive-ALL", ArchiveMode::Latest)), ..Present::default() };
        let error = plan(&clickstream(Configuration::NotArchived), &present, all_for_a_day()).unwrap_err().to_string();
        assert!(error.starts_with("table clickstream-archive-ALL exists with hash key partitionKey and no range key"), "{error}");
        let present = Present {
            table: Some(table("clickstream-archive-ALL", ArchiveMode::All)),
            ttl_attribute: Some("ttl".to_owned()),
            expired_items: 0,
        };
        let error = plan(&clickstream(Configuration::NotArchived), &present, all_for_a_day()).unwrap_err().to_string();
        assert!(error.contains("by the attribute \"ttl\""), "{error}");
    }

    #[test]
    fn a_change_of_mode_says_what_becomes_of_the_old_table() {
        let mut stream = clickstream(Configuration::Archived(ArchiveSettings::new(ArchiveMode::Latest, Ttl::from_seconds(60))));
        stream.table = Some(table("clickstream-archive-LATEST", ArchiveMode::Latest));
        let plan = plan(&stream, &Present::default(), Wanted::Archived { mode: ArchiveMode::All, ttl: None }).unwrap();
        assert_eq!(plan.calls.len(), 3, "{:?}", calls(&plan));
        assert!(plan.warnings.iter().any(|warning| warning.contains("stay in clickstream-archive-LATEST")), "{:?}", plan.warnings);
    }
}
