//! Describes one stream and its archive. A call that fails leaves out what it would have told, and nothing else.

use super::connect::{Connection, retries};
use super::streams::{DESCRIBE, archive_table, capacity_of, describe, description_of, find_table, max_record_bytes, read_tags};
use crate::domain::failure::Failure;
use crate::domain::stream::description::{
    Description, Encryption, Expiry, PresentStream, Recovery, StreamDescription, TableCapacity, TableDescription, configuration_of,
};
use crate::domain::stream::overview::Configuration;
use archiver::aws::failure::FailureKind;
use archiver::format::stream::StreamName;
use archiver::format::table::parts_table_name;
use aws_sdk_dynamodb::types as dynamodb;
use aws_sdk_kinesis::types::{EncryptionType, StreamDescriptionSummary};
use aws_smithy_types::DateTime;
use jiff::Timestamp;

/// Finds out all about a stream and its archive.
///
/// # Errors
/// When there is neither.
pub async fn describe_all(connection: &Connection, name: &StreamName) -> Result<Description, Failure> {
    let stream = match describe(connection, name).await {
        Ok(summary) => StreamDescription::Present(Box::new(present(connection, name, summary).await)),
        Err(failure) if failure.kind == FailureKind::NotFound => StreamDescription::Absent,
        Err(failure) => StreamDescription::Unreadable(Failure::of_call(format!("describe stream {name}"), DESCRIBE, failure)),
    };
    // The archive of another account's stream is in that account.
    let (records, parts) = match name.arn() {
        Some(_) => (Ok(None), Ok(None)),
        None => tokio::join!(records_table(connection, name, &stream), described(connection, parts_table_name(name))),
    };
    let is_nothing = matches!((&stream, &records, &parts), (StreamDescription::Absent, Ok(None), Ok(None)));
    if is_nothing {
        let detail = format!("there is neither such a stream nor its archive in region {}", connection.region);
        return Err(Failure { kind: FailureKind::NotFound, ..Failure::refused(format!("describe stream {name}"), detail) });
    }
    Ok(Description { name: name.clone(), stream, records, parts })
}

async fn present(connection: &Connection, name: &StreamName, summary: StreamDescriptionSummary) -> PresentStream {
    let consumers = async {
        match summary.consumer_count {
            Some(0) => Ok(Vec::new()),
            Some(_) | None => consumers(connection, name, &summary.stream_arn).await,
        }
    };
    let (tags, consumers) = tokio::join!(read_tags(connection, name, &summary.stream_arn), consumers);
    let at_least_zero = |number: i32| u32::try_from(number).unwrap_or(0);
    PresentStream {
        capacity: capacity_of(&summary),
        max_record_bytes: max_record_bytes(&summary),
        status: summary.stream_status.as_str().to_owned(),
        created_at: timestamp(&summary.stream_creation_timestamp),
        open_shards: at_least_zero(summary.open_shard_count),
        retention_hours: at_least_zero(summary.retention_period_hours),
        encryption: match summary.encryption_type {
            None | Some(EncryptionType::None) => Encryption::None,
            Some(_) => Encryption::Kms(summary.key_id),
        },
        arn: summary.stream_arn,
        consumers,
        tags,
    }
}

/// The names of a stream's enhanced fan-out consumers.
async fn consumers(connection: &Connection, name: &StreamName, arn: &str) -> Result<Vec<String>, Failure> {
    let mut consumers = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = connection.promptly(|| async {
            let soon = aws_sdk_kinesis::config::Builder::new().retry_config(retries());
            let call = connection.kinesis.list_stream_consumers().stream_arn(arn).set_next_token(token.clone());
            Ok(call.customize().config_override(soon).send().await?)
        });
        let operation = format!("list the consumers of stream {name}");
        let page = page.await.map_err(|failure| Failure::of_call(operation, "kinesis:ListStreamConsumers", failure))?;
        consumers.extend(page.consumers.unwrap_or_default().into_iter().map(|consumer| consumer.consumer_name));
        match page.next_token {
            next @ Some(_) if next != token => token = next,
            Some(_) | None => return Ok(consumers),
        }
    }
}

