//! Large records, whose parts are written before their item. Whatever happens in between, no item lacks a part, and the record is
//! complete once it was delivered again.

use super::crash::deliver_and_kill;
use super::{Scene, numbers_of};
use archiver::format::settings::ArchiveMode;
use end_to_end::bootstrap::Bootstrap;
use end_to_end::event::{ReadRecord, noise};
use end_to_end::fault_proxy::{Call, Fault, Refusal};
use end_to_end::wait::eventually;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

in_both_modes!(
    without_the_table_of_parts_a_large_record_is_reported_alone_and_the_log_says_what_to_do,
    parts_that_fail_for_a_while_delay_the_record_only,
    parts_whose_answers_are_lost_are_written_again,
    parts_that_fail_for_ever_hold_back_no_other_record,
    a_denied_look_at_what_is_stored_is_told_with_the_permission_that_is_needed,
    an_item_that_fails_after_its_parts_is_completed_by_the_next_delivery,
    an_item_whose_answers_are_lost_is_archived,
    a_deadline_in_the_middle_of_the_parts_leaves_the_archive_as_it_was,
    a_process_killed_between_first_part_and_item_leaves_the_archive_as_it_was,
    two_processes_with_large_records_of_one_key_leave_the_newest_and_nothing_else,
);

const SHORT: Duration = Duration::from_millis(2_500);

/// Records around a large one, whose key already has an older large record in the archive.
struct Batch {
    older: ReadRecord,
    records: Vec<ReadRecord>,
}

impl Batch {
    fn new() -> Self {
        let records = vec![
            ReadRecord::new("cust-1", "10", b"before"),
            ReadRecord::new("scan", "11", &noise(1_500_000, 11)),
            ReadRecord::new("cust-2", "12", b"after"),
        ];
        Self { older: ReadRecord::new("scan", "9", &noise(700_000, 9)), records }
    }

    /// All of them, in order.
    fn all(&self) -> Vec<ReadRecord> {
        std::iter::once(&self.older).chain(&self.records).cloned().collect()
    }

    /// What is in the archive without the large one.
    fn without_large(&self) -> Vec<ReadRecord> {
        self.all().into_iter().filter(|record| record.sequence_number != "11").collect()
    }

    fn large(&self) -> BTreeSet<String> {
        numbers_of(&self.records[1..2])
    }
}

/// A process that knows the settings and has archived the older record.
async fn start(scene: &Scene, batch: &Batch) -> Bootstrap {
    let function = scene.function().await;
    scene.archive(&function, std::slice::from_ref(&batch.older)).await;
    function
}

fn none() -> BTreeSet<(String, usize)> {
    BTreeSet::new()
}

/// Whether a call writes the item of a record that is in parts.
fn is_of_item_in_parts(call: &Call) -> bool {
    let item = |place| match call.operation.as_str() {
        "BatchWriteItem" => &call.item(place)["PutRequest"]["Item"],
        _ => &call.item(place)["Item"],
    };
    (0..call.items).any(|place| item(place).get("recordParts").is_some())
}

async fn without_the_table_of_parts_a_large_record_is_reported_alone_and_the_log_says_what_to_do(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let function = scene.function().await;
    let batch = Batch::new();

    let reported = scene.deliver(&function, &batch.records).await;

    assert_eq!(reported, Ok(batch.large()));
    scene.assert_complete(&[batch.records[0].clone(), batch.records[2].clone()]).await;
    let error = eventually("the log tells the failure", || async {
        let log = function.log();
        let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.into_iter().find(|line| line["level"] == "ERROR")
    })
    .await;
    let (stream, table) = (&scene.stream.name, scene.parts_table());
    assert!(error["reason"].as_str().is_some_and(|reason| reason.contains(&table)), "{error:#}");
    assert_eq!(error["remedy"], format!("create it with: explorer configure {stream} --mode {mode}"));
    assert_eq!((&error["stream"], &error["sequence_number"]), (&stream.as_str().into(), &"11".into()));

    scene.stream.create_parts_table().await;
    scene.archive(&function, &batch.records).await;
    assert_eq!(scene.assert_restored(&batch.records).await, none());
}

/// A batch is archived completely, despite these faults in writing parts.
async fn is_archived(mode: ArchiveMode, fault: impl Fn(&Call) -> Fault + Send + Sync + 'static) -> BTreeSet<(String, usize)> {
    let scene = Scene::with_parts(mode).await;
    let batch = Batch::new();
    let function = start(&scene, &batch).await;
    scene.writes_of_parts(fault);

    scene.archive(&function, &batch.records).await;

    scene.assert_restored(&batch.all()).await
}

