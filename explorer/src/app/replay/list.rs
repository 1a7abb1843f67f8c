//! The replays: those in this process, and the history from the files.

use crate::app::command::ReplaysCommand;
use crate::app::effect::{Effect, ReplaysEffect, WantedDetails};
use crate::app::ids::RequestId;
use crate::app::message::{ReplayDetails, Reply};
use crate::domain::failure::Failure;
use crate::domain::replay::plan::{Control, Listed, PlanId, PlanState, PlanSummary};
use crate::domain::replay::progress::{Progress, RunOutcome};
use std::collections::VecDeque;

/// All known replays.
#[derive(Debug, Default)]
pub struct Replays {
    /// Newest first.
    pub rows: Vec<ReplayRow>,
    /// Why the last reading of the history failed.
    pub failure: Option<Failure>,
    /// Whether the history was ever read.
    pub is_read: bool,
    reading: Option<RequestId>,
}

/// One replay.
#[derive(Debug)]
pub struct ReplayRow {
    /// Its id.
    pub id: PlanId,
    /// Its file's summary, or why that cannot be read.
    pub plan: Result<PlanSummary, String>,
    /// Its progress, if it runs in this process.
    pub live: Option<Live>,
}

/// A replay that runs in this process.
#[derive(Debug, Default)]
pub struct Live {
    /// Its progress.
    pub progress: Progress,
    /// A request that it has not carried out yet.
    pub control: Option<Control>,
    /// Records acknowledged in each of the last seconds.
    pub rates: VecDeque<u64>,
    acknowledged_at_last_tick: Option<u64>,
}

/// The screen.
#[derive(Debug, Default)]
pub struct ReplaysScreen {
    /// The replay under the cursor.
    pub selected: Option<PlanId>,
    /// Which records are listed for it.
    pub details: Option<(PlanId, ReplayDetails)>,
    /// The pending request.
    asked: Option<(RequestId, PlanId)>,
    /// The first visible line.
    pub scroll: usize,
}

/// Seconds that the chart of the rate goes back.
const CHART_SECONDS: usize = 120;

impl Replays {
    /// The replay of an id.
    #[must_use]
    pub fn get(&self, id: &PlanId) -> Option<&ReplayRow> {
        self.rows.iter().find(|row| row.id == *id)
    }

    fn get_mut(&mut self, id: &PlanId) -> Option<&mut ReplayRow> {
        self.rows.iter_mut().find(|row| row.id == *id)
    }

    /// Those that run in this process.
    pub fn running_here(&self) -> impl Iterator<Item = (&PlanId, &Live)> {
        self.rows.iter().filter_map(|row| Some((&row.id, row.live.as_ref()?)))
    }

    /// Requests the history, unless it is being read.
    pub(in crate::app) fn read(&mut self, request: RequestId) -> Option<Effect> {
        if self.reading.is_some() {
            return None;
        }
        self.reading = Some(request);
        Some(Effect::Replays(ReplaysEffect::List { request }))
    }

    /// Takes the history. Replays in this process keep reporting by themselves.
    pub(in crate::app) fn listed(&mut self, Reply { request, result }: Reply<Result<Listed<String>, Failure>>) {
        if self.reading.take_if(|reading| *reading == request).is_none() {
            return;
        }
        match result {
            Ok(all) => {
                self.is_read = true;
                self.failure = None;
                let mut before = std::mem::take(&mut self.rows);
                let mut live_of = |id: &PlanId| before.iter_mut().find(|row| row.id == *id).and_then(|row| row.live.take());
                self.rows = all.into_iter().map(|(id, plan)| ReplayRow { live: live_of(&id), id, plan }).collect();
                // It began a moment ago, and is not in the history yet.
                self.rows.splice(0..0, before.into_iter().filter(|row| row.live.is_some()));
            }
            Err(failure) => self.failure = Some(failure),
        }
    }

    /// Adds a replay that runs in this process.
    pub(in crate::app) fn started(&mut self, plan: PlanSummary) {
        let plan = PlanSummary { state: PlanState::Running, ..plan };
        let live = Some(Live {
            progress: Progress {
                total: plan.counts.records,
                acknowledged: plan.acknowledged,
                passed_over: plan.passed_over,
                bytes: plan.acknowledged_bytes,
                ..Progress::default()
            },
            ..Live::default()
        });
        self.rows.retain(|row| row.id != plan.id);
        self.rows.insert(0, ReplayRow { id: plan.id.clone(), plan: Ok(plan), live });
        self.rows.sort_by_key(|row| std::cmp::Reverse(row.plan.as_ref().map_or(jiff::Timestamp::MIN, |plan| plan.created_at)));
    }

    pub(in crate::app) fn progressed(&mut self, id: &PlanId, progress: Progress) {
        if let Some(live) = self.get_mut(id).and_then(|row| row.live.as_mut()) {
            live.progress = progress;
        }
    }