/// The table that the tags mean. If they are not known, a table found by its name.
async fn records_table(
    connection: &Connection,
    name: &StreamName,
    stream: &StreamDescription,
) -> Result<Option<TableDescription>, Failure> {
    let configuration = match stream {
        StreamDescription::Present(stream) => {
            stream.tags.as_ref().map_or(Configuration::NotArchived, |tags| configuration_of(name, tags))
        }
        StreamDescription::Absent | StreamDescription::Unreadable(_) => Configuration::NotArchived,
    };
    match find_table(connection, name, &configuration).await? {
        Some(table) => described(connection, table.name).await,
        None => Ok(None),
    }
}

/// All about a table; `None` if it does not exist.
async fn described(connection: &Connection, table: String) -> Result<Option<TableDescription>, Failure> {
    let description = description_of(connection, &table).await;
    let failed = |failure| Failure::of_call(format!("describe table {table}"), "dynamodb:DescribeTable", failure);
    let Some(description) = description.map_err(failed)? else {
        return Ok(None);
    };
    let (expiry, recovery) = tokio::join!(expiry(connection, &table), recovery(connection, &table));
    Ok(Some(TableDescription {
        created_at: description.creation_date_time.as_ref().and_then(timestamp),
        capacity: table_capacity(&description),
        is_protected: description.deletion_protection_enabled,
        table: archive_table(&table, description),
        expiry,
        recovery,
    }))
}

fn table_capacity(description: &dynamodb::TableDescription) -> TableCapacity {
    let mode = description.billing_mode_summary.as_ref().and_then(|summary| summary.billing_mode.clone());
    let units = description.provisioned_throughput.as_ref();
    let at_least_zero = |units: Option<i64>| units.and_then(|units| u64::try_from(units).ok()).unwrap_or(0);
    match mode {
        Some(dynamodb::BillingMode::PayPerRequest) => TableCapacity::OnDemand,
        // DynamoDB leaves the mode out for tables that were always provisioned.
        Some(dynamodb::BillingMode::Provisioned) | None => TableCapacity::Provisioned {
            read_units: at_least_zero(units.and_then(|units| units.read_capacity_units)),
            write_units: at_least_zero(units.and_then(|units| units.write_capacity_units)),
        },
        Some(other) => TableCapacity::Other(other.as_str().to_owned()),
    }
}

/// Whether DynamoDB deletes items of a table, and by which attribute.
///
/// # Errors
/// What DynamoDB answered.
pub(super) async fn expiry(connection: &Connection, table: &str) -> Result<Expiry, Failure> {
    let answer = connection.promptly(|| async {
        let soon = aws_sdk_dynamodb::config::Builder::new().retry_config(retries());
        Ok(connection.dynamodb.describe_time_to_live().table_name(table).customize().config_override(soon).send().await?)
    });
    let failed = |failure| Failure::of_call(format!("read the expiry of table {table}"), "dynamodb:DescribeTimeToLive", failure);
    let description = answer.await.map_err(failed)?.time_to_live_description;
    let attribute = description.and_then(|description| match description.time_to_live_status {
        Some(dynamodb::TimeToLiveStatus::Enabled | dynamodb::TimeToLiveStatus::Enabling) => description.attribute_name,
        _ => None,
    });
    Ok(attribute.map_or(Expiry::Off, Expiry::By))
}

async fn recovery(connection: &Connection, table: &str) -> Result<Recovery, Failure> {
    let answer = connection.promptly(|| async {
        let soon = aws_sdk_dynamodb::config::Builder::new().retry_config(retries());
        Ok(connection.dynamodb.describe_continuous_backups().table_name(table).customize().config_override(soon).send().await?)
    });
    let operation = || format!("read the recovery of table {table}");
    let failed = |failure| Failure::of_call(operation(), "dynamodb:DescribeContinuousBackups", failure);
    let description = answer.await.map_err(failed)?.continuous_backups_description;
    let recovery = description.and_then(|description| description.point_in_time_recovery_description);
    let Some(recovery) = recovery else {
        return Err(Failure::refused(operation(), "the answer does not say"));
    };
    Ok(match recovery.point_in_time_recovery_status {
        Some(dynamodb::PointInTimeRecoveryStatus::Enabled) => {
            Recovery::Since(recovery.earliest_restorable_date_time.as_ref().and_then(timestamp))
        }
        _ => Recovery::Off,
    })
}

fn timestamp(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_millisecond(at.to_millis().ok()?).ok()
}
