//! The command line: the same rules and calls as the screens, printed for people or as JSON. Each subcommand has a file with its
//! arguments and its work. This module decides what a command needs: only files, or AWS as well.

mod config;
mod configure;
mod connecting;
mod definition;
mod describe;
mod error;
mod export;
mod get;
mod interrupt;
mod layout;
#[cfg(feature = "local")]
mod local;
mod manual;
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
use crate::aws::{self, connect::Connection};
use crate::config::Config;
use crate::domain::stream::overview::StreamOverview;
use crate::domain::time::TimeContext;
use archiver::aws::failure::FailureKind;
use archiver::format::stream::StreamName;
use clap::{FromArgMatches as _, Parser, Subcommand};
use connecting::CommonOptions;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reads::ReadCommand;
use selection::{NamedSource, RecordSource};
use std::path::PathBuf;
use std::time::Instant;

/// Browse, configure and replay Kinesis archives.
///
/// Without a command, explorer opens its screens. It finds region, profile, credentials and endpoints where the AWS CLI finds them.
///
/// Exit codes: 0 done, 1 failed (one sentence on stderr), 2 wrong usage, 3 nothing found, 4 problems found by streams --check,
/// 130 stopped by ctrl-c before it was done.
#[derive(Debug, Parser)]
#[command(name = "explorer", bin_name = "explorer", version = env!("EXPLORER_VERSION"), about, max_term_width = 120)]
pub struct Arguments {
    #[command(flatten)]
    common: CommonOptions,
    /// Open the screens on this stream's records
    #[arg(value_name = "STREAM")]
    stream: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    Table,
    /// For scripts; docs/cli.md lists the fields
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the streams and their archives
    Streams(streams::StreamsArguments),
    /// Describe one stream and its archive: settings, tables, what is wrong
    Describe(describe::DescribeArguments),
    /// Print the records of an archive, newest first
    Records(records::RecordsArguments),
    /// Print one record: the newest of a key, or the one with a given sequence number
    Get(get::GetArguments),
    /// Print new records of a stream or its archive as they arrive, until you press ctrl-c
    Tail(tail::TailArguments),
    /// Export records of an archive to a JSON Lines or CSV file
    Export(export::ExportArguments),
    /// Choose how a stream is archived; shows the calls and asks before making them
    Configure(configure::ConfigureArguments),
    /// List the batches Lambda gave up on, and archive them
    Recover(recover::RecoverArguments),
    /// Replay records of an archive into a stream: plan, run, pause, resume, inspect
    #[command(subcommand)]
    Replay(replay::ReplayCommand),
    /// Run the local system without screens, until you press ctrl-c; prints its endpoints as one line of JSON once it is ready
    Local {
        /// Start empty, without demo streams
        #[arg(long)]
        no_demo: bool,
    },
    /// Print the configuration in force, and where it comes from
    Config,
    /// Print the keyboard shortcuts of the screens
    Keys,
    /// Print a script that completes commands and options in a shell
    Completions(manual::CompletionsArguments),
    /// Print the manual page
    Man(manual::ManArguments),
}

/// A command, by what it needs.
enum Task {
    Offline(Offline),
    Online(Online),
}

/// Commands that work without AWS.
enum Offline {
    Config,
    Keys,
    Completions(manual::CompletionsArguments),
    Man(manual::ManArguments),
    Local { demo: bool },
    History(replay::HistoryCommand),
    Read(PathBuf, ReadCommand),
    ListFailures(PathBuf, recover::RecoverArguments),
}

/// Commands that need a connection.
enum Online {
    /// The records of this stream on top, if it is named.
    Screens(Option<StreamName>),
    Streams(streams::StreamsArguments),
    Describe(describe::DescribeArguments),
    Read(StreamName, ReadCommand),
    Tail(tail::TailRequest),
    Configure(configure::ConfigureArguments),
    Recover(recover::RecoverArguments),
    Replay(Box<replay::RunCommand>),
}

