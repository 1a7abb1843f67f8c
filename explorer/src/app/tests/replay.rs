//! Working with replays, as keys.

use super::fixtures::{
    after_a_run, model_with_records, model_with_streams, name, open_records, plan_into, planned, preflight_of, press, read_request,
    sentence,
};
use crate::app::effect::{Effect, ReplaysEffect, WantedDetails};
use crate::app::message::{Message, ReplayDetails, ReplaysMessage, Reply};
use crate::app::model::{Model, Overlay, Screen};
use crate::app::replay::review::{ReplayReview, ReviewStep};
use crate::app::replay::setup::ReplaySetup;
use crate::app::update;
use crate::domain::failure::Failure;
use crate::domain::listing::marks::Marks;
use crate::domain::reading::ReadEnding;
use crate::domain::replay::lanes::Sequence;
use crate::domain::replay::plan::{Control, PlanId, PlanState, PlanSummary};
use crate::domain::replay::progress::{Progress, RunOutcome};
use crate::domain::replay::timing::Timing;
use crate::domain::replay::{Selection, pace::Rate};

fn form(model: &Model) -> &ReplaySetup {
    match model.screens.last() {
        Some(Screen::ReplaySetup(setup)) => setup,
        other => panic!("no form is open: {other:?}"),
    }
}

fn review(model: &Model) -> &ReplayReview {
    match model.screens.last() {
        Some(Screen::ReplayReview(review)) => review,
        other => panic!("nothing is reviewed: {other:?}"),
    }
}

fn history(model: &mut Model, plans: Vec<PlanSummary>) {
    let effects = press(model, "R");
    listed(model, &effects, plans);
}

fn listed(model: &mut Model, effects: &[Effect], plans: Vec<PlanSummary>) {
    let request = effects.iter().find_map(|effect| match effect {
        Effect::Replays(ReplaysEffect::List { request }) => Some(*request),
        _ => None,
    });
    let result = Ok(plans.into_iter().map(|plan| (plan.id.clone(), Ok(plan))).collect());
    update(model, Message::Replays(ReplaysMessage::Listed(Reply { request: request.unwrap(), result })));
}

fn runs(effects: &[Effect]) -> &PlanId {
    let run = effects.iter().find_map(|effect| match effect {
        Effect::Replays(ReplaysEffect::Run(plan)) => Some(&plan.id),
        _ => None,
    });
    run.unwrap_or_else(|| panic!("nothing runs: {effects:?}"))
}

fn ended(model: &mut Model, replay: &PlanId, state: PlanState, acknowledged: u64) {
    let progress = Progress { total: acknowledged, acknowledged, ..Progress::default() };
    let result = Ok(Box::new(RunOutcome { state, failure: None, progress }));
    update(model, Message::Replays(ReplaysMessage::Ended { replay: replay.clone(), result }));
}

#[test]
fn streams_named_after_the_source_are_offered_first_and_the_source_itself_last() {
    let mut model = model_with_streams(80, 24);
    press(&mut model, "r");
    let Some(Screen::ReplaySetup(setup)) = model.screens.last() else { panic!() };
    let targets: Vec<&str> = setup.targets(&model.streams).iter().map(|name| name.as_str()).collect();
    let expected = ["orders-replay", "app-logs", "audit", "clickstream", "device-status", "invoices", "telemetry", "orders"];
    assert_eq!(targets, expected);
}

