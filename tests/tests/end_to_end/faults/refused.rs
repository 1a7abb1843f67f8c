//! Faults that do not end by themselves: permissions, keys, missing tables. The batch fails, and the error says what to do.

use super::{Scene, assert_says, descriptions, orders};
use archiver::format::settings::ArchiveMode;
use end_to_end::fault_proxy::{Call, Fault, Refusal};

in_both_modes!(
    denied_writes_fail_the_batch_with_the_permission_that_is_needed,
    a_denied_description_fails_the_batch_with_the_permission_that_is_needed,
    a_denied_key_fails_the_batch_with_the_permission_that_is_needed,
    a_disabled_key_fails_the_batch_and_is_named,
    a_table_that_is_not_there_yet_fails_the_batch_until_it_is,
    a_table_removed_later_fails_the_batch_until_it_is_there_again,
    a_table_that_goes_in_the_middle_of_a_batch_fails_the_batch,
);

/// All writes fail like this, in every form of the answer: nothing is written, the error says so, and archiving resumes when the
/// fault ends.
async fn all_writes_are_refused(mode: ArchiveMode, refusal: Refusal, cause: &str, remedy: &str) {
    let forms: [fn(Refusal) -> Fault; 2] = [Fault::Refuse, Fault::RefuseEach];
    for form in forms {
        let scene = Scene::of(mode).await;
        let records = orders(0..60, 60);
        let function = scene.function().await;
        scene.writes(move |_| form(refusal));

        let error = scene.error(&function, &records).await;

        assert_eq!(error.error_type, "WritesRefused", "{error:#?}");
        assert_says(&error, &[&scene.stream.name, &scene.table()], cause, remedy);
        assert!(scene.archived().await.is_empty());

        scene.dynamodb.heal();
        scene.archive(&function, &records).await;
        scene.assert_complete(&records).await;
    }
}

async fn denied_writes_fail_the_batch_with_the_permission_that_is_needed(mode: ArchiveMode) {
    all_writes_are_refused(mode, Refusal::AccessDenied, "no identity-based policy allows the dynamodb:", "role needs dynamodb:")
        .await;
}

async fn a_denied_key_fails_the_batch_with_the_permission_that_is_needed(mode: ArchiveMode) {
    all_writes_are_refused(mode, Refusal::KeyDenied, "Error Code: AccessDeniedException", "kms:").await;
}

async fn a_disabled_key_fails_the_batch_and_is_named(mode: ArchiveMode) {
    all_writes_are_refused(mode, Refusal::KeyDisabled, "is disabled", "key").await;
}

async fn a_denied_description_fails_the_batch_with_the_permission_that_is_needed(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let records = orders(0..60, 60);
    let function = scene.function().await;
    scene.dynamodb.follow(descriptions(|_| Fault::Refuse(Refusal::AccessDenied)));

    let error = scene.error(&function, &records).await;

    assert_eq!(error.error_type, "TableUnreadable", "{error:#?}");
    let cause = "no identity-based policy allows the dynamodb:DescribeTable action";
    assert_says(&error, &[&scene.stream.name, &scene.table()], cause, "dynamodb:DescribeTable");
    assert!(scene.dynamodb.writes_to(&scene.table()).is_empty());

    scene.dynamodb.heal();
    scene.archive(&function, &records).await;
    scene.assert_complete(&records).await;
}

async fn a_table_that_is_not_there_yet_fails_the_batch_until_it_is(mode: ArchiveMode) {
    let scene = Scene::without_table(mode).await;
    let records = orders(0..60, 60);
    let function = scene.function().await;

    let error = scene.error(&function, &records).await;

    assert_eq!(error.error_type, "TableMissing", "{error:#?}");
    assert_says(&error, &[&scene.stream.name, &scene.table()], "does not exist", "explorer configure");
    assert!(scene.dynamodb.writes_to(&scene.table()).is_empty());

    scene.create_table().await;
    scene.archive(&function, &records).await;
    scene.assert_complete(&records).await;
}

async fn a_table_removed_later_fails_the_batch_until_it_is_there_again(mode: ArchiveMode) {
    let scene = Scene::of(mode).await;
    let function = scene.function().await;
    scene.archive(&function, &orders(0..60, 60)).await;
    scene.delete_table().await;
    let records = orders(60..120, 60);

    // The first error comes from the writes, the second from describing the table again.
    for _ in 0..2 {
        let error = scene.error(&function, &records).await;
        assert_eq!(error.error_type, "TableMissing", "{error:#?}");
        assert_says(&error, &[&scene.stream.name, &scene.table()], "does not exist", "explorer configure");
    }

    scene.create_table().await;
    scene.archive(&function, &records).await;
    scene.assert_complete(&records).await;
}

async fn a_table_that_goes_in_the_middle_of_a_batch_fails_the_batch(mode: ArchiveMode) {
    let forms: [fn(Refusal) -> Fault; 2] = [Fault::Refuse, Fault::RefuseEach];
    for form in forms {
        let scene = Scene::of(mode).await;
        let records = orders(0..400, 400);
        let function = scene.function().await;
        scene.writes(move |call: &Call| if call.number < 3 { Fault::Pass } else { form(Refusal::NotFound) });

        let error = scene.error(&function, &records).await;

        assert_eq!(error.error_type, "TableMissing", "{error:#?}");
        assert_says(&error, &[&scene.stream.name, &scene.table()], "does not exist", "explorer configure");

        scene.dynamodb.heal();
        scene.archive(&function, &records).await;
        scene.assert_complete(&records).await;
    }
}
