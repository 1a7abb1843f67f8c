//! `explorer configure`.

use super::{CommandError, Output, output};
use crate::aws::configure::{make, plan_change};
use crate::aws::connect::Connection;
use crate::aws::streams::{overview, overview_of_archive, settled};
use crate::domain::failure::Failure;
use crate::domain::stream::change::{Wanted, WantedArchive};
use archiver::format::settings::{ArchiveMode, ArchiveSettings, Compression, InvalidTtl, Replays, Ttl};
use archiver::format::stream::StreamName;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde::Serialize;

/// The stream, and how to archive it.
#[derive(Args, Clone, Debug)]
pub(super) struct ConfigureArguments {
    /// Name or ARN of the stream
    stream: StreamName,
    /// ALL keeps every record; LATEST keeps the newest record of each partition key
    #[arg(long, required_unless_present = "remove", ignore_case = true)]
    mode: Option<ArchiveMode>,
    /// How long to keep items: seconds, a number with s, m, h, d or w, or none for ever [default: unchanged, or none for a new archive]
    #[arg(long, conflicts_with = "remove")]
    ttl: Option<TtlArgument>,
    /// Whether to archive records that were replayed into this stream with an envelope [default: unchanged, or keep for a new archive]
    #[arg(long, conflicts_with = "remove", value_parser = replays_parser(), ignore_case = true)]
    replays: Option<Replays>,
    /// Whether to compress payloads if that makes them smaller [default: unchanged, or none for a new archive]
    #[arg(long, conflicts_with = "remove", value_parser = compression_parser(), ignore_case = true)]
    compression: Option<Compression>,
    /// Stop archiving: remove the archive tags; archived records stay
    #[arg(long, conflicts_with = "mode")]
    remove: bool,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// How long to keep items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TtlArgument {
    ForEver,
    For(Ttl),
}

impl std::str::FromStr for TtlArgument {
    type Err = InvalidTtl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("none") { Ok(Self::ForEver) } else { text.parse().map(Self::For) }
    }
}

impl TtlArgument {
    fn ttl(self) -> Option<Ttl> {
        match self {
            Self::ForEver => None,
            Self::For(ttl) => Some(ttl),
        }
    }
}

fn replays_parser() -> impl TypedValueParser<Value = Replays> {
    let of = |text: String| if text.eq_ignore_ascii_case(Replays::Skip.as_str()) { Replays::Skip } else { Replays::Keep };
    PossibleValuesParser::new([Replays::Keep.as_str(), Replays::Skip.as_str()]).map(of)
}

fn compression_parser() -> impl TypedValueParser<Value = Compression> {
    let of = |text: String| {
        if text.eq_ignore_ascii_case(Compression::Gzip.as_str()) { Compression::Gzip } else { Compression::None }
    };
    PossibleValuesParser::new([Compression::None.as_str(), Compression::Gzip.as_str()]).map(of)
}

/// The result, as JSON.
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
    /// The calls that were made, in order; empty if nothing had to change.
    calls: Vec<String>,
    warnings: Vec<String>,
}

impl ConfigureArguments {
    /// The wanted settings; those that are not given stay as they are.
    fn wanted(&self, present: Option<&ArchiveSettings>) -> Wanted {
        let Some(mode) = self.mode else {
            return Wanted::NotArchived;
        };
        let ttl = match self.ttl {
            Some(ttl) => ttl.ttl(),
            None => present.and_then(|settings| settings.ttl),
        };
        let replays = self.replays.or(present.map(|settings| settings.replays)).unwrap_or_default();
        let compression = self.compression.or(present.map(|settings| settings.compression)).unwrap_or_default();
        Wanted::Archived(WantedArchive { mode, ttl, replays, compression })
    }
}

pub(super) async fn run(connection: &Connection, arguments: ConfigureArguments, output: Output) -> Result<(), CommandError> {
    let stream = &settled(connection, &arguments.stream).await?;
    if let Some(arn) = stream.arn() {
        let detail =
            format!("it belongs to account {}, whose own archiver archives it; use a profile of that account", arn.account());
        return Err(Failure::refused(format!("configure stream {stream}"), detail).into());
    }
    let before = overview_of_archive(connection, stream).await?;
    before.check_stream().map_err(CommandError::NotFound)?;
    let wanted = arguments.wanted(before.settings());
    let plan = plan_change(connection, &before, wanted).await?;
    let calls: Vec<String> = plan.calls.iter().map(ToString::to_string).collect();
    if !plan.calls.is_empty() {
        output::tell(&format!("Stream {stream}: these calls will be made:"))?;
        calls.iter().try_for_each(|call| output::tell(&format!("  {call}")))?;
        plan.warnings.iter().try_for_each(|warning| output::tell(&format!("Warning: {warning}")))?;
        output::confirm("Make them?", arguments.yes)?;
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
        Output::Table if calls.is_empty() => output::print(&format!("stream {stream} is already configured like this")),
        Output::Table => output::print(&format!("stream {stream} is configured")),
    }
}
