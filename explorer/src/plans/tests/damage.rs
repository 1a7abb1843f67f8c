//! Replay files that are damaged, moved, linked or created by something else: what is sent from them is what was planned, or
//! nothing.

use super::*;
use crate::domain::replay::ReplayOptions;
use crate::domain::replay::hash_key::tests::even;
use crate::domain::replay::plan::{PlanId, PlanState};
use crate::plans::tests::{begun, everything, planned, queue, receipt, record};
use proptest::prelude::*;
use rusqlite::Connection;
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;

/// What a consumer gets from a plan: the records in order, and what decides how they are put.
#[derive(Debug, PartialEq)]
struct Received {
    records: Vec<Loaded>,
    target: (String, String, Option<String>),
    options: ReplayOptions,
}

/// Reads what is left of a plan, as a run does, without sending it.
fn received(file: &PlanFile) -> Result<Received, String> {
    let (journal, plan) = begun(file).map_err(|error| error.to_string())?;
    let mut reader = QueueReader::open(file).map_err(|error| error.to_string())?;
    let mut left = 0;
    let counted = reader.each_left(|_| {
        left += 1;
        true
    });
    counted.map_err(|error| error.to_string())?;
    let entries = reader.next_for(&even(1), 0, usize::MAX).map_err(|error| error.to_string())?;
    let records = reader.load(&entries, true).map_err(|error| error.to_string())?;
    let records = records.into_iter().collect::<Result<Vec<_>, _>>()?;
    drop(journal);
    if (records.len() as u64, left) != (plan.left(), plan.left()) {
        return Err(format!("{} records instead of {}", records.len(), plan.left()));
    }
    Ok(Received { records, target: (plan.target, plan.target_arn, plan.stream), options: plan.options })
}

/// The bytes of a plan with some records, and of one that was paused when half of them were sent; their ids, and what they send.
struct Sound {
    bytes: Vec<u8>,
    id: PlanId,
    sends: Received,
}

static SOUND: LazyLock<Vec<Sound>> = LazyLock::new(|| [false, true].map(sound).into_iter().collect());

fn sound(is_paused: bool) -> Sound {
    let folder = tempfile::tempdir().unwrap();
    let records = (1..=60).map(|number| record(&format!("cust-{}", number % 7), number, 1_545_084_650 + number)).collect();
    let file = planned(&folder, everything(), records);
    if is_paused {
        let half: Vec<Receipt> = queue(&file).iter().take(30).map(receipt).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (journal, _) = begun(&file).unwrap();
            journal.pen().settled(1, Settled { receipts: half, ..Settled::default() }).await.unwrap();
            journal.end(RunEnd { state: PlanState::Paused, reason: None }).await.unwrap();
        });
    }
    let bytes = std::fs::read(file.path()).unwrap();
    Sound { bytes, id: file.id().clone(), sends: received(&file).unwrap() }
}

fn placed(folder: &TempDir, name: &str, bytes: &[u8]) -> Plans {
    std::fs::write(folder.path().join(name), bytes).unwrap();
    Plans::in_folder(folder.path())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn whatever_bytes_are_changed_the_same_records_are_sent_or_none_of_them(
        which in 0..2_usize,
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), 1..=u8::MAX), 1..4),
    ) {
        let sound = &SOUND[which];
        let mut bytes = sound.bytes.clone();
        for (at, flipped) in flips {
            // Bytes that are not zero are in use, so changing them tests more.
            let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
            bytes[*at.get(&used)] ^= flipped;
        }
        let folder = tempfile::tempdir().unwrap();
        let plans = placed(&folder, &format!("{}.replay", sound.id), &bytes);
        let file = plans.find(&sound.id).unwrap();
        if let Ok(received) = received(&file) {
            prop_assert_eq!(&received, &sound.sends);
        }
    }
}

fn changed(file: &PlanFile, sql: &str) {
    let connection = Connection::open(file.path()).unwrap();
    connection.execute_batch(sql).unwrap();
}

fn some(folder: &TempDir) -> PlanFile {
    planned(folder, everything(), (1..=5).map(|number| record("cust-1", number, number)).collect())
}

