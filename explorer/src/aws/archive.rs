//! Reading archives: one record, and how many items would expire.

use super::connect::Connection;
use crate::aws::retry::with_retries;
use crate::domain::failure::Failure;
use crate::domain::lambda::failed_event::RecordKey;
use crate::domain::reading::page::PageCursor;
use crate::domain::record::Record;
use archiver::aws::backoff::Deadline;
use archiver::aws::failure::AwsFailure;
use archiver::format::item::{Attributes, StoredItem};
use archiver::format::settings::ArchiveMode;
use archiver::format::table::attribute;
use aws_sdk_dynamodb::operation::batch_get_item::BatchGetItemOutput;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Select};
use jiff::Timestamp;
use std::collections::HashSet;
use std::time::Duration;

/// Most keys in a BatchGetItem call. Source: DynamoDB API reference, BatchGetItem.
pub(super) const MAX_BATCH_KEYS: usize = 100;
/// Longest pause before unprocessed keys are requested again.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Reads one record: by key and number, or the newest one of a key.
///
/// # Errors
/// What DynamoDB answered.
pub async fn get(
    connection: &Connection,
    table: &str,
    mode: ArchiveMode,
    key: &str,
    sequence_number: Option<&str>,
) -> Result<Option<Record>, Failure> {
    let call = connection
        .dynamodb
        .query()
        .table_name(table)
        .expression_attribute_names("#key", attribute::PARTITION_KEY)
        .expression_attribute_values(":key", AttributeValue::S(key.to_owned()))
        .scan_index_forward(false);
    // Only emulators have shorter numbers. They may have leading zeros on either side, which do not count.
    let is_real = |number: &str| number.len() == REAL_NUMBER_DIGITS && !number.starts_with('0');
    let call = match (mode, sequence_number) {
        (ArchiveMode::All, Some(number)) if is_real(number) => call
            .key_condition_expression("#key = :key AND #number = :number")
            .expression_attribute_names("#number", attribute::SEQUENCE_NUMBER)
            .expression_attribute_values(":number", AttributeValue::S(number.to_owned())),
        (ArchiveMode::All | ArchiveMode::Latest, _) => call.key_condition_expression("#key = :key"),
    };
    let mut newest: Option<Record> = None;
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(|error| Failure::of_call(format!("read table {table}"), "dynamodb:Query", AwsFailure::from(error)))?;
        // As text, numbers of different lengths sort differently, so the last one may not be the newest.
        let items = items_of(page.items, page.count, "Query", attribute::PARTITION_KEY);
        for item in items.map_err(|fault| Failure::refused(format!("read table {table}"), fault))? {
            let record = Record::new(StoredItem::from_attributes(item));
            let matches = sequence_number.is_none_or(|number| record.has_number(number));
            let is_newer = newest.as_ref().is_none_or(|known| known.item.sequence_number < record.item.sequence_number);
            if matches && is_newer {
                newest = Some(record);
            }
        }
        let all_of_one_length = newest.as_ref().is_some_and(|record| is_real(&record.id.sequence_number));
        if all_of_one_length {
            break;
        }
    }
    Ok(newest)
}

/// Digits of every number from Kinesis; only emulators have shorter ones. Source: measured.
pub(crate) const REAL_NUMBER_DIGITS: usize = 56;

/// How many items would expire at once if TTL on [`attribute::EXPIRE_AFTER`] were turned on now.
///
/// # Errors
/// What DynamoDB answered.
pub async fn count_expired(connection: &Connection, table: &str, now: Timestamp) -> Result<u64, Failure> {
    let mut pages = connection
        .dynamodb
        .scan()
        .table_name(table)
        .select(Select::Count)
        .filter_expression("#expiry <= :now")
        .expression_attribute_names("#expiry", attribute::EXPIRE_AFTER)
        .expression_attribute_values(":now", AttributeValue::N(now.as_second().to_string()))
        .into_paginator()
        .send();
    let mut expired = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| {
            Failure::of_call(format!("count the expired items of table {table}"), "dynamodb:Scan", error.into())
        })?;
        expired += u64::try_from(page.count).unwrap_or(0);
    }
    Ok(expired)
}

