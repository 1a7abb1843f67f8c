//! A function whose clock is wrong: AWS refuses its signatures, and says what time it is.

use super::{Scene, orders};
use archiver::format::settings::ArchiveMode;
use end_to_end::fault_proxy::Fault;
use jiff::SignedDuration;

in_both_modes!(
    a_clock_that_is_behind_is_set_by_the_answers,
    a_clock_that_is_ahead_is_set_by_the_answers,
    a_clock_that_is_set_while_the_function_runs_costs_no_delivery,
);

async fn is_archived_by_a_clock_that_is_off(mode: ArchiveMode, service_ahead: SignedDuration) {
    let scene = Scene::of(mode).await;
    let records = orders(0..300, 150);
    scene.kinesis.follow(move |_| Fault::Clock(service_ahead));
    scene.dynamodb.follow(move |_| Fault::Clock(service_ahead));
    let function = scene.function().await;

    scene.archive(&function, &records[..200]).await;
    scene.archive(&function, &records[100..]).await;
    scene.assert_complete(&records).await;
}

async fn a_clock_that_is_behind_is_set_by_the_answers(mode: ArchiveMode) {
    is_archived_by_a_clock_that_is_off(mode, SignedDuration::from_hours(1)).await;
}

async fn a_clock_that_is_ahead_is_set_by_the_answers(mode: ArchiveMode) {
    is_archived_by_a_clock_that_is_off(mode, SignedDuration::from_hours(-1)).await;
}

async fn a_clock_that_is_set_while_the_function_runs_costs_no_delivery(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..300, 150);
    let function = scene.function().await;
    for service_ahead in [1, 0, -1].map(SignedDuration::from_hours) {
        scene.kinesis.follow(move |_| Fault::Clock(service_ahead));
        scene.dynamodb.follow(move |_| Fault::Clock(service_ahead));

        scene.archive(&function, &records).await;
    }
    scene.assert_complete(&records).await;
}
