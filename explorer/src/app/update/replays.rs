//! Handles replays across all screens: planning, checking, running, ending, and the history.

use crate::app::command::{Move, ReplaysCommand};
use crate::app::effect::{Effect, ReplaysEffect, WantedDetails};
use crate::app::ids::RequestId;
use crate::app::message::{ReplaysMessage, Reply};
use crate::app::model::{Model, Notice, Overlay, Screen};
use crate::app::replay::list::{Replays, ReplaysScreen};
use crate::app::replay::review::{ReplayReview, ReviewStep};
use crate::domain::failure::Failure;
use crate::domain::replay::ReplayOrder;
use crate::domain::replay::plan::{Control, PlanId, PlanState};
use crate::domain::replay::preflight::Preflight;
use crate::domain::replay::progress::RunOutcome;
use crate::domain::text::count;

/// Seconds between two refreshes of the history while it is on top.
const REFRESH_SECONDS: i64 = 2;

/// Handles a message about replays.
pub(in crate::app) fn take(model: &mut Model, message: ReplaysMessage) -> Vec<Effect> {
    match message {
        ReplaysMessage::Listed(reply) => {
            model.replays.listed(reply);
            Vec::new()
        }
        ReplaysMessage::PlanProgressed(Reply { request, result }) => {
            if let Some(review) = reviews(model).find(|review| review.awaits() == Some(request)) {
                review.progressed(request, result);
            }
            Vec::new()
        }
        ReplaysMessage::PlanChecked(Reply { request, result }) => plan_checked(model, request, result),
        ReplaysMessage::Progressed { replay, progress } => {
            model.replays.progressed(&replay, *progress);
            Vec::new()
        }
        ReplaysMessage::Ended { replay, result } => ended(model, &replay, result.map(|outcome| *outcome)),
        ReplaysMessage::DetailsRead(Reply { request, result }) => {
            match result {
                Ok(details) => {
                    if let Some(Screen::Replays(screen)) = model.screens.last_mut() {
                        screen.take(request, details);
                    }
                }
                Err(failure) => model.notice = Some(Notice::Error(failure.to_string())),
            }
            Vec::new()
        }
        ReplaysMessage::Controlled(result) => {
            if let Err(failure) = result {
                model.notice = Some(Notice::Error(failure.to_string()));
            }
            read(model)
        }
    }
}

fn reviews(model: &mut Model) -> impl Iterator<Item = &mut ReplayReview> {
    model.screens.iter_mut().filter_map(|screen| match screen {
        Screen::ReplayReview(review) => Some(review.as_mut()),
        Screen::Records(_) | Screen::Description(_) | Screen::Configure(_) | Screen::ReplaySetup(_) | Screen::Replays(_) => None,
    })
}

/// Refreshes the history regularly while it is visible.
pub(in crate::app) fn tick(model: &mut Model) -> Option<Effect> {
    let is_due = model.times.now.as_second() % REFRESH_SECONDS == 0;
    if is_due && matches!(model.screens.last(), Some(Screen::Replays(_))) { read(model).pop() } else { None }
}

/// Requests the history, unless it is being read.
pub(in crate::app) fn read(model: &mut Model) -> Vec<Effect> {
    let request = model.next_request();
    model.replays.read(request).into_iter().collect()
}

/// Opens the list of replays.
pub(in crate::app) fn show(model: &mut Model, selected: Option<PlanId>) -> Vec<Effect> {
    let newest = || model.running_replays().next().map(|(id, _)| id.clone());
    let selected = selected.or_else(newest);
    model.screens.push(Screen::Replays(ReplaysScreen::on(selected)));
    read(model)
}

