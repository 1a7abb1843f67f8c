//! `explorer streams`.

use super::{CommandError, Output, output};
use crate::aws::connect::Connection;
use crate::aws::streams::{list, overview};
use crate::domain::archive::{Health, StreamOverview};
use crate::domain::text::{count, size};
use futures::{StreamExt as _, TryStreamExt as _};
use serde::Serialize;

/// Streams described at once.
const STREAMS_AT_ONCE: usize = 8;

/// A stream as JSON.
#[derive(Debug, Serialize)]
pub(super) struct StreamJson {
    name: String,
    arn: String,
    status: String,
    open_shards: u32,
    retention_hours: u32,
    /// `ALL`, `LATEST`, or null where the stream is not archived.
    mode: Option<&'static str>,
    ttl_seconds: Option<u64>,
    table: Option<String>,
    table_status: Option<String>,
    /// As DynamoDB counts, which may be hours old.
    items: Option<u64>,
    size_bytes: Option<u64>,
    health: Health,
    /// What is wrong, as a sentence.
    problem: Option<String>,
}

impl From<&StreamOverview> for StreamJson {
    fn from(overview: &StreamOverview) -> Self {
        let table = overview.table.as_ref();
        Self {
            name: overview.name.to_string(),
            arn: overview.arn.clone(),
            status: overview.status.clone(),
            open_shards: overview.open_shards,
            retention_hours: overview.retention_hours,
            mode: overview.mode().map(|mode| mode.as_str()),
            ttl_seconds: overview.settings().and_then(|settings| settings.ttl).map(|ttl| ttl.seconds()),
            table: table.map(|table| table.name.clone()),
            table_status: table.map(|table| table.status.clone()),
            items: table.map(|table| table.items),
            size_bytes: table.map(|table| table.size_bytes),
            health: overview.health(),
            problem: overview.problem(),
        }
    }
}

pub(super) async fn run(connection: &Connection, output: Output) -> Result<(), CommandError> {
    let mut names = Vec::new();
    let mut from = None;
    loop {
        let page = list(connection, from).await?;
        names.extend(page.names);
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let reads = futures::stream::iter(names.iter().map(|name| overview(connection, name))).buffered(STREAMS_AT_ONCE);
    let overviews: Vec<StreamOverview> = reads.try_collect().await?;
    match output {
        Output::Json => output::print_json(&overviews.iter().map(StreamJson::from).collect::<Vec<_>>()),
        Output::Table => {
            let heading = ["STREAM", "STATUS", "SHARDS", "MODE", "TTL", "ARCHIVE TABLE", "ITEMS ABOUT", "SIZE", "HEALTH"];
            let mut rows = vec![heading.map(str::to_owned).to_vec()];
            rows.extend(overviews.iter().map(row));
            output::print_table(&rows)?;
            overviews.iter().filter_map(StreamOverview::problem).try_for_each(|problem| output::tell(&problem))
        }
    }
}

fn row(overview: &StreamOverview) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let table = overview.table.as_ref();
    let health = match overview.health() {
        Health::Ok => "ok",
        Health::NotArchived => "not archived",
        Health::TagUnreadable => "bad tag",
        Health::TableMissing => "no table",
        Health::WrongKeys => "wrong keys",
        Health::TablePending => "table pending",
    };
    vec![
        overview.name.to_string(),
        overview.status.to_lowercase(),
        overview.open_shards.to_string(),
        or_dash(overview.mode().map(|mode| mode.to_string())),
        or_dash(overview.settings().and_then(|settings| settings.ttl).map(|ttl| ttl.to_string())),
        or_dash(table.map(|table| table.name.clone())),
        or_dash(table.map(|table| count(table.items))),
        or_dash(table.map(|table| size(table.size_bytes))),
        health.to_owned(),
    ]
}
