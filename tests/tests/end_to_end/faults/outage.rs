//! A service that fails, connections that break or hang, lost answers.

use super::{Scene, descriptions, orders, reads_of_tags};
use archiver::format::settings::ArchiveMode;
use end_to_end::fault_proxy::{Call, Fault, Refusal};
use std::time::Duration;

in_both_modes!(
    a_service_that_fails_for_a_while_delays_the_batch_only,
    connections_cut_before_anything_is_written_delay_the_batch_only,
    writes_whose_answers_are_lost_are_archived_once,
    a_hung_write_is_tried_again_long_before_the_deadline,
    a_hung_read_of_settings_is_tried_again_long_before_the_deadline,
    all_faults_at_once_lose_nothing,
);

/// Less than Lambda gives the function, so that a call that waits for its deadline is noticed.
const TIME_LIMIT: Duration = Duration::from_secs(40);

/// A batch is archived completely, despite these faults.
async fn is_archived(mode: ArchiveMode, fault: impl Fn(&Call) -> Fault + Send + Sync + 'static) {
    let scene = Scene::of(mode).await;
    let records = orders(0..400, 200);
    scene.writes(fault);
    let function = scene.function().await;

    let delivered = scene.deliver_within(&function, &records, TIME_LIMIT).await;

    let failed = delivered.expect("the batch does not fail as a whole");
    assert!(failed.is_empty(), "{} not archived: {:#?}", failed.len(), function.log());
    scene.assert_complete(&records).await;
}

async fn a_service_that_fails_for_a_while_delays_the_batch_only(mode: ArchiveMode) {
    is_archived(mode, |call| match call.number {
        0..10 => Fault::Refuse(Refusal::ServerError),
        10..20 => Fault::RefuseEach(Refusal::ServerError),
        20..30 => Fault::Refuse(Refusal::Unavailable),
        _ => Fault::Pass,
    })
    .await;
}

async fn connections_cut_before_anything_is_written_delay_the_batch_only(mode: ArchiveMode) {
    is_archived(mode, |call| if call.number < 30 { Fault::CutBefore } else { Fault::Pass }).await;
}

async fn writes_whose_answers_are_lost_are_archived_once(mode: ArchiveMode) {
    is_archived(mode, |call| if call.number < 60 && call.number.is_multiple_of(2) { Fault::CutAfter } else { Fault::Pass }).await;
}

async fn a_hung_write_is_tried_again_long_before_the_deadline(mode: ArchiveMode) {
    is_archived(mode, |call| match call.number {
        0 | 3 => Fault::HangBefore,
        1 | 5 => Fault::HangAfter,
        _ => Fault::Pass,
    })
    .await;
}

async fn a_hung_read_of_settings_is_tried_again_long_before_the_deadline(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..20, 20);
    let hang_once = |call: &Call| if call.number == 0 { Fault::HangBefore } else { Fault::Pass };
    scene.kinesis.follow(reads_of_tags(hang_once));
    scene.dynamodb.follow(descriptions(hang_once));

    let delivered = scene.deliver_within(&scene.function().await, &records, TIME_LIMIT).await;

    assert_eq!(delivered, Ok(std::collections::BTreeSet::new()));
    scene.assert_complete(&records).await;
}

async fn all_faults_at_once_lose_nothing(mode: ArchiveMode) {
    is_archived(mode, |call| match call.number % 7 {
        _ if call.number > 120 => Fault::Pass,
        0 => Fault::Refuse(Refusal::ThroughputExceeded),
        1 => Fault::CutAfter,
        2 => Fault::RefuseSome(Refusal::Throttled, Box::new(|place| place.is_multiple_of(2))),
        3 => Fault::CutBefore,
        4 => Fault::RefuseSome(Refusal::ServerError, Box::new(|place| place % 3 == 1)),
        5 => Fault::Slow(Duration::from_millis(50)),
        _ => Fault::Pass,
    })
    .await;
}
