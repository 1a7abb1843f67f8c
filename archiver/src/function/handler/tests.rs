//! The handler with in-memory tables and tags, which fail on purpose.

mod model;

use super::*;
use crate::aws::failure::AwsFailure;
use crate::format::settings::{COMPRESSION_TAG, MODE_TAG, REPLAYS_TAG, TTL_TAG};
use crate::format::stream::StreamName;
use crate::store::in_memory::{Fault, MemoryDatabase, failure};
use serde_json::json;
use std::sync::Mutex;

const ORDERS: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders";
const TIME: Duration = Duration::from_secs(10);

type Tags = Result<Vec<(String, String)>, AwsFailure>;

/// Answers to tag reads; the last one repeats.
#[derive(Debug)]
struct ScriptedTags(Mutex<Vec<Tags>>);

impl TagReader for ScriptedTags {
    async fn tags(&self, _stream: &StreamArn) -> Tags {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
    }
}

fn tags(tags: &[(&str, &str)]) -> Tags {
    Ok(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

fn database(mode: ArchiveMode) -> MemoryDatabase {
    MemoryDatabase::with(&[(archive_table(mode).as_str(), mode)])
}

fn archive_table(mode: ArchiveMode) -> String {
    format!("orders-archive-{mode}")
}

fn archiver<'s>(answers: &[Tags], database: &'s MemoryDatabase) -> Archiver<ScriptedTags, &'s MemoryDatabase> {
    Archiver::new(ScriptedTags(Mutex::new(answers.to_vec())), database, DEFAULT_REFRESH)
}

/// An event of records: pairs of partition key and sequence number, which is also the payload.
fn event(records: &[(&str, u128)]) -> String {
    let records: Vec<serde_json::Value> = records
        .iter()
        .map(|(partition_key, number)| {
            json!({
                "kinesis": {
                    "partitionKey": partition_key,
                    "sequenceNumber": number.to_string(),
                    "data": data(*number),
                    "approximateArrivalTimestamp": 1_545_084_650.987,
                },
                "eventID": format!("shardId-000000000006:{number}"),
                "eventSourceARN": ORDERS,
            })
        })
        .collect();
    json!({ "Records": records }).to_string()
}

fn data(number: u128) -> String {
    base64_simd::STANDARD.encode_to_string(number.to_string())
}

