//! Two processes that write the same keys at the same time, as after a split, or when a batch timed out and still runs in its old
//! container.

use super::{Scene, orders};
use archiver::format::settings::ArchiveMode;
use end_to_end::bootstrap::Bootstrap;
use end_to_end::event::ReadRecord;
use end_to_end::fault_proxy::Fault;
use std::collections::HashMap;
use std::time::Duration;

in_both_modes!(
    two_processes_at_once_leave_the_newest_of_each_key,
    two_processes_that_both_find_no_item_leave_the_newest_of_each_key,
    a_batch_left_behind_does_not_replace_what_is_newer,
);

const SEEDS: [u64; 3] = [20, 26, 11];

/// Overlapping batches, each in its own order.
fn shuffled(records: &[ReadRecord], seed: u64) -> Vec<Vec<ReadRecord>> {
    let mut batches: Vec<_> = records.windows(120).step_by(60).map(<[ReadRecord]>::to_vec).collect();
    let mut random = fastrand::Rng::with_seed(seed);
    random.shuffle(&mut batches);
    batches.iter_mut().for_each(|batch| random.shuffle(batch));
    batches
}

async fn deliver_all(scene: &Scene, function: &Bootstrap, batches: &[Vec<ReadRecord>]) {
    for batch in batches {
        scene.archive(function, batch).await;
    }
}

async fn two_processes_at_once_leave_the_newest_of_each_key(mode: ArchiveMode) {
    for seed in SEEDS {
        let scene = Scene::of(mode).await;
        let records = orders(0..600, 30);
        scene.writes(|_| Fault::Slow(Duration::from_millis(fastrand::u64(0..8))));
        let (one, other) = (scene.function().await, scene.function().await);
        let (first, second) = (shuffled(&records, seed), shuffled(&records, !seed));

        tokio::join!(deliver_all(&scene, &one, &first), deliver_all(&scene, &other, &second));

        scene.assert_complete(&records).await;
    }
}

/// Keys that are new in every batch: what a process has read is out of date before its write arrives.
async fn two_processes_that_both_find_no_item_leave_the_newest_of_each_key(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let (one, other) = (scene.function().await, scene.function().await);
    scene.writes(|_| Fault::Slow(Duration::from_millis(fastrand::u64(0..8))));
    let mut records = Vec::new();
    for round in 0..8 {
        let mut batch = orders(round * 200..round * 200 + 200, 100);
        batch.iter_mut().for_each(|record| record.partition_key = format!("{} of {round}", record.partition_key));
        let (older, newer) = batch.split_at(100);
        let (first, second) = if round % 2 == 0 { (older, newer) } else { (newer, older) };

        tokio::join!(scene.archive(&one, first), scene.archive(&other, second));
        records.extend(batch);
    }
    scene.assert_complete(&records).await;

    let writes = scene.dynamodb.writes_to(&scene.table());
    let statements = writes.iter().flat_map(|seen| (0..seen.call.items).map(|place| seen.call.item(place)));
    let inserts = statements.filter(|item| item["Statement"].as_str().is_some_and(|text| text.starts_with("INSERT ")));
    let mut tries: HashMap<&str, usize> = HashMap::new();
    for insert in inserts {
        *tries.entry(insert["Parameters"][0]["S"].as_str().unwrap()).or_default() += 1;
    }
    let is_race = tries.values().any(|tries| *tries > 1);
    assert!(is_race || mode == ArchiveMode::All, "no key was inserted by both");
}

/// The first process's writes arrive long after the second has written newer records.
async fn a_batch_left_behind_does_not_replace_what_is_newer(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..200, 50);
    let (one, other) = (scene.function().await, scene.function().await);
    let (older, newer) = records.split_at(100);
    scene.writes(|_| Fault::Slow(Duration::from_secs(1)));
    let late = scene.deliver(&one, older);
    let early = async {
        scene
            .dynamodb
            .until("the older records are on their way", |seen| seen.iter().any(|seen| seen.call.is_write_to(&scene.table())))
            .await;
        scene.dynamodb.heal();
        scene.archive(&other, newer).await;
    };

    let (late, ()) = tokio::join!(late, early);

    assert_eq!(late, Ok(std::collections::BTreeSet::new()));
    scene.assert_complete(&records).await;
}
