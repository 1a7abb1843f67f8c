//! A process that dies in the middle of a batch, which is then delivered to another.

use super::{Scene, orders, reads_of_tags};
use archiver::format::settings::ArchiveMode;
use end_to_end::bootstrap::Bootstrap;
use end_to_end::event::{ReadRecord, event_of};
use end_to_end::fault_proxy::{Fault, FaultProxy};

in_both_modes!(
    a_process_killed_while_it_reads_the_tags_loses_nothing,
    a_process_killed_in_the_middle_of_its_writes_loses_nothing,
    a_process_killed_again_and_again_loses_nothing,
);

/// Delivers a batch to a new process, and kills it as soon as a call through this proxy hangs.
pub(super) async fn deliver_and_kill(scene: &Scene, records: &[ReadRecord], proxy: &FaultProxy) {
    let function: Bootstrap = scene.function().await;
    let event = event_of(&scene.stream, records);
    let before = proxy.seen().len();
    tokio::select! {
        answer = function.invoke(&event) => panic!("an answer in spite of all: {answer:?}"),
        () = proxy.until("a call hangs", |seen| seen[before..].iter().any(|seen| seen.hangs)) => {}
    }
    function.kill();
}

async fn a_process_killed_while_it_reads_the_tags_loses_nothing(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..100, 60);
    scene.kinesis.follow(reads_of_tags(|_| Fault::HangAfter));

    deliver_and_kill(&scene, &records, &scene.kinesis).await;

    assert!(scene.archived().await.is_empty());
    scene.kinesis.heal();
    scene.archive(&scene.function().await, &records).await;
    scene.assert_complete(&records).await;
}

async fn a_process_killed_in_the_middle_of_its_writes_loses_nothing(mode: ArchiveMode) {
    for moment in [0, 5, 17] {
        let hangs: [fn() -> Fault; 2] = [|| Fault::HangBefore, || Fault::HangAfter];
        for hang in hangs {
            let scene = Scene::of(mode).await;
            let records = orders(0..1_000, 500);
            scene.writes(move |call| if call.number < moment { Fault::Pass } else { hang() });

            deliver_and_kill(&scene, &records, &scene.dynamodb).await;

            scene.dynamodb.heal();
            scene.archive(&scene.function().await, &records).await;
            scene.assert_complete(&records).await;
        }
    }
}

/// As many processes as needed: each gets a little further, and none has reported anything.
async fn a_process_killed_again_and_again_loses_nothing(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..1_000, 600);
    for further in [3, 6, 9, 12] {
        scene.writes(move |call| if call.number < further { Fault::Pass } else { Fault::HangAfter });
        deliver_and_kill(&scene, &records, &scene.dynamodb).await;
    }
    scene.dynamodb.heal();
    scene.archive(&scene.function().await, &records).await;
    scene.assert_complete(&records).await;
}
