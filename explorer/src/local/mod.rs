//! The whole system in one process: emulators of Kinesis and DynamoDB, the archiver's own handler fed by an event source with
//! Lambda's semantics, and demo data. Its users get two endpoints and treat them like AWS. Streams are in memory. A data directory
//! keeps the archives and the list of streams with their tags from run to run, but not the streams' records.

mod data_dir;
mod demo;
pub mod emulators;
mod error;
pub mod event_source;
mod setup;
mod streams;
mod sweeps;
#[cfg(test)]
mod tests;

pub use error::LocalError;

use crate::aws::connect::Connection;
use crate::plans::Plans;
use archiver::function::handler::AwsArchiver;
use data_dir::{DataDir, RememberedStreams};
use demo::SeededShard;
use emulators::Emulators;
use event_source::{Arrivals, Checkpoints, EventSourceConfig, Inventory, RetryPolicy, StopSignal, Stopper, Watcher, stop_pair};
use setup::Setup;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The archiver reads a stream's tags again after this time, so that a new configuration takes effect at once.
const SETTINGS_REFRESH: Duration = Duration::from_secs(1);
/// Pause between two checks of the streams; calls through the emulator are noticed sooner.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Pause between two reads of an idle shard; records put through the emulator are noticed at once.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Records are given up shortly before a stream's retention of 24 hours would drop them.
const LONGEST_RECORD_AGE: Duration = Duration::from_secs(23 * 60 * 60);
/// How long setup may take.
const READY_TIME: Duration = Duration::from_secs(60);
/// How long the tasks may take to deliver what is left, and the servers to finish their requests.
const STOP_TIME: Duration = Duration::from_secs(10);

/// Options of the local system.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// Keeps the archives between runs; without it everything is in memory.
    pub data_dir: Option<PathBuf>,
    /// Adds demo streams, their archives and a trickle of live records.
    pub demo: bool,
}

/// The emulators' addresses. Any credentials work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalEndpoints {
    /// URL of the Kinesis emulator.
    pub kinesis: String,
    /// URL of the DynamoDB emulator.
    pub dynamodb: String,
    /// The region in all ARNs.
    pub region: String,
}

impl LocalEndpoints {
    /// Clients for these emulators.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::to_emulators(&self.kinesis, &self.dynamodb, &self.region)
    }
}

/// The running system. Dropping it stops it at once; [`LocalSystem::stop`] lets it finish first.
#[derive(Debug)]
pub struct LocalSystem {
    endpoints: LocalEndpoints,
    failures: PathBuf,
    setup: watch::Receiver<Setup>,
    checkpoints: Checkpoints,
    work: TaskGroup,
    servers: TaskGroup,
    /// Last field, so that the directory is released only when nothing uses it any more.
    _data_dir: Option<Arc<DataDir>>,
}

/// Tasks that are stopped together.
#[derive(Debug)]
struct TaskGroup {
    stopper: Stopper,
    tasks: JoinSet<()>,
}

impl LocalSystem {
    /// Starts the emulators and returns as soon as they accept requests; everything else is created in the background.
    ///
    /// # Errors
    /// When the data directory cannot be used, or no port is free.
    pub async fn start(options: LocalOptions) -> Result<Self, LocalError> {
        let data_dir = options.data_dir.as_deref().map(DataDir::open).transpose()?.map(Arc::new);
        let remembered = data_dir.as_deref().map(DataDir::remembered).transpose()?.unwrap_or_default();
        let failures = data_dir.as_deref().map_or_else(failures_of_this_process, DataDir::failures);
        let (serve_stopper, serve_stop) = stop_pair();
        let emulators = Emulators::start(data_dir.as_deref(), &serve_stop).await?;

        let (work_stopper, stop) = stop_pair();
        let mut work = TaskGroup { stopper: work_stopper, tasks: JoinSet::new() };
        let checkpoints = Checkpoints::default();
        let (setup_sender, setup) = watch::channel(Setup::Running);
        let background = Background {
            endpoints: emulators.endpoints.clone(),
            streams_changed: Arc::clone(&emulators.streams_changed),
            arrivals: emulators.arrivals.clone(),
            checkpoints: checkpoints.clone(),
            failures: failures.clone(),
            data_dir: data_dir.clone(),
            remembered,
            with_demo: options.demo,
            setup: setup_sender,
        };
        work.tasks.spawn(background.run(stop.clone()));
        work.tasks.spawn(sweeps::run(emulators.database, stop));
        let servers = TaskGroup { stopper: serve_stopper, tasks: emulators.servers };
        Ok(Self { endpoints: emulators.endpoints, failures, setup, checkpoints, work, servers, _data_dir: data_dir })
    }

    /// The emulators' addresses.
    #[must_use]
    pub fn endpoints(&self) -> &LocalEndpoints {
        &self.endpoints
    }

    /// The folder that gets a file for every batch that could not be archived; created when needed.
    #[must_use]
    pub fn failures_dir(&self) -> &Path {
        &self.failures
    }