#[test]
fn marked_records_are_planned_shown_and_then_run() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "space space r");
    let effects = press(&mut model, "orders-rep enter");
    let [Effect::Replays(ReplaysEffect::Plan { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!((&order.target, &order.options.envelope), (&name("orders-replay"), &None));
    let Selection::Marked(marked) = &order.selection else { panic!("{:?}", order.selection) };
    assert_eq!(marked.len(), 2);
    assert_eq!(press(&mut model, "y"), [], "nothing runs before it is known what");
    let plan = planned(&mut model, &effects, 2);
    let effects = press(&mut model, "y");
    assert_eq!(runs(&effects), &plan.id);
    ended(&mut model, &plan.id, PlanState::Finished, 2);
    assert!(sentence(&model).contains("finished: 2 records sent"));
    press(&mut model, "esc");
    let Marks::Some(marked) = &open_records(&model).marks else { panic!() };
    assert_eq!(marked.len(), 2, "one comes back to the records, marks and all");
}

#[test]
fn all_that_match_are_replayed_by_their_filter_and_not_by_what_is_shown() {
    let (mut model, spool) = model_with_records(120, 40);
    let request = read_request(&spool.press(&mut model, "/ key:cust-1 enter"));
    spool.end(&mut model, request, ReadEnding::Complete);
    let effects = press(&mut model, "r orders-rep tab tab tab tab tab tab space tab | enter");
    let [Effect::Replays(ReplaysEffect::Plan { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let Selection::Matching(matching) = &order.selection else { panic!("{:?}", order.selection) };
    assert_eq!((matching.filter.key(), matching.limit, order.include_expired), (Some("cust-1"), None, false));
    assert_eq!(order.options.envelope.as_ref().map(|separator| separator.as_str()), Some("|"));
}

#[test]
fn rate_timing_order_state_and_limit_are_chosen_in_the_form() {
    let (mut model, _) = model_with_records(120, 40);
    let effects = press(
        &mut model,
        "r orders-rep tab tab 2026-11-20T10:00Z tab 1000 tab space tab space tab tab tab ctrl-u 800/s tab ctrl-u 10x tab space enter",
    );
    let [Effect::Replays(ReplaysEffect::Plan { order, .. })] = effects.as_slice() else {
        panic!("{effects:?}, {:?}", form(&model).problem)
    };
    let Selection::Matching(matching) = &order.selection else { panic!("{:?}", order.selection) };
    assert_eq!((matching.limit, matching.state_as_of), (Some(1_000), Some("2026-11-20T10:00:00Z".parse().unwrap())));
    assert!(order.include_expired && order.keep_aggregated);
    assert_eq!(order.options.rate, Rate::PerSecond(800.try_into().unwrap()));
    assert_eq!((order.options.timing, order.options.sequence), (Timing::AsRecorded(10.0), Sequence::None));
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_read() {
    for (keys, part) in [
        ("enter", "choose the stream to replay into"),
        ("nowhere enter", "no stream's name contains \"nowhere\""),
        ("orders-rep tab tab tab tab tab tab space tab abc enter", "cannot be the separator"),
        ("orders-rep tab tab tab x enter", "\"x\" is not a number of records"),
        ("orders-rep tab tab soon enter", "soon"),
        ("orders-rep shift-tab shift-tab shift-tab ctrl-u 200% enter", "\"200%\" is not a rate"),
        ("orders-rep shift-tab shift-tab ctrl-u slow enter", "\"slow\" is not a timing"),
    ] {
        let (mut model, _) = model_with_records(120, 40);
        press(&mut model, "r");
        assert_eq!(press(&mut model, keys), [], "{keys}");
        let problem = form(&model).problem.as_deref().unwrap_or_default();
        assert!(problem.contains(part), "{keys}: {problem}");
    }
}

#[test]
fn a_name_typed_whole_is_that_stream_though_others_contain_it() {
    let (mut model, _) = model_with_records(120, 40);
    let effects = press(&mut model, "r orders enter");
    let [Effect::Replays(ReplaysEffect::Plan { order, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(order.target, name("orders"));
}

#[test]
fn the_form_and_the_review_know_how_many_were_seen_and_how_many_marks_are_hidden() {
    let (mut model, spool) = model_with_records(120, 40);
    spool.press(&mut model, "space space");
    let request = read_request(&spool.press(&mut model, "/ key:nobody enter"));
    spool.end(&mut model, request, ReadEnding::Complete);
    press(&mut model, "r");
    let shown = form(&model).shown.unwrap();
    assert_eq!((shown.records, shown.is_all_read, shown.hidden_marks), (0, true, 2));
    let effects = press(&mut model, "orders-rep enter");
    planned(&mut model, &effects, 2);
    assert_eq!(review(&model).shown, None, "what is marked is all that is taken");
    press(&mut model, "esc tab space");
    let effects = press(&mut model, "enter");
    planned(&mut model, &effects, 5);
    assert_eq!(review(&model).shown, Some(shown), "all that match may be more than was seen");
}

#[test]
fn everything_or_into_its_own_stream_takes_the_name_typed_out() {
    let (mut model, _) = model_with_records(120, 40);
    let effects = press(&mut model, "r orders-rep enter");
    let plan = planned(&mut model, &effects, 60);
    assert!(review(&model).is_typing());
    assert_eq!(press(&mut model, "y enter"), []);
    let ReviewStep::Ready { problem, .. } = &review(&model).step else { panic!() };
    assert_eq!(problem.as_deref(), Some("type orders-replay to start"));
    assert_eq!(runs(&press(&mut model, "ctrl-u orders-replay enter")), &plan.id);
}

#[test]
fn a_plan_serves_again_while_the_same_records_are_chosen() {
    let (mut model, spool) = model_with_records(120, 40);
    let effects = spool.press(&mut model, "space r orders-rep enter");
    let plan = planned(&mut model, &effects, 1);
    let effects = press(&mut model, "esc shift-tab space enter");
    let [Effect::Replays(ReplaysEffect::CheckPlan { request, replay, choice: Some(choice) })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((replay, choice.1.sequence), (&plan.id, Sequence::None));
    update(
        &mut model,
        Message::Replays(ReplaysMessage::PlanChecked(Reply { request: *request, result: Ok(Some(preflight_of(plan.clone()))) })),
    );
    let effects = press(&mut model, "esc tab tab right enter");
    let [Effect::Replays(ReplaysEffect::Remove(old)), Effect::Replays(ReplaysEffect::Plan { order, .. })] = effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    assert_eq!(old, &plan.id, "a plan that is no longer wanted does not stay behind");
    assert!(matches!(order.selection, Selection::Matching(_)));
}

#[test]
fn leaving_while_records_are_read_stops_that_and_a_late_answer_is_ignored() {
    let (mut model, _) = model_with_records(120, 40);
    let effects = press(&mut model, "r orders-rep enter");
    let [Effect::Replays(ReplaysEffect::Plan { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let request = *request;
    assert_eq!(press(&mut model, "esc"), [Effect::Stop(request)]);
    let result = Ok(Some(preflight_of(plan_into("orders-replay", 5))));
    assert_eq!(update(&mut model, Message::Replays(ReplaysMessage::PlanChecked(Reply { request, result }))), []);
    assert!(form(&model).planned.is_none());
}

#[test]
fn a_plan_that_fails_says_why_and_one_comes_back_to_the_form() {
    let (mut model, _) = model_with_records(120, 40);
    let effects = press(&mut model, "r orders-rep enter");
    let [Effect::Replays(ReplaysEffect::Plan { request, .. })] = effects.as_slice() else { panic!("{effects:?}") };
    let failure = Failure::refused("read table orders-archive-ALL", "no");
    update(&mut model, Message::Replays(ReplaysMessage::PlanChecked(Reply { request: *request, result: Err(failure.clone()) })));
    assert!(matches!(&review(&model).step, ReviewStep::Failed(known) if *known == failure));
    press(&mut model, "esc");
    form(&model);
}

#[test]
fn a_read_only_explorer_plans_and_does_not_run() {
    let (mut model, spool) = model_with_records(120, 40);
    model.session.read_only = true;
    let effects = spool.press(&mut model, "space r orders-rep enter");
    let plan = planned(&mut model, &effects, 1);
    assert_eq!(press(&mut model, "y"), []);
    assert!(sentence(&model).starts_with("read-only"), "{}", sentence(&model));
    let paused = after_a_run(plan, PlanState::Paused, 0, None);
    press(&mut model, "esc esc");
    history(&mut model, vec![paused]);
    assert_eq!(press(&mut model, "p"), []);
    assert!(sentence(&model).starts_with("read-only"), "{}", sentence(&model));
}

#[test]
fn quitting_during_a_replay_asks_and_pauses_it() {
    let (mut model, spool) = model_with_records(120, 40);
    let effects = spool.press(&mut model, "space r orders-rep enter");
    let plan = planned(&mut model, &effects, 1);
    press(&mut model, "y q");
    assert_eq!(model.overlay, Some(Overlay::ConfirmQuit));
    press(&mut model, "esc");
    assert!(!model.quit && model.overlay.is_none());
    let effects = press(&mut model, "q y");
    assert!(model.quit);
    assert_eq!(effects, [Effect::Replays(ReplaysEffect::Control { replay: plan.id, control: Control::Pause })]);
}

#[test]
fn a_replay_is_paused_gone_on_with_and_cancelled_only_after_a_question() {
    let (mut model, spool) = model_with_records(120, 40);
    let effects = spool.press(&mut model, "space r orders-rep enter");
    let plan = planned(&mut model, &effects, 9);
    press(&mut model, "y");
    assert_eq!(
        press(&mut model, "p"),
        [Effect::Replays(ReplaysEffect::Control { replay: plan.id.clone(), control: Control::Pause })]
    );
    assert_eq!(press(&mut model, "p"), [], "once is enough");
    ended(&mut model, &plan.id, PlanState::Paused, 4);
    assert!(sentence(&model).contains("is paused: 4 records sent"), "{}", sentence(&model));
    let effects = press(&mut model, "p");
    let [Effect::Replays(ReplaysEffect::CheckPlan { request, replay, choice: None })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(replay, &plan.id);
    let paused = after_a_run(plan.clone(), PlanState::Paused, 4, None);
    update(
        &mut model,
        Message::Replays(ReplaysMessage::PlanChecked(Reply { request: *request, result: Ok(Some(preflight_of(paused))) })),
    );
    assert_eq!(runs(&press(&mut model, "y")), &plan.id);
    assert_eq!(press(&mut model, "x"), []);
    assert_eq!(model.overlay, Some(Overlay::ConfirmCancel));
    assert_eq!(press(&mut model, "esc"), []);
    assert_eq!(press(&mut model, "x y"), [Effect::Replays(ReplaysEffect::Control { replay: plan.id, control: Control::Cancel })]);
}

#[test]
fn the_history_is_looked_through_and_tidied() {
    let mut model = model_with_streams(120, 40);
    let finished = after_a_run(plan_into("audit", 5), PlanState::Finished, 5, None);
    let mut waiting = plan_into("orders-replay", 5);
    waiting.id = PlanId::of_random(0xabc);
    history(&mut model, vec![finished.clone(), waiting.clone()]);
    let effects = press(&mut model, "l");
    let [Effect::Replays(ReplaysEffect::ReadDetails { request, replay, what: WantedDetails::Receipts })] = effects.as_slice()
    else {
        panic!("{effects:?}")
    };
    assert_eq!(replay, &finished.id);
    update(
        &mut model,
        Message::Replays(ReplaysMessage::DetailsRead(Reply { request: *request, result: Ok(ReplayDetails::Receipts(Vec::new())) })),
    );
    let Some(Screen::Replays(screen)) = model.screens.last() else { panic!() };
    assert!(screen.details.is_some());
    press(&mut model, "esc p");
    assert_eq!(sentence(&model), "a replay that is finished can neither be paused nor resumed");
    let effects = press(&mut model, "down enter");
    assert!(
        matches!(effects.as_slice(), [Effect::Replays(ReplaysEffect::CheckPlan { replay, .. })] if *replay == waiting.id),
        "{effects:?}"
    );
    press(&mut model, "esc d");
    assert_eq!(model.overlay, Some(Overlay::ConfirmRemove));
    assert_eq!(press(&mut model, "y"), [Effect::Replays(ReplaysEffect::Remove(waiting.id))]);
    let effects = update(&mut model, Message::Replays(ReplaysMessage::Controlled(Ok(()))));
    listed(&mut model, &effects, vec![finished]);
    assert_eq!(model.replays.rows.len(), 1);
}

#[test]
fn one_that_runs_elsewhere_is_told_through_its_file() {
    let mut model = model_with_streams(120, 40);
    let running = PlanSummary { state: PlanState::Running, ..plan_into("audit", 5) };
    history(&mut model, vec![running.clone()]);
    assert!(model.running_replays().next().is_none());
    assert_eq!(press(&mut model, "p"), [Effect::Replays(ReplaysEffect::Control { replay: running.id, control: Control::Pause })]);
    press(&mut model, "d");
    assert_eq!(sentence(&model), "it is running; pause or cancel it first");
}

#[test]
fn what_runs_here_stays_known_while_the_history_is_read() {
    let (mut model, spool) = model_with_records(120, 40);
    let effects = spool.press(&mut model, "space r orders-rep enter");
    let plan = planned(&mut model, &effects, 9);
    let effects = press(&mut model, "y");
    let progress = Box::new(Progress { total: 9, acknowledged: 3, ..Progress::default() });
    update(&mut model, Message::Replays(ReplaysMessage::Progressed { replay: plan.id.clone(), progress }));
    listed(&mut model, &effects, Vec::new());
    let (id, live) = model.running_replays().next().unwrap();
    assert_eq!((id, live.progress.acknowledged), (&plan.id, 3));
}
