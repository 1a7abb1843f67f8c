//! A table that is throttled, temporarily or for ever, for all writes or for one hot key.

use super::{Scene, numbers_of, orders};
use archiver::format::aggregate::aggregate;
use archiver::format::settings::ArchiveMode;
use end_to_end::event::ReadRecord;
use end_to_end::fault_proxy::{Call, Fault, Refusal};
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

in_both_modes!(
    writes_throttled_for_a_while_are_all_archived,
    writes_unprocessed_for_a_while_are_all_archived,
    writes_taken_one_at_a_time_for_a_while_are_all_archived,
    writes_throttled_for_ever_are_reported_before_the_deadline,
    writes_unprocessed_for_ever_are_reported_before_the_deadline,
    a_key_throttled_for_ever_holds_back_no_other,
);

const SHORT: Duration = Duration::from_secs(4);

async fn is_archived(mode: ArchiveMode, fault: impl Fn(&Call) -> Fault + Send + Sync + 'static) {
    let scene = Scene::of(mode).await;
    let records = orders(0..400, 200);
    scene.writes(move |call| if call.number < 30 { fault(call) } else { Fault::Pass });

    scene.archive(&scene.function().await, &records).await;

    scene.assert_complete(&records).await;
}

async fn writes_throttled_for_a_while_are_all_archived(mode: ArchiveMode) {
    let whole = |_: &Call| Fault::Refuse(Refusal::ThroughputExceeded);
    let each = |_: &Call| Fault::RefuseEach(Refusal::Throttled);
    tokio::join!(is_archived(mode, whole), is_archived(mode, each));
}

async fn writes_unprocessed_for_a_while_are_all_archived(mode: ArchiveMode) {
    let some = |refusal: Refusal| {
        move |call: &Call| {
            let number = call.number;
            Fault::RefuseSome(refusal, Box::new(move |place| !(number + place).is_multiple_of(3)))
        }
    };
    tokio::join!(is_archived(mode, some(Refusal::ThroughputExceeded)), is_archived(mode, some(Refusal::Throttled)));
}

/// In each call, all writes but one fail; in mode LATEST, each statement with its own error.
async fn writes_taken_one_at_a_time_for_a_while_are_all_archived(mode: ArchiveMode) {
    let one = |call: &Call| {
        let number = call.number;
        let refusal = [Refusal::Throttled, Refusal::ServerError, Refusal::ThroughputExceeded][number % 3];
        Fault::RefuseSome(refusal, Box::new(move |place| place != number))
    };
    is_archived(mode, one).await;
}

async fn writes_throttled_for_ever_are_reported_before_the_deadline(mode: ArchiveMode) {
    tokio::join!(
        all_writes_fail_for_ever(mode, |_| Fault::Refuse(Refusal::ThroughputExceeded)),
        all_writes_fail_for_ever(mode, |_| Fault::RefuseEach(Refusal::Throttled)),
    );
}

async fn writes_unprocessed_for_ever_are_reported_before_the_deadline(mode: ArchiveMode) {
    all_writes_fail_for_ever(mode, |_| Fault::RefuseSome(Refusal::Throttled, Box::new(|_| true))).await;
}

async fn all_writes_fail_for_ever(mode: ArchiveMode, fault: fn(&Call) -> Fault) {
    let scene = Scene::of(mode).await;
    let records = orders(0..100, 50);
    let function = scene.function().await;
    scene.writes(fault);

    let delivered = scene.deliver_within(&function, &records, SHORT).await;

    match delivered {
        Ok(reported) => assert_eq!(reported, numbers_of(&records)),
        Err(error) => assert!(error.message.contains(&scene.table()), "{error:#?}"),
    }
    assert!(scene.archived().await.is_empty());

    scene.dynamodb.heal();
    scene.archive(&function, &records).await;
    scene.assert_complete(&records).await;
}

async fn a_key_throttled_for_ever_holds_back_no_other(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..200, 100);
    let function = scene.function().await;
    scene.writes(|call| {
        let is_hot: Vec<bool> = (0..call.items).map(|place| call.item(place).to_string().contains(r#""cust-42""#)).collect();
        Fault::RefuseSome(Refusal::ThroughputExceeded, Box::new(move |place| is_hot[place]))
    });

    let reported = scene.deliver_within(&function, &records, SHORT).await.expect("the batch does not fail as a whole");

    let (hot, others): (Vec<_>, Vec<_>) = records.iter().cloned().partition(|record| record.partition_key == "cust-42");
    assert_eq!(reported, numbers_of(&hot));
    scene.assert_complete(&others).await;

    scene.dynamodb.heal();
    assert_eq!(scene.deliver(&function, &records).await, Ok(BTreeSet::new()));
    scene.assert_complete(&records).await;
}

/// Writes a second that a table takes for one partition key, as if an item collection had its own limit.
const UNITS_A_SECOND: f64 = 60.0;

/// The Kinesis Producer Library puts all aggregated records under the key "a".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aggregated_records_under_one_key_are_archived_at_the_pace_of_one_item_collection() {
    let scene = Scene::of(ArchiveMode::All).await;
    let aggregated = |(place, record): (usize, ReadRecord)| ReadRecord {
        partition_key: "a".to_owned(),
        payload: aggregate(&[(&format!("cust-{place}"), None, b"paid"), (&format!("cust-{}", place + 1), None, b"sent")]),
        ..record
    };
    let records: Vec<ReadRecord> = orders(0..300, 300).into_iter().enumerate().map(aggregated).collect();
    let taken = Mutex::new((Instant::now(), 0.0));
    scene.writes(move |call| {
        let mut taken = taken.lock().unwrap();
        let allowed = taken.0.elapsed().as_secs_f64() * UNITS_A_SECOND;
        let room = ((allowed - taken.1).max(0.0) as usize).min(call.items);
        taken.1 += room as f64;
        match room {
            0 => Fault::Refuse(Refusal::ThroughputExceeded),
            room => Fault::RefuseSome(Refusal::ThroughputExceeded, Box::new(move |place| place >= room)),
        }
    });
    let function = scene.function().await;
    let mut left = records.clone();
    let mut deliveries = 0;
    while !left.is_empty() {
        deliveries += 1;
        assert!(deliveries < 20, "{} are left", left.len());
        let reported = scene.deliver_within(&function, &left, SHORT).await.expect("the batch does not fail as a whole");
        scene.assert_nothing_lost(&records, &reported).await;
        left.retain(|record| reported.contains(&record.sequence_number));
    }
    assert!(deliveries > 1, "nothing was throttled");
    scene.assert_complete(&records).await;
}
