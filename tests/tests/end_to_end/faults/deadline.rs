//! An invocation with little time left: a correct answer comes before Lambda kills the function.

use super::{Scene, orders};
use archiver::format::settings::ArchiveMode;
use end_to_end::fault_proxy::{Call, Fault};
use std::time::Duration;

in_both_modes!(
    a_slow_table_near_the_deadline_loses_nothing,
    a_hanging_table_near_the_deadline_loses_nothing,
    a_table_that_answers_no_more_near_the_deadline_loses_nothing,
);

const LITTLE: Duration = Duration::from_millis(2_500);

async fn nothing_is_lost(mode: ArchiveMode, fault: fn(&Call) -> Fault) {
    let scene = Scene::of(mode).await;
    let records = orders(0..2_000, 1_500);
    let function = scene.function().await;
    // The settings are known, as in all invocations but the first.
    scene.archive(&function, &records[..1]).await;
    scene.writes(fault);

    let reported = scene.deliver_within(&function, &records, LITTLE).await.expect("the batch does not fail as a whole");

    scene.assert_nothing_lost(&records, &reported).await;
    assert!(!reported.is_empty(), "the table was not too slow");

    scene.dynamodb.heal();
    scene.archive(&function, &records).await;
    scene.assert_complete(&records).await;
}

async fn a_slow_table_near_the_deadline_loses_nothing(mode: ArchiveMode) {
    nothing_is_lost(mode, |call| Fault::Slow(Duration::from_millis(if call.number < 20 { 400 } else { 4_000 }))).await;
}

async fn a_hanging_table_near_the_deadline_loses_nothing(mode: ArchiveMode) {
    nothing_is_lost(mode, |call| if call.number < 3 { Fault::Pass } else { Fault::HangBefore }).await;
}

async fn a_table_that_answers_no_more_near_the_deadline_loses_nothing(mode: ArchiveMode) {
    nothing_is_lost(mode, |call| if call.number < 3 { Fault::Pass } else { Fault::HangAfter }).await;
}
