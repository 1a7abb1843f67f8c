//! Streams: lists them, and reads what is known about one and its archive.

use super::arn_of;
use super::connect::{Connection, retries};
use crate::domain::failure::Failure;
use crate::domain::reading::page::{StreamCursor, StreamPage};
use crate::domain::stream::capacity::CapacityMode;
use crate::domain::stream::description::configuration_of;
use crate::domain::stream::overview::{ArchiveTable, Configuration, StreamOverview};
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::settings::{ArchiveMode, ArchiveSettings};
use archiver::format::stream::{StreamArn, StreamName};
use archiver::format::table::{TableKeys, candidate_tables, stream_of_table};
use archiver::function::tags::{TagPage, all_pages};
use aws_sdk_dynamodb::types::{KeySchemaElement, KeyType, TableDescription};
use aws_sdk_kinesis::types::{StreamDescriptionSummary, StreamMode};
use std::collections::BTreeSet;

/// The largest record of a stream without its own limit, in bytes. Source: Kinesis developer guide, quotas.
const DEFAULT_MAX_RECORD_BYTES: u64 = 1024 * 1024;

/// The permission to describe a stream.
pub(super) const DESCRIBE: &str = "kinesis:DescribeStreamSummary";

/// What only replays need to know about a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    /// Its capacity mode.
    pub capacity: CapacityMode,
    /// When it was created, in epoch milliseconds. A stream of the same name with another time is a different stream.
    pub created_at: Option<i64>,
}

/// Reads a page of stream names.
///
/// # Errors
/// What Kinesis answered.
pub async fn list(connection: &Connection, from: Option<StreamCursor>) -> Result<StreamPage, Failure> {
    let mut call = connection.kinesis.list_streams();
    // Kinesis pages by token. Emulators return none, and continue after the last name.
    call = match &from {
        Some(StreamCursor { token: Some(token), .. }) => call.next_token(token),
        Some(StreamCursor { token: None, last }) => call.exclusive_start_stream_name(last),
        None => call,
    };
    let operation = || format!("list the streams of region {}", connection.region);
    let page = call.send().await.map_err(|error| Failure::of_call(operation(), "kinesis:ListStreams", error.into()))?;
    if page.has_more_streams && page.stream_names.is_empty() {
        let detail = "the answer to ListStreams says that there are more streams, but names none";
        return Err(Failure::refused(operation(), detail));
    }
    let last = page.stream_names.last().cloned();
    let next = last.filter(|_| page.has_more_streams).map(|last| StreamCursor { token: page.next_token, last });
    if next.is_some() && next.as_ref().map(|next| &next.last) == from.as_ref().map(|from| &from.last) {
        return Err(Failure::refused(operation(), "Kinesis returns the same page again"));
    }
    let names = page
        .stream_names
        .into_iter()
        .map(|name| StreamName::parse(name).map_err(|error| Failure::refused(operation(), error.to_string())))
        .collect::<Result<_, _>>()?;
    Ok(StreamPage { names, next })
}

/// Reads what is known about a stream: its description, its tags and its archive's table.
///
/// # Errors
/// Names the call that failed, and the stream.
pub async fn overview(connection: &Connection, name: &StreamName) -> Result<StreamOverview, Failure> {
    overview_and_facts(connection, name).await.map(|(overview, _)| overview)
}

/// The same, and what only replays need.
///
/// # Errors
/// Names the call that failed, and the stream.
pub async fn overview_and_facts(connection: &Connection, name: &StreamName) -> Result<(StreamOverview, StreamFacts), Failure> {
    let operation = format!("describe stream {name}");
    let summary = match describe(connection, name).await {
        Ok(summary) => summary,
        Err(failure) if failure.kind == FailureKind::NotFound => {
            let message = format!("there is no such stream in region {}", connection.region);
            return Err(Failure::of_call(operation, DESCRIBE, AwsFailure { message, ..failure }));
        }
        Err(failure) => return Err(Failure::of_call(operation, DESCRIBE, failure)),
    };
    let capacity = capacity_of(&summary);
    let created_at = summary.stream_creation_timestamp.to_millis().ok();
    let arn = summary.stream_arn.clone();
    // The tags of another account's stream may be hidden, and its archive is in that account.
    let (configuration, table) = match (read_configuration(connection, name, &arn).await, name.arn()) {
        (Err(failure), Some(_)) if failure.kind == FailureKind::AccessDenied => (Configuration::NotArchived, None),
        (configuration, Some(_)) => (configuration?, None),
        (configuration, None) => {
            let configuration = configuration?;
            let table = find_table(connection, name, &configuration).await?;
            (configuration, table)
        }
    };
    let at_least_zero = |number: i32| u32::try_from(number).unwrap_or(0);
    let overview = StreamOverview {
        name: name.clone(),
        arn,
        status: summary.stream_status.as_str().to_owned(),
        is_deleted: false,
        open_shards: at_least_zero(summary.open_shard_count),
        retention_hours: at_least_zero(summary.retention_period_hours),
        max_record_bytes: max_record_bytes(&summary),
        configuration,
        table,
    };
    Ok((overview, StreamFacts { capacity, created_at }))
}