impl Arguments {
    /// The arguments of this process.
    ///
    /// # Errors
    /// Wrong arguments, or a request for help.
    pub fn of_process() -> Result<Self, clap::Error> {
        let mut definition = definition::definition();
        let matches = definition.try_get_matches_from_mut(negated::as_options(std::env::args_os()))?;
        Self::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))
    }

    /// Whether this opens the screens, which then own the terminal.
    #[must_use]
    pub fn opens_screens(&self) -> bool {
        self.command.is_none()
    }

    /// Whether the command itself reports the batches that fail.
    #[must_use]
    pub fn tells_failures(&self) -> bool {
        matches!(self.command, Some(Command::Recover(_)))
    }

    /// Runs the command.
    ///
    /// # Errors
    /// A sentence for the user.
    pub async fn run(self, started: Instant) -> Result<(), CommandError> {
        let Self { common, stream, command } = self;
        match Task::of(stream, command, &common)? {
            Task::Offline(task) => task.run(common).await,
            Task::Online(task) if common.local => connecting::run_local(common, task, started).await,
            Task::Online(task) => connecting::run_on_aws(common, task, started).await,
        }
    }
}

impl Task {
    /// Interprets the command as far as possible without a connection.
    ///
    /// # Errors
    /// Says what is wrong with the arguments.
    fn of(stream: Option<String>, command: Option<Command>, common: &CommonOptions) -> Result<Self, CommandError> {
        if let (Some(stream), Some(_)) = (&stream, &command) {
            let sentence = format!("{stream} is no command, and the name of a stream alone opens the screens; give one of the two");
            return Err(CommandError::Usage(sentence));
        }
        // These never connect to AWS, so `--data-dir` is harmless here.
        match &command {
            Some(Command::Keys | Command::Local { .. } | Command::Replay(replay::ReplayCommand::History(_))) => {}
            None | Some(_) => common.check_data_dir()?,
        }
        let read = |source, command| match source {
            NamedSource::File(path) => Self::Offline(Offline::Read(path, command)),
            NamedSource::Stream(stream) => Self::Online(Online::Read(stream, command)),
        };
        Ok(match command {
            None => Self::Online(Online::Screens(stream.as_deref().map(selection::stream_named).transpose()?)),
            Some(Command::Config) => Self::Offline(Offline::Config),
            Some(Command::Keys) => Self::Offline(Offline::Keys),
            Some(Command::Completions(arguments)) => Self::Offline(Offline::Completions(arguments)),
            Some(Command::Man(arguments)) => Self::Offline(Offline::Man(arguments)),
            Some(Command::Local { no_demo }) => Self::Offline(Offline::Local { demo: !no_demo }),
            Some(Command::Replay(replay::ReplayCommand::History(command))) => Self::Offline(Offline::History(command)),
            Some(Command::Replay(replay::ReplayCommand::Run(command))) => Self::Online(Online::Replay(command)),
            Some(Command::Streams(arguments)) => Self::Online(Online::Streams(arguments)),
            Some(Command::Describe(arguments)) => Self::Online(Online::Describe(arguments)),
            Some(Command::Records(arguments)) => {
                let (source, request) = arguments.understood()?;
                read(source, ReadCommand::Records(request))
            }
            Some(Command::Get(arguments)) => {
                let (source, request) = arguments.understood()?;
                read(source, ReadCommand::Get(request))
            }
            Some(Command::Export(arguments)) => {
                let (source, request) = arguments.understood()?;
                read(source, ReadCommand::Export(request))
            }
            Some(Command::Tail(arguments)) => Self::Online(Online::Tail(arguments.understood()?)),
            Some(Command::Configure(arguments)) => Self::Online(Online::Configure(arguments)),
            Some(Command::Recover(arguments)) => match arguments.only_lists_folder() {
                Some(folder) => Self::Offline(Offline::ListFailures(folder, arguments)),
                None if arguments.deletes() && common.local && common.data_dir.is_none() => {
                    let sentence = "the archive of --local is gone when the command ends; add --data-dir FOLDER or --keep";
                    return Err(CommandError::Usage(sentence.to_owned()));
                }
                None => Self::Online(Online::Recover(arguments)),
            },
        })
    }
}

