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

/// What of replays is asked for.
#[derive(Debug, Subcommand)]
pub(super) enum ReplayCommand {
    #[command(flatten)]
    Run(Box<RunCommand>),
    #[command(flatten)]
    History(HistoryCommand),
}

/// What takes a source, a target, or both.
#[derive(Debug, Subcommand)]
pub(super) enum RunCommand {
    /// Read the records and show what a replay of them would do; nothing is sent
    Plan(PlanArguments),
    /// Run a plan, by its id; with --to plan records of an archive and run that
    Run {
        #[command(flatten)]
        plan: PlanArguments,
        #[command(flatten)]
        running: RunningArguments,
    },
    /// Go on with a replay that was paused, has failed, or whose program has ended
    Resume {
        /// Its id, or the beginning of it
        id: PlanId,
        /// Another rate from now on
        #[arg(long)]
        rate: Option<Rate>,
        /// Another timing from now on
        #[arg(long)]
        timing: Option<Timing>,
        #[command(flatten)]
        running: RunningArguments,
    },
}

/// What takes only the files of replays.
#[derive(Debug, Subcommand)]
pub(super) enum HistoryCommand {
    /// Pause a replay that runs in this program or another
    Pause {
        /// Its id, or the beginning of it
        id: PlanId,
    },
    /// End a replay for good; what is sent stays sent
    Cancel {
        /// Its id, or the beginning of it
        id: PlanId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the replays, the newest first
    List,
    /// Show a replay: what it does, how far it is, its runs, what was passed over
    Show {
        /// Its id, or the beginning of it
        id: PlanId,
        /// What became of the record of this sequence number, as it was in the stream it came from
        #[arg(long, value_name = "SEQUENCE_NUMBER")]
        record: Option<String>,
        /// Print what became of every record, in the order of the plan
        #[arg(long, conflicts_with = "record")]
        receipts: bool,
    },
    /// Remove a replay from the history, and its file
    Remove {
        /// Its id, or the beginning of it
        id: PlanId,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What is to be planned.
#[derive(Args, Clone, Debug)]
pub(super) struct PlanArguments {
    #[command(flatten)]
    selection: SelectionArguments,
    /// The stream to put the records into
    #[arg(long, value_name = "STREAM")]
    to: Option<StreamName>,
    /// Only the last record of each key that arrived at this time or before it; takes an archive of mode ALL
    #[arg(long, value_name = "TIME")]
    state_as_of: Option<String>,
    /// Replay also items that are expired and only not deleted yet
    #[arg(long)]
    include_expired: bool,
    /// Replay also records that the filter could not look into: their payload is cut, damaged or broken JSON
    #[arg(long)]
    include_unreadable: bool,
    /// Put aggregated records as they are, instead of taking them apart; consumers lose those whose shard is another one
    #[arg(long)]
    as_stored: bool,
    #[command(flatten)]
    options: OptionArguments,
}

/// How records are put.
#[derive(Args, Clone, Debug)]
pub(super) struct OptionArguments {
    /// Put an envelope before each payload that says where it came from
    #[arg(long)]
    envelope: bool,
    /// What separates envelope and payload; the control character 0x1E when not given
    #[arg(long, requires = "envelope")]
    separator: Option<Separator>,
    /// How fast: a share of each shard's capacity such as 50%, records a second such as 800/s, or max [default: 50%]
    #[arg(long)]
    rate: Option<Rate>,
    /// When: fast, recorded (with the pauses between arrivals), or 10x as fast as recorded [default: fast]
    #[arg(long)]
    timing: Option<Timing>,
    /// Which records wait for which [default: key]
    #[arg(long, value_enum)]
    order: Option<OrderArgument>,
}

/// Which records wait for which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OrderArgument {
    /// Those of a partition key arrive one after the other
    Key,
    /// None does, which is faster for few keys
    None,
}

/// How a run goes on the command line.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct RunningArguments {
    /// Give up when the stream has taken nothing for so long
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = patience)]
    patience: Duration,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl OptionArguments {
    /// The options with these in place of what is there.
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

/// A span of time, as a TTL is typed.
fn patience(text: &str) -> Result<Duration, String> {
    let span = text.parse::<Ttl>().map(|span| Duration::from_secs(span.seconds()));
    span.map_err(|_| format!("\"{text}\" is no span of time; give seconds, or a number with s, m or h, such as 30s or 10m"))
}

/// A plan that is to be made, understood.
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
        let target = self
            .to
            .clone()
            .ok_or_else(|| CommandError::Usage("--to is missing: it names the stream to put the records into".to_owned()))?;
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

    /// The id of a plan, where that and nothing else is named.
    fn plan_id(&self) -> Result<PlanId, CommandError> {
        let named = self.selection.only_stream();
        let id = named.as_deref().map(PlanId::parse).and_then(Result::ok);
        id.ok_or_else(|| {
            let sentence = "name a plan by its id, or a stream and with --to the stream to put its records into";
            CommandError::Usage(sentence.to_owned())
        })
    }
}

impl RunCommand {
    /// Whether it changes a stream. To make a plan and look at it changes nothing.
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
    /// Whether it changes what runs elsewhere, or the history.
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

/// A file's error, as the command line says it.
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
