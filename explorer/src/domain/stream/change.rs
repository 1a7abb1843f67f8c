//! Plans how to change the archiving of a stream: the calls that lead from the present to the wanted settings. They are shown first, and
//! exactly these calls are made.

use crate::domain::stream::overview::{ArchiveTable, Configuration, StreamOverview};
use crate::domain::text::counted;
use archiver::format::settings::{
    ArchiveMode, ArchiveSettings, COMPRESSION_TAG, Compression, MODE_TAG, REPLAYS_TAG, Replays, TTL_TAG, Ttl,
};
use archiver::format::stream::StreamName;
use archiver::format::table::{self, TableKeys, attribute};
use std::fmt;

/// What a stream's archive should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Archived like this.
    Archived(WantedArchive),
    /// No longer archived; what is archived stays.
    NotArchived,
}

/// How a stream should be archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedArchive {
    /// Which records.
    pub mode: ArchiveMode,
    /// How long.
    pub ttl: Option<Ttl>,
    /// What becomes of replays into the stream itself.
    pub replays: Replays,
    /// How payloads are stored.
    pub compression: Compression,
}

/// What exists before the change, besides the stream itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// The table of the wanted mode.
    pub records: PresentTable,
    /// The table of the parts of large records.
    pub parts: PresentTable,
}

/// A table before the change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresentTable {
    /// The table, if it exists.
    pub table: Option<ArchiveTable>,
    /// The attribute by which its items expire, if any does.
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
        keys: TableKeys,
    },
    /// Let its items expire by `expireAfter`.
    EnableTtl {
        /// Whose items.
        table: String,
    },
    /// Set tags.
    AddTags {
        stream: StreamName,
        /// Keys and values.
        tags: Vec<(String, String)>,
    },
    RemoveTags {
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

/// What an archive needs a table for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The records of this mode.
    Records(ArchiveMode),
    /// The parts of large records.
    Parts,
}

/// A change that cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A table is there, but of another kind.
    #[error("table {table} exists with {found}, but {purpose} needs {}; move it away first", purpose.keys())]
    WrongKeys {
        /// Its name.
        table: String,
        /// What it is needed for.
        purpose: Purpose,
        found: TableKeys,
    },
    /// Items of the table expire by another attribute.
    #[error(
        "items of table {table} expire by the attribute \"{attribute}\"; turn that off first, because the archive uses {}",
        attribute::EXPIRE_AFTER
    )]
    OtherTtlAttribute {
        /// Its name.
        table: String,
        attribute: String,
    },
}

impl Purpose {
    fn keys(self) -> TableKeys {
        match self {
            Self::Records(mode) => TableKeys::of_mode(mode),
            Self::Parts => TableKeys::of_parts(),
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Records(mode) => write!(formatter, "mode {mode}"),
            Self::Parts => formatter.write_str("the table for parts of large records"),
        }
    }
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
pub fn wanted_settings(stream: &StreamOverview, wanted: &WantedArchive) -> ArchiveSettings {
    let WantedArchive { mode, ttl, replays, compression } = *wanted;
    let new = ArchiveSettings { replays, compression, ..ArchiveSettings::new(mode, ttl) };
    match stream.settings() {
        Some(current) if current.mode == mode && current.mode_as_written.is_some() => {
            ArchiveSettings { mode_as_written: current.mode_as_written.clone(), ..new }
        }
        Some(_) | None => new,
    }
}

/// The calls from what is to what is wanted. The tables are made first and the tags are set last, so that the archiver never finds
/// tags without a table.
///
/// # Errors
/// When a table is in the way.
pub fn plan(stream: &StreamOverview, present: &Present, wanted: Wanted) -> Result<Plan, PlanError> {
    match wanted {
        Wanted::NotArchived => Ok(plan_removal(stream)),
        Wanted::Archived(wanted) => plan_archive(stream, present, &wanted),
    }
}

fn plan_removal(stream: &StreamOverview) -> Plan {
    if stream.configuration == Configuration::NotArchived {
        return Plan::default();
    }
    let keys = [MODE_TAG, TTL_TAG, REPLAYS_TAG, COMPRESSION_TAG].map(str::to_owned).to_vec();
    Plan {
        calls: vec![Call::RemoveTags { stream: stream.name.clone(), keys }],
        warnings: vec![
            "Archived records stay. If an event source mapping still invokes the archiver for this stream, it continues in mode LATEST: remove the mapping, too."
                .to_owned(),
        ],
    }
}

fn plan_archive(stream: &StreamOverview, present: &Present, wanted: &WantedArchive) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let settings = wanted_settings(stream, wanted);
    let table = table::candidate_tables(&stream.name, &settings).swap_remove(0);
    for of_table in [
        plan_table(&present.records, table, Purpose::Records(wanted.mode), wanted.ttl)?,
        plan_table(&present.parts, table::parts_table_name(&stream.name), Purpose::Parts, wanted.ttl)?,
    ] {
        plan.calls.extend(of_table.calls);
        plan.warnings.extend(of_table.warnings);
    }
    plan_tags(&mut plan, stream, &settings);
    warn_of_mode_change(&mut plan, stream, wanted.mode);
    Ok(plan)
}

