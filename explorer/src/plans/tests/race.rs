//! Several processes that want something from one replay at the same time: one runs it, and a cancelled replay does not run.

use super::*;
use crate::domain::replay::plan::{Control, PlanState};
use crate::plans::tests::{begun, everything, planned, record};
use jiff::Timestamp;
use std::sync::Barrier;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ROUNDS: usize = 12;
const THREADS: usize = 6;

fn some(folder: &TempDir) -> PlanFile {
    planned(folder, everything(), (1..=5).map(|number| record("cust-1", number, number)).collect())
}

fn end(journal: Journal, state: PlanState) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(journal.end(RunEnd { state, reason: None })).unwrap();
}

#[test]
fn of_several_that_begin_at_once_or_in_turn_one_runs_and_the_others_are_told_who() {
    for round in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let file = some(&folder);
        let confirmed = file.summary().unwrap();
        let barrier = Barrier::new(THREADS);
        let begun: Vec<Result<(), String>> = std::thread::scope(|scope| {
            let begin = || {
                barrier.wait();
                let begun = Journal::begin(&file, Timestamp::now(), &confirmed, None);
                let (journal, _) = begun.map_err(|error| error.to_string())?;
                // In some rounds the others find it running, in some at its end.
                end(journal, if round % 2 == 0 { PlanState::Finished } else { PlanState::Paused });
                Ok(())
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(begin)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(begun.iter().filter(|begun| begun.is_ok()).count(), 1, "{begun:?}");
        for refused in begun.iter().filter_map(|begun| begun.as_ref().err()) {
            assert!(refused.contains("another process works on replay ") || refused.contains(" has run it meanwhile"), "{refused}");
        }
        assert_eq!(file.summary().unwrap().runs.len(), 1);
    }
}

#[test]
fn what_was_cancelled_does_not_run_whoever_was_first() {
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let file = some(&folder);
        let confirmed = file.summary().unwrap();
        let barrier = Barrier::new(2);
        let (ran, stood) = std::thread::scope(|scope| {
            let run = scope.spawn(|| {
                barrier.wait();
                let Ok((journal, _)) = Journal::begin(&file, Timestamp::now(), &confirmed, None) else {
                    return false;
                };
                let deadline = Instant::now() + Duration::from_secs(20);
                while journal.control() != Some(Control::Cancel) {
                    assert!(Instant::now() < deadline, "the request is lost");
                    std::thread::yield_now();
                }
                end(journal, PlanState::Cancelled);
                true
            });
            let cancel = scope.spawn(|| {
                barrier.wait();
                file.control(Control::Cancel).unwrap()
            });
            (run.join().unwrap(), cancel.join().unwrap())
        });
        assert_eq!(file.summary().unwrap().state, PlanState::Cancelled, "it ran: {ran}, it was {stood:?}");
        assert_eq!(ran, stood == PlanState::Running, "either it was cancelled at rest, or its run got the request");
        let late = Journal::begin(&file, Timestamp::now(), &confirmed, None).unwrap_err().to_string();
        assert!(ran || late == "it was cancelled; plan it again", "{late}");
        assert!(begun(&file).unwrap_err().to_string().contains("it was cancelled"));
    }
}

#[test]
fn a_cancel_that_its_program_did_not_live_to_see_holds() {
    let folder = tempfile::tempdir().unwrap();
    let file = some(&folder);
    let (journal, _) = begun(&file).unwrap();
    file.control(Control::Cancel).unwrap();
    // The process ends without a word.
    drop(journal);
    let deadline = Instant::now() + Duration::from_secs(20);
    while file.summary().unwrap().state == PlanState::Running {
        assert!(Instant::now() < deadline, "the file is never released");
        std::thread::yield_now();
    }
    assert!(begun(&file).unwrap_err().to_string().contains("it was cancelled"));
    assert_eq!(file.summary().unwrap().state, PlanState::Cancelled);
}

#[test]
fn what_was_changed_since_it_was_confirmed_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = some(&folder);
    let confirmed = file.summary().unwrap();
    let target = archiver::format::stream::StreamName::parse("audit").unwrap();
    file.choose(&target, "arn:aws:kinesis:audit", &confirmed.options).unwrap();
    let refused = Journal::begin(&file, Timestamp::now(), &confirmed, None).unwrap_err().to_string();
    assert_eq!(refused, "its target or options were changed meanwhile; review it again");
    let (journal, _) = begun(&file).unwrap();
    end(journal, PlanState::Paused);
    let refused = file.choose(
        &archiver::format::stream::StreamName::parse(confirmed.target.as_str()).unwrap(),
        &confirmed.target_arn,
        &confirmed.options,
    );
    assert!(refused.unwrap_err().to_string().contains("its target cannot change"));
}

#[test]
fn only_its_user_can_read_what_lies_beside_a_plan() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let replays = folder.path().join("replays");
    std::fs::create_dir(&replays).unwrap();
    std::fs::set_permissions(&replays, std::fs::Permissions::from_mode(0o777)).unwrap();
    let plans = Plans::in_folder(&replays);
    drop(crate::plans::tests::drafted(&plans));
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&replays), 0o700);
    for entry in std::fs::read_dir(&replays).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}
