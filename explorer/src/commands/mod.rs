//! The command line: the same rules and the same calls as the screens, printed for people or as JSON.

mod configure;
mod error;
mod export;
mod get;
mod interrupt;
#[cfg(feature = "local")]
mod local;
mod negated;
mod output;
mod progress;
mod reading;
mod reads;
mod records;
mod recover;
mod replay;
mod selection;
mod streams;
mod tail;

pub use error::CommandError;

use crate::app::model::{LocalAddresses, Session};
use crate::aws::connect::{ConnectOptions, Connection};
use crate::aws::streams::archive_to_read;
use crate::domain::stream::overview::ArchiveTable;
use crate::domain::time::TimeContext;
use crate::terminal;
use archiver::format::settings::{ArchiveMode, Compression, Replays, Ttl};
use archiver::format::stream::StreamName;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reads::Reads;
use selection::Selection;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Instant;

/// Browse, configure and replay Kinesis archives.
///
/// Without a command it opens the screens. Region, profile, credentials and endpoints come from the same options, variables and
/// files as for the AWS CLI. Exit codes: 0 done, 1 failed (one sentence on stderr), 2 wrong usage, 3 nothing found,
/// 4 problems found by streams --check, 130 stopped by ctrl-c before it was done.
#[derive(Debug, Parser)]
#[command(name = "explorer", bin_name = "explorer", version, about, max_term_width = 120)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Common options")]
struct Common {
    /// Profile of the AWS CLI's files
    #[arg(long, global = true)]
    profile: Option<String>,
    /// AWS region
    #[arg(long, global = true)]
    region: Option<String>,
    /// Endpoint of both services, such as http://127.0.0.1:4566
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Change nothing: neither configuration nor streams
    #[arg(long, global = true)]
    read_only: bool,
    /// Run on emulators inside this process, with demo streams; needs no AWS account
    #[arg(long, global = true, conflicts_with_all = ["profile", "region", "endpoint_url"])]
    local: bool,
    /// Keep the local archives in this folder between runs (with --local or the command local)
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// For scripts; the fields are described in the README
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the streams and their archives
    Streams {
        /// End with exit code 4 where the archive of a stream has a problem
        #[arg(long)]
        check: bool,
    },
    /// Print the records of an archive, newest first
    Records {
        #[command(flatten)]
        selection: Selection,
        /// Print records as they are found: sooner, in any order
        #[arg(long)]
        unordered: bool,
    },
    /// Print one record: the newest of a key, or the one with this sequence number
    Get(get::Request),
    /// Print new records of a stream, or of its archive, as they come; ctrl-c ends it
    Tail(tail::Request),
    /// Write the records of an archive to a file of JSON Lines or CSV
    Export(export::Request),
    /// Choose how a stream is archived: shows the calls, asks, makes them
    Configure {
        /// The stream, by its name or ARN
        stream: StreamName,
        /// ALL keeps every record, LATEST the newest of each partition key
        #[arg(long, required_unless_present = "remove", ignore_case = true)]
        mode: Option<ArchiveMode>,
        /// How long items are kept: seconds, a number with s, m, h, d or w, or none for ever; without it that stays as it is
        #[arg(long, conflicts_with = "remove")]
        ttl: Option<Keep>,
        /// Whether records that replays with an envelope put back into the stream are archived again; without it that stays as it is
        #[arg(long, conflicts_with = "remove", value_parser = replays_parser(), ignore_case = true)]
        replays: Option<Replays>,
        /// Whether payloads are stored compressed where that makes them smaller; without it that stays as it is
        #[arg(long, conflicts_with = "remove", value_parser = compression_parser(), ignore_case = true)]
        compression: Option<Compression>,
        /// Remove the archive tags; what is archived stays
        #[arg(long, conflicts_with = "mode")]
        remove: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List what Lambda gave up and put into a failure destination, and archive it after all
    Recover(recover::Request),
    /// Put records of an archive into a stream again: plan, run, pause, resume, look up
    #[command(subcommand)]
    Replay(replay::ReplayCommand),
    /// Run the local system without screens: prints its endpoints as one line of JSON when all is ready, and stays until ended
    Local {
        /// Start empty, without demo streams
        #[arg(long)]
        no_demo: bool,
    },
    /// Print the keys of the screens
    Keys,
}

/// How long items are to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keep {
    ForEver,
    For(Ttl),
}