/// Plans the form's order, or checks the existing plan for the same records.
pub(in crate::app) fn plan(model: &mut Model, order: Box<ReplayOrder>, request: RequestId) -> Vec<Effect> {
    let Some(Screen::ReplaySetup(setup)) = model.screens.last_mut() else {
        return Vec::new();
    };
    let known = setup.plan_for(&order).cloned();
    let outdated = setup.planned.take().map(|(plan, _)| plan).filter(|_| known.is_none());
    // The plan itself knows what it contains.
    setup.planned = known.clone().map(|plan| (plan, order.clone()));
    setup.ordered = Some(order.clone());
    let shown = setup.shown_of_chosen();
    let (review, effect) = match known {
        Some(replay) => {
            let choice = Some(Box::new((order.target.clone(), order.options.clone())));
            (ReplayReview::looking(request, false), Effect::Replays(ReplaysEffect::CheckPlan { request, replay, choice }))
        }
        None => (ReplayReview::planning(request), Effect::Replays(ReplaysEffect::Plan { request, order })),
    };
    model.screens.push(Screen::ReplayReview(Box::new(ReplayReview { shown, ..review })));
    outdated.map(|plan| Effect::Replays(ReplaysEffect::Remove(plan))).into_iter().chain(Some(effect)).collect()
}

fn plan_checked(model: &mut Model, request: RequestId, result: Result<Option<Box<Preflight>>, Failure>) -> Vec<Effect> {
    let result = match result {
        Ok(Some(preflight)) => Ok(preflight),
        // The user who stopped it has left its screen.
        Ok(None) => return Vec::new(),
        Err(failure) => Err(failure),
    };
    let plan = result.as_ref().ok().map(|preflight| preflight.plan.id.clone());
    let is_new = reviews(model)
        .find(|review| review.awaits() == Some(request))
        .map(|review| matches!(review.step, ReviewStep::Planning { .. }));
    let Some(is_new) = is_new else {
        return Vec::new();
    };
    reviews(model).for_each(|review| {
        review.known(request, result.clone());
    });
    // The form below can now use this plan.
    if is_new && let Some(plan) = plan {
        for screen in &mut model.screens {
            if let Screen::ReplaySetup(setup) = screen
                && let Some(order) = setup.ordered.clone()
            {
                setup.planned = Some((plan.clone(), order));
            }
        }
    }
    Vec::new()
}

/// Runs the shown plan, if the input confirms it.
pub(in crate::app) fn begin(model: &mut Model) -> Vec<Effect> {
    let is_read_only = model.session.read_only;
    let Some(Screen::ReplayReview(review)) = model.screens.last_mut() else {
        return Vec::new();
    };
    if is_read_only {
        model.notice = Some(Notice::Error("read-only: you can plan a replay, but not run it".to_owned()));
        return Vec::new();
    }
    let Some(preflight) = review.confirm() else {
        return Vec::new();
    };
    let id = preflight.plan.id.clone();
    let run = Effect::Replays(ReplaysEffect::Run(Box::new(preflight.plan.clone())));
    model.replays.started(preflight.plan);
    // Form and review are no longer needed.
    model.screens.pop();
    if matches!(model.screens.last(), Some(Screen::ReplaySetup(_))) {
        model.screens.pop();
    }
    if let Some(Screen::Replays(screen)) = model.screens.last_mut() {
        screen.selected = Some(id);
        return vec![run];
    }
    let mut effects = show(model, Some(id));
    effects.push(run);
    effects
}

/// Handles a command on the list of replays.
pub(in crate::app) fn run(model: &mut Model, command: ReplaysCommand) -> Vec<Effect> {
    let request = model.next_request();
    let Some(Screen::Replays(screen)) = model.screens.last_mut() else {
        return Vec::new();
    };
    let Some(row) = screen.current(&model.replays) else {
        return Vec::new();
    };
    let (replay, state) = (row.id.clone(), row.state());
    match command {
        ReplaysCommand::Pause if state.is_some_and(PlanState::can_resume) => return vec![review(model, replay, request, true)],
        ReplaysCommand::Pause => {
            model.replays.asked(&replay, Control::Pause);
            return vec![Effect::Replays(ReplaysEffect::Control { replay, control: Control::Pause })];
        }
        ReplaysCommand::Cancel => model.overlay = Some(Overlay::ConfirmCancel),
        ReplaysCommand::Remove => model.overlay = Some(Overlay::ConfirmRemove),
        ReplaysCommand::Open if state == Some(PlanState::Planned) => return vec![review(model, replay, request, false)],
        ReplaysCommand::Open => return screen.ask(&model.replays, request, WantedDetails::PassedOver).into_iter().collect(),
        ReplaysCommand::Receipts => return screen.ask(&model.replays, request, WantedDetails::Receipts).into_iter().collect(),
    }
    Vec::new()
}