async fn parts_that_fail_for_a_while_delay_the_record_only(mode: ArchiveMode) {
    let left = is_archived(mode, |call| match call.number {
        0 => Fault::Refuse(Refusal::ThroughputExceeded),
        1 => Fault::RefuseSome(Refusal::Throttled, Box::new(|place| place != 2)),
        2 => Fault::Refuse(Refusal::ServerError),
        3 => Fault::CutBefore,
        4 => Fault::RefuseSome(Refusal::Throttled, Box::new(|place| place % 2 == 0)),
        5 => Fault::Slow(Duration::from_millis(200)),
        _ => Fault::Pass,
    });
    assert_eq!(left.await, none());
}

async fn parts_whose_answers_are_lost_are_written_again(mode: ArchiveMode) {
    let left = is_archived(mode, |call| match call.number {
        0 | 2 => Fault::CutAfter,
        1 => Fault::RefuseSome(Refusal::Throttled, Box::new(|place| place == 0)),
        _ => Fault::Pass,
    });
    assert_eq!(left.await, none());
}

async fn parts_that_fail_for_ever_hold_back_no_other_record(mode: ArchiveMode) {
    let faults: [fn(&Call) -> Fault; 4] = [
        |_| Fault::Refuse(Refusal::ThroughputExceeded),
        |call| {
            let is_second: Vec<bool> =
                (0..call.items).map(|place| call.item(place)["PutRequest"]["Item"]["part"]["N"] == "1").collect();
            Fault::RefuseSome(Refusal::Throttled, Box::new(move |place| is_second[place]))
        },
        |_| Fault::Refuse(Refusal::AccessDenied),
        |_| Fault::Refuse(Refusal::KeyDisabled),
    ];
    for fault in faults {
        let scene = Scene::with_parts(mode).await;
        let batch = Batch::new();
        let function = start(&scene, &batch).await;
        scene.writes_of_parts(fault);

        assert_eq!(scene.deliver_within(&function, &batch.records, SHORT).await, Ok(batch.large()));
        scene.assert_restored(&batch.without_large()).await;

        scene.dynamodb.heal();
        scene.archive(&function, &batch.records).await;
        assert_eq!(scene.assert_restored(&batch.all()).await, none());
    }
}

/// A role from before there were parts.
async fn a_denied_look_at_what_is_stored_is_told_with_the_permission_that_is_needed(mode: ArchiveMode) {
    let scene = Scene::with_parts(mode).await;
    let batch = Batch::new();
    let function = start(&scene, &batch).await;
    scene.dynamodb.follow(|call| if call.operation == "GetItem" { Fault::Refuse(Refusal::AccessDenied) } else { Fault::Pass });

    let delivered = scene.deliver(&function, &batch.records).await;

    scene.assert_restored(&batch.without_large()).await;
    assert_eq!(delivered, Ok(batch.large()));
    let is_told = |log: Vec<String>| {
        let mut lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.any(|line| line["remedy"].as_str().is_some_and(|remedy| remedy.contains("dynamodb:GetItem")))
    };
    eventually("the log names the permission", || async { is_told(function.log()).then_some(()) }).await;

    scene.dynamodb.heal();
    scene.archive(&function, &batch.records).await;
    assert_eq!(scene.assert_restored(&batch.all()).await, none());
}

async fn an_item_that_fails_after_its_parts_is_completed_by_the_next_delivery(mode: ArchiveMode) {
    let faults: [fn() -> Fault; 4] = [
        || Fault::Refuse(Refusal::ThroughputExceeded),
        || Fault::RefuseSome(Refusal::Throttled, Box::new(|_| true)),
        || Fault::CutBefore,
        || Fault::HangBefore,
    ];
    for fault in faults {
        let scene = Scene::with_parts(mode).await;
        let batch = Batch::new();
        let function = start(&scene, &batch).await;
        scene.writes(move |call| if is_of_item_in_parts(call) { fault() } else { Fault::Pass });

        assert_eq!(scene.deliver_within(&function, &batch.records, SHORT).await, Ok(batch.large()));
        let left = scene.assert_restored(&batch.without_large()).await;
        assert!(
            left.iter().all(|(part_of, _)| part_of.trim_end_matches(".LATEST") == "11") && left.len() == 6,
            "the parts are not written first: {left:?}"
        );

        scene.dynamodb.heal();
        scene.archive(&function, &batch.records).await;
        assert_eq!(scene.assert_restored(&batch.all()).await, none());
    }
}