/// How the stream's capacity is set.
pub(super) fn capacity_of(summary: &StreamDescriptionSummary) -> CapacityMode {
    match summary.stream_mode_details.as_ref().map(|details| &details.stream_mode) {
        None | Some(StreamMode::Provisioned) => CapacityMode::Provisioned,
        Some(StreamMode::OnDemand) => CapacityMode::OnDemand,
        Some(other) => CapacityMode::Other(other.as_str().to_owned()),
    }
}

/// The largest record that the stream takes.
pub(super) fn max_record_bytes(summary: &StreamDescriptionSummary) -> u64 {
    let kib = summary.max_record_size_in_kib.and_then(|kib| u64::try_from(kib).ok()).filter(|kib| *kib > 0);
    kib.map_or(DEFAULT_MAX_RECORD_BYTES, |kib| kib * 1024)
}

/// Kinesis' description of a stream.
pub(super) async fn describe(connection: &Connection, name: &StreamName) -> Result<StreamDescriptionSummary, AwsFailure> {
    let call = || async {
        let soon = aws_sdk_kinesis::config::Builder::new().retry_config(retries());
        let call = connection.kinesis.describe_stream_summary().stream_name(name.as_str()).set_stream_arn(arn_of(name));
        Ok(call.customize().config_override(soon).send().await?.stream_description_summary)
    };
    let empty = || AwsFailure { kind: FailureKind::Unusable, message: "the answer is empty".to_owned() };
    connection.promptly(call).await?.ok_or_else(empty)
}

/// Finds out who owns a stream that was given as an ARN. A stream of this account is used by name from here on. For another
/// account, every call gets the ARN.
///
/// # Errors
/// When it is in another region, or the owner cannot be determined.
pub async fn settled(connection: &Connection, stream: &StreamName) -> Result<StreamName, Failure> {
    let Some(arn) = stream.arn() else {
        return Ok(stream.clone());
    };
    if arn.partition() != partition_of(arn.region()) {
        let detail =
            format!("its partition is {}, but region {} is in {}", arn.partition(), arn.region(), partition_of(arn.region()));
        return Err(Failure::refused(format!("use stream {stream}"), detail));
    }
    if arn.region() != connection.region {
        let (region, here) = (arn.region(), &connection.region);
        let detail = format!("it is in region {region}, but this is {here}; add --region {region}");
        return Err(Failure::refused(format!("use stream {stream}"), detail));
    }
    if let Some(account) = &connection.account {
        return Ok(if account == arn.account() { stream.without_arn() } else { stream.clone() });
    }
    // Credentials without an account id: that of their streams is the same.
    match describe(connection, &stream.without_arn()).await {
        Ok(summary) if summary.stream_arn == arn.stream_arn() => Ok(stream.without_arn()),
        Ok(_) => Ok(stream.clone()),
        // The stream may be deleted or hidden. Then the table that it left says who owned it.
        Err(AwsFailure { kind: FailureKind::NotFound | FailureKind::AccessDenied, .. }) => {
            let is_own = account_of_tables(connection, &stream.without_arn()).await.is_some_and(|account| account == arn.account());
            Ok(if is_own { stream.without_arn() } else { stream.clone() })
        }
        Err(failure) => Err(Failure::of_call(format!("describe stream {stream}"), DESCRIBE, failure)),
    }
}

/// The account that owns a table of the stream's archive; `None` if no table is visible.
async fn account_of_tables(connection: &Connection, name: &StreamName) -> Option<String> {
    let all_settings = [ArchiveMode::All, ArchiveMode::Latest].map(|mode| ArchiveSettings::new(mode, None));
    for table in all_settings.iter().flat_map(|settings| candidate_tables(name, settings)) {
        if let Ok(Some(description)) = description_of(connection, &table).await {
            // "arn:aws:dynamodb:eu-west-1:123456789012:table/orders-archive-ALL"
            return description.table_arn?.split(':').nth(4).map(str::to_owned);
        }
    }
    None
}

/// The partition that a region is in. Source: AWS general reference, ARN namespaces.
fn partition_of(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
    ];
    PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// What is known about a stream, or about its archive if the stream was deleted.
