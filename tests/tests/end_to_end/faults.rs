//! Faults between the function and AWS, one by one, with the real binary behind a proxy. In all cases: what can be archived is
//! archived, the rest is reported by number, the newest record of a key wins, and errors name the stream, the table, the cause and
//! the remedy.

/// Two tests of each scenario, one for each mode. With threads, so that a busy emulator in this process does not delay an answer.
macro_rules! in_both_modes {
    ($($scenario:ident),+ $(,)?) => {
        mod mode_all {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(archiver::format::settings::ArchiveMode::All).await;
            })+
        }
        mod mode_latest {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $scenario() {
                super::$scenario(archiver::format::settings::ArchiveMode::Latest).await;
            })+
        }
    };
}

mod clock;
mod containers;
mod crash;
mod deadline;
mod delivery;
mod outage;
mod parts;
mod proxy;
mod random;
mod refused;
mod settings;
mod throttling;

use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::ArchiveMode;
use end_to_end::archive::Archive;
use end_to_end::bootstrap::Bootstrap;
use end_to_end::endpoints::Endpoints;
use end_to_end::event::{ReadRecord, event_of};
use end_to_end::fault_proxy::{Call, Fault, FaultProxy, Kind};
use end_to_end::function::{FunctionError, TIME_LIMIT, Way};
use end_to_end::stream::{Keys, TestStream, text};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::time::Duration;

/// A stream and its archive, and the proxies between them and the function; the tests themselves bypass the proxies.
struct Scene {
    endpoints: Endpoints,
    kinesis: FaultProxy,
    dynamodb: FaultProxy,
    stream: TestStream,
    mode: ArchiveMode,
}

/// What an event source mapping learns: the numbers to deliver again, or that the whole batch failed.
type Delivered = Result<BTreeSet<String>, FunctionError>;

impl Scene {
    /// A stream that is archived in this mode.
    async fn of(mode: ArchiveMode) -> Self {
        let scene = Self::without_table(mode).await;
        scene.create_table().await;
        scene
    }

    /// A stream that will be archived in this mode.
    async fn without_table(mode: ArchiveMode) -> Self {
        let endpoints = Endpoints::start().await;
        let kinesis = FaultProxy::start(&endpoints.kinesis_url).await;
        let dynamodb = FaultProxy::start(&endpoints.dynamodb_url).await;
        let stream = TestStream::create(&endpoints, 1).await;
        stream.tag(&[("StreamArchiveMode", mode.as_str())]).await;
        Self { endpoints, kinesis, dynamodb, stream, mode }
    }

    /// A stream that is archived in this mode, including large records.
    async fn with_parts(mode: ArchiveMode) -> Self {
        let scene = Self::of(mode).await;
        scene.stream.create_parts_table().await;
        scene
    }

    async fn create_table(&self) {
        let keys = if self.mode == ArchiveMode::All { Keys::OfModeAll } else { Keys::OfModeLatest };
        self.stream.create_table(self.mode.as_str(), keys).await;
    }

    async fn delete_table(&self) {
        self.stream.delete_table(self.mode.as_str()).await;
    }

    fn table(&self) -> String {
        self.stream.table(self.mode.as_str())
    }

    fn parts_table(&self) -> String {
        self.stream.table("parts")
    }

    /// A new process with empty caches.
    async fn function(&self) -> Bootstrap {
        let Way::Binary(binary) = crate::binary() else { unreachable!("the binary is asked for") };
        Bootstrap::start(&Endpoints::at(self.kinesis.url.clone(), self.dynamodb.url.clone()), &binary).await
    }

    /// From now on, writes to the archive's table fail like this.
    fn writes(&self, fault: impl Fn(&Call) -> Fault + Send + Sync + 'static) {
        let table = self.table();
        self.dynamodb.follow(move |call| if call.is_write_to(&table) { fault(call) } else { Fault::Pass });
    }

    /// From now on, writes to the parts table fail like this.
    fn writes_of_parts(&self, fault: impl Fn(&Call) -> Fault + Send + Sync + 'static) {
        let table = self.parts_table();
        self.dynamodb.follow(move |call| if call.is_write_to(&table) { fault(call) } else { Fault::Pass });
    }

    async fn deliver(&self, function: &Bootstrap, records: &[ReadRecord]) -> Delivered {
        self.deliver_within(function, records, TIME_LIMIT).await
    }

    async fn deliver_within(&self, function: &Bootstrap, records: &[ReadRecord], time_limit: Duration) -> Delivered {
        numbers_in(&function.invoke_within(&event_of(&self.stream, records), time_limit).await?)
    }

    /// Delivers a batch that must be archived completely.
    async fn archive(&self, function: &Bootstrap, records: &[ReadRecord]) {
        let failed = self.deliver(function, records).await.expect("the batch does not fail as a whole");
        assert!(failed.is_empty(), "{} not archived: {:#?}", failed.len(), function.log());
    }

    /// Delivers a batch that must fail as a whole.
    async fn error(&self, function: &Bootstrap, records: &[ReadRecord]) -> FunctionError {
        match self.deliver(function, records).await {
            Ok(failed) => panic!("no error, but {} reported one by one", failed.len()),
            Err(error) => error,
        }
    }

    /// The archive holds exactly these records, in mode LATEST the newest of each key.
    async fn assert_complete(&self, records: &[ReadRecord]) {
        let expected: BTreeMap<_, _> = match self.mode {
            ArchiveMode::All => records.iter().map(|record| (key_of(record), record.data())).collect(),
            ArchiveMode::Latest => newest_of_each_key(records).values().map(|record| (key_of(record), record.data())).collect(),
        };
        let found = self.archived().await;
        let missing: Vec<_> = expected.keys().filter(|key| !found.contains_key(key)).collect();
        let foreign: Vec<_> = found.keys().filter(|key| !expected.contains_key(key)).collect();
        assert!(missing.is_empty() && foreign.is_empty(), "missing: {missing:?}, there instead: {foreign:?}");
        assert!(found == expected, "an item holds another record's data");
    }