    /// Takes the end of a run; shown until the file is read again.
    pub(in crate::app) fn ended(&mut self, id: &PlanId, result: &Result<RunOutcome, Failure>) {
        let Some(row) = self.get_mut(id) else {
            return;
        };
        row.live = None;
        if let (Ok(plan), Ok(outcome)) = (&mut row.plan, result) {
            plan.state = outcome.state;
            plan.acknowledged = outcome.progress.acknowledged;
            plan.acknowledged_bytes = outcome.progress.bytes;
            plan.passed_over = outcome.progress.passed_over;
            plan.maybe_repeated = outcome.progress.maybe_repeated;
        } else if let (Ok(plan), Err(_)) = (&mut row.plan, result) {
            plan.state = PlanState::Interrupted;
        }
    }

    /// Notes a request to a replay.
    pub(in crate::app) fn asked(&mut self, id: &PlanId, control: Control) {
        if let Some(live) = self.get_mut(id).and_then(|row| row.live.as_mut()) {
            live.control = Some(control);
        }
    }

    /// Adds the rates of the last second.
    pub(in crate::app) fn tick(&mut self) {
        for live in self.rows.iter_mut().filter_map(|row| row.live.as_mut()) {
            let acknowledged = live.progress.acknowledged_now;
            let before = live.acknowledged_at_last_tick.replace(acknowledged).unwrap_or(0);
            live.rates.push_back(acknowledged.saturating_sub(before));
            if live.rates.len() > CHART_SECONDS {
                live.rates.pop_front();
            }
        }
    }
}

impl ReplayRow {
    /// Its state.
    #[must_use]
    pub fn state(&self) -> Option<PlanState> {
        match (&self.live, &self.plan) {
            (Some(_), _) => Some(PlanState::Running),
            (None, Ok(plan)) => Some(plan.state),
            (None, Err(_)) => None,
        }
    }

    /// Whether it is being paused or cancelled.
    #[must_use]
    pub fn control(&self) -> Option<Control> {
        self.live.as_ref().and_then(|live| live.control)
    }
}

impl ReplaysScreen {
    /// The screen, with the cursor on this replay.
    #[must_use]
    pub fn on(selected: Option<PlanId>) -> Self {
        Self { selected, ..Self::default() }
    }

    /// The place of the cursor.
    #[must_use]
    pub fn cursor(&self, replays: &Replays) -> usize {
        replays.rows.iter().position(|row| Some(&row.id) == self.selected.as_ref()).unwrap_or(0)
    }

    /// The replay under the cursor.
    #[must_use]
    pub fn current<'r>(&self, replays: &'r Replays) -> Option<&'r ReplayRow> {
        replays.rows.get(self.cursor(replays))
    }

    /// Moves the cursor to a row that was pointed at.
    pub(in crate::app) fn point_at(&mut self, replays: &Replays, place: usize) {
        self.selected = replays.rows.get(place).map(|row| row.id.clone());
        self.details = None;
    }

    /// Whether a command is possible for the replay under the cursor.
    pub(in crate::app) fn check(&self, command: ReplaysCommand, replays: &Replays) -> Result<(), String> {
        let row = self.current(replays).ok_or("there is no replay")?;
        let state = row.state();
        let named = state.map_or("not readable", PlanState::as_str);
        let is_at_work = state.is_some_and(PlanState::is_at_work);
        let can_resume = state.is_some_and(PlanState::can_resume);
        match command {
            ReplaysCommand::Pause | ReplaysCommand::Cancel if row.control().is_some() => {
                Err("it is already ending; calls in flight are still finishing".to_owned())
            }
            ReplaysCommand::Pause if state == Some(PlanState::Running) || can_resume => Ok(()),
            ReplaysCommand::Pause => Err(format!("a replay that is {named} can neither be paused nor resumed")),
            ReplaysCommand::Cancel if is_at_work || state == Some(PlanState::Planned) || can_resume => Ok(()),
            ReplaysCommand::Cancel => Err(format!("a replay that is {named} cannot be cancelled")),
            ReplaysCommand::Remove if is_at_work => Err("it is running; pause or cancel it first".to_owned()),
            ReplaysCommand::Receipts | ReplaysCommand::Open if row.plan.is_err() => Err("its file cannot be read".to_owned()),
            ReplaysCommand::Remove | ReplaysCommand::Receipts | ReplaysCommand::Open => Ok(()),
        }
    }

    /// Requests the records of the replay under the cursor.
    pub(in crate::app) fn ask(&mut self, replays: &Replays, request: RequestId, what: WantedDetails) -> Option<Effect> {
        let replay = self.current(replays)?.id.clone();
        self.asked = Some((request, replay.clone()));
        Some(Effect::Replays(ReplaysEffect::ReadDetails { request, replay, what }))
    }

    /// Takes the answer.
    pub(in crate::app) fn take(&mut self, request: RequestId, details: ReplayDetails) {
        if let Some((_, replay)) = self.asked.take_if(|(asked, _)| *asked == request) {
            self.details = Some((replay, details));
            self.scroll = 0;
        }
    }
}
