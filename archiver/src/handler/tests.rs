//! The handler over a store and tags in memory, which fail on purpose.

use super::*;
use crate::aws_failure::AwsFailure;
use crate::item::Stamp;
use crate::settings::{MODE_TAG, TTL_TAG};
use crate::store::{NewestOutcome, WriteError};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Mutex;

const ORDERS: &str = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders";
const TIME: Duration = Duration::from_secs(10);

type Tags = Result<Vec<(String, String)>, AwsFailure>;

/// Answers to tag reads, the last of them again and again.
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

fn failure(kind: FailureKind) -> AwsFailure {
    AwsFailure { kind, message: "on purpose".to_owned() }
}

/// Tables in memory. A write fails while a failure is left for its sequence number.
#[derive(Debug, Default)]
struct MemoryStore {
    tables: BTreeMap<String, TableKeys>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    all: BTreeMap<(String, String), String>,
    latest: BTreeMap<String, (SequenceNumber, String)>,
    written_to: Vec<String>,
    stamps: Vec<Stamp>,
    failures: HashMap<String, Vec<WriteError>>,
}

impl State {
    fn next_failure(&mut self, record: &ArchivedRecord) -> Option<FailedWrite> {
        let reason = self.failures.get_mut(record.sequence_number.as_str())?.pop()?;
        Some(FailedWrite { sequence_number: record.sequence_number.clone(), reason })
    }
}

impl RecordStore for &MemoryStore {
    async fn table_keys(&self, table: &str) -> Result<Option<TableKeys>, AwsFailure> {
        Ok(self.tables.get(table).cloned())
    }

    async fn put_all(&self, table: &str, records: Vec<ArchivedRecord>, stamp: Stamp, _deadline: Deadline) -> Vec<FailedWrite> {
        let mut state = self.state.lock().unwrap();
        state.written_to.push(table.to_owned());
        state.stamps.push(stamp);
        let keys: HashSet<_> = records.iter().map(|record| (&record.partition_key, &record.sequence_number)).collect();
        assert_eq!(keys.len(), records.len(), "DynamoDB refuses a batch that names a key twice");
        let mut failed = Vec::new();
        for record in records {
            if let Some(failure) = state.next_failure(&record) {
                failed.push(failure);
                continue;
            }
            state.all.insert((record.partition_key.into_string(), record.sequence_number.to_string()), record.data);
        }
        failed
    }

    async fn put_newest(&self, table: &str, records: Vec<ArchivedRecord>, stamp: Stamp, _deadline: Deadline) -> NewestOutcome {
        let mut state = self.state.lock().unwrap();
        state.written_to.push(table.to_owned());
        state.stamps.push(stamp);
        let keys: HashSet<_> = records.iter().map(|record| &record.partition_key).collect();
        assert_eq!(keys.len(), records.len(), "two writes of one batch race for a key");
        let mut outcome = NewestOutcome::default();
        for record in records {
            if let Some(failure) = state.next_failure(&record) {
                outcome.failed.push(failure);
                continue;
            }
            match state.latest.get(record.partition_key.as_str()) {
                Some((stored, _)) if *stored >= record.sequence_number => outcome.superseded += 1,
                _ => {
                    state.latest.insert(record.partition_key.into_string(), (record.sequence_number, record.data));
                }
            }
        }
        outcome
    }
}

fn store(tables: &[(&str, ArchiveMode)]) -> MemoryStore {
    let tables = tables.iter().map(|(name, mode)| ((*name).to_owned(), TableKeys::of_mode(*mode))).collect();
    MemoryStore { tables, state: Mutex::default() }
}

fn archiver<'s>(answers: &[Tags], store: &'s MemoryStore) -> Archiver<ScriptedTags, &'s MemoryStore> {
    Archiver::new(ScriptedTags(Mutex::new(answers.to_vec())), store, DEFAULT_REFRESH)
}

/// An event of records, each a partition key and a sequence number, which is its payload too.
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
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(number.to_string())
}

