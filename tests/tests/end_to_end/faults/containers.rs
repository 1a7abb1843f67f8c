//! Two processes that write the same keys at once, as when shards were split or a batch timed out and goes on in its old
//! container.

use super::{Scene, orders};
use archiver::settings::ArchiveMode;
use end_to_end::bootstrap::Bootstrap;
use end_to_end::event::ReadRecord;
use end_to_end::fault_proxy::Fault;
use std::time::Duration;

in_both_modes!(two_processes_at_once_leave_the_newest_of_each_key, a_batch_left_behind_does_not_replace_what_is_newer);

const SEEDS: [u64; 3] = [20, 26, 11];

/// Overlapping batches in an order of their own.
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

/// The first process has sent its writes, and they arrive when the second has long been done with newer ones.
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
