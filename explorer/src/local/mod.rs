//! The whole system in one process: emulators of Kinesis and DynamoDB, the archiver's own handler fed by an event source with
//! Lambda's semantics, and demo data. What asks for it gets two endpoints and uses them as it would use AWS.
//!
//! Streams live in memory. A data directory keeps the archives from run to run, and which streams there were with their tags, but
//! not the records in them.

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

/// The archiver reads a stream's tags again after this time, so that a new configuration shows at once.
const SETTINGS_REFRESH: Duration = Duration::from_secs(1);
/// Pause between two looks at the streams; calls through the emulator are noticed sooner.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Pause between two reads of an idle shard; records put through the emulator are noticed at once.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Records are given up to the failure destination shortly before a stream's retention of 24 hours would drop them.
const LONGEST_RECORD_AGE: Duration = Duration::from_secs(23 * 60 * 60);
/// Time everything has to be ready.
const READY_TIME: Duration = Duration::from_secs(60);
/// Time the tasks have to deliver what is left, and the servers to finish their requests.
const STOP_TIME: Duration = Duration::from_secs(10);

/// How the local system is started.
#[derive(Clone, Debug, Default)]
pub struct LocalOptions {
    /// Keeps the archives between runs; without it everything is in memory.
    pub data_dir: Option<PathBuf>,
    /// With demo streams, their archives and a trickle of live records.
    pub demo: bool,
}

/// Where the emulators are. Any credentials do.
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
    /// Clients of these emulators.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::to_emulators(&self.kinesis, &self.dynamodb, &self.region)
    }
}

/// The running system. Dropping it ends it at once; [`LocalSystem::stop`] lets it finish first.
#[derive(Debug)]
pub struct LocalSystem {
    endpoints: LocalEndpoints,
    failures: PathBuf,
    setup: watch::Receiver<Setup>,
    checkpoints: Checkpoints,
    work: Group,
    servers: Group,
    /// Last, so that the directory is free only when nothing uses it.
    _data_dir: Option<Arc<DataDir>>,
}

/// Tasks that are told to stop together.
#[derive(Debug)]
struct Group {
    stopper: Stopper,
    tasks: JoinSet<()>,
}

impl LocalSystem {
    /// Starts the emulators and returns as soon as they serve; everything else is made in the background.
    ///
    /// # Errors
    /// When the data directory cannot be used, or no port can be had.
    pub async fn start(options: LocalOptions) -> Result<Self, LocalError> {
        let data_dir = options.data_dir.as_deref().map(DataDir::open).transpose()?.map(Arc::new);
        let remembered = data_dir.as_deref().map(DataDir::remembered).transpose()?.unwrap_or_default();
        let failures = data_dir.as_deref().map_or_else(failures_of_this_process, DataDir::failures);
        let (serve_stopper, serve_stop) = stop_pair();
        let emulators = Emulators::start(data_dir.as_deref(), &serve_stop).await?;

        let (work_stopper, stop) = stop_pair();
        let mut work = Group { stopper: work_stopper, tasks: JoinSet::new() };
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
        let servers = Group { stopper: serve_stopper, tasks: emulators.servers };
        Ok(Self { endpoints: emulators.endpoints, failures, setup, checkpoints, work, servers, _data_dir: data_dir })
    }

    /// Where the emulators are.
    #[must_use]
    pub fn endpoints(&self) -> &LocalEndpoints {
        &self.endpoints
    }

    /// The folder that gets a file for every batch that could not be archived and was given up; made when it is needed.
    #[must_use]
    pub fn failures_dir(&self) -> &Path {
        &self.failures
    }

    /// Returns when the streams of the last run and the demo's streams and tables are there, and the demo's first records put and
    /// archived.
    ///
    /// # Errors
    /// When one of these could not be made, or was not there after a minute.
    pub async fn ready(&self) -> Result<(), LocalError> {
        let late = |waiting_for| move |_| LocalError::NotReady { after: READY_TIME, waiting_for };
        let deadline = tokio::time::Instant::now() + READY_TIME;
        let seeded = tokio::time::timeout_at(deadline, self.seeded()).await.map_err(late("they were not all made"))??;
        let archived = async {
            for shard in &seeded {
                self.checkpoints.reached(&shard.stream, &shard.shard, &shard.last).await;
            }
        };
        tokio::time::timeout_at(deadline, archived).await.map_err(late("their first records were not all archived"))
    }

    /// Stops making records, archives those that are in the streams, and ends everything.
    pub async fn stop(mut self) {
        self.work.stop().await;
        self.servers.stop().await;
    }

    async fn seeded(&self) -> Result<Vec<SeededShard>, LocalError> {
        let failed = |reason: String| LocalError::Setup { reason };
        let mut setup = self.setup.clone();
        let setup = setup.wait_for(|setup| !matches!(setup, Setup::Running)).await;
        match setup.map_err(|_| failed("it was broken off".to_owned()))?.clone() {
            Setup::Done(seeded) => Ok(seeded),
            Setup::Failed(error) => Err(failed(error.to_string())),
            Setup::Running => Ok(Vec::new()),
        }
    }
}

impl Group {
    async fn stop(&mut self) {
        self.stopper.stop();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(STOP_TIME, all).await.is_err() {
            tracing::warn!("not all local work was finished in time");
            self.tasks.shutdown().await;
        }
    }
}

/// Everything but the emulators.
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
        // Here and not on the way to the first screen: making connection takes longer than starting the emulators.
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
            // What is remembered from the last run stays as it was.
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

/// Without a data directory there is still a place for what could not be archived.
fn failures_of_this_process() -> PathBuf {
    std::env::temp_dir().join(format!("kinesis-archiver-failures-{}", std::process::id()))
}
