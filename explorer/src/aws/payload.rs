//! Reads a record's payload. If it is too large for an item, its parts are in a separate table.

use super::archive::items_of;
use super::connect::Connection;
use crate::domain::failure::Failure;
use crate::domain::record::Record;
use crate::domain::record::payload::{Gathering, NoPayload, Parts, Place, payload_of};
use archiver::aws::failure::{AwsFailure, FailureKind};
use archiver::format::item::Attributes;
use archiver::format::stream::StreamName;
use archiver::format::table::{attribute, parts_table_name};
use aws_sdk_dynamodb::types::AttributeValue;

/// The payload of a record in this stream's archive, as it was put into the stream.
///
/// # Errors
/// When the archive does not have all of it, or its parts cannot be read.
pub async fn read_payload(connection: &Connection, stream: &StreamName, record: &Record) -> Result<Vec<u8>, NoPayload> {
    match (&record.place, record.payload()) {
        (Place::Parts(parts), _) => {
            let text = read_parts(connection, &parts_table_name(stream), parts).await?;
            payload_of(&record.item, &text)
        }
        (_, Some(payload)) => payload,
        (_, None) => Err(NoPayload::Damaged("its item has no recordData".to_owned())),
    }
}

/// The text of the parts, under whichever of their keys is complete.
async fn read_parts(connection: &Connection, table: &str, parts: &Parts) -> Result<String, NoPayload> {
    let mut first_problem = None;
    for part_of in &parts.part_of {
        match read_parts_of(connection, table, parts, part_of).await {
            Err(problem @ NoPayload::Damaged(_)) => {
                first_problem.get_or_insert(problem);
            }
            ended => return ended,
        }
    }
    Err(first_problem.unwrap_or_else(|| NoPayload::Damaged("its parts have no key".to_owned())))
}

/// The text of the parts under a key. Reads consistently, because the archiver writes the parts just before their item.
async fn read_parts_of(connection: &Connection, table: &str, parts: &Parts, part_of: &str) -> Result<String, NoPayload> {
    let query = connection
        .dynamodb
        .query()
        .table_name(table)
        .consistent_read(true)
        .key_condition_expression("#of = :of AND #part < :count")
        .expression_attribute_names("#of", attribute::PART_OF)
        .expression_attribute_names("#part", attribute::PART)
        .expression_attribute_values(":of", AttributeValue::S(part_of.to_owned()))
        .expression_attribute_values(":count", AttributeValue::N(parts.count.to_string()));
    let mut pages = query.into_paginator().send();
    let mut gathering = Gathering::new(parts, table);
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| match AwsFailure::from(error) {
            failure if failure.kind == FailureKind::NotFound => {
                NoPayload::Damaged(format!("it is in {parts}, but their table {table} does not exist"))
            }
            failure => NoPayload::Failed(Failure::of_call(format!("read table {table}"), "dynamodb:Query", failure)),
        })?;
        let items = items_of(page.items, page.count, "Query", attribute::PART_OF);
        for item in items.map_err(|fault| NoPayload::Failed(Failure::refused(format!("read table {table}"), fault)))? {
            let (place, text) = part_of_item(&item)
                .ok_or_else(|| NoPayload::Damaged(format!("a part of it in table {table} has no {}", attribute::RECORD_DATA)))?;
            gathering.push(place, text)?;
        }
    }
    gathering.finish()
}

fn part_of_item(item: &Attributes) -> Option<(u32, &str)> {
    let place = item.get(attribute::PART)?.as_n().ok()?.parse().ok()?;
    let text = item.get(attribute::RECORD_DATA)?.as_s().ok()?;
    Some((place, text))
}
