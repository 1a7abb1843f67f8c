//! `explorer replay`: plans, runs and the history of replays.

mod history;
mod passed_over;
mod plan;
mod progress_line;
mod run;

use super::selection::{Chosen, NamedSource, SelectionArguments};
use super::{CommandError, Output, local_times};
use crate::aws::connect::Connection;
use crate::domain::failure::Failure;
use crate::domain::replay::lanes::Sequence;
use crate::domain::replay::pace::Rate;
use crate::domain::replay::plan::PlanId;
use crate::domain::replay::timing::Timing;
use crate::domain::replay::{Matching, ReplayOptions};
use crate::plans::{PlanError, Plans};
use archiver::format::envelope::Separator;
use archiver::format::settings::Ttl;
use archiver::format::stream::StreamName;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(super) enum ReplayCommand {
    #[command(flatten)]
    Run(Box<RunCommand>),
    #[command(flatten)]
    History(HistoryCommand),
}

/// Commands that need a source, a target, or both.
#[derive(Debug, Subcommand)]
pub(super) enum RunCommand {
    /// Plan a replay: read the records and show what would happen; sends nothing
    Plan(PlanArguments),
    /// Run a plan: its id stands in place of STREAM. With --to, plan and run in one step
    Run {
        #[command(flatten)]
        plan: PlanArguments,
        #[command(flatten)]
        running: RunningArguments,
    },
    /// Resume a paused, failed or interrupted replay
    Resume {
        /// Id of the replay, or the first characters of it
        id: PlanId,
        /// Rate from now on, as for run [default: unchanged]
        #[arg(long)]
        rate: Option<Rate>,
        /// Timing from now on, as for run [default: unchanged]
        #[arg(long)]
        timing: Option<Timing>,
        #[command(flatten)]
        running: RunningArguments,
    },
}

/// Commands that need only the plans' files.
#[derive(Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// Pause a running replay, even one started by another process
    Pause {
        /// Id of the replay, or the first characters of it
        id: PlanId,
    },
    /// Cancel a replay for good; records already sent stay in the target
    Cancel {
        /// Id of the replay, or the first characters of it
        id: PlanId,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// List replays, newest first
    List,
    /// Show a replay: its settings, progress, runs and skipped records
    Show {
        /// Id of the replay, or the first characters of it
        id: PlanId,
        /// Show what became of the record that had this sequence number in its original stream
        #[arg(long, value_name = "SEQUENCE_NUMBER")]
        record: Option<String>,
        /// Show what became of every record, in the order of the plan
        #[arg(long, conflicts_with = "record")]
        receipts: bool,
    },
    /// Remove a replay from the history and delete its file
    Remove {
        /// Id of the replay, or the first characters of it
        id: PlanId,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// What to plan.
#[derive(Args, Clone, Debug)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// Stream to replay into, by name or ARN
    #[arg(long, value_name = "STREAM")]
    to: Option<StreamName>,
    /// Only the last record of each key that arrived at this time or earlier; needs an archive in mode ALL
    #[arg(long, value_name = "TIME")]
    state_as_of: Option<String>,
    /// Also replay items that have expired but are not deleted yet
    #[arg(long)]
    include_expired: bool,
    /// Also replay records that the filter could not search, because their payload is cut, damaged or broken JSON
    #[arg(long)]
    include_unreadable: bool,
    /// Send aggregated records whole instead of taking them apart; consumers lose user records that belong to another shard
    #[arg(long)]
    as_stored: bool,
    #[command(flatten)]
    options: OptionArguments,
}

/// How to send the records.
#[derive(Args, Clone, Debug)]
pub(super) struct OptionArguments {
    /// Put an envelope before each payload that says where the record came from
    #[arg(long)]
    envelope: bool,
    /// Text before and after the envelope [default: the control character 0x1E]
    #[arg(long, requires = "envelope")]
    separator: Option<Separator>,
    /// How fast to send: a share of each shard's capacity such as 50%, records per second such as 800/s, or max [default: 50%]
    #[arg(long)]
    rate: Option<Rate>,
    /// When to send: fast, recorded (keeps the pauses between arrivals), or 10x (ten times as fast as recorded) [default: fast]
    #[arg(long)]
    timing: Option<Timing>,
    /// Which order to keep [default: key]
    #[arg(long, value_enum)]
    order: Option<OrderArgument>,
}

/// Which order to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OrderArgument {
    /// The order of each partition key
    Key,
    /// No order, which is faster for few keys
    None,
}

/// How to run on the command line.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct RunningArguments {
    /// Fail if the target takes no record for this long: seconds, or a number with s, m or h
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = patience)]
    patience: Duration,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

