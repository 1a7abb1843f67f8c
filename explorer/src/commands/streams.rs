//! `explorer streams`.

use super::{CommandError, Output, output};
use crate::aws::connect::Connection;
use crate::aws::streams::{archives_without_stream, list, overview};
use crate::domain::failure::Failure;
use crate::domain::stream::overview::{Health, StreamOverview};
use crate::domain::text::{count, size};
use archiver::aws::failure::FailureKind;
use archiver::format::settings::ArchiveMode;
use archiver::format::stream::StreamName;
use clap::Args;
use futures::StreamExt as _;
use serde::Serialize;

/// Streams described at once.
const STREAMS_AT_ONCE: usize = 8;

/// What to list.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct StreamsArguments {
    /// Exit with code 4 if an archive has a problem
    #[arg(long)]
    check: bool,
}

/// A stream as JSON.
#[derive(Debug, Default, Serialize)]
pub(super) struct StreamJson {
    name: String,
    arn: Option<String>,
    status: Option<String>,
    open_shards: Option<u32>,
    retention_hours: Option<u32>,
    /// `ALL`, `LATEST`, or null where the stream is not archived.
    mode: Option<&'static str>,
    ttl_seconds: Option<u64>,
    /// `keep`, `skip`, or null where the stream is not archived.
    replays: Option<&'static str>,
    /// `none`, `gzip`, or null where the stream is not archived.
    compression: Option<&'static str>,
    table: Option<String>,
    table_status: Option<String>,
    /// As DynamoDB counts, which may be hours old.
    items: Option<u64>,
    size_bytes: Option<u64>,
    health: Option<Health>,
    /// What is wrong, or why the stream could not be read, as a sentence.
    problem: Option<String>,
}

impl From<&StreamOverview> for StreamJson {
    fn from(overview: &StreamOverview) -> Self {
        let table = overview.table.as_ref();
        let of_stream = Some(overview).filter(|overview| !overview.is_deleted);
        Self {
            name: overview.name.to_string(),
            arn: of_stream.map(|overview| overview.arn.clone()),
            status: of_stream.map(|overview| overview.status.clone()),
            open_shards: of_stream.map(|overview| overview.open_shards),
            retention_hours: of_stream.map(|overview| overview.retention_hours),
            mode: mode_of(overview).map(|mode| mode.as_str()),
            ttl_seconds: overview.settings().and_then(|settings| settings.ttl).map(|ttl| ttl.seconds()),
            replays: overview.settings().map(|settings| settings.replays.as_str()),
            compression: overview.settings().map(|settings| settings.compression.as_str()),
            table: table.map(|table| table.name.clone()),
            table_status: table.map(|table| table.status.clone()),
            items: table.map(|table| table.items),
            size_bytes: table.map(|table| table.size_bytes),
            health: Some(overview.health()),
            problem: overview.problem(),
        }
    }
}

/// The mode of the tags; for a deleted stream, that of its table.
fn mode_of(overview: &StreamOverview) -> Option<ArchiveMode> {
    let of_table = || overview.table.as_ref().filter(|_| overview.is_deleted)?.mode();
    overview.mode().or_else(of_table)
}

pub(super) async fn run(connection: &Connection, arguments: StreamsArguments, output: Output) -> Result<(), CommandError> {
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
    let archives = async {
        match archives_without_stream(connection, &names).await {
            Ok(archives) => (archives, None),
            // Listing tables may not be permitted.
            Err(failure) if is_denied(&failure) => (Vec::new(), None),
            Err(failure) => (Vec::new(), Some(failure)),
        }
    };
    let reads = names.iter().cloned().map(|name| async move {
        let result = overview(connection, &name).await;
        (name, result)
    });
    let reads = futures::stream::iter(reads).buffered(STREAMS_AT_ONCE).collect::<Vec<StreamRead>>();
    let (mut streams, (archives, unlisted)) = tokio::join!(reads, archives);
    // A stream that was deleted since it was listed is not a failure.
    streams.retain(|(_, result)| !result.as_ref().is_err_and(|failure| failure.kind == FailureKind::NotFound));
    streams.extend(archives.into_iter().map(|archive| (archive.name.clone(), Ok(archive))));
    match output {
        Output::Json => output::print_json(&streams.iter().map(as_json).collect::<Vec<_>>())?,
        Output::Table => {
            let heading = ["STREAM", "STATUS", "SHARDS", "MODE", "TTL", "ARCHIVE TABLE", "ITEMS ABOUT", "SIZE", "HEALTH"];
            let rows = streams.iter().map(|(name, result)| match result {
                Ok(overview) => row(overview),
                Err(failure) if is_denied(failure) => vec![name.to_string(), "no permission".to_owned()],
                Err(_) => vec![name.to_string(), "unreadable".to_owned()],
            });
            output::print_table(&heading.map(str::to_owned), &rows.collect::<Vec<_>>())?;
            let overviews = streams.iter().filter_map(|(_, result)| result.as_ref().ok());
            overviews.filter_map(StreamOverview::problem).try_for_each(|problem| output::tell(&problem))?;
        }
    }
    if let Some(failure) = &unlisted {
        output::tell(&format!("archives of deleted streams may be missing from this list: {failure}"))?;
    }
    // Permission for only some of the account's streams is not a failure.
    let checked = checked(&streams);
    let sees_some = streams.iter().any(|(_, result)| result.is_ok());
    let mut failures = streams.into_iter().filter_map(|(_, result)| result.err());
    let failure = failures.find(|failure| !(sees_some && is_denied(failure)));
    match failure {
        Some(failure) => Err(failure.into()),
        None if arguments.check => match unlisted {
            Some(failure) if checked.is_ok() => Err(failure.into()),
            _ => checked,
        },
        None => Ok(()),
    }
}

/// Whether all streams that could be read are healthy.
fn checked(streams: &[StreamRead]) -> Result<(), CommandError> {
    let overviews = || streams.iter().filter_map(|(_, result)| result.as_ref().ok());
    let problems = overviews().filter(|overview| overview.problem().is_some()).count();
    let all = overviews().count();
    match problems {
        0 => Ok(()),
        1 => Err(CommandError::Problems(format!("1 of {all} streams has a problem"))),
        _ => Err(CommandError::Problems(format!("{problems} of {all} streams have problems"))),
    }
}

fn is_denied(failure: &Failure) -> bool {
    failure.kind == FailureKind::AccessDenied
}

/// A stream, and its overview if it could be read.
type StreamRead = (StreamName, Result<StreamOverview, Failure>);

fn as_json((name, result): &StreamRead) -> StreamJson {
    match result {
        Ok(overview) => overview.into(),
        Err(failure) => StreamJson { name: name.to_string(), problem: Some(failure.to_string()), ..StreamJson::default() },
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
        Health::StreamDeleted => "stream deleted",
    };
    vec![
        overview.name.to_string(),
        overview.status.to_lowercase(),
        or_dash((!overview.is_deleted).then(|| overview.open_shards.to_string())),
        or_dash(mode_of(overview).map(|mode| mode.to_string())),
        or_dash(overview.settings().and_then(|settings| settings.ttl).map(|ttl| ttl.to_string())),
        or_dash(table.map(|table| table.name.clone())),
        or_dash(table.map(|table| count(table.items))),
        or_dash(table.map(|table| size(table.size_bytes))),
        health.to_owned(),
    ]
}
