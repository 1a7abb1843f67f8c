//! The effects for replays. A replay in this process is paused or cancelled through a channel, one in another process through its
//! file.

use super::outbox::Outbox;
use super::stops::Stops;
use crate::app::effect::{ReplaysEffect, WantedDetails};
use crate::app::ids::RequestId;
use crate::app::message::{Message, ReplayDetails, ReplaysMessage, Reply};
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
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Between two messages of a running replay: at most ten a second.
const MESSAGE_INTERVAL: Duration = Duration::from_millis(100);
/// Records listed of a replay.
const LISTED: usize = 500;

/// The replays that run here, and the plans being created.
#[derive(Debug, Default)]
pub(super) struct ReplayTasks {
    runs: HashMap<PlanId, Run>,
    plans: Vec<JoinHandle<()>>,
}

/// A replay that runs here.
#[derive(Debug)]
struct Run {
    control: watch::Sender<Option<Control>>,
    task: JoinHandle<()>,
}

impl ReplayTasks {
    /// Starts an effect.
    pub(super) fn start(&mut self, effect: ReplaysEffect, stops: &mut Stops, connection: Connection, outbox: Outbox) {
        match effect {
            ReplaysEffect::List { request } => outbox.send_later(async move {
                let result = list().await;
                Message::Replays(ReplaysMessage::Listed(Reply { request, result }))
            }),
            ReplaysEffect::Plan { request, order } => {
                let stopped = stops.open(request).stopped;
                self.plans.retain(|plan| !plan.is_finished());
                self.plans.push(tokio::spawn(plan(connection, request, *order, outbox, stopped)));
            }
            ReplaysEffect::CheckPlan { request, replay, choice } => outbox.send_later(async move {
                let result = check_plan(&connection, replay, choice.map(|choice| *choice)).await.map(Some);
                Message::Replays(ReplaysMessage::PlanChecked(Reply { request, result }))
            }),
            ReplaysEffect::Run(plan) => self.run(connection, *plan, outbox),
            ReplaysEffect::Control { replay, control } => {
                if !self.control(&replay, control) {
                    outbox.send_later(async move {
                        Message::Replays(ReplaysMessage::Controlled(control_by_file(replay, control).await))
                    });
                }
            }
            ReplaysEffect::Remove(replay) => {
                outbox.send_later(async move { Message::Replays(ReplaysMessage::Controlled(remove(replay).await)) });
            }
            ReplaysEffect::ReadDetails { request, replay, what } => outbox.send_later(async move {
                let result = details(replay, what).await;
                Message::Replays(ReplaysMessage::DetailsRead(Reply { request, result }))
            }),
        }
    }

    fn run(&mut self, connection: Connection, plan: PlanSummary, outbox: Outbox) {
        let (control, asked) = watch::channel(None);
        self.runs.retain(|_, run| !run.task.is_finished());
        let id = plan.id.clone();
        let task = tokio::spawn(run(connection, plan, outbox, asked));
        self.runs.insert(id, Run { control, task });
    }

    /// Pauses or cancels a replay that runs here; false if none has this id.
    fn control(&self, id: &PlanId, control: Control) -> bool {
        let Some(run) = self.runs.get(id).filter(|run| !run.task.is_finished()) else {
            return false;
        };
        run.control.send_replace(Some(control));
        true
    }

    /// Pauses all of them. Returns what to wait for, including plans being created.
    pub(super) fn pause_all(self) -> Vec<JoinHandle<()>> {
        let pause = |Run { control, task }: Run| {
            // A replay that is being cancelled stays cancelled.
            control.send_if_modified(|control| control.is_none() && control.replace(Control::Pause).is_none());
            task
        };
        self.runs.into_values().map(pause).chain(self.plans).collect()
    }
}

async fn run(connection: Connection, plan: PlanSummary, outbox: Outbox, asked: watch::Receiver<Option<Control>>) {
    let (updates, told) = watch::channel(Progress::default());
    let id = plan.id.clone();
    let replay = id.clone();
    let forward = forward(told, &outbox, |progress| {
        Message::Replays(ReplaysMessage::Progressed { replay: replay.clone(), progress: Box::new(progress) })
    });
    let running = async {
        let file = find(id.clone()).await?;
        replay::run(&connection, &file, plan, replay::PATIENCE, updates, asked).await
    };
    let (result, ()) = tokio::join!(running, forward);
    outbox.send(Message::Replays(ReplaysMessage::Ended { replay: id, result: result.map(Box::new) })).await;
}