impl Offline {
    async fn run(self, common: CommonOptions) -> Result<(), CommandError> {
        match self {
            Self::Config => config::run(&Config::load(common.theme), common.output),
            Self::Keys => crate::app::keymap::as_markdown().lines().try_for_each(output::print),
            Self::Completions(arguments) => manual::completions(&arguments),
            Self::Man(arguments) => manual::man(&arguments),
            #[cfg(feature = "local")]
            Self::Local { demo } => local::run(common, demo).await,
            #[cfg(not(feature = "local"))]
            Self::Local { demo: _ } => Err(connecting::without_local()),
            Self::History(command) => {
                common.allow(command.changes_something())?;
                command.run(common.output).await
            }
            Self::Read(path, command) => command.run(RecordSource::File(path), common.output).await,
            Self::ListFailures(folder, arguments) => recover::list_folder(folder, arguments, common.output).await,
        }
    }
}

impl Online {
    /// Whether it writes to a stream, an archive or a failure destination.
    fn changes_something(&self) -> bool {
        match self {
            Self::Screens(_) | Self::Streams(_) | Self::Describe(_) | Self::Read(..) | Self::Tail(_) => false,
            Self::Configure(_) => true,
            Self::Recover(arguments) => arguments.changes_something(),
            Self::Replay(command) => command.changes_something(),
        }
    }

    async fn run(
        self,
        common: &CommonOptions,
        connection: Connection,
        local: Option<LocalAddresses>,
        started: Instant,
    ) -> Result<(), CommandError> {
        let config = Config::load(common.theme);
        // The local system has no profile.
        let forbidden = config.forbids_changes(connection.profile.as_deref()).filter(|_| local.is_none() && !common.local);
        common.allow(self.changes_something())?;
        if let Some(why) = forbidden.as_ref().filter(|_| self.changes_something()) {
            return Err(CommandError::Usage(format!("{why}: nothing can be changed")));
        }
        let output = common.output;
        match self {
            Self::Screens(stream) => {
                let first = match &stream {
                    Some(stream) => Some(first_stream(&connection, stream).await?),
                    None => None,
                };
                let (region, profile) = (connection.region.clone(), connection.profile.clone());
                let warning = connection.warning.clone();
                let session = Session { region, profile, warning, read_only: common.read_only || forbidden.is_some(), local };
                let result = crate::event_loop::run(connection, session, &config, first, started).await;
                result.map_err(|source| CommandError::Io { operation: "use the terminal", source })
            }
            Self::Streams(arguments) => streams::run(&connection, arguments, output).await,
            Self::Describe(arguments) => describe::run(&connection, &arguments, output).await,
            Self::Read(stream, command) => command.run(RecordSource::Archive { connection, stream }, output).await,
            Self::Tail(request) => tail::run_until_ended(connection, request, output).await,
            Self::Configure(arguments) => configure::run(&connection, arguments, output).await,
            Self::Recover(arguments) => recover::run(connection, arguments, output).await,
            Self::Replay(command) => command.run(&connection, output).await,
        }
    }
}

/// The stream that the screens open on.
async fn first_stream(connection: &Connection, stream: &StreamName) -> Result<StreamOverview, CommandError> {
    let settled = aws::streams::settled(connection, stream).await?;
    let read = aws::streams::overview_of_archive(connection, &settled).await;
    read.map_err(|failure| -> CommandError {
        if failure.kind != FailureKind::NotFound {
            return failure.into();
        }
        let region = &connection.region;
        let sentence = format!("there is no command, stream or archive named {stream} in region {region}; see explorer --help");
        CommandError::NotFound(sentence)
    })
}

fn local_times() -> TimeContext {
    TimeContext { now: Timestamp::now(), zone: TimeZone::system() }
}