///
/// # Errors
/// Names the call that failed, and the stream.
pub async fn overview_of_archive(connection: &Connection, name: &StreamName) -> Result<StreamOverview, Failure> {
    match overview(connection, name).await {
        Err(failure) if failure.kind == FailureKind::NotFound => deleted(connection, name).await?.ok_or(failure),
        overview => overview,
    }
}

/// The archive that a deleted stream left.
async fn deleted(connection: &Connection, name: &StreamName) -> Result<Option<StreamOverview>, Failure> {
    if name.arn().is_some() {
        return Ok(None);
    }
    let table = find_table(connection, name, &Configuration::NotArchived).await?.filter(|table| table.mode().is_some());
    Ok(table.map(|table| StreamOverview::of_deleted(name.clone(), table)))
}

/// The table to read a stream's archive from, and a note about it.
///
/// # Errors
/// Names the call that failed, and the stream.
pub async fn archive_to_read(
    connection: &Connection,
    name: &StreamName,
) -> Result<(Option<ArchiveTable>, Option<String>), Failure> {
    if let Some(arn) = name.arn() {
        let (stream, account) = (name.as_str(), arn.account());
        // The account comes from the credentials, or from the stream with this ARN.
        let is_known = connection.account.is_some() || describe(connection, name).await.is_ok();
        let detail = if is_known {
            format!(
                "stream {stream} belongs to account {account}; use a profile of that account, or the name {stream} for the tables of this one"
            )
        } else {
            format!(
                "these credentials find neither the stream nor its archive; if it is in another account, use a profile of that account ({account})"
            )
        };
        return Err(Failure::refused(format!("read the archive of stream {name}"), detail));
    }
    match overview_of_archive(connection, name).await {
        Ok(overview) => {
            let note = overview.problem();
            Ok((overview.table, note))
        }
        // Reading a table does not need access to its stream; the tags only say which table it is.
        Err(failure) if failure.is_of("kinesis") && is_silence(&failure) => {
            let table = find_table(connection, name, &Configuration::NotArchived).await?;
            match table.filter(|table| table.mode().is_some()) {
                Some(table) => {
                    let note = format!("reading table {}, found by its name, because: {failure}", table.name);
                    Ok((Some(table), Some(note)))
                }
                None => Err(failure),
            }
        }
        Err(failure) => Err(failure),
    }
}

fn is_silence(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::AccessDenied | FailureKind::Throttled)
}

/// Archives whose streams are not in this list. If such a stream exists anyway, its overview is returned.
///
/// # Errors
/// The error from DynamoDB or Kinesis.
pub async fn archives_without_stream(connection: &Connection, streams: &[StreamName]) -> Result<Vec<StreamOverview>, Failure> {
    let mut found = Vec::new();
    for name in streams_of_tables(connection).await? {
        if streams.contains(&name) {
            continue;
        }
        match describe(connection, &name).await {
            Err(failure) if matches!(failure.kind, FailureKind::NotFound | FailureKind::AccessDenied) => {
                found.extend(deleted(connection, &name).await?);
            }
            // The stream was created since, or the list was incomplete.
            Ok(_) => found.push(overview(connection, &name).await?),
            Err(failure) => return Err(Failure::of_call(format!("describe stream {name}"), DESCRIBE, failure)),
        }
    }
    Ok(found)
}

/// The streams whose archives the tables are, by their names.
async fn streams_of_tables(connection: &Connection) -> Result<BTreeSet<StreamName>, Failure> {
    let operation = || format!("list the tables of region {}", connection.region);
    let mut streams = BTreeSet::new();
    let mut from: Option<String> = None;
    loop {
        let page = connection.promptly(|| async {
            let soon = aws_sdk_dynamodb::config::Builder::new().retry_config(retries());
            let call = connection.dynamodb.list_tables().set_exclusive_start_table_name(from.clone());
            Ok(call.customize().config_override(soon).send().await?)
        });
        let page = page.await.map_err(|failure| Failure::of_call(operation(), "dynamodb:ListTables", failure))?;
        streams.extend(page.table_names.unwrap_or_default().iter().filter_map(|table| stream_of_table(table)));
        match page.last_evaluated_table_name {
            None => return Ok(streams),
            next if next == from => return Err(Failure::refused(operation(), "DynamoDB returns the same page again")),
            next => from = next,
        }
    }
}

async fn read_configuration(connection: &Connection, name: &StreamName, arn: &str) -> Result<Configuration, Failure> {
    let tags = read_tags(connection, name, arn).await?;
    Ok(configuration_of(name, &tags))
}