/// Passes on the latest progress at this interval, until the sender is dropped.
async fn forward<T: Clone>(mut told: watch::Receiver<T>, outbox: &Outbox, message: impl Fn(T) -> Message) {
    while told.changed().await.is_ok() {
        let last = told.borrow_and_update().clone();
        outbox.send(message(last)).await;
        tokio::time::sleep(MESSAGE_INTERVAL).await;
    }
}

/// Creates a plan and checks it.
async fn plan(connection: Connection, request: RequestId, order: ReplayOrder, outbox: Outbox, stopped: watch::Receiver<bool>) {
    let (progress, told) = watch::channel((None::<PlanId>, PlanProgress::default()));
    let forward = forward(told, &outbox, |(_, progress)| {
        Message::Replays(ReplaysMessage::PlanProgressed(Reply { request, result: progress }))
    });
    let planning = async {
        let plans = plans()?;
        match replay::plan(&connection, &plans, order, progress, stopped).await? {
            Planned::Ready(file) => match preflight(&connection, &plans, &file).await {
                Ok(preflight) => Ok(Some(preflight)),
                // Delete a plan that the user has not seen.
                Err(failure) => {
                    on_disk("delete a plan", move || file.remove()).await?;
                    Err(failure)
                }
            },
            Planned::Nothing(nothing) => Err(Failure::refused("plan a replay", nothing.why())),
            Planned::Stopped => Ok(None),
        }
    };
    let (result, ()) = tokio::join!(planning, forward);
    outbox.send(Message::Replays(ReplaysMessage::PlanChecked(Reply { request, result }))).await;
}

/// Applies the chosen target and options to an existing plan, and checks it.
async fn check_plan(
    connection: &Connection,
    replay: PlanId,
    choice: Option<(StreamName, ReplayOptions)>,
) -> Result<Box<Preflight>, Failure> {
    let (plans, file) = (plans()?, find(replay).await?);
    if let Some((target, options)) = choice {
        let arn = crate::aws::streams::overview(connection, &target).await?.arn;
        let file = file.clone();
        on_disk("change a replay's options", move || file.choose(&target, &arn, &options)).await?;
    }
    preflight(connection, &plans, &file).await
}

async fn preflight(connection: &Connection, plans: &Plans, file: &PlanFile) -> Result<Box<Preflight>, Failure> {
    replay::preflight(connection, plans, file).await.map(Box::new)
}

/// The history.
async fn list() -> Result<Listed<String>, Failure> {
    let plans = plans()?;
    let all = on_disk("list the replays", move || plans.list()).await?;
    Ok(all.into_iter().map(|(id, plan)| (id, plan.map_err(|error| error.to_string()))).collect())
}

/// Pauses or cancels a replay through its file.
async fn control_by_file(replay: PlanId, control: Control) -> Result<(), Failure> {
    let file = find(replay).await?;
    on_disk("pause or cancel a replay", move || file.control(control).map(|_| ())).await
}

/// Deletes a replay from the history.
async fn remove(replay: PlanId) -> Result<(), Failure> {
    let file = find(replay).await?;
    on_disk("delete a replay", move || file.remove()).await
}

/// What a replay's file says about its records.
async fn details(replay: PlanId, what: WantedDetails) -> Result<ReplayDetails, Failure> {
    let file = find(replay).await?;
    on_disk("read the records of a replay", move || match what {
        WantedDetails::Receipts => file.latest_receipts(LISTED).map(ReplayDetails::Receipts),
        WantedDetails::PassedOver => file.passed_over(LISTED).map(ReplayDetails::PassedOver),
    })
    .await
}

fn plans() -> Result<Plans, Failure> {
    Plans::of_user().map_err(|error| Failure::refused("open the folder of replays", error.to_string()))
}

async fn find(id: PlanId) -> Result<PlanFile, Failure> {
    let plans = plans()?;
    on_disk("find a replay", move || plans.find(&id)).await
}