impl std::str::FromStr for Keep {
    type Err = archiver::format::settings::InvalidTtl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("none") { Ok(Self::ForEver) } else { text.parse().map(Self::For) }
    }
}

impl Keep {
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

impl Arguments {
    /// The arguments of this process.
    ///
    /// # Errors
    /// When they are wrong, or ask for help.
    pub fn of_process() -> Result<Self, clap::Error> {
        Self::try_parse_from(negated::as_options(std::env::args_os()))
    }

    /// Whether the screens are asked for, which own the terminal then.
    #[must_use]
    pub fn opens_screens(&self) -> bool {
        self.command.is_none()
    }

    /// Whether what fails of batches is a result.
    #[must_use]
    pub fn tells_failures(&self) -> bool {
        matches!(self.command, Some(Command::Recover(_)))
    }

    /// Does what is asked for.
    ///
    /// # Errors
    /// A sentence for the user.
    pub async fn run(self, started: Instant) -> Result<(), CommandError> {
        let Self { common, command } = self;
        match command {
            Some(Command::Keys) => return crate::app::keymap::as_markdown().lines().try_for_each(output::print),
            Some(Command::Replay(command)) if !command.needs_aws() => {
                if common.read_only && command.changes_something() {
                    return Err(read_only());
                }
                return command.run_on_files(common.output).await;
            }
            #[cfg(feature = "local")]
            Some(Command::Local { no_demo }) => {
                if common.profile.is_some() || common.region.is_some() || common.endpoint_url.is_some() {
                    let sentence = "the local system is of no profile, region or endpoint; leave those options out";
                    return Err(CommandError::Usage(sentence.to_owned()));
                }
                return local::run(common.data_dir, !no_demo).await;
            }
            #[cfg(not(feature = "local"))]
            Some(Command::Local { .. }) => return Err(without_local()),
            _ => {}
        }
        if common.data_dir.is_some() && !common.local {
            return Err(CommandError::Usage("--data-dir keeps local archives; use it with --local".to_owned()));
        }
        let reads = command.as_ref().map(Reads::of).transpose()?.flatten();
        if let Some(reads) = reads.filter(|reads| !reads.needs_aws()) {
            return reads.run(None, common.output).await;
        }
        if let Some(Command::Recover(request)) = &command {
            if let Some(folder) = request.only_lists_folder() {
                return recover::list_folder(folder, request.clone(), common.output).await;
            }
            if request.deletes() && common.local && common.data_dir.is_none() {
                let sentence = "what --local archives ends with the command; add --data-dir FOLDER, or --keep";
                return Err(CommandError::Usage(sentence.to_owned()));
            }
        }
        if common.local {
            Self::run_local(common, command, started).await
        } else {
            Self::run_on_aws(common, command, started).await
        }
    }

    async fn run_on_aws(common: Common, command: Option<Command>, started: Instant) -> Result<(), CommandError> {
        let Common { profile, region, endpoint_url, .. } = &common;
        let options = ConnectOptions { profile: profile.clone(), region: region.clone(), endpoint_url: endpoint_url.clone() };
        if command.is_none() {
            require_terminal()?;
        }
        let waiting = |whose: &str| {
            if output::tell(&format!("waiting for the credentials of {whose}; ctrl-c ends it")).is_err() {
                tracing::debug!("nobody hears what is waited for");
            }
        };
        let connection = Connection::to_aws(&options, waiting).await?;
        match &command {
            // Other commands find out with their own first calls, for which they have the permission.
            None | Some(Command::Streams { .. }) => connection.check().await?,
            Some(_) => {}
        }
        if let (Some(_), Some(warning)) = (&command, &connection.warning) {
            output::tell(&format!("Warning: {warning}"))?;
        }
        dispatch(&common, command, connection, None, started).await
    }

