//! Unreadable tags and tables, temporarily or for ever. Nothing is guessed. The cache's own tests check that the last good settings
//! stay valid while reading fails: that takes too long here.

use super::{Scene, assert_says, descriptions, orders, reads_of_tags};
use archiver::format::settings::ArchiveMode;
use end_to_end::fault_proxy::{Call, Fault, Refusal};
use std::collections::BTreeSet;
use std::time::Duration;

in_both_modes!(
    settings_throttled_for_a_while_are_read_within_the_batch,
    settings_that_fail_for_a_while_are_read_within_the_batch,
    tags_throttled_for_ever_fail_the_batch_before_the_deadline,
    hung_tags_fail_the_batch_before_the_deadline,
    denied_tags_fail_the_batch_with_the_permission_that_is_needed,
    a_tag_that_cannot_be_read_fails_the_batch_until_it_is_mended,
);

const SHORT: Duration = Duration::from_secs(3);

/// Tags and table can be read at the sixth attempt, within seconds.
async fn is_archived(mode: ArchiveMode, fault: fn(&Call) -> Fault) {
    let scene = Scene::of(mode).await;
    let records = orders(0..60, 60);
    let for_a_while = move |call: &Call| if call.number < 5 { fault(call) } else { Fault::Pass };
    scene.kinesis.follow(reads_of_tags(for_a_while));
    scene.dynamodb.follow(descriptions(for_a_while));

    assert_eq!(scene.deliver(&scene.function().await, &records).await, Ok(BTreeSet::new()));
    scene.assert_complete(&records).await;
}

async fn settings_throttled_for_a_while_are_read_within_the_batch(mode: ArchiveMode) {
    is_archived(mode, |_| Fault::Refuse(Refusal::ThroughputExceeded)).await;
}

async fn settings_that_fail_for_a_while_are_read_within_the_batch(mode: ArchiveMode) {
    is_archived(mode, |call| match call.number % 3 {
        0 => Fault::Refuse(Refusal::ServerError),
        1 => Fault::CutBefore,
        _ => Fault::CutAfter,
    })
    .await;
}

/// The batch fails before its deadline, the error names stream, tags and cause, nothing is written, and archiving resumes when the
/// fault ends.
async fn tags_fail_the_batch(mode: ArchiveMode, fault: fn() -> Fault, cause: &str, remedy: &str) {
    let scene = Scene::of(mode).await;
    let records = orders(0..60, 60);
    let function = scene.function().await;
    scene.kinesis.follow(reads_of_tags(move |_| fault()));

    let error = scene.deliver_within(&function, &records, SHORT).await.expect_err("nothing is guessed");

    assert_eq!(error.error_type, "TagsUnreadable", "{error:#?}");
    assert_says(&error, &[&scene.stream.name, "tags"], cause, remedy);
    assert!(scene.dynamodb.writes_to(&scene.table()).is_empty());

    scene.kinesis.heal();
    scene.archive(&function, &records).await;
    scene.assert_complete(&records).await;
}

async fn tags_throttled_for_ever_fail_the_batch_before_the_deadline(mode: ArchiveMode) {
    tags_fail_the_batch(mode, || Fault::Refuse(Refusal::ThroughputExceeded), "Rate exceeded", "").await;
}

async fn hung_tags_fail_the_batch_before_the_deadline(mode: ArchiveMode) {
    tags_fail_the_batch(mode, || Fault::HangBefore, "", "").await;
}

async fn denied_tags_fail_the_batch_with_the_permission_that_is_needed(mode: ArchiveMode) {
    let cause = "no identity-based policy allows the kinesis:ListTagsForStream action";
    tags_fail_the_batch(mode, || Fault::Refuse(Refusal::AccessDenied), cause, "kinesis:ListTagsForStream").await;
}

async fn a_tag_that_cannot_be_read_fails_the_batch_until_it_is_mended(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..60, 60);
    let function = scene.function().await;
    scene.stream.tag(&[("ArchiveTTL", "expireSeconds=soon")]).await;

    let error = scene.error(&function, &records).await;

    assert_eq!(error.error_type, "InvalidTag", "{error:#?}");
    assert_says(&error, &[&scene.stream.name, "ArchiveTTL"], "expireSeconds=soon", "use ");
    assert!(scene.dynamodb.writes_to(&scene.table()).is_empty());

    scene.stream.untag("ArchiveTTL").await;
    scene.archive(&function, &records).await;
    scene.assert_complete(&records).await;
}
