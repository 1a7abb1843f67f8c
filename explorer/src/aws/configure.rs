//! Reads what exists before a stream is configured, and makes a plan's calls.

use super::archive::count_expired;
use super::arn_of;
use super::connect::Connection;
use super::description::expiry;
use super::streams::{describe_table, first_table};
use crate::domain::failure::Failure;
use crate::domain::stream::change::{Call, Plan, Present, PresentTable, Wanted, plan, wanted_settings};
use crate::domain::stream::description::Expiry;
use crate::domain::stream::overview::{ArchiveTable, StreamOverview};
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::settings::Ttl;
use archiver::format::table::{TableKeys, attribute, parts_table_name};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveSpecification,
};
use jiff::Timestamp;
use std::time::Duration;

/// How long a new table may take until it is active; usually some seconds.
const TABLE_DEADLINE: Duration = Duration::from_secs(120);
/// Between two checks of a new table.
const TABLE_POLL: Duration = Duration::from_millis(200);

/// Reads how a stream is archived now, and plans the calls that change it as wanted.
///
/// # Errors
/// Names the call that failed, or the obstacle.
pub async fn plan_change(connection: &Connection, stream: &StreamOverview, wanted: Wanted) -> Result<Plan, Failure> {
    let present = inspect(connection, stream, wanted, Timestamp::now()).await?;
    plan(stream, &present, wanted).map_err(|error| Failure::refused(format!("configure stream {}", stream.name), error.to_string()))
}

/// Reads what a plan needs: the wanted mode's table and the parts table, their TTL, and how many items would expire.
///
/// # Errors
/// Names the call that failed.
async fn inspect(connection: &Connection, stream: &StreamOverview, wanted: Wanted, now: Timestamp) -> Result<Present, Failure> {
    let Wanted::Archived(wanted) = wanted else {
        return Ok(Present::default());
    };
    let records = first_table(connection, &stream.name, &wanted_settings(stream, &wanted)).await?;
    let parts = describe_table(connection, &parts_table_name(&stream.name)).await?;
    Ok(Present {
        records: inspect_table(connection, records, wanted.ttl, now).await?,
        parts: inspect_table(connection, parts, wanted.ttl, now).await?,
    })
}

async fn inspect_table(
    connection: &Connection,
    table: Option<ArchiveTable>,
    ttl: Option<Ttl>,
    now: Timestamp,
) -> Result<PresentTable, Failure> {
    let Some(table) = table else {
        return Ok(PresentTable::default());
    };
    let ttl_attribute = match expiry(connection, &table.name).await? {
        Expiry::Off => None,
        Expiry::By(attribute) => Some(attribute),
    };
    let expired_items = match (ttl, &ttl_attribute) {
        (Some(_), None) => count_expired(connection, &table.name, now).await?,
        _ => 0,
    };
    Ok(PresentTable { table: Some(table), ttl_attribute, expired_items })
}

/// Makes one call of a plan, and waits until its result can be used.
///
/// # Errors
/// Names the call that failed.
pub async fn make(connection: &Connection, call: &Call) -> Result<(), Failure> {
    match call {
        Call::CreateTable { table, keys } => create_table(connection, table, keys).await,
        Call::EnableTtl { table } => enable_ttl(connection, table).await,
        Call::AddTags { stream, tags } => {
            let add = connection.kinesis.add_tags_to_stream().stream_name(stream.as_str()).set_stream_arn(arn_of(stream));
            let add = tags.iter().fold(add, |add, (key, value)| add.tags(key, value));
            let permission = "kinesis:AddTagsToStream";
            let answer = add.send().await;
            answer.map(|_| ()).map_err(|error| Failure::of_call(format!("tag stream {stream}"), permission, error.into()))
        }
        Call::RemoveTags { stream, keys } => {
            let remove = connection
                .kinesis
                .remove_tags_from_stream()
                .stream_name(stream.as_str())
                .set_stream_arn(arn_of(stream))
                .set_tag_keys(Some(keys.clone()));
            let permission = "kinesis:RemoveTagsFromStream";
            let answer = remove.send().await;
            answer
                .map(|_| ())
                .map_err(|error| Failure::of_call(format!("remove tags of stream {stream}"), permission, error.into()))
        }
    }
}

async fn create_table(connection: &Connection, table: &str, keys: &TableKeys) -> Result<(), Failure> {
    let operation = format!("create table {table}");
    let parts = [(Some(&keys.hash), KeyType::Hash), (keys.range.as_ref(), KeyType::Range)];
    let mut create = connection.dynamodb.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in parts {
        let Some(name) = name else { continue };
        let element = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(key_type(name)).build();
        let invalid = |error: aws_sdk_dynamodb::error::BuildError| Failure::refused(operation.clone(), error.to_string());
        create = create.key_schema(element.map_err(invalid)?).attribute_definitions(definition.map_err(invalid)?);
    }
    create.send().await.map_err(|error| Failure::of_call(operation.clone(), "dynamodb:CreateTable", error.into()))?;
    let is_active = async {
        loop {
            match describe_table(connection, table).await? {
                Some(description) if description.status == "ACTIVE" => return Ok(()),
                _ => tokio::time::sleep(TABLE_POLL).await,
            }
        }
    };
    let late = AwsFailure { kind: FailureKind::TimedOut, message: format!("it is not ready after {} s", TABLE_DEADLINE.as_secs()) };
    match tokio::time::timeout(TABLE_DEADLINE, is_active).await {
        Ok(result) => result,
        Err(_) => Err(Failure::of_call(operation, "dynamodb:DescribeTable", late)),
    }
}

/// The type of a key attribute.
fn key_type(name: &str) -> ScalarAttributeType {
    if name == attribute::PART { ScalarAttributeType::N } else { ScalarAttributeType::S }
}

async fn enable_ttl(connection: &Connection, table: &str) -> Result<(), Failure> {
    let operation = format!("turn on expiry of table {table}");
    let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(attribute::EXPIRE_AFTER).build();
    let specification = specification.map_err(|error| Failure::refused(operation.clone(), error.to_string()))?;
    let answer = connection.dynamodb.update_time_to_live().table_name(table).time_to_live_specification(specification).send().await;
    answer.map(|_| ()).map_err(|error| Failure::of_call(operation, "dynamodb:UpdateTimeToLive", error.into()))
}