/// Shows an existing plan for review.
fn review(model: &mut Model, replay: PlanId, request: RequestId, is_resumed: bool) -> Effect {
    model.screens.push(Screen::ReplayReview(Box::new(ReplayReview::looking(request, is_resumed))));
    Effect::Replays(ReplaysEffect::CheckPlan { request, replay, choice: None })
}

/// Moves the cursor in the list of replays, or scrolls the listed records.
pub(in crate::app) fn go(screen: &mut ReplaysScreen, replays: &Replays, to: Move, page: usize) {
    if screen.details.is_some() {
        screen.scroll = to.apply(screen.scroll, page, usize::MAX);
        return;
    }
    let cursor = to.apply(screen.cursor(replays), page, replays.rows.len());
    screen.selected = replays.rows.get(cursor).map(|row| row.id.clone());
}

/// Cancels or deletes the replay under the cursor after confirmation.
pub(in crate::app) fn confirmed(model: &mut Model, overlay: Overlay) -> Vec<Effect> {
    let Some(Screen::Replays(screen)) = model.screens.last() else {
        return Vec::new();
    };
    let Some(replay) = screen.current(&model.replays).map(|row| row.id.clone()) else {
        return Vec::new();
    };
    match overlay {
        Overlay::ConfirmCancel => {
            model.replays.asked(&replay, Control::Cancel);
            vec![Effect::Replays(ReplaysEffect::Control { replay, control: Control::Cancel })]
        }
        Overlay::ConfirmRemove => vec![Effect::Replays(ReplaysEffect::Remove(replay))],
        Overlay::Help(_) | Overlay::Copy | Overlay::ConfirmQuit => Vec::new(),
    }
}

fn ended(model: &mut Model, id: &PlanId, result: Result<RunOutcome, Failure>) -> Vec<Effect> {
    let damaged = model.replays.get(id).and_then(|row| row.plan.as_ref().ok()).map_or(0, |plan| plan.counts.damaged);
    model.replays.ended(id, &result);
    if model.overlay == Some(Overlay::ConfirmCancel) {
        model.overlay = None;
    }
    model.notice = Some(match &result {
        Ok(outcome) => {
            let (sent, left) = (count(outcome.progress.acknowledged), count(outcome.progress.left()));
            let passed_over = outcome.progress.passed_over + damaged;
            match (&outcome.failure, outcome.state) {
                (Some(failure), _) => {
                    let again = if outcome.progress.is_target_gone { "" } else { "; p resumes it" };
                    Notice::Error(format!("replay {id} stopped after {sent} records: {failure}{again}"))
                }
                (None, PlanState::Finished) if passed_over == 0 => {
                    Notice::Info(format!("replay {id} finished: {sent} records sent"))
                }
                (None, PlanState::Finished) => {
                    let passed_over = count(passed_over);
                    Notice::Error(format!("replay {id} finished: {sent} records sent, {passed_over} skipped; R lists them"))
                }
                (None, PlanState::Paused) => Notice::Info(format!("replay {id} is paused: {sent} records sent, {left} left")),
                (None, _) => Notice::Info(format!("replay {id} is {}: {sent} records were sent", outcome.state.as_str())),
            }
        }
        Err(failure) => Notice::Error(failure.to_string()),
    });
    read(model)
}
