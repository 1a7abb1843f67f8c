//! `explorer describe`.

use super::{CommandError, Output, local_times, output};
use crate::aws::connect::Connection;
use crate::aws::description::describe_all;
use crate::aws::streams::settled;
use crate::domain::failure::Failure;
use crate::domain::stream::description::{
    Description, Encryption, Expiry, FactRow, Problem, Recovery, StreamDescription, TableCapacity, TableDescription,
};
use crate::domain::stream::overview::{Health, StreamOverview};
use archiver::aws::failure::FailureKind;
use archiver::format::stream::StreamName;
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;

/// Which stream.
#[derive(Args, Clone, Debug)]
pub(super) struct DescribeArguments {
    /// Name or ARN of the stream; it may be deleted if its archive is left
    stream: StreamName,
}

/// A stream and its archive as JSON.
#[derive(Debug, Serialize)]
struct DescriptionJson {
    name: String,
    arn: Option<String>,
    status: Option<String>,
    created_at: Option<String>,
    /// `provisioned`, `on-demand`, or Kinesis' word for another one.
    capacity_mode: Option<String>,
    open_shards: Option<u32>,
    retention_hours: Option<u32>,
    max_record_bytes: Option<u64>,
    is_encrypted: Option<bool>,
    kms_key: Option<String>,
    consumers: Option<Vec<String>>,
    tags: Option<BTreeMap<String, String>>,
    mode: Option<&'static str>,
    ttl_seconds: Option<u64>,
    replays: Option<&'static str>,
    compression: Option<&'static str>,
    health: Option<Health>,
    records_table: Option<TableJson>,
    parts_table: Option<TableJson>,
    problems: Vec<String>,
    /// Why some of it is not known, as sentences.
    unreadable: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TableJson {
    name: String,
    status: String,
    hash_key: String,
    range_key: Option<String>,
    /// As DynamoDB counts, which may be hours old.
    items: u64,
    size_bytes: u64,
    created_at: Option<String>,
    capacity_mode: String,
    provisioned_read_units: Option<u64>,
    provisioned_write_units: Option<u64>,
    /// The attribute by which items expire; null if expiry is off or not known.
    expires_by: Option<String>,
    is_expiry_on: Option<bool>,
    is_recovery_on: Option<bool>,
    recoverable_since: Option<String>,
    is_protected: Option<bool>,
}

impl From<&Description> for DescriptionJson {
    fn from(description: &Description) -> Self {
        let stream = description.present();
        let overview = description.overview();
        let settings = overview.as_ref().and_then(StreamOverview::settings);
        let table = |table: &Result<Option<TableDescription>, Failure>| table.as_ref().ok()?.as_ref().map(TableJson::from);
        let kms_key = |encryption: &Encryption| match encryption {
            Encryption::Kms(key) => key.clone(),
            Encryption::None => None,
        };
        Self {
            name: description.name.to_string(),
            arn: stream.map(|stream| stream.arn.clone()),
            status: match &description.stream {
                StreamDescription::Absent => Some("DELETED".to_owned()),
                StreamDescription::Unreadable(_) => None,
                StreamDescription::Present(stream) => Some(stream.status.clone()),
            },
            created_at: stream.and_then(|stream| stream.created_at).map(|at| at.to_string()),
            capacity_mode: stream.map(|stream| stream.capacity.as_str().to_owned()),
            open_shards: stream.map(|stream| stream.open_shards),
            retention_hours: stream.map(|stream| stream.retention_hours),
            max_record_bytes: stream.map(|stream| stream.max_record_bytes),
            is_encrypted: stream.map(|stream| stream.encryption != Encryption::None),
            kms_key: stream.and_then(|stream| kms_key(&stream.encryption)),
            consumers: stream.and_then(|stream| stream.consumers.clone().ok()),
            tags: stream.and_then(|stream| stream.tags.clone().ok()).map(|tags| tags.into_iter().collect()),
            mode: settings.map(|settings| settings.mode.as_str()),
            ttl_seconds: settings.and_then(|settings| settings.ttl).map(|ttl| ttl.seconds()),
            replays: settings.map(|settings| settings.replays.as_str()),
            compression: settings.map(|settings| settings.compression.as_str()),
            health: overview.as_ref().map(StreamOverview::health),
            records_table: table(&description.records),
            parts_table: table(&description.parts),
            problems: description.problems().into_iter().map(|problem| problem.sentence).collect(),
            unreadable: description.failures().into_iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&TableDescription> for TableJson {
    fn from(description: &TableDescription) -> Self {
        let TableDescription { table, created_at, capacity, is_protected, expiry, recovery } = description;
        let (capacity_mode, units) = match capacity {
            TableCapacity::OnDemand => ("on-demand", None),
            TableCapacity::Provisioned { read_units, write_units } => ("provisioned", Some((*read_units, *write_units))),
            TableCapacity::Other(other) => (other.as_str(), None),
        };
        Self {
            name: table.name.clone(),
            status: table.status.clone(),
            hash_key: table.keys.hash.clone(),
            range_key: table.keys.range.clone(),
            items: table.items,
            size_bytes: table.size_bytes,
            created_at: created_at.map(|at| at.to_string()),
            capacity_mode: capacity_mode.to_owned(),
            provisioned_read_units: units.map(|(read, _)| read),
            provisioned_write_units: units.map(|(_, write)| write),
            expires_by: match expiry {
                Ok(Expiry::By(attribute)) => Some(attribute.clone()),
                Ok(Expiry::Off) | Err(_) => None,
            },
            is_expiry_on: expiry.as_ref().ok().map(|expiry| *expiry != Expiry::Off),
            is_recovery_on: recovery.as_ref().ok().map(|recovery| *recovery != Recovery::Off),
            recoverable_since: match recovery {
                Ok(Recovery::Since(since)) => since.map(|at| at.to_string()),
                Ok(Recovery::Off) | Err(_) => None,
            },
            is_protected: *is_protected,
        }
    }
}

pub(super) async fn run(connection: &Connection, arguments: &DescribeArguments, output: Output) -> Result<(), CommandError> {
    let stream = settled(connection, &arguments.stream).await?;
    let description = describe_all(connection, &stream).await.map_err(|failure| match failure.kind {
        FailureKind::NotFound => CommandError::NotFound(failure.to_string()),
        _ => failure.into(),
    })?;
    match output {
        Output::Json => output::print_json(&DescriptionJson::from(&description)),
        Output::Table => print(&description),
    }
}

fn print(description: &Description) -> Result<(), CommandError> {
    let sections = description.sections(&local_times());
    for (place, section) in sections.iter().enumerate() {
        if place > 0 {
            output::print("")?;
        }
        output::print(section.title)?;
        let cells = |fact: &FactRow| vec![format!("  {}", fact.label), fact.value.clone()];
        output::print_aligned(&section.rows.iter().map(cells).collect::<Vec<_>>())?;
    }
    let mended = description.problems().iter().any(|problem: &Problem| problem.is_mended_by_configuring);
    if mended {
        output::tell(&format!("explorer configure {} mends what is wrong", description.name))?;
    }
    Ok(())
}