async fn failed_numbers<S: RecordStore>(archiver: &Archiver<ScriptedTags, S>, event: &str) -> Vec<String> {
    let answer = archiver.handle(event, Deadline::after(TIME)).await.unwrap();
    answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

async fn error<S: RecordStore>(archiver: &Archiver<ScriptedTags, S>, event: &str) -> ArchiveError {
    archiver.handle(event, Deadline::after(TIME)).await.unwrap_err()
}

fn is_latest(store: &MemoryStore, partition_key: &str, number: u128) -> bool {
    store.state.lock().unwrap().latest.get(partition_key).is_some_and(|(_, stored)| *stored == data(number))
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_is_reported_alone_and_the_rest_is_written() {
    let store = store(&[("orders-archive-ALL", ArchiveMode::All)]);
    let archiver = archiver(&[tags(&[(MODE_TAG, "ALL")])], &store);
    let refused = WriteError::Aws(failure(FailureKind::Refused));
    let late = WriteError::Deadline(crate::backoff::DeadlinePassed);
    store.state.lock().unwrap().failures.extend([("2".to_owned(), vec![refused]), ("4".to_owned(), vec![late])]);

    let batch = event(&[("cust-1", 1), ("cust-1", 2), ("cust-2", 3), ("cust-1", 4), ("cust-2", 5)]);
    assert_eq!(failed_numbers(&archiver, &batch).await, ["2", "4"]);
    assert_eq!(store.state.lock().unwrap().all.len(), 3);

    // Lambda delivers again from the lowest number on.
    assert_eq!(failed_numbers(&archiver, &batch).await, Vec::<String>::new());
    assert_eq!(store.state.lock().unwrap().all.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_older_records_of_a_key_come_again_with_its_newest_one_that_failed() {
    let store = store(&[("orders-archive-LATEST", ArchiveMode::Latest)]);
    let archiver = archiver(&[tags(&[])], &store);
    let throttled = WriteError::Aws(failure(FailureKind::Throttled));
    store.state.lock().unwrap().failures.insert("12".to_owned(), vec![throttled]);

    let batch = event(&[("cust-1", 12), ("cust-1", 9), ("cust-2", 10), ("cust-2", 7)]);
    assert_eq!(failed_numbers(&archiver, &batch).await, ["9", "12"]);
    assert!(is_latest(&store, "cust-2", 10));

    assert_eq!(failed_numbers(&archiver, &event(&[("cust-1", 12)])).await, Vec::<String>::new());
    assert_eq!(failed_numbers(&archiver, &event(&[("cust-1", 9), ("cust-1", 100), ("cust-1", 99)])).await, Vec::<String>::new());
    assert!(is_latest(&store, "cust-1", 100));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_refuses_writes_fails_the_batch_with_the_permission_that_is_missing() {
    let store = store(&[("orders-archive-ALL", ArchiveMode::All)]);
    let archiver = archiver(&[tags(&[(MODE_TAG, "ALL")])], &store);
    let denied = WriteError::Aws(failure(FailureKind::AccessDenied));
    store.state.lock().unwrap().failures.insert("1".to_owned(), vec![denied]);

    let message = error(&archiver, &event(&[("cust-1", 1)])).await.to_string();

    assert_eq!(
        message,
        "cannot write to table orders-archive-ALL for stream orders: on purpose; the function's role needs \
         dynamodb:BatchWriteItem and dynamodb:PutItem"
    );
}

#[tokio::test(start_paused = true)]
async fn the_first_read_of_the_tags_must_succeed_and_later_ones_may_fail() {
    let store = store(&[("orders-archive-ALL", ArchiveMode::All)]);
    let answers = [
        Err(failure(FailureKind::AccessDenied)),
        tags(&[(MODE_TAG, "ALL"), (TTL_TAG, "expireSeconds=60")]),
        Err(failure(FailureKind::Throttled)),
        tags(&[(MODE_TAG, "ALL")]),
    ];
    let archiver = archiver(&answers, &store);

    let message = error(&archiver, &event(&[("cust-1", 1)])).await.to_string();
    assert_eq!(message, "cannot read the tags of stream orders: on purpose; the function's role needs kinesis:ListTagsForStream");
    assert!(store.state.lock().unwrap().stamps.is_empty());

    for number in 1..=3 {
        assert_eq!(failed_numbers(&archiver, &event(&[("cust-1", number)])).await, Vec::<String>::new());
        tokio::time::advance(DEFAULT_REFRESH).await;
    }
    let ttls: Vec<Option<u64>> =
        store.state.lock().unwrap().stamps.iter().map(|stamp| stamp.ttl.map(crate::settings::Ttl::seconds)).collect();
    assert_eq!(ttls, [Some(60), Some(60), None]);
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_became_unreadable_stops_the_writes_until_it_is_mended() {
    let store = store(&[("orders-archive-ALL", ArchiveMode::All), ("orders-archive-LATEST", ArchiveMode::Latest)]);
    let answers = [tags(&[(MODE_TAG, "ALL")]), tags(&[(MODE_TAG, "EVERYTHING")]), tags(&[(MODE_TAG, "LATEST")])];
    let archiver = archiver(&answers, &store);

    assert_eq!(failed_numbers(&archiver, &event(&[("cust-1", 1)])).await, Vec::<String>::new());
    tokio::time::advance(DEFAULT_REFRESH).await;
    let message = error(&archiver, &event(&[("cust-1", 2)])).await.to_string();
    assert_eq!(message, "stream orders has the tag StreamArchiveMode = \"EVERYTHING\", which cannot be read; use ALL or LATEST");
    assert_eq!(store.state.lock().unwrap().written_to, ["orders-archive-ALL"]);

    assert_eq!(failed_numbers(&archiver, &event(&[("cust-1", 2)])).await, Vec::<String>::new());
    assert!(is_latest(&store, "cust-1", 2));
}

#[tokio::test(start_paused = true)]
async fn the_table_spelled_as_the_tag_comes_first_then_the_one_with_the_right_keys() {
    for (tag, tables, used) in [
        ("all", &[("orders-archive-all", ArchiveMode::All), ("orders-archive-ALL", ArchiveMode::All)][..], "orders-archive-all"),
        ("ALL", &[("orders-archive-all", ArchiveMode::All), ("orders-archive-ALL", ArchiveMode::All)], "orders-archive-ALL"),
        ("ALL", &[("orders-archive-all", ArchiveMode::All)], "orders-archive-all"),
        (
            "LATEST",
            // Node wrote rows of mode ALL into a table of this name.
            &[("orders-archive-LATEST", ArchiveMode::All), ("orders-archive-latest", ArchiveMode::Latest)],
            "orders-archive-latest",
        ),
    ] {
        let store = store(tables);
        let archiver = archiver(&[tags(&[(MODE_TAG, tag)])], &store);
        assert_eq!(failed_numbers(&archiver, &event(&[("cust-1", 1)])).await, Vec::<String>::new());
        assert_eq!(store.state.lock().unwrap().written_to, [used], "tag {tag}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_number_fails_the_batch_after_the_others_are_written() {
    let store = store(&[("orders-archive-ALL", ArchiveMode::All)]);
    let archiver = archiver(&[tags(&[(MODE_TAG, "ALL")])], &store);
    let batch = event(&[("cust-1", 1), ("cust-1", 2)]).replace(r#""sequenceNumber":"1","#, "");

    let message = error(&archiver, &batch).await.to_string();

    assert!(message.starts_with("record without a sequence number cannot be read: "), "{message}");
    assert_eq!(store.state.lock().unwrap().all.len(), 1);
}

/// Records of a few keys in any order, some of them more than once, cut into batches; and the writes that fail.
fn deliveries() -> impl Strategy<Value = (Vec<Vec<u128>>, HashMap<String, usize>)> {
    let numbers = proptest::collection::vec(1..200_u128, 1..60);
    let failures = proptest::collection::hash_map((1..200_u128).prop_map(|number| number.to_string()), 1..4_usize, 0..30);
    (numbers, 1..12_usize, failures)
        .prop_map(|(numbers, size, failures)| (numbers.chunks(size).map(<[u128]>::to_vec).collect(), failures))
}

fn key_of(number: u128) -> String {
    format!("cust-{}", number % 5)
}

/// Delivers each batch as Lambda does, until nothing of it fails, and then the first batches once more.
async fn deliver(mode: ArchiveMode, batches: &[Vec<u128>], failures: &HashMap<String, usize>) -> State {
    let table = archive_table(mode);
    let store = store(&[(table.as_str(), mode)]);
    let archiver = archiver(&[tags(&[(MODE_TAG, mode.as_str())])], &store);
    let reason = WriteError::Aws(failure(FailureKind::Throttled));
    store.state.lock().unwrap().failures =
        failures.iter().map(|(number, times)| (number.clone(), vec![reason.clone(); *times])).collect();
    for batch in batches.iter().chain(batches.iter().take(2)) {
        let mut rest = batch.clone();
        while !rest.is_empty() {
            let keys: Vec<String> = rest.iter().copied().map(key_of).collect();
            let records: Vec<(&str, u128)> = keys.iter().map(String::as_str).zip(rest.iter().copied()).collect();
            let failed = failed_numbers(&archiver, &event(&records)).await;
            // Lambda delivers again what has the lowest failed number or a higher one.
            match failed.iter().map(|number| number.parse::<u128>().unwrap()).min() {
                Some(lowest) => rest.retain(|number| *number >= lowest),
                None => rest.clear(),
            }
        }
    }
    store.state.into_inner().unwrap()
}

fn archive_table(mode: ArchiveMode) -> String {
    format!("orders-archive-{mode}")
}

proptest! {
    #[test]
    fn what_is_delivered_until_nothing_fails_is_archived(
        (batches, failures) in deliveries(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let delivered: HashSet<u128> = batches.iter().flatten().copied().collect();

        let all = runtime.block_on(deliver(ArchiveMode::All, &batches, &failures)).all;
        let expected: BTreeMap<(String, String), String> =
            delivered.iter().map(|number| ((key_of(*number), number.to_string()), data(*number))).collect();
        prop_assert_eq!(all, expected);

        let latest = runtime.block_on(deliver(ArchiveMode::Latest, &batches, &failures)).latest;
        let mut newest: BTreeMap<String, u128> = BTreeMap::new();
        for number in &delivered {
            newest.entry(key_of(*number)).and_modify(|known| *known = (*known).max(*number)).or_insert(*number);
        }
        let found: BTreeMap<String, String> = latest.into_iter().map(|(key, (_, data))| (key, data)).collect();
        let expected: BTreeMap<String, String> = newest.into_iter().map(|(key, number)| (key, data(number))).collect();
        prop_assert_eq!(found, expected);
    }
}
