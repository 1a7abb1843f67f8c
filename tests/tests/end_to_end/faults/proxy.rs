//! The proxy itself: its answer to a call matches what was done.

use archiver::format::settings::ArchiveMode;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::types::{AttributeValue, BatchStatementRequest, PutRequest, WriteRequest};
use end_to_end::endpoints::Endpoints;
use end_to_end::fault_proxy::{Fault, Kind, Refusal};
use std::collections::BTreeSet;

use super::Scene;

const KEYS: [&str; 5] = ["cust-0", "cust-1", "cust-2", "cust-3", "cust-4"];

/// A client of the proxy that tries everything once.
fn client(scene: &Scene) -> Client {
    let config = Endpoints::at(scene.kinesis.url.clone(), scene.dynamodb.url.clone()).dynamodb.config().to_builder();
    Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn inserts(table: &str) -> Vec<BatchStatementRequest> {
    let statement = format!(r#"INSERT INTO "{table}" VALUE {{'partitionKey': ?, 'sequenceNumber': ?}}"#);
    let insert = |key: &&str| BatchStatementRequest::builder().statement(&statement).parameters(text(key)).parameters(text("1"));
    KEYS.iter().map(|key| insert(key).build().unwrap()).collect()
}

fn puts() -> Vec<WriteRequest> {
    let put = |key: &&str| PutRequest::builder().item("partitionKey", text(key)).item("sequenceNumber", text("1")).build();
    KEYS.iter().map(|key| WriteRequest::builder().put_request(put(key).unwrap()).build()).collect()
}

async fn keys_there(scene: &Scene) -> BTreeSet<String> {
    let items = scene.stream.items(scene.mode.as_str()).await;
    items.iter().map(|item| end_to_end::stream::text(item, "partitionKey").to_owned()).collect()
}

#[tokio::test]
async fn the_statements_that_are_refused_are_those_that_are_not_done() {
    let scene = Scene::of(ArchiveMode::Latest).await;
    // The second exists already: that is the service's own error, and keeps its place.
    scene.endpoints.dynamodb.put_item().table_name(scene.table()).item("partitionKey", text("cust-1")).send().await.unwrap();
    scene.writes(|_| Fault::RefuseSome(Refusal::Throttled, Box::new(|place| place % 2 == 0)));

    let executed = client(&scene).batch_execute_statement().set_statements(Some(inserts(&scene.table()))).send().await;

    let errors: Vec<Option<String>> = executed.unwrap().responses.unwrap().into_iter().map(code_of).collect();
    let errors: Vec<Option<&str>> = errors.iter().map(Option::as_deref).collect();
    let throttled = Some("ThrottlingError");
    assert_eq!(errors, [throttled, Some("DuplicateItem"), throttled, None, throttled]);
    assert_eq!(keys_there(&scene).await, ["cust-1", "cust-3"].map(str::to_owned).into());
    let writes = scene.dynamodb.writes_to(&scene.table());
    assert_eq!((writes.len(), writes[0].call.items, writes[0].answered.is_some()), (1, 5, true));
}

fn code_of(response: aws_sdk_dynamodb::types::BatchStatementResponse) -> Option<String> {
    Some(response.error?.code?.as_str().to_owned())
}

#[tokio::test]
async fn a_refusal_of_each_statement_leaves_none_done() {
    let scene = Scene::of(ArchiveMode::Latest).await;
    scene.writes(|_| Fault::RefuseEach(Refusal::AccessDenied));

    let executed = client(&scene).batch_execute_statement().set_statements(Some(inserts(&scene.table()))).send().await;

    for response in executed.unwrap().responses.unwrap() {
        let error = response.error.unwrap();
        assert_eq!(error.code.unwrap().as_str(), "AccessDenied");
        assert!(error.message.unwrap().contains("is not authorized to perform: dynamodb:PartiQLInsert on resource: arn:"));
    }
    assert!(keys_there(&scene).await.is_empty());
}

#[tokio::test]
async fn the_puts_that_come_back_are_those_that_are_not_done() {
    let scene = Scene::of(ArchiveMode::Latest).await;
    for refused in [&[0, 3][..], &[0, 1, 2, 3, 4], &[]] {
        let before = keys_there(&scene).await;
        scene.writes(move |_| Fault::RefuseSome(Refusal::Throttled, Box::new(move |place| refused.contains(&place))));

        let written = client(&scene).batch_write_item().request_items(scene.table(), puts()).send().await.unwrap();

        let left = written.unprocessed_items.unwrap_or_default().remove(&scene.table()).unwrap_or_default();
        let left: Vec<String> = left
            .iter()
            .map(|left| end_to_end::stream::text(&left.put_request.as_ref().unwrap().item, "partitionKey").to_owned())
            .collect();
        assert_eq!(left, refused.iter().map(|place| KEYS[*place]).collect::<Vec<_>>());
        let done = KEYS.iter().map(|key| (*key).to_owned()).filter(|key| !left.contains(key));
        assert_eq!(keys_there(&scene).await, before.into_iter().chain(done).collect());
    }
}

#[tokio::test]
async fn what_is_cut_before_is_not_done_and_what_is_cut_after_is() {
    let scene = Scene::of(ArchiveMode::Latest).await;
    let client = client(&scene);
    scene.writes(|call| if call.number == 0 { Fault::CutBefore } else { Fault::CutAfter });

    for is_there in [false, true] {
        let put = client.put_item().table_name(scene.table()).item("partitionKey", text("cust-0")).send();
        assert!(put.await.is_err_and(|error| error.as_service_error().is_none()));
        assert_eq!(keys_there(&scene).await.contains("cust-0"), is_there);
    }
    scene.dynamodb.follow(|_| Fault::CutAfter);
    let described = client.describe_table().table_name(scene.table()).send().await;
    assert!(described.is_err_and(|error| error.as_service_error().is_none()));
    let kinds: Vec<Kind> = scene.dynamodb.seen().iter().map(|seen| seen.call.kind.clone()).collect();
    assert_eq!(kinds, [Kind::Write(scene.table()), Kind::Write(scene.table()), Kind::Describe(scene.table())]);
}

#[tokio::test]
async fn a_refusal_is_read_as_the_error_that_it_is() {
    use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
    let scene = Scene::of(ArchiveMode::Latest).await;
    for (refusal, status, code) in [
        (Refusal::ThroughputExceeded, 400, "ProvisionedThroughputExceededException"),
        (Refusal::Throttled, 400, "ThrottlingException"),
        (Refusal::ServerError, 500, "InternalServerError"),
        (Refusal::Unavailable, 503, "ServiceUnavailableException"),
        (Refusal::AccessDenied, 400, "AccessDeniedException"),
        (Refusal::NotFound, 400, "ResourceNotFoundException"),
        (Refusal::KeyDenied, 400, "AccessDeniedException"),
        (Refusal::KeyDisabled, 400, "ValidationException"),
    ] {
        scene.writes(move |_| Fault::Refuse(refusal));
        let error = client(&scene).batch_write_item().request_items(scene.table(), puts()).send().await.unwrap_err();
        assert_eq!(error.raw_response().map(|raw| raw.status().as_u16()), Some(status), "{refusal:?}");
        assert_eq!(error.code(), Some(code));
        assert!(error.message().is_some_and(|message| !message.is_empty()), "{refusal:?}");
    }
    assert!(keys_there(&scene).await.is_empty());
}