    #[cfg(feature = "local")]
    async fn run_local(common: Common, command: Option<Command>, started: Instant) -> Result<(), CommandError> {
        if command.is_none() {
            require_terminal()?;
        }
        let options = crate::local::LocalOptions { data_dir: common.data_dir.clone(), demo: true };
        let system = crate::local::LocalSystem::start(options).await?;
        let endpoints = system.endpoints();
        let connection = Connection::to_emulators(&endpoints.kinesis, &endpoints.dynamodb, &endpoints.region);
        let addresses = LocalAddresses { kinesis: endpoints.kinesis.clone(), dynamodb: endpoints.dynamodb.clone() };
        if command.is_some() {
            system.ready().await?;
        }
        let result = dispatch(&common, command, connection, Some(addresses), started).await;
        system.stop().await;
        result
    }

    #[cfg(not(feature = "local"))]
    async fn run_local(_: Common, _: Option<Command>, _: Instant) -> Result<(), CommandError> {
        Err(without_local())
    }
}

fn read_only() -> CommandError {
    CommandError::Usage("--read-only is set: nothing can be changed".to_owned())
}

#[cfg(not(feature = "local"))]
fn without_local() -> CommandError {
    CommandError::Usage("this explorer was built without the feature `local`; build it with default features".to_owned())
}

async fn dispatch(
    common: &Common,
    command: Option<Command>,
    connection: Connection,
    local: Option<LocalAddresses>,
    started: Instant,
) -> Result<(), CommandError> {
    let output = common.output;
    let changes_something = match &command {
        Some(Command::Configure { .. }) => true,
        Some(Command::Replay(command)) => command.changes_something(),
        Some(Command::Recover(request)) => request.changes_something(),
        _ => false,
    };
    if common.read_only && changes_something {
        return Err(read_only());
    }
    if let Some(reads) = command.as_ref().map(Reads::of).transpose()?.flatten() {
        return reads.run(Some(connection), output).await;
    }
    match command {
        None => {
            let (region, profile) = (connection.region.clone(), connection.profile.clone());
            let warning = connection.warning.clone();
            let session = Session { region, profile, warning, read_only: common.read_only, local };
            let result = crate::event_loop::run(connection, session, started).await;
            result.map_err(|source| CommandError::Io { operation: "use the terminal", source })
        }
        Some(Command::Streams { check }) => streams::run(&connection, check, output).await,
        Some(Command::Configure { stream, mode, ttl, replays, compression, yes, .. }) => {
            let change = configure::Change { mode, ttl, replays, compression, yes };
            configure::run(&connection, &stream, change, output).await
        }
        Some(Command::Replay(command)) => command.run(connection, output).await,
        Some(Command::Recover(request)) => recover::run(connection, request, output).await,
        Some(
            Command::Records { .. }
            | Command::Get(_)
            | Command::Tail(_)
            | Command::Export(_)
            | Command::Local { .. }
            | Command::Keys,
        ) => Ok(()),
    }
}

/// The screens need a terminal; a script that forgot its command would hang.
fn require_terminal() -> Result<(), CommandError> {
    if terminal::stdout_is_terminal() && io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CommandError::Usage("the screens need a terminal; in scripts use a command, explorer --help lists them".to_owned()))
}

fn local_times() -> TimeContext {
    TimeContext { now: Timestamp::now(), zone: TimeZone::system() }
}

/// A stream's archive, to read from.
async fn archive_of(connection: &Connection, stream: &StreamName) -> Result<(ArchiveTable, ArchiveMode), CommandError> {
    let (table, note) = archive_to_read(connection, stream).await?;
    match table.and_then(|table| table.mode().map(|mode| (table, mode))) {
        Some(found) => {
            // The archive that is there is read all the same.
            note.map_or(Ok(()), |note| output::tell(&note))?;
            Ok(found)
        }
        None => {
            let sentence = note.unwrap_or_else(|| {
                format!("stream {stream} has no archive; create one with: explorer configure {stream} --mode ALL")
            });
            Err(CommandError::NotFound(sentence))
        }
    }
}