impl OptionArguments {
    /// Replaces the known options with those that are given.
    fn over(&self, known: ReplayOptions) -> ReplayOptions {
        let separator = || self.separator.clone().unwrap_or_default();
        ReplayOptions {
            envelope: if self.envelope { Some(separator()) } else { known.envelope },
            rate: self.rate.unwrap_or(known.rate),
            timing: self.timing.unwrap_or(known.timing),
            sequence: match self.order {
                None => known.sequence,
                Some(OrderArgument::Key) => Sequence::OfKey,
                Some(OrderArgument::None) => Sequence::None,
            },
        }
    }
}

/// A span of time, typed like a TTL.
fn patience(text: &str) -> Result<Duration, String> {
    let span = text.parse::<Ttl>().map(|span| Duration::from_secs(span.seconds()));
    span.map_err(|_| format!("\"{text}\" is not a time span; use seconds, or a number with s, m or h, such as 30s or 10m"))
}

/// A request for a plan, interpreted.
#[derive(Debug)]
struct PlanRequest {
    source: NamedSource,
    matching: Matching,
    target: StreamName,
    include_expired: bool,
    keep_aggregated: bool,
    options: ReplayOptions,
}

impl PlanArguments {
    fn understood(&self) -> Result<PlanRequest, CommandError> {
        let target =
            self.to.clone().ok_or_else(|| CommandError::Usage("--to is missing; it names the stream to replay into".to_owned()))?;
        let state_as_of = match &self.state_as_of {
            Some(text) => Some(local_times().parse(text).map_err(|error| CommandError::Usage(error.to_string()))?),
            None => None,
        };
        let (source, Chosen { filter, recipe, limit }) = self.selection.understood()?;
        let matching = Matching {
            filter,
            recipe,
            limit: limit.map(|limit| limit as u64),
            state_as_of,
            include_unreadable: self.include_unreadable,
            ..Matching::default()
        };
        Ok(PlanRequest {
            source,
            matching,
            target,
            include_expired: self.include_expired,
            keep_aggregated: self.as_stored,
            options: self.options.over(ReplayOptions::default()),
        })
    }

    /// The id of a plan, if that and nothing else is given.
    fn plan_id(&self) -> Result<PlanId, CommandError> {
        let named = self.selection.only_stream();
        let id = named.as_deref().map(PlanId::parse).and_then(Result::ok);
        id.ok_or_else(|| {
            let sentence = "name a plan by its id, or a stream to read and, with --to, the stream to replay into";
            CommandError::Usage(sentence.to_owned())
        })
    }
}

impl RunCommand {
    /// Whether it changes a stream. Planning changes nothing.
    pub(super) fn changes_something(&self) -> bool {
        match self {
            Self::Plan(_) => false,
            Self::Run { .. } | Self::Resume { .. } => true,
        }
    }

    /// Does what it asks for.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(super) async fn run(self, connection: &Connection, output: Output) -> Result<(), CommandError> {
        let plans = plans()?;
        match self {
            Self::Plan(arguments) => plan::run(connection, &plans, arguments.understood()?, output).await,
            Self::Run { plan, running } if plan.to.is_some() => {
                run::plan_and_run(connection, &plans, plan.understood()?, running, output).await
            }
            Self::Run { plan, running } => {
                let id = plan.plan_id()?;
                run::run(connection, &plans, &id, &plan.options, running, output).await
            }
            Self::Resume { id, rate, timing, running } => {
                run::resume(connection, &plans, &id, (rate, timing), running, output).await
            }
        }
    }
}

impl HistoryCommand {
    /// Whether it changes a running replay or the history.
    pub(super) fn changes_something(&self) -> bool {
        match self {
            Self::List | Self::Show { .. } => false,
            Self::Pause { .. } | Self::Cancel { .. } | Self::Remove { .. } => true,
        }
    }

    /// Does what it asks for.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(super) async fn run(self, output: Output) -> Result<(), CommandError> {
        let plans = plans()?;
        match self {
            Self::Pause { id } => history::pause(&plans, &id, output).await,
            Self::Cancel { id, yes } => history::cancel(&plans, &id, yes, output).await,
            Self::List => history::list(&plans, output),
            Self::Show { id, record, receipts } => history::show(&plans, &id, record.as_deref(), receipts, output).await,
            Self::Remove { id, yes } => history::remove(&plans, &id, yes),
        }
    }
}

fn plans() -> Result<Plans, CommandError> {
    Plans::of_user().map_err(of_file)
}

/// The error of a plan's file, as an error of the command.
fn of_file(error: PlanError) -> CommandError {
    match error {
        PlanError::Missing(_) => CommandError::NotFound(error.to_string()),
        PlanError::Ambiguous(..) => CommandError::Usage(error.to_string()),
        PlanError::Busy(..)
        | PlanError::Refused(_)
        | PlanError::Newer(_)
        | PlanError::Older(_)
        | PlanError::Misplaced { .. }
        | PlanError::LogMissing { .. }
        | PlanError::NoFolder
        | PlanError::Full { .. }
        | PlanError::Damaged { .. }
        | PlanError::Broken { .. } => Failure::refused("use the files of replays", error.to_string()).into(),
    }
}