/// All tags of a stream, with keys and values, as soon as the account's limit allows.
pub(super) async fn read_tags(connection: &Connection, name: &StreamName, arn: &str) -> Result<Vec<(String, String)>, Failure> {
    let operation = || format!("read the tags of stream {name}");
    let arn = StreamArn::parse(arn).map_err(|error| Failure::refused(operation(), error.to_string()))?;
    connection.wait_for_tag_read().await;
    let tags = tags(connection, &arn).await;
    tags.map_err(|failure| Failure::of_call(operation(), "kinesis:ListTagsForStream", failure))
}

async fn tags(connection: &Connection, stream: &StreamArn) -> Result<Vec<(String, String)>, AwsFailure> {
    all_pages(|after| async move {
        let page = connection.promptly(|| async {
            let soon = aws_sdk_kinesis::config::Builder::new().retry_config(retries());
            // AWS accepts the ARN alone; emulators need the name.
            let call = connection.kinesis.list_tags_for_stream().stream_name(stream.stream_name().as_str());
            let call = call.stream_arn(stream.stream_arn()).set_exclusive_start_tag_key(after.clone());
            Ok(call.customize().config_override(soon).send().await?)
        });
        let page = page.await?;
        if page.has_more_tags && page.tags.is_empty() {
            let message = "the answer to ListTagsForStream says that there are more tags, but has none".to_owned();
            return Err(AwsFailure { kind: FailureKind::Unusable, message });
        }
        let tags = page.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
        Ok(TagPage { tags, has_more: page.has_more_tags })
    })
    .await
}

/// The table that the configuration means. Without a configuration, a table left from an earlier one, so that it can still be
/// browsed.
pub(super) async fn find_table(
    connection: &Connection,
    name: &StreamName,
    configuration: &Configuration,
) -> Result<Option<ArchiveTable>, Failure> {
    let settings = match configuration {
        Configuration::Archived(settings) => vec![settings.clone()],
        Configuration::NotArchived | Configuration::Unreadable(_) => {
            vec![ArchiveSettings::new(ArchiveMode::All, None), ArchiveSettings::new(ArchiveMode::Latest, None)]
        }
    };
    for settings in settings {
        if let Some(table) = first_table(connection, name, &settings).await? {
            return Ok(Some(table));
        }
    }
    Ok(None)
}

/// The first of the tables that these settings may mean: one with the right keys, or else one with other keys.
///
/// # Errors
/// What DynamoDB answered.
pub async fn first_table(
    connection: &Connection,
    name: &StreamName,
    settings: &ArchiveSettings,
) -> Result<Option<ArchiveTable>, Failure> {
    let mut other_keys = None;
    for candidate in candidate_tables(name, settings) {
        match describe_table(connection, &candidate).await? {
            Some(table) if table.keys == TableKeys::of_mode(settings.mode) => return Ok(Some(table)),
            Some(table) => other_keys = other_keys.or(Some(table)),
            None => {}
        }
    }
    Ok(other_keys)
}

/// Describes a table; `None` if it does not exist.
///
/// # Errors
/// What DynamoDB answered.
pub async fn describe_table(connection: &Connection, table: &str) -> Result<Option<ArchiveTable>, Failure> {
    let described = description_of(connection, table).await;
    let described =
        described.map_err(|failure| Failure::of_call(format!("describe table {table}"), "dynamodb:DescribeTable", failure))?;
    Ok(described.map(|description| archive_table(table, description)))
}

pub(super) async fn description_of(connection: &Connection, table: &str) -> Result<Option<TableDescription>, AwsFailure> {
    let call = || async {
        let soon = aws_sdk_dynamodb::config::Builder::new().retry_config(retries());
        Ok(connection.dynamodb.describe_table().table_name(table).customize().config_override(soon).send().await?)
    };
    match connection.promptly(call).await {
        Ok(output) => Ok(output.table),
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

pub(super) fn archive_table(name: &str, description: TableDescription) -> ArchiveTable {
    let schema = description.key_schema.unwrap_or_default();
    let at_least_zero = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0);
    ArchiveTable {
        name: name.to_owned(),
        status: description.table_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        keys: keys_of_schema(&schema),
        items: at_least_zero(description.item_count),
        size_bytes: at_least_zero(description.table_size_bytes),
    }
}

/// The keys in DynamoDB's description of a table.
fn keys_of_schema(schema: &[KeySchemaElement]) -> TableKeys {
    let key = |kind: KeyType| schema.iter().find(|key| key.key_type == kind).map(|key| key.attribute_name.clone());
    TableKeys { hash: key(KeyType::Hash).unwrap_or_default(), range: key(KeyType::Range) }
}