#[test]
fn rows_that_are_lost_or_changed_are_noticed_before_anything_is_sent() {
    for (sql, part) in [
        ("DELETE FROM queue", "its queue and its plan have different numbers of records"),
        ("UPDATE queue SET entries = substr(entries, 1, 96)", "a part of its queue was changed"),
        ("UPDATE queue SET first = first + 1", "a part of its queue was changed"),
        ("UPDATE record SET data = x'00' WHERE id = 2", "the record was changed"),
        ("UPDATE record SET partition_key = 'cust-2' WHERE id = 2", "the record was changed"),
        ("UPDATE record SET explicit_hash_key = '7' WHERE id = 2", "the record was changed"),
        ("UPDATE record SET arrival = '7' WHERE id = 2", "the record was changed"),
        ("UPDATE record SET data = 7 WHERE id = 2", "the record was changed"),
        ("UPDATE record SET data = NULL WHERE id = 2", "the record was changed"),
        ("DELETE FROM record WHERE id = 2", "the record is missing"),
        ("UPDATE shard SET name = 'shardId-000000000009'", "the record was changed"),
        ("UPDATE replay SET separator = '|'", "its description of the plan was changed"),
        ("UPDATE replay SET counts = replace(counts, '\"records\":5', '\"records\":4')", "its description of the plan was changed"),
        ("UPDATE replay SET acknowledged = 1", "its receipts do not match its counts"),
        (
            "INSERT INTO receipt VALUES (4611686018427387904, 0, 0, NULL, NULL); UPDATE replay SET passed_over = 1",
            "a receipt was changed",
        ),
        ("INSERT INTO receipt VALUES (3, 3, 0, NULL, NULL); UPDATE replay SET passed_over = 1", "a receipt was changed"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = some(&folder);
        changed(&file, sql);
        let error = received(&file).unwrap_err();
        assert!(error.contains(part), "{sql}: {error}");
    }
}

#[test]
fn a_file_with_other_tables_is_refused_before_they_are_read() {
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n";
    for sql in [
        &format!("DROP TABLE run; CREATE VIEW run AS {endless}"),
        &format!("ALTER TABLE replay RENAME TO plan; CREATE VIEW replay AS SELECT plan.* FROM plan, ({endless})"),
        "CREATE TRIGGER t AFTER UPDATE ON replay BEGIN DELETE FROM receipt; END",
        "CREATE TABLE more (id INTEGER)",
        "ALTER TABLE record ADD COLUMN more TEXT DEFAULT 'x'",
        "DROP INDEX queue_by_bucket",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = some(&folder);
        changed(&file, sql);
        let error = file.summary().unwrap_err().to_string();
        assert!(error.contains("its tables do not match a replay's"), "{sql}: {error}");
        assert_eq!(Plans::in_folder(folder.path()).list().unwrap().len(), 1);
        file.remove().unwrap();
    }
}

#[test]
fn plans_of_other_versions_say_which_program_they_are_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = some(&folder);
    changed(&file, "PRAGMA user_version = 1");
    let error = file.summary().unwrap_err().to_string();
    assert!(error.contains("an older version of the explorer created the file"), "{error}");
    changed(&file, "PRAGMA user_version = 3");
    let error = file.summary().unwrap_err().to_string();
    assert!(error.contains("a newer version of the explorer created the file"), "{error}");
}

fn file_named(folder: &Path, name: &str) -> PlanFile {
    Plans::in_folder(folder).find(&PlanId::parse(name).unwrap()).unwrap()
}

#[test]
fn a_plan_with_a_second_name_is_not_run() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = some(&folder);
    let id = file.id().as_str();
    // A name that differs from the id, whatever that is.
    let other = format!("{}.replay", if id == "abcdef" { "abcdee" } else { "abcdef" });
    let same = format!("{id}.replay");
    let refused = |file: &PlanFile, part: &str| {
        let error = file.summary().unwrap_err();
        assert!(matches!(error, PlanError::Misplaced { .. }) && error.to_string().contains(part), "{error}");
    };
    std::fs::copy(file.path(), folder.path().join(&other)).unwrap();
    refused(&file_named(folder.path(), &other[..6]), &format!("holds replay {id}"));
    std::fs::remove_file(folder.path().join(&other)).unwrap();

    std::os::unix::fs::symlink(file.path(), elsewhere.path().join(&same)).unwrap();
    refused(&file_named(elsewhere.path(), id), "is a link");
    std::fs::remove_file(elsewhere.path().join(&same)).unwrap();

    std::fs::hard_link(file.path(), elsewhere.path().join(&same)).unwrap();
    refused(&file_named(elsewhere.path(), id), "has a second name");
    refused(&file, "has a second name");
    std::fs::remove_file(elsewhere.path().join(&same)).unwrap();
    assert_eq!(file.summary().unwrap().state, PlanState::Planned);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_lost_its_log_does_not_count_as_not_begun() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = some(&folder);
    let entries = queue(&file);
    let (journal, _) = begun(&file).unwrap();
    let pen = journal.pen();
    pen.sending(1, vec![0]).await.unwrap();
    pen.settled(1, Settled { receipts: vec![receipt(&entries[0])], ..Settled::default() }).await.unwrap();
    pen.sending(2, vec![1, 2]).await.unwrap();
    // Copied as it is when the process is killed.
    let name = file.path().file_name().unwrap().to_str().unwrap();
    std::fs::copy(file.path(), elsewhere.path().join(name)).unwrap();
    let moved = file_named(elsewhere.path(), file.id().as_str());
    for error in [moved.summary().unwrap_err(), begun(&moved).unwrap_err()] {
        assert!(matches!(error, PlanError::LogMissing { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{name}-wal")), "{error}");
    }
    // With its log it is intact, however often it is read.
    let log = format!("{name}-wal");
    std::fs::remove_file(elsewhere.path().join(&log)).ok();
    std::fs::copy(folder.path().join(&log), elsewhere.path().join(&log)).unwrap();
    for _ in 0..3 {
        let summary = moved.summary().unwrap();
        assert_eq!((summary.state, summary.acknowledged), (PlanState::Interrupted, 1));
    }
    let (resumed, plan) = begun(&moved).unwrap();
    assert_eq!((plan.acknowledged, plan.maybe_repeated), (1, 2));
    resumed.end(RunEnd { state: PlanState::Paused, reason: None }).await.unwrap();
    // Once the run has ended, the file is complete by itself.
    std::fs::remove_file(elsewhere.path().join(&log)).ok();
    assert_eq!((moved.summary().unwrap().state, moved.summary().unwrap().acknowledged), (PlanState::Paused, 1));
    drop(journal);
}

#[test]
fn what_is_no_file_is_listed_and_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("abc123.replay")).unwrap();
    let listed = Plans::in_folder(folder.path()).list().unwrap();
    assert!(listed[0].1.as_ref().unwrap_err().to_string().contains("is not a regular file"), "{listed:?}");
}
