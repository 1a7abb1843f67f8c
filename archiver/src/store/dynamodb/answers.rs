//! Reads DynamoDB's answers. It reads only the attributes that it needs, and skips the payloads of old items.

use crate::aws::failure::{AwsFailure, FailureKind};
use crate::format::table::TableKeys;
use crate::store::database::{BatchAnswer, StatementAnswer, StatementAnswers, StoredVersion, WriteUnits};
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::HashMap;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchWriteItemAnswer<'a> {
    #[serde(borrow, default)]
    unprocessed_items: Option<HashMap<Cow<'a, str>, Vec<WriteRequest<'a>>>>,
    #[serde(default)]
    consumed_capacity: Option<Vec<Capacity>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Capacity {
    #[serde(default)]
    capacity_units: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WriteRequest<'a> {
    #[serde(borrow)]
    put_request: Option<PutRequest<'a>>,
    #[serde(borrow)]
    delete_request: Option<DeleteRequest<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRequest<'a> {
    #[serde(borrow)]
    item: KnownAttributes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteRequest<'a> {
    #[serde(borrow)]
    key: KnownAttributes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchExecuteStatementAnswer<'a> {
    #[serde(borrow, default)]
    responses: Option<Vec<StatementResponse<'a>>>,
    #[serde(default)]
    consumed_capacity: Option<Vec<Capacity>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatementResponse<'a> {
    #[serde(borrow)]
    error: Option<StatementError<'a>>,
    #[serde(borrow)]
    item: Option<KnownAttributes<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatementError<'a> {
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    item: Option<KnownAttributes<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeTableAnswer {
    table: TableDescription,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TableDescription {
    #[serde(default)]
    key_schema: Vec<KeyElement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutItemAnswer<'a> {
    #[serde(borrow, default)]
    attributes: Option<KnownAttributes<'a>>,
    #[serde(default)]
    consumed_capacity: Option<Capacity>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetItemAnswer<'a> {
    #[serde(borrow, default)]
    item: Option<KnownAttributes<'a>>,
}

/// The attributes that identify an item or a key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KnownAttributes<'a> {
    #[serde(borrow)]
    partition_key: Option<AttributeText<'a>>,
    #[serde(borrow)]
    sequence_number: Option<AttributeText<'a>>,
    #[serde(borrow)]
    sub_sequence_number: Option<AttributeText<'a>>,
    #[serde(borrow)]
    record_parts: Option<AttributeText<'a>>,
    #[serde(borrow)]
    part_of: Option<AttributeText<'a>>,
    #[serde(borrow)]
    part: Option<AttributeText<'a>>,
}

/// An attribute's value, if it is text or a number.
#[derive(Deserialize)]
struct AttributeText<'a> {
    #[serde(borrow, rename = "S")]
    text: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "N")]
    number: Option<Cow<'a, str>>,
}

impl KnownAttributes<'_> {
    pub(super) fn is_item(&self, partition_key: &str, sequence_number: &str) -> bool {
        value(self.partition_key.as_ref()) == Some(partition_key) && value(self.sequence_number.as_ref()) == Some(sequence_number)
    }

    pub(super) fn is_part(&self, part_of: &str, part: usize) -> bool {
        let place = value(self.part.as_ref()).and_then(|place| place.parse().ok());
        value(self.part_of.as_ref()) == Some(part_of) && place == Some(part)
    }

    fn version(&self) -> StoredVersion {
        StoredVersion::new(
            value(self.sequence_number.as_ref()),
            value(self.sub_sequence_number.as_ref()),
            value(self.record_parts.as_ref()),
        )
    }
}

fn value<'f>(field: Option<&'f AttributeText<'_>>) -> Option<&'f str> {
    field.and_then(|field| field.text.as_deref().or(field.number.as_deref()))
}

/// Reads the answer to a BatchWriteItem. `place` finds an unprocessed write among the writes of the request.
pub(super) fn batch_write(body: &[u8], place: impl Fn(&KnownAttributes<'_>) -> Option<usize>) -> Result<BatchAnswer, AwsFailure> {
    let answer: BatchWriteItemAnswer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let left_out = answer.unprocessed_items.unwrap_or_default().into_values().flatten();
    let keys = left_out.filter_map(|write| write.put_request.map(|put| put.item).or(write.delete_request.map(|delete| delete.key)));
    // An unprocessed write that cannot be identified may be any of them, so none of them counts as written.
    let unprocessed = keys.map(|key| place(&key).ok_or_else(AwsFailure::unprocessed)).collect::<Result<Vec<usize>, _>>()?;
    Ok(BatchAnswer { unprocessed, write_units: units(answer.consumed_capacity.into_iter().flatten()) })
}

pub(super) fn executed(body: &[u8]) -> Result<StatementAnswers, AwsFailure> {
    let answer: BatchExecuteStatementAnswer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let answers = answer.responses.unwrap_or_default().into_iter().map(|response| match response.error {
        None => StatementAnswer::Written { replaced: response.item.map(|item| item.version()) },
        Some(error) => {
            let (code, message) = (error.code.unwrap_or_default(), error.message.unwrap_or_default());
            match code.trim_end_matches("Exception") {
                "ConditionalCheckFailed" => StatementAnswer::ConditionFailed { stored: error.item.map(|item| item.version()) },
                "DuplicateItem" => StatementAnswer::Duplicate,
                // The status of the call itself was 200.
                _ => StatementAnswer::Failed(AwsFailure::of_answer(&code, &message, 200)),
            }
        }
    });
    Ok(StatementAnswers { answers: answers.collect(), write_units: units(answer.consumed_capacity.into_iter().flatten()) })
}

pub(super) fn table_keys(body: &[u8]) -> Result<TableKeys, AwsFailure> {
    let DescribeTableAnswer { table } = serde_json::from_slice(body).map_err(unreadable)?;
    let key = |kind: &str| table.key_schema.iter().find(|key| key.key_type == kind).map(|key| key.attribute_name.clone());
    Ok(TableKeys { hash: key("HASH").unwrap_or_default(), range: key("RANGE") })
}

pub(super) fn put(body: &[u8]) -> Result<(StatementAnswer, WriteUnits), AwsFailure> {
    let answer: PutItemAnswer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    let replaced = answer.attributes.map(|attributes| attributes.version());
    Ok((StatementAnswer::Written { replaced }, units(answer.consumed_capacity)))
}

/// The stored item in the error of a PutItem whose condition failed. It may be missing.
pub(super) fn stored_of_refusal(body: &[u8]) -> Option<StoredVersion> {
    stored(body).ok().flatten()
}

pub(super) fn stored(body: &[u8]) -> Result<Option<StoredVersion>, AwsFailure> {
    let answer: GetItemAnswer<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    Ok(answer.item.map(|item| item.version()))
}

fn units(capacity: impl IntoIterator<Item = Capacity>) -> WriteUnits {
    capacity.into_iter().filter_map(|capacity| capacity.capacity_units).sum()
}

/// After an unreadable answer nobody knows whether the writes were made, so they are made again.
fn unreadable(error: serde_json::Error) -> AwsFailure {
    AwsFailure { kind: FailureKind::Service, message: format!("DynamoDB's answer cannot be read: {error}") }
}