/// Plans a table; a new one gets this name.
fn plan_table(present: &PresentTable, new_name: String, purpose: Purpose, ttl: Option<Ttl>) -> Result<Plan, PlanError> {
    let mut plan = Plan::default();
    let table = match &present.table {
        Some(table) if table.keys != purpose.keys() => {
            return Err(PlanError::WrongKeys { table: table.name.clone(), purpose, found: table.keys.clone() });
        }
        Some(table) => table.name.clone(),
        None => {
            plan.calls.push(Call::CreateTable { table: new_name.clone(), keys: purpose.keys() });
            new_name
        }
    };
    match &present.ttl_attribute {
        Some(other) if ttl.is_some() && other != attribute::EXPIRE_AFTER => {
            return Err(PlanError::OtherTtlAttribute { table, attribute: other.clone() });
        }
        None if ttl.is_some() => {
            plan.calls.push(Call::EnableTtl { table: table.clone() });
            warn_of_expiry(&mut plan, &table, present.expired_items, purpose);
        }
        Some(_) | None => {}
    }
    Ok(plan)
}

fn plan_tags(plan: &mut Plan, stream: &StreamOverview, settings: &ArchiveSettings) {
    let set = settings.to_tags();
    if stream.settings() != Some(settings) {
        let tags = set.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        plan.calls.push(Call::AddTags { stream: stream.name.clone(), tags });
    }
    let before: Vec<&str> = match &stream.configuration {
        Configuration::Archived(current) => current.to_tags().into_iter().map(|(key, _)| key).collect(),
        // Which tag cannot be read is not known here; removing one that is not there does no harm.
        Configuration::Unreadable(_) => vec![TTL_TAG, REPLAYS_TAG, COMPRESSION_TAG],
        Configuration::NotArchived => Vec::new(),
    };
    let removed: Vec<String> =
        before.into_iter().filter(|key| set.iter().all(|(kept, _)| kept != key)).map(str::to_owned).collect();
    let loses_ttl = removed.iter().any(|key| key == TTL_TAG);
    if !removed.is_empty() {
        plan.calls.push(Call::RemoveTags { stream: stream.name.clone(), keys: removed });
    }
    if loses_ttl {
        plan.warnings.push("Items archived so far keep the expiry they were given; only new ones are kept for ever.".to_owned());
    }
}

