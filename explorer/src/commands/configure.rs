//! `explorer configure`.

use super::{CommandError, Keep, Output, output};
use crate::aws::configure::make;
use crate::aws::connect::Connection;
use crate::aws::streams::{overview, overview_of_archive, settled};
use crate::domain::failure::Failure;
use crate::domain::stream::change::{Wanted, WantedArchive};
use crate::effects::plan_configuration;
use archiver::format::settings::{ArchiveMode, Compression, Replays};
use archiver::format::stream::StreamName;
use serde::Serialize;

/// What is asked for.
#[derive(Debug)]
pub(super) struct Change {
    /// The mode; `None` removes the archive tags.
    pub(super) mode: Option<ArchiveMode>,
    /// How long items are to be kept; `None` leaves that as it is.
    pub(super) ttl: Option<Keep>,
    /// What becomes of replays into the stream itself; `None` leaves that as it is.
    pub(super) replays: Option<Replays>,
    /// How payloads are stored; `None` leaves that as it is.
    pub(super) compression: Option<Compression>,
    /// Not to be asked.
    pub(super) yes: bool,
}

/// What was done, as JSON.
#[derive(Debug, Serialize)]
struct ConfiguredJson {
    stream: String,
    /// `ALL`, `LATEST`, or null when the tags were removed.
    mode: Option<&'static str>,
    ttl_seconds: Option<u64>,
    /// `keep`, `skip`, or null when the tags were removed.
    replays: Option<&'static str>,
    /// `none`, `gzip`, or null when the tags were removed.
    compression: Option<&'static str>,
    table: Option<String>,
    /// The calls that were made, in order; empty when nothing was to be changed.
    calls: Vec<String>,
    warnings: Vec<String>,
}

pub(super) async fn run(connection: &Connection, stream: &StreamName, change: Change, output: Output) -> Result<(), CommandError> {
    let stream = &settled(connection, stream).await?;
    if let Some(arn) = stream.arn() {
        let detail =
            format!("it belongs to account {}, whose own archiver archives it; use a profile of that account", arn.account());
        return Err(Failure::refused(format!("configure stream {stream}"), detail).into());
    }
    let before = overview_of_archive(connection, stream).await?;
    before.check_stream().map_err(CommandError::NotFound)?;
    let current = before.settings();
    let ttl = match change.ttl {
        Some(keep) => keep.ttl(),
        None => current.and_then(|settings| settings.ttl),
    };
    let replays = change.replays.or(current.map(|settings| settings.replays)).unwrap_or_default();
    let compression = change.compression.or(current.map(|settings| settings.compression)).unwrap_or_default();
    let archive = |mode| Wanted::Archived(WantedArchive { mode, ttl, replays, compression });
    let wanted = change.mode.map_or(Wanted::NotArchived, archive);
    let plan = plan_configuration(connection, &before, wanted).await?;
    let calls: Vec<String> = plan.calls.iter().map(ToString::to_string).collect();
    if !plan.calls.is_empty() {
        output::tell(&format!("Stream {stream}: these calls will be made:"))?;
        calls.iter().try_for_each(|call| output::tell(&format!("  {call}")))?;
        plan.warnings.iter().try_for_each(|warning| output::tell(&format!("Warning: {warning}")))?;
        output::confirm("Make them?", change.yes)?;
        for call in &plan.calls {
            make(connection, call).await?;
        }
    }
    let after = overview(connection, stream).await?;
    match output {
        Output::Json => output::print_json(&ConfiguredJson {
            stream: stream.to_string(),
            mode: after.mode().map(|mode| mode.as_str()),
            ttl_seconds: after.settings().and_then(|settings| settings.ttl).map(|ttl| ttl.seconds()),
            replays: after.settings().map(|settings| settings.replays.as_str()),
            compression: after.settings().map(|settings| settings.compression.as_str()),
            table: after.table.map(|table| table.name),
            calls,
            warnings: plan.warnings,
        }),
        Output::Table if calls.is_empty() => output::print(&format!("stream {stream} is configured like this already")),
        Output::Table => output::print(&format!("stream {stream} is configured")),
    }
}
