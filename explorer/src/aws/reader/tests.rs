//! Reads archives of the emulator, completely and with stops at any moment.

#![allow(clippy::unwrap_used, clippy::panic)]

mod faults;

use super::*;
use crate::domain::filter::RecordFilter;
use crate::domain::reading::{ReadProgress, Source};
use crate::domain::record::{Record, RecordId};
use crate::domain::time::TimeContext;
use crate::local::emulators::Emulators;
use archiver::format::item::{Attributes, Item, Stamp};
use archiver::format::payload::{Data, Packer};
use archiver::format::record::{ArchivedRecord, ArrivalTime};
use archiver::format::sequence::SequenceNumber;
use archiver::format::settings::{ArchiveMode, Compression};
use archiver::format::stream::StreamName;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, PutRequest, ScalarAttributeType, WriteRequest,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::time::Duration;

const TABLE: &str = "orders-archive-ALL";
/// More than any reading needs on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
const FIRST_SECOND: i64 = 1_545_084_650;

struct Archive {
    connection: Connection,
    _emulators: Emulators,
}

/// The result of a reading.
struct Gathered {
    records: Vec<Record>,
    progress: ReadProgress,
    ending: ReadEnding,
}

impl Archive {
    async fn empty() -> Self {
        let emulators = Emulators::in_memory().await.unwrap();
        let connection = emulators.endpoints.connect();
        make_table(&connection, TABLE, ["partitionKey", "sequenceNumber"], ScalarAttributeType::S).await;
        Self { connection, _emulators: emulators }
    }

    /// Orders with these numbers, from seventeen customers in turn.
    async fn with_orders(numbers: std::ops::Range<u32>) -> Self {
        let archive = Self::empty().await;
        archive.write(TABLE, numbers.map(|number| order(number, &payload(number), Compression::None))).await;
        archive
    }

    async fn write(&self, table: &str, items: impl Iterator<Item = Attributes>) {
        let put = |item| WriteRequest::builder().put_request(PutRequest::builder().set_item(Some(item)).build().unwrap()).build();
        let puts: Vec<WriteRequest> = items.map(put).collect();
        for batch in puts.chunks(25) {
            self.connection.dynamodb.batch_write_item().request_items(table, batch.to_vec()).send().await.unwrap();
        }
    }

    async fn read(&self, order: &ReadOrder) -> Gathered {
        read_until(&self.connection, order, |_| false).await
    }
}

async fn make_table(connection: &Connection, table: &str, keys: [&str; 2], range: ScalarAttributeType) {
    let mut request = connection.dynamodb.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, (kind, scalar)) in keys.into_iter().zip([(KeyType::Hash, ScalarAttributeType::S), (KeyType::Range, range)]) {
        let definition = AttributeDefinition::builder().attribute_name(name).attribute_type(scalar).build().unwrap();
        let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
        request = request.attribute_definitions(definition).key_schema(key);
    }
    request.send().await.unwrap();
}