async fn failed_numbers<D: Database>(archiver: &Archiver<ScriptedTags, D>, event: &str) -> Vec<String> {
    let answer = archiver.handle(event, Deadline::after(TIME)).await.unwrap();
    answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

async fn archive_whole<D: Database>(archiver: &Archiver<ScriptedTags, D>, event: &str) {
    assert_eq!(failed_numbers(archiver, event).await, Vec::<String>::new());
}

async fn error<D: Database>(archiver: &Archiver<ScriptedTags, D>, event: &str) -> ArchiveError {
    archiver.handle(event, Deadline::after(TIME)).await.unwrap_err()
}

fn latest(database: &MemoryDatabase) -> Vec<(String, String)> {
    let payloads = database.payloads("orders-archive-LATEST");
    payloads.into_iter().map(|((key, _), payload)| (key, String::from_utf8(payload).unwrap())).collect()
}

fn newest(partition_key: &str, number: u128) -> (String, String) {
    (partition_key.to_owned(), number.to_string())
}

fn count(database: &MemoryDatabase, mode: ArchiveMode) -> usize {
    database.payloads(&archive_table(mode)).len()
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_refused_is_reported_alone_and_the_rest_is_written() {
    let database = database(ArchiveMode::All);
    let archiver = archiver(&[tags(&[(MODE_TAG, "ALL")])], &database);
    database.state.lock().unwrap().refused.extend(["2".to_owned(), "4".to_owned()]);

    let batch = event(&[("cust-1", 1), ("cust-1", 2), ("cust-2", 3), ("cust-1", 4), ("cust-2", 5)]);
    assert_eq!(failed_numbers(&archiver, &batch).await, ["2", "4"]);
    assert_eq!(count(&database, ArchiveMode::All), 3);

    // Lambda delivers again from the lowest number.
    database.state.lock().unwrap().refused.clear();
    archive_whole(&archiver, &batch).await;
    assert_eq!(count(&database, ArchiveMode::All), 5);
}

#[tokio::test(start_paused = true)]
async fn numbers_are_reported_and_stored_as_they_were_delivered_and_compared_by_value() {
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        let database = database(mode);
        let archiver = archiver(&[tags(&[(MODE_TAG, mode.as_str())])], &database);
        let spelled = |records: &[(&str, u128)], numbers: &[(&str, &str)]| {
            numbers.iter().fold(event(records), |event, (from, to)| {
                event.replace(&format!(r#""sequenceNumber":"{from}""#), &format!(r#""sequenceNumber":"{to}""#))
            })
        };
        let batch = spelled(&[("cust-1", 7), ("cust-1", 8), ("cust-2", 9)], &[("7", "007"), ("8", "7"), ("9", "0009")]);
        database.state.lock().unwrap().refused.extend(["007".to_owned(), "7".to_owned(), "0009".to_owned()]);
        // One number in two spellings is two records, because Lambda compares the text.
        assert_eq!(failed_numbers(&archiver, &batch).await, ["007", "7", "0009"], "mode {mode}");
        database.state.lock().unwrap().refused.clear();
        archive_whole(&archiver, &batch).await;
        archive_whole(&archiver, &spelled(&[("cust-1", 10), ("cust-2", 8)], &[("8", "00000008")])).await;
        let state = database.state.lock().unwrap();
        let items = state.items[&archive_table(mode)].values();
        let mut numbers: Vec<&str> = items.map(|item| item["sequenceNumber"].as_s().unwrap().as_str()).collect();
        numbers.sort_unstable();
        match mode {
            ArchiveMode::All => assert_eq!(numbers, ["00000008", "0009", "007", "10", "7"]),
            ArchiveMode::Latest => assert_eq!(numbers, ["0009", "10"]),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_older_records_of_a_key_come_again_with_its_newest_one_that_failed() {
    let database = database(ArchiveMode::Latest);
    let archiver = archiver(&[tags(&[])], &database);
    database.state.lock().unwrap().throttled.insert("12".to_owned(), 1_000);

    let batch = event(&[("cust-1", 12), ("cust-1", 9), ("cust-2", 10), ("cust-2", 7)]);
    assert_eq!(failed_numbers(&archiver, &batch).await, ["9", "12"]);
    assert_eq!(latest(&database), [newest("cust-2", 10)]);

    database.state.lock().unwrap().throttled.clear();
    archive_whole(&archiver, &event(&[("cust-1", 12)])).await;
    archive_whole(&archiver, &event(&[("cust-1", 9), ("cust-1", 100), ("cust-1", 99)])).await;
    assert_eq!(latest(&database), [newest("cust-1", 100), newest("cust-2", 10)]);
}

#[tokio::test(start_paused = true)]
async fn writes_left_out_for_a_while_are_made_in_the_same_batch() {
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        let database = database(mode);
        let archiver = archiver(&[tags(&[(MODE_TAG, mode.as_str())])], &database);
        let faults = [Fault::Some(0b1011), Fault::Before(FailureKind::Service), Fault::After, Fault::Some(1)];
        database.state.lock().unwrap().faults.extend(faults);
        let keys: Vec<String> = (0..30).map(|number| format!("cust-{number}")).collect();
        let records: Vec<(&str, u128)> = keys.iter().map(String::as_str).zip(1..).collect();

        archive_whole(&archiver, &event(&records)).await;

        assert_eq!(count(&database, mode), 30, "mode {mode}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_table_that_refuses_writes_fails_the_batch_with_the_permission_that_is_missing() {
    for (mode, message, expected) in [
        (ArchiveMode::All, "on purpose", "on purpose; the function's role needs dynamodb:BatchWriteItem"),
        (
            ArchiveMode::Latest,
            "on purpose",
            "on purpose; the function's role needs dynamodb:PartiQLUpdate, dynamodb:PartiQLInsert and dynamodb:PutItem",
        ),
        (
            ArchiveMode::All,
            "KMS key access denied",
            "KMS key access denied; the function's role needs kms:Decrypt and kms:GenerateDataKey on the table's key",
        ),
    ] {
        let failure = AwsFailure { kind: FailureKind::AccessDenied, message: message.to_owned() };
        let (stream, table) = (StreamName::parse("orders").unwrap(), archive_table(mode));
        let error = ArchiveError::WritesRefused { stream, mode, table: table.clone(), failure };
        assert_eq!(error.to_string(), format!("cannot write to table {table} for stream orders: {expected}"));

        let database = database(mode);
        let archiver = archiver(&[tags(&[(MODE_TAG, mode.as_str())])], &database);
        database.state.lock().unwrap().faults.push_back(Fault::Before(FailureKind::AccessDenied));
        let error = self::error(&archiver, &event(&[("cust-1", 1)])).await;
        assert_eq!(error.type_name(), "WritesRefused");
        archive_whole(&archiver, &event(&[("cust-1", 1)])).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_read_of_the_tags_must_succeed_and_later_ones_may_fail() {
    let database = database(ArchiveMode::All);
    let answers = [
        Err(failure(FailureKind::AccessDenied)),
        Err(failure(FailureKind::Throttled)),
        tags(&[(MODE_TAG, "ALL"), (TTL_TAG, "expireSeconds=60")]),
        Err(failure(FailureKind::AccessDenied)),
        tags(&[(MODE_TAG, "ALL")]),
    ];
    let archiver = archiver(&answers, &database);

    let message = error(&archiver, &event(&[("cust-1", 1)])).await.to_string();
    assert_eq!(message, "cannot read the tags of stream orders: on purpose; the function's role needs kinesis:ListTagsForStream");
    assert_eq!(count(&database, ArchiveMode::All), 0);

    for number in 1..=3 {
        archive_whole(&archiver, &event(&[("cust-1", number)])).await;
        tokio::time::advance(DEFAULT_REFRESH).await;
    }
    let state = database.state.lock().unwrap();
    let expires: Vec<bool> = state.items["orders-archive-ALL"].values().map(|item| item.contains_key("expireAfter")).collect();
    assert_eq!(expires, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_became_unreadable_stops_the_writes_until_it_is_mended() {
    let tables = [("orders-archive-ALL", ArchiveMode::All), ("orders-archive-LATEST", ArchiveMode::Latest)];
    let database = MemoryDatabase::with(&tables);
    let answers = [tags(&[(MODE_TAG, "ALL")]), tags(&[(MODE_TAG, "EVERYTHING")]), tags(&[(MODE_TAG, "LATEST")])];
    let archiver = archiver(&answers, &database);

    archive_whole(&archiver, &event(&[("cust-1", 1)])).await;
    tokio::time::advance(DEFAULT_REFRESH).await;
    let message = error(&archiver, &event(&[("cust-1", 2)])).await.to_string();
    assert_eq!(message, "stream orders has the tag StreamArchiveMode = \"EVERYTHING\", which cannot be read; use ALL or LATEST");
    assert_eq!((count(&database, ArchiveMode::All), count(&database, ArchiveMode::Latest)), (1, 0));

    archive_whole(&archiver, &event(&[("cust-1", 2)])).await;
    assert_eq!(latest(&database), [newest("cust-1", 2)]);
}

#[tokio::test(start_paused = true)]
async fn the_table_spelled_as_the_tag_comes_first_then_the_one_with_the_right_keys() {
    for (tag, tables, used) in [
        ("all", &[("orders-archive-all", ArchiveMode::All), ("orders-archive-ALL", ArchiveMode::All)][..], "orders-archive-all"),
        ("ALL", &[("orders-archive-all", ArchiveMode::All), ("orders-archive-ALL", ArchiveMode::All)], "orders-archive-ALL"),
        ("ALL", &[("orders-archive-all", ArchiveMode::All)], "orders-archive-all"),
        (
            "LATEST",
            // The Node.js archiver wrote items of mode ALL into a table of this name.
            &[("orders-archive-LATEST", ArchiveMode::All), ("orders-archive-latest", ArchiveMode::Latest)],
            "orders-archive-latest",
        ),
    ] {
        let database = MemoryDatabase::with(tables);
        let archiver = archiver(&[tags(&[(MODE_TAG, tag)])], &database);
        archive_whole(&archiver, &event(&[("cust-1", 1)])).await;
        let state = database.state.lock().unwrap();
        assert_eq!(state.items.keys().collect::<Vec<_>>(), [used], "tag {tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_number_fails_the_batch_after_the_others_are_written() {
    let database = database(ArchiveMode::All);
    let archiver = archiver(&[tags(&[(MODE_TAG, "ALL")])], &database);
    let batch = event(&[("cust-1", 1), ("cust-1", 2)]).replace(r#""sequenceNumber":"1","#, "");

    let message = error(&archiver, &batch).await.to_string();

    assert!(message.starts_with("record without a sequence number cannot be read: "), "{message}");
    assert_eq!(count(&database, ArchiveMode::All), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replay_into_its_own_stream_is_left_out_where_the_tag_says_so() {
    let envelope = r#"{"originalApproximateArrivalTimestamp":"1.5","originalShardId":"s","originalSequenceNumber":"1"}"#;
    let replay = base64_simd::STANDARD.encode_to_string(format!("\u{1e}{envelope}\u{1e}paid"));
    let batch = event(&[("cust-1", 1), ("cust-2", 2)]).replace(&data(2), &replay);
    for mode in [ArchiveMode::All, ArchiveMode::Latest] {
        for (value, archived) in [("keep", 2), ("skip", 1)] {
            let database = database(mode);
            let archiver = archiver(&[tags(&[(MODE_TAG, mode.as_str()), (REPLAYS_TAG, value)])], &database);
            archive_whole(&archiver, &batch).await;
            assert_eq!(count(&database, mode), archived, "mode {mode}, {value}");
        }
    }
}

thread_local! {
    static REPORTS: std::cell::RefCell<Vec<BatchReport>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn note(report: &BatchReport) {
    REPORTS.with_borrow_mut(|reports| reports.push(report.clone()));
}

#[tokio::test(start_paused = true)]
async fn what_became_of_a_batch_is_reported_in_numbers() {
    let database = database(ArchiveMode::Latest);
    let settings = tags(&[(COMPRESSION_TAG, "gzip")]);
    let archiver = archiver(&[settings], &database).reporting_to(note);
    let aggregate =
        crate::format::aggregate::aggregate(&[("cust-3", None, b"a"), ("cust-4", None, b"b"), ("cust-3", None, &[b'c'; 900])]);
    let batch = event(&[("cust-1", 1), ("cust-1", 2), ("cust-2", 3), ("x", 4), ("cust-9", 5), ("cust-9", 6)])
        .replace(&data(4), &base64_simd::STANDARD.encode_to_string(aggregate))
        .replace(&data(3), "not base64");
    database.state.lock().unwrap().refused.insert("6".to_owned());

    assert_eq!(failed_numbers(&archiver, &batch).await, ["3", "5", "6"]);
    archive_whole(&archiver, &event(&[("cust-1", 1)])).await;

    let reports = REPORTS.take();
    let expected = BatchReport {
        stream: StreamName::parse("orders").unwrap(),
        table: Some("orders-archive-LATEST".to_owned()),
        records: 6,
        user_records: 8,
        archived: 3,
        superseded: 2,
        skipped: 0,
        compressed: 1,
        split: 0,
        failed: 3,
        oversize: 0,
        reason: Some("record 3 cannot be read: data is not base64".to_owned()),
        milliseconds: reports[0].milliseconds,
        write_units: reports[0].write_units,
        newest_record_age: reports[0].newest_record_age,
    };
    assert_eq!(reports[0], expected);
    assert!(reports[0].newest_record_age > Some(1_000_000_000) && reports[0].write_units >= 3.0);
    assert_eq!((reports[1].archived, reports[1].superseded, reports[1].failed), (0, 1, 0));
}