/// Which of these records are in an archive of mode ALL.
///
/// # Errors
/// What DynamoDB answered.
pub async fn present_records(connection: &Connection, table: &str, records: &[RecordKey]) -> Result<HashSet<RecordKey>, Failure> {
    let operation = || format!("look for records in table {table}");
    let mut wanted: Vec<RecordKey> = records.iter().cloned().collect::<HashSet<_>>().into_iter().collect();
    let attributes = |record: &RecordKey| key_attributes(&record.partition_key, Some(&record.sequence_number));
    let mut present = HashSet::new();
    let mut left_out = 0;
    while !wanted.is_empty() {
        let asked = wanted.split_off(wanted.len().saturating_sub(MAX_BATCH_KEYS));
        let answer = with_retries(|| async {
            let keys = KeysAndAttributes::builder()
                .set_keys(Some(asked.iter().map(attributes).collect()))
                .projection_expression("#key, #number")
                .expression_attribute_names("#key", attribute::PARTITION_KEY)
                .expression_attribute_names("#number", attribute::SEQUENCE_NUMBER)
                .consistent_read(true)
                .build()
                .map_err(|error| Failure::refused(operation(), error.to_string()))?;
            let call = connection.dynamodb.batch_get_item().request_items(table, keys).send().await;
            call.map_err(|error| Failure::of_call(operation(), "dynamodb:BatchGetItem", error.into()))
        });
        let answer = answer.await?;
        let (found, left) = batch_of(answer, table).map_err(|fault| Failure::refused(operation(), fault))?;
        present.extend(found.iter().filter_map(record_key));
        // DynamoDB throttles parts of a batch like this.
        left_out = if left.is_empty() { 0 } else { left_out + 1 };
        if left_out > 0 {
            // The deadline is later than the longest pause.
            Deadline::after(LONGEST_WAIT).back_off(left_out).await.ok();
        }
        wanted.extend(left.iter().filter_map(record_key));
    }
    Ok(present)
}

/// The items of a page whose keys have this attribute.
///
/// # Errors
/// Says why the answer cannot be from DynamoDB. Without its items, a page would count as empty.
pub(super) fn items_of(items: Option<Vec<Attributes>>, count: i32, operation: &str, key: &str) -> Result<Vec<Attributes>, String> {
    let items = items.ok_or("DynamoDB's answer has no list of items")?;
    match items.len() {
        found if usize::try_from(count) == Ok(found) => {}
        0 => return Err(format!("the answer to {operation} counts {count} items but has none")),
        found => return Err(format!("the answer to {operation} counts {count} items but has {found}")),
    }
    if items.iter().any(|item| !item.contains_key(key)) {
        return Err(format!("the answer to {operation} has an item without {key}, which no item of the table can be"));
    }
    Ok(items)
}

/// A table's part of a batch: its items, and the keys to request again.
///
/// # Errors
/// When the answer does not mention the table.
pub(super) fn batch_of(answer: BatchGetItemOutput, table: &str) -> Result<(Vec<Attributes>, Vec<Attributes>), String> {
    let found = answer.responses.and_then(|mut responses| responses.remove(table));
    let left = answer.unprocessed_keys.and_then(|mut keys| keys.remove(table)).map(|keys| keys.keys);
    if found.is_none() && left.is_none() {
        return Err(format!("the answer to BatchGetItem does not mention table {table}"));
    }
    Ok((found.unwrap_or_default(), left.unwrap_or_default()))
}

fn record_key(item: &Attributes) -> Option<RecordKey> {
    let PageCursor { partition_key, sequence_number } = cursor_of(item)?;
    Some(RecordKey { partition_key, sequence_number: sequence_number? })
}

/// An item's key as DynamoDB has it, with the number only if it is part of the key.
pub(super) fn key_attributes(partition_key: &str, sequence_number: Option<&str>) -> Attributes {
    let text = |name: &str, text: &str| (name.to_owned(), AttributeValue::S(text.to_owned()));
    let number = sequence_number.map(|number| text(attribute::SEQUENCE_NUMBER, number));
    [text(attribute::PARTITION_KEY, partition_key)].into_iter().chain(number).collect()
}

pub(super) fn cursor_attributes(cursor: &PageCursor) -> Attributes {
    key_attributes(&cursor.partition_key, cursor.sequence_number.as_deref())
}

pub(super) fn cursor_of(last: &Attributes) -> Option<PageCursor> {
    let text = |name: &str| last.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(PageCursor { partition_key: text(attribute::PARTITION_KEY)?, sequence_number: text(attribute::SEQUENCE_NUMBER) })
}
