//! The effects around replays: each is a task that speaks in messages. What runs here is asked to pause or to end through a channel;
//! what runs elsewhere through its file.

use super::say;
use crate::app::message::{Message, ReplayDetails, RequestId, WantedDetails};
use crate::aws::connect::Connection;
use crate::domain::failure::Failure;
use crate::domain::replay::plan::{Control, Listed, PlanId, PlanSummary};
use crate::domain::replay::preflight::Preflight;
use crate::domain::replay::progress::{PlanProgress, Progress};
use crate::domain::replay::{ReplayOptions, ReplayOrder};
use crate::plans::{PlanFile, Plans};
use crate::replay::{self, Planned, on_disk};
use archiver::format::stream::StreamName;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Between two messages of one that is at work: ten a second at the most.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(100);
/// Records listed of a replay.
const LISTED: usize = 500;

/// The replays that run here.
#[derive(Debug, Default)]
pub(super) struct Running {
    runs: HashMap<PlanId, (watch::Sender<Option<Control>>, JoinHandle<()>)>,
}

impl Running {
    /// Runs a plan.
    pub(super) fn run(&mut self, connection: Connection, plan: PlanSummary, messages: mpsc::Sender<Message>) {
        let (control, asked) = watch::channel(None);
        self.runs.retain(|_, (_, task)| !task.is_finished());
        let id = plan.id.clone();
        let task = tokio::spawn(run(connection, plan, messages, asked));
        self.runs.insert(id, (control, task));
    }

    /// Tells one that runs here something; false where none of this id does.
    pub(super) fn tell(&self, id: &PlanId, control: Control) -> bool {
        match self.runs.get(id) {
            Some((asked, task)) if !task.is_finished() => {
                asked.send_replace(Some(control));
                true
            }
            _ => false,
        }
    }

    /// Has all of them paused; gives back what to wait for.
    pub(super) fn pause_all(self) -> Vec<JoinHandle<()>> {
        let pause = |(control, task): (watch::Sender<Option<Control>>, JoinHandle<()>)| {
            // One that is being cancelled stays so.
            control.send_if_modified(|control| control.is_none() && control.replace(Control::Pause).is_none());
            task
        };
        self.runs.into_values().map(pause).collect()
    }
}

async fn run(connection: Connection, plan: PlanSummary, messages: mpsc::Sender<Message>, asked: watch::Receiver<Option<Control>>) {
    let (updates, told) = watch::channel(Progress::default());
    let id = plan.id.clone();
    let replay = id.clone();
    let forward =
        forward(told, &messages, |progress| Message::ReplayProgressed { replay: replay.clone(), progress: Box::new(progress) });
    let running = async {
        let file = find(id.clone()).await?;
        replay::run(&connection, &file, plan, replay::PATIENCE, updates, asked).await
    };
    let (result, ()) = tokio::join!(running, forward);
    say(&messages, Message::ReplayEnded { replay: id, result: result.map(Box::new) }).await;
}

/// Hands on what was told last, at most so often, until nobody tells any more.
async fn forward<T: Clone>(mut told: watch::Receiver<T>, messages: &mpsc::Sender<Message>, message: impl Fn(T) -> Message) {
    while told.changed().await.is_ok() {
        let last = told.borrow_and_update().clone();
        say(messages, message(last)).await;
        tokio::time::sleep(MESSAGE_INTERVAL).await;
    }
}

/// Makes a plan, and looks it over.
pub(super) async fn plan(
    connection: Connection,
    request: RequestId,
    order: ReplayOrder,
    messages: mpsc::Sender<Message>,
    stopped: watch::Receiver<bool>,
) {
    let (progress, told) = watch::channel((None::<PlanId>, PlanProgress::default()));
    let forward = forward(told, &messages, |(_, progress)| Message::PlanProgressed { request, progress });
    let planning = async {
        let plans = plans()?;
        match replay::plan(&connection, &plans, order, progress, stopped).await? {
            Planned::Ready(file) => match look_over_file(&connection, &plans, &file).await {
                Ok(preflight) => Ok(Some(preflight)),
                // A plan that nobody has seen is not kept.
                Err(failure) => {
                    on_disk("remove a plan", move || file.remove()).await?;
                    Err(failure)
                }
            },
            Planned::Nothing(nothing) => Err(Failure::refused("replay anything", nothing.why())),
            Planned::Stopped => Ok(None),
        }
    };
    let (result, ()) = tokio::join!(planning, forward);
    say(&messages, Message::ReplayLookedOver { request, result }).await;
}

/// Looks a plan over that is there, after something was chosen anew.
pub(super) async fn look_over(
    connection: &Connection,
    replay: PlanId,
    choice: Option<(StreamName, ReplayOptions)>,
) -> Result<Box<Preflight>, Failure> {
    let (plans, file) = (plans()?, find(replay).await?);
    if let Some((target, options)) = choice {
        let arn = crate::aws::streams::overview(connection, &target).await?.arn;
        let file = file.clone();
        on_disk("choose how a replay goes", move || file.choose(&target, &arn, &options)).await?;
    }
    look_over_file(connection, &plans, &file).await
}

async fn look_over_file(connection: &Connection, plans: &Plans, file: &PlanFile) -> Result<Box<Preflight>, Failure> {
    replay::preflight(connection, plans, file).await.map(Box::new)
}

/// The history.
pub(super) async fn list() -> Result<Listed<String>, Failure> {
    let plans = plans()?;
    let all = on_disk("list the replays", move || plans.list()).await?;
    Ok(all.into_iter().map(|(id, plan)| (id, plan.map_err(|error| error.to_string()))).collect())
}

/// Tells a replay something through its file.
pub(super) async fn tell(replay: PlanId, control: Control) -> Result<(), Failure> {
    let file = find(replay).await?;
    on_disk("tell a replay", move || file.control(control).map(|_| ())).await
}

/// Removes a replay from the history.
pub(super) async fn remove(replay: PlanId) -> Result<(), Failure> {
    let file = find(replay).await?;
    on_disk("remove a replay", move || file.remove()).await
}

/// What a replay's file tells of its records.
pub(super) async fn details(replay: PlanId, what: WantedDetails) -> Result<ReplayDetails, Failure> {
    let file = find(replay).await?;
    on_disk("read the records of a replay", move || match what {
        WantedDetails::Receipts => file.latest_receipts(LISTED).map(ReplayDetails::Receipts),
        WantedDetails::PassedOver => file.passed_over(LISTED).map(ReplayDetails::PassedOver),
    })
    .await
}

fn plans() -> Result<Plans, Failure> {
    Plans::of_user().map_err(|error| Failure::refused("use the files of replays", error.to_string()))
}

async fn find(id: PlanId) -> Result<PlanFile, Failure> {
    let plans = plans()?;
    on_disk("find a replay", move || plans.find(&id)).await
}