    /// The same for records in parts, which must all be there; returns parts without an item.
    async fn assert_restored(&self, records: &[ReadRecord]) -> BTreeSet<(String, usize)> {
        let archive = Archive::of(&self.stream, self.mode.as_str()).await;
        let expected: BTreeMap<_, _> = match self.mode {
            ArchiveMode::All => records.iter().map(|record| (key_of(record), &record.payload)).collect(),
            ArchiveMode::Latest => newest_of_each_key(records).values().map(|record| (key_of(record), &record.payload)).collect(),
        };
        assert_eq!(archive.records.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        let is_expected = archive.records.iter().all(|(key, record)| &record.payload == expected[key]);
        assert!(is_expected, "an item holds another record's payload");
        archive.orphans
    }

    /// Every record that is not reported is in the archive, in mode LATEST it or a newer one of its key. The archive and the report
    /// contain only delivered records.
    async fn assert_nothing_lost(&self, delivered: &[ReadRecord], reported: &BTreeSet<String>) {
        let records: BTreeMap<_, _> = delivered.iter().map(|record| (key_of(record), record.data())).collect();
        let found = self.archived().await;
        assert!(found.iter().all(|(key, data)| records.get(key) == Some(data)), "what is archived was never delivered");
        let numbers: BTreeSet<&str> = delivered.iter().map(|record| record.sequence_number.as_str()).collect();
        assert!(reported.iter().all(|number| numbers.contains(number.as_str())), "reported, but never delivered");
        let newest: HashMap<&str, SequenceNumber> = found.keys().map(|(key, number)| (key.as_str(), number_of(number))).collect();
        for record in delivered.iter().filter(|record| !reported.contains(&record.sequence_number)) {
            let is_there = match self.mode {
                ArchiveMode::All => found.contains_key(&key_of(record)),
                ArchiveMode::Latest => {
                    newest.get(record.partition_key.as_str()).is_some_and(|newest| *newest >= number_of(&record.sequence_number))
                }
            };
            assert!(is_there, "neither archived nor reported: {} of {}", record.sequence_number, record.partition_key);
        }
    }

    /// Data by key and number.
    async fn archived(&self) -> BTreeMap<(String, String), String> {
        let items = self.stream.items_by_number(self.mode.as_str()).await;
        items.into_iter().map(|(key, item)| (key, text(&item, "recordData").to_owned())).collect()
    }
}

/// Orders from this many customers, in order, with sequence numbers as long as Kinesis'.
fn orders(numbers: Range<usize>, customers: usize) -> Vec<ReadRecord> {
    let order = |number: usize| ReadRecord {
        shard_id: "shardId-000000000000".to_owned(),
        partition_key: format!("cust-{}", number % customers),
        sequence_number: format!("4959033827149025660855969253836157109592{number:016}"),
        payload: format!(r#"{{"order":{number}}}"#).into_bytes(),
        arrival: 1_545_084_650.987,
    };
    numbers.map(order).collect()
}

fn numbers_of(records: &[ReadRecord]) -> BTreeSet<String> {
    records.iter().map(|record| record.sequence_number.clone()).collect()
}

fn number_of(digits: &str) -> SequenceNumber {
    SequenceNumber::parse(digits).unwrap()
}

fn key_of(record: &ReadRecord) -> (String, String) {
    (record.partition_key.clone(), record.sequence_number.clone())
}

fn newest_of_each_key(records: &[ReadRecord]) -> HashMap<&str, &ReadRecord> {
    let mut newest: HashMap<&str, &ReadRecord> = HashMap::new();
    for record in records {
        let known = newest.entry(record.partition_key.as_str()).or_insert(record);
        if number_of(&known.sequence_number) < number_of(&record.sequence_number) {
            *known = record;
        }
    }
    newest
}

/// The numbers in an answer in Lambda's form.
fn numbers_in(answer: &serde_json::Value) -> Delivered {
    let failures = answer["batchItemFailures"].as_array().expect("an answer has batchItemFailures");
    Ok(failures.iter().map(|failure| failure["itemIdentifier"].as_str().expect("an itemIdentifier").to_owned()).collect())
}

/// Reads of tags fail like this.
fn reads_of_tags(fault: impl Fn(&Call) -> Fault + Send + Sync + 'static) -> impl Fn(&Call) -> Fault + Send + Sync + 'static {
    move |call| if call.kind == Kind::Tags { fault(call) } else { Fault::Pass }
}

/// Descriptions of tables fail like this.
fn descriptions(fault: impl Fn(&Call) -> Fault + Send + Sync + 'static) -> impl Fn(&Call) -> Fault + Send + Sync + 'static {
    move |call| if matches!(call.kind, Kind::Describe(_)) { fault(call) } else { Fault::Pass }
}

/// An error contains all of these and the service's own words, and then says what to do.
fn assert_says(error: &FunctionError, names: &[&str], cause: &str, remedy: &str) {
    for name in names {
        assert!(error.message.contains(name), "{name} is not named: {error:#?}");
    }
    let Some((_, rest)) = error.message.rsplit_once(cause) else { panic!("{cause} is not named: {error:#?}") };
    assert!(rest.contains(remedy), "{remedy} is not named as the remedy: {error:#?}");
}