fn warn_of_expiry(plan: &mut Plan, table: &str, expired_items: u64, purpose: Purpose) {
    let cause = match purpose {
        Purpose::Records(_) => " (the Node.js archiver 1.0 wrote it wrong)",
        Purpose::Parts => "",
    };
    if expired_items > 0 {
        plan.warnings.push(format!(
            "DynamoDB WILL DELETE {} of {table}: the attribute {} is in the past{cause}. To keep them, repair or remove the attribute first.",
            counted(expired_items, "item", "items"),
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
            is_deleted: false,
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

    fn present(table: ArchiveTable, ttl_attribute: Option<&str>, expired_items: u64) -> PresentTable {
        PresentTable { table: Some(table), ttl_attribute: ttl_attribute.map(str::to_owned), expired_items }
    }

    fn parts(ttl_attribute: Option<&str>) -> PresentTable {
        let table = ArchiveTable { keys: TableKeys::of_parts(), ..table("clickstream-archive-parts", ArchiveMode::All) };
        present(table, ttl_attribute, 0)
    }

    fn calls(plan: &Plan) -> Vec<String> {
        plan.calls.iter().map(ToString::to_string).collect()
    }

    fn all_for_a_day() -> Wanted {
        Wanted::Archived(WantedArchive { ttl: Ttl::from_seconds(86_400), ..for_ever() })
    }

    fn for_ever() -> WantedArchive {
        WantedArchive { mode: ArchiveMode::All, ttl: None, replays: Replays::Keep, compression: Compression::None }
    }

    #[test]
    fn a_new_archive_gets_its_tables_first_and_its_tags_last() {
        let plan = plan(&clickstream(Configuration::NotArchived), &Present::default(), all_for_a_day()).unwrap();
        assert_eq!(
            calls(&plan),
            [
                "dynamodb CreateTable clickstream-archive-ALL (hash key partitionKey and range key sequenceNumber, on demand)",
                "dynamodb UpdateTimeToLive clickstream-archive-ALL (attribute expireAfter)",
                "dynamodb CreateTable clickstream-archive-parts (hash key partOf and range key part, on demand)",
                "dynamodb UpdateTimeToLive clickstream-archive-parts (attribute expireAfter)",
                "kinesis AddTagsToStream clickstream (StreamArchiveMode=ALL, ArchiveTTL=expireSeconds=86400)",
            ]
        );
        assert!(plan.warnings.is_empty());
    }

    #[test]
    fn turning_expiry_on_over_an_old_table_says_how_many_items_it_deletes() {
        let old = ArchiveSettings { mode_as_written: Some("all".to_owned()), ..ArchiveSettings::new(ArchiveMode::All, None) };
        let records = present(table("clickstream-archive-all", ArchiveMode::All), None, 1_204);
        let present = Present { records, parts: parts(Some("expireAfter")) };
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
        let records = present(table("clickstream-archive-ALL", ArchiveMode::All), Some("expireAfter"), 0);
        let present = Present { records, parts: parts(Some("expireAfter")) };
        let plan = plan(&clickstream(Configuration::Archived(settings)), &present, all_for_a_day()).unwrap();
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn a_table_in_the_way_is_named() {
        let refused = |records, parts| {
            let stream = clickstream(Configuration::NotArchived);
            plan(&stream, &Present { records, parts }, all_for_a_day()).unwrap_err().to_string()
        };
        let error = refused(present(table("clickstream-archive-ALL", ArchiveMode::Latest), None, 0), PresentTable::default());
        assert!(error.starts_with("table clickstream-archive-ALL exists with hash key partitionKey and no range key"), "{error}");
        let error = refused(present(table("clickstream-archive-ALL", ArchiveMode::All), Some("ttl"), 0), PresentTable::default());
        assert!(error.contains("by the attribute \"ttl\""), "{error}");
        let error = refused(PresentTable::default(), present(table("clickstream-archive-parts", ArchiveMode::All), None, 0));
        assert_eq!(
            error,
            "table clickstream-archive-parts exists with hash key partitionKey and range key sequenceNumber, but the table for parts \
             of large records needs hash key partOf and range key part; move it away first"
        );
        assert!(refused(PresentTable::default(), parts(Some("ttl"))).contains("clickstream-archive-parts"));
    }

    #[test]
    fn a_change_of_mode_says_what_becomes_of_the_old_table() {
        let mut stream = clickstream(Configuration::Archived(ArchiveSettings::new(ArchiveMode::Latest, Ttl::from_seconds(60))));
        stream.table = Some(table("clickstream-archive-LATEST", ArchiveMode::Latest));
        let plan = plan(&stream, &Present::default(), Wanted::Archived(for_ever())).unwrap();
        assert_eq!(plan.calls.len(), 4, "{:?}", calls(&plan));
        assert!(plan.warnings.iter().any(|warning| warning.contains("stay in clickstream-archive-LATEST")), "{:?}", plan.warnings);
    }

    #[test]
    fn a_choice_that_holds_without_a_tag_takes_its_tag_away() {
        let settings = ArchiveSettings {
            replays: Replays::Skip,
            compression: Compression::Gzip,
            ..ArchiveSettings::new(ArchiveMode::All, None)
        };
        let there = Present { records: present(table("clickstream-archive-ALL", ArchiveMode::All), None, 0), parts: parts(None) };
        let to = |configuration, wanted| calls(&plan(&clickstream(configuration), &there, Wanted::Archived(wanted)).unwrap());
        let skips = WantedArchive { replays: Replays::Skip, compression: Compression::Gzip, ..for_ever() };
        assert_eq!(
            to(Configuration::NotArchived, skips),
            ["kinesis AddTagsToStream clickstream (StreamArchiveMode=ALL, ArchiveReplays=skip, ArchiveCompression=gzip)"]
        );
        assert_eq!(to(Configuration::Archived(settings.clone()), skips), Vec::<String>::new());
        assert_eq!(
            to(Configuration::Archived(settings), WantedArchive { replays: Replays::Skip, ..for_ever() }),
            [
                "kinesis AddTagsToStream clickstream (StreamArchiveMode=ALL, ArchiveReplays=skip)",
                "kinesis RemoveTagsFromStream clickstream (ArchiveCompression)",
            ]
        );
    }

    #[test]
    fn a_tag_that_cannot_be_read_is_replaced_or_removed() {
        let there = Present { records: present(table("clickstream-archive-ALL", ArchiveMode::All), None, 0), parts: parts(None) };
        let wanted = WantedArchive { compression: Compression::Gzip, ..for_ever() };
        let unreadable = clickstream(Configuration::Unreadable("stream clickstream has the tag …".to_owned()));
        assert_eq!(
            calls(&plan(&unreadable, &there, Wanted::Archived(wanted)).unwrap()),
            [
                "kinesis AddTagsToStream clickstream (StreamArchiveMode=ALL, ArchiveCompression=gzip)",
                "kinesis RemoveTagsFromStream clickstream (ArchiveTTL, ArchiveReplays)",
            ]
        );
    }
}