fn payload(number: u32) -> String {
    format!(r#"{{"order":{number},"note":"{}"}}"#, "x".repeat(300))
}

fn order(number: u32, payload: &str, compression: Compression) -> Attributes {
    let text = STANDARD.encode(payload);
    let record = ArchivedRecord {
        partition_key: format!("cust-{:02}", number % 17).into(),
        sequence_number: SequenceNumber::parse((1_000_000 + number).to_string()).unwrap(),
        sub_sequence_number: None,
        data: Data::Text(text.as_str().into()),
        arrival: ArrivalTime::parse(&(FIRST_SECOND + i64::from(number)).to_string()).unwrap(),
        shard_id: "shardId-000000000006".into(),
    };
    Item::of(record, &mut Packer::default(), compression).to_attributes(&Stamp::new(Timestamp::UNIX_EPOCH, None))
}

fn filter(line: &str) -> RecordFilter {
    RecordFilter::parse(line, &TimeContext { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC }).unwrap()
}

fn all_of(filter: RecordFilter) -> ReadOrder {
    let stream = StreamName::parse("orders").unwrap();
    let source = ArchiveSource { stream, table: TABLE.to_owned(), mode: ArchiveMode::All, about_bytes: 0 };
    ReadOrder {
        source: Source::Archive(source),
        filter,
        recipe: Default::default(),
        includes_unreadable: false,
        from: Position::Beginning,
    }
}

async fn read_archive(
    connection: &Connection,
    order: &ReadOrder,
    batches: mpsc::Sender<ReadBatch>,
    stop: watch::Receiver<bool>,
) -> ReadEnding {
    let Source::Archive(source) = &order.source else { panic!("it is a file") };
    read(connection, source, order, batches, stop).await
}

/// Reads, and stops when the records so far satisfy the condition.
async fn read_until(connection: &Connection, order: &ReadOrder, stops: impl Fn(&[Record]) -> bool) -> Gathered {
    let (batches, mut taken) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let reading = tokio::spawn({
        let (connection, order) = (connection.clone(), order.clone());
        async move { read_archive(&connection, &order, batches, stopped).await }
    });
    let mut gathered = Gathered { records: Vec::new(), progress: ReadProgress::default(), ending: ReadEnding::Complete };
    let gather = async {
        while let Some(batch) = taken.recv().await {
            assert!(batch.progress.read >= gathered.progress.read, "progress goes back");
            gathered.records.extend(batch.records);
            gathered.progress = batch.progress;
            assert_eq!(gathered.progress.matched, gathered.records.len() as u64);
            if stops(&gathered.records) {
                stop.send_replace(true);
            }
        }
        gathered.ending = reading.await.unwrap();
    };
    tokio::time::timeout(PATIENCE, gather).await.unwrap();
    gathered
}

fn numbers(records: &[Record]) -> Vec<u32> {
    let number = |record: &Record| record.id.sequence_number.parse::<u32>().unwrap() - 1_000_000;
    records.iter().map(number).collect()
}

fn sorted(mut numbers: Vec<u32>) -> Vec<u32> {
    numbers.sort_unstable();
    numbers
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_table_is_read_and_nothing_twice() {
    let archive = Archive::with_orders(0..3_000).await;
    let gathered = archive.read(&all_of(RecordFilter::default())).await;
    assert_eq!(gathered.ending, ReadEnding::Complete);
    assert_eq!(sorted(numbers(&gathered.records)), (0..3_000).collect::<Vec<_>>());
    let progress = gathered.progress;
    assert_eq!((progress.read, progress.segments, progress.segments_done), (3_000, 8, 8));
    assert_eq!(progress.matched_bytes, (0..3_000).map(|number| payload(number).len() as u64).sum::<u64>());
    assert!(progress.units > 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_keys_records_come_newest_first_and_only_they_are_read() {
    let archive = Archive::with_orders(0..17_000).await;
    let key = filter("key:cust-03");
    let gathered = archive.read(&all_of(key)).await;
    assert_eq!(gathered.ending, ReadEnding::Complete);
    let expected: Vec<u32> = (0..17_000).rev().filter(|number| number % 17 == 3).collect();
    assert_eq!(numbers(&gathered.records), expected);
    assert_eq!((gathered.progress.read, gathered.progress.segments_done), (1_000, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_times_is_left_to_dynamodb_and_progress_is_told_all_the_same() {
    let archive = Archive::with_orders(0..2_000).await;
    let at = |number: i64| Timestamp::from_second(FIRST_SECOND + number).unwrap();
    let range = filter(&format!("after:{} before:{}", at(500), at(510)));
    let gathered = archive.read(&all_of(range)).await;
    assert_eq!(sorted(numbers(&gathered.records)), (500..510).collect::<Vec<_>>());
    assert_eq!((gathered.progress.read, gathered.progress.segments_done), (2_000, 8));
    let gathered = archive.read(&all_of(filter(&format!("before:{}", at(0))))).await;
    assert_eq!((gathered.progress.read, gathered.records.len(), gathered.ending), (2_000, 0, ReadEnding::Complete));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stopped_at_any_moment_goes_on_without_a_gap_or_a_double() {
    let archive = Archive::with_orders(0..5_100).await;
    let of_key = filter("key:cust-03");
    for (filter, expected) in [
        (RecordFilter::default(), (0..5_100).collect::<Vec<u32>>()),
        (of_key, (0..5_100).filter(|number| number % 17 == 3).collect()),
    ] {
        for _ in 0..8 {
            let (mut order, mut records, mut runs) = (all_of(filter.clone()), Vec::new(), 0);
            loop {
                let patience = fastrand::usize(1..=expected.len());
                let gathered = read_until(&archive.connection, &order, |records| records.len() >= patience).await;
                records.extend(gathered.records);
                runs += 1;
                match gathered.ending {
                    ReadEnding::Complete => break,
                    ReadEnding::Stopped(position) => order.from = position,
                    ReadEnding::Failed(failure, _) => panic!("{failure}"),
                }
                assert!(runs < 5_000);
            }
            assert_eq!(sorted(numbers(&records)), expected, "after {runs} runs");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_is_answered_though_nobody_takes_what_was_read() {
    let archive = Archive::with_orders(0..3_000).await;
    let (batches, mut taken) = mpsc::channel(1);
    let (stop, stopped) = watch::channel(false);
    let order = all_of(RecordFilter::default());
    let (ending, ()) =
        tokio::join!(tokio::time::timeout(PATIENCE, read_archive(&archive.connection, &order, batches, stopped)), async {
            let patience = async {
                while taken.is_empty() {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(PATIENCE, patience).await.unwrap();
            drop(stop);
        });
    let ReadEnding::Stopped(position) = ending.unwrap() else { panic!("it was not stopped") };
    let first = taken.recv().await.unwrap();
    let rest = archive.read(&ReadOrder { from: position, ..order }).await;
    let all: BTreeSet<RecordId> = first.records.iter().chain(&rest.records).map(|record| record.id.clone()).collect();
    assert_eq!((all.len(), first.records.len() + rest.records.len()), (3_000, 3_000));
}

/// A record in two parts, as the archiver writes it; the second part is written only on request.
async fn write_in_parts(archive: &Archive, number: u32, payload: &str, is_whole: bool) {
    let mut item = order(number, "", Compression::None);
    item.insert("recordParts".to_owned(), AttributeValue::N("2".to_owned()));
    archive.write(TABLE, std::iter::once(item)).await;
    let text = STANDARD.encode(payload);
    let parts = [&text[..8], &text[8..]].into_iter().take(if is_whole { 2 } else { 1 }).zip(0..).map(|(text, place)| {
        let texts = [("partOf", (1_000_000 + number).to_string()), ("recordData", text.to_owned())];
        let texts = texts.into_iter().map(|(name, text)| (name.to_owned(), AttributeValue::S(text)));
        texts.chain([("part".to_owned(), AttributeValue::N(i32::to_string(&place)))]).collect()
    });
    archive.write("orders-archive-parts", parts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_is_found_however_its_record_is_stored_and_what_cannot_be_searched_is_counted() {
    let archive = Archive::with_orders(0..1_000).await;
    make_table(&archive.connection, "orders-archive-parts", ["partOf", "part"], ScalarAttributeType::N).await;
    let needle = format!("{} the needle", "hay ".repeat(100));
    archive
        .write(
            TABLE,
            [(1_000, Compression::None), (1_001, Compression::Gzip)]
                .map(|(number, compression)| order(number, &needle, compression))
                .into_iter(),
        )
        .await;
    for (number, payload, is_whole) in
        [(1_002, "one more needle", true), (1_003, "only hay in here", true), (1_004, "a lost needle", false)]
    {
        write_in_parts(&archive, number, payload, is_whole).await;
    }
    let damaged =
        [("recordData", AttributeValue::S("no base64".to_owned())), ("recordEncoding", AttributeValue::S("zstd".to_owned()))];
    archive
        .write(
            TABLE,
            damaged.into_iter().zip(1_005..).map(|((name, value), number)| {
                let mut item = order(number, "hay", Compression::None);
                item.insert(name.to_owned(), value);
                item
            }),
        )
        .await;
    let gathered = archive.read(&all_of(filter("text:needle"))).await;
    assert_eq!(sorted(numbers(&gathered.records)), [1_000, 1_001, 1_002]);
    assert_eq!((gathered.progress.read, gathered.progress.unsearchable), (1_007, 3));
    assert_eq!(gathered.ending, ReadEnding::Complete);
}

#[tokio::test]
async fn a_position_of_another_order_and_a_table_that_is_not_there_are_told() {
    let archive = Archive::empty().await;
    let by_key = ReadOrder { from: Position::Scan(vec![SegmentPosition::Done]), ..all_of(filter("key:cust-03")) };
    let ReadEnding::Failed(failure, position) = archive.read(&by_key).await.ending else { panic!("it did not fail") };
    assert_eq!(
        (failure.to_string().as_str(), &position),
        ("cannot read table orders-archive-ALL: the position is that of another order", &by_key.from)
    );
    archive.connection.dynamodb.delete_table().table_name(TABLE).send().await.unwrap();
    let ReadEnding::Failed(failure, position) = archive.read(&all_of(RecordFilter::default())).await.ending else {
        panic!("it did not fail")
    };
    assert!(failure.to_string().starts_with("cannot read table orders-archive-ALL: ResourceNotFoundException"), "{failure}");
    assert_eq!(position, Position::Scan(vec![SegmentPosition::NotBegun; 8]));
}

#[test]
fn a_larger_table_has_more_segments() {
    let stream = StreamName::parse("orders").unwrap();
    let of = |about_bytes| {
        segments_of(&ArchiveSource { stream: stream.clone(), table: TABLE.to_owned(), mode: ArchiveMode::All, about_bytes })
    };
    assert_eq!([0, 400 << 20, 1 << 40].map(of), [8, 25, 200]);
}