/// It is unknown what was replaced, so parts may be left over, but nothing else; and what is there is complete.
async fn an_item_whose_answers_are_lost_is_archived(mode: ArchiveMode) {
    for lost in [1, usize::MAX] {
        let scene = Scene::with_parts(mode).await;
        let batch = Batch::new();
        let function = start(&scene, &batch).await;
        let answers = std::sync::atomic::AtomicUsize::new(0);
        scene.writes(move |call| {
            let is_lost = is_of_item_in_parts(call) && answers.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < lost;
            if is_lost { Fault::CutAfter } else { Fault::Pass }
        });

        let reported = scene.deliver_within(&function, &batch.records, SHORT).await.expect("the batch does not fail as a whole");
        assert_eq!(reported, if lost == 1 { BTreeSet::new() } else { batch.large() });
        scene.dynamodb.heal();
        scene.archive(&function, &batch.records).await;

        let left = scene.assert_restored(&batch.all()).await;
        assert!(left.iter().all(|(part_of, _)| part_of == "9.LATEST" && mode == ArchiveMode::Latest), "{left:?}");
    }
}

/// When time runs out, some or all of the parts are written.
async fn a_deadline_in_the_middle_of_the_parts_leaves_the_archive_as_it_was(mode: ArchiveMode) {
    let ends: [fn() -> Fault; 3] = [|| Fault::HangBefore, || Fault::HangAfter, || Fault::Slow(Duration::from_secs(20))];
    for end in ends {
        let scene = Scene::with_parts(mode).await;
        let batch = Batch::new();
        let function = start(&scene, &batch).await;
        scene.writes_of_parts(move |call| match call.number {
            0 => Fault::RefuseSome(Refusal::Throttled, Box::new(|place| place % 2 == 1)),
            _ => end(),
        });

        assert_eq!(scene.deliver_within(&function, &batch.records, SHORT).await, Ok(batch.large()));
        let left = scene.assert_restored(&batch.without_large()).await;
        assert!(left.len() >= 3, "no part was written: {left:?}");

        scene.dynamodb.heal();
        scene.archive(&scene.function().await, &batch.records).await;
        assert_eq!(scene.assert_restored(&batch.all()).await, none());
    }
}

/// One process after the other, each killed a little later; the last after everything except the answer.
async fn a_process_killed_between_first_part_and_item_leaves_the_archive_as_it_was(mode: ArchiveMode) {
    let scene = Scene::with_parts(mode).await;
    let batch = Batch::new();
    start(&scene, &batch).await.kill();
    let moments: [(bool, fn() -> Fault); 4] =
        [(false, || Fault::HangBefore), (false, || Fault::HangAfter), (true, || Fault::HangBefore), (true, || Fault::HangAfter)];
    for (place, (is_item, hang)) in moments.into_iter().enumerate() {
        if is_item {
            scene.writes(move |call| if is_of_item_in_parts(call) { hang() } else { Fault::Pass });
        } else {
            scene.writes_of_parts(move |call| match call.number {
                0 => Fault::RefuseSome(Refusal::Throttled, Box::new(|place| place % 2 == 1)),
                _ => hang(),
            });
        }
        deliver_and_kill(&scene, &batch.records, &scene.dynamodb).await;
        let expected = if place < 3 { batch.without_large() } else { batch.all() };
        scene.assert_restored(&expected).await;
    }
    scene.dynamodb.heal();
    scene.archive(&scene.function().await, &batch.records).await;
    let left = scene.assert_restored(&batch.all()).await;
    assert!(left.iter().all(|(part_of, _)| part_of == "9.LATEST" && mode == ArchiveMode::Latest), "{left:?}");
}

/// Each delivers the same records in its own order.
async fn two_processes_with_large_records_of_one_key_leave_the_newest_and_nothing_else(mode: ArchiveMode) {
    for seed in [3, 14] {
        let scene = Scene::with_parts(mode).await;
        let (one, other) = (scene.function().await, scene.function().await);
        let mut random = fastrand::Rng::with_seed(seed);
        let records: Vec<ReadRecord> = (92..108)
            .map(|number| {
                let payload = if number % 4 == 3 { b"small".to_vec() } else { noise(random.usize(310_000..900_000), number) };
                ReadRecord::new("scan", &number.to_string(), &payload)
            })
            .collect();
        let mut orders = [records.clone(), records.clone()];
        orders.iter_mut().for_each(|order| random.shuffle(order));
        scene.dynamodb.follow(|_| Fault::Slow(Duration::from_millis(fastrand::u64(0..15))));

        let [first, second] = orders.map(|order| order.chunks(2).map(<[ReadRecord]>::to_vec).collect::<Vec<_>>());
        tokio::join!(
            async {
                for batch in &first {
                    scene.archive(&one, batch).await;
                }
            },
            async {
                for batch in &second {
                    scene.archive(&other, batch).await;
                }
            },
        );

        assert_eq!(scene.assert_restored(&records).await, none());
    }
}