    /// Returns once the streams of the last run and the demo's streams and tables exist, and the demo's initial records are
    /// archived.
    ///
    /// # Errors
    /// When one of these could not be created, or was missing after a minute.
    pub async fn ready(&self) -> Result<(), LocalError> {
        let late = |waiting_for| move |_| LocalError::NotReady { after: READY_TIME, waiting_for };
        let deadline = tokio::time::Instant::now() + READY_TIME;
        let seeded = tokio::time::timeout_at(deadline, self.seeded()).await.map_err(late("not all of them were created"))??;
        let archived = async {
            for shard in &seeded {
                self.checkpoints.reached(&shard.stream, &shard.shard, &shard.last).await;
            }
        };
        tokio::time::timeout_at(deadline, archived).await.map_err(late("not all initial records were archived"))
    }

    /// Runs a replay of the demo once everything is ready, if these plans have none yet.
    ///
    /// # Errors
    /// When the setup, the plan or the run fails.
    pub async fn run_first_replay(&self, plans: &Plans) -> Result<(), LocalError> {
        self.ready().await?;
        let run = demo::run_first(&self.endpoints.connect(), plans).await;
        run.map_err(|failure| LocalError::Setup { reason: failure.to_string() })
    }

    /// Stops the live records, archives what is in the streams, and stops everything.
    pub async fn stop(mut self) {
        self.work.stop().await;
        self.servers.stop().await;
    }

    async fn seeded(&self) -> Result<Vec<SeededShard>, LocalError> {
        let failed = |reason: String| LocalError::Setup { reason };
        let mut setup = self.setup.clone();
        let setup = setup.wait_for(|setup| !matches!(setup, Setup::Running)).await;
        match setup.map_err(|_| failed("it was interrupted".to_owned()))?.clone() {
            Setup::Done(seeded) => Ok(seeded),
            Setup::Failed(error) => Err(failed(error.to_string())),
            Setup::Running => Ok(Vec::new()),
        }
    }
}

impl TaskGroup {
    async fn stop(&mut self) {
        self.stopper.stop();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME, all).await.is_err() {
            tracing::warn!("not all local work was finished in time");
            self.tasks.shutdown().await;
        }
    }
}

/// Everything except the emulators.
struct Background {
    endpoints: LocalEndpoints,
    streams_changed: Arc<tokio::sync::Notify>,
    arrivals: Arrivals,
    checkpoints: Checkpoints,
    failures: PathBuf,
    data_dir: Option<Arc<DataDir>>,
    remembered: RememberedStreams,
    with_demo: bool,
    setup: watch::Sender<Setup>,
}

impl Background {
    async fn run(self, stop: StopSignal) {
        // Created here rather than before the first screen, because creating clients takes longer than starting the emulators.
        let connection = self.endpoints.connect();
        let inventory = watch::Sender::new(Inventory::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(self.watcher(&connection, inventory.clone()).run(stop.clone()));
        let mut stopped = stop.clone();
        let made = tokio::select! {
            made = setup::run(&connection, &self.remembered, self.with_demo) => made,
            () = stopped.stopped() => return,
        };
        match made {
            Ok(seeded) => {
                if let Some(data_dir) = self.data_dir {
                    tasks.spawn(streams::remember(connection.kinesis.clone(), data_dir, inventory.subscribe(), stop.clone()));
                }
                if self.with_demo {
                    tasks.spawn(demo::trickle(connection.kinesis.clone(), stop));
                }
                self.setup.send_replace(Setup::Done(seeded));
            }
            // Streams from the last run stay as they were.
            Err(error) => {
                tracing::error!(%error, "the local streams could not be set up");
                self.setup.send_replace(Setup::Failed(error));
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    fn watcher(&self, connection: &Connection, inventory: watch::Sender<Inventory>) -> Watcher<impl event_source::Invoke + use<>> {
        let LocalEndpoints { kinesis, dynamodb, region } = &self.endpoints;
        let retry = RetryPolicy {
            maximum_record_age: Some(LONGEST_RECORD_AGE),
            bisect_batch_on_function_error: true,
            ..RetryPolicy::default()
        };
        Watcher {
            client: connection.kinesis.clone(),
            invoker: Arc::new(AwsArchiver::new_on_emulators(kinesis, dynamodb, region, SETTINGS_REFRESH)),
            config: Arc::new(EventSourceConfig {
                retry,
                poll_interval: POLL_INTERVAL,
                arrivals: Some(self.arrivals.clone()),
                ..EventSourceConfig::new(self.failures.clone())
            }),
            checkpoints: self.checkpoints.clone(),
            interval: WATCH_INTERVAL,
            changed: Arc::clone(&self.streams_changed),
            inventory,
        }
    }
}

/// A place for failed batches even without a data directory.
fn failures_of_this_process() -> PathBuf {
    std::env::temp_dir().join(format!("kinesis-archiver-failures-{}", std::process::id()))
}
