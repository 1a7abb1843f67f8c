//! The options that all commands have, and the connection that they describe.

use super::{CommandError, Online, Output, output};
#[cfg(feature = "local")]
use crate::app::model::LocalAddresses;
use crate::aws::connect::{ConnectOptions, Connection};
#[cfg(feature = "local")]
use crate::domain::failure::Failure;
#[cfg(feature = "local")]
use crate::plans::Plans;
use crate::terminal;
use crate::ui::theme::Look;
use archiver::format::stream::StreamName;
use clap::Args;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;
use std::time::Instant;

/// Options of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Common options")]
pub(super) struct CommonOptions {
    /// AWS profile
    #[arg(long, global = true)]
    profile: Option<String>,
    /// AWS region
    #[arg(long, global = true)]
    region: Option<String>,
    /// Endpoint of the AWS services, such as http://127.0.0.1:4566
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Colours of the screens: dark, light, 16 or none
    #[arg(long, global = true, value_name = "NAME", value_parser = Look::parse)]
    pub(super) theme: Option<Look>,
    /// Refuse to change anything
    #[arg(long, global = true)]
    pub(super) read_only: bool,
    /// Run on built-in emulators with demo streams; needs no AWS account
    #[arg(long, global = true, conflicts_with_all = ["profile", "region", "endpoint_url"])]
    pub(super) local: bool,
    /// Keep local archives in this folder between runs, with --local or `explorer local`
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(super) data_dir: Option<PathBuf>,
    /// Output format
    #[arg(long, global = true, value_enum, default_value_t = Output::Table)]
    pub(super) output: Output,
}

impl CommonOptions {
    /// Whether they say where to connect to.
    #[cfg(feature = "local")]
    pub(super) fn names_aws(&self) -> bool {
        self.profile.is_some() || self.region.is_some() || self.endpoint_url.is_some()
    }

    /// Refuses a folder for local archives if the command has none.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(super) fn check_data_dir(&self) -> Result<(), CommandError> {
        if self.data_dir.is_some() && !self.local {
            return Err(CommandError::Usage("--data-dir is for local archives; add --local".to_owned()));
        }
        Ok(())
    }

    /// Refuses a command that changes something if `--read-only` is set.
    ///
    /// # Errors
    /// A sentence for the user.
    pub(super) fn allow(&self, changes_something: bool) -> Result<(), CommandError> {
        if self.read_only && changes_something {
            return Err(CommandError::Usage("--read-only is set: nothing can be changed".to_owned()));
        }
        Ok(())
    }
}

/// Connects to AWS, or to the given endpoints, and runs the command there.
pub(super) async fn run_on_aws(common: CommonOptions, task: Online, started: Instant) -> Result<(), CommandError> {
    let CommonOptions { profile, region, endpoint_url, .. } = &common;
    let options = ConnectOptions { profile: profile.clone(), region: region.clone(), endpoint_url: endpoint_url.clone() };
    let opens_screens = matches!(task, Online::Screens(_));
    if let Online::Screens(stream) = &task {
        require_terminal(stream.as_ref())?;
    }
    let waiting = |whose: &str| {
        if output::tell(&format!("waiting for the credentials of {whose}; press ctrl-c to stop")).is_err() {
            tracing::debug!("standard error is closed: nobody sees that credentials are being loaded");
        }
    };
    let connection = Connection::to_aws(&options, waiting).await?;
    match &task {
        // Other commands fail with their own first calls: they may lack permission for this check.
        Online::Screens(_) | Online::Streams(_) => connection.check().await?,
        Online::Describe(_)
        | Online::Read(..)
        | Online::Tail(_)
        | Online::Configure(_)
        | Online::Recover(_)
        | Online::Replay(_) => {}
    }
    if let (false, Some(warning)) = (opens_screens, &connection.warning) {
        output::tell(&format!("Warning: {warning}"))?;
    }
    task.run(&common, connection, None, started).await
}

/// Starts the local system and runs the command there.
#[cfg(feature = "local")]
pub(super) async fn run_local(common: CommonOptions, task: Online, started: Instant) -> Result<(), CommandError> {
    if let Online::Screens(stream) = &task {
        require_terminal(stream.as_ref())?;
    }
    let options = crate::local::LocalOptions { data_dir: common.data_dir.clone(), demo: true };
    let system = crate::local::LocalSystem::start(options).await?;
    let endpoints = system.endpoints();
    let connection = Connection::to_emulators(&endpoints.kinesis, &endpoints.dynamodb, &endpoints.region);
    let addresses = LocalAddresses { kinesis: endpoints.kinesis.clone(), dynamodb: endpoints.dynamodb.clone() };
    // A stream that is opened at once must be there.
    if !matches!(task, Online::Screens(None)) {
        system.ready().await?;
    }
    let opens_screens = matches!(task, Online::Screens(_));
    let beside = async {
        if opens_screens && let Err(error) = show_a_replay(&system).await {
            tracing::warn!(%error, "the demo has no replay");
        }
        std::future::pending().await
    };
    let result = tokio::select! {
        result = task.run(&common, connection, Some(addresses), started) => result,
        never = beside => never,
    };
    system.stop().await;
    result
}

/// Somebody who has made no replay yet finds one in the history.
#[cfg(feature = "local")]
async fn show_a_replay(system: &crate::local::LocalSystem) -> Result<(), CommandError> {
    let plans = Plans::of_user().map_err(|error| Failure::refused("open the folder of replays", error.to_string()))?;
    Ok(system.run_first_replay(&plans).await?)
}

#[cfg(not(feature = "local"))]
pub(super) async fn run_local(_: CommonOptions, _: Online, _: Instant) -> Result<(), CommandError> {
    Err(without_local())
}

#[cfg(not(feature = "local"))]
pub(super) fn without_local() -> CommandError {
    CommandError::Usage("this explorer was built without the feature `local`; build it with default features".to_owned())
}

/// The screens need a terminal; a script that forgot its command would hang.
fn require_terminal(stream: Option<&StreamName>) -> Result<(), CommandError> {
    if terminal::stdout_is_terminal() && io::stdin().is_terminal() {
        return Ok(());
    }
    Err(CommandError::Usage(match stream {
        None => "the screens need a terminal; in scripts, use a command (see explorer --help)".to_owned(),
        Some(stream) => format!(
            "there is no command {stream}; as the name of a stream it opens the screens, which need a terminal (see explorer --help)"
        ),
    }))
}
